//! Sealing: waiting transfers become a batch that validators sign, at the end of a block.

use std::cmp::Reverse;

use diem_core::{Amount, BlockContext, CallError, StateRead, Time};

use crate::{
    Batch, Error, Event, ID, OpenBatch, OutTransfer, OutboundKind,
    inbound::{DEADLINES, applied, attested, halt},
    state::{BATCHES, BOOKS, ISSUED, OUT_BUCKET, STRUCT_HASHES, TRANSFERS, WAITING, books, contract, issued, params},
};

/// The most transfers of a batch. The contract takes more; a smaller batch is signed and paid for sooner.
pub const SEALED_AT_ONCE: usize = 50;
const SECOND_MS: u64 = 1_000;
/// The most waiting transfers that are looked at in a block.
const LOOKED_AT: usize = 200;

/// The reason for which nothing is sealed, whatever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSealing {
    /// The bridge is not at work yet.
    NotAtWork,
    /// A breach has halted the bridge.
    Halted,
    /// Minting on Base is paused until this second; [`crate::UNTIL_UNPAUSE`] if until the validators end it.
    Paused {
        /// The end of the pause, in seconds.
        until: u64,
    },
    /// The mint capacity on Base is 0.
    ClosedOnBase,
}

/// Tells whether anything keeps all batches from being sealed at this time.
pub fn closed(state: &dyn StateRead, now: Time) -> Option<NotSealing> {
    let (applied, second) = (applied(state), now.millis() / SECOND_MS);
    if !contract(state).is_some_and(|contract| contract.is_ready) {
        Some(NotSealing::NotAtWork)
    } else if halt(state).is_some() {
        Some(NotSealing::Halted)
    } else if applied.is_paused_at(second) {
        Some(NotSealing::Paused { until: applied.paused_until })
    } else if applied.limits_at(second).mint_capacity.is_zero() {
        Some(NotSealing::ClosedOnBase)
    } else {
        None
    }
}

/// Seals a batch if enough transfers wait or the oldest has waited long enough, and the out bucket has room.
///
/// # Errors
/// The books do not hold together; nothing is written then.
pub fn seal(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let now = ctx.block.info.time;
    let params = params(ctx.state);
    let mut issued = issued(ctx.state);
    if issued.open >= params.max_open || closed(ctx.state, now).is_some() {
        return Ok(());
    }
    let waiting = first_waiting(ctx.state);
    let Some((_, oldest)) = waiting.first() else { return Ok(()) };
    let waited = now.millis().saturating_sub(oldest.since.millis());
    if waiting.len() < SEALED_AT_ONCE && waited < params.seal_wait_ms {
        return Ok(());
    }
    let bucket = OUT_BUCKET.get(ctx.state).unwrap_or_default().drained(params.out_capacity, now);
    let (chosen, sum) = choose(waiting, bucket.room(params.out_capacity));
    if chosen.is_empty() {
        return Ok(());
    }

    issued.batches = issued.batches.saturating_add(1);
    issued.open = issued.open.saturating_add(1);
    let nonce = issued.batches;
    let deadline = deadline(ctx.state, now, params.batch_life_ms);
    let fee = chosen.iter().try_fold(Amount::ZERO, |sum, (_, transfer)| sum.checked_add(transfer.fee));
    let batch = Batch {
        nonce,
        deadline,
        fee: fee.map_err(Error::from)?,
        transfers: chosen.iter().map(|(_, transfer)| transfer.mint).collect(),
    };
    for (id, transfer) in &chosen {
        TRANSFERS.set(ctx.state, id, &OutTransfer { batch: Some(nonce), ..*transfer });
        WAITING.remove(ctx.state, id);
    }
    let transfers = chosen.iter().map(|(id, _)| *id).collect();
    BATCHES.set(ctx.state, &nonce, &OpenBatch { deadline, sealed_at: now, transfers });
    DEADLINES.set(ctx.state, &(deadline, nonce), &1);
    STRUCT_HASHES.set(ctx.state, &(OutboundKind::Batch, nonce), &batch.struct_hash());
    OUT_BUCKET.set(ctx.state, &bucket.filled(sum));
    ISSUED.set(ctx.state, &issued);
    let mut books = books(ctx.state);
    books.waiting = books.waiting.checked_sub(sum).map_err(Error::from)?;
    books.open = books.open.checked_add(sum).map_err(Error::from)?;
    BOOKS.set(ctx.state, &books);
    let transfers = u32::try_from(chosen.len()).unwrap_or(u32::MAX);
    ctx.events.emit(ID, &Event::BatchSealed { nonce, deadline, transfers, fee: batch.fee });
    Ok(())
}

/// The moment from which on the end of a block seals the next batch; `None` if nothing waits that can be sealed. An engine
/// that makes blocks on demand so knows when one is needed.
pub fn due(state: &dyn StateRead) -> Option<Time> {
    let params = params(state);
    if issued(state).open >= params.max_open {
        return None;
    }
    let waiting = first_waiting(state);
    let (_, oldest) = waiting.first()?;
    let is_full = waiting.len() >= SEALED_AT_ONCE;
    let ripe = if is_full { 0 } else { oldest.since.millis().saturating_add(params.seal_wait_ms) };
    let least = waiting.iter().map(|(_, transfer)| transfer.total()).min()?;
    let room = OUT_BUCKET.get(state).unwrap_or_default().fits_at(params.out_capacity, least)?;
    let unpaused = Time(applied(state).paused_until.saturating_mul(SECOND_MS));
    let moment = room.max(Time(ripe)).max(unpaused);
    closed(state, moment).is_none().then_some(moment)
}

/// The batch of this nonce as validators sign it, while it is open.
pub fn batch(state: &dyn StateRead, nonce: u64) -> Option<Batch> {
    let open = BATCHES.get(state, &nonce)?;
    let transfers: Vec<OutTransfer> = open.transfers.iter().filter_map(|id| TRANSFERS.get(state, id)).collect();
    let fee = transfers.iter().fold(Amount::ZERO, |sum, transfer| sum.saturating_add(transfer.fee));
    let transfers = transfers.iter().map(|transfer| transfer.mint).collect();
    Some(Batch { nonce, deadline: open.deadline, fee, transfers })
}

/// The last second in which a batch that is sealed now can be executed on Base, whose clock counts whole seconds.
fn deadline(state: &dyn StateRead, now: Time, batch_life_ms: u64) -> u64 {
    let base_now = attested(state).completed.map_or(0, |completed| completed.timestamp);
    // A time of a block and a life of days are far below 64 bits.
    (now.millis() / SECOND_MS).max(base_now).saturating_add(batch_life_ms / SECOND_MS)
}

/// The waiting transfers that a block looks at, the oldest first.
pub(crate) fn first_waiting(state: &dyn StateRead) -> Vec<(u64, OutTransfer)> {
    let ids = WAITING.range(state, None, LOOKED_AT);
    ids.into_iter().filter_map(|(id, _)| Some((id, TRANSFERS.get(state, &id)?))).collect()
}

/// The order in which they go: the oldest, then the highest fees, the older of two equal ones first.
pub(crate) fn in_order(mut waiting: Vec<(u64, OutTransfer)>) -> Vec<(u64, OutTransfer)> {
    if let Some((_, rest)) = waiting.split_first_mut() {
        rest.sort_by_key(|(id, transfer)| (Reverse(transfer.fee), *id));
    }
    waiting
}

/// Chooses what goes; what does not fit the room is passed over. Returns the sum of what was chosen, with fees.
fn choose(waiting: Vec<(u64, OutTransfer)>, mut room: Amount) -> (Vec<(u64, OutTransfer)>, Amount) {
    let (mut chosen, mut sum) = (Vec::new(), Amount::ZERO);
    for (id, transfer) in in_order(waiting) {
        if chosen.len() == SEALED_AT_ONCE {
            break;
        }
        if let Ok(left) = room.checked_sub(transfer.total()) {
            room = left;
            sum = sum.saturating_add(transfer.total());
            chosen.push((id, transfer));
        }
    }
    (chosen, sum)
}
