//! State in memory, and a way to run something all or nothing, as the runtime does.

use diem_bank::{Bank, Msg};
use diem_core::{
    Address, Amount, BlockInfo, CallError, Denom, Events, Forgetful, Message as _, Module as _, StateWrite, TxContext,
};
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

/// Runs `step` in an overlay of its own and keeps its writes only if it succeeds.
pub(crate) fn all_or_nothing<T, E>(
    state: &mut Overlay<'_>,
    step: impl FnOnce(&mut dyn StateWrite) -> Result<T, E>,
) -> Result<T, E> {
    let (outcome, writes) = {
        let mut overlay = Overlay::new(&*state);
        let outcome = step(&mut overlay);
        (outcome, overlay.into_writes())
    };
    if outcome.is_ok() {
        state.apply(writes);
    }
    outcome
}

/// Validates and executes a call of `sender`, as a transaction with this call alone would. Gives back its events.
pub(crate) fn call(state: &mut Overlay<'_>, sender: Address, msg: &Msg) -> Result<Vec<u8>, CallError> {
    all_or_nothing(state, |state| {
        let mut events = Events::default();
        let mut ctx =
            TxContext { state, events: &mut events, block: BlockInfo::default(), sender, verifier: &Forgetful };
        msg.validate()?;
        msg.execute(&mut ctx)?;
        Ok(events.into_bytes())
    })
}
