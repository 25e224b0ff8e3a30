//! `POST /v1/tx`: the submission of transactions.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use diem_api::{
    Batch, BatchRequest, ErrorBody, Hash, HttpError, MAX_BATCH_BYTES, MAX_BATCH_TXS, State as TxState, SubmitRequest,
    Submitted, TX_MEDIA_TYPE, TXS_MEDIA_TYPE, Wait, field_names,
};
use diem_core::{text::shortened, tx::tx_hash};
use diem_engine::engine;
use serde::Deserialize;

use super::{
    Api, Shared,
    batcher::{EnterError, Entered},
    convert,
    error::Failure,
    params::{Query, json, parse},
    waiters::Waiting,
};

const DEFAULT_TIMEOUT_SECONDS: u64 = 10;
const MAX_TIMEOUT_SECONDS: u64 = 120;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    wait: Option<String>,
    timeout: Option<u64>,
}

/// The transactions of a request: one, or many.
enum Body {
    One(Bytes),
    Many(Vec<Bytes>),
}

/// `POST /v1/tx?wait=none|checked|committed&timeout=`: one transaction or many.
pub(crate) async fn submit(
    State(api): Shared,
    Query(params): Query<Params>,
    request: Request,
) -> Result<Response, Failure> {
    let wait: Wait = params.wait.as_deref().map(parse).transpose()?.unwrap_or_default();
    let seconds = params.timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    if seconds > MAX_TIMEOUT_SECONDS {
        let words = format!("timeout={seconds} is too long: at most {MAX_TIMEOUT_SECONDS} seconds");
        return Err(HttpError::BadRequest(words).into());
    }
    let patience = Duration::from_secs(seconds);
    match read_body(&api, request).await? {
        Body::One(tx) => {
            let mut answers = enter(&api, vec![tx], wait, patience).await?;
            let answer = answers.pop().ok_or(HttpError::Internal)?;
            Ok(one(answer))
        }
        Body::Many(txs) => Ok(Json(Batch { results: enter(&api, txs, wait, patience).await? }).into_response()),
    }
}

/// The answer for a single transaction: an error if it was refused, 200 if its fate is known, else 202.
fn one(answer: Submitted) -> Response {
    match answer.state {
        TxState::Rejected => {
            let error = answer.error.unwrap_or_else(|| ErrorBody::from(&HttpError::Internal));
            Failure(error).into_response()
        }
        TxState::Committed | TxState::Failed => Json(answer).into_response(),
        TxState::Accepted | TxState::Checked | TxState::Unknown => (StatusCode::ACCEPTED, Json(answer)).into_response(),
    }
}

/// Enters each transaction once, waits for it once and answers it once, however often a request repeats its bytes.
async fn enter(api: &Api, txs: Vec<Bytes>, wait: Wait, patience: Duration) -> Result<Vec<Submitted>, Failure> {
    let asked: Vec<Hash> = txs.iter().map(|tx| Hash(tx_hash(tx))).collect();
    let mut places = BTreeMap::new();
    let (txs, hashes): (Vec<Bytes>, Vec<Hash>) = txs
        .into_iter()
        .zip(&asked)
        .filter(|(_, hash)| {
            let place = places.len();
            let known = *places.entry(**hash).or_insert(place);
            known == place
        })
        .map(|(tx, hash)| (tx, *hash))
        .unzip();
    let answers = enter_once(api, txs, hashes, wait, patience).await?;
    let answer = |hash: &Hash| places.get(hash).and_then(|place| answers.get(*place)).cloned();
    asked.iter().map(answer).collect::<Option<_>>().ok_or_else(|| HttpError::Internal.into())
}

async fn enter_once(
    api: &Api,
    txs: Vec<Bytes>,
    hashes: Vec<Hash>,
    wait: Wait,
    patience: Duration,
) -> Result<Vec<Submitted>, Failure> {
    let waiting: Vec<Option<Waiting>> = match wait {
        Wait::Committed => api.waiters.wait_for(&hashes)?.into_iter().map(Some).collect(),
        Wait::None | Wait::Checked => hashes.iter().map(|_| None).collect(),
    };
    let engine_wait = match wait {
        Wait::None => engine::Wait::None,
        Wait::Checked | Wait::Committed => engine::Wait::Checked,
    };
    let entered = api.batcher.enter(txs, engine_wait).await?;
    let answers = hashes.into_iter().zip(entered).zip(waiting);
    let answers = answers.map(|((hash, entered), waiting)| answer(api, hash, entered, wait, waiting, patience));
    // All waits run at the same time, so together they last no longer than one.
    Ok(futures::future::join_all(answers).await)
}

async fn answer(
    api: &Api,
    hash: Hash,
    entered: Entered,
    wait: Wait,
    waiting: Option<Waiting>,
    patience: Duration,
) -> Submitted {
    let state = if wait == Wait::None { TxState::Accepted } else { TxState::Checked };
    match (entered, waiting) {
        // The pool has this transaction from an earlier request: the sender repeats itself after a lost answer.
        (Ok(()) | Err(EnterError::Known), None) => Submitted { hash, state, error: None, tx: None },
        (Ok(()) | Err(EnterError::Known), Some(waiting)) => committed(hash, waiting, patience).await,
        (Err(EnterError::Refused(error)), _) => refused(api, hash, error),
    }
}

async fn committed(hash: Hash, waiting: Waiting, patience: Duration) -> Submitted {
    match waiting.committed(patience).await {
        Some(tx) => in_block(hash, tx),
        None => Submitted { hash, state: TxState::Unknown, error: None, tx: None },
    }
}

fn in_block(hash: Hash, tx: diem_api::Transaction) -> Submitted {
    let state = if tx.result.ok { TxState::Committed } else { TxState::Failed };
    Submitted { hash, state, error: tx.result.error.clone(), tx: Some(tx) }
}

/// The answer for a refused transaction. It may be in a block already, sent again after a lost answer: then the answer
/// says that.
fn refused(api: &Api, hash: Hash, error: ErrorBody) -> Submitted {
    match convert::find(&api.node.app, &hash) {
        Some(tx) => in_block(hash, tx),
        None => Submitted { hash, state: TxState::Rejected, error: Some(error), tx: None },
    }
}

async fn read_body(api: &Api, request: Request) -> Result<Body, Failure> {
    let media_type = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?").to_owned());
    let media_type = media_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    let read = api.bodies.read(request.into_body());
    match media_type {
        None | Some(TX_MEDIA_TYPE) => Ok(Body::One(read.await?.bytes)),
        Some("application/json") => {
            let body = read.await?;
            api.read(move || read_json(&body.bytes)).await
        }
        Some(TXS_MEDIA_TYPE) => bounded(split_borsh(&read.await?.bytes)?),
        Some(other) => Err(HttpError::MediaType(format!(
            "Content-Type `{}` is not understood here: send {TX_MEDIA_TYPE} for one transaction as raw bytes, \
             application/json for {{\"tx\": ..}} or {{\"txs\": [..]}}, or {TXS_MEDIA_TYPE} for many as borsh",
            shortened(other)
        ))
        .into()),
    }
}

/// Parses `{"tx": ..}` or `{"txs": [..]}`. The field decides the form, so that an error is about that form.
fn read_json(body: &[u8]) -> Result<Body, Failure> {
    let fields = field_names(body).map_err(HttpError::BadRequest)?;
    match (fields.contains("tx"), fields.contains("txs")) {
        (true, _) => {
            let SubmitRequest { tx } = json(body)?;
            Ok(Body::One(tx.0.into()))
        }
        (false, true) => {
            let BatchRequest { txs } = json(body)?;
            bounded(txs.into_iter().map(|tx| tx.0.into()).collect())
        }
        (false, false) => {
            let words = "the body must be {\"tx\": \"0x..\"} or {\"txs\": [\"0x..\"]}, hex or base64";
            Err(HttpError::BadRequest(words.into()).into())
        }
    }
}

fn bounded(txs: Vec<Bytes>) -> Result<Body, Failure> {
    let bytes: usize = txs.iter().map(Bytes::len).sum();
    if txs.is_empty() {
        return Err(HttpError::BadRequest("the batch holds no transaction".into()).into());
    }
    if txs.len() > MAX_BATCH_TXS || bytes > MAX_BATCH_BYTES {
        let words = format!("a batch holds at most {MAX_BATCH_TXS} transactions and {MAX_BATCH_BYTES} bytes");
        return Err(HttpError::BodyTooLarge(words).into());
    }
    Ok(Body::Many(txs))
}

/// Splits a borsh list of byte strings into its parts without copying them (zero-copy).
fn split_borsh(body: &Bytes) -> Result<Vec<Bytes>, Failure> {
    let malformed = || Failure::from(HttpError::BadRequest("the body is no borsh list of byte strings".into()));
    let mut rest = body.clone();
    let number = |rest: &mut Bytes| {
        let digits: [u8; 4] = rest.get(..4)?.try_into().ok()?;
        let _ = rest.split_to(4);
        usize::try_from(u32::from_le_bytes(digits)).ok()
    };
    let count = number(&mut rest).ok_or_else(malformed)?;
    let mut txs = Vec::with_capacity(count.min(MAX_BATCH_TXS));
    for _ in 0..count {
        let length = number(&mut rest).filter(|length| *length <= rest.len()).ok_or_else(malformed)?;
        txs.push(rest.split_to(length));
    }
    if rest.is_empty() { Ok(txs) } else { Err(malformed()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_batch_is_cut_as_borsh_wrote_it_and_strictly() {
        let txs: Vec<Vec<u8>> = vec![vec![1, 2, 3], vec![], vec![4; 300]];
        let body = Bytes::from(borsh::to_vec(&txs).unwrap());
        assert_eq!(split_borsh(&body).unwrap(), txs);
        for cut in 0..body.len() {
            assert!(split_borsh(&body.slice(..cut)).is_err(), "{cut}");
        }
        let longer = Bytes::from([&body[..], &[0]].concat());
        assert!(split_borsh(&longer).is_err());
        let huge = Bytes::from_static(&[0xff; 8]);
        assert!(split_borsh(&huge).is_err());
    }
}
