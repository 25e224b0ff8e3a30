//! The handlers of the chain as a whole.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use diem_api::{
    BankParams, Base64Bytes, CallGas, Clock, ErrorLine, Hash, Head, HttpError, LightBlock, Limits, List, Page, Params,
    Peer, Status, Validator, encoding::encode_header, error_table,
};
use diem_core::encoding::HexBytes;
use diem_engine::engine::EngineError;
use tendermint::{PublicKey, block::signed_header::SignedHeader, validator};
use tokio::time::Instant;

use super::{
    Api, Shared,
    error::{Failure, pruned},
    params::{Nothing, Path, Query, parse},
    snapshot_reader::{HeightParams, ListParams, Reader},
};

/// The longest that the engine may take to foresee the next block. A question about the node's health does not wait
/// longer.
const PROBE_PATIENCE: Duration = Duration::from_millis(900);
/// The longest that an answer waits for a block that the engine has and the application does not yet.
const BLOCK_PATIENCE: Duration = Duration::from_secs(10);
/// The interval at which that wait polls.
const BLOCK_PAUSE: Duration = Duration::from_millis(20);

/// `GET /v1/status`
pub(crate) async fn status(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Json<Status>, Failure> {
    let (app, engine) = (&api.node.app, api.node.engine.status().await);
    let late = api.options.starts_later().filter(|_| app.info().height == 0).map(|_| api.options.waits_for());
    let trouble = late.or_else(|| engine.as_ref().err().map(ToString::to_string));
    let engine = engine.ok();
    let chain = app.chain().ok_or_else(|| HttpError::NotReady(api.options.waits_for()))?;
    Ok(Json(Status {
        chain_id: chain.chain_id.clone(),
        genesis_hash: Hash(chain.genesis_hash),
        app_version: chain.app_version,
        version: env!("CARGO_PKG_VERSION").into(),
        moniker: api.node.moniker.clone(),
        engine: api.node.engine.kind().to_string(),
        engine_version: api.node.engine.version(),
        latest: head(&api),
        oldest_state_height: app.oldest_height(),
        began_at: app.began_at(),
        first_block: Some(app.first_block()),
        snapshots: app.list_snapshots().into_iter().map(|snapshot| snapshot.height).collect(),
        catching_up: engine.map(|engine| engine.catching_up),
        peers: engine.and_then(|engine| engine.peers),
        trouble,
        peer: api.node.engine.own_peer().map(|own| Peer {
            id: own.id.clone(),
            port: own.listen.port(),
            address: own.external.clone(),
        }),
        uptime_seconds: api.node.started.elapsed().as_secs(),
    }))
}

/// `GET /v1/clock`
pub(crate) async fn clock(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Json<Clock>, Failure> {
    let reader = Reader::at(&api, None)?;
    // An engine that is known to be silent is not asked.
    let status = api.node.engine.status().await?;
    let foreseen = tokio::time::timeout(PROBE_PATIENCE, api.node.engine.next_block_time()).await;
    let late = |_| {
        let (height, millis) = (status.latest_height, PROBE_PATIENCE.as_millis());
        EngineError::Unavailable(format!("at height {height} it did not foresee the next block within {millis} ms"))
    };
    let time = foreseen.map_err(late)??;
    Ok(Json(Clock { next_block: reader.moment(time) }))
}

pub(super) fn head(api: &Api) -> Option<Head> {
    let block = api.node.app.index().block(api.node.app.info().height)?;
    Some(Head { height: block.height, time: block.time, hash: Hash(block.hash), root: Hash(block.root) })
}

/// `GET /v1/params?height=`
pub(crate) async fn params(State(api): Shared, Query(params): Query<HeightParams>) -> Result<Json<Params>, Failure> {
    let reader = Reader::at(&api, params.height)?;
    Ok(Json(Params {
        height: reader.height(),
        time: reader.time(),
        epoch: reader.epoch(),
        epoch_ms: reader.epoch_ms().get(),
        gas: diem_runtime::gas_params(reader.snapshot()),
        gas_of_calls: CallGas::table(),
        chain: diem_runtime::chain_params(reader.snapshot()),
        bank: BankParams { min_new_account: diem_bank::query::params(&reader.ctx()).min_new_account },
        limits: Limits::default(),
        consensus: diem_runtime::consensus_params(reader.snapshot()),
        staking: diem_staking::query::params(&reader.ctx()),
        emissions: diem_emissions::params(reader.snapshot()),
        credits: diem_credits::query::params(&reader.ctx()),
        bridge: diem_bridge::state::params(reader.snapshot()),
    }))
}

/// `GET /v1/genesis`: the file as it is, however large.
pub(crate) async fn genesis(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Response, Failure> {
    let missing = || HttpError::NotFound("this node does not serve its genesis".into());
    let path = api.options.genesis.as_ref().ok_or_else(missing)?;
    let read = || async { tokio::fs::read(path).await.map(Bytes::from) };
    // All answers share the same bytes, however many clients read them slowly.
    let bytes = api.genesis.get_or_try_init(read).await.map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return missing();
        }
        tracing::error!(path = %path.display(), %error, "the genesis cannot be read");
        HttpError::Internal
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], Body::from(bytes.clone())).into_response())
}

/// `GET /v1/errors`
pub(crate) async fn errors(Query(Nothing {}): Query<Nothing>) -> Json<Page<ErrorLine>> {
    Json(Page { items: error_table(), next: None })
}

/// `GET /v1/consensus?height=&after=&limit=`: the validators that sign a block, by default the latest.
pub(crate) async fn consensus(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<Validator>>, Failure> {
    let (reader, part) = params.open::<u64>(&api)?;
    let (items, next) = part.cut_whole(listed(&api.node.engine.validators(reader.height()).await?)?);
    Ok(Json(reader.page(items, next)))
}

/// The validators of a set, the strongest first.
fn listed(set: &validator::Set) -> Result<Vec<Validator>, HttpError> {
    let of = |info: &validator::Info| {
        let PublicKey::Ed25519(key) = info.pub_key else { return None };
        let public_key = Hash(key.as_bytes().try_into().ok()?);
        Some(Validator {
            address: HexBytes(info.address.as_bytes().into()),
            public_key,
            power: info.power(),
            proposer_priority: info.proposer_priority.value(),
        })
    };
    let validators: Option<Vec<_>> = set.validators().iter().map(of).collect();
    validators.ok_or_else(|| HttpError::Engine("a validator's key is not ed25519".into()))
}

/// `GET /v1/light/{height}`: header, commit, and the validators of this height and the next.
///
/// The engine has the commit of a block before the application has committed it, and while it catches up it names the
/// validators of the next height only with the next block. A block that the engine has is therefore waited for: the
/// proof that needs it may have been given out already.
pub(crate) async fn light(
    State(api): Shared,
    Path(height): Path<String>,
    Query(Nothing {}): Query<Nothing>,
) -> Result<Json<LightBlock>, Failure> {
    let height: u64 = parse(&height)?;
    if height == 0 {
        return Err(HttpError::BadRequest("there is no height 0: heights begin at 1".into()).into());
    }
    let app = &api.node.app;
    if app.is_pruned(height) {
        return Err(pruned(&format!("block {height} is not kept here"), app.first_block()));
    }
    let begun = Instant::now();
    let Signers { header, now, next } = loop {
        let error = match signers(&api, height).await? {
            Ok(signers) => break signers,
            Err(error) => error,
        };
        let coming = matches!(error, EngineError::NotYet { .. }) && begun.elapsed() < BLOCK_PATIENCE;
        if !coming || api.node.engine.status().await?.latest_height < height {
            return Err(error.into());
        }
        tokio::time::sleep(BLOCK_PAUSE).await;
    };
    Ok(Json(LightBlock {
        height,
        signed_header: Base64Bytes(encode_header(&header)),
        validators: listed(&now)?,
        next_validators: listed(&next)?,
    }))
}

/// A header with its commit, and the validator sets of its height and of the next.
struct Signers {
    header: SignedHeader,
    now: validator::Set,
    next: validator::Set,
}

/// Reads what engine and application have of a height at this moment.
async fn signers(api: &Api, height: u64) -> Result<Result<Signers, EngineError>, Failure> {
    let latest = api.state(None)?.height();
    if height > latest {
        return Ok(Err(EngineError::NotYet { asked: height, latest }));
    }
    let engine = &api.node.engine;
    Ok(async {
        let header = engine.signed_header(height, Duration::ZERO).await?;
        let (now, next) = (engine.validators(height).await?, engine.validators(height.saturating_add(1)).await?);
        Ok(Signers { header, now, next })
    }
    .await)
}
