//! The limits of each client: connections, and units of work in a time. A client is an IPv4 address, or the first half of an
//! IPv6 one, since whoever has one address there has as many as he likes. This machine itself has no limit.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::header::RETRY_AFTER,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use diem_api::HttpError;
use parking_lot::Mutex;

use super::{error::Failure, local::Side};

/// The number of clients above which those are forgotten that have taken nothing lately.
const MOST: usize = 16_384;
/// The parts of a unit in which what is left of a client's units is counted.
const PARTS: u64 = 1_000;

/// What each client may take. A limit of 0 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientLimits {
    /// The most connections at once.
    pub connections: u32,
    /// The units that come back in a second.
    pub rate: u32,
    /// The most units that can be taken at once.
    pub burst: u32,
}

/// An address as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client(u128);

impl Client {
    /// The client at this address; `None` for this machine.
    pub(crate) fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            own if own.is_loopback() => None,
            IpAddr::V4(v4) => Some(Self(v4.to_ipv6_mapped().to_bits())),
            IpAddr::V6(v6) => Some(Self(v6.to_bits() >> 64 << 64)),
        }
    }
}

/// What a client has taken.
#[derive(Debug, Clone, Copy)]
struct Taken {
    connections: u32,
    /// The units that it may still take, in parts, at the moment beside it.
    left: u64,
    at: Instant,
}

/// The clients that have taken something.
pub(crate) struct Clients {
    limits: ClientLimits,
    taken: Mutex<BTreeMap<Client, Taken>>,
}

/// A connection of a client, which is counted until this is dropped.
pub(crate) struct Connected {
    clients: Arc<Clients>,
    client: Client,
}

impl Drop for Connected {
    fn drop(&mut self) {
        if let Some(taken) = self.clients.taken.lock().get_mut(&self.client) {
            taken.connections = taken.connections.saturating_sub(1);
        }
    }
}

impl Clients {
    pub(crate) fn new(limits: ClientLimits) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default() })
    }

    /// Counts another connection of a client.
    ///
    /// # Errors
    /// It has as many as one client may have.
    pub(crate) fn connect(self: &Arc<Self>, client: Client) -> Result<Connected, HttpError> {
        let most = self.limits.connections;
        let mut all = self.taken.lock();
        let taken = self.of(&mut all, client, Instant::now());
        if most > 0 && taken.connections >= most {
            return Err(HttpError::RateLimited(format!("this client has {most} connections, as many as one may have")));
        }
        taken.connections = taken.connections.saturating_add(1);
        Ok(Connected { clients: Arc::clone(self), client })
    }

    /// Takes units of a client at this moment; else the time after which there are as many.
    fn take(&self, client: Client, units: u32, now: Instant) -> Result<(), Duration> {
        if self.limits.rate == 0 {
            return Ok(());
        }
        let mut all = self.taken.lock();
        let wanted = u64::from(units).saturating_mul(PARTS);
        let taken = self.of(&mut all, client, now);
        match taken.left.checked_sub(wanted) {
            Some(left) => taken.left = left,
            // A thousandth of a unit comes back in as many milliseconds as the rate says.
            None => {
                let missing = wanted.saturating_sub(taken.left);
                let millis = missing.checked_div(u64::from(self.limits.rate)).unwrap_or_default();
                return Err(Duration::from_millis(millis.saturating_add(1)));
            }
        }
        Ok(())
    }

    /// What a client has taken, with what came back until `now`.
    fn of<'a>(&self, all: &'a mut BTreeMap<Client, Taken>, client: Client, now: Instant) -> &'a mut Taken {
        let most = u64::from(self.limits.burst).saturating_mul(PARTS);
        let back = |taken: &Taken| {
            let millis = u64::try_from(now.saturating_duration_since(taken.at).as_millis()).unwrap_or(u64::MAX);
            taken.left.saturating_add(millis.saturating_mul(u64::from(self.limits.rate))).min(most)
        };
        if all.len() >= MOST {
            all.retain(|_, taken| taken.connections > 0 || back(taken) < most);
        }
        let taken = all.entry(client).or_insert(Taken { connections: 0, left: most, at: now });
        (taken.left, taken.at) = (back(taken), now);
        taken
    }
}

/// The units that a request costs.
fn cost(route: &str, query: &str) -> u32 {
    let asks = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    match route {
        "/healthz" | "/readyz" => 0,
        "/v1/simulate" => 20,
        "/v1/light/{height}" | "/v1/proof/{key}" => 5,
        _ if asks("prove") || asks("limit") || asks("after") => 5,
        _ => 1,
    }
}

/// Refuses a request of a client that has taken too much lately.
pub(crate) async fn limit(
    State(clients): State<Arc<Clients>>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let client = request.extensions().get::<ConnectInfo<Side>>().and_then(|ConnectInfo(side)| side.client);
    let units = cost(route.as_ref().map_or("", MatchedPath::as_str), request.uri().query().unwrap_or_default());
    match client.map_or(Ok(()), |client| clients.take(client, units, Instant::now())) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let seconds = wait.as_secs().saturating_add(1);
            let words = format!("this client has asked for more than {} units a second", clients.limits.rate);
            let refused = Failure::from(HttpError::RateLimited(words));
            ([(RETRY_AFTER, seconds.to_string())], refused).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use std::future::IntoFuture as _;

    use axum::{Extension, Router, middleware, routing::get};
    use diem_client::ClientError;

    use super::*;

    fn client(address: &str) -> Client {
        Client::of(address.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_client_is_an_address_or_half_of_one_and_never_this_machine() {
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(Client::of(own.parse().unwrap()), None, "{own}");
        }
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.2"), client("192.0.2.1"));
        assert_eq!(client("2001:db8:0:1::5"), client("2001:db8:0:1:ffff::6"));
        assert_ne!(client("2001:db8:0:2::5"), client("2001:db8:0:1::5"));
    }

    #[test]
    fn units_are_taken_come_back_and_are_each_client_s_own() {
        let clients = Clients::new(ClientLimits { connections: 0, rate: 10, burst: 30 });
        let (one, other, begun) = (client("192.0.2.1"), client("192.0.2.2"), Instant::now());
        clients.take(one, 20, begun).unwrap();
        clients.take(one, 10, begun).unwrap();
        assert_eq!(clients.take(one, 5, begun), Err(Duration::from_millis(501)));
        clients.take(other, 30, begun).unwrap();
        let later = begun + Duration::from_secs(1);
        clients.take(one, 10, later).unwrap();
        clients.take(one, 1, later).unwrap_err();
        // No more comes back than can be taken at once.
        let much_later = begun + Duration::from_secs(1_000);
        clients.take(one, 30, much_later).unwrap();
        clients.take(one, 1, much_later).unwrap_err();
        Clients::new(ClientLimits::default()).take(one, u32::MAX, begun).unwrap();
    }

    #[test]
    fn connections_are_counted_until_they_end() {
        let clients = Clients::new(ClientLimits { connections: 2, rate: 0, burst: 0 });
        let one = client("192.0.2.1");
        let (first, second) = (clients.connect(one).unwrap(), clients.connect(one).unwrap());
        assert!(matches!(clients.connect(one), Err(HttpError::RateLimited(_))));
        clients.connect(client("192.0.2.2")).unwrap();
        drop(first);
        let third = clients.connect(one).unwrap();
        assert!(clients.connect(one).is_err());
        drop((second, third));
    }

    #[tokio::test]
    async fn a_client_that_asks_too_much_is_told_when_to_come_back() {
        let clients = Clients::new(ClientLimits { connections: 0, rate: 1, burst: 20 });
        let side = Side::of_client(client("192.0.2.1"));
        let app: Router = Router::new()
            .route("/v1/light/{height}", get(|| async { "light" }))
            .route("/readyz", get(|| async { "ready" }))
            .layer(middleware::from_fn_with_state(clients, limit))
            .layer(Extension(ConnectInfo(side)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        let client = diem_client::Client::new(&url).unwrap();
        let refused = async || match client.light_block(1).await {
            Err(ClientError::Refused { status, error }) => Some((status, error.name, error.retry)),
            _ => None,
        };
        // Four are answered, as far as none comes back meanwhile, and then one is refused.
        let mut answered = 0;
        let refusal = loop {
            match refused().await {
                Some(refusal) => break refusal,
                None => answered += 1,
            }
        };
        assert_eq!(refusal, (429, "rate_limited".to_owned(), true));
        assert!((4..100).contains(&answered), "{answered}");
        server.abort();
    }

    #[test]
    fn what_takes_more_work_costs_more() {
        for (route, query, units) in [
            ("/readyz", "", 0),
            ("/v1/status", "", 1),
            ("/v1/tx", "wait=committed", 1),
            ("/v1/blocks", "limit=100", 5),
            ("/v1/accounts/{address}", "prove=true", 5),
            ("/v1/light/{height}", "", 5),
            ("/v1/simulate", "", 20),
        ] {
            assert_eq!(cost(route, query), units, "{route}?{query}");
        }
    }
}
