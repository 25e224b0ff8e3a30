//! What the pool relies on: no account loses more VVV than the fees that it pays and what its calls say that they take.

use std::collections::BTreeMap;

use diem_core::{Address, Denom};
use diem_types::Signed;
use diem_types::TxResult;

use super::{
    machine::{Violation, broken},
    snapshot::Snapshot,
};

/// The senders and payers of a block's transactions, and what the calls say, in avvv.
pub(crate) struct Spends(Vec<(Address, Address, u128)>);

impl Spends {
    pub(crate) fn of(txs: &[Signed]) -> Self {
        let said =
            |tx: &Signed| tx.tx.calls.iter().map(|call| call.message().spends().get()).fold(0, u128::saturating_add);
        Self(txs.iter().map(|tx| (tx.tx.sender, tx.payer(), said(tx))).collect())
    }

    /// Compares every account before and after the block with these results.
    pub(crate) fn check(&self, results: &[TxResult], before: &Snapshot, after: &Snapshot) -> Result<(), Violation> {
        let mut said: BTreeMap<Address, u128> = BTreeMap::new();
        for ((sender, payer, spends), result) in self.0.iter().zip(results) {
            for (account, part) in [(sender, *spends), (payer, result.fee.get())] {
                let sum = said.entry(*account).or_default();
                *sum = sum.saturating_add(part);
            }
        }
        for (account, row) in &before.app.bank.accounts {
            let lost = row.vvv.get().saturating_sub(after.balance(account, Denom::Vvv));
            let said = said.get(account).copied().unwrap_or_default();
            if lost > said {
                let text = format!("{account} lost {lost} avvv, but its fees and calls take {said} at most");
                return Err(broken("no call takes more than it says", text));
            }
        }
        Ok(())
    }
}
