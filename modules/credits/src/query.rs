//! The questions that credits answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, CallError, Denom, Page, QueryContext, Time, clock};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Params, accounts, grants,
    prices::Sheets,
    providers::{self, Provider},
    state::{
        self, CreditDay, DAYS, DailyAllocation, DayRecord, Grant, IDLE_SUPPLY, IdleSupply, OFFERS, OpenDay, POSITIONS,
        PROVIDER_DAYS, PROVIDERS, ProviderDay, TRANCHES, Tranche, VoucherProgress,
    },
};

/// A question to credits over ABCI, which is answered by the functions of this file.
#[diem_core::queries]
pub enum Query {
    /// Asks for an account's credit today, yesterday and tomorrow, with its allocations.
    Account(Address) = 0,
    /// Asks for the positions of an account, by beneficiary, and for its tranches.
    Stake {
        /// The account that stakes.
        staker: Address,
        /// The part of the positions.
        page: Page<Address>,
    } = 1,
    /// Asks for the session keys of an account.
    Grants(Address) = 2,
    /// Asks what a voucher of this signer at this provider can still bring, today and yesterday.
    Voucher {
        /// The account whose credit it is.
        account: Address,
        /// The account or session key that signs.
        signer: Address,
        /// The provider that is paid.
        provider: Address,
    } = 3,
    /// Asks for the open offers of today, by seller.
    Offers(Page<Address>) = 4,
    /// Asks for one provider with its prices and its days.
    Provider(Address) = 5,
    /// Asks for all providers, also those that have left.
    Providers(Page<Address>) = 6,
    /// Asks for the open day, the one in its grace, and the rent so far.
    Today = 7,
    /// Asks for the record of one day.
    Day(u64) = 8,
    /// Asks for the records of days, the oldest first.
    Days(Page<u64>) = 9,
    /// Asks for what was consumed on a day at each provider that is not paid for it yet.
    DayProviders {
        /// The day that it was consumed on.
        day: u64,
        /// The part of the providers.
        page: Page<Address>,
    } = 10,
    /// Asks for the parameters of the module.
    Params = 11,
}

/// An answer of credits.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Answer {
    /// The credit of the account.
    Account(Box<AccountInfo>) = 0,
    /// The stake of the account.
    Stake(StakeInfo) = 1,
    /// Session keys with their rights.
    Grants(Vec<(Address, Grant)>) = 2,
    /// The credit that vouchers can still bring.
    Voucher(VoucherInfo) = 3,
    /// The offers, by seller.
    Offers(Vec<OfferInfo>) = 4,
    /// The provider that was asked for.
    Provider(Box<ProviderInfo>) = 5,
    /// The providers, by address.
    Providers(Vec<(Address, Provider)>) = 6,
    /// The open day and the one before it.
    Today(Box<TodayInfo>) = 7,
    /// The day that was asked for.
    Day(Box<DayInfo>) = 8,
    /// The days, in order.
    Days(Vec<DayInfo>) = 9,
    /// The providers of the day that are not paid yet.
    DayProviders(Vec<(Address, ProviderDay)>) = 10,
    /// The parameters of the module.
    Params(Params) = 11,
}

/// The credit of an account, rolled to the open day.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AccountInfo {
    /// The row of the open day.
    pub today: CreditDay,
    /// The credit of today that nobody has a claim on.
    pub free: Amount,
    /// The row of the day before.
    pub previous: CreditDay,
    /// The credit with which the next day opens, if nothing changes.
    pub tomorrow: Amount,
    /// The price of its open offer, in avvv for a whole credit.
    pub offer_price: Option<Amount>,
    /// The allocations of the account, by provider.
    pub allocations: Vec<AllocationInfo>,
}

/// An allocation to one provider.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AllocationInfo {
    /// The provider to which it is made.
    pub provider: Address,
    /// The allocation of today.
    pub today: DailyAllocation,
    /// The allocation of the day before.
    pub previous: DailyAllocation,
    /// The allocation of a day from tomorrow on, before it is scaled.
    pub next: Amount,
    /// The amount to which it will be scaled tomorrow, if nothing changes.
    pub tomorrow: Amount,
}

/// The staked DIEM of an account.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct StakeInfo {
    /// The positions, by beneficiary.
    pub positions: Vec<(Address, Amount)>,
    /// The tranches, by number.
    pub tranches: Vec<(u64, Tranche)>,
}

/// The credit that vouchers of a signer can bring at a provider.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VoucherInfo {
    /// The credit of today.
    pub today: VoucherDay,
    /// The credit of the day before, while it takes vouchers.
    pub previous: Option<VoucherDay>,
}

/// The credit that vouchers of a signer can bring at a provider on one day.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VoucherDay {
    /// The day of the vouchers.
    pub day: u64,
    /// The amount and requests that were paid and seen so far.
    pub signed: VoucherProgress,
    /// The credit that can still be paid: the allocation's rest, within the signer's limit.
    pub left: Amount,
}

/// An open offer of today.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct OfferInfo {
    /// The account that sells.
    pub seller: Address,
    /// The credit of today that is on offer, in credit units.
    pub amount: Amount,
    /// The price, in avvv for a whole credit.
    pub price: Amount,
}

/// A provider with its prices and today's consumption.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProviderInfo {
    /// The row of the provider.
    pub provider: Provider,
    /// The price sheets of the provider.
    pub sheets: Sheets,
    /// The hash of today's sheet, as vouchers name it.
    #[serde(with = "hex::serde")]
    pub sheet_hash: [u8; 32],
    /// The credit and requests consumed there today.
    pub today: ProviderDay,
    /// The credit of today that would still earn rent.
    pub left_to_earn: Amount,
    /// The credit and requests consumed there the day before, until it is paid.
    pub previous: Option<ProviderDay>,
}

/// The open day and the one before it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct TodayInfo {
    /// The row of the chain as a whole.
    pub open_day: OpenDay,
    /// The totals of the open day so far.
    pub day: DayRecord,
    /// The first moment at which the next day can open.
    pub closes_at: Time,
    /// The closed day that is in its grace, if there is one.
    pub unsettled: Option<DayInfo>,
    /// The last moment at which it takes vouchers.
    pub settles_after: Option<Time>,
    /// The rent booked since the last close, in avvv.
    pub rent: Amount,
    /// The supply of DIEM, in adiem.
    pub supply: Amount,
    /// The running sum behind the day's base.
    pub idle: IdleSupply,
}

/// A day with its record.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DayInfo {
    /// The number of the day.
    pub day: u64,
    /// The record of the day.
    pub record: DayRecord,
    /// The utilisation: consumed / allowance in parts of 10,000, rounded down; 0 if there was no credit.
    pub utilisation_bps: u64,
}

/// The utilisation: consumed / allowance in parts of 10,000, rounded down; 0 if there was no credit.
pub fn utilisation_bps(consumed: Amount, allowance: Amount) -> u64 {
    let bps = consumed.mul_div_floor(10_000, allowance.get()).map_or(0, Amount::get);
    u64::try_from(bps).unwrap_or(u64::MAX)
}

fn day_info(day: u64, record: DayRecord) -> DayInfo {
    DayInfo { day, utilisation_bps: utilisation_bps(record.consumed, record.allowance), record }
}

/// The answer to any question.
///
/// # Errors
/// The errors of the function that answers the question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Result<Answer, CallError> {
    Ok(match query {
        Query::Account(address) => Answer::Account(Box::new(account(ctx, &address))),
        Query::Stake { staker, page } => {
            Answer::Stake(StakeInfo { positions: positions(ctx, &staker, &page), tranches: tranches(ctx, &staker) })
        }
        Query::Grants(account) => Answer::Grants(grants(ctx, &account)),
        Query::Voucher { account, signer, provider } => Answer::Voucher(voucher(ctx, &account, &signer, &provider)),
        Query::Offers(page) => Answer::Offers(offers(ctx, &page)),
        Query::Provider(address) => Answer::Provider(Box::new(provider(ctx, &address)?)),
        Query::Providers(page) => Answer::Providers(providers(ctx, &page)),
        Query::Today => Answer::Today(Box::new(today(ctx))),
        Query::Day(number) => Answer::Day(Box::new(day(ctx, number)?)),
        Query::Days(page) => Answer::Days(days(ctx, &page)),
        Query::DayProviders { day, page } => Answer::DayProviders(day_providers(ctx, day, &page)),
        Query::Params => Answer::Params(params(ctx)),
    })
}

/// An account's credit today, yesterday and tomorrow, with its allocations.
pub fn account(ctx: &QueryContext<'_>, address: &Address) -> AccountInfo {
    let (state, open_day) = (ctx.state, state::open_day(ctx.state));
    let customer = accounts::load(state, &open_day, address);
    let scaled = accounts::tomorrow(state, &customer);
    let allocations =
        customer.allocations.iter().zip(scaled).map(|(allocation, (provider, tomorrow))| AllocationInfo {
            provider,
            today: allocation.today,
            previous: allocation.previous,
            next: allocation.next,
            tomorrow,
        });
    AccountInfo {
        free: customer.account.today.free(),
        tomorrow: customer.account.today.staked,
        offer_price: OFFERS.get(state, &(open_day.day, *address)),
        allocations: allocations.collect(),
        today: customer.account.today.clone(),
        previous: customer.account.previous.clone(),
    }
}

/// A page of the DIEM that an account has staked, by beneficiary.
pub fn positions(ctx: &QueryContext<'_>, staker: &Address, page: &Page<Address>) -> Vec<(Address, Amount)> {
    POSITIONS.page_of(ctx.state, staker, page)
}

/// The tranches of an account, by number; they are few.
pub fn tranches(ctx: &QueryContext<'_>, staker: &Address) -> Vec<(u64, Tranche)> {
    let rows = TRANCHES.prefix(ctx.state, staker, None, crate::stake::MAX_TRANCHES).into_iter();
    rows.map(|((_, id), tranche)| (id, tranche)).collect()
}

/// The session keys of an account under which vouchers may still come, with their rights; they are few.
pub fn grants(ctx: &QueryContext<'_>, account: &Address) -> Vec<(Address, Grant)> {
    grants::of(ctx.state, &state::open_day(ctx.state), account)
}

/// What a voucher of this signer at this provider can still bring, today and yesterday.
pub fn voucher(ctx: &QueryContext<'_>, account: &Address, signer: &Address, provider: &Address) -> VoucherInfo {
    let (state, open_day) = (ctx.state, state::open_day(ctx.state));
    let customer = accounts::load(state, &open_day, account);
    let grant = grants::get(state, &open_day, account, signer).unwrap_or_default();
    let on = |day: u64| {
        let allocated = customer.allocated(provider, day).copied().unwrap_or_default();
        let (signed, left) = if signer == account {
            (allocated.own, allocated.left())
        } else {
            let limited = grant.limit(provider, day).copied().unwrap_or_default();
            (limited.signed, allocated.left().min(limited.amount.saturating_sub(limited.signed.paid)))
        };
        VoucherDay { day, signed, left }
    };
    VoucherInfo { today: on(open_day.day), previous: open_day.unsettled().map(|previous| on(previous.day)) }
}

/// A page of the open offers of today, by seller.
pub fn offers(ctx: &QueryContext<'_>, page: &Page<Address>) -> Vec<OfferInfo> {
    let (state, open_day) = (ctx.state, state::open_day(ctx.state));
    let offer = |(seller, price)| {
        let amount = accounts::load(state, &open_day, &seller).account.today.offered;
        OfferInfo { seller, amount, price }
    };
    OFFERS.page_of(state, &open_day.day, page).into_iter().map(offer).collect()
}

/// One provider with its prices and its days.
///
/// # Errors
/// [`Error::NoProvider`].
pub fn provider(ctx: &QueryContext<'_>, address: &Address) -> Result<ProviderInfo, CallError> {
    let (state, open_day) = (ctx.state, state::open_day(ctx.state));
    let provider = providers::get(state, &open_day, address)?;
    let sheets = providers::sheets(state, &open_day, address).unwrap_or_default();
    let today = PROVIDER_DAYS.get(state, &(open_day.day, *address)).unwrap_or_default();
    let most = provider.today.counted(Amount::MAX);
    let previous = open_day.previous.as_ref().and_then(|previous| PROVIDER_DAYS.get(state, &(previous.day, *address)));
    Ok(ProviderInfo {
        sheet_hash: sheets.today.hash(),
        left_to_earn: most.saturating_sub(today.counted),
        provider,
        sheets,
        today,
        previous,
    })
}

/// A page of all providers by address, also of those that have left.
pub fn providers(ctx: &QueryContext<'_>, page: &Page<Address>) -> Vec<(Address, Provider)> {
    let (state, open_day) = (ctx.state, state::open_day(ctx.state));
    let rows = PROVIDERS.page(state, page).into_iter();
    rows.filter_map(|(address, _)| Some((address, providers::get(state, &open_day, &address).ok()?))).collect()
}

/// The open day, the one in its grace, and the rent so far.
pub fn today(ctx: &QueryContext<'_>) -> TodayInfo {
    let (state, open_day) = (ctx.state, state::open_day(ctx.state));
    let grace = state::params(state).grace_ms;
    let unsettled = open_day.unsettled().map(|previous| {
        let record = DAYS.get(state, &previous.day).unwrap_or_default();
        (day_info(previous.day, record), Time(previous.closed_at.millis().saturating_add(grace)))
    });
    let (unsettled, settles_after) = unsettled.unzip();
    // The day in its grace still takes vouchers at that last moment: it is settled, and the next day opens, after it.
    let settled_by = settles_after.map_or(Time(0), |last: Time| Time(last.millis().saturating_add(1)));
    let midnight = open_day.day.saturating_add(1).saturating_mul(clock::epoch_ms(state).get());
    TodayInfo {
        day: DAYS.get(state, &open_day.day).unwrap_or_default(),
        closes_at: settled_by.max(Time(midnight)),
        unsettled,
        settles_after,
        rent: bank::pool(state, Pool::Rent, Denom::Vvv),
        supply: bank::supply(state, Denom::Diem),
        idle: IDLE_SUPPLY.get(state).unwrap_or_default(),
        open_day,
    }
}

/// The record of one day.
///
/// # Errors
/// [`Error::NoDay`].
pub fn day(ctx: &QueryContext<'_>, day: u64) -> Result<DayInfo, CallError> {
    let record = DAYS.get(ctx.state, &day).ok_or(Error::NoDay { day })?;
    Ok(day_info(day, record))
}

/// A page of the records of days, the oldest first.
pub fn days(ctx: &QueryContext<'_>, page: &Page<u64>) -> Vec<DayInfo> {
    DAYS.page(ctx.state, page).into_iter().map(|(day, record)| day_info(day, record)).collect()
}

/// A page of what was consumed on a day, by provider: of those that are not paid for it yet.
pub fn day_providers(ctx: &QueryContext<'_>, day: u64, page: &Page<Address>) -> Vec<(Address, ProviderDay)> {
    PROVIDER_DAYS.page_of(ctx.state, &day, page)
}

/// The parameters of the module.
pub fn params(ctx: &QueryContext<'_>) -> Params {
    state::params(ctx.state)
}
