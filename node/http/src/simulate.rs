//! `POST /v1/simulate`: the effects that a transaction would have.

use std::time::Duration;

use axum::{
    Json,
    extract::{Request, State},
    http::header::CONTENT_TYPE,
};
use borsh::BorshDeserialize as _;
use diem_api::{BalanceChange, Coin, HttpError, Moment, SimulateCalls, SimulateRequest, SimulateTx, Simulated};
use diem_core::{Amount, CallError, Time, keys::KeyKind};
use diem_host::clock::wall_clock;
use diem_runtime::{App, Change, DryRun, DryRunError};
use diem_types::{ChainError, Signed, Tx};

use super::{
    Api, Shared, convert,
    error::Failure,
    params::{Nothing, Query},
    snapshot_reader::Reader,
};

/// The most simulations that wait: each can take as long as the begin of a block and the largest transaction in it.
pub(crate) const MAX_SIMULATIONS: usize = 4;
/// The longest that the engine may take to tell the time of the next block.
const ENGINE_PATIENCE: Duration = Duration::from_secs(2);

/// `POST /v1/simulate`
pub(crate) async fn simulate(
    State(api): Shared,
    Query(Nothing {}): Query<Nothing>,
    request: Request,
) -> Result<Json<Simulated>, Failure> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media_type.is_some_and(|text| text.split(';').next().map(str::trim) != Some("application/json")) {
        let words = "what to simulate is sent as application/json: {\"tx\": ..} or {\"sender\": .., \"calls\": [..]}";
        return Err(HttpError::MediaType(words.into()).into());
    }
    let body = api.bodies.read(request.into_body()).await?;
    let time = next_block_time(&api).await;
    let (app, reader) = (api.node.app.clone(), Reader::at(&api, None)?);
    api.simulators
        .run(move || {
            let request = SimulateRequest::read(&body.bytes).map_err(HttpError::BadRequest)?;
            let tx = match request {
                SimulateRequest::Tx(request) => complete(&request)?,
                SimulateRequest::Calls(request) => suggested(&app, &reader, request)?,
            };
            let tried = app.simulate(reader.snapshot(), time, &tx).map_err(refused)?;
            Ok(Json(simulated(&reader, tried)))
        })
        .await?
}

/// The time of the next block; by the clock of this machine if the engine does not tell it in time.
async fn next_block_time(api: &Api) -> Time {
    match tokio::time::timeout(ENGINE_PATIENCE, api.node.engine.next_block_time()).await {
        Ok(Ok(time)) => time,
        Ok(Err(_)) | Err(_) => Time(wall_clock()()),
    }
}

fn refused(error: DryRunError) -> Failure {
    match error {
        DryRunError::Chain(error) => CallError::from(error).into(),
        broken @ DryRunError::Block(_) => HttpError::NotReady(broken.to_string()).into(),
    }
}

/// The transaction as it was sent, with placeholders for its signatures.
fn complete(request: &SimulateTx) -> Result<Signed, Failure> {
    let malformed = |_| HttpError::BadRequest("`tx` is not borsh of a transaction without signatures".into());
    let tx = Tx::try_from_slice(&request.tx.0).map_err(malformed)?;
    with_placeholders(&tx, request.sender_key, request.payer_key)
}

fn with_placeholders(tx: &Tx, sender: KeyKind, payer: KeyKind) -> Result<Signed, Failure> {
    let payer = tx.fee_payer.map(|_| payer.placeholder());
    let signed = Signed::decode(&tx.with_auth(&sender.placeholder(), payer.as_ref()));
    signed.map_err(|error| CallError::from(ChainError::from(error)).into())
}

/// A transaction with these calls and the fee and gas that the chain suggests.
fn suggested(app: &App, reader: &Reader, request: SimulateCalls) -> Result<Signed, Failure> {
    let chain = app.chain().ok_or(ChainError::NotStarted).map_err(CallError::from)?;
    let gas = diem_runtime::gas_params(reader.snapshot());
    let tx = Tx {
        chain_id: chain.chain_id.clone(),
        genesis_hash: chain.genesis_hash,
        sender: request.sender,
        nonce: diem_bank::nonce(reader.snapshot(), &request.sender),
        expiry: reader.height().saturating_add(1),
        gas_price: gas.min_price,
        max_fee: Amount::ZERO,
        fee_payer: request.fee_payer,
        calls: request.calls,
        memo: request.memo,
    };
    // Amounts have a fixed width, so that the size of the transaction, and with it the gas, does not depend on
    // `max_fee`. One that is too large or has no call is refused before there is a fee.
    let unpriced = with_placeholders(&tx, request.sender_key, request.payer_key)?;
    let max_fee = tx.gas_price.checked_mul(gas.gas(&unpriced).into());
    let max_fee = max_fee.map_err(|error| HttpError::BadRequest(format!("the fee cannot be computed: {error}")))?;
    with_placeholders(&Tx { max_fee, ..tx }, request.sender_key, request.payer_key)
}

fn simulated(reader: &Reader, tried: DryRun) -> Simulated {
    let Moment { time, epoch } = reader.moment(tried.block.time);
    Simulated {
        height: reader.height(),
        time,
        epoch,
        result: convert::outcome(tried.result),
        changes: tried.changes.iter().flat_map(balance_changes).collect(),
    }
}

/// The balance changes of an account: at most one for each denomination.
fn balance_changes(change: &Change) -> impl Iterator<Item = BalanceChange> + use<> {
    let Change { account, before, after } = *change;
    let coins = [(Coin::vvv(before.vvv), Coin::vvv(after.vvv)), (Coin::diem(before.diem), Coin::diem(after.diem))];
    let changed = coins.into_iter().filter(|(before, after)| before != after);
    changed.map(move |(before, after)| BalanceChange { account, display: difference(&before, &after), before, after })
}

/// The difference as text: `+1.5 VVV`, `-3 DIEM`.
fn difference(before: &Coin, after: &Coin) -> String {
    let (sign, larger, smaller) =
        if after.amount > before.amount { ('+', after, before) } else { ('-', before, after) };
    format!("{sign}{}", larger.amount.saturating_sub(smaller.amount).display(after.denom))
}
