//! Transfers to Base that are over. Their rows have left the state and stand in this node's own index.

use diem_api::{BaseNumber, BridgeTransfer, Coin, TransferEnd as End, TransferState};
use diem_bridge::{query, state::issued};
use diem_core::Time;
use diem_index::bridge::{EndedTransfer, TransferEnd, ended_transfer, sent_transfer};

use crate::{
    error::{Failure, pruned},
    snapshot_reader::Reader,
};

/// The transfer that is over and has this id.
///
/// # Errors
/// There never was one, or this node has not executed the blocks that tell of it.
pub(super) fn transfer(reader: &Reader, id: u64) -> Result<BridgeTransfer, Failure> {
    let snapshot = reader.snapshot();
    let Some((sent, ended)) = sent_transfer(snapshot, id).zip(ended_transfer(snapshot, id)) else {
        if !(1..=issued(snapshot).transfers).contains(&id) {
            query::transfer(&reader.ctx(), id)?;
        }
        let words = format!(
            "transfer {id} is over, and blocks that this node has not tell how; ask a node that keeps older ones"
        );
        return Err(pruned(&words, reader.first_block()));
    };
    let (state, reason, next_step) = told(&ended);
    let (mut batch, mut returned, mut credit) = (None, None, None);
    match ended.end {
        TransferEnd::Cancelled => returned = Some(Coin::diem(sent.amount.saturating_add(sent.fee))),
        TransferEnd::Minted { batch: nonce } => batch = Some(BaseNumber(nonce)),
        TransferEnd::Refunded { amount, credit: by } => {
            (returned, credit) = (Some(Coin::diem(amount)), by.map(BaseNumber));
        }
    }
    let end = End { height: ended.height, at: reader.moment(ended.time), batch, returned, credit };
    let since: Time = sent.since;
    Ok(BridgeTransfer {
        id,
        sender: sent.sender,
        recipient: sent.recipient,
        amount: Coin::diem(sent.amount),
        fee: Coin::diem(sent.fee),
        since: reader.moment(since),
        state,
        reason,
        next_step,
        expected: None,
        before: None,
        batch: None,
        queue_id: None,
        end: Some(end),
    })
}

/// The state of an ended transfer, why it is in it, and what comes next.
fn told(ended: &EndedTransfer) -> (TransferState, String, String) {
    let nothing = || "nothing: it is over".to_owned();
    match ended.end {
        TransferEnd::Cancelled => {
            (TransferState::Cancelled, "its sender took it back before it was sealed".to_owned(), nothing())
        }
        TransferEnd::Minted { batch } => {
            (TransferState::Minted, format!("it was minted on Base with batch {batch}"), nothing())
        }
        TransferEnd::Refunded { credit: None, .. } => {
            let reason = "nobody had its batch minted in time, so amount and fee went back to its sender";
            (TransferState::Refunded, reason.to_owned(), nothing())
        }
        TransferEnd::Refunded { credit: Some(credit), .. } => (
            TransferState::Refunded,
            "the validators cancelled its item in the queue on Base, so its amount goes back to its sender".to_owned(),
            format!("credit {credit} pays it: `diemd bridge status --burn {credit}`"),
        ),
    }
}
