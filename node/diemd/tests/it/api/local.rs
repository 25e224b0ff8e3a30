//! Over loopback, every entrance accepts only requests for this machine.

use diem_api::ErrorReply;
use diem_engine::engine::BlockMode;
use reqwest::{Method, header::HeaderName};

use super::running::{Running, start, start_with};

async fn ask(node: &Running, method: Method, path: &str, headers: &[(HeaderName, &str)]) -> (u16, String) {
    let mut request = reqwest::Client::new().request(method, format!("http://{}{path}", node.address));
    request = request.header("content-type", "application/json").body("{}");
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    if path.starts_with("/v1/events") && status == 200 {
        return (status, String::new());
    }
    (status, answer.text().await.unwrap())
}

/// The entrances: reads, streams, development commands, and monitoring.
const DOORS: [(Method, &str); 7] = [
    (Method::GET, "/v1/status"),
    (Method::GET, "/v1/events"),
    (Method::POST, "/v1/tx"),
    (Method::POST, "/v1/dev/mine"),
    (Method::GET, "/healthz"),
    (Method::GET, "/readyz"),
    (Method::GET, "/nothing"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_name_leads_here_is_refused_at_every_door() {
    let node = start(BlockMode::Manual).await;
    let height = node.app.info().height;
    for (method, path) in DOORS {
        for host in ["evil.example", "evil.example:1317", "localhost.evil.example"] {
            let (status, text) = ask(&node, method.clone(), path, &[(reqwest::header::HOST, host)]).await;
            let ErrorReply { error } = serde_json::from_str(&text).unwrap();
            assert_eq!((status, error.codespace.as_str(), error.name.as_str()), (403, "http", "wrong_host"), "{path}");
            assert!(error.message.contains("api.hosts"), "{error}");
        }
        let (status, _) = ask(&node, method, path, &[(reqwest::header::ORIGIN, "https://evil.example")]).await;
        assert_eq!(status, 403, "{path}");
    }
    assert_eq!(node.app.info().height, height, "no block was made");
    for (method, path) in DOORS {
        for host in ["localhost", "127.0.0.1:99", "[::1]"] {
            let (status, text) = ask(&node, method.clone(), path, &[(reqwest::header::HOST, host)]).await;
            assert_ne!(status, 403, "{path}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_operator_listed_is_let_in() {
    let node = start_with(BlockMode::Manual, |options| options.hosts = vec!["node.example".into()]).await;
    for (host, expected) in [("node.example", 200), ("NODE.example:8080", 200), ("other.example", 403)] {
        let (status, text) = ask(&node, Method::GET, "/v1/status", &[(reqwest::header::HOST, host)]).await;
        assert_eq!(status, expected, "{host}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_sites_may_read_the_answers_and_no_others() {
    let ask = async |node: &Running, method: Method, origin: &str| {
        let mut request = reqwest::Client::new().request(method.clone(), format!("http://{}/v1/status", node.address));
        request = request.header("origin", origin);
        if method == Method::OPTIONS {
            request = request.header("access-control-request-method", "POST");
            request = request.header("access-control-request-headers", "content-type");
        }
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("access-control-allow-credentials"), None, "no page acts for anybody");
        (answer.status().as_u16(), header("access-control-allow-origin"), header("access-control-allow-methods"))
    };
    let (listed, other) = ("https://app.example", "https://evil.example");
    let node = start_with(BlockMode::Manual, |options| options.cors = vec![listed.into()]).await;
    assert_eq!(ask(&node, Method::GET, listed).await, (200, Some(listed.into()), None));
    assert_eq!(ask(&node, Method::OPTIONS, listed).await, (200, Some(listed.into()), Some("GET,POST".into())));
    assert_eq!(ask(&node, Method::GET, other).await.0, 403);
    let open = start_with(BlockMode::Manual, |options| options.cors = vec!["*".into()]).await;
    assert_eq!(ask(&open, Method::GET, other).await, (200, Some("*".into()), None));
    // The name of the host counts all the same: a page whose name leads here is no guest.
    let (status, _) = self::ask(&open, Method::GET, "/v1/status", &[(reqwest::header::HOST, "evil.example")]).await;
    assert_eq!(status, 403);
    let closed = start(BlockMode::Manual).await;
    assert_eq!(ask(&closed, Method::GET, "http://localhost:3000").await, (200, None, None));
}
