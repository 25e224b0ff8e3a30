//! Rows of accounts: what makes one, and what takes it away.

use std::collections::BTreeMap;

use diem_bank::{Account, Bank, ChargeError, Genesis, MinNewAccount, Msg, Output, Params, Pool, ledger, query};
use diem_core::{Amount, BlockInfo, GenesisContext, Module, ModuleError, QueryContext, StateRead, Time};
use diem_overlay::Overlay;

use crate::state::*;

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
    // Bob has sent something, which could be replayed if his nonce were forgotten.
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
