//! The baseline of the chain's throughput: an application that accepts all and stores nothing, behind the same CometBFT
//! with the same settings, and an API that only passes transactions on.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use diem_comet::abci::Handler;
use tendermint_proto::v0_38::abci::{
    ExecTxResult, Request, Response, ResponseApplySnapshotChunk, ResponseCheckTx, ResponseCommit, ResponseEcho,
    ResponseExtendVote, ResponseFinalizeBlock, ResponseFlush, ResponseInfo, ResponseInitChain, ResponseListSnapshots,
    ResponseLoadSnapshotChunk, ResponseOfferSnapshot, ResponsePrepareProposal, ResponseProcessProposal, ResponseQuery,
    ResponseVerifyVoteExtension, request::Value, response,
};

/// An application that counts what is committed and does nothing else.
#[derive(Clone, Default)]
pub(crate) struct Idle {
    /// The number of transactions in finalized blocks.
    pub(crate) txs: Arc<AtomicU64>,
    /// The number of finalized blocks.
    pub(crate) height: Arc<AtomicU64>,
}

const ROOT: [u8; 32] = [1; 32];

impl Handler for Idle {
    fn upcoming(&self, _: &[Request]) {}

    fn idle(&self) {}

    fn handle(&self, request: Request) -> Option<Response> {
        let value = match request.value? {
            Value::Echo(echo) => response::Value::Echo(ResponseEcho { message: echo.message }),
            Value::Flush(_) => response::Value::Flush(ResponseFlush {}),
            Value::Info(_) => response::Value::Info(ResponseInfo { app_version: 1, ..Default::default() }),
            Value::InitChain(_) => {
                response::Value::InitChain(ResponseInitChain { app_hash: ROOT.to_vec().into(), ..Default::default() })
            }
            Value::Query(_) => response::Value::Query(ResponseQuery::default()),
            Value::CheckTx(_) => response::Value::CheckTx(ResponseCheckTx { gas_wanted: 1, ..Default::default() }),
            Value::PrepareProposal(proposal) => {
                let mut left = proposal.max_tx_bytes;
                let fits = |tx: &bytes::Bytes| {
                    left -= tx.len() as i64 + 4;
                    left >= 0
                };
                let txs = proposal.txs.into_iter().take_while(fits).collect();
                response::Value::PrepareProposal(ResponsePrepareProposal { txs })
            }
            Value::ProcessProposal(_) => response::Value::ProcessProposal(ResponseProcessProposal { status: 1 }),
            Value::FinalizeBlock(block) => {
                self.height.store(block.height as u64, Ordering::Relaxed);
                self.txs.fetch_add(block.txs.len() as u64, Ordering::Relaxed);
                response::Value::FinalizeBlock(ResponseFinalizeBlock {
                    tx_results: vec![ExecTxResult::default(); block.txs.len()],
                    app_hash: ROOT.to_vec().into(),
                    ..Default::default()
                })
            }
            Value::Commit(_) => response::Value::Commit(ResponseCommit::default()),
            Value::ExtendVote(_) => response::Value::ExtendVote(ResponseExtendVote::default()),
            Value::VerifyVoteExtension(_) => {
                response::Value::VerifyVoteExtension(ResponseVerifyVoteExtension { status: 1 })
            }
            Value::ListSnapshots(_) => response::Value::ListSnapshots(ResponseListSnapshots::default()),
            Value::OfferSnapshot(_) => response::Value::OfferSnapshot(ResponseOfferSnapshot::default()),
            Value::LoadSnapshotChunk(_) => response::Value::LoadSnapshotChunk(ResponseLoadSnapshotChunk::default()),
            Value::ApplySnapshotChunk(_) => response::Value::ApplySnapshotChunk(ResponseApplySnapshotChunk::default()),
        };
        Some(Response { value: Some(value) })
    }
}
