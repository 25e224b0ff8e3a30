//! The HTTP API of a node.
//!
//! Every answer is JSON of the types in [`diem_api`]; every error has one shape and a row in one table.
#![allow(clippy::disallowed_methods, reason = "a node reads clocks, the environment and starts threads")]

mod blocks;
mod chain;
mod credits;
mod cursor;
mod days;
mod dev;
mod door;
mod error;
mod events;
mod impatient;
mod intake;
mod listener;
mod local;
pub mod metrics_server;
mod mint;
mod params;
mod proving;
mod readers;
mod reading;
mod ready;
mod refusal;
mod simulate;
mod staking;
mod state;
mod submit;
mod view;
mod waiters;

use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State, connect_info::IntoMakeServiceWithConnectInfo},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use bytes::Bytes;
use diem_api::{HttpError, Page};
use diem_core::{Time, text::shortened};
use diem_engine::{Node, metrics::Metrics};
use diem_host::clock::wall_clock;
use diem_store::Snapshot;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, Semaphore, watch},
    time::Instant,
};
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use door::Door;
use error::Failure;
use intake::Intake;
use local::{Hosts, Side};
use readers::Readers;
use ready::Pulse;
use waiters::Waiters;

/// The number of threads that answer reads, and the most reads that wait for one of them.
const READING_THREADS: usize = 2;
const MAX_WAITING_READS: usize = 1_024;

/// The longest that a stopping server waits for requests under way.
const GRACE: Duration = Duration::from_secs(5);

/// The routes that every `GET /v1` lists, development or not: method and path.
const ROUTES: &[&str] = &[
    "GET /v1/status",
    "GET /v1/clock",
    "GET /v1/params?height=",
    "GET /v1/genesis",
    "GET /v1/errors",
    "GET /v1/consensus?height=&after=&limit=",
    "GET /v1/light/{height}",
    "GET /v1/supply?height=",
    "GET /v1/validators?height=&after=&limit=",
    "GET /v1/validators/{operator}?height=&prove=true",
    "GET /v1/accounts/{address}?height=&prove=true",
    "GET /v1/accounts/{address}/positions?height=&after=&limit=",
    "GET /v1/accounts/{address}/positions/{validator}?height=&prove=true",
    "GET /v1/accounts/{address}/locks?height=&after=&limit=",
    "GET /v1/accounts/{address}/locks/{validator}?height=&prove=true",
    "GET /v1/accounts/{address}/unstaking?height=&after=&limit=",
    "GET /v1/accounts/{address}/rewards?height=&after=&limit=",
    "GET /v1/accounts/{address}/credit?height=&prove=true",
    "GET /v1/accounts/{address}/allocations?height=&after=&limit=",
    "GET /v1/accounts/{address}/offer?height=",
    "GET /v1/accounts/{address}/diem-stakes?height=&after=&limit=",
    "GET /v1/accounts/{address}/diem-tranches?height=&after=&limit=",
    "GET /v1/accounts/{address}/grants?height=&after=&limit=",
    "GET /v1/accounts/{address}/vouchers/{provider}?signer=&height=",
    "GET /v1/curve?height=&after=&limit=",
    "GET /v1/curve/rate?height=",
    "GET /v1/curve/quote?lock=&out=&height=",
    "GET /v1/emission?height=",
    "GET /v1/emission/schedule?height=&after=&limit=",
    "GET /v1/rent?height=",
    "GET /v1/credit/today?height=",
    "GET /v1/offers?height=&after=&limit=",
    "GET /v1/days?height=&after=&limit=",
    "GET /v1/days/{day|today}?height=",
    "GET /v1/days/{day|today}/providers?height=&after=&limit=",
    "GET /v1/providers?height=&after=&limit=",
    "GET /v1/providers/{address}?height=&prove=true",
    "GET /v1/proof/{key}?height=",
    "GET /v1/blocks?after=&limit=",
    "GET /v1/blocks/{height|hash|latest}?after=&limit=",
    "GET /v1/tx/{hash}",
    "POST /v1/tx?wait=none|checked|committed&timeout=",
    "POST /v1/simulate",
    "GET /v1/events?from=",
    "GET /healthz",
    "GET /readyz",
];

/// The options of the server, beside the node.
#[derive(Debug, Clone)]
pub struct Options {
    /// The canonical genesis document, `genesis.json`, that `GET /v1/genesis` serves.
    pub genesis: Option<PathBuf>,
    /// The time without a block after which a chain whose blocks come by themselves is not ready; it is longer where
    /// blocks are slow: see [`ready`]. In 20 s CometBFT gives up on three absent proposers one after the other, at the
    /// 5 s that a round takes without one, so that a pause of this length is more than somebody's restart.
    pub stale: Duration,
    /// The genesis time, before which there is no block to wait for.
    pub starts_at: Option<Time>,
    /// The names that a request's Host may bear on loopback, beside localhost, 127.0.0.1 and [::1].
    pub hosts: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { genesis: None, stale: Duration::from_secs(20), starts_at: None, hosts: Vec::new() }
    }
}

impl Options {
    /// The genesis time while it lies ahead. Until then CometBFT is silent, and nothing is wrong with it.
    pub fn starts_later(&self) -> Option<Time> {
        self.starts_at.filter(|start| start.millis() > wall_clock()())
    }

    /// The event that a node without a block waits for, as text.
    pub fn waits_for(&self) -> String {
        match self.starts_later() {
            Some(start) => format!("there is no state yet: the chain starts at {start}, its genesis time"),
            None => "there is no state yet: the node waits for the chain's first block".into(),
        }
    }
}

/// The state that the handlers share.
pub(crate) struct Api {
    pub(crate) node: Arc<Node>,
    pub(crate) options: Options,
    /// The genesis document, read on the first request for it.
    pub(crate) genesis: OnceCell<Bytes>,
    pub(crate) intake: Intake,
    pub(crate) door: Door,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) pulse: Arc<Pulse>,
    /// The permits of event streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The threads that read answers from the store and write them as JSON.
    readers: Readers,
    /// The threads that serve event streams.
    pub(crate) followers: Readers,
    /// The threads that simulate transactions.
    pub(crate) simulators: Readers,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The state that axum hands to a handler.
pub(crate) type Shared = State<Arc<Api>>;

/// Serves the API on `listener` until `stop` completes; then takes no new requests and gives those under way some
/// seconds.
///
/// Connections, the time that a request takes to arrive, and the memory for requests are limited. When all connections
/// are taken a few more get answers for monitoring, and `busy` for everything else.
///
/// # Errors
/// The system starts no more threads. A connection that cannot be accepted is logged and retried.
pub async fn serve(
    node: Arc<Node>,
    options: Options,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let api = Api::new(node, options, stopped.clone())?;
    let limits = listener::Limits::of_system();
    let server = listener::serve(listener, limits, router(&api), probes(&api), stopped);
    let stopped_and_late = async move {
        stop.await;
        stopping.send_replace(true);
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = server => {}
        () = stopped_and_late => {}
    }
    Ok(())
}

impl Api {
    /// The state at a committed height, by default the latest.
    ///
    /// # Errors
    /// There is no state yet, so that every read would give a default; or the state of that height is not kept.
    fn state(&self, height: Option<u64>) -> Result<Snapshot, Failure> {
        self.begun()?;
        Ok(self.node.app.snapshot(height)?)
    }

    /// The height of the latest block.
    ///
    /// # Errors
    /// There is no block yet.
    fn begun(&self) -> Result<u64, HttpError> {
        match self.node.app.info().height {
            0 => Err(HttpError::NotReady(self.options.waits_for())),
            height => Ok(height),
        }
    }

    /// Runs `work`, which reads the store and writes the answer, on threads that do not hold up the chain.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.readers.run(read).await?
    }

    /// Makes the state of the handlers. Waits end when `stopping` becomes true.
    fn new(node: Arc<Node>, options: Options, stopping: watch::Receiver<bool>) -> io::Result<Arc<Self>> {
        let (waiters, pulse) = (Waiters::start(&node, stopping.clone()), Pulse::start(&node));
        let (door, streams) = (Door::open(&node)?, Arc::new(Semaphore::new(events::MAX_STREAMS)));
        let readers = Readers::start("http-read", READING_THREADS, MAX_WAITING_READS)?;
        let followers = Readers::start("http-events", 1, events::MAX_STREAMS)?;
        let simulators = Readers::start("http-simulate", 1, simulate::MAX_SIMULATIONS)?;
        let (genesis, intake) = (OnceCell::new(), Intake::default());
        Ok(Arc::new(Self {
            node,
            options,
            genesis,
            intake,
            door,
            waiters,
            pulse,
            streams,
            readers,
            followers,
            simulators,
            stopping,
        }))
    }
}

/// A service that refuses requests over loopback that are not for this machine, as the API does; an unknown path and a
/// wrong method get errors of the API's shape.
pub(crate) fn guarded(app: Router, hosts: Vec<String>) -> IntoMakeServiceWithConnectInfo<Router, Side> {
    app.fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Hosts::from(hosts), local::guard))
        .into_make_service_with_connect_info::<Side>()
}

/// The routes for monitoring, and nothing else: they are served when all connections are taken.
fn probes(api: &Arc<Api>) -> Router {
    let busy = || async { Failure::from(HttpError::Busy("it has as many connections as it takes".into())) };
    Router::new()
        .route("/healthz", get(chain::health))
        .route("/readyz", get(ready::ready))
        .fallback(busy)
        .method_not_allowed_fallback(busy)
        .layer(panic_layer(api.node.metrics.clone()))
        .layer(middleware::from_fn_with_state(Hosts::from(api.options.hosts.clone()), local::guard))
        .layer(middleware::from_fn_with_state(api.clone(), count))
        .with_state(api.clone())
}

/// The API as a service.
fn router(api: &Arc<Api>) -> Router {
    let development = match api.node.engine.dev() {
        Some(_) => dev::router().with_state(api.node.clone()),
        None => Router::new(),
    };
    Router::new()
        .route("/v1", get(list))
        .route("/v1/status", get(chain::status))
        .route("/v1/clock", get(chain::clock))
        .route("/v1/params", get(chain::params))
        .route("/v1/genesis", get(chain::genesis))
        .route("/v1/errors", get(chain::errors))
        .route("/v1/consensus", get(chain::consensus))
        .route("/v1/light/{height}", get(chain::light))
        .route("/v1/supply", get(state::supply))
        .route("/v1/accounts/{address}", get(state::account))
        .route("/v1/proof/{key}", get(state::proof))
        .merge(economy())
        .route("/v1/blocks", get(blocks::page))
        .route("/v1/blocks/{block}", get(blocks::block))
        .route("/v1/tx/{hash}", get(blocks::transaction))
        .route("/v1/tx", post(submit::submit))
        .route("/v1/simulate", post(simulate::simulate))
        .route("/v1/events", get(events::stream))
        .route("/healthz", get(chain::health))
        .route("/readyz", get(ready::ready))
        .merge(development)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // The limit is for the development commands; transactions have their own intake.
        .layer(DefaultBodyLimit::max(intake::SMALL_BYTES))
        // The layer is below the counter, so that a panic is counted as the 500 that it becomes.
        .layer(panic_layer(api.node.metrics.clone()))
        .layer(middleware::from_fn_with_state(Hosts::from(api.options.hosts.clone()), local::guard))
        .layer(middleware::from_fn_with_state(api.clone(), count))
        .with_state(api.clone())
}

/// The routes of the economy: what everyone owns, and wants to know before acting.
fn economy() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/validators", get(staking::validators))
        .route("/v1/validators/{operator}", get(staking::validator))
        .route("/v1/accounts/{address}/positions", get(staking::positions))
        .route("/v1/accounts/{address}/positions/{validator}", get(staking::position))
        .route("/v1/accounts/{address}/locks", get(staking::locks))
        .route("/v1/accounts/{address}/locks/{validator}", get(staking::lock))
        .route("/v1/accounts/{address}/unstaking", get(staking::unstaking))
        .route("/v1/accounts/{address}/rewards", get(staking::rewards))
        .route("/v1/accounts/{address}/credit", get(credits::credit))
        .route("/v1/accounts/{address}/allocations", get(credits::allocations))
        .route("/v1/accounts/{address}/offer", get(credits::offer))
        .route("/v1/accounts/{address}/diem-stakes", get(credits::diem_stakes))
        .route("/v1/accounts/{address}/diem-tranches", get(credits::diem_tranches))
        .route("/v1/accounts/{address}/grants", get(credits::grants))
        .route("/v1/accounts/{address}/vouchers/{provider}", get(credits::vouchers))
        .route("/v1/curve", get(mint::curve))
        .route("/v1/curve/rate", get(mint::rate))
        .route("/v1/curve/quote", get(mint::quote))
        .route("/v1/emission", get(mint::emission))
        .route("/v1/emission/schedule", get(mint::schedule))
        .route("/v1/rent", get(mint::rent))
        .route("/v1/credit/today", get(days::today))
        .route("/v1/offers", get(credits::offers))
        .route("/v1/days", get(days::days))
        .route("/v1/days/{day}", get(days::day))
        .route("/v1/days/{day}/providers", get(days::day_providers))
        .route("/v1/providers", get(days::providers))
        .route("/v1/providers/{address}", get(days::provider))
}

fn panic_layer(metrics: Arc<Metrics>) -> CatchPanicLayer<impl ResponseForPanic<ResponseBody = Body>> {
    CatchPanicLayer::custom(move |panic: Box<dyn std::any::Any + Send>| {
        metrics.panicked();
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        tracing::error!(panic = words, "a request handler panicked");
        Failure::from(HttpError::Internal).into_response()
    })
}

/// Counts the answer under its route, never under its path, which has as many values as there are addresses.
async fn count(State(api): Shared, route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("unknown", MatchedPath::as_str);
    api.node.metrics.answered(route, response.status().as_u16(), start.elapsed());
    response
}

async fn list(State(api): Shared) -> Json<Page<&'static str>> {
    let development = api.node.engine.dev().map_or(&[][..], |_| dev::ROUTES);
    Json(Page { items: [ROUTES, development].concat(), next: None })
}

async fn unknown_path(request: Request) -> Failure {
    HttpError::UnknownPath(shortened(request.uri().path())).into()
}

async fn wrong_method(request: Request) -> Failure {
    let path = request.uri().path();
    let posted = matches!(path, "/v1/tx" | "/v1/simulate") || path.starts_with("/v1/dev/");
    let wanted = if posted { "POST" } else { "GET" };
    HttpError::Method(format!("{} is not possible here: use {wanted}", shortened(request.method().as_str()))).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_500_that_is_counted() {
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new(), None).unwrap());
        let broken = get(|| async {
            if true {
                panic!("a fault of ours")
            }
        });
        let app: Router = Router::new().route("/v1/status", broken).layer(panic_layer(metrics.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        let error = diem_client::Client::new(&url).unwrap().status().await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.name.as_str(), refusal.http_status()), ("internal", 500));
        assert!(!refusal.message.contains("fault of ours"), "{refusal}");
        assert!(metrics.render().unwrap().contains("diem_http_panics_total 1"));
        server.abort();
    }
}
