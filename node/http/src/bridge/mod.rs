//! The handlers of the bridge to Base.

mod views;
mod words;

use axum::{Json, extract::State};
use diem_api::{
    At, Bridge, BridgeAction, BridgeBatch, BridgeBatchDetail, BridgeSet, BridgeSignatures, BridgeTransfer, HttpError,
    List,
};
use diem_bridge::{OutboundKind, query};
use diem_core::Address;
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    params::{Path, Query, parse},
    snapshot_reader::{HeightParams, ListParams, answer, answer_page},
};

/// `GET /v1/bridge?height=`
pub(crate) async fn overview(
    State(api): Shared,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<Bridge>>, Failure> {
    answer(&api, params.height, |reader| Ok(views::overview(reader))).await
}

/// `?sender=&height=&after=&limit=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferParams {
    sender: Option<String>,
    height: Option<u64>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /v1/bridge/transfers?sender=&height=&after=&limit=`: the transfers that are not over, the oldest first. Of one
/// sender's a page holds those among `limit` transfers of everybody, so it may be shorter than that and go on.
pub(crate) async fn transfers(
    State(api): Shared,
    Query(TransferParams { sender, height, after, limit }): Query<TransferParams>,
) -> Result<Json<List<BridgeTransfer>>, Failure> {
    let sender: Option<Address> = sender.as_deref().map(parse).transpose()?;
    answer_page(&api, ListParams { height, after, limit }, move |reader, part| {
        let (rows, next) = part.cut_after(query::transfers(&reader.ctx(), &part.page()), |(id, _)| *id);
        let own = rows.iter().filter(|(_, row)| sender.is_none_or(|sender| row.sender == sender));
        let items: Result<Vec<_>, Failure> = own.map(|(id, row)| views::transfer(reader, *id, row)).collect();
        Ok((items?, next))
    })
    .await
}

/// `GET /v1/bridge/transfers/{id}?height=`
pub(crate) async fn transfer(
    State(api): Shared,
    Path(id): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<BridgeTransfer>>, Failure> {
    let id = number(&id)?;
    answer(&api, params.height, move |reader| views::transfer(reader, id, &query::transfer(&reader.ctx(), id)?)).await
}

/// `GET /v1/bridge/batches?height=&after=&limit=`: the open batches, the oldest first.
pub(crate) async fn batches(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<BridgeBatch>>, Failure> {
    answer_page(&api, params, |reader, part| {
        let (rows, next) = part.cut_after(query::batches(&reader.ctx(), &part.page()), |(nonce, _)| *nonce);
        let items: Result<Vec<_>, Failure> = rows.iter().map(|(nonce, _)| views::batch(reader, *nonce)).collect();
        Ok((items?, next))
    })
    .await
}

/// `GET /v1/bridge/batches/{nonce}?height=`
pub(crate) async fn batch(
    State(api): Shared,
    Path(nonce): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<BridgeBatchDetail>>, Failure> {
    let nonce = number(&nonce)?;
    answer(&api, params.height, move |reader| views::batch_detail(reader, nonce)).await
}

/// `GET /v1/bridge/sets/{nonce}?height=`
pub(crate) async fn set(
    State(api): Shared,
    Path(nonce): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<BridgeSet>>, Failure> {
    let nonce = number(&nonce)?;
    answer(&api, params.height, move |reader| views::set(reader, nonce)).await
}

/// `GET /v1/bridge/actions/{nonce}?height=`
pub(crate) async fn action(
    State(api): Shared,
    Path(nonce): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<BridgeAction>>, Failure> {
    let nonce = number(&nonce)?;
    answer(&api, params.height, move |reader| views::action(reader, nonce)).await
}

/// `?kind=&nonce=&set=&height=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureParams {
    kind: OutboundKind,
    nonce: u64,
    set: Option<u64>,
    height: Option<u64>,
}

/// `GET /v1/bridge/signatures?kind=&nonce=&set=&height=`: by default those of the set that is installed on Base, as far
/// as the chain knows. A relayer names the set that it sees there.
pub(crate) async fn signatures(
    State(api): Shared,
    Query(SignatureParams { kind, nonce, set, height }): Query<SignatureParams>,
) -> Result<Json<At<BridgeSignatures>>, Failure> {
    answer(&api, height, move |reader| views::signatures(reader, kind, nonce, set)).await
}

/// A number in a path.
fn number(text: &str) -> Result<u64, Failure> {
    let words = || format!("`{}` is no number of the bridge: write digits", diem_core::text::shortened(text));
    text.parse().map_err(|_| HttpError::BadRequest(words()).into())
}
