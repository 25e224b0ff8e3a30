//! The handlers of the bridge to Base.

mod base;
mod ended;
mod home;
mod notices;
mod stated;
mod views;
mod words;

use axum::{Json, extract::State};
use diem_api::{
    At, Bridge, BridgeAction, BridgeBatch, BridgeBatchDetail, BridgeBurn, BridgeCheckpoint, BridgeCheckpointDetail,
    BridgeFee, BridgeQueueItem, BridgeSet, BridgeSignatures, BridgeSigner, BridgeTransfer, Coin, HttpError, List,
};
use diem_bank::{Pool, pool};
use diem_bridge::{OutboundKind, attesting, inbound, query, state};
use diem_core::{Address, BlockInfo, Denom, QueryContext, StateRead};
use diem_engine::relay_cost::KnownCost;
use diem_index::bridge::credit_of_event;
use serde::Deserialize;

use super::{
    Shared,
    error::Failure,
    params::{Nothing, Path, Query, parse},
    proving::{keys_read, prove_all},
    snapshot_reader::{HeightParams, ListParams, Part, ProveParams, Reader, answer, answer_page, answer_proven},
};

/// `GET /v1/bridge?height=&prove=true`
pub(crate) async fn overview(
    State(api): Shared,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<Bridge>>, Failure> {
    if !params.prove {
        return answer(&api, params.height, |reader| Ok(views::overview(reader))).await;
    }
    let (snapshot, proofs) = prove_all(&api, keys_read(equalities), params.height).await?;
    let reader = Reader::new(snapshot, api.node.app.first_block());
    let read = move || {
        let bridge = Bridge { proofs: Some(proofs), ..views::overview(&reader) };
        Ok(Json(reader.answer(bridge, None)))
    };
    api.read(read).await
}

/// Reads the rows that both equalities are made of.
fn equalities(state: &dyn StateRead) {
    inbound::applied(state);
    inbound::attested(state);
    state::books(state);
    pool(state, Pool::BridgeEscrow, Denom::Diem);
}

/// The key of the one row that `read` looks up.
fn key_read(read: impl FnOnce(&dyn StateRead)) -> Vec<u8> {
    keys_read(read).pop().unwrap_or_default()
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

/// `GET /v1/bridge/transfers/{id}?height=&prove=true`; of one that is over, absence is proven.
pub(crate) async fn transfer(
    State(api): Shared,
    Path(id): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<BridgeTransfer>>, Failure> {
    let id = number(&id)?;
    let key = key_read(|state| {
        // Nothing is found in an empty state; only the key counts.
        let _ = query::transfer(&QueryContext { state, block: BlockInfo::default() }, id);
    });
    answer_proven(&api, params, &key, move |reader| match query::transfer(&reader.ctx(), id) {
        Ok(row) => views::transfer(reader, id, &row),
        Err(_) => ended::transfer(reader, id),
    })
    .await
}

/// `?recipient=&event=&height=&after=&limit=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BurnParams {
    recipient: Option<String>,
    event: Option<u64>,
    height: Option<u64>,
    after: Option<String>,
    limit: Option<u32>,
}

/// `GET /v1/bridge/burns?recipient=&event=&height=&after=&limit=`: the credits that are not paid, the oldest first; of one
/// recipient as `transfers` does it of one sender. `event` asks for the one that the burn of this event made, paid or not.
pub(crate) async fn burns(
    State(api): Shared,
    Query(BurnParams { recipient, event, height, after, limit }): Query<BurnParams>,
) -> Result<Json<List<BridgeBurn>>, Failure> {
    let recipient: Option<Address> = recipient.as_deref().map(parse).transpose()?;
    answer_page(&api, ListParams { height, after, limit }, move |reader, part| {
        let is_wanted = |to: Option<Address>| recipient.is_none() || to == recipient;
        if let Some(event) = event {
            let id = credit_of_event(reader.snapshot(), event).filter(|_| part.cursor.is_none());
            let found = id.map(|id| home::burn(reader, id)).transpose()?;
            return Ok((found.into_iter().filter(|burn| is_wanted(burn.recipient)).collect(), None));
        }
        let (rows, next) = part.cut_after(query::credits(&reader.ctx(), &part.page()), |(id, _)| *id);
        let own = rows.iter().filter(|(_, row)| is_wanted(row.recipient));
        Ok((own.map(|(id, row)| home::owed(reader, *id, row)).collect(), next))
    })
    .await
}

/// `GET /v1/bridge/burns/{id}?height=&prove=true`; of one that was paid, absence is proven.
pub(crate) async fn burn(
    State(api): Shared,
    Path(id): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<BridgeBurn>>, Failure> {
    let id = number(&id)?;
    let key = key_read(|state| {
        inbound::credit(state, id);
    });
    answer_proven(&api, params, &key, move |reader| home::burn(reader, id)).await
}

/// `GET /v1/bridge/queue?height=&after=&limit=`: what waits on Base, the oldest first.
pub(crate) async fn queue(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<BridgeQueueItem>>, Failure> {
    answer_page(&api, params, |reader, part| {
        let (rows, next) = part.cut_after(query::queue(&reader.ctx(), &part.page()), |(id, _)| *id);
        Ok((rows.iter().map(|(id, row)| home::item(reader, *id, row)).collect(), next))
    })
    .await
}

/// `GET /v1/bridge/queue/{id}?height=&prove=true`
pub(crate) async fn queue_item(
    State(api): Shared,
    Path(id): Path<String>,
    Query(params): Query<ProveParams>,
) -> Result<Json<At<BridgeQueueItem>>, Failure> {
    let id = number(&id)?;
    let key = key_read(|state| {
        inbound::queue_item(state, id);
    });
    answer_proven(&api, params, &key, move |reader| Ok(home::item(reader, id, &query::queue_item(&reader.ctx(), id)?)))
        .await
}

/// `GET /v1/bridge/checkpoints?height=&after=&limit=`: the blocks of Base above the last attested one that validators
/// have stated.
pub(crate) async fn checkpoints(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<BridgeCheckpoint>>, Failure> {
    answer_page(&api, params, |reader, part: &Part<u64>| {
        let (numbers, next) = part.cut_whole(attesting::named(reader.snapshot()));
        Ok((stated::checkpoints(reader, &numbers), next))
    })
    .await
}

/// `GET /v1/bridge/checkpoints/{number}?height=`
pub(crate) async fn checkpoint(
    State(api): Shared,
    Path(text): Path<String>,
    Query(params): Query<HeightParams>,
) -> Result<Json<At<BridgeCheckpointDetail>>, Failure> {
    let number = number(&text)?;
    answer(&api, params.height, move |reader| Ok(stated::checkpoint(reader, number))).await
}

/// `GET /v1/bridge/signers?height=&after=&limit=`: the validators, by operator, with what they signed of late.
pub(crate) async fn signers(
    State(api): Shared,
    Query(params): Query<ListParams>,
) -> Result<Json<List<BridgeSigner>>, Failure> {
    answer_page(&api, params, |reader, part: &Part<u64>| Ok(part.cut_whole(stated::signers(reader)?))).await
}

/// `GET /v1/bridge/fee`: what relaying costs, as this node's relayer saw it last.
pub(crate) async fn fee(State(api): Shared, Query(Nothing {}): Query<Nothing>) -> Result<Json<BridgeFee>, Failure> {
    let unknown = |why: &str| Err(HttpError::FeeUnknown(why.to_owned()).into());
    match api.options.relay_costs.last() {
        KnownCost::NoRelayer => unknown(
            "what relaying costs on Base is not known here, because this node relays nothing (`bridge.relay`): ask a \
             node that does; the chain asks for `min_fee` of `/v1/bridge` alone",
        ),
        KnownCost::NoBatch => unknown(
            "what relaying costs on Base is not known yet, because this node's relayer has sent no batch since it \
             started: ask again later; the chain asks for `min_fee` of `/v1/bridge` alone",
        ),
        KnownCost::Seen(cost) => Ok(Json(BridgeFee {
            fee: cost.fee().map(Coin::diem),
            wei: cost.wei_per_transfer(),
            l2_gas: cost.gas,
            gas_price: cost.gas_price,
            l1_fee: cost.l1_fee.unwrap_or_default(),
            l1_oracle: cost.l1_fee.is_some(),
            transfers: cost.transfers,
            seen_at: cost.at,
        })),
    }
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
