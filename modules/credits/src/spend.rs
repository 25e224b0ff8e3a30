//! The consumption of credit, in which vouchers and direct spending end, and direct spending itself.

use diem_core::{Address, Amount, Module as _, StateRead, StateWrite, TxContext};

use crate::{
    Credits, Error, Event, accounts, providers,
    state::{self, DAYS, OpenDay, PROVIDER_DAYS, add, sub},
};

/// The longest reference of a direct spend, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 64;

/// Refuses a day that is not today: what was signed a moment before midnight never takes tomorrow's credit.
pub(crate) fn check_today(open_day: &OpenDay, day: u64) -> Result<(), Error> {
    if day == open_day.day { Ok(()) } else { Err(Error::NotToday { day, today: open_day.day }) }
}

/// The provider, if it serves on `day`, which is not settled yet.
///
/// # Errors
/// [`Error::NoProvider`], or [`Error::ProviderLeft`] if its last day was before `day`.
pub(crate) fn serving(
    state: &dyn StateRead,
    open_day: &OpenDay,
    address: &Address,
    day: u64,
) -> Result<providers::Provider, Error> {
    let provider = providers::get(state, open_day, address)?;
    if provider.left.is_some_and(|left| left.day < day) {
        return Err(Error::ProviderLeft { provider: *address });
    }
    Ok(provider)
}

/// Counts what was consumed at `provider` on `day`, which is not settled yet.
///
/// # Errors
/// [`Error::Math`], which would take more credit than there is DIEM.
pub(crate) fn count(
    state: &mut dyn StateWrite,
    provider: &providers::Provider,
    address: &Address,
    day: u64,
    consumed: Amount,
    requests: u64,
) -> Result<(), Error> {
    let key = (day, *address);
    let mut row = PROVIDER_DAYS.get(state, &key).unwrap_or_default();
    let mut record = DAYS.get(state, &day).unwrap_or_default();
    add(&mut row.consumed, consumed)?;
    add(&mut record.consumed, consumed)?;
    sub(&mut record.counted, row.counted)?;
    row.counted = provider.standing(day).counted(row.consumed);
    add(&mut record.counted, row.counted)?;
    row.requests = row.requests.saturating_add(requests);
    record.requests = record.requests.saturating_add(requests);
    PROVIDER_DAYS.set(state, &key, &row);
    DAYS.set(state, &day, &record);
    Ok(())
}

/// Consumes free credit of the sender at a provider at once, without an allocation or a voucher.
///
/// # Errors
/// It fails on another day than today, without such a provider, and with too little credit.
pub(crate) fn spend(
    ctx: &mut TxContext<'_>,
    provider: &Address,
    day: u64,
    amount: Amount,
    reference: &str,
) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    check_today(&open_day, day)?;
    let serving = serving(ctx.state, &open_day, provider, day)?;
    let mut customer = accounts::load(ctx.state, &open_day, &ctx.sender);
    customer.check_min_allowance()?;
    customer.check_free(amount)?;
    add(&mut customer.today().spent, amount)?;
    customer.save(ctx.state);
    count(ctx.state, &serving, provider, day, amount, 1)?;
    let event = Event::Spent { account: ctx.sender, provider: *provider, day, amount, reference: reference.into() };
    ctx.events.emit(Credits::ID, &event);
    Ok(())
}
