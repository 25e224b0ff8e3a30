//! The routes of the API and what stands around all of them: the guard of loopback, the count of answers, errors for
//! unknown paths and wrong methods. The router and `GET /v1` are made from one table.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State, connect_info::IntoMakeServiceWithConnectInfo},
    http::{Method, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};
use diem_api::{HttpError, Page};
use diem_core::text::shortened;
use diem_engine::metrics::{Metrics, RequestKind};
use tower_http::{
    catch_panic::{CatchPanicLayer, ResponseForPanic},
    cors::{AllowOrigin, CorsLayer},
};

use super::{
    Api, Shared, blocks, bodies, bridge, chain, clients, credits, days, dev,
    error::{Failure, Limit},
    events,
    health::Health,
    local::{self, ANY_ORIGIN, Guests, Side},
    mint, ready, simulate, staking, state, submit,
};

/// A service that refuses requests over loopback that are not for this machine, as the API does; an unknown path and a
/// wrong method get errors of the API's shape.
pub(crate) fn guarded(app: Router, hosts: Vec<String>) -> IntoMakeServiceWithConnectInfo<Router, Side> {
    app.fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Guests::new(&hosts, &[]), local::guard))
        .into_make_service_with_connect_info::<Side>()
}

/// The routes for monitoring, and nothing else: they are served when all connections are taken.
pub(crate) fn probes(api: &Arc<Api>) -> Router {
    let busy = || async { Failure::from(HttpError::Busy("it has as many connections as it takes".into())) };
    Router::new()
        .route("/healthz", get(ready::alive))
        .route("/readyz", get(ready::ready))
        .fallback(busy)
        .method_not_allowed_fallback(busy)
        .layer(panic_layer(api.node.metrics.clone()))
        .layer(middleware::from_fn_with_state(guests(api), local::guard))
        .layer(middleware::from_fn_with_state(api.clone(), count))
        .with_state(api.health.clone())
}

fn guests(api: &Api) -> Guests {
    Guests::new(&api.options.hosts, &api.options.cors)
}

/// A route: its line in `GET /v1`, from which its method and path are taken, and its handler.
pub(crate) type Route<S> = (&'static str, MethodRouter<S>);

/// Every route of the API, development or not. `{day|today}` in a line stands for the parameter `{day}`, which may be
/// the word `today`.
fn routes() -> Vec<Route<Arc<Api>>> {
    vec![
        ("GET /v1/status", get(chain::status)),
        ("GET /v1/clock", get(chain::clock)),
        ("GET /v1/params?height=", get(chain::params)),
        ("GET /v1/genesis", get(chain::genesis)),
        ("GET /v1/errors", get(chain::errors)),
        ("GET /v1/consensus?height=&after=&limit=", get(chain::consensus)),
        ("GET /v1/light/{height}", get(chain::light)),
        ("GET /v1/supply?height=", get(state::supply)),
        ("GET /v1/validators?height=&after=&limit=", get(staking::validators)),
        ("GET /v1/validators/{operator}?height=&prove=true", get(staking::validator)),
        ("GET /v1/validators/{operator}/signing?height=", get(staking::signing)),
        ("GET /v1/accounts/{address}?height=&prove=true", get(state::account)),
        ("GET /v1/accounts/{address}/positions?height=&after=&limit=", get(staking::positions)),
        ("GET /v1/accounts/{address}/positions/{validator}?height=&prove=true", get(staking::position)),
        ("GET /v1/accounts/{address}/locks?height=&after=&limit=", get(staking::locks)),
        ("GET /v1/accounts/{address}/locks/{validator}?height=&prove=true", get(staking::lock)),
        ("GET /v1/accounts/{address}/unstaking?height=&after=&limit=", get(staking::unstaking)),
        ("GET /v1/accounts/{address}/rewards?height=&after=&limit=", get(staking::rewards)),
        ("GET /v1/accounts/{address}/credit?height=&prove=true", get(credits::credit)),
        ("GET /v1/accounts/{address}/allocations?height=&after=&limit=", get(credits::allocations)),
        ("GET /v1/accounts/{address}/offer?height=", get(credits::offer)),
        ("GET /v1/accounts/{address}/diem-stakes?height=&after=&limit=", get(credits::diem_stakes)),
        ("GET /v1/accounts/{address}/diem-tranches?height=&after=&limit=", get(credits::diem_tranches)),
        ("GET /v1/accounts/{address}/grants?height=&after=&limit=", get(credits::grants)),
        ("GET /v1/accounts/{address}/vouchers/{provider}?signer=&height=", get(credits::vouchers)),
        ("GET /v1/curve?height=&after=&limit=", get(mint::curve)),
        ("GET /v1/curve/rate?height=", get(mint::rate)),
        ("GET /v1/curve/quote?lock=&out=&height=", get(mint::quote)),
        ("GET /v1/emission?height=", get(mint::emission)),
        ("GET /v1/emission/schedule?height=&after=&limit=", get(mint::schedule)),
        ("GET /v1/rent?height=", get(mint::rent)),
        ("GET /v1/credit/today?height=", get(days::today)),
        ("GET /v1/offers?height=&after=&limit=", get(credits::offers)),
        ("GET /v1/days?height=&after=&limit=", get(days::days)),
        ("GET /v1/days/{day|today}?height=", get(days::day)),
        ("GET /v1/days/{day|today}/providers?height=&after=&limit=", get(days::day_providers)),
        ("GET /v1/providers?height=&after=&limit=", get(days::providers)),
        ("GET /v1/providers/{address}?height=&prove=true", get(days::provider)),
        ("GET /v1/bridge?height=&prove=true", get(bridge::overview)),
        ("GET /v1/bridge/transfers?sender=&height=&after=&limit=", get(bridge::transfers)),
        ("GET /v1/bridge/transfers/{id}?height=&prove=true", get(bridge::transfer)),
        ("GET /v1/bridge/burns?recipient=&event=&height=&after=&limit=", get(bridge::burns)),
        ("GET /v1/bridge/burns/{id}?height=&prove=true", get(bridge::burn)),
        ("GET /v1/bridge/queue?height=&after=&limit=", get(bridge::queue)),
        ("GET /v1/bridge/queue/{id}?height=&prove=true", get(bridge::queue_item)),
        ("GET /v1/bridge/checkpoints?height=&after=&limit=", get(bridge::checkpoints)),
        ("GET /v1/bridge/checkpoints/{number}?height=", get(bridge::checkpoint)),
        ("GET /v1/bridge/fee", get(bridge::fee)),
        ("GET /v1/bridge/signers?height=&after=&limit=", get(bridge::signers)),
        ("GET /v1/bridge/batches?height=&after=&limit=", get(bridge::batches)),
        ("GET /v1/bridge/batches/{nonce}?height=", get(bridge::batch)),
        ("GET /v1/bridge/sets/{nonce}?height=", get(bridge::set)),
        ("GET /v1/bridge/actions/{nonce}?height=", get(bridge::action)),
        ("GET /v1/bridge/signatures?kind=&nonce=&set=&height=", get(bridge::signatures)),
        ("GET /v1/proof/{key}?height=", get(state::proof)),
        ("GET /v1/blocks?after=&limit=", get(blocks::page)),
        ("GET /v1/blocks/{height|hash|latest}?after=&limit=", get(blocks::block)),
        ("GET /v1/tx/{hash}", get(blocks::transaction)),
        ("POST /v1/tx?wait=none|checked|committed&timeout=", post(submit::submit)),
        ("POST /v1/simulate", post(simulate::simulate)),
        ("GET /v1/events?from=", get(events::stream)),
    ]
}

/// The routes for monitoring.
fn health_routes() -> Vec<Route<Arc<Health>>> {
    vec![("GET /healthz", get(ready::alive)), ("GET /readyz?need=", get(ready::ready))]
}

/// The lines of all routes, as `GET /v1` gives them; those that only a development engine has come last.
pub fn lines() -> impl Iterator<Item = &'static str> {
    let development = dev::routes().into_iter().map(|(line, _)| line);
    let health = health_routes().into_iter().map(|(line, _)| line);
    routes().into_iter().map(|(line, _)| line).chain(health).chain(development)
}

/// The path of a line as axum knows it: without method and query, each parameter under its first name.
fn path(line: &str) -> String {
    let path = line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| match part.split_once('|') {
        Some((name, _)) => format!("{name}}}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

fn router_of<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    routes.into_iter().fold(Router::new(), |router, (line, handler)| router.route(&path(line), handler))
}

/// The API as a service.
pub(crate) fn router(api: &Arc<Api>) -> Router {
    let development = match api.node.engine.dev() {
        Some(_) => router_of(dev::routes()).with_state(api.node.clone()),
        None => Router::new(),
    };
    let router = router_of(routes())
        .route("/v1", get(list))
        .merge(router_of(health_routes()).with_state(api.health.clone()))
        .merge(development)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // The limit is for the development commands; transactions have a reader of their own.
        .layer(DefaultBodyLimit::max(bodies::SMALL_BYTES))
        // The layer is below the counter, so that a panic is counted as the 500 that it becomes.
        .layer(panic_layer(api.node.metrics.clone()))
        .with_state(api.clone());
    // A browser asks by a preflight request, which is no request of the API, before it lets a page send JSON.
    let router = match api.options.cors.as_slice() {
        [] => router,
        origins => router.layer(cors_layer(origins)),
    };
    router
        .layer(middleware::from_fn_with_state(api.clients.clone(), clients::limit))
        .layer(middleware::from_fn_with_state(guests(api), local::guard))
        .layer(middleware::from_fn_with_state(api.clone(), count))
}

/// Tells browsers which pages may read the answers (the Fetch standard, CORS protocol). Credentials are never allowed:
/// the API knows none.
fn cors_layer(origins: &[String]) -> CorsLayer {
    let origins = if origins.iter().any(|origin| origin == ANY_ORIGIN) {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    let layer = CorsLayer::new().allow_origin(origins).allow_methods([Method::GET, Method::POST]);
    layer.allow_headers([header::CONTENT_TYPE]).max_age(Duration::from_secs(3_600))
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
    let (metrics, kind) = (&api.node.metrics, kind(route));
    metrics.answered(route, kind, response.status().as_u16(), start.elapsed());
    if let Some(limit) = response.extensions().get::<Limit>() {
        metrics.refused(limit.reason(kind));
    }
    response
}

/// The kind of the requests of a route, by which their times are counted.
fn kind(route: &str) -> RequestKind {
    match route {
        "/v1/tx" => RequestKind::Submission,
        "/v1/simulate" => RequestKind::Simulation,
        "/v1/events" => RequestKind::Stream,
        "/healthz" | "/readyz" => RequestKind::Probe,
        "/v1/light/{height}" | "/v1/proof/{key}" => RequestKind::Proof,
        "unknown" => RequestKind::Unknown,
        _ if route.starts_with(dev::PATH) => RequestKind::Dev,
        _ => RequestKind::Read,
    }
}

/// The lines of all routes, without the handlers that stand beside them in the table.
static LINES: LazyLock<Vec<&str>> = LazyLock::new(|| lines().collect());

async fn list(State(api): Shared) -> Json<Page<&'static str>> {
    let served = |line: &&&str| api.node.engine.dev().is_some() || !path(line).starts_with(dev::PATH);
    Json(Page { items: LINES.iter().filter(served).copied().collect(), next: None })
}

async fn unknown_path(request: Request) -> Failure {
    HttpError::UnknownPath(shortened(request.uri().path())).into()
}

async fn wrong_method(request: Request) -> Failure {
    // No route that takes a POST has a parameter in its path.
    let posted = LINES.iter().any(|line| line.starts_with("POST ") && path(line) == request.uri().path());
    let wanted = if posted { "POST" } else { "GET" };
    HttpError::Method(format!("{} is not possible here: use {wanted}", shortened(request.method().as_str()))).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]
    use diem_engine::metrics::{Disk, Moment, NewestSnapshot, OwnValidator};
    use diem_runtime::hooks::Hooks;
    use diem_types::TxResult;
    use tokio::net::TcpListener;

    use super::super::health::CHECKS;

    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_500_that_is_counted() {
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
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

    /// The series of a node whose every label has had every value: with CometBFT, or with the development engine, which
    /// has more routes and no calls of CometBFT.
    fn all_series(comet: bool) -> usize {
        let metrics = Metrics::new(prometheus::Registry::new()).unwrap();
        let took = Duration::from_millis(1);
        let paths = LINES.iter().map(|line| path(line)).filter(|path| !comet || !path.starts_with(dev::PATH));
        for route in paths.chain(["/v1".into(), "unknown".into()]) {
            for status in [200, 404, 500] {
                metrics.answered(&route, kind(&route), status, took);
            }
        }
        for (codespace, code) in (0..1_000).flat_map(|code| [("chain", code), ("bank", code), ("other", code)]) {
            metrics.checked(&TxResult { code, codespace: codespace.into(), ..TxResult::default() });
        }
        metrics.counts_hooks(Hooks::default().retried());
        if comet {
            metrics.supervises();
            for method in [
                "Info",
                "InitChain",
                "Query",
                "CheckTx",
                "Commit",
                "ListSnapshots",
                "OfferSnapshot",
                "LoadSnapshotChunk",
                "ApplySnapshotChunk",
                "PrepareProposal",
                "ProcessProposal",
                "ExtendVote",
                "VerifyVoteExtension",
                "FinalizeBlock",
            ] {
                metrics.called(method, took);
            }
        }
        let own = Some(OwnValidator { power: 1, missed: 1, may_miss: 1, jailed: false });
        metrics.moment(&Moment {
            checks: CHECKS.map(|name| (name, Some(true))).into(),
            peers: Some(1),
            validators: Some(1),
            own,
            settlement_lag: Some(took),
            unsettled_vvv: Some(1.0),
            cache_bytes: Some(1),
            tree_bytes: Some(1),
        });
        metrics.at_height(1, 1);
        metrics.state_of(1, 1);
        metrics.took_rounds(1);
        metrics.waiting(1);
        metrics.watch_validator([1; 20], 1);
        metrics.disk(Some(Disk { free: 1, size: 1, low: 1 }));
        ["state", "snapshots", "comet"].iter().for_each(|part| metrics.disk_used(part, Some(1)));
        metrics.snapshot(Some(NewestSnapshot { height: 1, time_ms: Some(1), took: Some(took) }));
        metrics.snapshot_period(Some(took));
        metrics.render().unwrap().lines().filter(|line| !line.starts_with('#')).count()
    }

    #[test]
    fn a_node_has_at_most_600_series_whatever_clients_send() {
        // The metrics of the bridge have no label that clients can choose; they are counted in their own crate.
        const OF_THE_BRIDGE: usize = 45;
        for comet in [true, false] {
            let series = all_series(comet);
            assert!(series + OF_THE_BRIDGE <= 600, "{series} with CometBFT: {comet}");
        }
    }

    #[test]
    fn the_path_of_a_line_has_neither_method_nor_query_nor_other_names() {
        assert_eq!(path("GET /v1/status"), "/v1/status");
        assert_eq!(path("GET /v1/days/{day|today}/providers?height=&after="), "/v1/days/{day}/providers");
        assert_eq!(path("GET /v1/blocks/{height|hash|latest}?after=&limit="), "/v1/blocks/{height}");
    }
}
