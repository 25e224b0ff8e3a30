//! One endpoint of JSON-RPC over HTTP. It may be anybody's, so each answer is bounded in time and in size.

use std::{net::IpAddr, time::Duration};

use alloy_json_rpc::{ErrorPayload, Id, Request, Response, ResponsePayload};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{BaseError, contract::ContractError};

/// The time for which the client looks for the endpoint.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time within which a whole answer has to be there.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read. The receipt of a full batch has some 100 KB, the contract's code 50 KB.
const MAX_ANSWER_BYTES: usize = 2 << 20;
/// The waits before a request that changes nothing is sent once more.
const RETRIES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// The client of one endpoint. Its clones share connections.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    url: String,
    /// The URL as messages and logs show it.
    shown: String,
    http: reqwest::Client,
}

impl Endpoint {
    /// The endpoint at `url`. It connects only when it is asked something. To a host of this machine it connects
    /// itself, whatever proxy the environment names.
    pub(crate) fn new(url: &str) -> Result<Self, BaseError> {
        Self::patient(url, ANSWER_TIMEOUT)
    }

    /// As [`Self::new`], with so much time for each answer.
    pub(crate) fn patient(url: &str, patience: Duration) -> Result<Self, BaseError> {
        let bad = || BaseError::Url(url.into());
        let parsed = reqwest::Url::parse(url).map_err(|_| bad())?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
            return Err(bad());
        }
        // Whoever came first has chosen already; both choices work.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(patience);
        http = http.redirect(reqwest::redirect::Policy::none());
        if parsed.host_str().is_some_and(is_loopback) {
            http = http.no_proxy();
        }
        if parsed.scheme() == "http" {
            // Nothing is encrypted, so a machine without certificates of authorities does as well.
            http = http.tls_certs_only([]);
        }
        let shown = shown(&parsed);
        let no_certificates =
            |error: reqwest::Error| BaseError::Certificates { url: shown.clone(), reason: root_cause(&error) };
        let http = http.build().map_err(no_certificates)?;
        Ok(Self { url: url.into(), shown, http })
    }

    /// The URL as messages and logs show it.
    pub(crate) fn shown(&self) -> String {
        self.shown.clone()
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for something that changes nothing, so that a request which was lost is sent again.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, BaseError> {
        let body = request(method, params);
        for wait in RETRIES {
            match self.send(method, body.clone()).await {
                Err(Trouble::Passing(error)) => {
                    tracing::debug!("asked once more after {} ms: {error}", wait.as_millis());
                    tokio::time::sleep(wait).await;
                }
                answer => return answer.map_err(Trouble::into_error),
            }
        }
        self.send(method, body).await.map_err(Trouble::into_error)
    }

    /// Asks without a retry, for what must not be done twice.
    pub(crate) async fn tell<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, BaseError> {
        self.send(method, request(method, params)).await.map_err(Trouble::into_error)
    }

    async fn send<T: DeserializeOwned>(&self, method: &'static str, body: Vec<u8>) -> Result<T, Trouble> {
        let request = self.http.post(&self.url).header(reqwest::header::CONTENT_TYPE, "application/json").body(body);
        let mut answer = request.send().await.map_err(|error| self.no_answer(method, &error))?;
        let mut body = bytes::BytesMut::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.no_answer(method, &error))? {
            if body.len().saturating_add(part.len()) > MAX_ANSWER_BYTES {
                let reason = format!("it answers with more than {MAX_ANSWER_BYTES} bytes");
                return Err(Trouble::Lasting(self.fault(method, reason)));
            }
            body.extend_from_slice(&part);
        }
        let status = answer.status();
        match serde_json::from_slice::<Response>(&body) {
            Ok(Response { payload: ResponsePayload::Success(result), .. }) => serde_json::from_str(result.get())
                .map_err(|error| Trouble::Lasting(self.fault(method, error.to_string()))),
            Ok(Response { payload: ResponsePayload::Failure(error), .. }) => Err(self.refused(method, &error)),
            Err(_) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Err(Trouble::Passing(self.fault(method, format!("HTTP status {status}"))))
            }
            Err(_) if !status.is_success() => {
                Err(Trouble::Lasting(self.fault(method, format!("HTTP status {status}"))))
            }
            Err(error) => Err(Trouble::Lasting(self.fault(method, error.to_string()))),
        }
    }

    /// What an answer that is an error means: the contract refused, or the endpoint did.
    fn refused(&self, method: &'static str, error: &ErrorPayload) -> Trouble {
        if let Some(data) = error.as_revert_data() {
            return Trouble::Lasting(BaseError::Reverted(ContractError::decode(&data)));
        }
        let refusal =
            BaseError::Refused { url: self.shown(), method, code: error.code, message: shortened(&error.message) };
        if error.is_retry_err() { Trouble::Passing(refusal) } else { Trouble::Lasting(refusal) }
    }

    pub(crate) fn fault(&self, method: &'static str, reason: String) -> BaseError {
        BaseError::NotAnEndpoint { url: self.shown(), method, reason: shortened(&reason) }
    }

    fn no_answer(&self, method: &'static str, error: &reqwest::Error) -> Trouble {
        let (url, reason) = (self.shown(), root_cause(error));
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => Trouble::Lasting(BaseError::Unreachable { url, reason }),
            (true, false) => Trouble::Passing(BaseError::Unreachable { url, reason }),
            // Whoever is slow is not asked again, so that one answer bounds the time of a question.
            (false, true) => Trouble::Lasting(BaseError::Lost { url, method, reason }),
            (false, false) => Trouble::Passing(BaseError::Lost { url, method, reason }),
        }
    }
}

/// The body of a request. Each has a connection's answer to itself, so that all have the same id.
fn request(method: &'static str, params: Value) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "a method's name, a number and JSON are JSON")]
    serde_json::to_vec(&Request::new(method, Id::Number(1), params)).expect("JSON of JSON")
}

/// An error, and whether the same request may have an answer a moment later.
enum Trouble {
    Passing(BaseError),
    Lasting(BaseError),
}

impl Trouble {
    fn into_error(self) -> BaseError {
        match self {
            Self::Passing(error) | Self::Lasting(error) => error,
        }
    }
}

/// An endpoint's own words, which may be long, and must not look like lines of our own.
pub(crate) fn shortened(message: &str) -> String {
    const LONGEST: usize = 300;
    message.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

/// The URL without what may be a secret: whoever rents an endpoint often has the key to it in the path, the query or
/// before the host.
fn shown(url: &reqwest::Url) -> String {
    let origin = url.origin().ascii_serialization();
    if url.path() == "/" && url.query().is_none() { origin } else { format!("{origin}/...") }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_show_no_key_to_an_endpoint() {
        for (url, expected) in [
            ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
            ("https://base.example/", "https://base.example"),
            ("https://base.example/v2/SECRET", "https://base.example/..."),
            ("https://base.example/?key=SECRET", "https://base.example/..."),
            ("https://user:SECRET@base.example:8443", "https://base.example:8443"),
        ] {
            assert_eq!(shown(&reqwest::Url::parse(url).unwrap()), expected);
        }
    }
}
