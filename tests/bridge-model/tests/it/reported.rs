//! What the contract on Base reports, in the model's own books.

use diem_bridge::{BaseEvent, VetoOf};

use crate::{
    ledger::{Burned, Checked, End, Item, ItemState, Ledger, Owner, Sealed, Sums, Violation, must},
    model::Shape,
};

/// A day of Base's clock, in seconds.
const DAY: u64 = 86_400;

/// The moment of an event: the second, and the capacity of the mint bucket in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: u64,
    pub(crate) capacity: u128,
}

impl Ledger {
    /// Books the next event of Base.
    pub(crate) fn report(&mut self, event: &BaseEvent, shape: Shape, moment: Moment) -> Checked {
        let mut sums = self.head();
        let nonce = self.sums.len() as u64;
        match *event {
            BaseEvent::Burn { recipient, amount, .. } => {
                sums.burned += amount.get();
                self.mints.drain(moment.now, amount.get());
                self.burns.insert(nonce, Burned { recipient, amount: amount.get(), is_paid: false });
            }
            BaseEvent::BatchExecuted { batch_nonce, struct_hash, minted, fee, queued, .. } => {
                self.check_minting(shape, moment)?;
                let (minted, fee, queued) = (minted.get(), fee.get(), queued.get());
                self.mints.fill(moment.now, minted + fee, moment.capacity, DAY)?;
                sums =
                    Sums { minted: sums.minted + minted, fees: sums.fees + fee, queued: sums.queued + queued, ..sums };
                sums.forged += self.execute(nonce, batch_nonce, &struct_hash, minted + fee + queued)?;
            }
            BaseEvent::Queued { queue_id, batch_nonce, index, amount, ready_at } => {
                let owner = self.owner(nonce, batch_nonce, index);
                let state = ItemState::Waits;
                let item = Item { amount: amount.get(), owner, ready_at, frozen_until: 0, state };
                self.items.insert(queue_id, item);
            }
            BaseEvent::Released { queue_id, .. } => {
                self.check_minting(shape, moment)?;
                let amount = self.leave(queue_id, ItemState::Released)?.amount;
                let item = &self.items[&queue_id];
                let is_ready = moment.now >= item.ready_at.max(item.frozen_until);
                must(is_ready, "what waits for a day waits", || format!("{item:?} at {}", moment.now))?;
                sums.released += amount;
                sums.queued -= amount;
            }
            BaseEvent::Cancelled { queue_id, .. } => {
                let item = self.leave(queue_id, ItemState::Cancelled { event: nonce, is_paid: false })?;
                sums.queued -= item.amount;
                sums.unforged += if item.owner == Owner::Nobody { item.amount } else { 0 };
            }
            BaseEvent::Veto { what: VetoOf::Item, id, until } => {
                let item = self.items.get_mut(&id).unwrap();
                item.frozen_until = until;
                item.ready_at = if until == 0 { moment.now } else { item.ready_at };
            }
            BaseEvent::StatusChanged { paused_until, .. } => self.paused_until = paused_until,
            BaseEvent::AdminExecuted { struct_hash, .. } if !self.actions.contains(&struct_hash) => {
                self.breaches.insert(nonce, struct_hash);
            }
            BaseEvent::SetInstalled { set_hash, .. } => match self.sets.get(&set_hash) {
                Some(made) => self.stored_since = *made,
                None => drop(self.breaches.insert(nonce, set_hash)),
            },
            BaseEvent::SetProposed { set_hash, .. } if !self.sets.contains_key(&set_hash) => {
                self.breaches.insert(nonce, set_hash);
            }
            _ => {}
        }
        self.sums.push(sums);
        Ok(())
    }

    /// A paused bridge mints nothing, and one whose set is stale neither.
    fn check_minting(&self, shape: Shape, moment: Moment) -> Checked {
        let (now, until, since) = (moment.now, self.paused_until, self.stored_since);
        must(now >= until, "a paused bridge mints nothing", || format!("paused until {until}, at {now}"))?;
        let dies = since + shape.max_set_age;
        must(now <= dies, "a stale set mints nothing", || format!("dead since {dies}, at {now}"))
    }

    /// Books that Base executed a batch. Returns what of it the chain never issued.
    fn execute(&mut self, event: u64, nonce: u64, struct_hash: &[u8; 32], total: u128) -> Result<u128, Violation> {
        let Some(sealed) = self.sealed(nonce).filter(|sealed| sealed.struct_hash == *struct_hash) else {
            self.breaches.insert(event, *struct_hash);
            return Ok(total);
        };
        must(sealed.end.is_none(), "a batch acts once", || format!("{nonce}: {:?}", sealed.end))?;
        must(sealed.total == total, "Base executes all of a batch", || format!("{nonce}: {total}"))?;
        sealed.end = Some(End::Executed(event));
        Ok(0)
    }

    /// Books that an item left the queue of Base.
    fn leave(&mut self, queue_id: u64, to: ItemState) -> Result<&Item, Violation> {
        let item = self.items.get_mut(&queue_id).unwrap();
        must(item.state == ItemState::Waits, "an item acts once", || format!("{queue_id}: {:?}", item.state))?;
        item.state = to;
        Ok(item)
    }

    /// The owner of an item of a batch whose execution was among the events right before this one.
    fn owner(&mut self, event: u64, batch: u64, index: u16) -> Owner {
        let executed = |sealed: &&mut Sealed| matches!(sealed.end, Some(End::Executed(nonce)) if nonce < event);
        let Some(sealed) = self.sealed(batch).filter(executed) else { return Owner::Nobody };
        match sealed.transfers.get(usize::from(index)).copied() {
            Some(id) => Owner::Sender(self.transfers[&id].sender),
            None => Owner::Treasury,
        }
    }
}
