//! Applying: proven events change the books, in order and at the end of a block, and then their block is completed.
//!
//! This books only, and no event can stop the next one: what contradicts this chain is booked as far as Base's own
//! numbers go, and halts the bridge.

use diem_bank::{Pool, pool};
use diem_core::{Amount, BlockContext, CallError, Denom, Events, StateWrite, Time};

use crate::{
    Applied, BaseEvent, Breach, Bucket, Checkpoint, Event, EventBytes, Executed, ID, NextLimits, OutboundKind, Part,
    QueueItem, Reason, VetoOf, closing, credits, fold, halt,
    inbound::{
        APPLIED, ATTESTED, CHUNKS, CREDIT_BUCKET, EXECUTED, HALT, MintLimits, Moving, Proposed, QUEUE, REPLAY, applied,
        attested,
    },
    replay,
    sealing::batch,
    state::{BATCHES, BOOKS, Books, OUT_BUCKET, SALT, SETS, STRUCT_HASHES, TRANSFERS, books, issued, params},
};

/// The most events that a block applies. A chunk is never cut, so that it has no more.
pub const APPLIED_AT_ONCE: usize = crate::MAX_EVENTS;
/// The index of the fee among the items of a batch.
const FEE_INDEX: u16 = u16::MAX;

/// Applies the next events if all up to the attested block are proven, and completes the block with the last of them.
///
/// # Errors
/// It returns none; it has the signature of every step.
pub fn apply_due(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let Some(replay) = REPLAY.get(ctx.state) else { return Ok(()) };
    if replay::missing(ctx.state).is_some() || halt::is_history_broken(ctx.state) {
        return Ok(());
    }
    let now = ctx.block.info.time;
    let mut left = APPLIED_AT_ONCE;
    let mut ledger = Ledger::open(ctx.state, ctx.events, now, &replay.target);
    while let Some((first, events)) = CHUNKS.range(ledger.state, None, 1).pop() {
        let Some(rest) = left.checked_sub(events.len()) else { break };
        left = rest;
        for (nonce, event) in (first..).zip(&events) {
            ledger.apply(nonce, event);
        }
        CHUNKS.remove(ledger.state, &first);
    }
    ledger.close();
    if applied(ctx.state).event_nonce == replay.target.event_nonce {
        complete(ctx.state, ctx.events, now, replay.target);
    }
    Ok(())
}

/// Checks both equalities with an attested block of which every event was applied. Only where they hold may its burns be
/// paid, and batches that had expired by then be refunded.
fn complete(state: &mut dyn StateWrite, events: &mut Events, now: Time, target: Checkpoint) {
    REPLAY.remove(state);
    let (books, supply) = (books(state), applied(state).supply());
    if supply != target.supply {
        let breach = Breach::Supply { number: target.number, proven: target.supply, booked: supply };
        halt::raise(state, events, now, breach);
    }
    let escrow = pool(state, Pool::BridgeEscrow, Denom::Diem);
    let (held, owed) = halt::balance(escrow, supply, &books);
    // An item is reported with its batch, so that none can be without a name at the end of a block of Base.
    if held != owed || !books.unnamed.is_zero() {
        halt::raise(state, events, now, Breach::Books { number: target.number, held, owed });
    }
    let mut row = attested(state);
    row.applied = Some(target);
    if HALT.get(state).is_none() {
        row.completed = Some(target);
        row.payable = issued(state).credits;
        events.emit(ID, &Event::Completed { number: target.number, timestamp: target.timestamp });
    }
    let next = row.next.take();
    ATTESTED.set(state, &row);
    closing::drop_sets(state);
    if let Some(next) = next {
        replay::begin(state, events, now, next);
    }
}

/// An event contradicts what this chain has issued.
struct Contradiction;

type Booked = Result<(), Contradiction>;

/// The rows that nearly every event changes, read once and written once.
struct Ledger<'a> {
    state: &'a mut dyn StateWrite,
    events: &'a mut Events,
    now: Time,
    /// The time of the attested block, in seconds of Base.
    base_now: u64,
    applied: Applied,
    books: Books,
    out: Bucket,
    credit: Bucket,
}

impl<'a> Ledger<'a> {
    fn open(state: &'a mut dyn StateWrite, events: &'a mut Events, now: Time, target: &Checkpoint) -> Self {
        let params = params(state);
        let (applied, books) = (applied(state), books(state));
        let out = OUT_BUCKET.get(state).unwrap_or_default().drained(params.out_capacity, now);
        let credit = CREDIT_BUCKET.get(state).unwrap_or_default().drained(params.credit_capacity, now);
        Self { state, events, now, base_now: target.timestamp, applied, books, out, credit }
    }

    fn close(self) {
        APPLIED.set(self.state, &self.applied);
        BOOKS.set(self.state, &self.books);
        OUT_BUCKET.set(self.state, &self.out);
        CREDIT_BUCKET.set(self.state, &self.credit);
    }

    /// Applies one event. Whatever it says, the numbers of Base are followed; a contradiction halts the bridge.
    fn apply(&mut self, nonce: u64, event: &EventBytes) {
        self.applied.rolling_hash = fold(&self.applied.rolling_hash, nonce, event.kind, &event.payload);
        self.applied.event_nonce = nonce;
        let booked = match BaseEvent::decode(event.kind, &event.payload) {
            Ok(known) => self.book(nonce, &known),
            Err(_) => {
                self.events.emit(ID, &Event::UnknownEvent { nonce, kind: event.kind });
                Ok(())
            }
        };
        if booked.is_err() {
            halt::raise(self.state, self.events, self.now, Breach::Event { nonce, kind: event.kind });
        }
    }

    fn book(&mut self, nonce: u64, event: &BaseEvent) -> Booked {
        match *event {
            BaseEvent::Burn { sender, recipient, amount } => {
                self.applied.burned = self.applied.burned.saturating_add(amount);
                self.out = self.out.emptied(amount);
                // The contract refuses zero, which is nobody's.
                let recipient = (recipient != diem_core::Address::ZERO).then_some(recipient);
                self.owe(Reason::Burn { event: nonce, sender }, recipient, amount);
                Ok(())
            }
            BaseEvent::BatchExecuted { batch_nonce, struct_hash, minted, fee, queued, .. } => {
                self.batch_executed(batch_nonce, &struct_hash, [minted, fee, queued])
            }
            BaseEvent::Queued { queue_id, batch_nonce, index, amount, ready_at } => {
                let item = QueueItem { batch: batch_nonce, part: Part::Forged, amount, ready_at, vetoed_until: 0 };
                self.queued(queue_id, index, item)
            }
            BaseEvent::Released { queue_id, amount } => self.released(queue_id, amount),
            BaseEvent::Cancelled { queue_id, amount } => self.cancelled(queue_id, amount),
            BaseEvent::Veto { what, id, until } => self.veto(what, id, until),
            BaseEvent::SetInstalled { nonce, set_hash, .. } => self.set_installed(nonce, &set_hash),
            BaseEvent::SetProposed { nonce, set_hash, install_at } => {
                self.check_set(nonce, &set_hash)?;
                self.applied.proposed = Some(Proposed { nonce, install_at });
                Ok(())
            }
            BaseEvent::AdminExecuted { admin_nonce, struct_hash } => self.action_executed(admin_nonce, &struct_hash),
            BaseEvent::StatusChanged { paused_until, pause_nonce } => {
                closing::drop_statements_up_to(self.state, OutboundKind::Pause, pause_nonce);
                (self.applied.paused_until, self.applied.pause_nonce) = (paused_until, pause_nonce);
                self.events.emit(ID, &Event::PauseChanged { paused_until, pause_nonce });
                Ok(())
            }
            BaseEvent::LimitsChanged { mint_capacity, share_bps, at } => {
                let limits = MintLimits { mint_capacity, share_bps };
                // A change, at once or later, replaces one that waits.
                let is_later = at > self.base_now;
                self.applied.limits = if is_later { self.applied.limits_at(self.base_now) } else { limits };
                self.applied.next_limits = is_later.then_some(NextLimits { limits, from: at });
                self.events.emit(ID, &Event::LimitsChanged { mint_capacity, share_bps, from: at });
                Ok(())
            }
            BaseEvent::MoveAnnounced { bridge, at } => {
                self.applied.moving = Some(Moving { bridge, at });
                self.events.emit(ID, &Event::MoveAnnounced { bridge, at });
                Ok(())
            }
            BaseEvent::GuardianChanged { guardian } => {
                self.applied.guardian = guardian;
                Ok(())
            }
        }
    }

    /// Notes that somebody is owed an amount.
    fn owe(&mut self, reason: Reason, recipient: Option<diem_core::Address>, amount: Amount) {
        self.books.owed = self.books.owed.saturating_add(amount);
        credits::add(self.state, self.events, self.now, reason, recipient, amount);
    }

    fn batch_executed(&mut self, nonce: u64, struct_hash: &[u8; 32], [minted, fee, queued]: [Amount; 3]) -> Booked {
        self.applied.minted = self.applied.minted.saturating_add(minted);
        self.applied.fees = self.applied.fees.saturating_add(fee);
        self.books.queued = self.books.queued.saturating_add(queued);
        self.credit = self.credit.emptied(minted.saturating_add(fee));
        let total = minted.saturating_add(fee).saturating_add(queued);
        let is_issued = STRUCT_HASHES.get(self.state, &(OutboundKind::Batch, nonce)) == Some(*struct_hash);
        let issued = BATCHES.get(self.state, &nonce).zip(batch(self.state, nonce)).filter(|_| is_issued);
        let Some((open, batch)) = issued.filter(|(_, batch)| batch.total() == total) else {
            if !queued.is_zero() {
                self.books.unnamed = self.books.unnamed.saturating_add(queued);
                let executed = EXECUTED.get(self.state, &nonce);
                let mut executed = executed.unwrap_or(Executed { unnamed: Amount::ZERO, transfers: None });
                executed.unnamed = executed.unnamed.saturating_add(queued);
                EXECUTED.set(self.state, &nonce, &executed);
            }
            return Err(Contradiction);
        };
        self.books.open = self.books.open.saturating_sub(total);
        self.books.unnamed = self.books.unnamed.saturating_add(queued);
        closing::close_batch(self.state, self.events, self.now, nonce, &open);
        self.events.emit(ID, &Event::BatchExecuted { nonce: batch.nonce, minted, fee, queued });
        let executed = Executed { unnamed: queued, transfers: Some(open.transfers) };
        if queued.is_zero() {
            self.end_transfers(nonce, &executed);
        } else {
            EXECUTED.set(self.state, &nonce, &executed);
        }
        Ok(())
    }

    /// Ends the transfers of a batch that do not wait in the queue: they were minted.
    fn end_transfers(&mut self, batch: u64, executed: &Executed) {
        for id in executed.transfers.iter().flatten() {
            if TRANSFERS.get(self.state, id).is_some_and(|transfer| transfer.queued.is_none()) {
                TRANSFERS.remove(self.state, id);
                self.events.emit(ID, &Event::TransferMinted { id: *id, batch });
            }
        }
    }

    fn queued(&mut self, id: u64, index: u16, mut item: QueueItem) -> Booked {
        if QUEUE.get(self.state, &id).is_some() {
            return Err(Contradiction);
        }
        let executed = EXECUTED.get(self.state, &item.batch);
        let Some(mut executed) = executed.filter(|executed| executed.unnamed >= item.amount) else {
            self.books.queued = self.books.queued.saturating_add(item.amount);
            QUEUE.set(self.state, &id, &item);
            return Err(Contradiction);
        };
        self.books.unnamed = self.books.unnamed.saturating_sub(item.amount);
        executed.unnamed = executed.unnamed.saturating_sub(item.amount);
        let part = self.part_of(&executed, index, id, &item);
        item.part = part.unwrap_or(Part::Forged);
        QUEUE.set(self.state, &id, &item);
        if executed.unnamed.is_zero() {
            EXECUTED.remove(self.state, &item.batch);
            self.end_transfers(item.batch, &executed);
        } else {
            EXECUTED.set(self.state, &item.batch, &executed);
        }
        part.map(|_| ()).ok_or(Contradiction)
    }

    /// The part of its batch that an item is; `None` if it is none, or another amount.
    fn part_of(&mut self, executed: &Executed, index: u16, queue_id: u64, item: &QueueItem) -> Option<Part> {
        let transfers = executed.transfers.as_ref()?;
        if index == FEE_INDEX {
            let fees = transfers.iter().filter_map(|id| TRANSFERS.get(self.state, id)).map(|transfer| transfer.fee);
            return (fees.fold(Amount::ZERO, Amount::saturating_add) == item.amount).then_some(Part::Fee);
        }
        let id = *transfers.get(usize::from(index))?;
        let mut transfer = TRANSFERS.get(self.state, &id)?;
        if transfer.mint.amount != item.amount || transfer.queued.is_some() {
            return None;
        }
        transfer.queued = Some(queue_id);
        TRANSFERS.set(self.state, &id, &transfer);
        self.events.emit(ID, &Event::TransferQueued { id, queue_id, ready_at: item.ready_at });
        Some(Part::Transfer { id })
    }

    fn released(&mut self, id: u64, amount: Amount) -> Booked {
        self.applied.released = self.applied.released.saturating_add(amount);
        self.credit = self.credit.emptied(amount);
        let item = self.take_item(id, amount)?;
        if let Part::Transfer { id } = item.part {
            TRANSFERS.remove(self.state, &id);
            self.events.emit(ID, &Event::TransferMinted { id, batch: item.batch });
        }
        Ok(())
    }

    fn cancelled(&mut self, queue_id: u64, amount: Amount) -> Booked {
        let item = self.take_item(queue_id, amount)?;
        let reason = Reason::Cancelled { queue_id };
        match item.part {
            Part::Transfer { id } => {
                let sender = TRANSFERS.get(self.state, &id).map(|transfer| transfer.sender);
                TRANSFERS.remove(self.state, &id);
                self.events.emit(ID, &Event::TransferRefunded { id, amount });
                self.owe(reason, sender, amount);
            }
            Part::Fee => self.owe(reason, None, amount),
            // While the bridge is halted, nothing is known to be uncovered: that is computed when it is resumed.
            Part::Forged if HALT.get(self.state).is_some() => {}
            Part::Forged => {
                let covered = amount.saturating_sub(self.books.uncovered);
                self.books.uncovered = self.books.uncovered.saturating_sub(amount);
                if !covered.is_zero() {
                    self.owe(reason, None, covered);
                }
            }
        }
        Ok(())
    }

    /// Takes an item out of the queue.
    fn take_item(&mut self, id: u64, amount: Amount) -> Result<QueueItem, Contradiction> {
        let item = QUEUE.get(self.state, &id).filter(|item| item.amount == amount).ok_or(Contradiction)?;
        QUEUE.remove(self.state, &id);
        self.books.queued = self.books.queued.saturating_sub(amount);
        Ok(item)
    }

    fn veto(&mut self, what: VetoOf, id: u64, until: u64) -> Booked {
        match what {
            VetoOf::Item => {
                let mut item = QUEUE.get(self.state, &id).ok_or(Contradiction)?;
                item.vetoed_until = until;
                if until == 0 {
                    // What the validators lift is ready at once.
                    item.ready_at = item.ready_at.min(self.base_now);
                }
                QUEUE.set(self.state, &id, &item);
            }
            VetoOf::Set => {
                let proposed = self.applied.proposed.filter(|proposed| proposed.nonce == id);
                self.applied.proposed = proposed.map_or(Err(Contradiction), |_| Ok(None))?;
            }
            VetoOf::Move => self.applied.moving = None,
        }
        self.events.emit(ID, &Event::Vetoed { what: what as u8, id, until });
        Ok(())
    }

    /// Checks that a set is one that this chain made and Base had not installed.
    fn check_set(&self, nonce: u64, hash: &[u8; 32]) -> Booked {
        let stored = SETS.get(self.state, &nonce).filter(|_| nonce > self.applied.set);
        let made = stored.zip(SALT.get(self.state)).map(|(set, salt)| set.set().hash(&salt, nonce, set.created_at));
        if made == Some(*hash) { Ok(()) } else { Err(Contradiction) }
    }

    fn set_installed(&mut self, nonce: u64, hash: &[u8; 32]) -> Booked {
        self.check_set(nonce, hash)?;
        closing::drop_statements_up_to(self.state, OutboundKind::Valset, nonce);
        self.applied.set = nonce;
        self.applied.proposed = self.applied.proposed.filter(|proposed| proposed.nonce > nonce);
        self.events.emit(ID, &Event::SetInstalled { nonce });
        Ok(())
    }

    fn action_executed(&mut self, nonce: u64, struct_hash: &[u8; 32]) -> Booked {
        let issued = STRUCT_HASHES.get(self.state, &(OutboundKind::Admin, nonce));
        if issued != Some(*struct_hash) || nonce <= self.applied.action {
            return Err(Contradiction);
        }
        closing::drop_statements_up_to(self.state, OutboundKind::Admin, nonce);
        self.applied.action = nonce;
        self.events.emit(ID, &Event::ActionExecuted { nonce });
        Ok(())
    }
}
