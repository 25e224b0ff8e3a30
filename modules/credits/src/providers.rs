//! Providers: who serves inference, what stands behind it, and who among them earns rent.

use diem_bank::{self as bank, Pool};
use diem_core::{
    Address, Amount, BlockContext, CallError, Denom, Module as _, StateRead, StateWrite, Time, TxContext,
    text::{is_blank, is_plain, is_web_url},
};

pub use crate::provider::{Left, Provider, Standing};
use crate::{
    Credits, Error, Event,
    prices::{MAX_MODELS, MAX_SHEETS_A_DAY, PriceSheet, Sheets, cheapest},
    state::{self, DAYS, LEAVING, OpenDay, PROVIDER_DAYS, PROVIDERS, SHEETS, add, sub},
};

/// The longest endpoint and moniker, in bytes.
pub const MAX_TEXT_BYTES: usize = 128;

impl Provider {
    fn roll(mut self, open_day: &OpenDay) -> Self {
        for day in open_day.days_after(self.day) {
            (self.previous, self.today, self.day) = (self.today, self.next, day);
        }
        self
    }
}

/// The provider, rolled to the open day.
///
/// # Errors
/// [`Error::NoProvider`].
pub(crate) fn get(state: &dyn StateRead, open_day: &OpenDay, address: &Address) -> Result<Provider, Error> {
    let provider = PROVIDERS.get(state, address).ok_or(Error::NoProvider { provider: *address })?;
    Ok(provider.roll(open_day))
}

/// The provider, rolled to the open day, if it has not said that it leaves.
///
/// # Errors
/// [`Error::NoProvider`] or [`Error::ProviderLeft`].
pub(crate) fn get_staying(state: &dyn StateRead, open_day: &OpenDay, address: &Address) -> Result<Provider, Error> {
    let provider = get(state, open_day, address)?;
    if provider.left.is_some() { Err(Error::ProviderLeft { provider: *address }) } else { Ok(provider) }
}

/// The last day on which the provider serves: `None` while it stays, and day 0 for an address that never was one.
pub(crate) fn last_day(state: &dyn StateRead, address: &Address) -> Option<u64> {
    PROVIDERS.get(state, address).map_or(Some(0), |provider| provider.left.map(|left| left.day))
}

/// Refuses a text that cannot be shown.
fn check_text(text: &str) -> Result<(), Error> {
    let is_good = (1..=MAX_TEXT_BYTES).contains(&text.len()) && is_plain(text);
    if is_good { Ok(()) } else { Err(Error::Text) }
}

/// Refuses a name that shows nothing.
pub(crate) fn check_moniker(moniker: &str) -> Result<(), Error> {
    check_text(moniker)?;
    if is_blank(moniker) { Err(Error::BlankMoniker) } else { Ok(()) }
}

/// Refuses a place that no client can call.
pub(crate) fn check_endpoint(endpoint: &str) -> Result<(), Error> {
    check_text(endpoint)?;
    if is_web_url(endpoint) { Ok(()) } else { Err(Error::Endpoint) }
}

/// Registers the sender with a bond. It can be spent to at once; it earns rent from the day after it was listed.
///
/// # Errors
/// It fails for an account that is or was a provider, and for a bond below the minimum or above what the sender has.
pub(crate) fn register(
    ctx: &mut TxContext<'_>,
    bond: Amount,
    payout: &Address,
    endpoint: &str,
    moniker: &str,
) -> Result<(), CallError> {
    if PROVIDERS.get(ctx.state, &ctx.sender).is_some() {
        return Err(Error::AlreadyProvider.into());
    }
    check_min_bond(ctx.state, bond)?;
    bank::pay_into_pool(ctx.state, &ctx.sender, Pool::ProviderBonds, Denom::Vvv, bond)?;
    let day = state::open_day(ctx.state).day;
    PROVIDERS.set(ctx.state, &ctx.sender, &Provider::new(*payout, endpoint, moniker, bond, day));
    ctx.events.emit(Credits::ID, &Event::ProviderRegistered { provider: ctx.sender, bond });
    Ok(())
}

pub(crate) fn check_min_bond(state: &dyn StateRead, bond: Amount) -> Result<(), Error> {
    let minimum = state::params(state).min_bond;
    if bond < minimum { Err(Error::BondTooSmall { bond, minimum }) } else { Ok(()) }
}

/// Changes where the sender serves, is paid, and is called.
///
/// # Errors
/// The sender is no provider.
pub(crate) fn edit(
    ctx: &mut TxContext<'_>,
    payout: Option<&Address>,
    endpoint: Option<&str>,
    moniker: Option<&str>,
) -> Result<(), Error> {
    let mut provider = get(ctx.state, &state::open_day(ctx.state), &ctx.sender)?;
    provider.payout = payout.copied().unwrap_or(provider.payout);
    provider.endpoint = endpoint.map_or(provider.endpoint, Into::into);
    provider.moniker = moniker.map_or(provider.moniker, Into::into);
    PROVIDERS.set(ctx.state, &ctx.sender, &provider);
    ctx.events.emit(Credits::ID, &Event::ProviderEdited { provider: ctx.sender });
    Ok(())
}

/// Adds to the sender's bond; it counts from the next day.
///
/// # Errors
/// It fails if the sender is no provider, has left, or does not have the amount.
pub(crate) fn add_bond(ctx: &mut TxContext<'_>, amount: Amount) -> Result<(), CallError> {
    let mut provider = get_staying(ctx.state, &state::open_day(ctx.state), &ctx.sender)?;
    bank::pay_into_pool(ctx.state, &ctx.sender, Pool::ProviderBonds, Denom::Vvv, amount)?;
    add(&mut provider.bond, amount)?;
    provider.next.bond = provider.bond;
    PROVIDERS.set(ctx.state, &ctx.sender, &provider);
    ctx.events.emit(Credits::ID, &Event::BondAdded { provider: ctx.sender, amount, bond: provider.bond });
    Ok(())
}

/// Ends the sender's service with today: today still counts, allocations to it end with the day, and the bond is paid
/// back by itself. Its prices are removed with its bond, after the last voucher that could name them.
///
/// # Errors
/// The sender is no provider, or has left.
pub(crate) fn deregister(ctx: &mut TxContext<'_>) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    let mut provider = get_staying(ctx.state, &open_day, &ctx.sender)?;
    let due = Time(ctx.block.time.millis().saturating_add(state::params(ctx.state).provider_unbonding_ms));
    provider.left = Some(Left { day: open_day.day, due });
    provider.next = Standing::default();
    PROVIDERS.set(ctx.state, &ctx.sender, &provider);
    if provider.bond.is_zero() {
        SHEETS.remove(ctx.state, &ctx.sender);
    } else {
        LEAVING.set(ctx.state, &(due.millis(), ctx.sender), &1);
    }
    ctx.events.emit(Credits::ID, &Event::ProviderLeft { provider: ctx.sender, day: open_day.day, due });
    Ok(())
}

/// A provider's sheets as they stand today.
pub(crate) fn sheets(state: &dyn StateRead, open_day: &OpenDay, provider: &Address) -> Option<Sheets> {
    let sheets = SHEETS.get(state, provider)?;
    if sheets.day == open_day.day {
        return Some(sheets);
    }
    Some(Sheets { day: open_day.day, today: sheets.next.clone(), next: sheets.next, published: 0 })
}

/// The most that a provider may charge today, and how many sheets it has published today.
fn charged(state: &dyn StateRead, open_day: &OpenDay, provider: &Address) -> (PriceSheet, u8) {
    match SHEETS.get(state, provider).unwrap_or_default() {
        sheets if sheets.day == open_day.day => (sheets.today, sheets.published),
        before => (before.next, 0),
    }
}

/// Publishes a sheet. What is new or cheaper counts at once, what is dearer from the next day; what it leaves out can
/// be charged for until then, so that nothing becomes dearer by leaving and coming back.
///
/// # Errors
/// The sender is no provider, or has published too many sheets or models in one day.
pub(crate) fn publish_prices(ctx: &mut TxContext<'_>, sheet: &PriceSheet) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    get_staying(ctx.state, &open_day, &ctx.sender)?;
    let (old, published) = charged(ctx.state, &open_day, &ctx.sender);
    if published >= MAX_SHEETS_A_DAY {
        return Err(Error::TooManySheets);
    }
    let today = cheapest(old, sheet);
    if today.models.len() > 2 * MAX_MODELS {
        return Err(Error::TooManyModels);
    }
    let event = Event::PricesPublished { provider: ctx.sender, today: today.hash(), next: sheet.hash() };
    let published = published.saturating_add(1);
    SHEETS.set(ctx.state, &ctx.sender, &Sheets { day: open_day.day, today, next: sheet.clone(), published });
    ctx.events.emit(Credits::ID, &event);
    Ok(())
}

fn check_authority(ctx: &TxContext<'_>) -> Result<(), Error> {
    if state::params(ctx.state).authority == ctx.sender { Ok(()) } else { Err(Error::NotAuthority) }
}

/// Lets a provider earn rent from the next day on.
///
/// # Errors
/// It fails if the sender is not the authority, and if the address is no provider, or one that has left, is listed
/// already, or has too small a bond.
pub(crate) fn list(ctx: &mut TxContext<'_>, address: &Address) -> Result<(), Error> {
    check_authority(ctx)?;
    let mut provider = get_staying(ctx.state, &state::open_day(ctx.state), address)?;
    if provider.next.listed {
        return Err(Error::AlreadyListed);
    }
    check_min_bond(ctx.state, provider.bond)?;
    provider.next.listed = true;
    PROVIDERS.set(ctx.state, address, &provider);
    ctx.events.emit(Credits::ID, &Event::ProviderListed { provider: *address });
    Ok(())
}

/// Stops a provider from earning rent, at once and for every day that is not settled; with `forfeit` its bond goes to
/// the treasury.
///
/// # Errors
/// It fails if the sender is not the authority, if the address is no provider, and if nothing would change.
pub(crate) fn delist(ctx: &mut TxContext<'_>, address: &Address, forfeit: bool) -> Result<(), CallError> {
    check_authority(ctx)?;
    let open_day = state::open_day(ctx.state);
    let mut provider = get(ctx.state, &open_day, address)?;
    let unsettled_listed = open_day.unsettled().is_some() && provider.previous.listed;
    let listed = provider.next.listed || provider.today.listed || unsettled_listed;
    let forfeited = if forfeit { provider.bond } else { Amount::ZERO };
    if !listed && forfeited.is_zero() {
        return Err(Error::NotListed.into());
    }
    for standing in [&mut provider.previous, &mut provider.today, &mut provider.next] {
        standing.listed = false;
        if forfeit {
            standing.bond = Amount::ZERO;
        }
    }
    discount(ctx.state, address, open_day.day)?;
    if let Some(closed) = open_day.unsettled() {
        discount(ctx.state, address, closed.day)?;
    }
    if !forfeited.is_zero() {
        bank::move_between_pools(ctx.state, Pool::ProviderBonds, Pool::Treasury, Denom::Vvv, forfeited)?;
        provider.bond = Amount::ZERO;
        if let Some(left) = provider.left {
            LEAVING.remove(ctx.state, &(left.due.millis(), *address));
            SHEETS.remove(ctx.state, address);
        }
    }
    PROVIDERS.set(ctx.state, address, &provider);
    ctx.events.emit(Credits::ID, &Event::ProviderDelisted { provider: *address, forfeited });
    Ok(())
}

/// Subtracts what counted of a provider from the totals of a day.
fn discount(state: &mut dyn StateWrite, provider: &Address, day: u64) -> Result<(), Error> {
    let key = (day, *provider);
    let Some(mut row) = PROVIDER_DAYS.get(state, &key) else { return Ok(()) };
    let mut record = DAYS.get(state, &day).unwrap_or_default();
    sub(&mut record.counted, std::mem::take(&mut row.counted))?;
    PROVIDER_DAYS.set(state, &key, &row);
    DAYS.set(state, &day, &record);
    Ok(())
}

/// Pays back at most `limit` bonds that are due. A bond also waits for the settlement of its provider's last day. The
/// runtime retries this step.
///
/// # Errors
/// The pool holds less than it owes, which the invariants exclude.
pub fn pay_bonds(ctx: &mut BlockContext<'_>, limit: usize) -> Result<(), CallError> {
    let now = ctx.block.info.time.millis();
    let open_day = state::open_day(ctx.state);
    for ((due, address), _) in state::due(&LEAVING, ctx.state, limit, |(due, _)| *due <= now) {
        let mut provider = get(ctx.state, &open_day, &address)?;
        let is_over = provider.left.is_some_and(|left| !open_day.is_unsettled(left.day));
        if !is_over {
            break;
        }
        let bond = std::mem::take(&mut provider.bond);
        bank::pay_from_pool(ctx.state, Pool::ProviderBonds, &address, Denom::Vvv, bond)?;
        LEAVING.remove(ctx.state, &(due, address));
        SHEETS.remove(ctx.state, &address);
        PROVIDERS.set(ctx.state, &address, &provider);
        ctx.events.emit(Credits::ID, &Event::BondPaid { provider: address, amount: bond });
    }
    Ok(())
}
