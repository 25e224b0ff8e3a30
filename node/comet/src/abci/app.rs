//! The application as CometBFT sees it: ABCI 2.0, all sixteen methods.
//!
//! This is the only file that knows `tendermint-abci`. None of its defaults is used: they accept everything.
//! A failure after which the node must not go on unwinds as [`Fatal`] to the connection, which closes unanswered and
//! ends the process: CometBFT has stored the block and gives it again to the next process.

use std::{
    panic::resume_unwind,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_core::{Fatal, chain::Identity};
use diem_engine::{Commits, origin::Origin};
use diem_runtime::App;
use parking_lot::Mutex;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    CheckTxType, Request, RequestApplySnapshotChunk, RequestCheckTx, RequestEcho, RequestExtendVote,
    RequestFinalizeBlock, RequestInfo, RequestInitChain, RequestLoadSnapshotChunk, RequestOfferSnapshot,
    RequestPrepareProposal, RequestProcessProposal, RequestQuery, RequestVerifyVoteExtension, Response,
    ResponseApplySnapshotChunk, ResponseCheckTx, ResponseCommit, ResponseEcho, ResponseExtendVote,
    ResponseFinalizeBlock, ResponseFlush, ResponseInfo, ResponseInitChain, ResponseListSnapshots,
    ResponseLoadSnapshotChunk, ResponseOfferSnapshot, ResponsePrepareProposal, ResponseProcessProposal, ResponseQuery,
    ResponseVerifyVoteExtension, request, response, response_process_proposal::ProposalStatus,
    response_verify_vote_extension::VerifyStatus,
};

use super::{
    checks::Checks,
    convert::{self, BlockParts, Malformed},
    pace::Pace,
    queries,
    server::Handler,
    snapshots,
};
use crate::signing::Guard;

/// The most bytes of vote extensions that stay in memory while a proposal is made.
const MAX_KEPT_EXTENSIONS: usize = 1024 * 1024;

/// The application on one connection of CometBFT.
#[derive(Clone)]
pub struct Consensus {
    app: Arc<App>,
    /// The origin is dropped at the first commit, because nobody needs it afterwards.
    origin: Arc<Mutex<Option<Origin>>>,
    /// The chain by this node's own genesis.
    own: Arc<Identity>,
    commits: Arc<Commits>,
    checks: Arc<Checks>,
    pace: Pace,
    /// What looks for signatures of this node's own key in the commits of blocks.
    guard: Option<Arc<Guard>>,
}

impl Consensus {
    /// Serves `app`; `origin` is the node's own, and a chain that starts otherwise is refused. Blocks are reported to
    /// `commits`.
    pub fn new(app: Arc<App>, origin: Origin, commits: Arc<Commits>) -> Self {
        let own = Arc::new(origin.identity());
        let origin = Arc::new(Mutex::new(Some(origin)));
        Self { app, origin, own, commits, checks: Arc::default(), pace: Pace::default(), guard: None }
    }

    /// Sets the least time from the time of a block to that of the next.
    #[must_use]
    pub fn paced(self, least: Duration) -> Self {
        Self { pace: Pace::new(least), ..self }
    }

    /// Has every block's commit looked at for signatures of this node's own key.
    #[must_use]
    pub(crate) fn guarded(self, guard: Arc<Guard>) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// The verdicts of CheckTx, for those who wait for them.
    pub fn checks(&self) -> Arc<Checks> {
        Arc::clone(&self.checks)
    }

    /// Whether a block lies above the height at which this node halts. Until it ends, its consensus goes on without voting for
    /// such a block, so that peers which are behind get the last one from it.
    fn is_above_halt(&self, height: i64) -> bool {
        u64::try_from(height).is_ok_and(|height| !self.commits.may_execute(height))
    }

    fn start_chain(&self, request: &RequestInitChain) -> Result<ResponseInitChain, Fatal> {
        let named = convert::named_genesis(request).map_err(fatal)?;
        let Some(Origin::Genesis { doc: genesis, hash }) = self.origin.lock().clone() else {
            let height = self.app.info().height;
            return Err(Fatal(format!(
                "CometBFT starts the chain `{}` anew, but this home holds it at height {height}: CometBFT's databases are \
                 missing; put them back, or start in a new home",
                request.chain_id
            )));
        };
        if hash != named || !convert::is_of(request, &genesis).map_err(fatal)? {
            return Err(Fatal(format!(
                "CometBFT starts the chain `{}` with genesis {}, but this node's own genesis is {}: \
                 both must come from the same file",
                request.chain_id,
                hex::encode(named),
                hex::encode(hash)
            )));
        }
        let started = self.app.init_chain(&genesis)?;
        tracing::info!(
            chain = genesis.chain_id,
            genesis = hex::encode(hash),
            "the state of the genesis is there: the chain starts at {}",
            genesis.genesis_time
        );
        Ok(ResponseInitChain {
            consensus_params: None,
            validators: Vec::new(),
            app_hash: Bytes::copy_from_slice(&started.root),
        })
    }

    fn finalize(&self, request: &RequestFinalizeBlock) -> Result<ResponseFinalizeBlock, Fatal> {
        let parts = BlockParts {
            height: request.height,
            time: request.time,
            proposer: &request.proposer_address,
            votes: convert::votes(request.decided_last_commit.as_ref()).map_err(fatal)?,
            misbehavior: &request.misbehavior,
        };
        let block = parts.block().map_err(fatal)?;
        let hash = convert::hash(&request.hash).map_err(fatal)?;
        // CometBFT votes again only after the answer.
        self.guard.as_ref().map_or(Ok(()), |guard| guard.see(&block))?;
        let started = Instant::now();
        let finalized = self.app.finalize(&block, hash, &request.txs)?;
        self.commits.executed(&block, &finalized, started.elapsed());
        if let Some(round) =
            request.decided_last_commit.as_ref().filter(|commit| !commit.votes.is_empty()).map(|commit| commit.round)
        {
            self.commits.metrics().took_rounds(u64::try_from(round).unwrap_or_default().saturating_add(1));
        }
        Ok(convert::finalized(finalized))
    }

    /// Judges whether the proposal may be voted for; the error says why not.
    fn judge(&self, request: &RequestProcessProposal) -> Result<(), String> {
        let words = |error: Malformed| error.to_string();
        let parts = BlockParts {
            height: request.height,
            time: request.time,
            proposer: &request.proposer_address,
            votes: convert::votes(request.proposed_last_commit.as_ref()).map_err(words)?,
            misbehavior: &request.misbehavior,
        };
        let block = parts.block().map_err(words)?;
        let hash = convert::hash(&request.hash).map_err(words)?;
        self.app.process(&block, hash, &request.txs).map_err(|error| error.to_string())
    }

    fn propose(&self, mut request: RequestPrepareProposal) -> Result<Vec<Bytes>, Malformed> {
        let commit = request.local_last_commit.take();
        let votes = convert::extended_votes(commit.as_ref())?;
        let extensions = convert::extensions(commit.as_ref());
        if convert::extension_bytes(commit.as_ref()) > MAX_KEPT_EXTENSIONS {
            // Late precommits bring extensions that nobody has verified. They share the memory of the whole request with
            // the transactions: these are copied out, so that the request can be freed before the block is made.
            request.txs = request.txs.iter().map(|tx| Bytes::copy_from_slice(tx)).collect();
        }
        drop(commit);
        let parts = BlockParts {
            height: request.height,
            time: request.time,
            proposer: &request.proposer_address,
            votes,
            misbehavior: &request.misbehavior,
        };
        let block = parts.block()?;
        let txs = self.app.prepare(&block, request.txs, &extensions, u64::try_from(request.max_tx_bytes).unwrap_or(0));
        self.pace.hold_back(block.info.time);
        Ok(txs)
    }
}

fn fatal(error: Malformed) -> Fatal {
    Fatal(error.to_string())
}

/// Unwinds without an answer: the connection catches the panic, closes, and ends the process.
fn stop(fatal: Fatal) -> ! {
    resume_unwind(Box::new(fatal))
}

/// The name of a request's method, as ABCI has it; `None` for the two that only keep a connection going.
const fn method(request: &request::Value) -> Option<&'static str> {
    use request::Value;
    Some(match request {
        Value::Echo(_) | Value::Flush(_) => return None,
        Value::Info(_) => "Info",
        Value::InitChain(_) => "InitChain",
        Value::Query(_) => "Query",
        Value::CheckTx(_) => "CheckTx",
        Value::Commit(_) => "Commit",
        Value::ListSnapshots(_) => "ListSnapshots",
        Value::OfferSnapshot(_) => "OfferSnapshot",
        Value::LoadSnapshotChunk(_) => "LoadSnapshotChunk",
        Value::ApplySnapshotChunk(_) => "ApplySnapshotChunk",
        Value::PrepareProposal(_) => "PrepareProposal",
        Value::ProcessProposal(_) => "ProcessProposal",
        Value::ExtendVote(_) => "ExtendVote",
        Value::VerifyVoteExtension(_) => "VerifyVoteExtension",
        Value::FinalizeBlock(_) => "FinalizeBlock",
    })
}

/// A height in ABCI's type.
pub(super) fn signed(height: u64) -> i64 {
    i64::try_from(height).unwrap_or(i64::MAX)
}

impl Application for Consensus {
    fn echo(&self, request: RequestEcho) -> ResponseEcho {
        ResponseEcho { message: request.message }
    }

    fn flush(&self) -> ResponseFlush {
        ResponseFlush {}
    }

    fn info(&self, _: RequestInfo) -> ResponseInfo {
        let info = self.app.info();
        let root = if info.height == 0 { Bytes::new() } else { Bytes::copy_from_slice(&info.root) };
        ResponseInfo {
            data: "diem".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            app_version: info.app_version,
            last_block_height: signed(info.height),
            last_block_app_hash: root,
        }
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        self.start_chain(&request).unwrap_or_else(|error| stop(error))
    }

    fn query(&self, request: RequestQuery) -> ResponseQuery {
        queries::answer(&self.app, &request)
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        let result = self.app.check_tx(&request.tx);
        // Nobody waits for the verdict of a recheck, and the transaction was counted at its first check.
        if request.r#type != i32::from(CheckTxType::Recheck) {
            self.checks.tell(&request.tx, &result);
            self.commits.metrics().checked(&result);
        }
        convert::checked(result)
    }

    fn prepare_proposal(&self, request: RequestPrepareProposal) -> ResponsePrepareProposal {
        if self.is_above_halt(request.height) {
            return ResponsePrepareProposal { txs: Vec::new() };
        }
        let txs = self.propose(request).unwrap_or_else(|error| {
            tracing::error!(%error, "an empty block is proposed");
            Vec::new()
        });
        ResponsePrepareProposal { txs }
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
        if self.is_above_halt(request.height) {
            return ResponseProcessProposal { status: ProposalStatus::Reject.into() };
        }
        let status = match self.judge(&request) {
            Ok(()) => ProposalStatus::Accept,
            Err(reason) => {
                tracing::warn!(height = request.height, reason, "a proposal is rejected");
                ProposalStatus::Reject
            }
        };
        ResponseProcessProposal { status: status.into() }
    }

    fn extend_vote(&self, _: RequestExtendVote) -> ResponseExtendVote {
        ResponseExtendVote { vote_extension: self.app.extend_vote().into() }
    }

    fn verify_vote_extension(&self, request: RequestVerifyVoteExtension) -> ResponseVerifyVoteExtension {
        let good = self.app.verify_vote(&request.vote_extension);
        ResponseVerifyVoteExtension { status: if good { VerifyStatus::Accept } else { VerifyStatus::Reject }.into() }
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        self.finalize(&request).unwrap_or_else(|error| stop(error))
    }

    fn commit(&self) -> ResponseCommit {
        let started = Instant::now();
        let rows = self.guard.as_ref().map_or_else(|| Ok(Vec::new()), |guard| guard.rows());
        let committed = rows.and_then(|rows| self.app.commit(rows)).unwrap_or_else(|error| stop(error));
        *self.origin.lock() = None;
        self.commits.committed(&committed, started.elapsed());
        ResponseCommit { retain_height: signed(committed.retain_height) }
    }

    fn list_snapshots(&self) -> ResponseListSnapshots {
        snapshots::list(&self.app)
    }

    fn offer_snapshot(&self, request: RequestOfferSnapshot) -> ResponseOfferSnapshot {
        snapshots::offer(&self.app, &self.own, request)
    }

    fn load_snapshot_chunk(&self, request: RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        snapshots::load_chunk(&self.app, &request)
    }

    fn apply_snapshot_chunk(&self, request: RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        let (answer, restored) = snapshots::apply_chunk(&self.app, request).unwrap_or_else(|error| stop(error));
        if let Some(height) = restored {
            *self.origin.lock() = None;
            self.commits.restored(&self.app, height);
        }
        answer
    }
}

impl Handler for Consensus {
    /// Holds a block above the height at which this node halts, which others have decided: CometBFT has stored it, and the
    /// next start executes it.
    fn holds(&self, request: &Request) -> bool {
        matches!(&request.value, Some(request::Value::FinalizeBlock(block)) if self.is_above_halt(block.height))
    }

    /// Verifies the signatures of new transactions as one batch; the checks that follow find them in the cache.
    fn upcoming(&self, requests: &[Request]) {
        let new = requests.iter().filter_map(|request| match &request.value {
            Some(request::Value::CheckTx(check)) if check.r#type == i32::from(CheckTxType::New) => {
                Some(check.tx.clone())
            }
            _ => None,
        });
        let txs: Vec<Bytes> = new.collect();
        if txs.len() > 1 {
            // The result is dropped, because each check gives its own verdict again.
            let _ = self.app.verify_signatures(&txs);
        }
    }

    fn handle(&self, request: Request) -> Option<Response> {
        use {request::Value as Ask, response::Value as Tell};
        let request = request.value?;
        let (method, started) = (method(&request), Instant::now());
        let value = match request {
            Ask::Echo(request) => Tell::Echo(self.echo(request)),
            Ask::Flush(_) => Tell::Flush(self.flush()),
            Ask::Info(request) => Tell::Info(self.info(request)),
            Ask::InitChain(request) => Tell::InitChain(self.init_chain(request)),
            Ask::Query(request) => Tell::Query(self.query(request)),
            Ask::CheckTx(request) => Tell::CheckTx(self.check_tx(request)),
            Ask::Commit(_) => Tell::Commit(self.commit()),
            Ask::ListSnapshots(_) => Tell::ListSnapshots(self.list_snapshots()),
            Ask::OfferSnapshot(request) => Tell::OfferSnapshot(self.offer_snapshot(request)),
            Ask::LoadSnapshotChunk(request) => Tell::LoadSnapshotChunk(self.load_snapshot_chunk(request)),
            Ask::ApplySnapshotChunk(request) => Tell::ApplySnapshotChunk(self.apply_snapshot_chunk(request)),
            Ask::PrepareProposal(request) => Tell::PrepareProposal(self.prepare_proposal(request)),
            Ask::ProcessProposal(request) => Tell::ProcessProposal(self.process_proposal(request)),
            Ask::ExtendVote(request) => Tell::ExtendVote(self.extend_vote(request)),
            Ask::VerifyVoteExtension(request) => Tell::VerifyVoteExtension(self.verify_vote_extension(request)),
            Ask::FinalizeBlock(request) => Tell::FinalizeBlock(self.finalize_block(request)),
        };
        if let Some(method) = method {
            self.commits.metrics().called(method, started.elapsed());
        }
        Some(Response { value: Some(value) })
    }

    fn idle(&self) {
        self.app.drop_pending();
    }
}
