//! What this chain reports, judged by the model's own books.

use std::collections::{BTreeMap, BTreeSet};

use diem_bank::Pool;
use diem_bridge::{Checkpoint, Event, Reason, admin, inbound, sealing, state};
use diem_core::Address;

use crate::{
    ledger::{Checked, End, ItemState, Ledger, Owner, Sums, Violation, must},
    model::{Model, Seen},
};

/// A day of this chain's clock, in milliseconds.
const DAY: u64 = 86_400_000;
/// The time for which a credit can be held back.
const HOLD: u64 = 14 * DAY;

/// What the chain has reported of its state.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The last block of Base that was completed.
    pub(crate) completed: Option<Seen>,
    /// Whether both equalities are still to be checked at it.
    pub(crate) is_new: bool,
    /// The number of completed blocks at which both held.
    pub(crate) completions: u64,
    /// The nonce of the last event that was applied.
    pub(crate) applied: u64,
    pub(crate) is_halted: bool,
    /// The nonce of the last event that was applied when the bridge was resumed the last time.
    pub(crate) resumed_at: u64,
    /// The credits that wait for a time.
    pub(crate) delayed: BTreeMap<u64, u64>,
    /// The credits that were held back.
    held: BTreeSet<u64>,
}

impl Model<'_> {
    /// Looks at what the chain reported since the last look, and at both sides' money.
    pub(crate) fn settle(&mut self) -> Checked {
        if !state::contract(&self.chain.world.state).is_some_and(|contract| contract.is_ready) {
            return Ok(());
        }
        self.follow_applied()?;
        for (at, event) in std::mem::take(&mut self.chain.events) {
            *self.told.entry(kind_of(&event)).or_default() += 1;
            self.hear(at, &event)?;
        }
        self.check_money()?;
        self.check_halt()?;
        self.check_equalities()?;
        self.chain.check()
    }

    /// What was applied is what Base has reported, and opens the buckets.
    fn follow_applied(&mut self) -> Checked {
        let applied = inbound::applied(&self.chain.world.state);
        let (before, nonce, now) = (self.heard.applied, applied.event_nonce, self.chain.now());
        let hash = usize::try_from(nonce).ok().and_then(|nonce| self.base.hashes.get(nonce));
        must(hash == Some(&applied.rolling_hash), "only what Base reported is applied", || format!("event {nonce}"))?;
        must(nonce >= before, "events are applied in order", || format!("{nonce} after {before}"))?;
        let (old, new) = (self.ledger.sums_at(before), self.ledger.sums_at(nonce));
        let minted = |sums: Sums| sums.minted + sums.fees + sums.released;
        self.ledger.outs.drain(now, new.burned - old.burned);
        self.ledger.credits.drain(now, minted(new) - minted(old));
        self.heard.applied = nonce;
        // What validators signed too early is no breach if the chain has issued the very same until it is applied.
        let Ledger { breaches, actions, .. } = &mut self.ledger;
        breaches.retain(|event, hash| *event <= before || *event > nonce || !actions.contains(hash));
        Ok(())
    }

    fn hear(&mut self, at: u64, event: &Event) -> Checked {
        match *event {
            Event::BatchSealed { nonce, .. } => self.hear_sealed(at, nonce),
            Event::ActionIssued { nonce } => {
                let action = admin::action(&self.chain.world.state, nonce).unwrap();
                self.ledger.actions.insert(action.struct_hash());
                Ok(())
            }
            Event::Attested { checkpoint } => self.seen_of(&checkpoint).map(|_| ()),
            Event::Completed { number, .. } => {
                self.heard.completed = Some(self.seen[&number]);
                must(!self.heard.is_new, "every completed block is looked at", || format!("the one before {number}"))?;
                self.heard.is_new = true;
                self.check_moves("completed")
            }
            Event::Halted { .. } => {
                self.heard.is_halted = true;
                Ok(())
            }
            Event::Resumed { .. } => {
                self.heard.is_halted = false;
                self.heard.resumed_at = self.heard.applied;
                let last = inbound::attested(&self.chain.world.state).completed.unwrap();
                self.heard.completed = Some(self.seen_of(&last)?);
                Ok(())
            }
            Event::CreditOwed { reason, amount, .. } => self.hear_owed(reason, amount.get()),
            Event::CreditDelayed { id, until } => self.hear_delayed(id, until.millis(), at + DAY, None),
            Event::CreditHeld { id, until } => {
                let before = self.heard.delayed.get(&id).copied();
                must(self.heard.held.insert(id), "a credit is held once", || format!("credit {id}"))?;
                self.hear_delayed(id, until.millis(), at + HOLD, before)
            }
            Event::CreditPaid { id, reason, recipient, amount } => {
                self.check_moves("paid")?;
                self.hear_paid((at, id), reason, recipient, amount.get())
            }
            Event::BatchRefunded { nonce } => {
                self.check_moves("refunded")?;
                self.hear_refunded(at, nonce)
            }
            _ => Ok(()),
        }
    }

    /// The block of Base that was attested, if it is one.
    fn seen_of(&self, checkpoint: &Checkpoint) -> Result<Seen, Violation> {
        let seen = self.seen.get(&checkpoint.number).filter(|seen| seen.checkpoint == *checkpoint);
        must(seen.is_some(), "only blocks of Base are attested", || format!("{checkpoint:?}"))?;
        Ok(*seen.unwrap())
    }

    fn check_moves(&self, what: &str) -> Checked {
        must(!self.heard.is_halted, "a halted bridge moves nothing", || what.to_owned())
    }

    fn hear_sealed(&mut self, at: u64, nonce: u64) -> Checked {
        self.check_moves("sealed")?;
        let batch = sealing::batch(&self.chain.world.state, nonce).unwrap();
        let transfers = state::open_batch(&self.chain.world.state, nonce).unwrap().transfers;
        let base_now = self.heard.completed.map_or(0, |seen| seen.checkpoint.timestamp);
        let right = (at / 1_000).max(base_now) + self.params.batch_life_ms / 1_000;
        must(batch.deadline == right, "a batch lives as long as it must", || format!("{batch:?}, not until {right}"))?;
        self.ledger.seal(batch, transfers)?;
        let total = self.ledger.sealed(nonce).unwrap().total;
        self.ledger.outs.fill(at, total, self.params.out_capacity.get(), DAY)
    }

    /// The treasury is owed what a forged item took twice: it was paid in for, and then it was cancelled.
    fn hear_owed(&mut self, reason: Reason, amount: u128) -> Checked {
        let is_surplus = match reason {
            Reason::Surplus => true,
            Reason::Cancelled { queue_id } => self.ledger.items[&queue_id].owner == Owner::Nobody,
            Reason::Burn { .. } => false,
        };
        if is_surplus {
            self.ledger.surplus += amount;
            let most = self.ledger.head().unforged;
            let surplus = self.ledger.surplus;
            must(surplus <= most, "the treasury gets what is left", || format!("{surplus} of {most}"))?;
        }
        Ok(())
    }

    /// A credit waits as long as it must, and first for a day.
    fn hear_delayed(&mut self, id: u64, until: u64, right: u64, before: Option<u64>) -> Checked {
        let is_right = until == right && self.heard.delayed.get(&id).copied() == before;
        must(is_right, "a delayed credit waits a day, a held one fourteen", || format!("{id}: {until}, not {right}"))?;
        self.heard.delayed.insert(id, until);
        Ok(())
    }

    fn hear_paid(&mut self, (at, id): (u64, u64), reason: Reason, to: Option<Address>, amount: u128) -> Checked {
        let completed = self.heard.completed.map_or(0, |seen| seen.checkpoint.event_nonce);
        let is_late = self.heard.delayed.remove(&id);
        must(is_late.is_none_or(|until| at >= until), "a delayed credit waits", || format!("{is_late:?} at {at}"))?;
        match reason {
            Reason::Burn { event, .. } => {
                let burn = self.ledger.burns.get_mut(&event).filter(|burn| !burn.is_paid);
                must(burn.is_some() && event <= completed, "a burn is paid once", || format!("event {event}"))?;
                let burn = burn.unwrap();
                let is_right = to == Some(burn.recipient) && amount == burn.amount;
                must(is_right, "a burn is paid as it was burned", || format!("{burn:?}, not {amount} to {to:?}"))?;
                burn.is_paid = true;
                if is_late.is_none() {
                    self.ledger.credits.fill(at, amount, self.params.credit_capacity.get(), DAY)?;
                }
            }
            Reason::Cancelled { queue_id } => {
                let item = self.ledger.items.get_mut(&queue_id).unwrap();
                let ItemState::Cancelled { event, is_paid } = &mut item.state else {
                    return must(false, "what is paid back was cancelled", || format!("item {queue_id}"));
                };
                must(!*is_paid && *event <= completed, "a cancelled item is paid once", || format!("item {queue_id}"))?;
                *is_paid = true;
                let owner = if let Owner::Sender(sender) = item.owner { Some(sender) } else { None };
                let is_right = to == owner && (amount == item.amount || item.owner == Owner::Nobody);
                must(is_right, "an item goes to its owner", || format!("{item:?}, not {amount} to {to:?}"))?;
            }
            Reason::Surplus => must(to.is_none(), "what is left is the treasury's", || format!("{to:?}"))?,
        }
        match to {
            Some(account) => self.ledger.give(&account, amount),
            None => self.ledger.treasury += amount,
        }
        Ok(())
    }

    fn hear_refunded(&mut self, at: u64, nonce: u64) -> Checked {
        let completed = self.heard.completed.map_or(0, |seen| seen.checkpoint.timestamp);
        let sealed = self.ledger.sealed(nonce).unwrap();
        must(sealed.end.is_none(), "a batch is executed or refunded", || format!("{nonce}: {:?}", sealed.end))?;
        let deadline = sealed.batch.deadline;
        must(completed > deadline, "a refund waits for Base's time", || format!("{completed} of {deadline}"))?;
        sealed.end = Some(End::Refunded);
        let (transfers, total) = (sealed.transfers.clone(), sealed.total);
        self.ledger.outs.drain(at, total);
        for id in transfers {
            let (sender, total) = (self.ledger.transfers[&id].sender, self.ledger.transfers[&id].total());
            self.ledger.give(&sender, total);
        }
        Ok(())
    }

    /// Every account and both pools hold what follows from what was done.
    fn check_money(&self) -> Checked {
        let (escrow, treasury) = (self.chain.pool(Pool::BridgeEscrow), self.chain.pool(Pool::Treasury));
        let expected = self.ledger.escrow_and_treasury();
        let both = escrow + treasury;
        must(both == expected, "the escrow holds what is not settled", || format!("{both}, not {expected}"))?;
        let expected = self.ledger.treasury;
        must(treasury == expected, "the treasury has what is its own", || format!("{treasury}, not {expected}"))?;
        for (account, expected) in &self.ledger.accounts {
            let has = self.chain.diem(account);
            must(has == *expected, "nobody has more or less", || format!("{account} has {has}, not {expected}"))?;
        }
        Ok(())
    }

    /// The bridge is halted if and only if something was applied, since it was resumed, that the chain never issued.
    fn check_halt(&self) -> Checked {
        let (from, to) = (self.heard.resumed_at, self.heard.applied);
        let breach = self.ledger.breaches.range(from + 1..).next().filter(|(event, _)| **event <= to);
        let halt = inbound::halt(&self.chain.world.state);
        must(halt.is_some() == breach.is_some(), "a breach halts the bridge, and nothing else", || {
            format!("{halt:?}, and {breach:?} in events {from} to {to}")
        })
    }
}

/// The names of the events that are counted: those that not every block has.
fn kind_of(event: &Event) -> &'static str {
    match event {
        Event::BatchSealed { .. } => "sealed",
        Event::TransferCancelled { .. } => "cancelled before it was sealed",
        Event::Completed { .. } => "completed",
        Event::Halted { .. } => "halted",
        Event::Resumed { .. } => "resumed",
        Event::Covered { .. } => "covered",
        Event::CreditDelayed { .. } => "delayed",
        Event::CreditHeld { .. } => "held",
        Event::CreditPaid { reason: Reason::Burn { .. }, .. } => "burn paid",
        Event::CreditPaid { reason: Reason::Cancelled { .. }, recipient: Some(_), .. } => "cancelled item paid back",
        Event::CreditPaid { recipient: None, .. } => "paid to the treasury",
        Event::BatchExecuted { .. } => "executed",
        Event::TransferQueued { .. } => "queued",
        Event::BatchRefunded { .. } => "refunded",
        Event::SetInstalled { .. } => "set installed",
        Event::ActionExecuted { .. } => "action executed",
        Event::PauseChanged { paused_until: 0, .. } => "unpaused",
        Event::PauseChanged { .. } => "paused",
        Event::LimitsChanged { .. } => "limits changed",
        Event::Vetoed { .. } => "vetoed",
        _ => "other",
    }
}
