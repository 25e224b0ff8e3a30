//! The handlers of credit: an account's credit, its allocations and grants, and offers.

use std::str::FromStr;

use axum::{Json, extract::State};
use diem_api::{
    AccountCredit, AccountOffer, Allocation, AllocationDay, At, Coin, Credit, CreditDay, DiemStake, DiemTranche, Grant,
    GrantDay, GrantLimit, HttpError, List, Offer, VoucherDay, Vouchers,
};
use diem_core::{Address, Amount};
use diem_credits::{
    query::{self, AccountInfo, AllocationInfo, OfferInfo, TodayInfo},
    state::{self, DailyAllocation, DailyLimit, Limit, Tranche},
};
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    params::{Path, Query, parse},
    snapshot_reader::{HeightParams, ListParams, Part, ProveParams, Reader, answer, answer_page, answer_proven},
    staking::{read_all, sum},
};

/// The sums of all DIEM that an account has staked and of all that is leaving; `None` if an answer would sum more rows
/// than it may.
pub(super) fn stake_totals(reader: &Reader, staker: Address) -> Result<Option<(Amount, Amount)>, Failure> {
    let leaving = sum(query::tranches(&reader.ctx(), &staker).iter().map(|(_, tranche)| tranche.amount));
    let rows = read_all(|page| Ok(query::positions(&reader.ctx(), &staker, &page)), |(beneficiary, _)| *beneficiary)?;
    Ok(rows.map(|rows| (sum(rows.iter().map(|(_, amount)| *amount)), leaving)))
}

/// `GET /v1/accounts/{address}/credit?height=&prove=true`
pub(crate) async fn credit(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<AccountCredit>>, Failure> {
    let address: Address = parse(&address)?;
    answer_proven(&api, params, &state::account_key(&address), move |reader| {
        let account = query::account(&reader.ctx(), &address);
        Ok(AccountCredit {
            today: credit_day(&account.today),
            previous: credit_day(&account.previous),
            tomorrow: account.tomorrow.into(),
            offer: own_offer(address, &account),
            allocations: account.allocations.iter().map(allocation).collect(),
        })
    })
    .await
}

fn credit_day(row: &state::CreditDay) -> CreditDay {
    CreditDay {
        day: row.day,
        staked: Coin::diem(row.staked),
        allowance: row.allowance.into(),
        spent: row.spent.into(),
        allocated: row.allocated.into(),
        offered: row.offered.into(),
        free: row.free().into(),
    }
}

fn own_offer(seller: Address, account: &AccountInfo) -> Option<Offer> {
    let (day, amount) = (account.today.day, account.today.offered);
    account.offer_price.map(|price| Offer { seller, day, amount: amount.into(), price: Coin::vvv(price) })
}

fn allocation(allocation: &AllocationInfo) -> Allocation {
    Allocation {
        provider: allocation.provider,
        today: allocation_day(&allocation.today),
        previous: allocation_day(&allocation.previous),
        next: allocation.next.into(),
        tomorrow: allocation.tomorrow.into(),
    }
}

fn allocation_day(allocated: &DailyAllocation) -> AllocationDay {
    AllocationDay { amount: allocated.amount.into(), used: allocated.used.into(), left: allocated.left().into() }
}

/// `GET /v1/accounts/{address}/allocations?height=&after=&limit=`
pub(crate) async fn allocations(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Allocation>>, Failure> {
    let address: Address = parse(&address)?;
    answer_page(&api, params, move |reader, part: &Part<u64>| {
        let (rows, next) = part.cut_whole(query::account(&reader.ctx(), &address).allocations);
        Ok((rows.iter().map(allocation).collect(), next))
    })
    .await
}

/// `GET /v1/accounts/{address}/offer?height=`
pub(crate) async fn offer(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<AccountOffer>>, Failure> {
    let address: Address = parse(&address)?;
    answer(&api, params.height, move |reader| {
        Ok(AccountOffer { offer: own_offer(address, &query::account(&reader.ctx(), &address)) })
    })
    .await
}

/// `GET /v1/offers?height=&after=&limit=`
pub(crate) async fn offers(State(api): Shared, Query(params): Query<ListParams>) -> Result<Json<List<Offer>>, Failure> {
    answer_page(&api, params, |reader, part| {
        let (rows, next) = part.cut_after(query::offers(&reader.ctx(), &part.page()), |row| row.seller);
        let day = query::today(&reader.ctx()).open_day.day;
        let offer =
            |row: OfferInfo| Offer { seller: row.seller, day, amount: row.amount.into(), price: Coin::vvv(row.price) };
        Ok((rows.into_iter().map(offer).collect(), next))
    })
    .await
}

/// `GET /v1/accounts/{address}/diem-stakes?height=&after=&limit=`
pub(crate) async fn diem_stakes(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<DiemStake>>, Failure> {
    let staker: Address = parse(&address)?;
    answer_page(&api, params, move |reader, part| {
        let rows = query::positions(&reader.ctx(), &staker, &part.page());
        let (rows, next) = part.cut_after(rows, |(beneficiary, _)| *beneficiary);
        let view = |(beneficiary, amount)| DiemStake { beneficiary, amount: Coin::diem(amount) };
        Ok((rows.into_iter().map(view).collect(), next))
    })
    .await
}

/// `GET /v1/accounts/{address}/diem-tranches?height=&after=&limit=`
pub(crate) async fn diem_tranches(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<DiemTranche>>, Failure> {
    let staker: Address = parse(&address)?;
    answer_page(&api, params, move |reader, part: &Part<u64>| {
        let (rows, next) = part.cut_whole(query::tranches(&reader.ctx(), &staker));
        let view = |(id, tranche): (u64, Tranche)| DiemTranche {
            id,
            beneficiary: tranche.beneficiary,
            amount: Coin::diem(tranche.amount),
            day: tranche.day,
            due: reader.moment(tranche.due),
        };
        Ok((rows.into_iter().map(view).collect(), next))
    })
    .await
}

/// `GET /v1/accounts/{address}/grants?height=&after=&limit=`
pub(crate) async fn grants(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Grant>>, Failure> {
    let address: Address = parse(&address)?;
    answer_page(&api, params, move |reader, part: &Part<u64>| {
        let grant = |(key, grant): (Address, state::Grant)| Grant {
            key,
            last_day: grant.last_day,
            limits: grant.limits.iter().map(grant_limit).collect(),
        };
        let (rows, next) = part.cut_whole(query::grants(&reader.ctx(), &address));
        Ok((rows.into_iter().map(grant).collect(), next))
    })
    .await
}

fn grant_limit(limit: &Limit) -> GrantLimit {
    GrantLimit {
        provider: limit.provider,
        today: grant_day(&limit.today),
        previous: grant_day(&limit.previous),
        next: limit.next.into(),
    }
}

fn grant_day(limited: &DailyLimit) -> GrantDay {
    let (amount, paid) = (limited.amount, limited.signed.paid);
    GrantDay { amount: amount.into(), paid: paid.into(), left: amount.saturating_sub(paid).into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoucherParams {
    signer: Option<String>,
    height: Option<u64>,
}

/// `GET /v1/accounts/{address}/vouchers/{provider}?signer=&height=`
pub(crate) async fn vouchers(
    State(api): Shared,
    Path((account, provider)): Path<(String, String)>,
    Query(params): Query<VoucherParams>,
) -> Result<Json<At<Vouchers>>, Failure> {
    let (account, provider): (Address, Address) = (parse(&account)?, parse(&provider)?);
    let signer = params.signer.as_deref().map(parse).transpose()?.unwrap_or(account);
    answer(&api, params.height, move |reader| {
        let can = query::voucher(&reader.ctx(), &account, &signer, &provider);
        let (today, previous) = (voucher_day(&can.today), can.previous.as_ref().map(voucher_day));
        Ok(Vouchers { account, signer, provider, today, previous })
    })
    .await
}

fn voucher_day(row: &diem_credits::query::VoucherDay) -> VoucherDay {
    VoucherDay {
        day: row.day,
        paid: Credit::from(row.signed.paid),
        requests: row.signed.requests,
        left: row.left.into(),
    }
}

/// A day in a path: its number, or `today` for the open day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayId {
    /// The open day.
    Today,
    /// The day with this number.
    Number(u64),
}

impl FromStr for DayId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "today" => Ok(Self::Today),
            _ => text.parse().map(Self::Number).map_err(|_| "a day is written as its number, or `today`"),
        }
    }
}

impl DayId {
    /// The number of the day. A day that the chain has not opened yet may come; one that it skipped will not.
    pub(super) fn number(self, today: &TodayInfo) -> Result<u64, Failure> {
        let open = today.open_day.day;
        match self {
            Self::Today => Ok(open),
            Self::Number(day) if day > open => {
                Err(HttpError::NotFound(format!("day {day} is not there yet: the open one is {open}")).into())
            }
            Self::Number(day) => Ok(day),
        }
    }
}
