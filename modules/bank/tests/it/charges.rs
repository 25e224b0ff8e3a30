//! Fees and nonces: who pays, who counts, and that a refused charge writes nothing.

use diem_bank::{Account, Bank, Pool, balance, ledger, pool};
use diem_core::{Amount, Module};

use crate::state::*;

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
