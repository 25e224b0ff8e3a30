//! What of Base is looked at and stated. Everything here follows from numbers alone.

use std::{collections::BTreeSet, time::Duration};

use diem_bridge::{Checkpoint, attesting::Bounds};

/// The most young blocks whose proofs are asked for in one round: the newest of them, because they grow old.
pub(crate) const YOUNG_AT_ONCE: usize = 8;
/// The number of newest final blocks that are looked at in one round. One is enough, unless the chain of an endpoint was
/// another when the proof was taken.
const FINAL_AT_ONCE: usize = 3;
/// The number of blocks behind them whose hashes are asked for, because they may become final before the answer.
const SOON_FINAL: usize = 2;
/// The most blocks that others have named and that are looked at in one round.
const NAMED_AT_ONCE: usize = 32;

/// The numbers of the blocks whose proofs are missing, the newest first: of the young ones, of those that others have
/// named, and the newest final one, for an endpoint that serves old proofs too.
pub(crate) fn missing_proofs(
    bounds: &Bounds,
    newest: u64,
    finalized: Option<u64>,
    named: &[u64],
    has: impl Fn(u64) -> bool,
) -> Vec<u64> {
    let young = downwards(bounds, newest).take(YOUNG_AT_ONCE);
    let last_final = finalized.into_iter().flat_map(|number| downwards(bounds, number).take(1));
    let named = named.iter().copied().filter(|number| bounds.has(*number) && *number <= newest).take(NAMED_AT_ONCE);
    let all: BTreeSet<u64> = young.chain(last_final).chain(named).filter(|number| !has(*number)).collect();
    all.into_iter().rev().collect()
}

/// The numbers of the blocks that are to be stated, from this one downwards.
fn downwards(bounds: &Bounds, from: u64) -> impl Iterator<Item = u64> {
    let (every, bounds) = (bounds.every.max(1), *bounds);
    let first = from.checked_div(every).unwrap_or_default().saturating_mul(every);
    std::iter::successors(Some(first), move |number| number.checked_sub(every))
        .take_while(move |number| bounds.has(*number))
}

/// The numbers of the blocks of which a hash is asked for: those with a proof that are named, that are the newest final
/// ones, or that may be so soon.
pub(crate) fn candidates(bounds: &Bounds, finalized: u64, named: &[u64], kept: &BTreeSet<u64>) -> BTreeSet<u64> {
    let stated = |number: &u64| bounds.has(*number);
    let newest = kept.range(..=finalized).rev().copied().filter(stated).take(FINAL_AT_ONCE);
    let soon = kept.range(finalized.saturating_add(1)..).copied().filter(stated).take(SOON_FINAL);
    let named = named.iter().copied().filter(|number| stated(number) && kept.contains(number)).take(NAMED_AT_ONCE);
    newest.chain(soon).chain(named).collect()
}

/// Whether a block of this second is so old, by the node's own clock, that it may be stated. Without a least age the
/// clock of Base is not compared with the node's: a local one may be far ahead.
pub(crate) fn is_old_enough(timestamp: u64, now: Duration, min_age: Duration) -> bool {
    min_age.is_zero() || Duration::from_secs(timestamp).saturating_add(min_age) <= now
}

/// The blocks that an operator should state now, ascending, out of those that are final and proven.
///
/// Whoever is ahead waits for the others, and whoever is behind follows: those that a statement on the chain names, and
/// the newest one if the operator's own last is attested, or if it has waited long enough for the others.
pub(crate) fn to_state(
    bounds: &Bounds,
    named: &[u64],
    finals: &[Checkpoint],
    own_last: Option<u64>,
    has_waited: bool,
) -> Vec<Checkpoint> {
    let above = own_last.unwrap_or_default().max(bounds.above);
    let is_free = has_waited || own_last.is_none_or(|last| last <= bounds.above);
    let newest = finals.iter().map(|checkpoint| checkpoint.number).max().filter(|_| is_free);
    let is_due = |number: u64| named.contains(&number) || newest == Some(number);
    let due = finals.iter().filter(|checkpoint| {
        let number = checkpoint.number;
        number > above && bounds.has(number) && is_due(number)
    });
    let mut due: Vec<Checkpoint> = due.copied().collect();
    due.sort_by_key(|checkpoint| checkpoint.number);
    due
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_core::Amount;

    use super::*;

    const EVERY_FIVE: Bounds = Bounds { every: 5, above: 100 };

    fn block(number: u64) -> Checkpoint {
        let (block_hash, rolling_hash) = ([1; 32], [2; 32]);
        Checkpoint { number, block_hash, timestamp: number, event_nonce: 0, rolling_hash, supply: Amount::ZERO }
    }

    fn stated(named: &[u64], finals: &[u64], own_last: Option<u64>, has_waited: bool) -> Vec<u64> {
        let finals: Vec<Checkpoint> = finals.iter().map(|number| block(*number)).collect();
        let due = to_state(&EVERY_FIVE, named, &finals, own_last, has_waited);
        due.into_iter().map(|checkpoint| checkpoint.number).collect()
    }

    #[test]
    fn whoever_owes_nothing_states_the_newest_final_block_and_then_waits_for_the_others() {
        assert_eq!(stated(&[], &[105, 110, 115], None, false), [115]);
        assert_eq!(stated(&[], &[105, 110, 115], Some(100), false), [115], "its last is attested");
        assert_eq!(stated(&[], &[105, 110, 115], Some(110), false), Vec::<u64>::new());
        assert_eq!(stated(&[], &[105, 110, 115], Some(110), true), [115], "it has waited long enough");
        assert_eq!(stated(&[], &[105, 110], Some(110), true), Vec::<u64>::new(), "never twice, never backwards");
    }

    #[test]
    fn whoever_is_behind_follows_what_others_name_in_ascending_order() {
        assert_eq!(stated(&[110, 120], &[105, 110, 115, 120], Some(105), false), [110, 120]);
        assert_eq!(stated(&[120], &[105, 110], Some(105), false), Vec::<u64>::new(), "not final here yet");
        assert_eq!(stated(&[110], &[110, 115, 120], None, false), [110, 120]);
        assert_eq!(stated(&[105], &[105, 110], Some(110), false), Vec::<u64>::new(), "below its own last");
    }

    #[test]
    fn what_the_chain_does_not_want_is_not_stated() {
        assert_eq!(stated(&[95, 100, 107], &[95, 100, 107], None, false), Vec::<u64>::new());
        assert_eq!(stated(&[], &[], None, true), Vec::<u64>::new());
        let changed = Bounds { every: 300, above: 100 };
        assert_eq!(to_state(&changed, &[105], &[block(105), block(300)], None, false), [block(300)]);
    }

    #[test]
    fn two_of_nine_who_name_numbers_all_the_time_are_followed_within_a_finality() {
        // Seven wait with 105; the two name each next block. Everybody follows, so that any of them is attested.
        let own = stated(&[105, 110, 115], &[105, 110, 115], Some(105), false);
        assert_eq!(own, [110, 115]);
    }

    #[test]
    fn proofs_are_asked_for_while_they_are_young_the_newest_first() {
        let missing = |newest, finalized, named: &[u64], kept: &[u64]| {
            missing_proofs(&EVERY_FIVE, newest, finalized, named, |number| kept.contains(&number))
        };
        assert_eq!(missing(123, None, &[], &[110]), [120, 115, 105]);
        assert_eq!(missing(99, None, &[], &[]), Vec::<u64>::new());
        let many = missing(10_003, Some(5_001), &[200, 201, 99, 20_000], &[9_995]);
        assert_eq!(many, [10_000, 9_990, 9_985, 9_980, 9_975, 9_970, 9_965, 5_000, 200]);
        let slow = Bounds { every: 300, above: 0 };
        assert_eq!(missing_proofs(&slow, 700, Some(299), &[], |_| false), [600, 300]);
    }

    #[test]
    fn hashes_are_asked_for_where_they_decide_something() {
        let kept: BTreeSet<u64> = (1..=40).map(|step| step * 5).collect();
        let asked = candidates(&EVERY_FIVE, 150, &[105, 107, 500], &kept);
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), [105, 140, 145, 150, 155, 160]);
        assert_eq!(candidates(&EVERY_FIVE, 90, &[], &kept).into_iter().collect::<Vec<_>>(), [105, 110]);
    }

    #[test]
    fn the_least_age_is_by_the_own_clock_and_none_needs_no_clock() {
        let seconds = Duration::from_secs;
        assert!(is_old_enough(1_000, seconds(1_600), seconds(600)));
        assert!(!is_old_enough(1_000, seconds(1_599), seconds(600)));
        assert!(is_old_enough(u64::MAX, seconds(0), Duration::ZERO));
        assert!(!is_old_enough(u64::MAX, seconds(1), seconds(1)));
    }
}
