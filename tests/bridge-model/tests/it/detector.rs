//! The model finds each rule that is broken on purpose, and tells it in a few steps.

use crate::{
    defect::Defect,
    model::{Model, Shape},
    play::{History, play, shrink},
    staking_chain::empty,
};

/// Lives histories until one breaks this rule, which the defect makes possible, shortens it, and shows that nothing but
/// the defect breaks it.
fn find(defect: Defect, rule: &str) {
    const SEEDS: u64 = 500;
    const STEPS: usize = 200;
    /// Short enough to be understood.
    const SHORT: usize = 20;
    let histories = (1..SEEDS).map(|seed| History::of(seed, STEPS, Some(defect)));
    let mut broken = histories.filter_map(|history| Some((history.shape, history.live().err()?)));
    let (shape, found) = broken.find(|(_, found)| found.violation.rule == rule).expect("it is found");
    let short = shrink(shape, found);
    assert!(short.steps.len() <= SHORT, "{short:?}");
    let sound = play(&mut Model::new(&empty(), Shape { defect: None, ..shape }), &short.steps);
    assert!(sound.is_ok(), "without the defect nothing is broken: {:?}", sound.err());
}

#[test]
fn a_refund_before_base_has_passed_the_deadline_is_found() {
    find(Defect::RefundsEarly, "a refund waits for Base's time");
}

#[test]
fn a_burn_that_is_paid_twice_is_found() {
    find(Defect::PaysTwice, "a burn is paid once");
}

#[test]
fn an_event_that_was_never_proven_is_found() {
    find(Defect::AppliesUnproven, "only what Base reported is applied");
}

#[test]
fn a_batch_that_is_both_executed_and_refunded_is_found() {
    find(Defect::RefundsExecuted, "a batch is executed or refunded");
}

#[test]
fn a_cancelled_item_that_is_paid_back_twice_is_found() {
    find(Defect::RefundsTwice, "a cancelled item is paid once");
}

#[test]
fn a_mint_past_the_room_on_base_is_found() {
    find(Defect::MintsPastRoom, "no day takes more than its limit");
}
