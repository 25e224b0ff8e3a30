//! What must always be true of bridge's rows.

use std::collections::BTreeSet;

use diem_bank::Pool;
use diem_core::{Amount, Denom, StateRead};

use crate::{
    OutTransfer, OutboundKind,
    sealing::batch,
    state::{BATCHES, SETS, STATEMENTS, STRUCT_HASHES, TRANSFERS, WAITING, applied, books, contract, issued, params},
};

/// Checks all invariants of the module.
///
/// # Errors
/// Names the one that does not hold, with both numbers.
pub(crate) fn check(state: &dyn StateRead) -> Result<(), String> {
    check_escrow(state)?;
    check_queue(state)?;
    check_batches(state)?;
    check_numbers(state)
}

/// The escrow holds what waits and what is on its way, and the books say so.
fn check_escrow(state: &dyn StateRead) -> Result<(), String> {
    let books = books(state);
    let sum = |of: fn(&OutTransfer) -> bool| {
        let transfers = TRANSFERS.all(state).into_iter().filter(move |(_, transfer)| of(transfer));
        transfers.fold(Amount::ZERO, |sum, (_, transfer)| sum.saturating_add(transfer.total()))
    };
    let (waiting, open) = (sum(|transfer| transfer.batch.is_none()), sum(|transfer| transfer.batch.is_some()));
    if (waiting, open) != (books.waiting, books.open) {
        return Err(format!("{waiting} wait and {open} are sealed, but the books say {books:?}"));
    }
    let escrow = diem_bank::pool(state, Pool::BridgeEscrow, Denom::Diem);
    if escrow != waiting.saturating_add(open) {
        return Err(format!("the escrow holds {escrow}, but {waiting} wait and {open} are sealed"));
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
    let sealed = TRANSFERS.all(state).iter().filter(|(_, transfer)| transfer.batch.is_some()).count() as u64;
    if sealed == named { Ok(()) } else { Err(format!("{sealed} transfers are sealed, but batches have {named}")) }
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
