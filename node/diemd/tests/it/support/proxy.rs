//! A proxy between a wallet and its node: it passes everything on, changes what it wants, and keeps what is sent.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use diem_types::Signed;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// The change that it makes to the answers of a path.
type Change = Arc<dyn Fn(&str, &mut Value) + Send + Sync>;

/// A proxy on loopback, which ends when dropped.
pub struct Proxy {
    pub url: String,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
}

struct Shared {
    node: String,
    change: Change,
    keeps: AtomicBool,
    sent: Mutex<Vec<Vec<u8>>>,
    http: reqwest::Client,
}

impl Proxy {
    /// Starts a proxy before the node at `node` that changes its JSON with `change`, which gets the path.
    pub async fn before(node: &str, change: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Self {
        // A client of ours chooses the cryptography that any other one then uses.
        diem_client::Client::new(node).unwrap();
        let shared = Arc::new(Shared {
            node: node.into(),
            change: Arc::new(change),
            keeps: AtomicBool::new(false),
            sent: Mutex::default(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = Arc::clone(&shared);
        let answer = move |request: Request| {
            let shared = Arc::clone(&answering);
            async move { shared.answer(request).await }
        };
        let server = tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
        Self { url, shared, server }
    }

    /// Starts a proxy that keeps every transaction, says that its nonce is taken, and counts what it keeps as waiting.
    pub async fn that_keeps_payments(node: &str) -> Self {
        Self::that_keeps_payments_and(node, |_, _| {}).await
    }

    /// Starts a proxy as [`Self::that_keeps_payments`] does, which changes answers besides.
    pub async fn that_keeps_payments_and(
        node: &str,
        change: impl Fn(&str, &mut Value) + Send + Sync + 'static,
    ) -> Self {
        let proxy = Self::before(node, change).await;
        proxy.shared.keeps.store(true, Ordering::SeqCst);
        proxy
    }

    /// The different transactions that were sent through it, in order.
    pub fn sent(&self) -> Vec<Signed> {
        let mut sent: Vec<Signed> = Vec::new();
        for bytes in self.shared.sent.lock().unwrap().iter() {
            let signed = Signed::decode(bytes).unwrap();
            if !sent.iter().any(|known| known.hash == signed.hash) {
                sent.push(signed);
            }
        }
        sent
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    async fn answer(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let path = head.uri.path().to_owned();
        if path == "/v1/tx" {
            self.sent.lock().unwrap().push(body.to_vec());
            if self.keeps.load(Ordering::SeqCst) {
                return taken(&body);
            }
        }
        let mut forward = self.http.request(head.method, format!("{}{}", self.node, head.uri)).body(body);
        if let Some(kind) = head.headers.get(CONTENT_TYPE) {
            forward = forward.header(CONTENT_TYPE, kind);
        }
        let answer = forward.send().await.unwrap();
        let status = answer.status();
        let mut json: Value = answer.json().await.unwrap();
        if self.keeps.load(Ordering::SeqCst) && path.starts_with("/v1/accounts/") && json.get("nonce").is_some() {
            let kept = self.sent.lock().unwrap().len() as u64;
            json["next_nonce"] = (json["nonce"].as_u64().unwrap() + kept).into();
        }
        (self.change)(&path, &mut json);
        (status, axum::Json(json)).into_response()
    }
}

fn taken(tx: &Bytes) -> Response {
    let nonce = Signed::decode(tx).unwrap().tx.nonce;
    let message = format!("a transaction of this sender with nonce {nonce} is waiting already");
    let error = json!({ "codespace": "chain", "code": 15, "name": "nonce_taken", "message": message, "retry": true });
    (StatusCode::CONFLICT, axum::Json(json!({ "error": error }))).into_response()
}
