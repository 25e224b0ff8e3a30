//! Rows of the state with their proofs.

use std::time::Duration;

use diem_api::{
    Base64Bytes, HttpError, Proof,
    encoding::{encode_header, encode_proof},
};
use diem_core::encoding::HexBytes;
use diem_store::Snapshot;

use super::{Api, error::Failure};

/// The longest that a proof waits for the header that holds its root.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Reads a row at `height` with its proof. Without a height, the state is the newest that can be proven at once; that
/// of the latest height waits for the next header.
pub(super) async fn prove(api: &Api, key: Vec<u8>, height: Option<u64>) -> Result<(Snapshot, Proof), Failure> {
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
