//! One block: begin hooks, transactions in order, end hooks. Prepare, Process and Finalize all run this.

use bytes::Bytes;
use diem_bank as bank;
use diem_bridge::{self as bridge, BridgeVotes};
use diem_core::{Amount, Block, BlockInfo, CallError, Events, Fatal, StateRead, TxContext, Verifier, chain::Identity};
use diem_overlay::{Overlay, WriteSet};
use diem_staking::ValidatorUpdate;
use diem_types::{ChainError, ChainParams, GasParams, Signed, TxResult};

use crate::{
    ante::{self, Cost},
    app::Below,
    chain,
    hooks::{self, Failure, Hooks},
    modules,
    signatures::{Decoded, Signatures},
    votes,
};

/// The outcome of a finalized block, as consensus needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finalized {
    /// The results of the transactions, one for each, in order.
    pub results: Vec<TxResult>,
    /// The state root after the block.
    pub root: [u8; 32],
    /// The changes of the validators, sorted by key.
    pub validator_updates: Vec<ValidatorUpdate>,
    /// The events of the hooks, as borsh.
    pub events: Vec<u8>,
    /// The names of the hooks that failed and run again in the next block, for this node's metrics.
    pub failed_hooks: Vec<&'static str>,
}

/// A block that was executed and not written.
pub(crate) struct Executed {
    pub(crate) results: Vec<TxResult>,
    pub(crate) writes: WriteSet,
    pub(crate) validator_updates: Vec<ValidatorUpdate>,
    pub(crate) events: Vec<u8>,
    pub(crate) gas_used: u64,
    /// Steps that run again in the next block.
    pub(crate) failed: Vec<Failure>,
}

/// The transactions of a block, decoded and judged as far as the state before the block decides.
pub(crate) struct DecodedBlock {
    /// The statements of validators, where they stand first.
    pub(crate) votes: Option<Result<BridgeVotes, bridge::Error>>,
    /// All others, each at its place after them.
    pub(crate) txs: Vec<Decoded>,
}

/// Decodes and verifies all transactions of a block in parallel, and what others signed inside them.
pub(crate) fn decode_block(before: &dyn StateRead, txs: &[Bytes], signatures: &Signatures) -> DecodedBlock {
    let (first, rest) = match txs {
        [first, rest @ ..] if votes::is_votes(first) => (Some(first), rest),
        all => (None, all),
    };
    let votes = first.map(|bytes| votes::check(before, signatures, bytes));
    let txs = signatures.decode_all(rest);
    signatures.learn_statements(txs.iter().flatten().map(|tx| &**tx));
    DecodedBlock { votes, txs }
}

/// Runs transactions one after the other on the state of a block.
pub(crate) struct Execution<'a> {
    chain: &'a Identity,
    gas: GasParams,
    params: ChainParams,
    /// The number of rows that the state has after the hooks and transactions so far.
    rows: u64,
    verifier: &'a dyn Verifier,
    block: BlockInfo,
    state: Overlay<'a>,
    events: Events,
    fees: Amount,
    gas_used: u64,
    failed: Vec<Failure>,
}

impl<'a> Execution<'a> {
    /// Runs the begin hooks on top of `base`.
    pub(crate) fn begin(
        base: Below<'a>,
        chain: &'a Identity,
        verifier: &'a dyn Verifier,
        block: &Block,
        hooks: &Hooks,
    ) -> Result<Self, Fatal> {
        let mut begun = Self::after(base, chain, verifier, block.info);
        begun.failed = hooks::run(&hooks.begin, &mut begun.state, &mut begun.events, block)?;
        (begun.gas, begun.params) = (chain::gas(&begun.state), chain::params(&begun.state));
        begun.rows = begun.rows.saturating_add_signed(begun.state.writes().growth(base.state));
        Ok(begun)
    }

    /// Continues on a state that the begin hooks left already: for trying out a transaction.
    pub(crate) fn after(base: Below<'a>, chain: &'a Identity, verifier: &'a dyn Verifier, block: BlockInfo) -> Self {
        let state = Overlay::new(base.state);
        let (gas, params, rows) = (chain::gas(&state), chain::params(&state), base.rows);
        let (events, fees, failed) = (Events::default(), Amount::ZERO, Vec::new());
        Self { chain, gas, params, rows, verifier, block, state, events, fees, gas_used: 0, failed }
    }

    /// The state as the transactions so far left it.
    pub(crate) const fn state(&self) -> &Overlay<'a> {
        &self.state
    }

    /// Books the statements of validators, before any other transaction. It pays nothing and takes no gas; the rows that
    /// it makes are the chain's own.
    pub(crate) fn votes(&mut self, votes: &BridgeVotes) -> TxResult {
        let mut events = Events::default();
        let writes = {
            let mut overlay = Overlay::new(&self.state);
            bridge::booking::apply_votes(&mut overlay, &mut events, self.verifier, self.block, votes);
            overlay.into_writes()
        };
        self.rows = self.rows.saturating_add_signed(writes.growth(&self.state));
        self.state.apply(writes);
        TxResult { events: events.into_bytes(), ..TxResult::default() }
    }

    /// Admits a transaction and runs its calls. Their failure is a result; an invalid transaction is an error and
    /// changes nothing.
    pub(crate) fn transaction(&mut self, tx: &Signed) -> Result<TxResult, ChainError> {
        let cost = self.admit(tx)?;
        Ok(self.calls(tx, cost))
    }

    /// Takes fee, nonce and gas of a transaction; its calls have to follow before another is admitted.
    pub(crate) fn admit(&mut self, tx: &Signed) -> Result<Cost, ChainError> {
        let left = self.gas.block_limit.saturating_sub(self.gas_used);
        let wanted = self.gas.gas(tx);
        if wanted > left {
            return Err(ChainError::BlockGas { gas: wanted, limit: left });
        }
        let cost = ante::admit(&mut self.state, tx, self.chain, &self.gas, self.block)?;
        self.gas_used = self.gas_used.saturating_add(cost.gas);
        // All VVV fits 128 bits, and fees are VVV taken from accounts.
        self.fees = self.fees.checked_add(cost.fee).unwrap_or(Amount::MAX);
        Ok(cost)
    }

    /// Runs the calls of a transaction that was admitted.
    pub(crate) fn calls(&mut self, tx: &Signed, cost: Cost) -> TxResult {
        let mut events = Events::default();
        let (outcome, writes) = {
            let mut overlay = Overlay::new(&self.state);
            let mut ctx = TxContext {
                state: &mut overlay,
                events: &mut events,
                block: self.block,
                sender: tx.tx.sender,
                key: tx.auth.kind(),
                verifier: self.verifier,
            };
            let outcome = tx.tx.calls.iter().try_for_each(|call| modules::execute(&mut ctx, call));
            let writes = overlay.into_writes();
            (outcome.and_then(|()| self.rows_after(tx, &writes)), writes)
        };
        let mut result = match outcome {
            Ok(rows) => {
                self.rows = rows;
                self.state.apply(writes);
                TxResult { events: events.into_bytes(), ..TxResult::default() }
            }
            Err(error) => TxResult::refused(error),
        };
        (result.gas_wanted, result.gas_used, result.fee) = (cost.gas, cost.gas, cost.fee);
        result
    }

    /// The number of rows after these writes of a transaction. What makes rows is refused where there is no room for
    /// them, unless the transaction only takes out what its sender has.
    fn rows_after(&self, tx: &Signed, writes: &WriteSet) -> Result<u64, CallError> {
        let growth = writes.growth(&self.state);
        let after = self.rows.saturating_add_signed(growth);
        if growth > 0 && !tx.tx.calls.iter().all(|call| call.message().is_exit()) {
            self.params.check_room(self.rows, after)?;
        }
        Ok(after)
    }

    /// Books the fees, runs the end hooks, asks for the validators and returns what is to be written.
    pub(crate) fn end(mut self, results: Vec<TxResult>, block: &Block, hooks: &Hooks) -> Result<Executed, Fatal> {
        bank::collect_fees(&mut self.state, self.fees)
            .map_err(|error| Fatal(format!("block {}: the fees cannot be booked: {error}", block.info.height)))?;
        self.failed.extend(hooks::run(&hooks.end, &mut self.state, &mut self.events, block)?);
        let validator_updates = modules::validator_updates(&mut self.state)
            .map_err(|error| Fatal(format!("block {}: the validators: {error}", block.info.height)))?;
        Ok(Executed {
            results,
            validator_updates,
            writes: self.state.into_writes(),
            events: self.events.into_bytes(),
            gas_used: self.gas_used,
            failed: self.failed,
        })
    }
}

/// Executes a whole block: one result for each transaction, whatever its bytes.
pub(crate) fn execute(
    base: Below<'_>,
    chain: &Identity,
    verifier: &dyn Verifier,
    block: &Block,
    decoded: &DecodedBlock,
    hooks: &Hooks,
) -> Result<Executed, Fatal> {
    let mut execution = Execution::begin(base, chain, verifier, block, hooks)?;
    let votes = decoded.votes.as_ref().map(|votes| match votes {
        Ok(votes) => execution.votes(votes),
        Err(error) => TxResult::refused(error.clone().into()),
    });
    let mut result_of = |tx: &Decoded| match tx {
        Ok(tx) => execution.transaction(tx).unwrap_or_else(|error| TxResult::refused(error.into())),
        Err(error) => TxResult::refused(error.clone().into()),
    };
    let results = votes.into_iter().chain(decoded.txs.iter().map(&mut result_of)).collect();
    execution.end(results, block, hooks)
}
