//! The resources that one client may take from a node: the others are still served.

use std::time::{Duration, Instant};

use diem_api::{ErrorReply, State, Wait};
use diem_engine::engine::BlockMode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::running::{Running, start};

const PATIENCE: Duration = Duration::from_secs(30);
/// The longest that a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// A size close to the largest body; seven such bodies fit into the memory for bodies, and an eighth does not.
const LARGE: usize = 8 * 1024 * 1024 + 60_000;

/// Opens a request whose body is announced and never comes; the server waits for it when this returns.
async fn stalled(node: &Running, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    let head = format!(
        "POST /v1/tx HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\nhalf"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream
}

async fn send_large(node: &Running) -> (u16, ErrorReply) {
    let request = reqwest::Client::new().post(format!("http://{}/v1/tx", node.address)).body(vec![0; LARGE]);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_bodies_take_bounded_memory_and_keep_no_transaction_out() {
    let node = start(BlockMode::OnDemand).await;
    // Once more if it took so long that the first ones may have been given up.
    let (mut stalls, (status, ErrorReply { error })) = loop {
        let (begun, mut stalls) = (Instant::now(), Vec::new());
        for _ in 0..7 {
            stalls.push(stalled(&node, LARGE).await);
        }
        let answer = send_large(&node).await;
        if begun.elapsed() < BODY_PATIENCE {
            break (stalls, answer);
        }
    };
    assert_eq!((status, error.name.as_str(), error.retry), (503, "busy", true), "{}", error.message);
    let tx = node.transfer(0, 0, 1, 5).bytes();
    let answer = node.client.submit(tx.to_vec(), Wait::Committed, PATIENCE).await.unwrap();
    assert_eq!(answer.state, State::Committed);
    // One request waits for its timeout; the memory of the others is free when they have gone.
    let mut last = stalls.pop().unwrap();
    drop(stalls);
    let until_heard = async {
        while send_large(&node).await.1.error.name == "busy" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut answer = String::new();
        last.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = tokio::time::timeout(2 * PATIENCE, until_heard).await.unwrap();
    assert!(answer.contains("HTTP/1.1 408") && answer.contains("\"timeout\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_genesis_is_read_once() {
    let node = start(BlockMode::Manual).await;
    assert_eq!(node.client.genesis().await.unwrap(), node.doc);
    std::fs::remove_file(node.genesis_file()).unwrap();
    assert_eq!(node.client.genesis().await.unwrap(), node.doc);
}

/// Sends these bytes and nothing more; returns the first line of the answer and the error.
async fn heard(node: &Running, request: &str) -> (String, ErrorReply) {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = tokio::time::timeout(2 * PATIENCE, stream.read(&mut part)).await.unwrap().unwrap();
        answer.extend_from_slice(&part[..read]);
        let text = std::str::from_utf8(&answer).unwrap();
        let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| Some((head, serde_json::from_str(body).ok()?)));
        if let Some((head, reply)) = whole {
            return (head.lines().next().unwrap().to_owned(), reply);
        }
        assert!(read > 0, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_before_it_is_a_request_has_the_shape_of_every_error() {
    let node = start(BlockMode::OnDemand).await;
    let post = |length: &str| format!("POST /v1/tx HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
    let get = |path: &str, rest: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{rest}\r\n");
    let long = "a".repeat(120_000);
    for (request, status, name) in [
        ("NONSENSE\r\n\r\n".into(), "HTTP/1.1 400 ", "bad_request"),
        (post("-1"), "HTTP/1.1 400 ", "bad_request"),
        (get("/v1/status", &format!("x: {long}\r\n")), "HTTP/1.1 431 ", "head_too_large"),
        (get(&format!("/{long}"), ""), "HTTP/1.1 431 ", "head_too_large"),
        // The body is announced and never sent: a server that waited for it would answer `timeout`.
        (post("99999999999"), "HTTP/1.1 413 ", "body_too_large"),
        (post("20000000"), "HTTP/1.1 413 ", "body_too_large"),
    ] {
        let shown: String = request.chars().take(60).collect();
        let (line, ErrorReply { error }) = heard(&node, &request).await;
        assert!(line.starts_with(status), "{shown}: {line}");
        assert_eq!((error.codespace.as_str(), error.name.as_str(), error.retry), ("http", name, false), "{shown}");
    }
}
