//! The guard of requests over loopback.
//!
//! A web page whose name resolves to 127.0.0.1 (DNS rebinding) makes a browser ask this node as if the node were the
//! page's own server. Such a request names the page's host; and a request that a page of another site sends to this
//! node's own name bears that site as its origin. Both are refused where only this machine should be served.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, Request, State, connect_info::Connected},
    http::{HeaderMap, Version, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
    serve::IncomingStream,
};
use diem_api::HttpError;
use diem_core::text::shortened;
use tokio::net::{TcpListener, TcpStream};

use super::{clients::Client, error::Failure};

/// Where a connection came in, and from whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    on_loopback: bool,
    /// The client; `None` for this machine itself.
    pub(crate) client: Option<Client>,
}

impl Side {
    pub(crate) fn of(stream: &TcpStream) -> Self {
        // The address of a closed connection is unknown, and it reaches nobody; the stricter rule does no harm.
        Self {
            on_loopback: stream.local_addr().is_ok_and(|address: SocketAddr| address.ip().to_canonical().is_loopback()),
            client: stream.peer_addr().ok().and_then(|address| Client::of(address.ip())),
        }
    }
}

#[cfg(test)]
impl Side {
    /// A connection of this client from another machine.
    pub(crate) const fn of_client(client: Client) -> Self {
        Self { on_loopback: false, client: Some(client) }
    }
}

impl Connected<IncomingStream<'_, TcpListener>> for Side {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self::of(stream.io())
    }
}

/// What stands for every origin in a list of them.
pub(crate) const ANY_ORIGIN: &str = "*";

/// What the operator lets in over loopback beside this machine itself.
#[derive(Debug, Clone)]
pub(crate) struct Guests {
    /// The names of this machine that a request may be for, beside those that it always has.
    hosts: Arc<[String]>,
    /// The origins whose pages may ask: those of [`super::Options::cors`].
    origins: Arc<[String]>,
}

impl Guests {
    pub(crate) fn new(hosts: &[String], origins: &[String]) -> Self {
        Self { hosts: hosts.into(), origins: origins.into() }
    }
}

/// Refuses a request over loopback for a host of another name, or from a page of another host.
pub(crate) async fn guard(State(guests): State<Guests>, request: Request, next: Next) -> Response {
    let side = request.extensions().get::<ConnectInfo<Side>>();
    let is_local = side.is_some_and(|ConnectInfo(side)| side.on_loopback);
    match is_local.then(|| stranger(&guests, &request)).flatten() {
        Some(words) => Failure::from(HttpError::Stranger(words)).into_response(),
        None => next.run(request).await,
    }
}

/// The reason why a request is not for this machine; `None` if it is.
fn stranger(guests: &Guests, request: &Request) -> Option<String> {
    let headers = request.headers();
    let is_ours = |name: &str| {
        ["localhost", "127.0.0.1", "[::1]"].into_iter().chain(guests.hosts.iter().map(String::as_str)).any(|known| {
            // An entry of `api.hosts` may be an IPv6 address without its brackets.
            name.eq_ignore_ascii_case(known) || name.trim_matches(['[', ']']).eq_ignore_ascii_case(known)
        })
    };
    // A proxy or a page's server may take the other one for the true one (RFC 9112, section 3.2).
    for name in [header::HOST, header::ORIGIN] {
        if headers.get_all(&name).iter().count() > 1 {
            return Some(format!("this request over loopback has more than one header `{name}`: send one"));
        }
    }
    let named = request.uri().authority().map(|authority| authority.as_str()).or_else(|| text(headers, header::HOST));
    let host = named.map(without_port);
    // Only HTTP/1.0, which no browser speaks, can leave the header out.
    let host_is_ours = host.map_or(request.version() < Version::HTTP_11, is_ours);
    if !host_is_ours {
        return Some(format!(
            "this request came over loopback for the host `{}`, which is no name of this machine: ask for localhost, \
             127.0.0.1 or [::1], or list that name in `api.hosts`",
            shortened(host.unwrap_or_default())
        ));
    }
    if !headers.contains_key(header::ORIGIN) {
        return None;
    }
    let origin = text(headers, header::ORIGIN).unwrap_or_default();
    if guests.origins.iter().any(|known| known == ANY_ORIGIN || known.eq_ignore_ascii_case(origin)) {
        return None;
    }
    let site = origin.split_once("://").map(|(_, site)| without_port(site)).unwrap_or_default();
    (!is_ours(site)).then(|| {
        format!(
            "this request over loopback was sent by a page of `{}`, which is no name of this machine: list its \
             host in `api.hosts` if it is yours, or the whole in `api.cors`",
            shortened(origin)
        )
    })
}

/// The header as text; one that is not text becomes `?`, which matches no name.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;

    use super::*;

    fn guests(origins: &[&str]) -> Guests {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).into()).collect();
        Guests::new(&["Node.Example".into(), "fd00::7".into()], &origins)
    }

    fn refused(host: Option<&str>, origin: Option<&str>) -> bool {
        let mut request = Request::builder().uri("/v1/status");
        for (name, value) in [("host", host), ("origin", origin)] {
            request = value.into_iter().fold(request, |request, value| request.header(name, value));
        }
        stranger(&guests(&[]), &request.body(Body::empty()).unwrap()).is_some()
    }

    #[test]
    fn the_names_of_this_machine_are_let_in_with_any_port() {
        for host in ["localhost", "LOCALHOST:1317", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:1317"] {
            assert!(!refused(Some(host), None), "{host}");
        }
        for host in ["node.example", "node.example:8080", "[fd00::7]:1"] {
            assert!(!refused(Some(host), None), "{host}");
        }
    }

    #[test]
    fn other_names_are_not_nor_is_silence() {
        let strangers = [
            "evil.example",
            "evil.example:1317",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:127.0.0.1",
            "localhost@evil.example",
            "",
            ":1317",
            "::1",
            "0.0.0.0",
        ];
        for host in strangers {
            assert!(refused(Some(host), None), "{host}");
        }
        assert!(refused(None, None), "a browser always says");
    }

    #[test]
    fn two_headers_of_one_name_are_not_let_in() {
        for (first, second) in [("localhost", "evil.example"), ("evil.example", "localhost"), ("::1", "::1")] {
            let request = Request::builder().uri("/v1/status").header("host", first).header("host", second);
            let said = stranger(&guests(&[]), &request.body(Body::empty()).unwrap()).unwrap();
            assert!(said.contains("more than one header `host`"), "{said}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_not_let_in_under_our_own_name() {
        for (origin, is_refused) in [
            ("https://evil.example", true),
            ("null", true),
            ("http://127.0.0.1.evil.example:1", true),
            ("http://localhost:3000", false),
            ("https://node.example", false),
        ] {
            assert_eq!(refused(Some("127.0.0.1:1317"), Some(origin)), is_refused, "{origin}");
        }
    }

    #[test]
    fn a_page_that_is_listed_is_let_in_and_its_host_is_judged_all_the_same() {
        for (origins, origin, host, let_in) in [
            (&["https://app.example"][..], "https://app.example", "127.0.0.1", true),
            (&["https://app.example"], "https://APP.example", "127.0.0.1", true),
            (&["https://app.example"], "http://app.example", "127.0.0.1", false),
            (&["https://app.example"], "https://app.example:8443", "127.0.0.1", false),
            (&["*"], "https://evil.example", "127.0.0.1", true),
            (&["*"], "null", "127.0.0.1", true),
            (&["*"], "https://evil.example", "evil.example", false),
        ] {
            let request = Request::builder().uri("/v1/status").header("host", host).header("origin", origin);
            let refused = stranger(&guests(origins), &request.body(Body::empty()).unwrap());
            assert_eq!(refused.is_none(), let_in, "{origin} {host}: {refused:?}");
        }
    }
}
