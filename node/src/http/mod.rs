//! The HTTP API of a node.
//!
//! Every answer is JSON of the types in [`diem_client::api`]; every error has one shape and a line in one table.

mod blocks;
mod chain;
mod door;
mod error;
mod events;
mod params;
mod state;
mod submit;
mod view;
mod waiters;

use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use diem_client::api::{HttpError, MAX_BATCH_BYTES};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::Instant,
};
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use crate::{Node, instant, metrics::Metrics};
use door::Door;
pub(crate) use error::Failure;
use waiters::Waiters;

/// The most bytes of a request: a batch as hex in JSON, and some air.
const MAX_BODY_BYTES: usize = 2 * MAX_BATCH_BYTES + 64 * 1024;
/// How long a stopping server waits for requests under way.
const GRACE: Duration = Duration::from_secs(5);

/// What every `GET /v1` lists: method and path.
const ROUTES: &[&str] = &[
    "GET /v1/status",
    "GET /v1/params",
    "GET /v1/genesis",
    "GET /v1/errors",
    "GET /v1/validators",
    "GET /v1/supply",
    "GET /v1/accounts/{address}?height=&prove=true",
    "GET /v1/proof/{key}?height=",
    "GET /v1/blocks?before=&limit=",
    "GET /v1/blocks/{height|hash|latest}?from=&limit=",
    "GET /v1/tx/{hash}",
    "POST /v1/tx?wait=none|checked|committed&timeout=",
    "GET /v1/events?from=",
    "GET /healthz",
    "GET /readyz",
];

/// What the server needs beside the node.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The canonical genesis document, `genesis.json`, that `GET /v1/genesis` serves.
    pub genesis: Option<PathBuf>,
}

/// What the handlers share.
pub(crate) struct Api {
    pub(crate) node: Arc<Node>,
    pub(crate) options: Options,
    pub(crate) door: Door,
    pub(crate) waiters: Arc<Waiters>,
    /// Permits of streams of events.
    pub(crate) streams: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The state that axum hands to a handler.
pub(crate) type Shared = State<Arc<Api>>;

/// Serves the API on `listener` until `stop` completes; then takes no new requests and gives those under way some
/// seconds.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    node: Arc<Node>,
    options: Options,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, mut stopped) = watch::channel(false);
    let app = router(node, options, stopped.clone());
    // An answer is small and someone waits for it.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let signal = async move {
        stop.await;
        stopping.send_replace(true);
    };
    let server = axum::serve(listener, app).with_graceful_shutdown(signal).into_future();
    let out_of_time = async move {
        // An error says that the sender is gone, which happens after the signal only.
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = server => result,
        () = out_of_time => Ok(()),
    }
}

/// The API as a service, for [`serve`] and tests. Waits end when `stopping` becomes true.
pub fn router(node: Arc<Node>, options: Options, stopping: watch::Receiver<bool>) -> Router {
    let waiters = Waiters::start(&node, stopping.clone());
    let development = match node.engine.dev() {
        Some(_) => instant::routes::router().with_state(node.clone()),
        None => Router::new(),
    };
    let (door, streams) = (Door::open(&node), Arc::new(Semaphore::new(events::MAX_STREAMS)));
    let api = Arc::new(Api { node, options, door, waiters, streams, stopping });
    Router::new()
        .route("/v1", get(list))
        .route("/v1/status", get(chain::status))
        .route("/v1/params", get(chain::params))
        .route("/v1/genesis", get(chain::genesis))
        .route("/v1/errors", get(chain::errors))
        .route("/v1/validators", get(chain::validators))
        .route("/v1/supply", get(state::supply))
        .route("/v1/accounts/{address}", get(state::account))
        .route("/v1/proof/{key}", get(state::proof))
        .route("/v1/blocks", get(blocks::page))
        .route("/v1/blocks/{block}", get(blocks::block))
        .route("/v1/tx/{hash}", get(blocks::transaction))
        .route("/v1/tx", post(submit::submit))
        .route("/v1/events", get(events::stream))
        .route("/healthz", get(chain::health))
        .route("/readyz", get(chain::ready))
        .merge(development)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        // Below the counter, so that a panic is counted as the 500 that it becomes.
        .layer(panic_layer(api.node.metrics.clone()))
        .layer(middleware::from_fn_with_state(api.clone(), count))
        .with_state(api)
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

async fn list() -> Json<&'static [&'static str]> {
    Json(ROUTES)
}

async fn unknown_path(request: Request) -> Failure {
    let path: String = request.uri().path().chars().take(120).collect();
    HttpError::UnknownPath(path).into()
}

async fn wrong_method(request: Request) -> Failure {
    let path = request.uri().path();
    let wanted = if path == "/v1/tx" || path.starts_with("/v1/dev/") { "POST" } else { "GET" };
    HttpError::Method(format!("{} is not possible here: use {wanted}", request.method())).into()
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
        assert!(metrics.render().unwrap().contains("diem_http_panics_requests 1"));
        server.abort();
    }
}
