//! Collecting one's own entries: who waits for nobody, what a slash still takes, and that it takes it once.

use std::collections::BTreeMap;

use diem_core::{
    Amount, Block, BlockContext, CallError, Events, Forgetful, Message as _, Module, ModuleError, TxContext,
};
use diem_staking::{Offence, Params, Reach, Route, position, slash};
use diem_svvv::{Lock, Msg, Svvv, lock_of};

use crate::world::{DAY, ONE, World, empty, units, vvv, who};

const WEEK: u64 = 7 * DAY;

fn collect(world: &mut World<'_>, account: u8, entry: u64) -> Result<(), CallError> {
    let block = world.now;
    let step = |state: &mut dyn diem_core::StateWrite, _: &mut Events| {
        let mut events = Events::default();
        let mut ctx = TxContext {
            state,
            events: &mut events,
            block,
            sender: who(account),
            key: diem_core::keys::KeyKind::Ed25519,
            verifier: &Forgetful,
        };
        (Msg::Collect { entry }).execute(&mut ctx)
    };
    world.try_do(step).map(|_| ())
}

fn restake(world: &mut World<'_>, account: u8, from: u8, to: u8, amount: Amount) {
    let (now, from, to) = (world.now, who(from), who(to));
    let route = Route { from: &from, to: &to };
    world
        .try_do(|state, _| diem_svvv::restake(state, &mut Events::default(), now, &who(account), route, amount))
        .unwrap();
}

fn refusal(outcome: Result<(), CallError>) -> &'static str {
    let error = outcome.unwrap_err();
    assert_eq!(error.codespace, "staking");
    diem_staking::Error::TABLE.iter().find(|line| line.code == error.code).unwrap().name
}

fn start_slash(world: &mut World<'_>, number: u8, bps: u16, reach: Reach) {
    world.try_do(|state, events| slash(state, events, &who(number), Offence::Downtime, bps, reach)).unwrap();
}

/// The queues of a block as the runtime runs them, with these limits.
fn queues(world: &mut World<'_>, jobs: u32, payments: u32) {
    let block = Block { info: world.now, ..Block::default() };
    let mut ctx = BlockContext { state: &mut world.state, events: &mut Events::default(), block: &block };
    diem_svvv::run_slash_jobs(&mut ctx, jobs).unwrap();
    diem_staking::pay_matured(&mut ctx, payments).unwrap();
}

fn check(world: &World<'_>) {
    world.check();
    Svvv::check_invariants(&world.state).unwrap();
}

/// A world whose queues serve nobody.
fn standing<'a>(base: &'a diem_overlay::Empty, validators: u8) -> World<'a> {
    World { job_limit: 0, pay_limit: 0, ..World::new(base, validators) }
}

#[test]
fn who_collects_waits_for_nobody() {
    let base = empty();
    let mut world = standing(&base, 2);
    for account in 5..=20 {
        world.stake(account, 1, vvv(10)).unwrap();
        world.unstake(account, 1, vvv(10)).unwrap();
    }
    world.wait(WEEK + 1);
    collect(&mut world, 20, 15).unwrap();
    assert_eq!((world.balance(20), world.balance(5)), (vvv(1_000_000), vvv(999_990)));
    check(&world);
    // The queue finds the group without it, and pays the others.
    queues(&mut world, 500, 1_000);
    assert!((5..=20).all(|account| world.balance(account) == vvv(1_000_000)));
    check(&world);
}

#[test]
fn only_what_is_due_is_collected_and_by_its_owner_alone() {
    let base = empty();
    let mut world = standing(&base, 2);
    world.stake(9, 1, vvv(10)).unwrap();
    let entry = world.unstake(9, 1, vvv(10)).unwrap();
    // The block in which it left knows no date.
    let error = collect(&mut world, 9, entry).unwrap_err();
    assert!(error.message.contains("its date is known from the next block on"), "{}", error.message);
    world.next();
    let at = world.now.time.millis() + WEEK;
    let error = collect(&mut world, 9, entry).unwrap_err();
    assert!(error.message.contains(&diem_core::Time(at).to_string()), "{}", error.message);
    world.block(WEEK, vec![], vec![]);
    assert_eq!(refusal(collect(&mut world, 9, entry)), "not_due", "exactly the unbonding time is not past it");
    world.block(1, vec![], vec![]);
    assert_eq!(refusal(collect(&mut world, 8, entry)), "unknown_entry");
    assert_eq!(refusal(collect(&mut world, 9, entry + 1)), "unknown_entry");
    collect(&mut world, 9, entry).unwrap();
    assert_eq!(refusal(collect(&mut world, 9, entry)), "unknown_entry");
    assert_eq!(world.balance(9), vvv(1_000_000));
    check(&world);
}

#[test]
fn collected_moves_are_free_to_leave_again() {
    let base = empty();
    let mut world = standing(&base, 2);
    world.stake(9, 1, vvv(10)).unwrap();
    restake(&mut world, 9, 1, 2, vvv(10));
    world.wait(WEEK + 1);
    assert!(world.unstake(9, 2, vvv(10)).is_err());
    collect(&mut world, 9, 0).unwrap();
    world.unstake(9, 2, vvv(10)).unwrap();
    check(&world);
}

#[test]
fn slashes_that_await_an_entry_take_their_part_first_and_the_lock_follows() {
    let base = empty();
    let mut world = standing(&base, 3);
    world.stake(9, 1, vvv(100)).unwrap();
    world
        .try_do(|state, _| {
            diem_svvv::lock(state, &mut Events::default(), &who(9), &who(1), vvv(90), vvv(1)).map(|_| ())
        })
        .unwrap();
    restake(&mut world, 9, 1, 2, vvv(100));
    start_slash(&mut world, 1, 5_000, Reach::Everything);
    start_slash(&mut world, 1, 1_000, Reach::Everything);
    world.wait(WEEK + 1);
    assert_eq!(world.shares(9, 2), 100 * ONE, "no queue has run");
    collect(&mut world, 9, 0).unwrap();
    // A half, then a tenth of the rest: 45 shares are left, all of them locked for the same DIEM.
    let lock = Lock { shares: 45 * ONE, outstanding: vvv(1) };
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), lock);
    let held = position(&world.state, &who(9), &who(2));
    assert_eq!((held.shares, held.locked, held.moved), (45 * ONE, 45 * ONE, 0));
    check(&world);
    queues(&mut world, 500, 1_000);
    assert_eq!(world.shares(9, 2), 45 * ONE, "the jobs do not find it again");
    check(&world);
}

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What each account has in the end, in its balance and as shares with the second validator, and all that was burned.
type End = (BTreeMap<u8, (Amount, u128)>, Amount);

const PEOPLE: std::ops::RangeInclusive<u8> = 5..=16;

/// Everybody leaves the first validator by a tranche and a move in each of some blocks; slashes of different reach
/// begin meanwhile. Then queues process as many as `limits` say, and where `collects`, everybody collects in any order
/// between their steps.
fn story(seed: u64, limits: (u32, u32), collects: bool) -> End {
    let base = empty();
    let params = Params { unbonding_ms: WEEK, ..Params::default() };
    let mut world = World { job_limit: 0, pay_limit: 0, ..World::with(&base, 2, params, 0) };
    let mut dice = Dice(seed);
    for account in PEOPLE {
        world.stake(account, 1, units(100 * ONE + u128::from(dice.below(1_000)))).unwrap();
    }
    let first = world.now.height;
    for _ in 0..4 {
        for account in PEOPLE {
            world.unstake(account, 1, units(2 * ONE + u128::from(dice.below(1_000)))).unwrap();
            restake(&mut world, account, 1, 2, units(2 * ONE + u128::from(dice.below(1_000))));
        }
        if dice.below(3) > 0 {
            let (bps, back) = (1 + dice.below(3_000), dice.below(5));
            let bps = u16::try_from(bps).unwrap();
            let since = (first + back).min(world.now.height);
            let reach = if dice.below(3) == 0 { Reach::Everything } else { Reach::Since(since) };
            start_slash(&mut world, 1, bps, reach);
        }
        world.next();
    }
    world.block(WEEK + 5_000, vec![], vec![]);
    let mut ids: Vec<(u8, u64)> = (0..4 * 2 * 12).map(|id| (5 + u8::try_from(id / 2 % 12).unwrap(), id)).collect();
    let mut collected = 0;
    while collects && !ids.is_empty() {
        queues(&mut world, limits.0, limits.1);
        for _ in 0..=dice.below(12) {
            if !ids.is_empty() {
                let place = usize::try_from(dice.below(ids.len() as u64)).unwrap();
                let (account, id) = ids.swap_remove(place);
                // The queue may have been faster.
                match collect(&mut world, account, id) {
                    Ok(()) => collected += 1,
                    refused => assert_eq!(refusal(refused), "unknown_entry"),
                }
            }
        }
        check(&world);
        world.next();
    }
    // A queue with a large limit may leave nothing to collect.
    assert!(collected > 0 || !collects || limits.1 > 2, "seed {seed}");
    for _ in 0..400 {
        queues(&mut world, limits.0.max(1), limits.1.max(1));
        world.next();
    }
    check(&world);
    let rows = diem_staking::Staking::export_genesis(&world.state).rows.unwrap();
    assert!(rows.entries.is_empty() && rows.jobs.is_empty(), "seed {seed}");
    let end = |account| {
        assert_eq!(position(&world.state, &who(account), &who(2)).moved, 0);
        (account, (world.balance(account), world.shares(account, 2)))
    };
    (PEOPLE.map(end).collect(), diem_staking::burned(&world.state))
}

#[test]
fn a_slash_reaches_waiting_and_collected_entries_exactly_once() {
    for seed in 0..40 {
        let limits = [(0, 0), (1, 1), (7, 2), (500, 1), (1, 1_000)];
        let (by_queue, burned) = story(seed, (500, 1_000), false);
        for limits in limits {
            let (collected, burned_too) = story(seed, limits, true);
            // To the last avvv and the last share, whoever was first and whatever had waited.
            assert_eq!(collected, by_queue, "seed {seed}, {limits:?}");
            // Moved shares are burned at their worth of the moment, of which each division leaves less than one avvv.
            let apart = burned.get().abs_diff(burned_too.get());
            assert!(apart <= 12 * 4 * 4, "seed {seed}, {limits:?}: {apart}");
        }
    }
}

#[test]
fn an_entry_is_slashed_once_by_each_job_as_its_events_say() {
    let base = empty();
    let mut world = standing(&base, 2);
    for account in 5..=8 {
        world.stake(account, 1, vvv(10)).unwrap();
        world.unstake(account, 1, vvv(10)).unwrap();
    }
    start_slash(&mut world, 1, 500, Reach::Everything);
    start_slash(&mut world, 1, 500, Reach::Everything);
    world.wait(WEEK + 1);
    let mut slashed = Vec::new();
    let mut hear = |events: Vec<diem_staking::Event>| {
        for event in events {
            if let diem_staking::Event::EntrySlashed { id, burned, .. } = event {
                slashed.push((id, burned));
            }
        }
    };
    // The first job has reached two entries, the second none.
    world.job_limit = 2;
    hear(world.next().events);
    for (account, entry) in [(8, 3), (6, 1), (5, 0)] {
        hear(world.collect(account, entry).unwrap());
    }
    world.job_limit = 500;
    hear(world.next().events);
    slashed.sort_unstable();
    let twice = |id| [(id, units(ONE * 475 / 1_000)), (id, units(ONE / 2))];
    assert_eq!(slashed, [0, 1, 2, 3].map(twice).concat());
    check(&world);
}
