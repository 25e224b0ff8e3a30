//! What waits above the last commit: nonces and fees, so that several transactions of one sender can follow each
//! other before any is in a block.
//!
//! Gossip may reorder and does not send again, so nonces up to [`AHEAD`] beyond the next one are remembered; when the
//! gap closes, all of them count. A commit clears everything, and the engine's rechecks rebuild it in their order.

use std::collections::BTreeMap;

use diem_bank as bank;
use diem_core::{Address, Amount, Denom, StateRead};
use diem_types::{ChainError, Signed};

/// How far ahead of the next nonce a transaction may wait.
const AHEAD: u64 = 16;

/// Pending nonces and fees.
#[derive(Default)]
pub(crate) struct Mempool {
    senders: BTreeMap<Address, Nonces>,
    fees: BTreeMap<Address, Amount>,
}

/// A sender's pending nonces: all below `next`, and those in `ahead`, whose bit i stands for `next + 1 + i`.
#[derive(Debug, Clone, Copy)]
struct Nonces {
    next: u64,
    ahead: u16,
}

impl Mempool {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Counts the transaction as pending, or says why it cannot wait.
    pub(crate) fn admit(&mut self, state: &dyn StateRead, tx: &Signed, fee: Amount) -> Result<(), ChainError> {
        let committed = bank::nonce(state, &tx.tx.sender);
        let pending = self.senders.get(&tx.tx.sender).copied().unwrap_or(Nonces { next: committed, ahead: 0 });
        let nonces = pending.with(tx.tx.nonce, committed)?;
        let payer = tx.payer();
        let balance = bank::balance(state, &payer, Denom::Vvv);
        let promised = self.fees.get(&payer).copied().unwrap_or_default();
        let total = promised.checked_add(fee).unwrap_or(Amount::MAX);
        if total > balance {
            return Err(ChainError::FeeFunds { payer, fee, available: balance.saturating_sub(promised) });
        }
        self.senders.insert(tx.tx.sender, nonces);
        self.fees.insert(payer, total);
        Ok(())
    }
}

impl Nonces {
    fn with(self, nonce: u64, committed: u64) -> Result<Self, ChainError> {
        if nonce < committed {
            return Err(ChainError::NonceTooLow { got: nonce, next: self.next });
        }
        let Some(distance) = nonce.checked_sub(self.next) else {
            return Err(ChainError::NonceTaken(nonce));
        };
        if distance > AHEAD {
            return Err(ChainError::NonceTooHigh { got: nonce, next: self.next });
        }
        match distance.checked_sub(1) {
            None => Ok(self.advance()),
            Some(bit) if self.ahead >> bit & 1 == 1 => Err(ChainError::NonceTaken(nonce)),
            Some(bit) => Ok(Self { ahead: self.ahead | 1 << bit, ..self }),
        }
    }

    /// The next nonce has come, and with it those behind it that wait without a gap.
    fn advance(mut self) -> Self {
        loop {
            let follows = self.ahead & 1 == 1;
            self.ahead >>= 1;
            self.next = self.next.saturating_add(1);
            if !follows {
                return self;
            }
        }
    }
}
