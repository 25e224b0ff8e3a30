//! The client of one node: its connections, and the requests about the chain, accounts and transactions.

use std::{fmt::Write as _, net::IpAddr, sync::Arc, time::Duration};

use diem_api::{
    Account, Batch, Block, BlockId, BlockSummary, Clock, ErrorBody, ErrorLine, ErrorReply, Hash, LightBlock, List,
    Page, Proof, Ready, Status, Submitted, TX_MEDIA_TYPE, TXS_MEDIA_TYPE, Transaction, Wait,
};
use diem_core::{Address, Time, encoding::HexBytes, tx::tx_hash};
use diem_types::GenesisDoc;
use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use serde::de::DeserializeOwned;

use crate::{
    guard::{Guard, KnownChain},
    memory::Memory,
};

/// The time for which the client looks for the node.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for which an unused connection is kept: shorter than a node keeps it (10 s), so that none is used while it
/// is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for which it waits for an answer that needs no waiting for blocks.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be one of a node.
    #[error("`{0}` is not the URL of a node: write it as http://127.0.0.1:1317")]
    Url(String),
    /// Whom an https URL leads to cannot be checked on this machine.
    #[error(
        "`{url}` is an https URL, and whom it leads to cannot be checked here ({reason}): install the certificates of \
         the authorities (often the package ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Certificates {
        /// The URL that was given.
        url: String,
        /// The reason that the library gives.
        reason: String,
    },
    /// Nobody listens there; nothing was sent.
    #[error(
        "no node answers at {url} ({reason}): start the node (`diemd start`, `systemctl start diemd`), or name another one \
         with `--node URL`; `diemd devnet` starts a local chain"
    )]
    Unreachable {
        /// The URL of the node.
        url: String,
        /// The reason that the system gives.
        reason: String,
    },
    /// The request was sent and no answer came: what it asked for may have happened.
    #[error("the node at {url} did not answer ({reason})")]
    Lost {
        /// The URL of the node.
        url: String,
        /// The reason that the system gives.
        reason: String,
    },
    /// The node refused the request.
    #[error("{error}")]
    Refused {
        /// The HTTP status of the answer.
        status: u16,
        /// The error that the node answered.
        error: ErrorBody,
    },
    /// An answer that no node gives.
    #[error("{url} answers, but not as a node of this version does: {reason}")]
    NotANode {
        /// The URL of the node.
        url: String,
        /// The fault of the answer.
        reason: String,
    },
}

impl ClientError {
    /// The node's error, if it was the node that refused.
    pub const fn refusal(&self) -> Option<&ErrorBody> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// The longest answer that is read, in bytes: a page of the largest transactions has fewer. Whoever sends more is no node, and
/// would fill the memory of whoever asks.
const MAX_ANSWER_BYTES: usize = 64 << 20;
/// The longest genesis that is read, in bytes: that of some million accounts.
const MAX_GENESIS_BYTES: usize = 1 << 30;

/// A client of one node. It is cheap to clone, and its clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    pub(crate) guard: Guard,
    pub(crate) memory: Arc<Memory>,
}

impl Client {
    /// A client of the node at `url`, such as `http://127.0.0.1:1317`. It connects only when it is asked something. To
    /// a host of this machine it connects itself, whatever proxy the environment names.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Certificates`] for an https URL on a machine without any.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::Url(url.into());
        let parsed = reqwest::Url::parse(url).map_err(|_| bad())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(bad());
        }
        // Whoever came first has chosen already; both choices work.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).pool_idle_timeout(IDLE_TIMEOUT);
        // A node sends nobody elsewhere. Whoever stands in between and does could keep a transaction and let the
        // request end at an address that refuses it, as if nothing had left this machine.
        http = http.redirect(reqwest::redirect::Policy::none());
        if parsed.host_str().is_some_and(is_loopback) {
            http = http.no_proxy();
        }
        if parsed.scheme() == "http" {
            // Nothing is encrypted, so a machine without certificates of authorities does as well.
            http = http.tls_certs_only([]);
        }
        let no_certificates =
            |error: reqwest::Error| ClientError::Certificates { url: url.into(), reason: root_cause(&error) };
        let http = http.build().map_err(no_certificates)?;
        // Pages and answers name paths with /v1, so that it is easily taken for a part of the URL.
        let base = url.trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        Ok(Self { base: base.into(), http, guard: Guard::default(), memory: Arc::default() })
    }

    /// The client with another guard, which bounds what it pays without being told.
    #[must_use]
    pub const fn guarded(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// The client for this chain only, as it was first seen. It remembers nothing else yet.
    #[must_use]
    pub fn knowing(mut self, chain: KnownChain) -> Self {
        self.memory = Arc::new(Memory::of(chain));
        self
    }

    /// The node's URL, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Asks `GET /v1/status`.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status").await
    }

    /// `GET /v1/clock`: when the next block would be.
    pub async fn clock(&self) -> Result<Clock, ClientError> {
        self.get("/v1/clock").await
    }

    /// `GET /v1/light/{height}`, which [`crate::verify::Trust::advance`] checks.
    pub async fn light_block(&self, height: u64) -> Result<LightBlock, ClientError> {
        self.get(&format!("/v1/light/{height}")).await
    }

    /// `GET /v1/genesis`. The answer is only as good as the node: compare its hash with one that you trust.
    pub async fn genesis(&self) -> Result<GenesisDoc, ClientError> {
        let body = self.accepted_up_to(self.request(Method::GET, "/v1/genesis"), MAX_GENESIS_BYTES).await?;
        self.decode(&body)
    }

    /// Asks `GET /v1/errors`.
    pub async fn errors(&self) -> Result<Vec<ErrorLine>, ClientError> {
        let table: Page<ErrorLine> = self.get("/v1/errors").await?;
        Ok(table.items)
    }

    /// `GET /v1/accounts/{address}`, at `height` or at the end of the chain, on request with a proof, which
    /// [`crate::verify::Trust::verify_account`] checks.
    pub async fn account(&self, address: &Address, height: Option<u64>, prove: bool) -> Result<Account, ClientError> {
        let mut path = format!("/v1/accounts/{address}");
        let mut query = Query(&mut path, '?');
        query.add("height", height);
        query.add("prove", prove.then_some(true));
        self.get(&path).await
    }

    /// `GET /v1/proof/{key}`: any row of state, or its absence, with a proof.
    pub async fn proof(&self, key: &[u8], height: Option<u64>) -> Result<Proof, ClientError> {
        let mut path = format!("/v1/proof/{}", HexBytes(key.into()));
        Query(&mut path, '?').add("height", height);
        self.get(&path).await
    }

    /// Asks `GET /v1/tx/{hash}`.
    pub async fn transaction(&self, hash: &Hash) -> Result<Transaction, ClientError> {
        self.get(&format!("/v1/tx/{hash}")).await
    }

    /// `GET /v1/blocks/{height|hash|latest}`, with a page of its transactions: the first, or the one behind `after`.
    pub async fn block(&self, block: BlockId, after: Option<&str>) -> Result<Block, ClientError> {
        let mut path = format!("/v1/blocks/{block}");
        Query(&mut path, '?').add("after", after);
        self.get(&path).await
    }

    /// `GET /v1/blocks`: a page of at most `limit` blocks, the newest first; the first, or the one behind `after`.
    pub async fn blocks(&self, after: Option<&str>, limit: u32) -> Result<List<BlockSummary>, ClientError> {
        let mut path = format!("/v1/blocks?limit={limit}");
        Query(&mut path, '&').add("after", after);
        self.get(&path).await
    }

    /// The time of the node's own clock, to a second, as HTTP has it in every answer.
    ///
    /// # Errors
    /// The node does not answer, or names no time.
    pub async fn date(&self) -> Result<Time, ClientError> {
        let answer = self.request(Method::GET, "/healthz").send().await.map_err(|e| self.no_answer(&e))?;
        let date = answer.headers().get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        let since = since.ok_or_else(|| self.not_a_node("its answer has no date".into()))?;
        Ok(Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
    }

    /// `GET /readyz`: whether the node can serve, and if not why.
    pub async fn ready(&self) -> Result<Ready, ClientError> {
        let (_, body) = self.answer(self.request(Method::GET, "/readyz"), MAX_ANSWER_BYTES).await?;
        self.decode(&body)
    }

    /// `GET` of a monitoring route, `/healthz` or `/readyz`: whether its status is one of success, and its body, with at most
    /// `patience` for all of it. The node is asked as `localhost`, the name that it has over loopback whatever its address
    /// there is.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn probe(&self, path: &str, patience: Duration) -> Result<(bool, bytes::Bytes), ClientError> {
        let (status, body) = self
            .answer(self.request(Method::GET, path).header(HOST, "localhost").timeout(patience), MAX_ANSWER_BYTES)
            .await?;
        Ok((status.is_success(), body))
    }

    /// `POST /v1/tx` with one signed transaction. With [`Wait::Committed`] the node waits up to `timeout`, then says
    /// [`diem_api::State::Unknown`].
    ///
    /// What is refused, lost, given up or in no block yet may still count, because a refusal is the node's word alone:
    /// the client remembers it, and [`Self::draft`] takes no other nonce for this sender until the caller names one.
    pub async fn submit(&self, tx: Vec<u8>, wait: Wait, timeout: Duration) -> Result<Submitted, ClientError> {
        let mut departed = self.departing([tx.as_slice()]);
        let hash = Hash(tx_hash(&tx));
        let request = self.post(TX_MEDIA_TYPE, tx, wait, timeout);
        let answer = self.accepted(request).await.and_then(|body| self.decode::<Submitted>(&body));
        let answer = answer.and_then(|answer| match answer.hash == hash {
            true => Ok(answer),
            false => Err(self.not_a_node(format!("it answers for transaction {}, not for {hash}", answer.hash))),
        });
        match &answer {
            Ok(answer) => departed.settle(0, answer.state),
            Err(error) => departed.fail(error),
        }
        answer
    }

    /// `POST /v1/tx` with many signed transactions; one answer for each, in their order. They are remembered as
    /// [`Self::submit`] does.
    pub async fn submit_batch(
        &self,
        txs: &[Vec<u8>],
        wait: Wait,
        timeout: Duration,
    ) -> Result<Vec<Submitted>, ClientError> {
        let mut departed = self.departing(txs.iter().map(Vec::as_slice));
        let request = self.post(TXS_MEDIA_TYPE, diem_core::encode(&txs), wait, timeout);
        let answer = self.accepted(request).await.and_then(|body| self.decode::<Batch>(&body));
        match &answer {
            Ok(Batch { results }) => {
                let own = results.iter().zip(txs).enumerate().filter(|(_, (one, tx))| one.hash == Hash(tx_hash(tx)));
                own.for_each(|(place, (one, _))| departed.settle(place, one.state));
            }
            Err(error) => departed.fail(error),
        }
        answer.map(|Batch { results }| results)
    }

    fn post(&self, media_type: &str, body: Vec<u8>, wait: Wait, timeout: Duration) -> RequestBuilder {
        let path = format!("/v1/tx?wait={wait}&timeout={}", timeout.as_secs());
        let patience = timeout.saturating_add(ANSWER_TIMEOUT);
        self.request(Method::POST, &path).timeout(patience).header(CONTENT_TYPE, media_type).body(body)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let body = self.accepted(self.request(Method::GET, path)).await?;
        self.decode(&body)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).timeout(ANSWER_TIMEOUT)
    }

    /// The body of an answer that is no error.
    pub(crate) async fn accepted(&self, request: RequestBuilder) -> Result<bytes::Bytes, ClientError> {
        self.accepted_up_to(request, MAX_ANSWER_BYTES).await
    }

    async fn accepted_up_to(&self, request: RequestBuilder, most: usize) -> Result<bytes::Bytes, ClientError> {
        let (status, body) = self.answer(request, most).await?;
        if status.is_success() {
            return Ok(body);
        }
        match serde_json::from_slice(&body) {
            Ok(ErrorReply { error }) => Err(ClientError::Refused { status: status.as_u16(), error }),
            Err(_) => Err(self.not_a_node(format!("HTTP status {status}"))),
        }
    }

    async fn answer(&self, request: RequestBuilder, most: usize) -> Result<(StatusCode, bytes::Bytes), ClientError> {
        let mut answer = request.send().await.map_err(|e| self.no_answer(&e))?;
        let mut body = bytes::BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(|e| self.no_answer(&e))? {
            if body.len().saturating_add(part.len()) > most {
                return Err(self.not_a_node(format!("it answers with more than {most} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok((answer.status(), body.freeze()))
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|e| self.not_a_node(e.to_string()))
    }

    pub(crate) fn not_a_node(&self, reason: String) -> ClientError {
        ClientError::NotANode { url: self.base.clone(), reason }
    }

    fn no_answer(&self, error: &reqwest::Error) -> ClientError {
        let (url, reason) = (self.base.clone(), root_cause(error));
        if error.is_connect() { ClientError::Unreachable { url, reason } } else { ClientError::Lost { url, reason } }
    }
}

/// Whether the host of a URL is one of this machine, by its name alone: nobody is asked for its address.
fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// The last error of a chain: the system's own words, without those of the libraries in between.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string().to_lowercase()
}

/// Appends parameters to a path: what is `None` is left out.
pub(crate) struct Query<'a>(pub(crate) &'a mut String, pub(crate) char);

impl Query<'_> {
    pub(crate) fn add(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(self.0, "{}{name}={value}", self.1);
            self.1 = '&';
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_urls_of_nodes_are_taken() {
        for good in ["http://127.0.0.1:1317", "https://node.example/diem/", "http://[::1]:1"] {
            assert!(Client::new(good).is_ok(), "{good}");
        }
        for bad in ["", "127.0.0.1:1317", "localhost", "ftp://host", "http://", "http://a b"] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
        for (given, base) in
            [("http://a/", "http://a"), ("http://a/v1", "http://a"), ("http://a/diem/v1/", "http://a/diem")]
        {
            assert_eq!(Client::new(given).unwrap().url(), base);
        }
    }

    #[test]
    fn a_url_of_this_machine_is_told_from_one_that_looks_like_it() {
        let is_here = |url: &str| reqwest::Url::parse(url).unwrap().host_str().is_some_and(is_loopback);
        let here = ["http://127.0.0.1:1317", "http://127.8.9.10", "https://LOCALHOST:1/", "http://[::1]:1/diem"];
        for url in here {
            assert!(is_here(url), "{url}");
        }
        let elsewhere = [
            "https://node.example",
            "http://192.168.0.1:1317",
            "http://0.0.0.0:1317",
            "http://[::]:1",
            "http://[2001:db8::1]:1",
            "http://127.0.0.1.node.example",
            "http://localhost.node.example",
            "http://localhost@node.example",
            "http://127.0.0.1:1317@node.example",
            "http://node.example/localhost",
            "http://node.example#@127.0.0.1",
        ];
        for url in elsewhere {
            assert!(!is_here(url), "{url}");
        }
    }

    #[test]
    fn parameters_are_appended_in_order() {
        let mut path = String::from("/p");
        let mut query = Query(&mut path, '?');
        query.add("a", Some(1));
        query.add("b", None::<u8>);
        query.add("c", Some(true));
        assert_eq!(path, "/p?a=1&c=true");
    }
}
