//! Reads of state at one committed height, with proofs on request.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
};
use diem_bank::state::{Account as Row, account_key};
use diem_client::{
    api::{Account, Base64Bytes, Coin, HexBytes, HttpError, Proof, Supply},
    verify::{encode_header, encode_proof},
};
use diem_core::{Address, Time};
use diem_store::Snapshot;
use diem_types::{Answer, Query as Question};
use serde::Deserialize;

use super::{
    Api, Shared,
    chain::no_block,
    error::Failure,
    params::{Nothing, Query, parse},
};

/// How long a proof waits for the header that holds its root.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// The longest key that is looked up.
const MAX_KEY_BYTES: usize = 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountParams {
    height: Option<u64>,
    #[serde(default)]
    prove: bool,
}

/// `GET /v1/accounts/{address}?height=&prove=true`; an account never used is empty.
pub(crate) async fn account(
    State(api): Shared,
    Path(address): Path<String>,
    Query(params): Query<AccountParams>,
) -> Result<Json<Account>, Failure> {
    let address: Address = parse(&address)?;
    if !params.prove {
        let answered = api.node.app.query(Question::Bank(diem_bank::Query::Account(address)), params.height)?;
        let Answer::Bank(diem_bank::Answer::Account(row)) = answered.answer else {
            return Err(HttpError::Internal.into());
        };
        return Ok(Json(answer(address, &row, answered.height, answered.time, None)));
    }
    let (snapshot, proof) = prove(&api, account_key(&address).to_vec(), params.height).await?;
    let row = match &proof.value {
        Some(HexBytes(row)) => borsh::from_slice(row).map_err(|_| HttpError::Internal)?,
        None => Row::default(),
    };
    Ok(Json(answer(address, &row, snapshot.height(), Time(snapshot.time_ms()), Some(proof))))
}

fn answer(address: Address, row: &Row, height: u64, time: Time, proof: Option<Proof>) -> Account {
    Account {
        address,
        hex: address.to_hex(),
        nonce: row.nonce,
        vvv: Coin::vvv(row.vvv),
        diem: Coin::diem(row.diem),
        height,
        time,
        proof,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofParams {
    height: Option<u64>,
}

/// `GET /v1/proof/{key}?height=`: any row, or its absence.
pub(crate) async fn proof(
    State(api): Shared,
    Path(key): Path<String>,
    Query(params): Query<ProofParams>,
) -> Result<Json<Proof>, Failure> {
    let HexBytes(key) = parse(&key)?;
    if !(1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Err(HttpError::BadRequest(format!("a key has 1 to {MAX_KEY_BYTES} bytes")).into());
    }
    Ok(Json(prove(&api, key, params.height).await?.1))
}

/// A row at `height` with its proof. Without a height it is the one before the latest, whose root stands in a header
/// that is there already; the latest itself waits for the next header.
async fn prove(api: &Api, key: Vec<u8>, height: Option<u64>) -> Result<(Snapshot, Proof), Failure> {
    let snapshot = match height {
        Some(height) => api.node.app.snapshot(Some(height))?,
        None => before_latest(api)?,
    };
    let chain = api.node.app.chain().ok_or_else(no_block)?;
    let next = snapshot.height().checked_add(1).ok_or(HttpError::Internal)?;
    let header = api.node.engine.signed_header(next, HEADER_PATIENCE).await?;
    if header.header.app_hash.as_bytes() != snapshot.root() {
        // A development chain was taken back meanwhile.
        return Err(HttpError::NotFound(format!("height {} was replaced: ask again", snapshot.height())).into());
    }
    let (at, row) = (snapshot.clone(), key.clone());
    let proven = tokio::task::spawn_blocking(move || at.prove(&row));
    let (value, proof) = proven.await.map_err(|_| HttpError::Internal)?;
    let proof = Proof {
        chain_id: chain.chain_id.clone(),
        state_height: snapshot.height(),
        key: HexBytes(key),
        value: value.map(|value| HexBytes(value.to_vec())),
        proof: Base64Bytes(encode_proof(&proof)),
        signed_header: Base64Bytes(encode_header(&header)),
    };
    Ok((snapshot, proof))
}

fn before_latest(api: &Api) -> Result<Snapshot, Failure> {
    let latest = api.node.app.snapshot(None)?;
    if latest.height() == 0 {
        return Err(no_block().into());
    }
    // The one before is missing at the chain's first height and right after a restart.
    let before = latest.height().checked_sub(1).filter(|height| *height > 0);
    Ok(before.and_then(|height| api.node.app.snapshot(Some(height)).ok()).unwrap_or(latest))
}

/// `GET /v1/supply`
pub(crate) async fn supply(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Json<Supply>, Failure> {
    let answered = api.node.app.query(Question::Bank(diem_bank::Query::Supply), None)?;
    let Answer::Bank(diem_bank::Answer::Supply(supply)) = answered.answer else {
        return Err(HttpError::Internal.into());
    };
    Ok(Json(Supply {
        height: answered.height,
        time: answered.time,
        vvv: Coin::vvv(supply.vvv),
        diem: Coin::diem(supply.diem),
        fees: Coin::vvv(supply.fees),
    }))
}
