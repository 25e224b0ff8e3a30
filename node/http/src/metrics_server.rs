//! The server of `GET /metrics`, on a port of its own.

use std::{future::Future, io, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use diem_engine::metrics::Metrics;
use tokio::net::TcpListener;

/// Serves the metrics until `stop` completes.
///
/// # Errors
/// The listener fails for good.
pub async fn serve(
    metrics: Arc<Metrics>,
    hosts: Vec<String>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = crate::routes::guarded(Router::new().route("/metrics", get(render)).with_state(metrics), hosts);
    axum::serve(listener, app).with_graceful_shutdown(stop).await
}

async fn render(State(metrics): State<Arc<Metrics>>) -> Response {
    match metrics.render() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diem_api::ErrorReply;

    use super::*;

    #[tokio::test]
    async fn only_requests_for_this_machine_are_answered() {
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new(), None).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // The first user decides the cryptography that reqwest wants even for http, so our client is made first.
        diem_client::Client::new(&url).unwrap();
        let server = tokio::spawn(serve(metrics, vec!["node.example".into()], listener, std::future::pending()));
        let ask = async |path: &str, host: &str| {
            let request = reqwest::Client::new().get(format!("{url}{path}")).header("host", host);
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        for host in ["localhost:9464", "127.0.0.1", "node.example"] {
            let (status, text) = ask("/metrics", host).await;
            assert!(status == 200 && text.contains("diem_chain_height_blocks"), "{host}: {text}");
        }
        for (path, host, expected) in [("/metrics", "evil.example", "wrong_host"), ("/", "localhost", "unknown_path")] {
            let ErrorReply { error } = serde_json::from_str(&ask(path, host).await.1).unwrap();
            assert_eq!(error.name, expected);
        }
        server.abort();
    }
}
