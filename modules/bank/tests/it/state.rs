//! State in memory, and calls on it.

use diem_bank::{Bank, Error, Msg};
use diem_core::{Address, Amount, BlockInfo, CallError, Denom, Module as _, ModuleError as _, StateRead, StateWrite};
use diem_overlay::{Empty, Overlay};

/// A committed state without rows.
pub(crate) fn empty() -> Empty {
    Empty
}

/// An account by its number.
pub(crate) const fn who(number: u8) -> Address {
    Address([number; 20])
}

/// An amount of that many base units.
pub(crate) const fn units(units: u128) -> Amount {
    Amount::new(units)
}

/// Gives `address` money that did not exist before, as genesis does.
pub(crate) fn fund(state: &mut dyn StateWrite, address: Address, denom: Denom, amount: u128) {
    diem_bank::mint(state, Bank::ID, &address, denom, units(amount)).unwrap();
}

/// Validates and executes a call of `sender`, as a transaction with this call alone would. It returns the events.
pub(crate) fn call(state: &mut Overlay<'_>, sender: Address, msg: &Msg) -> Result<Vec<u8>, CallError> {
    diem_overlay::execute(state, BlockInfo::default(), sender, msg)
}

pub(crate) const VVV: Denom = Denom::Vvv;
pub(crate) const DIEM: Denom = Denom::Diem;

/// Ada (1) with 100 VVV and 9 DIEM, in base units, and Bob (2), whose one unit of DIEM makes him an account.
pub(crate) fn with_ada(base: &Empty) -> Overlay<'_> {
    let mut state = Overlay::new(base);
    fund(&mut state, who(1), VVV, 100);
    fund(&mut state, who(1), DIEM, 9);
    fund(&mut state, who(2), DIEM, 1);
    state
}

pub(crate) fn transfer(to: Address, denom: Denom, amount: u128) -> Msg {
    Msg::Transfer { to, denom, amount: units(amount) }
}

pub(crate) fn number_of(error: &CallError) -> &'static str {
    assert_eq!(error.codespace, "bank");
    Error::TABLE.iter().find(|line| line.code == error.code).unwrap().name
}

/// Whether somebody has a row, as the store sees it.
pub(crate) fn has_row(state: &dyn StateRead, address: &Address) -> bool {
    state.get(&diem_bank::account_key(address)).is_some()
}
