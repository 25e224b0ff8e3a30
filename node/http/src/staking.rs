//! The handlers of validators, and of an account's stake and locks.

use std::sync::Arc;

use axum::{Json, extract::State};
use diem_api::{At, Coin, List, Lock, Position, Reward, Unstaking, ValidatorDetail, ValidatorSigning};
use diem_core::{Address, Amount, Page};
use diem_staking::{
    query::{self, LeavingView, PositionView, ValidatorView},
    state::Leaving,
};
use diem_svvv as svvv;

use super::{
    Shared,
    error::Failure,
    params::{Path, Query, parse},
    snapshot_reader::{HeightParams, ListParams, ProveParams, Reader, answer, answer_page, answer_proven},
};

/// `GET /v1/validators?height=&after=&limit=`
pub(crate) async fn validators(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<ValidatorDetail>>, Failure> {
    answer_page(&api, params, |reader, part| {
        let (rows, next) = part.cut_after(query::validators(&reader.ctx(), &part.page()), |row| row.operator);
        Ok((rows.into_iter().map(|row| detail(reader, row)).collect(), next))
    })
    .await
}

/// `GET /v1/validators/{operator}?height=&prove=true`
pub(crate) async fn validator(
    State(api): Shared,
    Path(operator): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<ValidatorDetail>>, Failure> {
    let operator: Address = parse(&operator)?;
    let key = diem_staking::state::validator_key(&operator);
    answer_proven(&api, params, &key, move |reader| Ok(detail(reader, query::validator(&reader.ctx(), &operator)?)))
        .await
}

/// `GET /v1/validators/{operator}/signing?height=`
pub(crate) async fn signing(
    State(api): Shared,
    Path(operator): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<ValidatorSigning>>, Failure> {
    let operator: Address = parse(&operator)?;
    let app = Arc::clone(&api.node.app);
    answer(&api, params.height, move |reader| {
        let (ctx, height) = (reader.ctx(), reader.height());
        let signing: ValidatorSigning = query::signing(&ctx, &operator)?.into();
        // What this node saw its own validator sign outlasts the window, which a jail empties.
        let address = query::validator(&ctx, &operator)?.consensus_address;
        let seen = Some(app.index().signed(&address).in_commits).filter(|seen| (1..height).contains(seen));
        Ok(ValidatorSigning { last_signed: signing.last_signed.max(seen), ..signing })
    })
    .await
}

fn detail(reader: &Reader, view: ValidatorView) -> ValidatorDetail {
    ValidatorDetail::of(view, reader.epoch(), reader.epoch_ms())
}

/// `GET /v1/accounts/{address}/positions?height=&after=&limit=`
pub(crate) async fn positions(
    State(api): Shared,
    Path(account): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Position>>, Failure> {
    let account: Address = parse(&account)?;
    answer_page(&api, params, move |reader, part| {
        let (rows, next) =
            part.cut_after(query::positions(&reader.ctx(), &account, &part.page())?, |row| row.validator);
        Ok((rows.iter().map(position_view).collect(), next))
    })
    .await
}

/// `GET /v1/accounts/{address}/positions/{validator}?height=&prove=true`
pub(crate) async fn position(
    State(api): Shared,
    Path((account, validator)): Path<(String, String)>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<Position>>, Failure> {
    let (account, validator): (Address, Address) = (parse(&account)?, parse(&validator)?);
    let key = diem_staking::state::position_key(&account, &validator);
    answer_proven(&api, params, &key, move |reader| {
        Ok(position_view(&query::position(&reader.ctx(), &account, &validator)?))
    })
    .await
}

fn position_view(row: &PositionView) -> Position {
    Position {
        validator: row.validator,
        staked: Coin::vvv(row.staked),
        locked: Coin::vvv(row.locked),
        free_to_lock: Coin::vvv(row.free_to_lock),
        free_to_unstake: Coin::vvv(row.free_to_unstake),
        free_to_move: Coin::vvv(row.free_to_move),
        rewards: Coin::vvv(row.rewards),
    }
}

/// `GET /v1/accounts/{address}/rewards?height=&after=&limit=`: a page of positions, without those that earned nothing.
pub(crate) async fn rewards(
    State(api): Shared,
    Path(account): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Reward>>, Failure> {
    let account: Address = parse(&account)?;
    answer_page(&api, params, move |reader, part| {
        let (rows, next) =
            part.cut_after(query::positions(&reader.ctx(), &account, &part.page())?, |row| row.validator);
        let earning = rows.iter().filter(|row| !row.rewards.is_zero());
        let reward = |row: &PositionView| Reward { validator: row.validator, amount: Coin::vvv(row.rewards) };
        Ok((earning.map(reward).collect(), next))
    })
    .await
}

/// The most rows of one kind that an answer sums: an account made more of them cheaply, and reading them all is not
/// cheap.
pub(super) const MAX_SUMMED: usize = 1_000;

/// Reads all positions of an account; `None` if they are more than an answer sums.
pub(super) fn all_positions(reader: &Reader, account: Address) -> Result<Option<Vec<PositionView>>, Failure> {
    read_all(|page| Ok(query::positions(&reader.ctx(), &account, &page)?), |row| row.validator)
}

/// Reads all locks of an account; `None` if they are more than an answer sums.
pub(super) fn all_locks(reader: &Reader, account: Address) -> Result<Option<Vec<svvv::query::LockView>>, Failure> {
    read_all(|page| Ok(svvv::query::locks(&reader.ctx(), &account, &page)), |row| row.validator)
}

/// Reads page after page, each after the last row of the one before; `None` if there are more than [`MAX_SUMMED`] rows.
pub(super) fn read_all<R, K>(
    read: impl Fn(Page<K>) -> Result<Vec<R>, Failure>,
    key: impl Fn(&R) -> K,
) -> Result<Option<Vec<R>>, Failure> {
    let mut all: Vec<R> = Vec::new();
    loop {
        let rows = read(Page::largest(all.last().map(&key)))?;
        if rows.is_empty() {
            return Ok(Some(all));
        }
        all.extend(rows);
        if all.len() > MAX_SUMMED {
            return Ok(None);
        }
    }
}

/// The sum of the avvv of an account that is leaving stake; `None` if that is more rows than an answer sums.
pub(super) fn leaving_total(reader: &Reader, account: Address) -> Result<Option<Amount>, Failure> {
    let rows = read_all(|page| Ok(query::leaving(&reader.ctx(), &account, &page)), |row| row.id)?;
    let tranche = |row: &LeavingView| match row.what {
        Leaving::Tranche(amount) => amount,
        Leaving::Moved { .. } => Amount::ZERO,
    };
    Ok(rows.map(|rows| sum(rows.iter().map(tranche))))
}

/// Sums amounts that are parts of all VVV, so that the sum fits an amount.
pub(super) fn sum(amounts: impl Iterator<Item = Amount>) -> Amount {
    amounts.fold(Amount::ZERO, |sum, amount| sum.checked_add(amount).unwrap_or(Amount::MAX))
}

/// `GET /v1/accounts/{address}/unstaking?height=&after=&limit=`
pub(crate) async fn unstaking(
    State(api): Shared,
    Path(account): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Unstaking>>, Failure> {
    let account: Address = parse(&account)?;
    answer_page(&api, params, move |reader, part| {
        let (rows, next) = part.cut_after(query::leaving(&reader.ctx(), &account, &part.page()), |row| row.id);
        let items: Result<Vec<_>, Failure> = rows.iter().map(|row| leaving_view(reader, row)).collect();
        Ok((items?, next))
    })
    .await
}

fn leaving_view(reader: &Reader, row: &LeavingView) -> Result<Unstaking, Failure> {
    let (amount, moved_to) = match row.what {
        Leaving::Tranche(amount) => (amount, None),
        Leaving::Moved { to, shares } => (query::validator(&reader.ctx(), &to)?.validator.value_of(shares), Some(to)),
    };
    Ok(Unstaking {
        id: row.id,
        validator: row.validator,
        left_at: row.height,
        until: row.until.map(|time| reader.moment(time)),
        amount: Coin::vvv(amount),
        moved_to,
    })
}

/// `GET /v1/accounts/{address}/locks?height=&after=&limit=`
pub(crate) async fn locks(
    State(api): Shared,
    Path(account): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Lock>>, Failure> {
    let account: Address = parse(&account)?;
    answer_page(&api, params, move |reader, part| {
        let (rows, next) =
            part.cut_after(svvv::query::locks(&reader.ctx(), &account, &part.page()), |row| row.validator);
        Ok((rows.iter().map(lock_view).collect(), next))
    })
    .await
}

/// `GET /v1/accounts/{address}/locks/{validator}?height=&prove=true`
pub(crate) async fn lock(
    State(api): Shared,
    Path((account, validator)): Path<(String, String)>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<Lock>>, Failure> {
    let (account, validator): (Address, Address) = (parse(&account)?, parse(&validator)?);
    let key = svvv::state::lock_key(&account, &validator);
    answer_proven(&api, params, &key, move |reader| {
        // An unknown validator is an error here, as it is for a position, and not an empty lock.
        query::validator(&reader.ctx(), &validator)?;
        Ok(lock_view(&svvv::query::lock(&reader.ctx(), &account, &validator)))
    })
    .await
}

fn lock_view(row: &svvv::query::LockView) -> Lock {
    Lock {
        validator: row.validator,
        locked: Coin::vvv(row.locked),
        outstanding: Coin::diem(row.lock.outstanding),
        free_to_lock: Coin::vvv(row.free_to_lock),
    }
}
