//! A server of headers for CometBFT's light client, on loopback, made from the HTTP API of one node.
//!
//! A node that joins by a snapshot verifies the root of the snapshot's height with CometBFT's own light client. That
//! speaks to the RPC of two nodes or more, which here nobody opens to others. So each URL that the operator has named
//! gets a small server of its own, which answers the four questions of that client. Nothing that it says is believed:
//! the light client checks headers by the signatures of validators that it trusts, and compares the servers.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use diem_api::LightBlock;
use parking_lot::Mutex;
use prost::Message as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tendermint_proto::v0_38::types::SignedHeader as RawSignedHeader;
use tokio::{net::TcpListener, task::JoinHandle};

use super::nodes::{Nodes, Unshown};

/// The number of blocks that are kept: one is asked for its header and then for its validators, page by page.
const KEPT: usize = 16;
/// The most validators of a page, as CometBFT has it.
const MAX_PAGE: usize = 100;

/// A running server. It ends when this is dropped.
pub(crate) struct LightServer {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for LightServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Proof that the chain's validators have signed two headers of one height, as a sentence; empty until there is any.
pub(crate) type Fork = Arc<OnceLock<String>>;

struct Shared {
    nodes: Nodes,
    fork: Fork,
    /// The parameters of consensus as CometBFT's JSON has them, from the verified genesis.
    params: Value,
    kept: Mutex<BTreeMap<u64, Arc<LightBlock>>>,
}

/// A request of JSON-RPC. CometBFT's client writes numbers as text, others as numbers.
#[derive(Deserialize)]
struct Request {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

/// Why a question has no answer, in the words by which CometBFT's client knows what to do.
enum Refusal {
    TooHigh { asked: u64, latest: u64 },
    NotThere(u64),
    Unknown(String),
    Other(String),
}

impl Refusal {
    fn json(&self) -> Value {
        let (code, data) = match self {
            Self::TooHigh { asked, latest } => {
                (-32603, format!("height {asked} must be less than or equal to the current blockchain height {latest}"))
            }
            Self::NotThere(height) => (-32603, format!("height {height} is not available")),
            Self::Unknown(method) => (-32601, format!("there is no method {method}")),
            Self::Other(reason) => (-32603, reason.clone()),
        };
        json!({ "code": code, "message": "Internal error", "data": data })
    }
}

impl LightServer {
    /// Serves what the nodes show; `params` are the chain's parameters of consensus in CometBFT's JSON. Where the light
    /// client proves that the chain is forked, `fork` says so.
    ///
    /// # Errors
    /// The system gives no port.
    pub(crate) async fn start(nodes: Nodes, params: Value, fork: Fork) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { nodes, fork, params, kept: Mutex::default() });
        let router = Router::new().route("/", post(answer)).with_state(shared);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "a server of headers for CometBFT has ended");
            }
        });
        Ok(Self { address, task })
    }
}

async fn answer(State(shared): State<Arc<Shared>>, Json(request): Json<Request>) -> Json<Value> {
    let Request { id, method, params } = request;
    let result = match method.as_str() {
        "commit" => shared.commit(number(&params, "height")).await,
        "validators" => {
            let page = |name: &str| number(&params, name).and_then(|number| usize::try_from(number).ok());
            shared.validators(number(&params, "height"), page("page"), page("per_page")).await
        }
        "consensus_params" => shared.consensus_params(number(&params, "height")).await,
        "broadcast_evidence" => Ok(shared.evidence(&params).await),
        other => Err(Refusal::Unknown(other.into())),
    };
    Json(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(refusal) => json!({ "jsonrpc": "2.0", "id": id, "error": refusal.json() }),
    })
}

/// A number among the parameters; 0 and nothing mean the newest.
fn number(params: &Value, name: &str) -> Option<u64> {
    let value = params.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|number| *number > 0)
}

impl Shared {
    async fn latest(&self) -> Result<u64, Refusal> {
        self.nodes.latest().await.map_err(Refusal::Other)
    }

    async fn block(&self, height: Option<u64>) -> Result<Arc<LightBlock>, Refusal> {
        let height = match height {
            Some(height) => height,
            None => self.latest().await?,
        };
        if let Some(block) = self.kept.lock().get(&height) {
            return Ok(Arc::clone(block));
        }
        let block = match self.nodes.block(height).await {
            Ok(block) => Arc::new(block),
            Err(Unshown::NotThere) => {
                let latest = self.latest().await?;
                return Err(if height > latest {
                    Refusal::TooHigh { asked: height, latest }
                } else {
                    Refusal::NotThere(height)
                });
            }
            Err(Unshown::Because(reason)) => return Err(Refusal::Other(reason)),
        };
        let mut kept = self.kept.lock();
        kept.insert(height, Arc::clone(&block));
        while kept.len() > KEPT {
            kept.pop_first();
        }
        Ok(block)
    }

    async fn commit(&self, height: Option<u64>) -> Result<Value, Refusal> {
        let block = self.block(height).await?;
        let header = RawSignedHeader::decode(block.signed_header.0.as_slice()).map_err(|error| {
            Refusal::Other(format!("the header of height {} does not decode: {error}", block.height))
        })?;
        Ok(json!({ "signed_header": header, "canonical": true }))
    }

    async fn validators(
        &self,
        height: Option<u64>,
        page: Option<usize>,
        per_page: Option<usize>,
    ) -> Result<Value, Refusal> {
        let block = self.block(height).await?;
        let per_page = per_page.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let first = page.unwrap_or(1).saturating_sub(1).saturating_mul(per_page);
        let listed: Vec<Value> = block
            .validators
            .iter()
            .skip(first)
            .take(per_page)
            .map(|validator| {
                json!({
                    "address": hex::encode_upper(&validator.address.0),
                    "pub_key": { "type": "tendermint/PubKeyEd25519", "value": BASE64.encode(validator.public_key.0) },
                    "voting_power": validator.power.to_string(),
                    "proposer_priority": validator.proposer_priority.to_string(),
                })
            })
            .collect();
        Ok(json!({
            "block_height": block.height.to_string(),
            "count": listed.len().to_string(),
            "total": block.validators.len().to_string(),
            "validators": listed,
        }))
    }

    async fn consensus_params(&self, height: Option<u64>) -> Result<Value, Refusal> {
        let block = self.block(height).await?;
        Ok(json!({ "block_height": block.height.to_string(), "consensus_params": self.params }))
    }

    /// CometBFT's light client has found two servers with different headers of one height, both of which validators have
    /// signed that it trusts. Nobody but the operator can say which chain is meant.
    async fn evidence(&self, params: &Value) -> Value {
        const HEIGHT: &str = "/evidence/value/ConflictingBlock/signed_header/header/height";
        let height = params.pointer(HEIGHT).and_then(Value::as_str).and_then(|height| height.parse().ok());
        let shown = self.nodes.compared(height.unwrap_or_default()).await;
        let height = height.map_or_else(|| "one height".into(), |height: u64| format!("block {height}"));
        // The first proof stays: the client sends one to each server.
        let _ = self.fork.set(format!(
            "the chain's validators have signed different headers of {height} ({shown}): ask a source that you trust which \
             one is right, and join by nodes of that chain, with --trust HEIGHT:HASH"
        ));
        json!({ "hash": "" })
    }
}
