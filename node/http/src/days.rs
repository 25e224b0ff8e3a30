//! The handlers of days and providers.

use axum::{Json, extract::State};
use diem_api::{
    At, Coin, Day, DayProvider, Hash, Left, List, Payout, Provider, ProviderDetail, ProviderStanding, Served, Today,
};
use diem_core::{Address, MAX_ROWS, Page};
use diem_credits::{
    providers::{Provider as Row, Standing},
    query::{self, DayInfo, TodayInfo, utilisation_bps},
    state::{ProviderDay, provider_key},
};
use diem_index::{PaidProvider, paid_providers};

use super::{
    Shared,
    credits::DayId,
    error::{Failure, pruned},
    params::{Path, Query, parse},
    snapshot_reader::{HeightParams, ListParams, Part, ProveParams, Reader, answer, answer_page, answer_proven},
    staking::sum,
};

/// `GET /v1/credit/today?height=`
pub(crate) async fn today(State(api): Shared, Query(params): Query<HeightParams>) -> Result<Json<At<Today>>, Failure> {
    answer(&api, params.height, |reader| {
        let today = query::today(&reader.ctx());
        let unsettled = today.unsettled.as_ref().map(|day| day_view(reader, day, &today));
        Ok(Today {
            day: today.open_day.day,
            opened_at: reader.moment(today.day.opened_at),
            closes_at: reader.moment(today.closes_at),
            allowance: today.open_day.allowance.into(),
            staked: Coin::diem(today.open_day.active),
            supply: Coin::diem(today.supply),
            consumed: today.day.consumed.into(),
            counted: today.day.counted.into(),
            requests: today.day.requests,
            rent: Coin::vvv(today.rent),
            unsettled,
            settles_after: today.settles_after.map(|time| reader.moment(time)),
        })
    })
    .await
}

/// `GET /v1/days?height=&after=&limit=`: days, the newest first.
pub(crate) async fn days(State(api): Shared, Query(params): Query<ListParams>) -> Result<Json<List<Day>>, Failure> {
    answer_page(&api, params, |reader, part| {
        let today = query::today(&reader.ctx());
        let before = part.cursor.unwrap_or(today.open_day.day.saturating_add(1));
        let (rows, next) = part.cut_after(days_before(reader, part, before), |row| row.day);
        Ok((rows.iter().map(|row| day_view(reader, row, &today)).collect(), next))
    })
    .await
}

/// Reads one day more than a page holds, of those before `before`, the newest first. A halt leaves days out, so the
/// window grows until it holds enough, and shrinks when it holds more than a module answers at once.
fn days_before(reader: &Reader, part: &Part<u64>, before: u64) -> Vec<DayInfo> {
    let (mut found, mut end, mut width) = (Vec::new(), before, u64::from(part.one_more()));
    while found.len() <= part.limit && end > 0 {
        let from = end.saturating_sub(width);
        let rows = query::days(&reader.ctx(), &Page::largest(from.checked_sub(1)));
        let is_full = rows.len() >= usize::from(MAX_ROWS);
        if is_full && width > u64::from(MAX_ROWS) && rows.last().is_some_and(|last| last.day < end) {
            width = width.div_euclid(2);
            continue;
        }
        found.extend(rows.into_iter().rev().filter(|row| row.day < end));
        (end, width) = (from, width.saturating_mul(2));
    }
    found
}

/// `GET /v1/days/{day|today}?height=`
pub(crate) async fn day(
    State(api): Shared,
    Path(day): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<Day>>, Failure> {
    let day: DayId = parse(&day)?;
    answer(&api, params.height, move |reader| {
        let today = query::today(&reader.ctx());
        Ok(day_view(reader, &query::day(&reader.ctx(), day.number(&today)?)?, &today))
    })
    .await
}

/// The view of a day: by its record, and what the close has not recorded yet by the open day.
fn day_view(reader: &Reader, row: &DayInfo, today: &TodayInfo) -> Day {
    let record = &row.record;
    let (allowance, supply, rent) = match record.closed_at {
        Some(_) => (record.allowance, record.supply, record.rent),
        None => (today.open_day.allowance, today.supply, today.rent),
    };
    let settled = |amount| record.settled_at.map(|_| Coin::vvv(amount));
    Day {
        day: row.day,
        opened_at: reader.moment(record.opened_at),
        closed_at: record.closed_at.map(|time| reader.moment(time)),
        settled_at: record.settled_at.map(|time| reader.moment(time)),
        allowance: allowance.into(),
        supply: Coin::diem(supply),
        base: record.closed_at.map(|_| record.base.into()),
        consumed: record.consumed.into(),
        counted: record.counted.into(),
        utilisation_bps: utilisation_bps(record.consumed, allowance),
        requests: record.requests,
        rent: Coin::vvv(rent),
        pot: settled(record.pot),
        treasury: settled(record.treasury),
        stakers: settled(record.stakers),
        paid: Coin::vvv(record.paid),
    }
}

/// `GET /v1/days/{day|today}/providers?height=&after=&limit=`
pub(crate) async fn day_providers(
    State(api): Shared,
    Path(day): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<DayProvider>>, Failure> {
    let day: DayId = parse(&day)?;
    answer_page(&api, params, move |reader, part| {
        let day = day.number(&query::today(&reader.ctx()))?;
        let mut rows = providers_of(reader, &query::day(&reader.ctx(), day)?)?;
        rows.retain(|row| part.cursor.is_none_or(|last| row.provider > last));
        Ok(part.cut_after(rows, |row| row.provider))
    })
    .await
}

/// The providers that served on a day, by address. The row of a provider that was paid has left the state and stands in
/// this node's own index, which knows only the blocks that the node executed and keeps: when it lacks a provider, the sum of the
/// rest is not the day's.
fn providers_of(reader: &Reader, day: &DayInfo) -> Result<Vec<DayProvider>, Failure> {
    let mut rows: Vec<DayProvider> = paid_providers(reader.snapshot(), day.day).into_iter().map(paid_view).collect();
    rows.extend(unpaid(reader, day.day));
    rows.sort_unstable_by_key(|row| row.provider);
    if sum(rows.iter().map(|row| row.served.consumed.amount)) == day.record.consumed {
        return Ok(rows);
    }
    let words = format!("this node does not know who was paid for day {}, in blocks that it has not", day.day);
    Err(pruned(&words, reader.first_block()))
}

fn paid_view(row: PaidProvider) -> DayProvider {
    let PaidProvider { provider, amount, to, height, .. } = row;
    let paid = Some(Payout { amount: Coin::vvv(amount), to, height });
    DayProvider { provider, served: served(&row.served), paid }
}

/// The providers of a day that are not paid for it yet, read page by page.
fn unpaid(reader: &Reader, day: u64) -> Vec<DayProvider> {
    let mut found: Vec<DayProvider> = Vec::new();
    loop {
        let page = Page::largest(found.last().map(|last| last.provider));
        let rows = query::day_providers(&reader.ctx(), day, &page);
        if rows.is_empty() {
            return found;
        }
        let view = |(provider, row): (Address, ProviderDay)| DayProvider { provider, served: served(&row), paid: None };
        found.extend(rows.into_iter().map(view));
    }
}

fn served(row: &ProviderDay) -> Served {
    Served { consumed: row.consumed.into(), counted: row.counted.into(), requests: row.requests }
}

/// `GET /v1/providers?height=&after=&limit=`
pub(crate) async fn providers(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Provider>>, Failure> {
    answer_page(&api, params, |reader, part| {
        let rows = query::providers(&reader.ctx(), &part.page());
        let (rows, next) = part.cut_after(rows, |(address, _)| *address);
        Ok((rows.into_iter().map(|(address, row)| provider_view(reader, address, row)).collect(), next))
    })
    .await
}

fn provider_view(reader: &Reader, provider: Address, row: Row) -> Provider {
    Provider {
        provider,
        moniker: row.moniker,
        endpoint: row.endpoint,
        payout: row.payout,
        bond: Coin::vvv(row.bond),
        left: row.left.map(|left| Left { day: left.day, due: reader.moment(left.due) }),
        today: standing(row.today),
        next: standing(row.next),
    }
}

fn standing(row: Standing) -> ProviderStanding {
    ProviderStanding { listed: row.listed, bond: Coin::vvv(row.bond) }
}

/// `GET /v1/providers/{address}?height=&prove=true`
pub(crate) async fn provider(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<ProviderDetail>>, Failure> {
    let address: Address = parse(&address)?;
    answer_proven(&api, params, &provider_key(&address), move |reader| {
        let info = query::provider(&reader.ctx(), &address)?;
        Ok(ProviderDetail {
            day: query::today(&reader.ctx()).open_day.day,
            prices_today: info.sheets.today,
            prices_hash: Hash(info.sheet_hash),
            prices_next: info.sheets.next,
            earned_today: served(&info.today),
            left_to_earn: info.left_to_earn.into(),
            earned_previous: info.previous.as_ref().map(served),
            provider: provider_view(reader, address, info.provider),
        })
    })
    .await
}
