//! The answer to one question of JSON-RPC.

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    Lie,
    json::{error, small},
    lie::position_of_block,
    orders::Lies,
    proxy::Shared,
    upstream::{Stop, UpstreamError},
    view::{Head, Place},
};

/// All that the answer to one question depends on.
pub(crate) struct Teller<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) victim: &'a str,
    pub(crate) lies: Lies,
    /// The newest block, once it was looked for.
    pub(crate) head: OnceCell<Head>,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(shared: &'a Shared, victim: &'a str, lies: Lies) -> Self {
        Self { shared, victim, lies, head: OnceCell::new() }
    }

    /// The whole answer to a question, `null` to what is none.
    ///
    /// # Errors
    /// The upstream gave no answer.
    pub(crate) async fn answer(&self, question: &Value) -> Result<Value, UpstreamError> {
        let method = question["method"].as_str().unwrap_or_default();
        let params = question["params"].as_array().cloned().unwrap_or_default();
        let mut answer = match self.result(method, params).await {
            Ok(result) => json!({"jsonrpc": "2.0", "id": question["id"], "result": result}),
            Err(Stop::Refused(error)) => json!({"jsonrpc": "2.0", "id": question["id"], "error": error}),
            Err(Stop::Upstream(error)) => return Err(error),
        };
        if self.lies.any(|lie| *lie == Lie::OtherId) && self.holds_now(&Lie::OtherId).await? {
            self.told(&Lie::OtherId);
            answer["id"] = match &question["id"] {
                Value::Number(id) => json!(id.as_u64().unwrap_or_default().wrapping_add(1)),
                other => json!(format!("not {other}")),
            };
        }
        Ok(answer)
    }

    async fn result(&self, method: &str, params: Vec<Value>) -> Result<Value, Stop> {
        if self.lies.any(|lie| *lie == Lie::InternalError) && self.holds_now(&Lie::InternalError).await? {
            self.told(&Lie::InternalError);
            return Err(Stop::Refused(error(-32_603, "internal error")));
        }
        match method {
            "eth_chainId" | "net_version" => self.chain_id(method, &params).await,
            "eth_blockNumber" => Ok(small(self.head().await?.shown)),
            "eth_getBlockByNumber" => self.block_by_number(params).await,
            "eth_getBlockByHash" => self.block_by_hash(params).await,
            "eth_getProof" => self.proof(params).await,
            "eth_getStorageAt" => self.storage_at(params).await,
            "eth_getLogs" => self.logs(params).await,
            "eth_getTransactionReceipt" => self.receipt(&params).await,
            _ => self.other(method, params).await,
        }
    }

    /// The chain id, or the same number as the network's.
    async fn chain_id(&self, method: &str, params: &[Value]) -> Result<Value, Stop> {
        if self.lies.any(|lie| matches!(lie, Lie::WrongChainId(_))) {
            let now = self.real_head().await?;
            if let Some((lie, id)) = self.lies.about(now).find_map(|lie| match lie {
                Lie::WrongChainId(id) => Some((lie, *id)),
                _ => None,
            }) {
                self.told(lie);
                return Ok(if method == "eth_chainId" { small(id) } else { json!(id.to_string()) });
            }
        }
        self.shared.upstream.ask(method, params).await
    }

    /// A receipt; there is none yet in a block that the victim is not to know.
    async fn receipt(&self, params: &[Value]) -> Result<Value, Stop> {
        let receipt = self.shared.upstream.ask("eth_getTransactionReceipt", params).await?;
        match crate::json::number(&receipt["blockNumber"]) {
            Some(number) if self.is_hidden(number).await? => Ok(Value::Null),
            _ => Ok(receipt),
        }
    }

    /// Any other question. If it names a block, that is the one that the victim is to see there.
    async fn other(&self, method: &str, mut params: Vec<Value>) -> Result<Value, Stop> {
        if let Some(position) = position_of_block(method) {
            let place = self.resolve(params.get(position)).await?;
            self.refuse_hidden(&place).await?;
            put(&mut params, position, &place);
        }
        self.shared.upstream.ask(method, &params).await
    }

    /// Refuses a question about the state of a block that the victim is not to know.
    pub(crate) async fn refuse_hidden(&self, place: &Place) -> Result<(), Stop> {
        match place {
            Place::Number(number) if self.is_hidden(*number).await? => {
                Err(Stop::Refused(error(-32_000, "header not found")))
            }
            _ => Ok(()),
        }
    }

    /// Whether a lie that concerns no block holds.
    async fn holds_now(&self, lie: &Lie) -> Result<bool, UpstreamError> {
        if !self.lies.depend_on_block() {
            return Ok(true);
        }
        match self.real_head().await {
            Ok(now) => Ok(self.lies.about(now).any(|other| other == lie)),
            Err(Stop::Upstream(error)) => Err(error),
            Err(Stop::Refused(_)) => Ok(false),
        }
    }

    /// Counts that a lie changed this answer.
    pub(crate) fn told(&self, lie: &Lie) {
        self.shared.counts.lock().count_lie(lie.name());
    }
}

/// Puts a block where a method takes it, if the parameters before it are there.
pub(crate) fn put(params: &mut Vec<Value>, position: usize, place: &Place) {
    let Some(block) = place.parameter() else { return };
    if let Some(parameter) = params.get_mut(position) {
        *parameter = block;
    } else if params.len() == position {
        params.push(block);
    }
}
