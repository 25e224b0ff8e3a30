//! The server of `GET /metrics`, on a port of its own. Probes ask there too, so that they never compete with the public.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::net::TcpListener;

use super::{health::Health, ready};

/// Serves the metrics, `/healthz` and `/readyz` until `stop` completes.
///
/// # Errors
/// The listener fails for good.
pub async fn serve(
    health: Arc<Health>,
    hosts: Vec<String>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Router::new()
        .route("/metrics", get(render))
        .route("/healthz", get(ready::alive))
        .route("/readyz", get(ready::ready))
        .with_state(health);
    axum::serve(listener, crate::routes::guarded(app, hosts)).with_graceful_shutdown(stop).await
}

async fn render(State(health): State<Arc<Health>>) -> Response {
    let metrics = &health.node().metrics;
    metrics.moment(&health.moment().await);
    let rendered = metrics.render();
    health.scraped();
    match rendered {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
