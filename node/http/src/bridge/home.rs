//! What comes back from Base: credits, and the items of the queue there.

use diem_api::{
    BaseAddress, BaseNumber, BridgeBurn, BridgePayment, BridgeQueueItem, BurnKind, BurnState, Coin, QueueState,
    QueuedPart, base_time,
};
use diem_bridge::{Credit, Part, QueueItem, Reason, credits::purse, inbound, query, state::issued};
use diem_core::Time;
use diem_index::bridge::{PaidCredit, paid_credit};

use super::words;
use crate::{
    error::{Failure, pruned},
    snapshot_reader::Reader,
};

/// The credit that has this id, paid or not.
///
/// # Errors
/// There never was one, or this node has not executed the block that paid it.
pub(super) fn burn(reader: &Reader, id: u64) -> Result<BridgeBurn, Failure> {
    let snapshot = reader.snapshot();
    if let Some(credit) = inbound::credit(snapshot, id) {
        return Ok(owed(reader, id, &credit));
    }
    if let Some(paid) = paid_credit(snapshot, id) {
        return Ok(credited(reader, id, &paid));
    }
    if !(1..=issued(snapshot).credits).contains(&id) {
        query::credit(&reader.ctx(), id)?;
    }
    let words = format!("credit {id} is paid, in a block that this node has not");
    Err(pruned(&words, reader.first_block()))
}

/// A credit that is not paid.
pub(super) fn owed(reader: &Reader, id: u64, credit: &Credit) -> BridgeBurn {
    let (state, reason, next_step, expected) = told(reader, id, credit);
    let since = Some(reader.moment(credit.since));
    let expected = expected.map(|time| reader.moment(time));
    let Parts { kind, event, sender, queue_id } = parts(&credit.reason);
    let (recipient, amount) = (credit.recipient, Coin::diem(credit.amount));
    BridgeBurn {
        id,
        kind,
        event,
        sender,
        queue_id,
        recipient,
        amount,
        since,
        state,
        reason,
        next_step,
        expected,
        paid: None,
    }
}

fn credited(reader: &Reader, id: u64, paid: &PaidCredit) -> BridgeBurn {
    let Parts { kind, event, sender, queue_id } = parts(&paid.reason);
    BridgeBurn {
        id,
        kind,
        event,
        sender,
        queue_id,
        recipient: paid.recipient,
        amount: Coin::diem(paid.amount),
        since: None,
        state: BurnState::Credited,
        reason: "it was paid out of the escrow".to_owned(),
        next_step: "nothing: it is over".to_owned(),
        expected: None,
        paid: Some(BridgePayment { height: paid.height, at: reader.moment(paid.time) }),
    }
}

struct Parts {
    kind: BurnKind,
    event: Option<BaseNumber>,
    sender: Option<BaseAddress>,
    queue_id: Option<BaseNumber>,
}

fn parts(reason: &Reason) -> Parts {
    let none = Parts { kind: BurnKind::Surplus, event: None, sender: None, queue_id: None };
    match *reason {
        Reason::Burn { event, sender } => {
            Parts { kind: BurnKind::Burn, event: Some(BaseNumber(event)), sender: Some(BaseAddress(sender)), ..none }
        }
        Reason::Cancelled { queue_id } => {
            Parts { kind: BurnKind::Cancelled, queue_id: Some(BaseNumber(queue_id)), ..none }
        }
        Reason::Surplus => none,
    }
}

/// The state of a credit, why it is in it, what comes next and when.
fn told(reader: &Reader, id: u64, credit: &Credit) -> (BurnState, String, String, Option<Time>) {
    let snapshot = reader.snapshot();
    let is_halted = inbound::halt(snapshot).is_some();
    let is_short = credit.amount > purse(snapshot);
    let next_step = |usual: String| match (is_halted, is_short) {
        (true, _) => {
            "a breach has halted the bridge: it is paid once the bridge goes on; `diemd bridge status` says how"
                .to_owned()
        }
        (false, true) => "the escrow lacks too much to pay it: anybody pays in with `diemd bridge cover`".to_owned(),
        (false, false) => usual,
    };
    if let Some(until) = credit.delayed_until {
        let (state, reason) = if credit.held {
            (BurnState::Held, "the authority holds it back, which it may do once and for fourteen days at most")
        } else {
            (BurnState::Delayed, "it is more than what comes back at once leaves room for, so it waits a day")
        };
        return (state, reason.to_owned(), next_step("then it is paid by itself".to_owned()), Some(until));
    }
    if id > inbound::attested(snapshot).payable {
        let reason = "it is burned and attested, but not every event of that block of Base is applied yet";
        let usual = "it is paid once they are; `diemd bridge replay` hands missing events in";
        return (BurnState::Attested, reason.to_owned(), next_step(usual.to_owned()), None);
    }
    let reason = "it is the next in line, or others are before it: a block pays at most 200";
    (BurnState::Attested, reason.to_owned(), next_step("the next blocks pay it".to_owned()), Some(reader.time()))
}

/// An item of the queue on Base.
pub(super) fn item(reader: &Reader, id: u64, item: &QueueItem) -> BridgeQueueItem {
    let (is_vetoed, told) = words::queued(reader, id, item);
    let ready_at = item.ready_at.max(item.vetoed_until);
    let state = match (is_vetoed, ready_at <= words::base_second(reader)) {
        (true, _) => QueueState::Vetoed,
        (false, true) => QueueState::Ready,
        (false, false) => QueueState::Waiting,
    };
    let (part, transfer) = match item.part {
        Part::Transfer { id } => (QueuedPart::Transfer, Some(BaseNumber(id))),
        Part::Fee => (QueuedPart::Fee, None),
        Part::Forged => (QueuedPart::Forged, None),
    };
    BridgeQueueItem {
        id,
        batch: item.batch,
        part,
        transfer,
        amount: Coin::diem(item.amount),
        ready_at: base_time(item.ready_at),
        vetoed_until: is_vetoed.then(|| base_time(item.vetoed_until)),
        state,
        reason: told.reason,
        next_step: told.next_step,
        expected: told.expected.map(|time| reader.moment(time)),
    }
}
