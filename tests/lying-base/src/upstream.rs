//! The endpoint that knows the truth.

use std::{net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::StartError;

/// The time within which a whole answer has to be there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is passed on.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// The reason why there is no truth to tell.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// It did not answer.
    #[error("the upstream did not answer: {0}")]
    Lost(#[from] reqwest::Error),
    /// It answered too much.
    #[error("the upstream answered with more than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
    /// It did not answer with JSON-RPC.
    #[error("the upstream answered `{method}` with something else than JSON-RPC")]
    NoAnswer {
        /// The method that was asked for.
        method: String,
    },
}

/// The reason why a question has no result.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It is answered with an error of JSON-RPC.
    Refused(Value),
    /// It cannot be answered.
    Upstream(UpstreamError),
}

impl From<UpstreamError> for Stop {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}

/// The client of the upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    url: String,
    http: reqwest::Client,
}

impl Upstream {
    pub(crate) fn new(url: &str) -> Result<Self, StartError> {
        let bad = || StartError::Url(url.into());
        let parsed = reqwest::Url::parse(url).map_err(|_| bad())?;
        let host = parsed.host_str().filter(|_| matches!(parsed.scheme(), "http" | "https")).ok_or_else(bad)?;
        // Whoever came first has chosen already; both choices work.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder().timeout(ANSWER_TIMEOUT).redirect(reqwest::redirect::Policy::none());
        if host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback()) {
            http = http.no_proxy();
        }
        if parsed.scheme() == "http" {
            // Nothing is encrypted, so a machine without certificates of authorities does as well.
            http = http.tls_certs_only([]);
        }
        Ok(Self { url: url.into(), http: http.build().map_err(StartError::Client)? })
    }

    /// Passes a body on as it is, and gives the answer with its status.
    pub(crate) async fn pass(&self, body: Bytes) -> Result<(StatusCode, Bytes), UpstreamError> {
        let request = self.http.post(&self.url).header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        let mut answer = request.send().await?;
        let mut body = BytesMut::new();
        while let Some(part) = answer.chunk().await? {
            if body.len().saturating_add(part.len()) > MAX_ANSWER_BYTES {
                return Err(UpstreamError::TooLong);
            }
            body.extend_from_slice(&part);
        }
        Ok((answer.status(), body.freeze()))
    }

    /// The true result of a question.
    ///
    /// # Errors
    /// An error of JSON-RPC is a [`Stop::Refused`].
    pub(crate) async fn ask(&self, method: &str, params: &[Value]) -> Result<Value, Stop> {
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (_, body) = self.pass(question.to_string().into()).await?;
        let none = || UpstreamError::NoAnswer { method: method.into() };
        let Ok(Value::Object(mut answer)) = serde_json::from_slice(&body) else { return Err(none().into()) };
        if let Some(error) = answer.remove("error").filter(|error| !error.is_null()) {
            return Err(Stop::Refused(error));
        }
        answer.remove("result").ok_or_else(|| none().into())
    }
}
