//! Closing: what is over on Base leaves this chain's tables, at once or after the time for which it may still be asked for.

use std::collections::BTreeSet;

use diem_core::{Address, BlockContext, CallError, Events, StateRead, StateWrite, Time};
use diem_staking::{bridge_key, validator};

use crate::{
    OpenBatch, OutboundKind,
    attesting::KEPT_BLOCKS,
    booking,
    inbound::{CLOSED, DEADLINES, HASHED, LATEST_DROPPED, applied, attested},
    silence,
    state::{BATCHES, ISSUED, KEY_SETS, SETS, STATEMENTS, STRUCT_HASHES, contract, issued},
};

const SECOND_MS: u64 = 1_000;
/// The time for which the struct hash of a batch is kept after its deadline, in seconds.
const HASH_KEPT: u64 = 30 * 86_400;
/// The most struct hashes that a block drops, and the most sets that a completed block of Base does.
const DROPPED_AT_ONCE: usize = 16;

/// Closes a batch that was executed or refunded.
pub(crate) fn close_batch(state: &mut dyn StateWrite, events: &mut Events, now: Time, nonce: u64, batch: &OpenBatch) {
    let set = applied(state).set;
    if booking::has_quorum(state, OutboundKind::Batch, nonce, set) {
        let keys = STATEMENTS.prefix(state, &(OutboundKind::Batch, nonce), None, usize::MAX).into_iter();
        let operators = keys.filter_map(|((_, _, key), _)| bridge_key(state, &key)).map(|key| key.operator);
        let signed: BTreeSet<Address> = operators.collect();
        let newest = |key| KEY_SETS.get(state, &key).map(|last| last.nonce);
        let owing =
            diem_staking::consensus_set(state).into_iter().map(|(_, member)| member.operator).filter(|operator| {
                let key = validator(state, operator).map(|validator| validator.bridge_address);
                key.and_then(newest).is_some_and(|newest| newest >= set)
            });
        let owing: BTreeSet<Address> = owing.collect();
        silence::record(state, events, now, &signed, |operator| owing.contains(operator));
    }
    BATCHES.remove(state, &nonce);
    DEADLINES.remove(state, &(batch.deadline, nonce));
    let count = attested(state).count;
    CLOSED.set(state, &(count, nonce), &1);
    HASHED.set(state, &(batch.deadline, nonce), &1);
    let mut issued = issued(state);
    issued.open = issued.open.saturating_sub(1);
    ISSUED.set(state, &issued);
}

/// Drops the statements of batches that closed four attested blocks ago.
pub(crate) fn drop_statements(state: &mut dyn StateWrite, count: u64) {
    let Some(last) = count.checked_sub(KEPT_BLOCKS as u64) else { return };
    let closed: Vec<(u64, u64)> = CLOSED.all(state).into_iter().map(|(key, _)| key).collect();
    for key in closed.into_iter().take_while(|(at, _)| *at <= last) {
        let rows = STATEMENTS.prefix(state, &(OutboundKind::Batch, key.1), None, usize::MAX);
        rows.iter().for_each(|(statement, _)| STATEMENTS.remove(state, statement));
        CLOSED.remove(state, &key);
    }
}

/// Drops the statements of a kind up to this nonce: Base took it, so that it takes none of those before.
pub(crate) fn drop_statements_up_to(state: &mut dyn StateWrite, kind: OutboundKind, nonce: u64) {
    let rows = STATEMENTS.prefix(state, &kind, None, usize::MAX).into_iter().map(|(key, _)| key);
    let over: Vec<_> = rows.take_while(|(_, at, _)| *at <= nonce).collect();
    over.iter().for_each(|key| STATEMENTS.remove(state, key));
}

/// Drops sets that Base can never install any more: those before the installed one, and those that were too old at the
/// last completed block. The installed and the newest one stay, and set 0, which is an argument of the constructor.
pub(crate) fn drop_sets(state: &mut dyn StateWrite) {
    let (installed, newest) = (applied(state).set, issued(state).sets);
    let base_now = attested(state).completed.map_or(0, |completed| completed.timestamp);
    let Some(contract) = contract(state) else { return };
    let is_over =
        |nonce: u64, created_at: u64| nonce < installed || created_at.saturating_add(contract.max_set_age) < base_now;
    let oldest = SETS.range(state, None, DROPPED_AT_ONCE).into_iter();
    let over: Vec<u64> = oldest
        .filter(|(nonce, set)| ![0, installed, newest].contains(nonce) && is_over(*nonce, set.created_at))
        .map(|(nonce, _)| nonce)
        .collect();
    over.iter().for_each(|nonce| SETS.remove(state, nonce));
}

/// Drops the struct hashes of batches whose deadline passed thirty days ago.
///
/// # Errors
/// It returns none; it has the signature of every step.
pub fn drop_old(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let now = ctx.block.info.time.millis() / SECOND_MS;
    for _ in 0..DROPPED_AT_ONCE {
        let oldest = HASHED.range(ctx.state, None, 1).pop().map(|(key, _)| key);
        let is_old = |(deadline, _): &(u64, u64)| deadline.saturating_add(HASH_KEPT) < now;
        let Some((deadline, nonce)) = oldest.filter(is_old) else { break };
        HASHED.remove(ctx.state, &(deadline, nonce));
        STRUCT_HASHES.remove(ctx.state, &(OutboundKind::Batch, nonce));
        let latest = LATEST_DROPPED.get(ctx.state).unwrap_or_default().max(deadline);
        LATEST_DROPPED.set(ctx.state, &latest);
    }
    Ok(())
}

/// The latest deadline of a batch whose struct hash was dropped; 0 if none was.
pub fn latest_dropped(state: &dyn StateRead) -> u64 {
    LATEST_DROPPED.get(state).unwrap_or_default()
}
