//! What a transaction would do: run on the last committed state and thrown away.

use diem_bank::{self as bank, Account};
use diem_core::{Address, BlockInfo, Time};
use diem_store::Snapshot;
use diem_types::{ChainError, Signed};

use crate::{App, TxResult, block::Execution};

/// What a transaction would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// What would become of it.
    pub result: TxResult,
    /// The accounts whose balances it would change, by address.
    pub changes: Vec<Change>,
}

/// An account before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub account: Address,
    /// Before.
    pub before: Account,
    /// After.
    pub after: Account,
}

impl App {
    /// Runs `tx` as the first transaction of a block right after `snapshot` with the same time and without a block's
    /// own steps. Its signatures are not looked at; nothing is written, and nothing waits for it. Of what waits in the
    /// pool before it only the nonces count: what that will do nobody knows yet.
    ///
    /// # Errors
    /// The chain has not started. Everything that is wrong with the transaction is a result.
    pub fn simulate(&self, snapshot: &Snapshot, tx: &Signed) -> Result<DryRun, ChainError> {
        let chain = self.chain().filter(|_| snapshot.height() > 0).ok_or(ChainError::NotStarted)?;
        let block = BlockInfo { height: snapshot.height().saturating_add(1), time: Time(snapshot.time_ms()) };
        let mut execution = Execution::after(snapshot, &chain, &self.signatures, block);
        let result =
            execution.transaction(&self.in_turn(snapshot, tx)).unwrap_or_else(|error| TxResult::refused(error.into()));
        let after = execution.state();
        // Keys come in order, and with them accounts.
        let accounts = after.writes().iter().filter_map(|(key, _)| bank::state::account_of(key));
        let change = |account| Change {
            account,
            before: bank::account(snapshot, &account),
            after: bank::account(after, &account),
        };
        Ok(DryRun { result, changes: accounts.map(change).filter(Change::is_one).collect() })
    }

    /// The transaction as if those of its sender that wait in the pool were in blocks already, if it follows them.
    fn in_turn(&self, snapshot: &Snapshot, tx: &Signed) -> Signed {
        let mut tx = tx.clone();
        if tx.tx.nonce == self.next_nonce(&tx.tx.sender) {
            tx.tx.nonce = bank::nonce(snapshot, &tx.tx.sender);
        }
        tx
    }
}

impl Change {
    /// Whether a balance changes; a nonce alone is no change.
    fn is_one(&self) -> bool {
        (self.before.vvv, self.before.diem) != (self.after.vvv, self.after.diem)
    }
}
