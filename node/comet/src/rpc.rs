//! A client of CometBFT's JSON-RPC over HTTP on loopback.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, header::CONTENT_TYPE};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// The reason why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RpcError {
    /// Nobody answers, or not in time.
    #[error("CometBFT's RPC does not answer: {0}")]
    Unreachable(String),
    /// The answer is not JSON-RPC.
    #[error("CometBFT's RPC answers something else: {0}")]
    Garbled(String),
    /// CometBFT answers with an error.
    #[error("CometBFT refuses: {0}")]
    Refused(String),
}

/// A client that keeps its connections.
#[derive(Clone)]
pub(super) struct Rpc {
    client: Client<HttpConnector, Full<Bytes>>,
    uri: String,
}

/// One answer to a call or to a request of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    /// The number of the request.
    #[serde(default)]
    pub(super) id: Value,
    result: Option<Value>,
    error: Option<Complaint>,
}

#[derive(Debug, Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl Answer {
    /// Decodes the result of the call.
    pub(super) fn result<T: DeserializeOwned>(self) -> Result<T, RpcError> {
        match (self.error, self.result) {
            (Some(complaint), _) => Err(RpcError::Refused(match complaint.data {
                Value::String(data) if !data.is_empty() => data,
                _ => complaint.message,
            })),
            (None, Some(result)) => {
                serde_json::from_value(result).map_err(|error| RpcError::Garbled(error.to_string()))
            }
            (None, None) => Err(RpcError::Garbled("neither a result nor an error".into())),
        }
    }
}

/// The answers to a batch; CometBFT answers a batch of one with one object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answers {
    Many(Vec<Answer>),
    One(Answer),
}

impl Rpc {
    pub(super) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), uri: format!("http://{address}/") }
    }

    /// Calls one method; the answer may take as long as `patience`, which each caller chooses.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        patience: Duration,
    ) -> Result<T, RpcError> {
        let request = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let text = self.post(request.to_string().into(), patience).await?;
        let answer: Answer = serde_json::from_slice(&text).map_err(|error| RpcError::Garbled(error.to_string()))?;
        answer.result()
    }

    /// Sends a whole batch; the answers come in any order.
    pub(super) async fn batch(&self, body: Bytes, patience: Duration) -> Result<Vec<Answer>, RpcError> {
        let text = self.post(body, patience).await?;
        match serde_json::from_slice(&text).map_err(|error| RpcError::Garbled(error.to_string()))? {
            Answers::Many(answers) => Ok(answers),
            Answers::One(Answer { id: Value::Null, error: Some(complaint), .. }) => {
                Err(RpcError::Refused(complaint.message))
            }
            Answers::One(answer) => Ok(vec![answer]),
        }
    }

    async fn post(&self, body: Bytes, patience: Duration) -> Result<Bytes, RpcError> {
        let unreachable = |error: &dyn std::fmt::Display| RpcError::Unreachable(error.to_string());
        let request = Request::builder()
            .method(Method::POST)
            .uri(&self.uri)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| RpcError::Garbled(error.to_string()))?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| unreachable(&error))?;
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let text = body.collect().await.map_err(|error| unreachable(&error))?;
            Ok(text.to_bytes())
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(RpcError::Unreachable(format!("no answer within {} s", patience.as_secs()))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let answer: Answer = serde_json::from_str(r#"{"jsonrpc":"2.0","id":3,"result":{"a":"1"}}"#).unwrap();
        assert_eq!(answer.id, 3);
        assert_eq!(answer.result::<Value>().unwrap(), json!({"a": "1"}));
        let error =
            r#"{"id":0,"error":{"code":-32603,"message":"Internal error","data":"tx already exists in cache"}}"#;
        let answer: Answer = serde_json::from_str(error).unwrap();
        assert_eq!(answer.result::<Value>(), Err(RpcError::Refused("tx already exists in cache".into())));
        let answer: Answer = serde_json::from_str("{}").unwrap();
        assert!(matches!(answer.result::<Value>(), Err(RpcError::Garbled(_))));
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let error = Rpc::new(address).call::<Value>("status", json!({}), Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, RpcError::Unreachable(_)), "{error}");
    }
}
