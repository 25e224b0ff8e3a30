//! Reads of state at one committed height, with proofs on request.

use std::time::Duration;

use axum::{Json, extract::State};
use diem_api::{Account, Coin, Holdings, HttpError, PoolHoldings, Proof, Supply};
use diem_bank::{
    Pool,
    query::{self, PoolBalance},
    state::account_key,
};
use diem_core::{Address, Denom, encoding::HexBytes};

use super::{
    Shared, credits,
    error::Failure,
    params::{Path, Query, parse},
    proving::prove,
    snapshot_reader::{HeightParams, ProveParams, Reader},
    staking,
};

/// The longest key that is looked up, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// The longest that an account's answer waits for the checks of transactions that were just handed on.
const CHECKS_PATIENCE: Duration = Duration::from_secs(10);

/// `GET /v1/accounts/{address}?height=&prove=true`; an account that was never used is empty.
pub(crate) async fn account(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<Account>, Failure> {
    let address: Address = parse(&address)?;
    // The pool shows the present: a nonce from it stands beside the latest state and no other.
    let pool = (params.height.is_none() && !params.prove).then(|| api.node.app.clone());
    if pool.is_some() {
        api.node.engine.checks_done(CHECKS_PATIENCE).await;
    }
    let (reader, proof) = if params.prove {
        let (snapshot, proof) = prove(&api, account_key(&address).to_vec(), params.height).await?;
        (Reader::new(snapshot, api.node.app.first_block()), Some(proof))
    } else {
        (Reader::at(&api, params.height)?, None)
    };
    api.read(move || {
        let row = query::account(&reader.ctx(), &address);
        Ok(Json(Account {
            address,
            hex: address.to_hex(),
            nonce: row.nonce,
            next_nonce: pool.map(|app| app.next_nonce(&address).max(row.nonce)),
            vvv: Coin::vvv(row.vvv),
            diem: Coin::diem(row.diem),
            height: reader.height(),
            time: reader.time(),
            epoch: reader.epoch(),
            holdings: holdings(&reader, address)?,
            proof,
        }))
    })
    .await
}

/// The holdings of an account beside its balances; `None` if that is more rows than an answer sums.
fn holdings(reader: &Reader, address: Address) -> Result<Option<Holdings>, Failure> {
    let Some(positions) = staking::all_positions(reader, address)? else { return Ok(None) };
    let Some(locks) = staking::all_locks(reader, address)? else { return Ok(None) };
    let Some(unstaking) = staking::leaving_total(reader, address)? else { return Ok(None) };
    let Some((diem_staked, diem_unstaking)) = credits::stake_totals(reader, address)? else { return Ok(None) };
    let credit = diem_credits::query::account(&reader.ctx(), &address);
    Ok(Some(Holdings {
        staked: Coin::vvv(staking::sum(positions.iter().map(|row| row.staked))),
        locked: Coin::vvv(staking::sum(locks.iter().map(|row| row.locked))),
        diem_outstanding: Coin::diem(staking::sum(locks.iter().map(|row| row.lock.outstanding))),
        unstaking: Coin::vvv(unstaking),
        rewards: Coin::vvv(staking::sum(positions.iter().map(|row| row.rewards))),
        diem_staked: Coin::diem(diem_staked),
        diem_unstaking: Coin::diem(diem_unstaking),
        credit_today: credit.today.allowance.into(),
        credit_free: credit.free.into(),
        credit_tomorrow: credit.tomorrow.into(),
    }))
}

/// `GET /v1/proof/{key}?height=`: any row, or its absence.
pub(crate) async fn proof(
    State(api): Shared,
    Path(key): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<Proof>, Failure> {
    let HexBytes(key) = parse(&key)?;
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Err(HttpError::BadRequest(format!("a key has 1 to {MAX_KEY_BYTES} bytes")).into());
    }
    Ok(Json(prove(&api, key, params.height).await?.1))
}

/// `GET /v1/supply?height=`
pub(crate) async fn supply(State(api): Shared, Query(params): Query<HeightParams>) -> Result<Json<Supply>, Failure> {
    let reader = Reader::at(&api, params.height)?;
    api.read(move || {
        let (supply, pools) = (query::supply(&reader.ctx()), query::pools(&reader.ctx()));
        let progress = diem_emissions::progress(reader.snapshot());
        Ok(Json(Supply {
            height: reader.height(),
            time: reader.time(),
            epoch: reader.epoch(),
            vvv: Coin::vvv(supply.vvv),
            genesis: Coin::vvv(progress.genesis),
            emitted: Coin::vvv(progress.emitted),
            burned: Coin::vvv(diem_staking::burned(reader.snapshot())),
            diem: Coin::diem(supply.diem),
            fees: Coin::vvv(supply.fees),
            pools: Pool::ALL.into_iter().map(|pool| pool_holdings(pool, &pools)).collect(),
        }))
    })
    .await
}

fn pool_holdings(pool: Pool, all: &[PoolBalance]) -> PoolHoldings {
    let of =
        |denom| staking::sum(all.iter().filter(|row| (row.pool, row.denom) == (pool, denom)).map(|row| row.amount));
    PoolHoldings { name: pool.name().into(), vvv: Coin::vvv(of(Denom::Vvv)), diem: Coin::diem(of(Denom::Diem)) }
}
