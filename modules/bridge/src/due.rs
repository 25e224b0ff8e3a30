//! The moment at which the bridge has something to do, for an engine that makes blocks on demand.

use diem_core::{StateRead, Time};

use crate::{
    credits,
    inbound::{CREDITS, DEADLINES, DELAYED, REPLAY, attested, halt},
    replay, sealing,
};

/// The moment from which a block would do something for the bridge, even if nobody sends anything: it seals, applies
/// events, pays or refunds. `None` if nothing is to be done; a time that has passed means at once.
pub fn due(state: &dyn StateRead) -> Option<Time> {
    const AT_ONCE: Time = Time(0);
    let applies = (REPLAY.get(state).is_some() && replay::missing(state).is_none()).then_some(AT_ONCE);
    if halt(state).is_some() {
        return applies;
    }
    let (attested, purse) = (attested(state), credits::purse(state));
    // What the escrow cannot pay waits for somebody to cover it.
    let is_payable = |id: u64| CREDITS.get(state, &id).is_none_or(|credit| credit.amount <= purse);
    let next = attested.handled.saturating_add(1);
    let pays = (next <= attested.payable && is_payable(next)).then_some(AT_ONCE);
    let delayed = DELAYED.range(state, None, 1).pop().map(|(key, _)| key);
    let delayed = delayed.filter(|(_, id)| is_payable(*id)).map(|(until, _)| Time(until));
    let expired = DEADLINES.range(state, None, 1).pop().map(|(key, _)| key);
    let is_refunded = |(deadline, nonce): &(u64, u64)| {
        let is_past = attested.completed.is_some_and(|completed| completed.timestamp > *deadline);
        is_past && sealing::batch(state, *nonce).is_none_or(|batch| batch.total() <= purse)
    };
    let refunds = expired.filter(is_refunded).map(|_| AT_ONCE);
    [applies, pays, delayed, refunds, sealing::due(state)].into_iter().flatten().min()
}
