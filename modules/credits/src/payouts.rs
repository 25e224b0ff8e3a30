//! Paying providers for settled days. The rows of what was consumed are the queue: they leave the state when paid and
//! live on in events.

use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, BlockContext, CallError, Denom, Module as _, StateRead};

use crate::{
    Credits, Error, Event,
    state::{self, DAYS, DayRecord, PROVIDER_DAYS, PROVIDERS, add},
};

/// The rent that `counted` earns on a day, rounded down: nothing if the day has no base.
pub(crate) fn share(record: &DayRecord, counted: Amount) -> Result<Amount, Error> {
    if record.base.is_zero() {
        return Ok(Amount::ZERO);
    }
    Ok(record.rent.mul_div_floor(counted.get(), record.base.get())?)
}

/// The account at which a provider is paid.
fn payout_address(state: &dyn StateRead, provider: &Address) -> Address {
    PROVIDERS.get(state, provider).map_or(*provider, |row| row.payout)
}

/// Pays at most `limit` providers of settled days, oldest day first. What the divisions of a day leave joins the next
/// rent once all of them are paid. The runtime retries this step.
///
/// # Errors
/// The pool holds less than it owes, which the invariants exclude.
pub fn pay_providers(ctx: &mut BlockContext<'_>, limit: usize) -> Result<(), CallError> {
    let open_day = state::open_day(ctx.state);
    for ((day, provider), row) in state::due(&PROVIDER_DAYS, ctx.state, limit, |(day, _)| !open_day.is_unsettled(*day))
    {
        let mut record = DAYS.get(ctx.state, &day).unwrap_or_default();
        let amount = share(&record, row.counted)?;
        let to = payout_address(ctx.state, &provider);
        bank::pay_from_pool(ctx.state, Pool::Payouts, &to, Denom::Vvv, amount)?;
        add(&mut record.paid, amount)?;
        DAYS.set(ctx.state, &day, &record);
        PROVIDER_DAYS.remove(ctx.state, &(day, provider));
        ctx.events.emit(Credits::ID, &Event::ProviderPaid { day, provider, to, row, amount });
        if PROVIDER_DAYS.prefix(ctx.state, &day, None, 1).is_empty() {
            let dust = record.pot.checked_sub(record.paid).map_err(Error::from)?;
            bank::move_between_pools(ctx.state, Pool::Payouts, Pool::Rent, Denom::Vvv, dust)?;
        }
    }
    Ok(())
}
