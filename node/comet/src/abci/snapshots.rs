//! The four calls by which CometBFT offers, fetches and restores snapshots of the state.

use diem_core::{Fatal, chain::Identity};
use diem_runtime::{
    App,
    snapshots::{ChunkVerdict, OfferVerdict, SnapshotInfo},
};
use tendermint_proto::v0_38::abci::{
    RequestApplySnapshotChunk, RequestLoadSnapshotChunk, RequestOfferSnapshot, ResponseApplySnapshotChunk,
    ResponseListSnapshots, ResponseLoadSnapshotChunk, ResponseOfferSnapshot, Snapshot, response_apply_snapshot_chunk,
    response_offer_snapshot,
};

pub(super) fn list(app: &App) -> ResponseListSnapshots {
    let offered = |info: SnapshotInfo| {
        let SnapshotInfo { height, format, chunks, hash, metadata } = info;
        Snapshot { height, format, chunks, hash, metadata }
    };
    ResponseListSnapshots { snapshots: app.list_snapshots().into_iter().map(offered).collect() }
}

/// Judges what peers offer; `own` is the chain by this node's genesis.
pub(super) fn offer(app: &App, own: &Identity, request: RequestOfferSnapshot) -> ResponseOfferSnapshot {
    use response_offer_snapshot::Result as Answer;
    let answer = |result: Answer| ResponseOfferSnapshot { result: result.into() };
    let Some(Snapshot { height, format, chunks, hash, metadata }) = request.snapshot else {
        return answer(Answer::Reject);
    };
    let info = SnapshotInfo { height, format, chunks, hash, metadata };
    match app.offer_snapshot(&info, &request.app_hash, own) {
        Ok(()) => {
            tracing::info!(height, chunks, "a snapshot folds to the verified root of its height: it is fetched");
            answer(Answer::Accept)
        }
        Err(error) => {
            tracing::warn!(height, "an offered snapshot is refused: {error}");
            answer(match error.verdict() {
                OfferVerdict::Accept => Answer::Accept,
                OfferVerdict::Abort => Answer::Abort,
                OfferVerdict::Reject => Answer::Reject,
                OfferVerdict::RejectFormat => Answer::RejectFormat,
                OfferVerdict::RejectSender => Answer::RejectSender,
            })
        }
    }
}

pub(super) fn load_chunk(app: &App, request: &RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
    let chunk = app.load_chunk(request.height, request.format, request.chunk);
    ResponseLoadSnapshotChunk { chunk: chunk.unwrap_or_default() }
}

/// Takes a chunk. With the last one comes the height that the state then has. The error is one of this node's disk.
pub(super) fn apply_chunk(
    app: &App,
    request: RequestApplySnapshotChunk,
) -> Result<(ResponseApplySnapshotChunk, Option<u64>), Fatal> {
    use response_apply_snapshot_chunk::Result as Answer;
    let applied = app.apply_chunk(request.index, request.chunk, &request.sender);
    let applied = applied.map_err(|error| Fatal(format!("the snapshot cannot be restored: {error}")))?;
    for wrong in &applied.wrong {
        let (chunk, sender) = (wrong.index, &wrong.sender);
        tracing::warn!(chunk, sender, "a chunk of the snapshot is wrong: {}", wrong.reason);
    }
    let result = match &applied.verdict {
        ChunkVerdict::Accept => Answer::Accept,
        ChunkVerdict::Abort(reason) => {
            tracing::warn!("a chunk is refused: {reason}");
            Answer::Abort
        }
        ChunkVerdict::RejectSnapshot(reason) => {
            tracing::warn!("the snapshot is of no use, and nothing of it is kept: {reason}");
            Answer::RejectSnapshot
        }
    };
    let answer = ResponseApplySnapshotChunk {
        result: result.into(),
        refetch_chunks: applied.refetch_chunks(),
        reject_senders: applied.reject_senders(),
    };
    Ok((answer, applied.restored))
}
