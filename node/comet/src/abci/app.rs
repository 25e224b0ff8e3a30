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

use borsh::BorshDeserialize as _;
use bytes::Bytes;
use diem_core::{Fatal, StateRead as _};
use diem_engine::{Commits, origin::Origin};
use diem_runtime::{App, QueryError};
use diem_types::Query;
use parking_lot::Mutex;
use prost_ics23::Message as _;
use tendermint_abci::Application;
use tendermint_proto::v0_38::{
    abci::{
        CheckTxType, Request, RequestApplySnapshotChunk, RequestCheckTx, RequestEcho, RequestExtendVote,
        RequestFinalizeBlock, RequestInfo, RequestInitChain, RequestLoadSnapshotChunk, RequestOfferSnapshot,
        RequestPrepareProposal, RequestProcessProposal, RequestQuery, RequestVerifyVoteExtension, Response,
        ResponseApplySnapshotChunk, ResponseCheckTx, ResponseCommit, ResponseEcho, ResponseExtendVote,
        ResponseFinalizeBlock, ResponseFlush, ResponseInfo, ResponseInitChain, ResponseListSnapshots,
        ResponseLoadSnapshotChunk, ResponseOfferSnapshot, ResponsePrepareProposal, ResponseProcessProposal,
        ResponseQuery, ResponseVerifyVoteExtension, request, response, response_apply_snapshot_chunk,
        response_offer_snapshot, response_process_proposal::ProposalStatus,
        response_verify_vote_extension::VerifyStatus,
    },
    crypto::{ProofOp, ProofOps},
};

use super::{
    checks::Checks,
    convert::{self, BlockParts, Malformed},
    pace::Pace,
    server::Handler,
};

/// The kind of proof in the answer to a query of `/store`: one ICS23 commitment proof.
pub const PROOF_TYPE: &str = "ics23:diem";
/// The most bytes of vote extensions that stay in memory while a proposal is made.
const MAX_KEPT_EXTENSIONS: usize = 1024 * 1024;
/// The codespace of queries that are refused here.
const CODESPACE: &str = "abci";

/// The application on one connection of CometBFT.
#[derive(Clone)]
pub struct Consensus {
    app: Arc<App>,
    /// The origin is dropped at the first commit, because nobody needs it afterwards.
    origin: Arc<Mutex<Option<Origin>>>,
    commits: Arc<Commits>,
    checks: Arc<Checks>,
    pace: Pace,
}

impl Consensus {
    /// Serves `app`; `origin` is the node's own, and a chain that starts otherwise is refused. Blocks are reported to
    /// `commits`.
    pub fn new(app: Arc<App>, origin: Origin, commits: Arc<Commits>) -> Self {
        let origin = Arc::new(Mutex::new(Some(origin)));
        Self { app, origin, commits, checks: Arc::default(), pace: Pace::default() }
    }

    /// Sets the least time from the time of a block to that of the next.
    #[must_use]
    pub fn paced(self, least: Duration) -> Self {
        Self { pace: Pace::new(least), ..self }
    }

    /// The verdicts of CheckTx, for those who wait for them.
    pub fn checks(&self) -> Arc<Checks> {
        Arc::clone(&self.checks)
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
        let started = Instant::now();
        let finalized = self.app.finalize(&block, hash, &request.txs)?;
        self.commits.executed(&finalized.results, started.elapsed());
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

    /// Reads one row, on request with a proof under the app hash of the header after `height`.
    fn row(&self, request: &RequestQuery, height: Option<u64>) -> Result<ResponseQuery, Refusal> {
        let snapshot = match height {
            None if request.prove => self.app.provable(),
            height => self.app.snapshot(height).map_err(|error| Refusal::here(3, error.to_string()))?,
        };
        let (value, proof_ops) = if request.prove {
            let (value, proof) = snapshot.prove(&request.data);
            let op = ProofOp { r#type: PROOF_TYPE.into(), key: request.data.to_vec(), data: proof.encode_to_vec() };
            (value, Some(ProofOps { ops: vec![op] }))
        } else {
            (snapshot.get(&request.data), None)
        };
        Ok(ResponseQuery {
            key: request.data.clone(),
            value: value.map(|value| Bytes::copy_from_slice(&value)).unwrap_or_default(),
            proof_ops,
            height: signed(snapshot.height()),
            ..ResponseQuery::default()
        })
    }

    /// Answers a module query that is encoded as borsh.
    fn question(&self, request: &RequestQuery, height: Option<u64>) -> Result<ResponseQuery, Refusal> {
        let query = Query::try_from_slice(&request.data)
            .map_err(|error| Refusal::here(2, format!("the data is no borsh-encoded query: {error}")))?;
        let answered = self.app.query(query, height).map_err(|error| match error {
            QueryError::Height(error) => Refusal::here(3, error.to_string()),
            QueryError::Call(error) => {
                Refusal { codespace: error.codespace.into(), code: error.code, log: error.message }
            }
        })?;
        let value = borsh::to_vec(&answered.answer)
            .map_err(|error| Refusal::here(4, format!("the answer cannot be encoded: {error}")))?;
        Ok(ResponseQuery { value: value.into(), height: signed(answered.height), ..ResponseQuery::default() })
    }

    fn ask(&self, request: &RequestQuery) -> Result<ResponseQuery, Refusal> {
        let height = match u64::try_from(request.height) {
            Ok(0) => None,
            Ok(height) => Some(height),
            Err(_) => return Err(Refusal::here(3, format!("there is no height {}", request.height))),
        };
        match request.path.as_str() {
            "/store" => self.row(request, height),
            "/query" => self.question(request, height),
            other => Err(Refusal::here(1, format!("there is no path `{other}`: ask /store or /query"))),
        }
    }
}

/// A query that is refused, with its error code.
struct Refusal {
    codespace: String,
    code: u32,
    log: String,
}

impl Refusal {
    fn here(code: u32, log: String) -> Self {
        Self { codespace: CODESPACE.into(), code, log }
    }
}

fn fatal(error: Malformed) -> Fatal {
    Fatal(error.to_string())
}

/// Unwinds without an answer: the connection catches the panic, closes, and ends the process.
fn stop(fatal: Fatal) -> ! {
    resume_unwind(Box::new(fatal))
}

fn signed(height: u64) -> i64 {
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
        self.ask(&request).unwrap_or_else(|refusal| ResponseQuery {
            code: refusal.code,
            log: refusal.log,
            codespace: refusal.codespace,
            ..ResponseQuery::default()
        })
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
        let txs = self.propose(request).unwrap_or_else(|error| {
            tracing::error!(%error, "an empty block is proposed");
            Vec::new()
        });
        ResponsePrepareProposal { txs }
    }

    fn process_proposal(&self, request: RequestProcessProposal) -> ResponseProcessProposal {
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
        let committed = self.app.commit(Vec::new()).unwrap_or_else(|error| stop(error));
        *self.origin.lock() = None;
        self.commits.committed(&committed, started.elapsed());
        ResponseCommit { retain_height: signed(committed.retain_height) }
    }

    /// The list is empty, because this version takes no snapshots.
    fn list_snapshots(&self) -> ResponseListSnapshots {
        ResponseListSnapshots { snapshots: Vec::new() }
    }

    fn offer_snapshot(&self, _: RequestOfferSnapshot) -> ResponseOfferSnapshot {
        ResponseOfferSnapshot { result: response_offer_snapshot::Result::Reject.into() }
    }

    fn load_snapshot_chunk(&self, _: RequestLoadSnapshotChunk) -> ResponseLoadSnapshotChunk {
        ResponseLoadSnapshotChunk { chunk: Bytes::new() }
    }

    fn apply_snapshot_chunk(&self, _: RequestApplySnapshotChunk) -> ResponseApplySnapshotChunk {
        ResponseApplySnapshotChunk {
            result: response_apply_snapshot_chunk::Result::Abort.into(),
            refetch_chunks: Vec::new(),
            reject_senders: Vec::new(),
        }
    }
}

impl Handler for Consensus {
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
        let value = match request.value? {
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
        Some(Response { value: Some(value) })
    }

    fn idle(&self) {
        self.app.drop_pending();
    }
}
