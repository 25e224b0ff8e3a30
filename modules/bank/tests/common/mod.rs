//! State in memory, and calls on it.

use diem_bank::{Bank, Msg};
use diem_core::{Address, Amount, BlockInfo, CallError, Denom, Module as _, StateWrite};
use diem_overlay::{Empty, Overlay};

/// Committed state with nothing in it.
pub(crate) fn empty() -> Empty {
    Empty
}

/// An account by its number.
pub(crate) const fn who(number: u8) -> Address {
    Address([number; 20])
}

/// So many base units.
pub(crate) const fn units(units: u128) -> Amount {
    Amount::new(units)
}

/// Gives `address` money that did not exist before, as genesis does.
pub(crate) fn fund(state: &mut dyn StateWrite, address: Address, denom: Denom, amount: u128) {
    diem_bank::mint(state, Bank::ID, &address, denom, units(amount)).unwrap();
}

/// Validates and executes a call of `sender`, as a transaction with this call alone would. Gives back its events.
pub(crate) fn call(state: &mut Overlay<'_>, sender: Address, msg: &Msg) -> Result<Vec<u8>, CallError> {
    diem_overlay::execute(state, BlockInfo::default(), sender, msg)
}
