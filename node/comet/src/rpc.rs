//! A client of CometBFT's JSON-RPC over HTTP on loopback.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

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
/// The time for which an unused connection is kept: shorter than CometBFT keeps it (10 s), so that no call is sent on one
/// that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest wait for somebody who takes a connection; a call waits for half of its patience at most. CometBFT is started
/// anew within it, which a node does when it begins to sign. Nothing was sent yet, so that no call is made twice.
const RECONNECT: Duration = Duration::from_secs(3);
/// The pause between two tries to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// The reason why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RpcError {
    /// Nobody answers.
    #[error("CometBFT's RPC does not answer: {0}")]
    Unreachable(String),
    /// There is no answer within this time, and nobody refuses the connection: CometBFT hangs, or is busy.
    #[error("CometBFT's RPC does not answer: no answer within {} s", .0.as_secs())]
    Silent(Duration),
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
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector);
        Self { client, uri: format!("http://{address}/") }
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
        match tokio::time::timeout(patience, self.exchange(body, RECONNECT.min(patience.mul_f32(0.5)))).await {
            Ok(answer) => answer,
            Err(_) => Err(RpcError::Silent(patience)),
        }
    }

    /// Sends one request; a connection that is refused is tried again for as long as `reconnect`.
    async fn exchange(&self, body: Bytes, reconnect: Duration) -> Result<Bytes, RpcError> {
        let begun = Instant::now();
        let response = loop {
            let request = Request::builder()
                .method(Method::POST)
                .uri(&self.uri)
                .header(CONTENT_TYPE, "application/json")
                .body(Full::new(body.clone()))
                .map_err(|error| RpcError::Garbled(error.to_string()))?;
            match self.client.request(request).await {
                Ok(response) => break response,
                Err(error) if error.is_connect() && begun.elapsed() < reconnect => {
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                }
                Err(error) => return Err(unreachable(&error)),
            }
        };
        let body = Limited::new(response.into_body(), MAX_ANSWER);
        let text = body.collect().await.map_err(|error| unreachable(error.as_ref()))?;
        Ok(text.to_bytes())
    }
}

/// The error with the cause that lies deepest, since the outer ones only say which step failed.
fn unreachable(error: &dyn std::error::Error) -> RpcError {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    RpcError::Unreachable(cause.to_string())
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
        // The port is bound, so that nobody else takes it, and nobody listens.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = Rpc::new(socket.local_addr().unwrap())
            .call::<Value>("status", json!({}), Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(matches!(error, RpcError::Unreachable(_)), "{error}");
        assert!(error.to_string().contains("refused"), "the deepest cause is said: {error}");
    }

    /// A node starts CometBFT anew when it begins to sign; whoever asks just then is answered by the new one.
    #[tokio::test]
    async fn a_call_waits_for_a_server_that_is_started_anew() {
        use tokio::{
            io::{AsyncReadExt as _, AsyncWriteExt as _},
            net::TcpSocket,
        };

        // The port is bound from the beginning, so that nobody else takes it; connections are refused until it listens.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let rpc = Rpc::new(socket.local_addr().unwrap());
        let server = tokio::spawn(async move {
            tokio::time::sleep(RECONNECT_PAUSE * 4).await;
            let (mut stream, _) = socket.listen(1).unwrap().accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let body = r#"{"id":0,"result":1}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        assert_eq!(rpc.call::<Value>("status", json!({}), Duration::from_secs(60)).await.unwrap(), 1);
        server.await.unwrap();
    }

    /// CometBFT closes a connection that was not used for 10 s; a call that comes just then must not get lost.
    #[tokio::test]
    async fn a_connection_that_was_not_used_for_long_is_not_used_again() {
        use tokio::{
            io::{AsyncReadExt as _, AsyncWriteExt as _},
            net::TcpListener,
        };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rpc = Rpc::new(listener.local_addr().unwrap());
        // Each connection answers one request and is closed when the next one comes, without an answer to it.
        let server = tokio::spawn(async move {
            let mut connections = 0;
            while connections < 2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                connections += 1;
                tokio::spawn(async move {
                    let mut request = [0; 1024];
                    let _ = stream.read(&mut request).await;
                    let body = r#"{"id":0,"result":1}"#;
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    let _ = stream.read(&mut request).await;
                });
            }
        });
        let call = || rpc.call::<Value>("status", json!({}), Duration::from_secs(60));
        assert_eq!(call().await.unwrap(), 1);
        tokio::time::sleep(IDLE_TIMEOUT + Duration::from_millis(100)).await;
        assert_eq!(call().await.unwrap(), 1);
        server.await.unwrap();
    }
}
