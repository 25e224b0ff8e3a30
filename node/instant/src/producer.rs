//! The producer of blocks: one thread makes one after the other, and owns pool, clock, headers and the orders of a
//! developer.

mod commands;
mod orders;
mod rows;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_bridge::due;
use diem_core::{
    Block, BlockInfo, Fatal, Time,
    chain::Identity,
    context::{Misbehaviour, MisbehaviourKind, Vote},
};
use diem_engine::{
    Commits,
    engine::{Incoming, SubmitError},
    origin::Origin,
};
use diem_host::clock::Clock;
use diem_index::node_block_key;
use diem_runtime::{App, ValidatorUpdate};
use diem_staking::consensus_address;
use diem_store::IndexOp;
use diem_types::GenesisDoc;
use diem_types::TxResult;
use ed25519_dalek::SigningKey;
use tendermint::{Hash, block::signed_header::SignedHeader};

use super::{
    header::{self, Draft, results_hash},
    pool::Pool,
    signers::{Keys, Members, Signers, unusual, updated, warn_of_strangers},
};
use orders::Orders;
use rows::{Head, Row};
pub(crate) use rows::{signed_header, validators};

/// The reason why the instant engine does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The chain is not for development.
    #[error(
        "the instant engine is for development and refuses chain `{0}`: use --engine comet, or a chain id with a part -dev"
    )]
    NotDevelopment(String),
    /// The keys of a validator of the genesis are elsewhere.
    #[error("the instant engine signs for every validator, but the key of validator {0} is not in this home")]
    NoKey(String),
    /// CometBFT made the blocks of this home so far.
    #[error(
        "this home holds a chain made by CometBFT: start it with --engine comet, or give the instant engine a home of its own"
    )]
    OtherEngine,
    /// The home holds another chain than its genesis.
    #[error(
        "this home holds a chain with genesis {held}, but its genesis.json has {given}: put the old file back, or start in a new home"
    )]
    OtherGenesis {
        /// The genesis hash in the store.
        held: String,
        /// The hash of the genesis file.
        given: String,
    },
    /// The application cannot start the chain.
    #[error("{0}")]
    Fatal(String),
}

impl From<Fatal> for OpenError {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal.0)
    }
}

/// A snapshot: a point that a revert returns to.
struct Saved {
    height: u64,
    offset_ms: u64,
    pool: Vec<Bytes>,
}

/// The values that the first block follows from; they are empty where the chain has a block already.
#[derive(Default)]
struct Start {
    time: Time,
    root: [u8; 32],
    members: Members,
}

impl Start {
    /// Hands the genesis to an application that has no chain yet. The keys of all its validators must be among `keys`.
    fn of(app: &App, genesis: &GenesisDoc, keys: &Keys) -> Result<Self, OpenError> {
        if let Some(stranger) = genesis.validators.iter().find(|v| !keys.contains_key(&v.public_key)) {
            return Err(OpenError::NoKey(hex::encode(stranger.public_key)));
        }
        let root = if app.info().height == 0 { app.init_chain(genesis)?.root } else { [0; 32] };
        let members = genesis.validators.iter().map(|v| (v.public_key, v.power)).collect();
        Ok(Self { time: genesis.genesis_time, root, members })
    }
}

/// The producer of blocks.
pub(crate) struct Producer {
    app: Arc<App>,
    commits: Arc<Commits>,
    clock: Clock,
    keys: Keys,
    chain: Arc<Identity>,
    /// Only the first block reads this.
    start: Start,
    head: Option<Head>,
    pool: Pool,
    orders: Orders,
    saved: BTreeMap<u64, Saved>,
    next_id: u64,
    /// The moment at which a batch was due and a block sealed none.
    fruitless: Option<Time>,
}

impl Producer {
    /// Continues the chain of the application, or starts the one of `genesis` and makes its first block. The keys of
    /// all validators of the genesis must be among `keys`.
    pub(crate) fn open(
        app: Arc<App>,
        commits: Arc<Commits>,
        origin: &Origin,
        keys: &[SigningKey],
        clock: Clock,
    ) -> Result<Self, OpenError> {
        if !diem_core::development::is_development(origin.chain_id()) {
            return Err(OpenError::NotDevelopment(origin.chain_id().into()));
        }
        let keys: Keys = keys.iter().map(|key| (key.verifying_key().to_bytes(), key.clone())).collect();
        let start = match origin {
            Origin::Genesis { doc, .. } => Start::of(&app, doc, &keys)?,
            Origin::Begun { .. } => Start::default(),
        };
        let height = app.info().height;
        let chain = app.chain().ok_or_else(|| OpenError::Fatal("the application does not know its chain".into()))?;
        if chain.genesis_hash != origin.hash() {
            let (held, given) = (hex::encode(chain.genesis_hash), hex::encode(origin.hash()));
            return Err(OpenError::OtherGenesis { held, given });
        }
        let head = if height == 0 { None } else { Some(Head::load(&app, height)?) };
        let orders = Orders::load(&app)?;
        let mut producer = Self {
            app,
            commits,
            clock,
            keys,
            chain,
            start,
            head,
            pool: Pool::default(),
            orders,
            saved: BTreeMap::new(),
            next_id: 1,
            fruitless: None,
        };
        if producer.head.is_none() {
            producer.make_block(true)?;
        }
        Ok(producer)
    }

    /// The validators of the next block, and those of the one after it.
    fn members(&self) -> [&Members; 2] {
        match &self.head {
            Some(Head { row: Row { members: [_, now, next], .. }, .. }) => [now, next],
            None => [&self.start.members; 2],
        }
    }

    /// The validators of the next block, with the keys that sign it.
    fn signers(&self) -> Result<Signers<'_>, Fatal> {
        let [now, _] = self.members();
        Signers::new(now, &self.keys)
    }

    /// The application, for tests.
    #[cfg(test)]
    pub(crate) const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The latest height.
    pub(crate) fn height(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.signed.header.height.value())
    }

    /// The number of transactions that wait in the pool.
    pub(crate) fn waiting(&self) -> usize {
        self.pool.len()
    }

    /// Whether anything waits for a block: transactions in the pool, or statements in the application.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting() > 0 || self.app.has_waiting_statements()
    }

    /// The time until a block can seal a batch of the bridge; `None` if none is due.
    pub(crate) fn batch_due_in(&self) -> Option<Duration> {
        let due = self.batch_due().filter(|due| Some(*due) != self.fruitless)?;
        Some(Duration::from_millis(due.millis().saturating_sub(self.next_time().millis())))
    }

    fn batch_due(&self) -> Option<Time> {
        due::due(&self.app.store().latest())
    }

    /// Makes the block that seals a batch which is due. One that sealed nothing is not repeated for the same batch.
    pub(crate) fn seal_batch(&mut self) -> Result<(), Fatal> {
        let due = self.batch_due();
        // Waits are measured by another clock than blocks: a block that comes a millisecond early seals nothing.
        if due.is_some_and(|due| self.next_time() < due) {
            return Ok(());
        }
        self.make_block(true)?;
        self.fruitless = due.filter(|_| self.batch_due() == due);
        Ok(())
    }

    /// Checks transactions and lets the good ones into the pool.
    pub(crate) fn submit(&mut self, txs: Vec<Incoming>) -> Vec<Result<(), SubmitError>> {
        let answers = txs.into_iter().map(|tx| self.admit(tx)).collect();
        self.commits.metrics().waiting(self.pool.len());
        answers
    }

    fn admit(&mut self, Incoming { bytes, tx }: Incoming) -> Result<(), SubmitError> {
        if self.pool.knows(&tx.hash) {
            return Err(SubmitError::Known);
        }
        if !self.pool.has_room(&bytes) {
            return Err(SubmitError::Full);
        }
        let result = self.app.check_tx(&bytes);
        self.commits.metrics().checked(&result);
        if result.code != 0 {
            let TxResult { codespace, code, log, .. } = result;
            return Err(SubmitError::Rejected { codespace, code, log });
        }
        self.pool.push(tx.hash, bytes);
        Ok(())
    }

    /// Makes the next block and returns the number of its transactions; `None` if it would have been empty and
    /// `allow_empty` is not set, or lies above the height at which this node halts.
    pub(crate) fn make_block(&mut self, allow_empty: bool) -> Result<Option<usize>, Fatal> {
        let block = self.next_block()?;
        if !self.commits.may_execute(block.info.height) {
            return Ok(None);
        }
        let max_bytes = self.app.consensus_params().block_max_bytes;
        let txs = self.app.prepare(&block, self.pool.all(), &[], max_bytes);
        if txs.is_empty() && !allow_empty {
            return Ok(None);
        }
        let tx_hashes: Vec<_> = txs.iter().map(|tx| diem_core::tx::tx_hash(tx)).collect();
        let signers = self.signers()?;
        let signed = header::sign(self.header(&block, &tx_hashes, &signers)?, &signers)?;
        let Hash::Sha256(hash) = signed.commit.block_id.hash else { return Err(unusual("a header without a hash")) };
        self.app
            .process(&block, hash, &txs)
            .map_err(|error| Fatal(format!("the application rejects the block that it proposed: {error}")))?;
        let start = Instant::now();
        let finalized = self.app.finalize(&block, hash, &txs)?;
        self.commits.executed(&block, &finalized, start.elapsed());
        let row = self.row_after(&block, &signed, &finalized.results, &finalized.validator_updates)?;
        self.write(&block, signed, row)?;
        self.recheck(&tx_hashes);
        Ok(Some(txs.len()))
    }

    fn write(&mut self, block: &Block, signed: SignedHeader, row: Row) -> Result<(), Fatal> {
        let start = Instant::now();
        let value = borsh::to_vec(&row).map_err(unusual)?;
        let mut rows = vec![IndexOp::Put { key: node_block_key(block.info.height), value }];
        let orders = self.orders.after_block();
        if orders != self.orders {
            rows.push(orders.put()?);
        }
        let committed = self.app.commit(rows)?;
        self.head = Some(Head { signed, row });
        self.orders = orders;
        self.commits.committed(&committed, start.elapsed());
        Ok(())
    }

    /// Removes from the pool the transactions that were committed or are no longer valid.
    fn recheck(&mut self, committed: &[[u8; 32]]) {
        let app = &self.app;
        self.pool.update(committed, |tx| app.check_tx(tx).code == 0);
        self.commits.metrics().waiting(self.pool.len());
    }

    /// Describes the next block, without its transactions.
    pub(crate) fn next_block(&self) -> Result<Block, Fatal> {
        let height = match &self.head {
            Some(head) => head.signed.header.height.value().checked_add(1).ok_or_else(|| unusual("no more heights"))?,
            None => self.chain.initial_height,
        };
        Ok(Block {
            info: BlockInfo { height, time: self.next_time() },
            proposer: self.signers()?.proposer(height)?,
            votes: self.votes(),
            misbehaviour: self.misbehaviour(),
        })
    }

    /// The time of the next block: that of the chain's clock, but always later than the block before. The first block
    /// has the time of genesis.
    pub(crate) fn next_time(&self) -> Time {
        let now = (self.clock)().saturating_add(self.orders.offset_ms);
        match self.last_time() {
            Some(last) => Time(now.max(last.millis().saturating_add(1))),
            None => self.start.time,
        }
    }

    fn last_time(&self) -> Option<Time> {
        self.head.as_ref().and_then(|_| self.app.store().meta()).map(|meta| Time(meta.time_ms))
    }

    /// The votes for the block before, strongest validator first, as CometBFT reports them. A validator whose key is
    /// elsewhere counts as absent.
    fn votes(&self) -> Vec<Vote> {
        let Some(Head { row: Row { members: [members, ..], .. }, .. }) = &self.head else { return Vec::new() };
        let (absent, blocks) = &self.orders.absent;
        let vote = |(key, power): (&[u8; 32], &u64)| {
            let validator = consensus_address(key);
            let signed = self.keys.contains_key(key) && (*blocks == 0 || !absent.contains(&validator));
            Vote { validator, power: *power, signed }
        };
        let mut votes: Vec<Vote> = members.iter().map(vote).collect();
        votes.sort_by_key(|vote| (std::cmp::Reverse(vote.power), vote.validator));
        votes
    }

    fn misbehaviour(&self) -> Vec<Misbehaviour> {
        let (height, time) = (self.height(), self.last_time().unwrap_or_default());
        let vote_of = |validator: &[u8; 20]| self.votes().into_iter().find(|vote| vote.validator == *validator);
        let found = self.orders.evidence.iter().filter_map(vote_of);
        let kind = MisbehaviourKind::DuplicateVote;
        found.map(|vote| Misbehaviour { kind, validator: vote.validator, power: vote.power, height, time }).collect()
    }

    fn header(
        &self,
        block: &Block,
        tx_hashes: &[[u8; 32]],
        signers: &Signers<'_>,
    ) -> Result<tendermint::block::Header, Fatal> {
        let last_results = match &self.head {
            Some(head) => Hash::Sha256(head.row.results_hash),
            None => results_hash(&[])?,
        };
        let [_, next_validators] = self.members();
        header::make(&Draft {
            signers,
            next_validators,
            chain_id: &self.chain.chain_id,
            app_version: self.chain.app_version,
            block_max_bytes: self.app.consensus_params().block_max_bytes,
            height: block.info.height,
            time: block.info.time,
            last: self.head.as_ref().map(|head| &head.signed),
            root: if self.head.is_some() { self.app.info().root } else { self.start.root },
            last_results,
            tx_hashes,
            misbehaviour: &block.misbehaviour,
        })
    }

    fn row_after(
        &self,
        block: &Block,
        signed: &SignedHeader,
        results: &[TxResult],
        updates: &[ValidatorUpdate],
    ) -> Result<Row, Fatal> {
        let Hash::Sha256(results_hash) = results_hash(results)? else { return Err(unusual("results without a hash")) };
        let [now, next] = self.members();
        let after = updated(next, updates)?;
        if after != *next {
            warn_of_strangers(block.info.height.saturating_add(2), next, &after, &self.keys);
        }
        tracing::debug!(height = block.info.height, validators = after.len(), "made in process");
        let signed_header = header::encode(signed.clone());
        Ok(Row { signed_header, results_hash, members: [now.clone(), next.clone(), after] })
    }
}
