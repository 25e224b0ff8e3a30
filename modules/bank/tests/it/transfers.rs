//! Calls of bank: what they move, report, cost and show.

use borsh::BorshDeserialize as _;
use diem_bank::{Bank, Event, Msg, Output, balance, msg::MAX_OUTPUTS};
use diem_core::{Address, Amount, Message as _, Metered as _, Module};

use crate::state::*;

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
