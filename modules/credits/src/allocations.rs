//! Standing promises: so much a day to a provider, until changed.

use diem_core::{Address, Amount, Module as _, TxContext};

use crate::{
    Credits, Error, Event, accounts, providers,
    state::{self, add},
};

/// The most providers that an account can promise to.
pub const MAX_PROMISES: usize = 16;

/// The most promises that an account's row can hold: those of today, and as many that ended with the day before and
/// still take vouchers of it. What says nothing of either day nor of a later one leaves the row at once.
pub const MAX_ROWS: usize = 2 * MAX_PROMISES;

/// Promises `provider` so much a day. A raise counts today as far as free credit reaches, a cut from tomorrow: nothing
/// promised for a day shrinks during that day.
///
/// # Errors
/// No such provider, or it has left; too many promises; a raise with too little credit; nothing to end.
pub(crate) fn allocate(ctx: &mut TxContext<'_>, provider: &Address, amount: Amount) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    let mut customer = accounts::load(ctx.state, &open_day, &ctx.sender);
    if amount.is_zero() {
        customer.promise_mut(provider).ok_or(Error::NoPromise { provider: *provider })?;
    } else {
        providers::get_staying(ctx.state, &open_day, provider)?;
    }
    let free = customer.account.today.free();
    let promise = customer.promise_or_new(provider);
    let before = promise.today.amount;
    let reach = before.checked_add(free)?;
    let today = before.max(amount.min(reach));
    let is_raise = amount > promise.next || today > before;
    promise.next = amount;
    promise.today.amount = today;
    if is_raise {
        customer.check_min_allowance()?;
    }
    add(&mut customer.today().promised, today.checked_sub(before)?)?;
    check_promises(&customer.promises)?;
    customer.save(ctx.state);
    let event = Event::Allocated { account: ctx.sender, provider: *provider, today, next: amount };
    ctx.events.emit(Credits::ID, &event);
    Ok(())
}

/// Checks that the promises are not too many and have a sum. A promise that ended today counts until the day ends.
fn check_promises(promises: &[state::Promise]) -> Result<(), Error> {
    let live = promises.iter().filter(|promise| !promise.next.is_zero() || !promise.today.amount.is_zero()).count();
    if live > MAX_PROMISES {
        return Err(Error::TooManyPromises);
    }
    let mut sum = Amount::ZERO;
    promises.iter().try_for_each(|promise| add(&mut sum, promise.next))
}
