//! What svvv promises, one sentence at a time.

use diem_core::{
    Amount, Block, BlockContext, CallError, Events, Forgetful, GenesisContext, Message as _, Module, ModuleError, Page,
    QueryContext, Time, TxContext,
};
use diem_overlay::Overlay;
use diem_staking::{Staking, position, slash};
use diem_svvv::{
    Error, Genesis, Lock, Msg, Svvv, free_to_lock, genesis::GenesisLock, lock_of, query, total_outstanding,
};

use crate::world::{DAY, ONE, World, empty, units, vvv, who};

fn lock(world: &mut World<'_>, account: u8, validator: u8, vvv: Amount, diem: Amount) -> Result<u128, CallError> {
    let step = |state: &mut dyn diem_core::StateWrite, _: &mut Events| {
        diem_svvv::lock(state, &mut Events::default(), &who(account), &who(validator), vvv, diem)
    };
    world.try_do(step).map(|(shares, _)| shares)
}

fn release(world: &mut World<'_>, account: u8, validator: u8, diem: Amount) -> Result<u128, CallError> {
    let step = |state: &mut dyn diem_core::StateWrite, _: &mut Events| {
        diem_svvv::release(state, &mut Events::default(), &who(account), &who(validator), diem)
    };
    world.try_do(step).map(|(shares, _)| shares)
}

fn restake(world: &mut World<'_>, account: u8, from: u8, to: u8, amount: Amount) -> Result<(), CallError> {
    let block = world.now;
    let msg = Msg::Restake { from: who(from), to: who(to), amount };
    let step = |state: &mut dyn diem_core::StateWrite, _: &mut Events| {
        let mut events = Events::default();
        msg.validate()?;
        msg.execute(&mut TxContext {
            state,
            events: &mut events,
            block,
            sender: who(account),
            key: diem_core::keys::KeyKind::Ed25519,
            verifier: &Forgetful,
        })
    };
    world.try_do(step).map(|_| ())
}

fn refusal<T>(outcome: Result<T, CallError>) -> &'static str {
    let error = outcome.map(|_| ()).unwrap_err();
    let table = if error.codespace == "svvv" { Error::TABLE } else { diem_staking::Error::TABLE };
    table.iter().find(|line| line.code == error.code).unwrap().name
}

fn slashed(world: &mut World<'_>, validator: u8, bps: u16) {
    let (offence, reach) = (diem_staking::Offence::Downtime, diem_staking::Reach::Everything);
    world.try_do(|state, events| slash(state, events, &who(validator), offence, bps, reach)).unwrap();
}

/// Runs slash jobs to their end and lets the locks follow.
fn jobs(world: &mut World<'_>) {
    let block = Block { info: world.now, ..Block::default() };
    let mut events = Events::default();
    let mut ctx = BlockContext { state: &mut world.state, events: &mut events, block: &block };
    diem_svvv::run_slash_jobs(&mut ctx, 500).unwrap();
}

fn check(world: &World<'_>) {
    world.check();
    Svvv::check_invariants(&world.state).unwrap();
}

/// Account 9 with 1,000 VVV at validator 1.
fn with_stake(base: &diem_overlay::Empty) -> World<'_> {
    let mut world = World::new(base, 3);
    world.stake(9, 1, vvv(1_000)).unwrap();
    world
}

#[test]
fn of_300_locked_for_2_a_burn_of_a_half_opens_75() {
    let base = empty();
    let mut world = with_stake(&base);
    assert_eq!(lock(&mut world, 9, 1, vvv(300), vvv(2)).unwrap(), 300 * ONE);
    assert_eq!(free_to_lock(&world.state, &who(9), &who(1)), vvv(700));
    assert_eq!(release(&mut world, 9, 1, units(ONE / 2)).unwrap(), 75 * ONE);
    let left = Lock { shares: 225 * ONE, outstanding: units(3 * ONE / 2) };
    assert_eq!(lock_of(&world.state, &who(9), &who(1)), left);
    assert_eq!(position(&world.state, &who(9), &who(1)).locked, 225 * ONE);
    check(&world);
    assert_eq!(release(&mut world, 9, 1, units(3 * ONE / 2)).unwrap(), 225 * ONE);
    assert_eq!(lock_of(&world.state, &who(9), &who(1)), Lock::default());
    check(&world);
}

#[test]
fn a_slash_changes_neither_locked_shares_nor_diem_and_locking_costs_more_shares_after_it() {
    let base = empty();
    let mut world = World::new(&base, 2);
    // The known answer: 100 staked, 90 locked for 1 DIEM, slash 5%. The operator's own stake changes no ratio.
    world.stake(9, 1, vvv(100)).unwrap();
    lock(&mut world, 9, 1, vvv(90), vvv(1)).unwrap();
    slashed(&mut world, 1, 500);
    let lock_now = lock_of(&world.state, &who(9), &who(1));
    assert_eq!(lock_now, Lock { shares: 90 * ONE, outstanding: vvv(1) });
    let row = diem_staking::validator(&world.state, &who(1)).unwrap();
    assert_eq!(row.value_of(90 * ONE), units(855 * ONE / 10));
    assert_eq!(lock(&mut world, 9, 1, vvv(9), units(1)).unwrap(), 9_473_684_210_526_315_790);
    check(&world);
}

#[test]
fn all_that_is_free_takes_all_free_shares() {
    let base = empty();
    let mut world = with_stake(&base);
    slashed(&mut world, 1, 3_333);
    lock(&mut world, 9, 1, vvv(1), vvv(1)).unwrap();
    let most = free_to_lock(&world.state, &who(9), &who(1));
    assert_eq!(refusal(lock(&mut world, 9, 1, most.checked_add(units(1)).unwrap(), vvv(1))), "not_free");
    lock(&mut world, 9, 1, most, vvv(1)).unwrap();
    assert_eq!(lock_of(&world.state, &who(9), &who(1)).shares, 1_000 * ONE);
    assert_eq!(free_to_lock(&world.state, &who(9), &who(1)), Amount::ZERO);
    check(&world);
}

#[test]
fn nothing_strangers_and_more_than_is_outstanding_are_refused() {
    let base = empty();
    let mut world = with_stake(&base);
    assert_eq!(refusal(lock(&mut world, 9, 1, Amount::ZERO, vvv(1))), "zero_amount");
    assert_eq!(refusal(lock(&mut world, 9, 1, vvv(1), Amount::ZERO)), "zero_amount");
    assert_eq!(refusal(lock(&mut world, 9, 7, vvv(1), vvv(1))), "unknown_validator");
    assert_eq!(refusal(lock(&mut world, 8, 1, vvv(1), vvv(1))), "not_free");
    assert_eq!(refusal(release(&mut world, 9, 1, Amount::ZERO)), "zero_amount");
    assert_eq!(refusal(release(&mut world, 9, 1, units(1))), "outstanding");
    lock(&mut world, 9, 1, vvv(90), vvv(1)).unwrap();
    assert_eq!(refusal(release(&mut world, 9, 1, units(ONE + 1))), "outstanding");
    assert_eq!(refusal(release(&mut world, 9, 2, vvv(1))), "outstanding");
    assert_eq!(refusal(restake(&mut world, 9, 1, 1, vvv(1))), "same_validator");
    assert_eq!(refusal(restake(&mut world, 9, 1, 2, Amount::ZERO)), "zero_amount");
    assert_eq!(refusal(restake(&mut world, 9, 1, 7, vvv(1))), "unknown_validator");
    assert_eq!(refusal(restake(&mut world, 9, 1, 2, vvv(1_001))), "not_free");
    check(&world);
}

#[test]
fn what_is_locked_cannot_be_unstaked_until_it_is_opened() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, vvv(900), vvv(10)).unwrap();
    assert_eq!(refusal(world.unstake(9, 1, units(100 * ONE + 1))), "not_free");
    release(&mut world, 9, 1, vvv(5)).unwrap();
    world.unstake(9, 1, vvv(550)).unwrap();
    assert_eq!(refusal(world.unstake(9, 1, units(1))), "not_free");
    check(&world);
}

#[test]
fn each_validator_keeps_its_own_average() {
    let base = empty();
    let mut world = with_stake(&base);
    world.stake(9, 2, vvv(1_000)).unwrap();
    lock(&mut world, 9, 1, vvv(90), vvv(1)).unwrap();
    lock(&mut world, 9, 2, vvv(200), vvv(1)).unwrap();
    assert_eq!(release(&mut world, 9, 2, vvv(1)).unwrap(), 200 * ONE);
    assert_eq!(lock_of(&world.state, &who(9), &who(1)).shares, 90 * ONE);
    assert_eq!(total_outstanding(&world.state).unwrap(), vvv(1));
    check(&world);
}

#[test]
fn free_stake_moves_first_and_then_locked_stake_with_its_diem() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, vvv(900), vvv(9)).unwrap();
    restake(&mut world, 9, 1, 2, vvv(100)).unwrap();
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), Lock::default());
    restake(&mut world, 9, 1, 2, vvv(300)).unwrap();
    assert_eq!(lock_of(&world.state, &who(9), &who(1)), Lock { shares: 600 * ONE, outstanding: vvv(6) });
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), Lock { shares: 300 * ONE, outstanding: vvv(3) });
    check(&world);
    // Whoever sold the DIEM can still leave altogether.
    restake(&mut world, 9, 1, 3, vvv(600)).unwrap();
    assert_eq!(lock_of(&world.state, &who(9), &who(1)), Lock::default());
    assert_eq!(lock_of(&world.state, &who(9), &who(3)), Lock { shares: 600 * ONE, outstanding: vvv(6) });
    // The lock can be opened there.
    assert_eq!(release(&mut world, 9, 3, vvv(6)).unwrap(), 600 * ONE);
    check(&world);
}

#[test]
fn diem_that_moves_rounds_up_and_leaves_no_lock_without_diem() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, vvv(1_000), units(2)).unwrap();
    // A third of two units of DIEM rounds up to one.
    restake(&mut world, 9, 1, 2, vvv(300)).unwrap();
    assert_eq!(lock_of(&world.state, &who(9), &who(1)), Lock { shares: 700 * ONE, outstanding: units(1) });
    // The last one goes whole: what is left behind it opens.
    restake(&mut world, 9, 1, 2, vvv(300)).unwrap();
    assert_eq!(lock_of(&world.state, &who(9), &who(1)), Lock::default());
    assert_eq!(position(&world.state, &who(9), &who(1)).locked, 0);
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), Lock { shares: 600 * ONE, outstanding: units(2) });
    check(&world);
}

#[test]
fn locks_follow_a_slash_of_what_moved_and_their_diem_stays() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, vvv(1_000), vvv(10)).unwrap();
    restake(&mut world, 9, 1, 2, vvv(1_000)).unwrap();
    slashed(&mut world, 1, 500);
    assert_eq!(lock_of(&world.state, &who(9), &who(2)).shares, 1_000 * ONE, "the job has not run yet");
    jobs(&mut world);
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), Lock { shares: 950 * ONE, outstanding: vvv(10) });
    check(&world);
    // All of the DIEM opens all that is left, half of it half.
    assert_eq!(release(&mut world, 9, 2, vvv(5)).unwrap(), 475 * ONE);
    assert_eq!(release(&mut world, 9, 2, vvv(5)).unwrap(), 475 * ONE);
    check(&world);
}

#[test]
fn a_lock_that_lost_all_shares_still_knows_its_diem() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, vvv(1_000), vvv(10)).unwrap();
    restake(&mut world, 9, 1, 2, vvv(1_000)).unwrap();
    slashed(&mut world, 1, 10_000);
    jobs(&mut world);
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), Lock { shares: 0, outstanding: vvv(10) });
    check(&world);
    world.wait(8 * DAY);
    assert_eq!(release(&mut world, 9, 2, vvv(10)).unwrap(), 0);
    assert_eq!(lock_of(&world.state, &who(9), &who(2)), Lock::default());
    check(&world);
}

#[test]
fn people_see_what_a_lock_is_worth() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, vvv(300), vvv(2)).unwrap();
    slashed(&mut world, 1, 500);
    let ctx = QueryContext { state: &world.state, block: world.now };
    let view = query::lock(&ctx, &who(9), &who(1));
    assert_eq!((view.locked, view.free_to_lock, view.lock.outstanding), (vvv(285), vvv(665), vvv(2)));
    let page = |after| query::locks(&ctx, &who(9), &Page::largest(after)).len();
    assert_eq!((page(None), page(Some(who(1)))), (1, 0));
    let msg = Msg::Restake { from: who(1), to: who(2), amount: vvv(3) };
    assert_eq!(msg.text(), format!("Move stake of 3 VVV from {} to {}", who(1).to_hex(), who(2).to_hex()));
}

#[test]
fn an_export_starts_the_same_locks_again_and_a_genesis_can_have_some() {
    let base = empty();
    let mut world = with_stake(&base);
    let genesis = Genesis {
        locks: vec![GenesisLock { account: who(9), validator: who(1), vvv: vvv(300), diem: vvv(2) }],
        ..Genesis::default()
    };
    Svvv::init_genesis(&mut GenesisContext { state: &mut world.state, time: Time(0) }, &genesis).unwrap();
    check(&world);
    restake(&mut world, 9, 1, 2, vvv(800)).unwrap();
    let (bank, staking, svvv) = (
        diem_bank::Bank::export_genesis(&world.state),
        Staking::export_genesis(&world.state),
        Svvv::export_genesis(&world.state),
    );
    let mut again = Overlay::new(&base);
    let mut ctx = GenesisContext { state: &mut again, time: world.now.time };
    diem_bank::Bank::init_genesis(&mut ctx, &bank).unwrap();
    Staking::init_genesis(&mut ctx, &staking).unwrap();
    // Staking counts locked shares that no lock knows yet.
    assert!(Svvv::check_invariants(ctx.state).is_err());
    Svvv::init_genesis(&mut ctx, &svvv).unwrap();
    let rows = |state: &Overlay<'_>| diem_core::StateRead::range(state, &[2], Some(&[4]), usize::MAX);
    assert!(rows(&again) == rows(&world.state));
    // More DIEM than rows of another chain stand for is noticed.
    let wrong =
        Genesis { rows: vec![((who(9), who(3)), Lock { shares: 1, outstanding: vvv(1) })], ..Genesis::default() };
    let outcome = Svvv::init_genesis(&mut GenesisContext { state: &mut Overlay::new(&again), time: Time(0) }, &wrong);
    assert_eq!(refusal(outcome), "genesis");
    // A lock that stands for no DIEM would hold its stake for ever.
    let mut wrong = svvv.clone();
    wrong.rows[0].1.outstanding = Amount::ZERO;
    let outcome = Svvv::init_genesis(&mut GenesisContext { state: &mut again, time: Time(0) }, &wrong);
    assert_eq!(refusal(outcome), "genesis");
}

#[test]
fn every_stored_byte_stays_what_it_is() {
    let base = empty();
    let mut world = with_stake(&base);
    lock(&mut world, 9, 1, units(258), units(3)).unwrap();
    let rows = diem_core::StateRead::range(&world.state, &[Svvv::ID.0], Some(&[Svvv::ID.0 + 1]), usize::MAX);
    // Module, table, account, validator; then shares and DIEM, 16 bytes each, the lowest first.
    let key = [&[3, 0][..], &[9; 20], &[1; 20]].concat();
    let value = [&258u128.to_le_bytes()[..], &3u128.to_le_bytes()].concat();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].0.to_vec(), rows[0].1.to_vec()), (key, value));
    let msg = Msg::Restake { from: who(1), to: who(2), amount: units(7) };
    let bytes = [&[0][..], &[1; 20], &[2; 20], &7u128.to_le_bytes()].concat();
    assert_eq!(borsh::to_vec(&msg).unwrap(), bytes);
}
