//! Dry runs: a transaction is run in the next block, and thrown away with it.

use std::borrow::Cow;

use diem_bank::{self as bank, Account};
use diem_core::{Address, Block, BlockInfo, Events, Fatal, Time};
use diem_overlay::Overlay;
use diem_store::Snapshot;
use diem_types::{ChainError, Signed, TxResult};

use crate::{App, app::Below, block::Execution, hooks};

/// The outcome of a transaction that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// The block in which it was tried.
    pub block: BlockInfo,
    /// The result that the transaction would have.
    pub result: TxResult,
    /// The accounts whose balances it would change, by address.
    pub changes: Vec<Change>,
}

/// An account before and after the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The account whose balances would change.
    pub account: Address,
    /// Right before the transaction: what the block does by itself has happened.
    pub before: Account,
    /// The account right after the transaction.
    pub after: Account,
}

/// Why nothing can be tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DryRunError {
    /// The chain has not started.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A step that must not fail does, and would stop this node in the block itself.
    #[error("the next block cannot be made: {0}")]
    Block(#[from] Fatal),
}

impl App {
    /// Runs `tx` as the first transaction of the block that follows `snapshot`, after the steps with which that block
    /// begins. The block is of `time`, or a millisecond after the one before if that is later; of votes and evidence,
    /// which nobody knows yet, it has none, so that no validator is punished in it.
    ///
    /// Its signatures are not looked at; nothing is written, and nothing waits for it. Of what waits in the pool before
    /// it only the nonces count: what that will do nobody knows yet. Where it does not follow the nonce in `snapshot`
    /// the pool is asked, which waits for a commit under way.
    ///
    /// # Errors
    /// [`DryRunError`]. Everything that is wrong with the transaction is a result.
    pub fn simulate(&self, snapshot: &Snapshot, time: Time, tx: &Signed) -> Result<DryRun, DryRunError> {
        let chain = self.chain().filter(|_| snapshot.height() > 0).ok_or(ChainError::NotStarted)?;
        let earliest = Time(snapshot.time_ms().saturating_add(1));
        let block = BlockInfo { height: snapshot.height().saturating_add(1), time: time.max(earliest) };
        let mut begun = Overlay::new(snapshot);
        let next = Block { info: block, ..Block::default() };
        hooks::run(&self.hooks.begin, &mut begun, &mut Events::default(), &next)?;
        let below = Below { state: &begun, rows: snapshot.row_count() };
        let mut execution = Execution::after(below, &chain, &self.signatures, block);
        let result =
            execution.transaction(&self.in_turn(snapshot, tx)).unwrap_or_else(|error| TxResult::refused(error.into()));
        let after = execution.state();
        // Keys come in order, and with them accounts.
        let accounts = after.writes().iter().filter_map(|(key, _)| bank::state::account_of(key));
        let change = |account| Change {
            account,
            before: bank::account(&begun, &account),
            after: bank::account(after, &account),
        };
        Ok(DryRun { block, result, changes: accounts.map(change).filter(Change::is_one).collect() })
    }

    /// The transaction with the committed nonce, if it follows those of its sender that wait in the pool: as it will be
    /// once they are in blocks.
    fn in_turn<'a>(&self, snapshot: &Snapshot, tx: &'a Signed) -> Cow<'a, Signed> {
        let (sender, nonce) = (tx.tx.sender, tx.tx.nonce);
        let committed = bank::nonce(snapshot, &sender);
        // A transaction can be large, so it is copied only where something changes.
        if nonce == committed || nonce != self.next_nonce(&sender) {
            return Cow::Borrowed(tx);
        }
        let mut tx = tx.clone();
        tx.tx.nonce = committed;
        Cow::Owned(tx)
    }
}

impl Change {
    /// Whether a balance changes; a nonce alone is no change.
    fn is_one(&self) -> bool {
        (self.before.vvv, self.before.diem) != (self.after.vvv, self.after.diem)
    }
}
