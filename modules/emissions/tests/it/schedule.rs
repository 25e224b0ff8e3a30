//! The schedule: known answers, what is refused, and that pieces add up.

use diem_core::{Amount, Time};
use diem_emissions::{Error, Schedule, Segment, schedule::MAX_PER_YEAR, schedule::MAX_SEGMENTS};
use proptest::{collection::vec, prelude::*};

use crate::chain::whole;

fn segment(from: u64, per_year: Amount) -> Segment {
    Segment { from: Time(from), per_year }
}

#[test]
fn the_published_rate_is_met() {
    let segment = segment(0, whole(2_500_000));
    assert_eq!(segment.per_second(), Amount::new(79_274_479_959_411_466));
}

#[test]
fn a_year_emits_what_its_seconds_do() {
    let year = 31_536_000_000;
    let schedule = Schedule::new(vec![segment(1_000, whole(10_000_000))]).unwrap();
    let rate = 317_097_919_837_645_865u128;
    assert_eq!(schedule.segments()[0].per_second().get(), rate);
    assert_eq!(schedule.between(Time(1_000), Time(1_000 + year)).unwrap().get(), rate * 31_536_000);
    assert_eq!(schedule.emitted(Time(1_001)).unwrap().get(), rate / 1_000, "a millisecond");
    assert_eq!(schedule.emitted(Time(999)).unwrap(), Amount::ZERO, "not before it starts");
}

#[test]
fn each_segment_is_floored_by_itself() {
    // 1 avvv a second for 1.5 s, then 3 for 0.5 s: 1 + 1.
    let per_second = |rate: u128| Amount::new(rate * 31_536_000);
    let schedule = Schedule::new(vec![segment(0, per_second(1)), segment(1_500, per_second(3))]).unwrap();
    assert_eq!(schedule.emitted(Time(1_500)).unwrap().get(), 1);
    assert_eq!(schedule.emitted(Time(2_000)).unwrap().get(), 2);
    assert_eq!(schedule.emitted(Time(2_500)).unwrap().get(), 1 + 3);
    assert_eq!(schedule.at(Time(1_499)), Some(schedule.segments()[0]));
    assert_eq!(schedule.at(Time(1_500)), Some(schedule.segments()[1]));
    assert_eq!(schedule.after(Time(1_499)), Some(schedule.segments()[1]));
    assert_eq!(schedule.after(Time(1_500)), None);
}

#[test]
fn a_schedule_that_is_none_is_refused() {
    assert_eq!(Schedule::new(vec![]), Err(Error::Segments(0)));
    let many = |count: usize| (0..count as u64).map(|from| segment(from, Amount::ONE)).collect();
    assert!(Schedule::new(many(MAX_SEGMENTS)).is_ok());
    assert_eq!(Schedule::new(many(MAX_SEGMENTS + 1)), Err(Error::Segments(65)));
    assert_eq!(Schedule::new(vec![segment(5, Amount::ONE), segment(5, Amount::ONE)]), Err(Error::Order));
    assert_eq!(Schedule::new(vec![segment(5, Amount::ONE), segment(4, Amount::ONE)]), Err(Error::Order));
    assert!(Schedule::new(vec![segment(0, MAX_PER_YEAR)]).is_ok());
    let above = MAX_PER_YEAR.checked_add(Amount::new(1)).unwrap();
    assert_eq!(Schedule::new(vec![segment(0, above)]), Err(Error::PerYear(above)));
    let last = Time::LATEST.millis();
    assert!(Schedule::new(vec![segment(last, Amount::ONE)]).is_ok());
    assert_eq!(Schedule::new(vec![segment(last + 1, Amount::ONE)]), Err(Error::Late(Time(last + 1))));
}

#[test]
fn the_largest_schedule_never_overflows() {
    let last = Time::LATEST.millis() - MAX_SEGMENTS as u64;
    let segments = (0..MAX_SEGMENTS as u64).map(|n| segment(if n == 0 { 0 } else { last + n }, MAX_PER_YEAR));
    let schedule = Schedule::new(segments.collect()).unwrap();
    assert!(schedule.emitted(Time(u64::MAX)).unwrap() > Amount::ZERO);
}

#[test]
fn a_change_starts_in_the_future_and_replaces_what_was_planned() {
    let schedule = Schedule::new([10, 20, 30, 40].map(|from| segment(from, whole(from.into()))).to_vec()).unwrap();
    for from in [0, 24, 25] {
        let error = schedule.with(Time(25), segment(from, Amount::ONE)).unwrap_err();
        assert_eq!(error, Error::Past { from: Time(from), now: Time(25) });
    }
    let froms =
        |schedule: Schedule| schedule.segments().iter().map(|segment| segment.from.millis()).collect::<Vec<_>>();
    let change = |from| froms(schedule.with(Time(25), segment(from, Amount::ONE)).unwrap());
    assert_eq!(change(26), [20, 26], "the plans for 30 and 40 are off, and 10 is long over");
    assert_eq!(change(40), [20, 30, 40]);
    assert_eq!(change(41), [20, 30, 40, 41]);
    let early = Schedule::new(vec![segment(50, Amount::ONE)]).unwrap();
    assert_eq!(froms(early.with(Time(25), segment(30, Amount::ONE)).unwrap()), [30], "before the first segment too");
}

proptest! {
    #[test]
    fn pieces_of_time_add_up_to_the_whole(
        starts in vec((0..5_000u64, 0..100_000_000_000u128), 1..6),
        cuts in vec(0..20_000u64, 0..20),
    ) {
        let mut from = 0;
        let segments = starts.into_iter().map(|(gap, per_year)| { from += gap + 1; segment(from, Amount::new(per_year)) });
        let schedule = Schedule::new(segments.collect()).unwrap();
        let mut times = cuts;
        times.extend([0, 20_000]);
        times.sort_unstable();
        let pieces: u128 = times.windows(2).map(|w| schedule.between(Time(w[0]), Time(w[1])).unwrap().get()).sum();
        prop_assert_eq!(pieces, schedule.emitted(Time(20_000)).unwrap().get());
        // Against a sum of thousandths, one for each millisecond.
        let mut exact = 0;
        for (number, part) in schedule.segments().iter().enumerate() {
            let end = schedule.segments().get(number + 1).map_or(20_000, |next| next.from.millis().min(20_000));
            let ms = (part.from.millis()..end).count() as u128;
            exact += part.per_year.get() / 31_536_000 * ms / 1_000;
        }
        prop_assert_eq!(pieces, exact);
    }

    /// A change leaves what is emitted until it starts as it was.
    #[test]
    fn a_change_alters_nothing_before_it_starts(
        starts in vec((0..5_000u64, 0..u128::from(u64::MAX)), 1..6), now in 0..20_000u64, wait in 1..5_000u64, rate: u64,
    ) {
        let mut from = 0;
        let segments = starts.into_iter().map(|(gap, per_year)| { from += gap + 1; segment(from, Amount::new(per_year)) });
        let before = Schedule::new(segments.collect()).unwrap();
        let start = Time(now + wait);
        let after = before.with(Time(now), segment(start.millis(), Amount::new(rate.into()))).unwrap();
        let until = |schedule: &Schedule, time| schedule.between(Time(now), time).unwrap();
        prop_assert_eq!(until(&before, start), until(&after, start));
        let second = Time(start.millis() + 1_000);
        let expected = until(&before, start).get() + u128::from(rate) / 31_536_000;
        prop_assert_eq!(until(&after, second).get(), expected);
    }
}
