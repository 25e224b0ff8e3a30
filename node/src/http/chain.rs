//! The chain as a whole, and whether this node can serve it.

use std::time::SystemTime;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use diem_client::api::{
    Coin, ErrorLine, Hash, Head, HexBytes, HttpError, Limits, Params, Ready, Status, Validator, Validators, error_table,
};
use diem_store::StoreError;
use tendermint::PublicKey;

use super::{
    Api, Shared,
    error::Failure,
    params::{Nothing, Query},
};
use crate::engine::EngineKind;

/// A real chain whose last block is older than this is not ready.
const STALE_SECONDS: u64 = 60;

/// `GET /v1/status`
pub(crate) async fn status(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Json<Status>, Failure> {
    let (app, engine) = (&api.node.app, api.node.engine.status().await.ok());
    let chain = app.chain().ok_or_else(not_started)?;
    Ok(Json(Status {
        chain_id: chain.chain_id.clone(),
        genesis_hash: Hash(chain.genesis_hash),
        app_version: chain.app_version,
        version: env!("CARGO_PKG_VERSION").into(),
        moniker: api.node.moniker.clone(),
        engine: api.node.engine.kind().to_string(),
        latest: head(&api),
        oldest_state_height: oldest_state(&api),
        catching_up: engine.map(|engine| engine.catching_up),
        peers: engine.and_then(|engine| engine.peers),
        uptime_seconds: api.node.started.elapsed().as_secs(),
    }))
}

fn not_started() -> HttpError {
    HttpError::NotReady("the node has not received its genesis from the engine yet: wait a moment".into())
}

fn head(api: &Api) -> Option<Head> {
    let block = api.node.app.block(api.node.app.info().height)?;
    Some(Head { height: block.height, time: block.time, hash: Hash(block.hash), root: Hash(block.root) })
}

fn oldest_state(api: &Api) -> Option<u64> {
    // No block has height 0, so that this always says what is kept.
    match api.node.app.snapshot(Some(0)) {
        Err(StoreError::NotKept { oldest, .. }) if oldest > 0 => Some(oldest),
        _ => None,
    }
}

/// `GET /v1/params`
pub(crate) async fn params(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Json<Params> {
    let gas = api.node.app.gas_params();
    Json(Params {
        gas,
        min_gas_price: Coin::vvv(gas.min_price),
        limits: Limits::default(),
        consensus: api.node.app.chain().map(|chain| chain.consensus),
    })
}

/// `GET /v1/genesis`: the file as it is, however large.
pub(crate) async fn genesis(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Response, Failure> {
    let missing = || HttpError::NotFound("this node does not serve its genesis".into());
    let path = api.options.genesis.as_ref().ok_or_else(missing)?;
    let read = || async { tokio::fs::read(path).await.map(Bytes::from) };
    // All answers share the same bytes, however many read them slowly.
    let bytes = api.genesis.get_or_try_init(read).await.map_err(|error| {
        tracing::error!(path = %path.display(), %error, "the genesis cannot be read");
        HttpError::Internal
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], Body::from(bytes.clone())).into_response())
}

/// `GET /v1/errors`
pub(crate) async fn errors(Query(Nothing {}): Query<Nothing>) -> Json<Vec<ErrorLine>> {
    Json(error_table())
}

/// `GET /v1/validators`: those who sign the latest block.
pub(crate) async fn validators(
    State(api): Shared,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<Validators>, Failure> {
    let height = head(&api).ok_or_else(no_block)?.height;
    let set = api.node.engine.validators(height).await?;
    let of = |info: &tendermint::validator::Info| {
        let PublicKey::Ed25519(key) = info.pub_key else { return None };
        let public_key = Hash(key.as_bytes().try_into().ok()?);
        Some(Validator { address: HexBytes(info.address.as_bytes().into()), public_key, power: info.power() })
    };
    let validators: Option<Vec<_>> = set.validators().iter().map(of).collect();
    let validators = validators.ok_or_else(|| HttpError::Engine("a validator's key is not ed25519".into()))?;
    Ok(Json(Validators { height, total_power: set.total_voting_power().value(), validators }))
}

pub(crate) fn no_block() -> HttpError {
    HttpError::NotReady("there is no committed block yet: wait a moment".into())
}

/// `GET /healthz`: the process answers. Whether it can serve is what `/readyz` says.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200 if the node can serve, else 503 with the reasons.
pub(crate) async fn ready(State(api): Shared) -> Response {
    let mut reasons = Vec::new();
    let head = head(&api);
    let engine = api.node.engine.status().await;
    match &engine {
        Ok(status) if status.catching_up => {
            reasons.push(format!("catching up: the engine is at height {}", status.latest_height));
        }
        Ok(status) if status.peers == Some(0) && needs_peers(&api).await => reasons.push("no peers".into()),
        Ok(_) => {}
        Err(error) => reasons.push(error.to_string()),
    }
    match head {
        None => reasons.push("no block is committed yet".into()),
        // The development engine makes blocks when there is something to put into them.
        Some(head) if api.node.engine.kind() == EngineKind::Comet => {
            let age = age_seconds(head.time);
            if age > STALE_SECONDS {
                reasons.push(format!("the last block was {age} s ago"));
            }
        }
        Some(_) => {}
    }
    let body = Ready {
        ready: reasons.is_empty(),
        reasons,
        height: head.map_or(0, |head| head.height),
        peers: engine.ok().and_then(|status| status.peers),
    };
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

/// A validator that is alone needs nobody.
async fn needs_peers(api: &Api) -> bool {
    let height = api.node.app.info().height;
    api.node.engine.validators(height).await.is_ok_and(|set| set.validators().len() > 1)
}

fn age_seconds(time: diem_core::Time) -> u64 {
    let then = SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(time.millis()));
    then.and_then(|then| then.elapsed().ok()).map_or(0, |age| age.as_secs())
}
