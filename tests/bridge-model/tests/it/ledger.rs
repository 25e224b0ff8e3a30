//! The model's own books of both sides. It knows what people and validators did, what the contract reported and what the
//! chain paid; it reads no row of the bridge's module. From this alone it says what the escrow must hold at any moment.

use std::collections::{BTreeMap, BTreeSet};

use diem_bridge::Batch;
use diem_core::Address;

use crate::flow::Flow;

/// A rule of the bridge that does not hold, with the numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) text: String,
}

pub(crate) type Checked = Result<(), Violation>;

/// Why a step is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// One of the sides refused it, with this error, and nothing has changed.
    Refused(&'static str),
    /// It was done and breaks a rule.
    Broken(Violation),
}

pub(crate) type Done = Result<(), Stop>;

impl From<&'static str> for Stop {
    fn from(error: &'static str) -> Self {
        Self::Refused(error)
    }
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Broken(violation)
    }
}

/// The violation of a rule, unless it holds.
pub(crate) fn must(holds: bool, rule: &'static str, text: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation { rule, text: text() }) }
}

/// A transfer to Base.
#[derive(Debug, Clone)]
pub(crate) struct Out {
    pub(crate) sender: Address,
    pub(crate) amount: u128,
    pub(crate) fee: u128,
    pub(crate) place: Place,
}

/// The place of a transfer to Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Waits,
    /// Its sender took it back.
    Cancelled,
    /// It is in a batch, whose end is the transfer's.
    Sealed,
}

impl Out {
    pub(crate) const fn total(&self) -> u128 {
        self.amount + self.fee
    }
}

/// The end of a batch. It has one or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Base executed it and reported that with this event.
    Executed(u64),
    /// Its senders got everything back.
    Refunded,
}

/// A batch that was sealed.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pub(crate) batch: Batch,
    pub(crate) struct_hash: [u8; 32],
    /// The transfers in it, in its order.
    pub(crate) transfers: Vec<u64>,
    pub(crate) total: u128,
    pub(crate) end: Option<End>,
}

/// A burn on Base.
#[derive(Debug, Clone)]
pub(crate) struct Burned {
    pub(crate) recipient: Address,
    pub(crate) amount: u128,
    pub(crate) is_paid: bool,
}

/// Whoever an item in the queue of Base belongs to, once it is cancelled there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The sender of a transfer.
    Sender(Address),
    /// The treasury: it was a fee.
    Treasury,
    /// Nobody: validators minted it out of nothing.
    Nobody,
}

/// An item that waits, or waited, in the queue of Base.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) amount: u128,
    pub(crate) owner: Owner,
    /// The second from which anybody may release it.
    pub(crate) ready_at: u64,
    /// The end of the guardian's freeze.
    pub(crate) frozen_until: u64,
    pub(crate) state: ItemState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ItemState {
    Waits,
    Released,
    /// The event that cancelled it, and whether its owner was paid.
    Cancelled {
        event: u64,
        is_paid: bool,
    },
}

/// Sums over all events of Base so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    pub(crate) minted: u128,
    pub(crate) fees: u128,
    pub(crate) released: u128,
    pub(crate) burned: u128,
    pub(crate) queued: u128,
    /// What was executed that the chain never issued: minted and queued.
    pub(crate) forged: u128,
    /// What of it was cancelled in the queue.
    pub(crate) unforged: u128,
}

impl Sums {
    pub(crate) const fn supply(&self) -> u128 {
        self.minted + self.fees + self.released - self.burned
    }
}

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) transfers: BTreeMap<u64, Out>,
    /// The batches that were sealed; the first has the nonce 1.
    pub(crate) batches: Vec<Sealed>,
    /// The burns by the nonces of their events.
    pub(crate) burns: BTreeMap<u64, Burned>,
    pub(crate) items: BTreeMap<u64, Item>,
    /// The sums after so many events.
    pub(crate) sums: Vec<Sums>,
    /// The hashes of actions that the chain issued.
    pub(crate) actions: BTreeSet<[u8; 32]>,
    /// The hashes of sets that the chain issued, and when each was made, in seconds.
    pub(crate) sets: BTreeMap<[u8; 32], u64>,
    /// When the set that is stored on Base was made.
    pub(crate) stored_since: u64,
    /// The end of the pause on Base.
    pub(crate) paused_until: u64,
    /// The events of what was never issued, with its hash.
    pub(crate) breaches: BTreeMap<u64, [u8; 32]>,
    /// What people paid in for what was forged.
    pub(crate) covered: u128,
    /// What the treasury gets because the escrow lacked less than was thought, paid or not.
    pub(crate) surplus: u128,
    /// What the treasury got.
    pub(crate) treasury: u128,
    /// What each account of this chain has.
    pub(crate) accounts: BTreeMap<Address, u128>,
    /// What was minted from the bucket on Base and burned into it, in seconds.
    pub(crate) mints: Flow,
    /// What was sealed and what came back, in milliseconds.
    pub(crate) outs: Flow,
    /// The burns that were paid and what was minted, in milliseconds.
    pub(crate) credits: Flow,
}

impl Ledger {
    pub(crate) fn new(accounts: BTreeMap<Address, u128>) -> Self {
        Self { sums: vec![Sums::default()], accounts, ..Self::default() }
    }

    pub(crate) fn sealed(&mut self, nonce: u64) -> Option<&mut Sealed> {
        self.batches.get_mut(usize::try_from(nonce.checked_sub(1)?).ok()?)
    }

    /// The sums after this event.
    pub(crate) fn sums_at(&self, event: u64) -> Sums {
        self.sums[usize::try_from(event).unwrap()]
    }

    /// The sums at Base's head.
    pub(crate) fn head(&self) -> Sums {
        *self.sums.last().unwrap()
    }

    /// An account of this chain gets an amount.
    pub(crate) fn give(&mut self, account: &Address, amount: u128) {
        *self.accounts.entry(*account).or_default() += amount;
    }

    /// An account of this chain gives an amount.
    pub(crate) fn take(&mut self, account: &Address, amount: u128) {
        *self.accounts.entry(*account).or_default() -= amount;
    }

    /// Books a batch that the chain has sealed.
    pub(crate) fn seal(&mut self, batch: Batch, transfers: Vec<u64>) -> Checked {
        let total = transfers.iter().map(|id| self.transfers[id].total()).sum();
        let in_batch = batch.transfers.iter().map(|transfer| transfer.amount.get()).sum::<u128>() + batch.fee.get();
        must(in_batch == total, "a batch is what its transfers are", || format!("{in_batch} of {total}"))?;
        must(batch.nonce == self.batches.len() as u64 + 1, "batches have no gaps", || {
            format!("batch {}", batch.nonce)
        })?;
        for id in &transfers {
            let out = self.transfers.get_mut(id).unwrap();
            must(out.place == Place::Waits, "a transfer goes once", || format!("transfer {id}: {:?}", out.place))?;
            out.place = Place::Sealed;
        }
        self.batches.push(Sealed { struct_hash: batch.struct_hash(), batch, transfers, total, end: None });
        Ok(())
    }

    /// What escrow and treasury must hold together, in adiem, by everything that anybody did on both sides until now: a
    /// DIEM of an honest batch is on one side of Base's execution or on the other, one that validators made out of nothing
    /// on none.
    pub(crate) fn escrow_and_treasury(&self) -> u128 {
        let head = self.head();
        let waiting = self.transfers.values().filter(|out| out.place == Place::Waits);
        let waiting: u128 = waiting.map(Out::total).sum();
        let open: u128 = self.batches.iter().filter(|sealed| sealed.end.is_none()).map(|sealed| sealed.total).sum();
        let burned: u128 = self.burns.values().filter(|burn| !burn.is_paid).map(|burn| burn.amount).sum();
        // What goes to the treasury stays in the sum of both.
        let is_there = |item: &&Item| match (item.state, item.owner) {
            (ItemState::Cancelled { is_paid, .. }, Owner::Sender(_)) => !is_paid,
            (ItemState::Cancelled { .. }, Owner::Treasury | Owner::Nobody) => true,
            _ => false,
        };
        let cancelled: u128 = self.items.values().filter(is_there).map(|item| item.amount).sum();
        waiting + open + head.supply() + head.queued + burned + cancelled + self.covered - head.forged
    }
}
