//! Starting a chain, and starting it again from an export.

use diem_bank::Bank;
use diem_core::{Address, CallError, Denom, GenesisContext, Module, StateWrite, Time};
use diem_overlay::Overlay;
use diem_staking::{
    Genesis, Params, Staking,
    genesis::{GenesisStake, GenesisValidator, Rows},
    state::{Entry, Leaving},
};

use crate::world::{Begun, CHAIN, DAY, START, World, busy, description, empty, name_the_chain, refusal, vvv, who};

#[test]
fn an_export_starts_the_same_state_again() {
    let base = empty();
    let mut world = busy(&base);
    let (bank, staking) = (Bank::export_genesis(&world.state), Staking::export_genesis(&world.state));
    let mut again = Overlay::new(&base);
    let mut ctx = GenesisContext { state: &mut again, time: world.now.time };
    Bank::init_genesis(&mut ctx, &bank).unwrap();
    Staking::init_genesis(&mut ctx, &staking).unwrap();
    let rows = |state: &Overlay<'_>| diem_core::StateRead::range(state, &[Staking::ID.0], None, usize::MAX);
    let first_difference = |a: &Overlay<'_>, b: &Overlay<'_>| {
        let (a, b) = (rows(a), rows(b));
        let at = a.iter().zip(&b).position(|(a, b)| a != b);
        assert_eq!(at.map(|at| (&a[at], &b[at])), None);
        assert_eq!(a.len(), b.len());
    };
    first_difference(&again, &world.state);
    // Both chains go on the same way.
    let mut copy = World { state: again, now: world.now, job_limit: 3, pay_limit: 1_000, left: world.left };
    for world in [&mut world, &mut copy] {
        for _ in 0..10 {
            world.next();
        }
        world.wait(8 * DAY);
        world.check();
    }
    first_difference(&copy.state, &world.state);
}

#[test]
fn a_genesis_stakes_for_validators_and_others_out_of_their_accounts() {
    let base = empty();
    let mut state = Overlay::new(&base);
    for number in 1..4 {
        diem_bank::mint(&mut state, Bank::ID, &who(number), Denom::Vvv, vvv(2_000)).unwrap();
    }
    let genesis = Genesis {
        validators: vec![GenesisValidator { operator: who(1), validator: description(1, vvv(1_500)) }],
        stakes: vec![GenesisStake { account: who(2), validator: who(1), amount: vvv(10) }],
        ..Genesis::default()
    };
    name_the_chain(&mut state, CHAIN);
    Staking::init_genesis(&mut GenesisContext { state: &mut state, time: Time(START) }, &genesis).unwrap();
    Staking::check_invariants(&state).unwrap();
    assert_eq!(diem_bank::balance(&state, &who(1), Denom::Vvv), vvv(500));
    assert_eq!(diem_bank::balance(&state, &who(2), Denom::Vvv), vvv(1_990));
    let told: Vec<u64> = diem_staking::consensus_set(&state).iter().map(|(update, _)| update.power).collect();
    assert_eq!(told, [1_510]);
}

#[test]
fn a_genesis_that_cannot_be_is_refused() {
    let base = empty();
    let refused_on = |chain: &str, genesis: Genesis| {
        let mut state = Overlay::new(&base);
        name_the_chain(&mut state, chain);
        diem_bank::mint(&mut state, Bank::ID, &who(1), Denom::Vvv, vvv(2_000)).unwrap();
        let outcome: Result<(), CallError> =
            Staking::init_genesis(&mut GenesisContext { state: &mut state, time: Time(START) }, &genesis);
        refusal(outcome)
    };
    let refused = |genesis| refused_on(CHAIN, genesis);
    let validator = |number| GenesisValidator { operator: who(number), validator: description(number, vvv(1_000)) };
    let good = Genesis { validators: vec![validator(1)], ..Genesis::default() };
    assert_eq!(refused_on("other-dev", good.clone()), "key_proof");
    assert_eq!(
        refused(Genesis { params: Params { max_validators: 0, ..Params::default() }, ..good.clone() }),
        "params"
    );
    assert_eq!(refused(Genesis { validators: vec![validator(1), validator(1)], ..good.clone() }), "already_validator");
    assert_eq!(refused(Genesis { validators: vec![validator(2)], ..good.clone() }), "insufficient_funds");
    let stake = |amount| GenesisStake { account: who(1), validator: who(1), amount };
    assert_eq!(refused(Genesis { stakes: vec![stake(vvv(0))], ..good.clone() }), "zero_amount");
    assert_eq!(refused(Genesis { stakes: vec![stake(vvv(1_001))], ..good.clone() }), "insufficient_funds");
    // Rows that nothing in bank stands for, and rows beside validators.
    let rows = Staking::export_genesis(&busy(&base).state);
    assert_eq!(refused(rows.clone()), "genesis");
    assert_eq!(refused(Genesis { validators: vec![validator(1)], ..rows }), "genesis");
}

type Change = fn(&mut Rows);

/// Says of the first stake that moved that it went to `target`.
fn moved(rows: &mut Rows, target: Address) {
    let target_of = |entry: &mut Entry| match &mut entry.what {
        Leaving::Moved { to, .. } => *to = target,
        Leaving::Tranche(_) => unreachable!("the entry is a move"),
    };
    let moves = |(_, entry): &&mut (_, Entry)| matches!(entry.what, Leaving::Moved { .. });
    target_of(&mut rows.entries.iter_mut().find(moves).unwrap().1);
}

/// Rows that would stop the chain, lose somebody's stake or overwrite it.
#[test]
fn rows_that_a_chain_could_not_go_on_from_are_refused() {
    let base = empty();
    let world = busy(&base);
    let (bank, staking) = (Bank::export_genesis(&world.state), Staking::export_genesis(&world.state));
    let init = |change: Change| {
        let mut genesis = staking.clone();
        change(genesis.rows.as_mut().unwrap());
        let mut state = Overlay::new(&base);
        let mut ctx = GenesisContext { state: &mut state, time: world.now.time };
        Bank::init_genesis(&mut ctx, &bank).unwrap();
        Staking::init_genesis(&mut ctx, &genesis)
    };
    init(|_| {}).unwrap();
    init(|rows| (rows.next_entry, rows.next_job) = (1 << 63, 1 << 63)).unwrap();
    let changes: [(Change, &str); 27] = [
        (|rows| rows.validators[3].1.commission.rate = 10_001, "commission"),
        (|rows| rows.validators[3].1.commission.next = Some((5_001, 0)), "commission"),
        (|rows| rows.validators[3].1.consensus_key = rows.validators[1].1.consensus_key, "consensus key"),
        (|rows| rows.validators[3].1.bridge_address = who(99), "bridge key"),
        (|rows| rows.bridge_keys.clear(), "bridge key"),
        (|rows| rows.consensus_set[0].1.operator = rows.consensus_set[1].1.operator, "was told"),
        (|rows| rows.consensus_set[0].1.operator = who(99), "was told"),
        (|rows| rows.unbonding_started.clear(), "waits for no date"),
        (|rows| rows.unbonding_queue.clear(), "dates"),
        (|rows| (rows.unbonding_queue.clear(), rows.unbonding_ends.clear()).0, "waits for no date"),
        (|rows| rows.next_entry -= 1, "next id"),
        (|rows| rows.jobs[0].1.below_id = rows.next_entry + 1, "slash job"),
        (|rows| rows.next_job = 0, "slash job"),
        (
            |rows| {
                rows.jobs.push(((who(99), rows.next_job), rows.jobs[0].1));
                rows.next_job += 1;
            },
            "no validator",
        ),
        // Counters that have no ids left: each new row would overwrite the one before.
        (|rows| rows.next_entry = u64::MAX, "the next entry"),
        (|rows| rows.next_entry = (1 << 63) + 1, "the next entry"),
        (|rows| rows.next_job = (1 << 63) + 1, "the next slash job"),
        // The zero address is nobody's.
        (|rows| rows.entries[0].1.account = Address::ZERO, "an entry is the zero address's"),
        (|rows| rows.positions[0].0.0 = Address::ZERO, "a position is the zero address's"),
        (|rows| rows.validators[0].0 = Address::ZERO, "a validator is the zero address's"),
        (|rows| rows.bridge_keys[0].1.operator = Address::ZERO, "a bridge key is the zero address's"),
        (|rows| moved(rows, Address::ZERO), "moved stake is the zero address's"),
        // Dates that never come, or not when the queue says.
        (|rows| rows.unbonding_queue[0].0.0 -= 1, "its date is"),
        (|rows| rows.unbonding_queue[0].0.0 = u64::MAX, "its date is"),
        (|rows| rows.unbonding_ends[0].1 = 0, "its date is"),
        (|rows| (rows.unbonding_queue[0].0.0, rows.unbonding_ends[0].1) = (u64::MAX, u64::MAX), "its date is"),
        (|rows| rows.unbonding_started[0].1 = u64::MAX, "waits for another"),
    ];
    for (number, (change, words)) in changes.into_iter().enumerate() {
        let error = init(change).expect_err(&format!("change {number}")).message;
        assert!(error.contains(words), "change {number}: {error}");
    }
}

#[test]
fn broken_rows_are_noticed() {
    let base = empty();
    let tables = 6..=22u8;
    let mut noticed = vec![];
    for table in tables {
        let mut world = busy(&base);
        let prefix = [Staking::ID.0, table];
        let rows = diem_core::StateRead::range(&world.state, &prefix, Some(&[Staking::ID.0, table + 1]), 1);
        let Some((key, _)) = rows.first() else { continue };
        world.state.remove(key);
        if Staking::check_invariants(&world.state).is_err() {
            noticed.push(table);
        }
    }
    // Validators, names in consensus, bridge keys, ranking, positions, entries, places, counts, groups without and with
    // a date, jobs, their queue, dates.
    for table in [6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18, 19, 22] {
        assert!(noticed.contains(&table), "table {table}: {noticed:?}");
    }
}

/// 100,000 entries as a chain could have them after a run on a validator, as rows of an export.
#[test]
fn a_job_over_a_hundred_thousand_entries_keeps_its_500_a_block() {
    const ENTRIES: u64 = 100_000;
    let base = empty();
    let mut world = World::new(&base, 2);
    world.stake(9, 1, vvv(10)).unwrap();
    world.unstake(9, 1, vvv(1)).unwrap();
    world.next();
    let bank = Bank::export_genesis(&world.state);
    let mut staking = Staking::export_genesis(&world.state);
    let rows = staking.rows.as_mut().unwrap();
    let (key, entry) = rows.entries.pop().unwrap();
    for id in 0..ENTRIES {
        let mut account = entry;
        account.account.0[..8].copy_from_slice(&id.to_be_bytes());
        rows.entries.push(((key.0, key.1, id), account));
    }
    rows.next_entry = ENTRIES;
    let mut state = Overlay::new(&base);
    let mut ctx = GenesisContext { state: &mut state, time: world.now.time };
    Bank::init_genesis(&mut ctx, &bank).unwrap();
    let bonded = vvv(u128::from(ENTRIES) - 1);
    diem_bank::mint_to_pool(ctx.state, Bank::ID, diem_bank::Pool::Bonded, Denom::Vvv, bonded).unwrap();
    Staking::init_genesis(&mut ctx, &staking).unwrap();
    let mut world = World { state, ..world };
    let slashed =
        |begun: &Begun| begun.events.iter().filter(|e| matches!(e, diem_staking::Event::EntrySlashed { .. })).count();
    assert_eq!(slashed(&world.offence(1, key.1)), 500);
    for block in 1..200 {
        assert_eq!(slashed(&world.next()), 500, "block {block}");
    }
    assert_eq!(slashed(&world.next()), 0);
    assert_eq!(diem_staking::validator(&world.state, &who(1)).unwrap().jobs, 0);
    world.check();
}
