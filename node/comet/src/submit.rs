//! The queue of transactions to CometBFT: they are handed on in batches, without waiting for each other's callers.
//!
//! A lane sends one batch at a time and collects the next meanwhile, so batches grow with the load by themselves. All
//! transactions of a sender take the same lane, or a later nonce could overtake an earlier one on its way.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use diem_core::{Address, ModuleError as _};
use diem_engine::engine::{Incoming, SubmitError};
use diem_types::ChainError;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{
    config::{MAX_BATCH, MAX_BODY_BYTES},
    rpc::{Answer, Rpc, RpcError},
};

/// The number of lanes: while CometBFT checks one batch, the next is on its way. CheckTx is one thread, so more lanes
/// would only queue before it.
const LANES: usize = 2;
/// The most transactions that wait for each lane; a full lane makes its callers wait (backpressure).
const WAITING: usize = 16 * 1024;
/// The longest time that CometBFT may take to put a batch into its pool, which is locked while it commits a block.
const PATIENCE: Duration = Duration::from_secs(30);
/// The bytes that a request in a batch takes beside its transaction.
const ENVELOPE: usize = 100;

/// The result of handing on a transaction to the pool.
pub(super) type Handed = Result<(), SubmitError>;

struct Job {
    tx: Bytes,
    reply: oneshot::Sender<Handed>,
}

/// The lanes to CometBFT.
pub(super) struct Submitter {
    lanes: Vec<mpsc::Sender<Job>>,
}

impl Submitter {
    /// Starts the lanes on the current tokio runtime; they end when the submitter is dropped.
    pub(super) fn start(rpc: &Rpc) -> Self {
        let lane = |_| {
            let (sender, jobs) = mpsc::channel(WAITING);
            tokio::spawn(run(rpc.clone(), jobs));
            sender
        };
        Self { lanes: (0..LANES).map(lane).collect() }
    }

    /// Puts a transaction on its lane and waits while the lane is full; the receiver hears when CometBFT has taken it.
    pub(super) async fn hand_on(&self, incoming: Incoming) -> oneshot::Receiver<Handed> {
        let (reply, receiver) = oneshot::channel();
        if let Some(lane) = self.lanes.get(lane_of(&incoming.tx.tx.sender)) {
            // A lane that has ended drops the job, and the receiver hears that.
            let _ = lane.send(Job { tx: incoming.bytes, reply }).await;
        }
        receiver
    }
}

/// The lane of all transactions of this sender.
fn lane_of(sender: &Address) -> usize {
    sender.0.first().map_or(0, |byte| usize::from(*byte)).checked_rem(LANES).unwrap_or(0)
}

async fn run(rpc: Rpc, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::new();
    loop {
        if waiting.is_empty() && jobs.recv_many(&mut waiting, MAX_BATCH).await == 0 {
            return;
        }
        while waiting.len() < MAX_BATCH
            && let Ok(job) = jobs.try_recv()
        {
            waiting.push(job);
        }
        let count = fitting(&waiting);
        let batch: Vec<Job> = waiting.drain(..count).collect();
        let answers = send(&rpc, &batch).await;
        for (job, answer) in batch.into_iter().zip(answers) {
            // The send fails if the caller has left.
            let _ = job.reply.send(answer);
        }
    }
}

/// The number of the first jobs that fit into one request; at least one.
fn fitting(jobs: &[Job]) -> usize {
    let mut size = 0usize;
    let fits = |job: &&Job| {
        let encoded = job.tx.len().saturating_mul(4).div_ceil(3).saturating_add(ENVELOPE);
        size = size.saturating_add(encoded);
        size <= MAX_BODY_BYTES
    };
    jobs.iter().take_while(fits).count().max(1).min(jobs.len())
}

async fn send(rpc: &Rpc, jobs: &[Job]) -> Vec<Handed> {
    match rpc.batch(body(jobs), PATIENCE).await {
        Ok(answers) => in_order(answers, jobs.len()),
        Err(error) => jobs.iter().map(|_| Err(refused(&error))).collect(),
    }
}

fn body(jobs: &[Job]) -> Bytes {
    let mut text = String::from("[");
    for (id, job) in jobs.iter().enumerate() {
        if id > 0 {
            text.push(',');
        }
        text.push_str(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"broadcast_tx_async","params":{{"tx":""#));
        BASE64.encode_string(&job.tx, &mut text);
        text.push_str("\"}}");
    }
    text.push(']');
    text.into()
}

/// The answers in the order of their requests; a missing one is an error.
fn in_order(answers: Vec<Answer>, count: usize) -> Vec<Handed> {
    let missing = || Err(SubmitError::Unavailable("CometBFT left a transaction of a batch unanswered".into()));
    let mut handed: Vec<Handed> = (0..count).map(|_| missing()).collect();
    for answer in answers {
        let place = answer.id.as_u64().and_then(|id| handed.get_mut(usize::try_from(id).ok()?));
        if let Some(place) = place {
            *place = answer.result::<Value>().map(|_| ()).map_err(|error| refused(&error));
        }
    }
    handed
}

/// Translates CometBFT's error into one of ours.
fn refused(error: &RpcError) -> SubmitError {
    match error {
        RpcError::Refused(reason) if reason.contains("already exists in cache") => SubmitError::Known,
        RpcError::Refused(reason) if reason.contains("mempool is full") => SubmitError::Full,
        RpcError::Refused(reason) if reason.to_lowercase().contains("tx too large") => {
            let error = ChainError::Decode(diem_core::tx::DecodeError::TooLarge);
            SubmitError::Rejected {
                codespace: ChainError::CODESPACE.into(),
                code: error.code(),
                log: error.to_string(),
            }
        }
        other => SubmitError::Unavailable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn job(size: usize) -> Job {
        Job { tx: vec![1u8; size].into(), reply: oneshot::channel().0 }
    }

    #[test]
    fn a_batch_is_what_json_rpc_wants() {
        let value: Value = serde_json::from_slice(&body(&[job(3), job(1)])).unwrap();
        let expected = serde_json::json!([
            { "jsonrpc": "2.0", "id": 0, "method": "broadcast_tx_async", "params": { "tx": "AQEB" } },
            { "jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_async", "params": { "tx": "AQ==" } },
        ]);
        assert_eq!(value, expected);
    }

    #[test]
    fn a_batch_fits_the_body_and_is_never_empty() {
        let largest = diem_core::tx::MAX_TX_BYTES;
        let jobs: Vec<Job> = (0..40).map(|_| job(largest)).collect();
        let count = fitting(&jobs);
        assert!(count > 1 && body(jobs.get(..count).unwrap()).len() <= MAX_BODY_BYTES);
        assert_eq!(fitting(&[job(MAX_BODY_BYTES)]), 1);
        assert_eq!(fitting(&[]), 0);
    }

    #[test]
    fn answers_find_their_transactions_and_missing_ones_are_errors() {
        let answers: Vec<Answer> = serde_json::from_str(
            r#"[{"id":2,"result":{}},{"id":0,"error":{"message":"x","data":"mempool is full: 1"}},{"id":9,"result":{}}]"#,
        )
        .unwrap();
        let handed = in_order(answers, 3);
        assert_eq!(handed.first(), Some(&Err(SubmitError::Full)));
        assert!(matches!(handed.get(1), Some(Err(SubmitError::Unavailable(_)))));
        assert_eq!(handed.get(2), Some(&Ok(())));
    }

    #[test]
    fn a_sender_keeps_its_lane() {
        assert!((0..=255u8).all(|byte| lane_of(&Address([byte; 20])) < LANES));
    }
}
