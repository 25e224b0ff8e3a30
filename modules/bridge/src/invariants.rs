//! What must always be true of bridge's rows.

use std::collections::BTreeSet;

use diem_bank::Pool;
use diem_core::{Address, Amount, Denom, StateRead};

use crate::{
    Books, OutTransfer, OutboundKind, Part, halt,
    inbound::{CREDITS, DEADLINES, DELAYED, EXECUTED, HALT, INBOUND, QUEUE, REPLAY, STATED, applied, attested},
    sealing::batch,
    state::{BATCHES, SETS, STATEMENTS, STRUCT_HASHES, TRANSFERS, WAITING, books, contract, issued, params},
};

/// Checks all invariants of the module.
///
/// # Errors
/// Names the one that does not hold, with both numbers.
pub(crate) fn check(state: &dyn StateRead) -> Result<(), String> {
    check_books(state)?;
    check_escrow(state)?;
    check_queue(state)?;
    check_batches(state)?;
    check_items(state)?;
    check_credits(state)?;
    check_statements(state)?;
    check_numbers(state)
}

fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, Amount::saturating_add)
}

/// The books are the sums of the rows that they stand for.
fn check_books(state: &dyn StateRead) -> Result<(), String> {
    let books = books(state);
    let transfers = TRANSFERS.all(state);
    let is_open =
        |transfer: &&(u64, OutTransfer)| transfer.1.batch.is_some_and(|nonce| BATCHES.get(state, &nonce).is_some());
    let waiting = sum(transfers.iter().filter(|(_, transfer)| transfer.batch.is_none()).map(|(_, one)| one.total()));
    let open = sum(transfers.iter().filter(is_open).map(|(_, transfer)| transfer.total()));
    let unnamed = sum(EXECUTED.all(state).into_iter().map(|(_, executed)| executed.unnamed));
    let queued = sum(QUEUE.all(state).into_iter().map(|(_, item)| item.amount)).saturating_add(unnamed);
    let owed = sum(CREDITS.all(state).into_iter().map(|(_, credit)| credit.amount));
    let rows = Books { waiting, open, queued, unnamed, owed, uncovered: books.uncovered };
    if rows == books { Ok(()) } else { Err(format!("the rows are {rows:?}, but the books say {books:?}")) }
}

/// Between two blocks of Base, the escrow holds what is owed, with what is known to be uncovered. While the bridge is
/// halted, it may not.
fn check_escrow(state: &dyn StateRead) -> Result<(), String> {
    let escrow = diem_bank::pool(state, Pool::BridgeEscrow, Denom::Diem);
    let (held, owed) = halt::balance(escrow, applied(state).supply(), &books(state));
    let is_between = REPLAY.get(state).is_none() && HALT.get(state).is_none();
    if is_between && held != owed {
        return Err(format!("the escrow accounts for {held}, but {owed} are owed"));
    }
    Ok(())
}

/// Exactly the transfers that are not sealed stand in the queue.
fn check_queue(state: &dyn StateRead) -> Result<(), String> {
    let queue: BTreeSet<u64> = WAITING.all(state).into_iter().map(|(id, _)| id).collect();
    let waiting = TRANSFERS.all(state).into_iter().filter(|(_, transfer)| transfer.batch.is_none());
    let waiting: BTreeSet<u64> = waiting.map(|(id, _)| id).collect();
    match queue.symmetric_difference(&waiting).next() {
        Some(id) => Err(format!("transfer {id} is in the queue and sealed, or neither")),
        None => Ok(()),
    }
}

/// Every open batch has its transfers, each of them names it, and its hash is the one that was issued.
fn check_batches(state: &dyn StateRead) -> Result<(), String> {
    let open = BATCHES.all(state);
    if u64::from(issued(state).open) != open.len() as u64 {
        return Err(format!("{} batches are open, but {} are counted", open.len(), issued(state).open));
    }
    let mut named: u64 = 0;
    for (nonce, batch_row) in &open {
        let names = |id: &u64| TRANSFERS.get(state, id).and_then(|transfer| transfer.batch) == Some(*nonce);
        if let Some(id) = batch_row.transfers.iter().find(|id| !names(id)) {
            return Err(format!("batch {nonce} has transfer {id}, which does not name it"));
        }
        named = named.saturating_add(batch_row.transfers.len() as u64);
        let hash = batch(state, *nonce).map(|batch| batch.struct_hash());
        if hash != STRUCT_HASHES.get(state, &(OutboundKind::Batch, *nonce)) {
            return Err(format!("batch {nonce} is not the one that was issued"));
        }
    }
    let is_open = |transfer: &OutTransfer| transfer.batch.is_some_and(|nonce| BATCHES.get(state, &nonce).is_some());
    let sealed = TRANSFERS.all(state).iter().filter(|(_, transfer)| is_open(transfer)).count() as u64;
    if sealed != named {
        return Err(format!("{sealed} transfers are of open batches, but those have {named}"));
    }
    let by_deadline: BTreeSet<(u64, u64)> = DEADLINES.all(state).into_iter().map(|(key, _)| key).collect();
    let open: BTreeSet<(u64, u64)> = open.into_iter().map(|(nonce, batch)| (batch.deadline, nonce)).collect();
    match by_deadline.symmetric_difference(&open).next() {
        Some((deadline, nonce)) => {
            Err(format!("batch {nonce} is looked up by {deadline} and not open, or the reverse"))
        }
        None => Ok(()),
    }
}

/// Every transfer of an executed batch is still waited for: its item is in the queue, or not all items are named.
fn check_items(state: &dyn StateRead) -> Result<(), String> {
    for (id, transfer) in TRANSFERS.all(state) {
        let Some(batch) = transfer.batch.filter(|nonce| BATCHES.get(state, nonce).is_none()) else { continue };
        let item = transfer.queued.and_then(|item| QUEUE.get(state, &item));
        let is_queued = item.is_some_and(|item| item.part == Part::Transfer { id } && item.batch == batch);
        let executed = EXECUTED.get(state, &batch).and_then(|executed| executed.transfers);
        if !is_queued && !executed.is_some_and(|transfers| transfers.contains(&id)) {
            return Err(format!("transfer {id} is of batch {batch}, which is closed, and waits for nothing"));
        }
    }
    Ok(())
}

/// Credits are paid in their order, but for the delayed ones, which are looked up by time.
fn check_credits(state: &dyn StateRead) -> Result<(), String> {
    let (attested, issued) = (attested(state), issued(state));
    if attested.handled > attested.payable || attested.payable > issued.credits {
        return Err(format!("{attested:?} do not fit {} credits", issued.credits));
    }
    let delayed: BTreeSet<(u64, u64)> = DELAYED.all(state).into_iter().map(|(key, _)| key).collect();
    let mut expected = BTreeSet::new();
    for (id, credit) in CREDITS.all(state) {
        if id > issued.credits || (id > attested.handled) == credit.delayed_until.is_some() {
            return Err(format!("credit {id} is neither delayed nor next in line: {credit:?}"));
        }
        expected.extend(credit.delayed_until.map(|until| (until.millis(), id)));
    }
    match delayed.symmetric_difference(&expected).next() {
        Some((_, id)) => Err(format!("credit {id} is delayed and not looked up by its time, or the reverse")),
        None => Ok(()),
    }
}

/// The numbers that each operator has stated are those of its statements above the last attested block.
fn check_statements(state: &dyn StateRead) -> Result<(), String> {
    let last = attested(state).last.map_or(0, |last| last.number);
    let rows = INBOUND.all(state).into_iter().map(|((number, operator), _)| (operator, number));
    let rows: BTreeSet<(Address, u64)> = rows.filter(|(_, number)| *number > last).collect();
    let stated = STATED.all(state).into_iter();
    let stated: BTreeSet<(Address, u64)> =
        stated.flat_map(|(operator, numbers)| numbers.into_iter().map(move |number| (operator, number))).collect();
    match rows.symmetric_difference(&stated).next() {
        Some((operator, number)) => Err(format!("{operator} has stated block {number} in one table only")),
        None => Ok(()),
    }
}

/// No number stands anywhere that is still to be given.
fn check_numbers(state: &dyn StateRead) -> Result<(), String> {
    let (issued, applied) = (issued(state), applied(state));
    let last = |kind: OutboundKind| match kind {
        OutboundKind::Batch => issued.batches,
        OutboundKind::Valset => issued.sets,
        OutboundKind::Admin => issued.actions,
        // Validators number pauses by themselves.
        OutboundKind::Pause => u64::MAX,
    };
    if let Some((id, _)) = TRANSFERS.all(state).last().filter(|(id, _)| *id > issued.transfers) {
        return Err(format!("transfer {id} has an id that is still to be given"));
    }
    let hashes = STRUCT_HASHES.all(state).into_iter().map(|((kind, nonce), _)| (kind, nonce));
    let statements = STATEMENTS.all(state).into_iter().map(|((kind, nonce, _), _)| (kind, nonce));
    if let Some((kind, nonce)) = hashes.chain(statements).find(|(kind, nonce)| *nonce > last(*kind)) {
        return Err(format!("{kind:?} {nonce} has a nonce that is still to be given"));
    }
    let newest = SETS.all(state).last().map(|(nonce, _)| *nonce);
    if newest.is_some_and(|newest| newest != issued.sets) || applied.set > issued.sets {
        return Err(format!("set {newest:?} is the newest and set {} installed, of {}", applied.set, issued.sets));
    }
    let max_set_age = contract(state).map(|contract| contract.max_set_age);
    max_set_age.map_or(Ok(()), |age| params(state).check_set_age(age)).map_err(|error| error.to_string())
}
