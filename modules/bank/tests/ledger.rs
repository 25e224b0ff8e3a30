//! What bank promises, one sentence at a time.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use borsh::BorshDeserialize;
use common::{call, empty, fund, units, who};
use diem_bank::{
    Account, Bank, ChargeError, Error, Event, Genesis, MinNewAccount, Msg, Output, Params, Pool, balance, ledger,
    msg::MAX_OUTPUTS,
    pool,
    query::{self, PoolBalance},
    supply,
};
use diem_core::{
    Address, Amount, BlockInfo, CallError, Denom, GenesisContext, Message as _, Metered as _, Module, ModuleError,
    ModuleId, QueryContext, StateRead, StateWrite, Time, Value,
};
use diem_overlay::{Empty, Overlay};

const VVV: Denom = Denom::Vvv;
const DIEM: Denom = Denom::Diem;

/// Ada (1) with 100 VVV and 9 DIEM, in base units, and Bob (2), whose one unit of DIEM makes him an account.
fn with_ada(base: &Empty) -> Overlay<'_> {
    let mut state = Overlay::new(base);
    fund(&mut state, who(1), VVV, 100);
    fund(&mut state, who(1), DIEM, 9);
    fund(&mut state, who(2), DIEM, 1);
    state
}

fn transfer(to: Address, denom: Denom, amount: u128) -> Msg {
    Msg::Transfer { to, denom, amount: units(amount) }
}

fn number_of(error: &CallError) -> &'static str {
    assert_eq!(error.codespace, "bank");
    Error::TABLE.iter().find(|line| line.code == error.code).unwrap().name
}

#[test]
fn a_transfer_moves_exactly_its_amount_and_reports_it() {
    let base = empty();
    let mut state = with_ada(&base);
    let events = call(&mut state, who(1), &transfer(who(2), VVV, 30)).unwrap();
    assert_eq!((balance(&state, &who(1), VVV), balance(&state, &who(2), VVV)), (units(70), units(30)));
    assert_eq!(balance(&state, &who(1), DIEM), units(9), "the other denomination is untouched");
    let [module, event @ ..] = &events[..] else { panic!("there is an event") };
    assert_eq!(*module, Bank::ID.0);
    let expected = Event::Transferred { from: who(1), to: who(2), denom: VVV, amount: units(30) };
    assert_eq!(Event::try_from_slice(event).unwrap(), expected);
}

#[test]
fn all_of_a_balance_can_be_sent_and_not_one_unit_more() {
    let base = empty();
    let mut state = with_ada(&base);
    let error = call(&mut state, who(1), &transfer(who(2), VVV, 101)).unwrap_err();
    assert_eq!(number_of(&error), "insufficient_funds");
    assert!(error.message.contains("0.0000000000000001 VVV"), "{}", error.message);
    assert_eq!(balance(&state, &who(2), VVV), Amount::ZERO);
    call(&mut state, who(1), &transfer(who(2), VVV, 100)).unwrap();
    assert_eq!(balance(&state, &who(1), VVV), Amount::ZERO);
}

#[test]
fn a_transfer_to_oneself_changes_nothing_but_needs_the_amount() {
    let base = empty();
    let mut state = with_ada(&base);
    call(&mut state, who(1), &transfer(who(1), VVV, 100)).unwrap();
    assert_eq!(balance(&state, &who(1), VVV), units(100));
    let error = call(&mut state, who(1), &transfer(who(1), VVV, 101)).unwrap_err();
    assert_eq!(number_of(&error), "insufficient_funds");
}

#[test]
fn nothing_and_nobody_are_refused() {
    let base = empty();
    let mut state = with_ada(&base);
    let multi = |outputs| Msg::MultiTransfer { denom: VVV, outputs };
    let output = |to, amount| Output { to, amount: units(amount) };
    for (msg, name) in [
        (transfer(who(2), VVV, 0), "zero_amount"),
        (transfer(Address::ZERO, VVV, 1), "zero_address"),
        (multi(vec![]), "outputs"),
        (multi(vec![output(who(2), 1); MAX_OUTPUTS + 1]), "outputs"),
        (multi(vec![output(who(2), 1), output(who(3), 0)]), "zero_amount"),
        (multi(vec![output(who(2), 1), output(Address::ZERO, 1)]), "zero_address"),
    ] {
        assert_eq!(number_of(&call(&mut state, who(1), &msg).unwrap_err()), name);
    }
}

#[test]
fn a_multi_transfer_pays_everyone_or_no_one() {
    let base = empty();
    let mut state = with_ada(&base);
    let output = |to, amount| Output { to: who(to), amount: units(amount) };
    let pay = |outputs| Msg::MultiTransfer { denom: VVV, outputs };
    fund(&mut state, who(3), DIEM, 1);
    call(&mut state, who(1), &pay(vec![output(2, 10), output(3, 20), output(2, 5)])).unwrap();
    assert_eq!([1, 2, 3].map(|n| balance(&state, &who(n), VVV).get()), [65, 15, 20]);
    let error = call(&mut state, who(1), &pay(vec![output(2, 60), output(3, 6)])).unwrap_err();
    assert_eq!(number_of(&error), "insufficient_funds");
    assert_eq!([1, 2, 3].map(|n| balance(&state, &who(n), VVV).get()), [65, 15, 20]);
}

#[test]
fn gas_is_a_function_of_the_call_and_grows_with_its_outputs() {
    let outputs =
        |count| Msg::MultiTransfer { denom: VVV, outputs: vec![Output { to: who(2), amount: units(1) }; count] };
    assert_eq!(transfer(who(2), VVV, 1).gas(), 2_000);
    assert_eq!([1, 2, MAX_OUTPUTS].map(|count| outputs(count).gas()), [11_000, 21_000, 10_001_000]);
}

/// Whether somebody has a row, as the store sees it.
fn has_row(state: &dyn StateRead, address: &Address) -> bool {
    state.get(&diem_bank::account_key(address)).is_some()
}

#[test]
fn a_first_payment_must_be_worth_a_row() {
    let base = empty();
    let (vvv, diem) = (10_000_000_000_000_000, 1_000_000_000_000_000);
    for (denom, least) in [(VVV, vvv), (DIEM, diem)] {
        let mut state = with_ada(&base);
        fund(&mut state, who(1), denom, least);
        let error = call(&mut state, who(1), &transfer(who(3), denom, least - 1)).unwrap_err();
        assert_eq!(number_of(&error), "new_account");
        assert!(error.message.contains(&format!("at least {}", units(least).display(denom))), "{}", error.message);
        let outputs = vec![Output { to: who(3), amount: units(least - 1) }, Output { to: who(3), amount: units(1) }];
        let error = call(&mut state, who(1), &Msg::MultiTransfer { denom, outputs }).unwrap_err();
        assert_eq!(number_of(&error), "new_account", "each output by itself");
        assert!(!has_row(&state, &who(3)));
        call(&mut state, who(1), &transfer(who(3), denom, least)).unwrap();
        call(&mut state, who(1), &transfer(who(3), VVV, 1)).unwrap();
        assert!(has_row(&state, &who(3)));
    }
}

#[test]
fn the_least_first_payment_is_a_parameter_within_bounds() {
    let base = empty();
    let mut state = with_ada(&base);
    fund(&mut state, who(1), VVV, 100_000_000_000_000);
    let with = |vvv: u128, diem: u128| Params { min_new_account: MinNewAccount { vvv: units(vvv), diem: units(diem) } };
    let (low, high) = ((100_000_000_000_000, 10_000_000_000_000), (Amount::ONE.get(), Amount::ONE.get() / 10));
    for out in [with(low.0 - 1, low.1), with(low.0, low.1 - 1), with(high.0 + 1, high.1), with(high.0, high.1 + 1)] {
        assert_eq!(diem_bank::set_params(&mut state, &out).unwrap_err().code(), 10);
        let genesis = Genesis { params: out, ..Genesis::default() };
        let mut ctx = GenesisContext { state: &mut Overlay::new(&base), time: Time(0) };
        assert_eq!(number_of(&Bank::init_genesis(&mut ctx, &genesis).unwrap_err()), "params");
    }
    diem_bank::set_params(&mut state, &with(high.0, high.1)).unwrap();
    diem_bank::set_params(&mut state, &with(low.0, low.1)).unwrap();
    call(&mut state, who(1), &transfer(who(3), VVV, low.0)).unwrap();
    let ctx = QueryContext { state: &state as &dyn StateRead, block: BlockInfo::default() };
    assert_eq!(query::params(&ctx), with(low.0, low.1));
    assert_eq!(Bank::export_genesis(&state).params, with(low.0, low.1));
}

#[test]
fn what_the_chain_pays_makes_a_row_of_any_size() {
    let base = empty();
    let mut state = with_ada(&base);
    ledger::pay_into_pool(&mut state, &who(1), Pool::Payouts, VVV, units(1)).unwrap();
    ledger::pay_from_pool(&mut state, Pool::Payouts, &who(3), VVV, units(1)).unwrap();
    assert!(has_row(&state, &who(3)));
    ledger::pay_from_pool(&mut state, Pool::Payouts, &who(4), VVV, Amount::ZERO).unwrap();
    assert!(!has_row(&state, &who(4)), "and nothing makes none");
}

#[test]
fn an_emptied_row_goes_unless_its_nonce_was_used() {
    let base = empty();
    let mut state = with_ada(&base);
    // Ada has never sent anything: she paid somebody's fee, and a pool takes the rest.
    ledger::charge(&mut state, &who(2), 0, &who(1), units(40)).unwrap();
    ledger::pay_into_pool(&mut state, &who(1), Pool::Fees, VVV, units(60)).unwrap();
    ledger::pay_into_pool(&mut state, &who(1), Pool::StakedDiem, DIEM, units(9)).unwrap();
    assert!(!has_row(&state, &who(1)));
    // Bob has, so what he sent could be sent again if his nonce were forgotten.
    ledger::pay_into_pool(&mut state, &who(2), Pool::StakedDiem, DIEM, units(1)).unwrap();
    assert!(has_row(&state, &who(2)));
    assert_eq!(ledger::charge(&mut state, &who(2), 0, &who(2), Amount::ZERO), Err(ChargeError::Nonce { next: 1 }));
}

#[test]
fn a_fee_that_another_pays_makes_nobody_an_account() {
    let base = empty();
    let mut state = with_ada(&base);
    assert_eq!(ledger::charge(&mut state, &who(3), 0, &who(1), units(7)), Err(ChargeError::NoAccount));
    assert_eq!(ledger::charge(&mut state, &who(3), 0, &who(3), Amount::ZERO), Err(ChargeError::NoAccount));
    assert!(!has_row(&state, &who(3)));
}

#[test]
fn a_genesis_writes_no_row_for_nothing() {
    let base = empty();
    let accounts = [(who(1), Account::default()), (who(2), Account { nonce: 3, ..Account::default() })];
    let genesis = Genesis { accounts: BTreeMap::from(accounts), ..Genesis::default() };
    let mut state = Overlay::new(&base);
    Bank::init_genesis(&mut GenesisContext { state: &mut state, time: Time(0) }, &genesis).unwrap();
    assert_eq!([1, 2].map(|number| has_row(&state, &who(number))), [false, true]);
}

#[test]
fn a_wallet_is_shown_amounts_units_and_recipients() {
    let to = Address([0xaa; 20]);
    let text = (Msg::Transfer { to, denom: VVV, amount: units(1_500_000_000_000_000_000) }).text();
    assert_eq!(text, format!("Send 1.5 VVV to {}", to.to_hex()));
    let outputs = vec![Output { to, amount: Amount::ONE }, Output { to: who(1), amount: units(1) }];
    let text = (Msg::MultiTransfer { denom: DIEM, outputs }).text();
    let (first, second) = (to.to_hex(), who(1).to_hex());
    assert_eq!(text, format!("Send 1 DIEM to {first}, 0.000000000000000001 DIEM to {second}"));
}

#[test]
fn a_charge_takes_the_fee_and_counts_the_transaction() {
    let base = empty();
    let mut state = with_ada(&base);
    ledger::charge(&mut state, &who(1), 0, &who(1), units(7)).unwrap();
    assert_eq!(ledger::account(&state, &who(1)), Account { nonce: 1, vvv: units(93), diem: units(9) });
    assert!(Bank::check_invariants(&state).is_err(), "until the fees are collected they are in nobody's hands");
    ledger::collect_fees(&mut state, units(7)).unwrap();
    assert_eq!(pool(&state, Pool::Fees, VVV), units(7));
    Bank::check_invariants(&state).unwrap();
}

#[test]
fn a_fee_payer_pays_and_the_sender_counts() {
    let base = empty();
    let mut state = with_ada(&base);
    ledger::charge(&mut state, &who(2), 0, &who(1), units(7)).unwrap();
    assert_eq!((ledger::nonce(&state, &who(1)), ledger::nonce(&state, &who(2))), (0, 1));
    assert_eq!((balance(&state, &who(1), VVV), balance(&state, &who(2), VVV)), (units(93), Amount::ZERO));
}

#[test]
fn a_charge_that_cannot_be_made_writes_nothing() {
    let base = empty();
    let mut state = with_ada(&base);
    let (nonce, funds) = (
        |next| Err(ledger::ChargeError::Nonce { next }),
        |available| Err(ledger::ChargeError::Funds { available: units(available) }),
    );
    let before = state.writes().clone();
    assert_eq!(ledger::charge(&mut state, &who(1), 1, &who(1), units(1)), nonce(0));
    assert_eq!(ledger::charge(&mut state, &who(1), 0, &who(1), units(101)), funds(100));
    assert_eq!(ledger::charge(&mut state, &who(2), 0, &who(3), units(1)), funds(0));
    assert_eq!(*state.writes(), before);
    ledger::charge(&mut state, &who(1), 0, &who(1), units(1)).unwrap();
    assert_eq!(ledger::charge(&mut state, &who(1), 0, &who(1), units(1)), nonce(1), "a replay");
}

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
        // Value in a pool that nobody made.
        state.set(&[Bank::ID.0, 2, Pool::Fees as u8, denom as u8], raw(1));
        assert!(Bank::check_invariants(&state).is_err());
    }
}

#[test]
fn more_accounts_than_fit_a_page_are_all_counted() {
    let base = empty();
    let mut state = Overlay::new(&base);
    for number in 0..9_000u32 {
        let mut address = [0xff; 20];
        address[..4].copy_from_slice(&number.to_be_bytes());
        fund(&mut state, Address(address), VVV, u128::from(number) + 1);
    }
    Bank::check_invariants(&state).unwrap();
    assert_eq!(Bank::export_genesis(&state).accounts.len(), 9_000);
    assert_eq!(supply(&state, VVV), units(9_000 * 9_001 / 2));
}

#[test]
fn an_export_starts_the_same_state_again() {
    let base = empty();
    let mut state = with_ada(&base);
    diem_bank::set_params(&mut state, &Params::default()).unwrap();
    call(&mut state, who(1), &transfer(who(2), DIEM, 4)).unwrap();
    ledger::charge(&mut state, &who(1), 0, &who(1), units(9)).unwrap();
    ledger::collect_fees(&mut state, units(9)).unwrap();
    let genesis = Bank::export_genesis(&state);
    let mut again = Overlay::new(&base);
    Bank::init_genesis(&mut GenesisContext { state: &mut again, time: Time(0) }, &genesis).unwrap();
    assert_eq!(again.writes(), state.writes());
}

#[test]
fn a_genesis_with_nobody_or_an_unknown_pool_is_refused() {
    let base = empty();
    let refused = |genesis: &Genesis| {
        let mut state = Overlay::new(&base);
        Bank::init_genesis(&mut GenesisContext { state: &mut state, time: Time(0) }, genesis).unwrap_err()
    };
    let nobody = Genesis { accounts: BTreeMap::from([(Address::ZERO, Account::default())]), ..Genesis::default() };
    assert_eq!(number_of(&refused(&nobody)), "zero_address");
    let pool = PoolBalance { pool: Pool::Bonded, denom: VVV, amount: units(1) };
    let genesis = Genesis { pools: vec![pool], ..Genesis::default() };
    let (bytes, json) = (borsh::to_vec(&genesis).unwrap(), serde_json::to_string(&genesis).unwrap());
    assert_eq!(borsh::from_slice::<Genesis>(&bytes).unwrap(), genesis);
    assert!(json.contains(r#"{"pool":"bonded","denom":"VVV","amount":"1"}"#), "{json}");
    assert!(serde_json::from_str::<Genesis>(&json).is_ok_and(|read| read == genesis));
    assert!(serde_json::from_str::<Genesis>(&json.replace("bonded", "unbonded")).is_err(), "no such pool");
    let rich = Account { vvv: Amount::MAX, ..Account::default() };
    let too_much = Genesis { accounts: BTreeMap::from([(who(1), rich), (who(2), rich)]), ..Genesis::default() };
    assert_eq!(number_of(&refused(&too_much)), "math");
}

#[test]
fn questions_are_answered_from_state() {
    let base = empty();
    let mut state = with_ada(&base);
    ledger::charge(&mut state, &who(1), 0, &who(1), units(9)).unwrap();
    ledger::collect_fees(&mut state, units(9)).unwrap();
    let ctx = QueryContext { state: &state as &dyn StateRead, block: BlockInfo::default() };
    let row = Account { nonce: 1, vvv: units(91), diem: units(9) };
    assert_eq!((query::account(&ctx, &who(1)), query::account(&ctx, &who(9))), (row, Account::default()));
    let supply = query::supply(&ctx);
    assert_eq!((supply.vvv, supply.diem, supply.fees), (units(100), units(10), units(9)));
    ledger::pay_into_pool(&mut state, &who(1), Pool::StakedDiem, Denom::Diem, units(4)).unwrap();
    let ctx = QueryContext { state: &state as &dyn StateRead, block: BlockInfo::default() };
    let pools = query::pools(&ctx);
    let expected = Pool::ALL.iter().flat_map(|pool| Denom::ALL.map(|denom| (*pool, denom)));
    assert!(pools.iter().map(|row| (row.pool, row.denom)).eq(expected), "each pool with each denomination, once");
    let full = pools.iter().filter(|row| !row.amount.is_zero()).map(|row| (row.pool.name(), row.denom, row.amount));
    let expected = [("fees", Denom::Vvv, units(9)), ("staked_diem", Denom::Diem, units(4))];
    assert_eq!(full.collect::<Vec<_>>(), expected);
}
