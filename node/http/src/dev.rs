//! The development commands over HTTP, under `/v1/dev`: they exist only where the instant engine runs.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    routing::post,
};
use bytes::Bytes;
use diem_api::HttpError;
use diem_core::{Time, text::shortened};
use diem_engine::{
    Node,
    engine::{BlockMode, DevControls, MAX_BLOCK_TIME, SnapshotId, Warp},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json as object;

use super::{error::Failure, params::json, routes::Route};

/// The number of blocks to make.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mine {
    #[serde(default = "one")]
    blocks: u64,
}

const fn one() -> u64 {
    1
}

/// The target of a warp: `{"by": "1d"}` or `{"to": "2026-11-21T00:00:00Z"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", remote = "Self")]
enum WarpTo {
    By(String),
    To(Time),
}

diem_core::one_field_enum!(WarpTo, "warp");

/// The snapshot to return to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revert {
    snapshot: SnapshotId,
}

/// Consensus addresses (hex) and the number of blocks for which they are absent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Absences {
    validators: Vec<String>,
    #[serde(default = "one")]
    blocks: u64,
}

/// The consensus address (hex) of the validator that signs twice.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Equivocation {
    validator: String,
}

/// `{"mode": "on-demand" | "manual"}` or `{"mode": {"every": "500ms"}}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    mode: ModeName,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", remote = "Self")]
enum ModeName {
    OnDemand,
    Manual,
    Every(String),
}

diem_core::one_field_enum!(ModeName, "mode");

/// The beginning of the paths of all routes for development.
pub(super) const PATH: &str = "/v1/dev/";

/// The routes that there are beside all others where the instant engine runs; elsewhere they answer 404.
pub(super) fn routes() -> Vec<Route<Arc<Node>>> {
    vec![
        ("POST /v1/dev/mine", post(mine)),
        ("POST /v1/dev/warp", post(warp)),
        ("POST /v1/dev/snapshot", post(snapshot)),
        ("POST /v1/dev/revert", post(revert)),
        ("POST /v1/dev/absences", post(absences)),
        ("POST /v1/dev/equivocation", post(equivocation)),
        ("POST /v1/dev/mode", post(mode)),
    ]
}

/// A JSON body whose errors have the shape of all others.
struct Body<T>(T);

impl<T: DeserializeOwned + Serialize, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        // A page of another site can send a body without a preflight request, but not with this media type.
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if media_type.split(';').next().map(str::trim) != Some("application/json") {
            return Err(HttpError::MediaType("a command is sent as application/json".into()).into());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => HttpError::BodyTooLarge("the body of a command is too large".into()),
            _ => HttpError::BadRequest("the body did not arrive whole".into()),
        })?;
        json(&bytes).map(Self)
    }
}

type Answer<T> = Result<Json<T>, Failure>;

fn controls(node: &Node) -> Result<&dyn DevControls, Failure> {
    let missing = || HttpError::NotFound("only the instant engine (development) has these commands".into());
    node.engine.dev().ok_or_else(|| missing().into())
}

fn height(height: u64) -> Json<impl Serialize> {
    Json(object!({ "height": height }))
}

async fn mine(State(node): State<Arc<Node>>, Body(body): Body<Mine>) -> Answer<impl Serialize> {
    Ok(height(controls(&node)?.mine(body.blocks).await?))
}

async fn warp(State(node): State<Arc<Node>>, Body(body): Body<WarpTo>) -> Answer<impl Serialize> {
    let warp = match body {
        WarpTo::By(text) => Warp::By(millis(&text)?),
        WarpTo::To(time) => Warp::To(time),
    };
    let next = controls(&node)?.warp(warp).await?;
    Ok(Json(object!({ "next_block_time": next })))
}

async fn snapshot(State(node): State<Arc<Node>>) -> Answer<impl Serialize> {
    let (id, height) = controls(&node)?.snapshot().await?;
    Ok(Json(object!({ "snapshot": id, "height": height })))
}

async fn revert(State(node): State<Arc<Node>>, Body(body): Body<Revert>) -> Answer<impl Serialize> {
    Ok(height(controls(&node)?.revert(body.snapshot).await?))
}

async fn absences(State(node): State<Arc<Node>>, Body(body): Body<Absences>) -> Answer<impl Serialize> {
    let absent = body.validators.iter().map(|text| consensus_address(text)).collect::<Result<_, _>>()?;
    controls(&node)?.absences(absent, body.blocks).await?;
    Ok(Json(object!({})))
}

async fn equivocation(State(node): State<Arc<Node>>, Body(body): Body<Equivocation>) -> Answer<impl Serialize> {
    controls(&node)?.equivocation(consensus_address(&body.validator)?).await?;
    Ok(Json(object!({})))
}

async fn mode(State(node): State<Arc<Node>>, Body(body): Body<Mode>) -> Answer<impl Serialize> {
    let mode = match body.mode {
        ModeName::OnDemand => BlockMode::OnDemand,
        ModeName::Manual => BlockMode::Manual,
        ModeName::Every(text) => match millis(&text)?.max(1) {
            millis if millis > MAX_BLOCK_TIME => {
                return Err(HttpError::BadRequest(format!("`{text}` is too long for a block: at most 1d")).into());
            }
            millis => BlockMode::Every(std::time::Duration::from_millis(millis)),
        },
    };
    controls(&node)?.set_mode(mode).await?;
    Ok(Json(object!({})))
}

fn millis(text: &str) -> Result<u64, Failure> {
    diem_genesis::parse_millis(text).map_err(|error| HttpError::BadRequest(error).into())
}

fn consensus_address(text: &str) -> Result<[u8; 20], Failure> {
    let mut address = [0; 20];
    let wrong =
        || HttpError::BadRequest(format!("`{}` is not a consensus address: write 40 hex digits", shortened(text)));
    hex::decode_to_slice(text, &mut address).map_err(|_| wrong())?;
    Ok(address)
}
