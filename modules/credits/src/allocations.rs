//! Allocations: credit that an account sets aside for a provider every day, until it says otherwise.

use diem_core::{Address, Amount, Module as _, TxContext};

use crate::{
    Credits, Error, Event, accounts, providers,
    state::{self, add},
};

/// The most providers that an account can allocate credit to.
pub const MAX_ALLOCATIONS: usize = 16;

/// The most allocations that an account's row can hold: those of today, and as many that ended with the day before and
/// still take vouchers of it. One of zero on both days and on later ones leaves the row at once.
pub const MAX_ROWS: usize = 2 * MAX_ALLOCATIONS;

/// Allocates so much a day to `provider`. A raise counts today as far as free credit reaches, a cut from tomorrow:
/// nothing allocated for a day shrinks during that day.
///
/// # Errors
/// The call is refused if there is no such provider or it has left, if the account has too many allocations, if a raise
/// has too little credit, and if there is nothing to end.
pub(crate) fn allocate(ctx: &mut TxContext<'_>, provider: &Address, amount: Amount) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    let mut customer = accounts::load(ctx.state, &open_day, &ctx.sender);
    if amount.is_zero() {
        customer.allocation_mut(provider).ok_or(Error::NoAllocation { provider: *provider })?;
    } else {
        providers::get_staying(ctx.state, &open_day, provider)?;
    }
    let free = customer.account.today.free();
    let allocation = customer.allocation_or_new(provider);
    let before = allocation.today.amount;
    let reach = before.checked_add(free)?;
    let today = before.max(amount.min(reach));
    let is_raise = amount > allocation.next || today > before;
    allocation.next = amount;
    allocation.today.amount = today;
    if is_raise {
        customer.check_min_allowance()?;
    }
    add(&mut customer.today().allocated, today.checked_sub(before)?)?;
    check_allocations(&customer.allocations)?;
    customer.save(ctx.state);
    let event = Event::Allocated { account: ctx.sender, provider: *provider, today, next: amount };
    ctx.events.emit(Credits::ID, &event);
    Ok(())
}

/// Checks that an account has at most [`MAX_ALLOCATIONS`] and that their sum fits. An allocation that ended today
/// counts until the day ends.
fn check_allocations(allocations: &[state::Allocation]) -> Result<(), Error> {
    let live = allocations
        .iter()
        .filter(|allocation| !allocation.next.is_zero() || !allocation.today.amount.is_zero())
        .count();
    if live > MAX_ALLOCATIONS {
        return Err(Error::TooManyAllocations);
    }
    let mut sum = Amount::ZERO;
    allocations.iter().try_for_each(|allocation| add(&mut sum, allocation.next))
}
