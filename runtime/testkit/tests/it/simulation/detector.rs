//! The simulation finds what is broken on purpose, and says it in a few operations.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{Pool, account_key, mint_to_pool, supply};
use diem_core::{Amount, BlockContext, Denom, Fatal, ModuleId, Value};
use diem_credits::state::{Account, OpenDay};
use diem_runtime::hooks::{Hook, Hooks, Run};
use diem_testkit::{Person, operator};

use super::{
    live,
    shrink::{Found, play, shrink},
    world::World,
};

/// Enough for each of the defects.
const OPERATIONS: u64 = 20_000;

/// The chain's own steps, and a bad one at the end of every block.
fn hooks_with(run: fn(&mut BlockContext<'_>) -> Result<(), Fatal>) -> Hooks {
    let mut hooks = Hooks::default();
    hooks.end.push(Hook { number: 200, name: "defect", run: Run::Must(run) });
    hooks
}

/// Finds the defect, shrinks the history, and shows that the short one breaks the same rule again.
fn shortest(run: fn(&mut BlockContext<'_>) -> Result<(), Fatal>) -> (World, Found) {
    let hooks = hooks_with(run);
    let found = (1..9).find_map(|seed| match live(seed, OPERATIONS, &hooks) {
        (world, Err(found)) => Some((world, found)),
        (_, Ok(_)) => None,
    });
    let (world, found) = found.expect("a defect is found");
    let short = shrink(&world, &hooks, found);
    let (_, again) = play(&world, &hooks, &short.plans).expect("the short history breaks it too");
    assert_eq!(again, short.violation);
    assert_eq!(play(&world, &Hooks::default(), &short.plans), None, "without the defect nothing is broken");
    (world, short)
}

/// Once somebody else than the first operator has minted, the latter's account has an avvv more, out of nothing.
fn gives_out_of_nothing(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    let lucky = operator(0).address;
    if supply(ctx.state, Denom::Diem) <= diem_svvv::lock_of(ctx.state, &lucky, &lucky).outstanding {
        return Ok(());
    }
    change(ctx, &account_key(&lucky), |row: &mut diem_bank::Account| {
        row.vvv = row.vvv.checked_add(Amount::new(1)).unwrap();
    });
    Ok(())
}

#[test]
fn a_balance_out_of_nothing_is_found_and_told_in_a_few_operations() {
    let (world, found) = shortest(gives_out_of_nothing);
    assert_eq!(found.violation.rule, "1: supply = balances + pools");
    // Some stake and a mint are enough.
    assert!(found.operations() <= 3, "{}", found.text(&world));
}

/// What a slash should have burned comes back.
fn forgets_to_burn(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    let burned = diem_staking::burned(ctx.state);
    mint_to_pool(ctx.state, ModuleId(5), Pool::Bonded, Denom::Vvv, burned).map_err(|error| Fatal(error.to_string()))
}

#[test]
fn a_burn_that_is_skipped_is_found_and_told_in_a_few_operations() {
    let (world, found) = shortest(forgets_to_burn);
    assert!(found.violation.rule.starts_with("1: VVV"), "{}", found.text(&world));
    // Somebody becomes a validator, and misbehaves.
    assert!(found.operations() <= 2, "{}", found.text(&world));
}

/// Rows of credits: the chain's own, and those of accounts.
const GLOBAL: [u8; 2] = [6, 2];
const ACCOUNTS: [u8; 2] = [6, 5];

fn change<T: BorshDeserialize + BorshSerialize>(ctx: &mut BlockContext<'_>, key: &[u8], change: impl FnOnce(&mut T)) {
    if let Some(bytes) = ctx.state.get(key) {
        let mut row = T::try_from_slice(&bytes).unwrap();
        change(&mut row);
        ctx.state.set(key, Value::from_vec(borsh::to_vec(&row).unwrap()));
    }
}

/// Whoever offers credit for sale keeps what the chain forgets to count: the first user has one unit more.
fn credits_from_nowhere(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    let key = [&ACCOUNTS[..], &Person::new(0).address.0].concat();
    change(ctx, &key, |row: &mut Account| {
        if !row.today.offered.is_zero() {
            row.today.allowance = row.today.allowance.checked_add(Amount::new(1)).unwrap();
        }
    });
    Ok(())
}

#[test]
fn credit_from_nowhere_is_found_and_told_in_a_few_operations() {
    let (world, found) = shortest(credits_from_nowhere);
    assert_eq!(found.violation.rule, "5: allowances = global row", "{}", found.text(&world));
    assert!(found.operations() <= 2, "{}", found.text(&world));
}

/// A closed day that was settled is open for settlement again.
fn settles_again(ctx: &mut BlockContext<'_>) -> Result<(), Fatal> {
    change(ctx, &GLOBAL, |global: &mut OpenDay| {
        if let Some(previous) = &mut global.previous {
            previous.settled = false;
        }
    });
    Ok(())
}

#[test]
fn a_day_that_is_settled_again_is_found_and_told_in_a_few_operations() {
    let (world, found) = shortest(settles_again);
    assert!(found.operations() <= 3 && found.plans.len() <= 6, "{}", found.text(&world));
}
