//! Refunds: a batch that nobody executed by its deadline pays itself back.
//!
//! Only a completed block of Base that is later than the deadline says that a batch was not executed: this chain's own
//! clock says nothing about Base.

use diem_bank::{Pool, pay_from_pool};
use diem_core::{Amount, BlockContext, CallError, Denom};

use crate::{
    Error, Event, ID, closing, credits,
    inbound::{DEADLINES, HALT, attested},
    state::{BATCHES, BOOKS, OUT_BUCKET, TRANSFERS, books, params},
};

/// The most batches that a block refunds, which are two hundred transfers.
pub const REFUNDED_AT_ONCE: usize = 4;

/// Refunds batches whose deadline lies before the last completed block of Base: amount and fee to whoever sent each
/// transfer. A batch that the escrow cannot pay waits with all that expired later.
///
/// # Errors
/// The pool does not hold what bank says; nothing is written then.
pub fn refund_due(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let Some(completed) = attested(ctx.state).completed else { return Ok(()) };
    if HALT.get(ctx.state).is_some() {
        return Ok(());
    }
    for ((deadline, nonce), _) in DEADLINES.range(ctx.state, None, REFUNDED_AT_ONCE) {
        if completed.timestamp <= deadline {
            break;
        }
        let Some(open) = BATCHES.get(ctx.state, &nonce) else { continue };
        let transfers: Vec<_> =
            open.transfers.iter().filter_map(|id| Some((*id, TRANSFERS.get(ctx.state, id)?))).collect();
        let total = transfers.iter().fold(Amount::ZERO, |sum, (_, transfer)| sum.saturating_add(transfer.total()));
        if total > credits::purse(ctx.state) {
            break;
        }
        for (id, transfer) in &transfers {
            pay_from_pool(ctx.state, Pool::BridgeEscrow, &transfer.sender, Denom::Diem, transfer.total())?;
            TRANSFERS.remove(ctx.state, id);
            ctx.events.emit(ID, &Event::TransferRefunded { id: *id, amount: transfer.total() });
        }
        let mut books = books(ctx.state);
        books.open = books.open.checked_sub(total).map_err(Error::from)?;
        BOOKS.set(ctx.state, &books);
        let bucket = OUT_BUCKET.get(ctx.state).unwrap_or_default();
        let bucket = bucket.drained(params(ctx.state).out_capacity, ctx.block.info.time);
        OUT_BUCKET.set(ctx.state, &bucket.emptied(total));
        closing::close_batch(ctx.state, ctx.events, ctx.block.info.time, nonce, &open);
        ctx.events.emit(ID, &Event::BatchRefunded { nonce });
    }
    Ok(())
}
