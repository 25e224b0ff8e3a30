//! Rows of the state with their proofs.

use std::{sync::Mutex, time::Duration};

use diem_api::{
    Base64Bytes, HttpError, Proof,
    encoding::{encode_header, encode_proof},
};
use diem_core::{Key, StateRead, Value, encoding::HexBytes};
use diem_store::Snapshot;

use super::{Api, error::Failure};

/// The longest that a proof waits for the header that holds its root.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Reads a row at `height` with its proof. Without a height, the state is the newest that can be proven at once; that
/// of the latest height waits for the next header.
pub(super) async fn prove(api: &Api, key: Vec<u8>, height: Option<u64>) -> Result<(Snapshot, Proof), Failure> {
    let (snapshot, mut proofs) = prove_all(api, vec![key], height).await?;
    Ok((snapshot, proofs.pop().ok_or(HttpError::Internal)?))
}

/// Reads rows of one state with their proofs under one header, in the order of their keys; the heights are those of
/// [`prove`].
pub(super) async fn prove_all(
    api: &Api,
    keys: Vec<Vec<u8>>,
    height: Option<u64>,
) -> Result<(Snapshot, Vec<Proof>), Failure> {
    api.begun()?;
    let snapshot = match height {
        Some(height) => api.node.app.snapshot(Some(height))?,
        None => api.node.app.provable(),
    };
    let chain = api.node.app.chain().ok_or(HttpError::Internal)?;
    let next = snapshot.height().checked_add(1).ok_or(HttpError::Internal)?;
    let header = api.node.engine.signed_header(next, HEADER_PATIENCE).await?;
    if header.header.app_hash.as_bytes() != snapshot.root() {
        // The development chain was taken back meanwhile.
        return Err(HttpError::NotFound(format!("height {} was replaced: ask again", snapshot.height())).into());
    }
    let (at, rows) = (snapshot.clone(), keys.clone());
    let proven = tokio::task::spawn_blocking(move || rows.iter().map(|row| at.prove(row)).collect::<Vec<_>>());
    let proven = proven.await.map_err(|_| HttpError::Internal)?;
    let signed_header = Base64Bytes(encode_header(&header));
    let proofs = keys.into_iter().zip(proven).map(|(key, (value, proof))| Proof {
        chain_id: chain.chain_id.clone(),
        state_height: snapshot.height(),
        key: HexBytes(key),
        value: value.map(|value| HexBytes(value.to_vec())),
        proof: Base64Bytes(encode_proof(&proof)),
        signed_header: signed_header.clone(),
    });
    let proofs = proofs.collect();
    Ok((snapshot, proofs))
}

/// The keys of the rows that `read` looks up, in the order of the look-ups. It finds none of them, so it must not look
/// for others by what it finds.
pub(super) fn keys_read(read: impl FnOnce(&dyn StateRead)) -> Vec<Vec<u8>> {
    let recorder = Recorder(Mutex::default());
    read(&recorder);
    recorder.0.into_inner().unwrap_or_default()
}

/// A state without rows that records which ones are looked up.
struct Recorder(Mutex<Vec<Vec<u8>>>);

impl StateRead for Recorder {
    fn get(&self, key: &[u8]) -> Option<Value> {
        if let Ok(mut keys) = self.0.lock() {
            keys.push(key.to_vec());
        }
        None
    }

    fn range(&self, _start: &[u8], _end: Option<&[u8]>, _limit: usize) -> Vec<(Key, Value)> {
        Vec::new()
    }
}
