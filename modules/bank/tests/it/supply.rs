//! Money made and burnt, moved between pools, and the sum that always holds.

use diem_bank::{Bank, Error, Pool, balance, ledger, pool, supply};
use diem_core::{Amount, Denom, Module, ModuleError, ModuleId, StateWrite, Value};

use crate::state::*;

#[test]
fn only_the_modules_of_this_table_may_mint_and_burn() {
    use ledger::Right::{Burn, Mint};
    let (staking, diem, emissions) = (ModuleId::STAKING, ModuleId::DIEM, ModuleId::EMISSIONS);
    let allowed = [
        (Bank::ID, VVV, Mint),
        (Bank::ID, DIEM, Mint),
        (staking, VVV, Burn),
        (diem, DIEM, Mint),
        (diem, DIEM, Burn),
        (emissions, VVV, Mint),
    ];
    let base = empty();
    for module in (0..=u8::MAX).map(ModuleId) {
        for denom in Denom::ALL {
            let mut state = with_ada(&base);
            ledger::pay_into_pool(&mut state, &who(1), Pool::Fees, denom, units(5)).unwrap();
            let expected = |right| {
                if allowed.contains(&(module, denom, right)) { Ok(()) } else { Err(Error::NotAllowed(module, denom)) }
            };
            assert_eq!(ledger::mint(&mut state, module, &who(1), denom, units(1)), expected(Mint));
            assert_eq!(ledger::mint_to_pool(&mut state, module, Pool::Fees, denom, units(1)), expected(Mint));
            assert_eq!(ledger::burn(&mut state, module, &who(1), denom, units(1)), expected(Burn));
            assert_eq!(ledger::burn_from_pool(&mut state, module, Pool::Fees, denom, units(1)), expected(Burn));
            Bank::check_invariants(&state).unwrap();
        }
    }
}

#[test]
fn what_is_burnt_is_gone_and_more_than_there_is_cannot_be_burnt() {
    let base = empty();
    let mut state = with_ada(&base);
    let staking = ModuleId::STAKING;
    ledger::burn(&mut state, staking, &who(1), VVV, units(30)).unwrap();
    assert_eq!((balance(&state, &who(1), VVV), supply(&state, VVV)), (units(70), units(70)));
    let error = ledger::burn(&mut state, staking, &who(1), VVV, units(71)).unwrap_err();
    assert_eq!(error.code(), 1);
    let error = ledger::burn_from_pool(&mut state, staking, Pool::Bonded, VVV, units(1)).unwrap_err();
    assert_eq!(error.code(), 7);
    Bank::check_invariants(&state).unwrap();
}

#[test]
fn value_moves_between_pools_and_no_pool_reaches_into_another() {
    let base = empty();
    let mut state = with_ada(&base);
    for from in Pool::ALL {
        ledger::pay_into_pool(&mut state, &who(1), from, VVV, units(9)).unwrap();
        for to in Pool::ALL {
            ledger::move_between_pools(&mut state, from, to, VVV, units(9)).unwrap();
            assert_eq!(pool(&state, to, VVV), units(9));
            if from != to {
                assert_eq!(ledger::move_between_pools(&mut state, from, to, VVV, units(1)).unwrap_err().code(), 7);
            }
            ledger::move_between_pools(&mut state, to, from, VVV, units(9)).unwrap();
        }
        ledger::pay_from_pool(&mut state, from, &who(1), VVV, units(9)).unwrap();
    }
    assert_eq!(balance(&state, &who(1), VVV), units(100));
    Bank::check_invariants(&state).unwrap();
}

#[test]
fn the_supply_cannot_pass_what_128_bits_hold() {
    let base = empty();
    let mut state = with_ada(&base);
    let error = ledger::mint(&mut state, Bank::ID, &who(2), VVV, Amount::MAX).unwrap_err();
    assert_eq!(error.code(), 5);
    ledger::mint(&mut state, Bank::ID, &who(2), VVV, units(u128::MAX - 100)).unwrap();
    assert_eq!(supply(&state, VVV), Amount::MAX);
    call(&mut state, who(2), &transfer(who(1), VVV, u128::MAX - 100)).unwrap();
    Bank::check_invariants(&state).unwrap();
}

#[test]
fn pools_take_from_accounts_and_give_back_what_they_hold() {
    let base = empty();
    let mut state = with_ada(&base);
    ledger::pay_into_pool(&mut state, &who(1), Pool::Fees, VVV, units(40)).unwrap();
    assert_eq!((pool(&state, Pool::Fees, VVV), balance(&state, &who(1), VVV)), (units(40), units(60)));
    let error = ledger::pay_from_pool(&mut state, Pool::Fees, &who(2), VVV, units(41)).unwrap_err();
    assert_eq!(error, Error::PoolTooSmall { available: units(40), needed: units(41) });
    ledger::pay_from_pool(&mut state, Pool::Fees, &who(2), VVV, units(40)).unwrap();
    assert_eq!((pool(&state, Pool::Fees, VVV), balance(&state, &who(2), VVV)), (Amount::ZERO, units(40)));
    Bank::check_invariants(&state).unwrap();
}

#[test]
fn a_supply_that_is_not_the_sum_of_its_parts_is_noticed() {
    let base = empty();
    let raw = |amount: u128| Value::from_slice(&amount.to_le_bytes());
    for denom in Denom::ALL {
        let mut state = with_ada(&base);
        Bank::check_invariants(&state).unwrap();
        let held = supply(&state, denom).get();
        for wrong in [held - 1, held + 1, 0] {
            state.set(&[Bank::ID.0, 1, denom as u8], raw(wrong));
            let broken = Bank::check_invariants(&state).unwrap_err();
            assert!(broken.contains(denom.symbol()) && broken.contains("the supply of"), "{broken}");
        }
        state.set(&[Bank::ID.0, 1, denom as u8], raw(held));
        // The pool has value that nobody made.
        state.set(&[Bank::ID.0, 2, Pool::Fees as u8, denom as u8], raw(1));
        assert!(Bank::check_invariants(&state).is_err());
    }
}
