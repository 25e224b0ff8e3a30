//! Where a transfer to Base stands, what it waits for, and until when.

use diem_core::{Address, Amount, QueryContext, StateRead, Time};

use crate::{
    Error, OutTransfer, OutboundKind, QueueItem, booking,
    inbound::{EXECUTED, applied, queue_item},
    query::transfer,
    sealing::{NotSealing, SEALED_AT_ONCE, closed, first_waiting, in_order},
    state::{BATCHES, OUT_BUCKET, issued, params},
};

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits to be sealed.
    Waiting {
        /// The number of transfers that go before it; of a long queue only the part that a block looks at.
        before: u64,
        /// What it waits for.
        until: Waits,
    },
    /// It is in a batch.
    InBatch(InBatch),
    /// Its batch was executed on Base, where it found no room and waits in the queue.
    Queued {
        /// The id of its item.
        id: u64,
        /// The item.
        item: QueueItem,
    },
    /// Its batch was executed on Base; the events that tell whether it waits there are still being applied.
    Executed {
        /// The nonce of the batch.
        batch: u64,
    },
}

/// What a transfer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Nothing is sealed now, for this reason.
    Bridge(NotSealing),
    /// As many batches are open as may be.
    OpenBatches,
    /// It is sealed with a block from this time on.
    Sealing(Time),
    /// The out bucket has no room for it before this time; never, if it is larger than the whole bucket.
    Room(Option<Time>),
}

/// The batch of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InBatch {
    /// The nonce under which the batch was issued.
    pub nonce: u64,
    /// The time at which it was sealed.
    pub sealed_at: Time,
    /// The last second of Base in which it can be executed.
    pub deadline: u64,
    /// The power of the installed set that has signed it.
    pub signed: u64,
    /// The power of the whole set.
    pub total: u64,
    /// Whether that is enough for Base.
    pub is_enough: bool,
    /// The validator whose turn it is to relay it.
    pub turn: Option<Address>,
}

/// Where a transfer that is not over stands.
///
/// # Errors
/// [`Error::UnknownTransfer`].
pub fn standing(ctx: &QueryContext<'_>, id: u64) -> Result<Standing, Error> {
    let row = transfer(ctx, id)?;
    let Some(nonce) = row.batch else { return Ok(waiting(ctx, id, &row)) };
    if let Some((id, item)) = row.queued.and_then(|item| Some((item, queue_item(ctx.state, item)?))) {
        return Ok(Standing::Queued { id, item });
    }
    if EXECUTED.get(ctx.state, &nonce).is_some() {
        return Ok(Standing::Executed { batch: nonce });
    }
    in_batch(ctx, nonce).map(Standing::InBatch).ok_or(Error::UnknownTransfer(id))
}

/// What the open batch of this nonce still needs.
pub fn in_batch(ctx: &QueryContext<'_>, nonce: u64) -> Option<InBatch> {
    let open = BATCHES.get(ctx.state, &nonce)?;
    let (signed, total) = booking::signed_power(ctx.state, OutboundKind::Batch, nonce, applied(ctx.state).set)?;
    Some(InBatch {
        nonce,
        sealed_at: open.sealed_at,
        deadline: open.deadline,
        signed,
        total,
        is_enough: booking::threshold(ctx.state, OutboundKind::Batch, nonce).is_reached(signed, total),
        turn: booking::turn(ctx.state, nonce, open.sealed_at, ctx.block.time),
    })
}

fn waiting(ctx: &QueryContext<'_>, id: u64, row: &OutTransfer) -> Standing {
    let queue = first_waiting(ctx.state);
    let seals_at = sealing_time(ctx, &queue);
    let queue = in_order(queue);
    let place = queue.iter().position(|(other, _)| *other == id).unwrap_or(queue.len());
    let ahead = queue.get(..place).unwrap_or_default();
    let issued = issued(ctx.state);
    let until = if let Some(why) = closed(ctx.state, ctx.block.time) {
        Waits::Bridge(why)
    } else if issued.open >= params(ctx.state).max_open {
        Waits::OpenBatches
    } else {
        room_or_sealing(ctx, ahead, row.total(), seals_at)
    };
    Standing::Waiting { before: ahead.len() as u64, until }
}

/// The time from which a block seals a batch of this queue, the oldest first.
fn sealing_time(ctx: &QueryContext<'_>, queue: &[(u64, OutTransfer)]) -> Time {
    let now = ctx.block.time;
    match queue.first() {
        Some((_, oldest)) if queue.len() < SEALED_AT_ONCE => {
            now.max(Time(oldest.since.millis().saturating_add(params(ctx.state).seal_wait_ms)))
        }
        _ => now,
    }
}

/// Takes room as sealing does: whoever is ahead and fits takes it, whoever does not is passed over.
fn room_or_sealing(ctx: &QueryContext<'_>, ahead: &[(u64, OutTransfer)], total: Amount, seals_at: Time) -> Waits {
    let capacity = params(ctx.state).out_capacity;
    let mut bucket = OUT_BUCKET.get(ctx.state).unwrap_or_default().drained(capacity, seals_at);
    for (_, other) in ahead {
        if other.total() <= bucket.room(capacity) {
            bucket = bucket.filled(other.total());
        }
    }
    if total <= bucket.room(capacity) { Waits::Sealing(seals_at) } else { Waits::Room(bucket.fits_at(capacity, total)) }
}

/// The amount that can be sealed now, in adiem.
pub fn room(state: &dyn StateRead, now: Time) -> Amount {
    let capacity = params(state).out_capacity;
    OUT_BUCKET.get(state).unwrap_or_default().drained(capacity, now).room(capacity)
}
