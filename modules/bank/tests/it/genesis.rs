//! Genesis, export, and questions about the state between them.

use std::collections::BTreeMap;

use diem_bank::{
    Account, Bank, Genesis, Params, Pool, ledger,
    query::{self, PoolBalance},
    supply,
};
use diem_core::{Address, Amount, BlockInfo, Denom, GenesisContext, Module, QueryContext, StateRead, Time};
use diem_overlay::Overlay;

use crate::state::*;

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
