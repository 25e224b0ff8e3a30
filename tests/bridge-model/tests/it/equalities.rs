//! The two equalities of a completed block of Base, from Base's storage and the model's own books.

use diem_bank::Pool;
use diem_bridge::{inbound, state};

use crate::{
    ledger::{Checked, End, Item, ItemState, Out, Owner, Place, Violation, must},
    model::{Model, Seen},
    relay::owners,
};

impl Model<'_> {
    /// A block of Base that is a checkpoint. What its storage says must be what follows from its events.
    pub(crate) fn look(&mut self) -> Result<Seen, Violation> {
        let checkpoint = self.base.checkpoint(self.params.checkpoint_blocks);
        let seen = Seen { checkpoint, queued: self.base.queued() };
        let (head, supply) = (self.ledger.head(), checkpoint.supply.get());
        must(supply == head.supply(), "the supply is what the events say", || format!("{supply}, and {head:?}"))?;
        must(seen.queued == head.queued, "the queue is what the events say", || format!("{seen:?}, and {head:?}"))?;
        let owned: u128 = owners().iter().map(|owner| self.base.balance(owner)).sum();
        must(owned == supply, "all nDIEM is somebody's", || format!("{owned} of {supply}"))?;
        self.seen.insert(checkpoint.number, seen);
        Ok(seen)
    }

    /// Both equalities, at the last block of Base that was completed.
    pub(crate) fn check_equalities(&mut self) -> Checked {
        let (Some(seen), false) = (self.heard.completed, self.heard.is_halted) else { return Ok(()) };
        let (events, supply) = (seen.checkpoint.event_nonce, seen.checkpoint.supply.get());
        let rows = &self.chain.world.state;
        let applied = self.heard.applied;
        if events != applied {
            let is_next = inbound::replay(rows).is_some();
            return must(is_next, "a completed block is applied", || format!("{events}, and {applied}"));
        }
        let booked = inbound::applied(rows).supply().get();
        must(supply == booked, "proven supply = minted + fees + released - burned", || format!("{supply}, {booked}"))?;
        let (escrow, lacking) = (self.chain.pool(Pool::BridgeEscrow), state::books(rows).uncovered.get());
        let (held, owed) = (escrow + lacking, supply + self.on_its_way() + seen.queued + self.owed());
        must(held == owed, "escrow + uncovered = all that is owed", || format!("{escrow} + {lacking}, {owed}"))?;
        // What is uncovered is what was forged, and not whatever would make the sum right.
        let sums = self.ledger.sums_at(applied);
        let forged = sums.forged + self.ledger.surplus;
        let made_good = sums.unforged + self.ledger.covered;
        must(lacking + made_good == forged, "what is uncovered was forged", || {
            format!("{lacking} + {made_good}, {forged}")
        })?;
        self.heard.completions += u64::from(std::mem::take(&mut self.heard.is_new));
        Ok(())
    }

    /// The transfers that wait, and those in batches that are open as far as this chain can know.
    fn on_its_way(&self) -> u128 {
        let waiting = self.ledger.transfers.values().filter(|out| out.place == Place::Waits);
        let is_open = |end: Option<End>| match end {
            None => true,
            Some(End::Executed(event)) => event > self.heard.applied,
            Some(End::Refunded) => false,
        };
        let open = self.ledger.batches.iter().filter(|sealed| is_open(sealed.end));
        waiting.map(Out::total).sum::<u128>() + open.map(|sealed| sealed.total).sum::<u128>()
    }

    /// The burns and cancelled items that this chain knows of and has not paid, and what the treasury is still to get.
    fn owed(&self) -> u128 {
        let known = 0..=self.heard.applied;
        let burns = self.ledger.burns.iter().filter(|(event, burn)| known.contains(event) && !burn.is_paid);
        let is_owed = |item: &&Item| match item.state {
            ItemState::Cancelled { event, is_paid } => {
                known.contains(&event) && !is_paid && matches!(item.owner, Owner::Sender(_))
            }
            _ => false,
        };
        let items = self.ledger.items.values().filter(is_owed);
        let fees = self.ledger.items.values().filter(|item| match item.state {
            ItemState::Cancelled { event, .. } => known.contains(&event) && item.owner == Owner::Treasury,
            _ => false,
        });
        let for_treasury = fees.map(|item| item.amount).sum::<u128>() + self.ledger.surplus - self.ledger.treasury;
        let burned: u128 = burns.map(|(_, burn)| burn.amount).sum();
        burned + items.map(|item| item.amount).sum::<u128>() + for_treasury
    }
}
