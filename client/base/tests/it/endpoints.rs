//! An endpoint may be anybody: what it answers is bounded, and what is wrong with it is said.

use std::{
    io::Write as _,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use diem_base::{Base, BaseError, Bridge, Call, Sender, Terms};

use crate::{
    stand_in::{endpoint, respond, serve},
    world::{CHAIN_ID, World, key},
};

/// Ten times as long as the client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(100);

async fn refusal(url: &str) -> BaseError {
    let asked = tokio::time::timeout(PATIENCE, Base::connect(url, CHAIN_ID));
    asked.await.expect("each answer is bounded in time").unwrap_err()
}

#[tokio::test]
async fn an_endpoint_of_another_chain_is_refused_with_both_names() {
    let Some(world) = World::start(|_| ()).await else { return };
    let error = Base::connect(&world.local.url(), 8453).await.unwrap_err();
    assert!(matches!(error, BaseError::WrongChain { found: CHAIN_ID, expected: 8453, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("chain 84530") && text.contains("chain 8453:"), "{text}");
}

#[tokio::test]
async fn what_is_no_url_is_refused_before_anybody_is_asked() {
    for bad in ["", "base", "127.0.0.1:8545", "ws://127.0.0.1:8545", "http://"] {
        assert!(matches!(refusal(bad).await, BaseError::Url(_)), "{bad}");
    }
}

#[tokio::test]
async fn nobody_at_the_port_is_said_so() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refusal(&format!("http://{free}")).await;
    assert!(matches!(error, BaseError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn garbage_is_not_believed() {
    let failure = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}"#;
    for (status, body, wanted) in [
        ("200 OK", "hello", "expected value"),
        ("200 OK", "", "EOF"),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1}"#, "as an endpoint of Base does"),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1,"result":"many"}"#, "answers `eth_chainId`"),
        ("200 OK", r#"{"jsonrpc":"2.0","id":1,"result":"0xffffffffffffffffff"}"#, "answers `eth_chainId`"),
        ("404 Not Found", "nothing here", "HTTP status 404"),
        ("302 Found", "", "HTTP status 302"),
        ("200 OK", failure, "refuses `eth_chainId`: no (code -32000)"),
    ] {
        let url = serve(move |_, stream| respond(stream, status, body));
        let error = refusal(&url).await.to_string();
        assert!(error.contains(wanted), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_endpoint_without_end_is_left_after_two_megabytes() {
    let url = serve(|_, stream| {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let part = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
        let mut sent = stream.write_all(head.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(part.as_bytes());
        }
    });
    let error = refusal(&url).await.to_string();
    assert!(error.contains("more than 2097152 bytes"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_is_silent_or_drips_is_left() {
    let silent = serve(|_, _| std::thread::sleep(PATIENCE));
    let drips = serve(|_, stream| {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(200));
            sent = stream.write_all(b" ");
        }
    });
    let (silent, drips) = tokio::join!(refusal(&silent), refusal(&drips));
    for error in [silent, drips] {
        assert!(matches!(error, BaseError::Lost { method: "eth_chainId", .. }), "{error}");
    }
}

/// An endpoint of a chain that is busy at each first question, and whenever it gets a transaction; it counts both.
fn busy(questions: &Arc<AtomicU32>, transactions: &Arc<AtomicU32>) -> String {
    let (questions, transactions) = (questions.clone(), transactions.clone());
    serve(move |body, stream| {
        let result = match body {
            body if body.contains("eth_sendRawTransaction") => {
                transactions.fetch_add(1, Ordering::SeqCst);
                return respond(stream, "503 Service Unavailable", "busy");
            }
            body if body.contains("eth_chainId") => {
                if questions.fetch_add(1, Ordering::SeqCst) == 0 {
                    return respond(stream, "503 Service Unavailable", "busy");
                }
                r#""0x14a32""#
            }
            body if body.contains("eth_getTransactionReceipt") => "null",
            body if body.contains("eth_getBlockByNumber") => BLOCK,
            body if body.contains("eth_estimateGas") => r#""0x5208""#,
            body if body.contains("eth_maxPriorityFeePerGas") => r#""0x1""#,
            // It is a balance and a nonce.
            _ => r#""0x10000000000000""#,
        };
        respond(stream, "200 OK", &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#));
    })
}

#[tokio::test]
async fn a_question_is_asked_again_and_a_transaction_is_not() {
    let (questions, transactions) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let base = Base::connect(&busy(&questions, &transactions), CHAIN_ID).await.unwrap();
    assert_eq!(questions.load(Ordering::SeqCst), 2);

    let bridge = Bridge::new(base.clone(), key("bridge").address());
    let (replace_after, give_up_after) = (PATIENCE, Duration::from_secs(1));
    let terms = Terms { replace_after, give_up_after, ..Terms::default() };
    let sender = Sender::new(base, key("sender")).with_terms(terms);
    let error = sender.send(&bridge, &Call::release(1)).await.unwrap_err();
    assert!(matches!(error, BaseError::Stuck { .. }), "what was sent may have arrived: {error}");
    assert_eq!(transactions.load(Ordering::SeqCst), 1);
}

/// A block with a field that no header has.
const BLOCK: &str = r#"{"number":"0x1","hash":"0x0101010101010101010101010101010101010101010101010101010101010101","timestamp":"0x1","baseFeePerGas":"0x1","timestampMs":"0x3e8"}"#;

/// The answers of an endpoint on which everything costs too much.
const DEAR: &[(&str, &str)] = &[
    ("eth_chainId", r#""0x14a32""#),
    ("eth_estimateGas", r#""0x5208""#),
    ("eth_getBlockByNumber", BLOCK),
    ("eth_maxPriorityFeePerGas", r#""0xffffffffffff""#),
    ("eth_getBalance", r#""0xffffffffffffffffffff""#),
];

#[tokio::test]
async fn a_lying_endpoint_cannot_make_a_sender_pay_any_price() {
    let base = Base::connect(&endpoint(DEAR), CHAIN_ID).await.unwrap();
    assert_eq!(base.latest().await.unwrap().number, 1, "fields that no header has are ignored");
    let bridge = Bridge::new(base.clone(), key("bridge").address());
    let error = Sender::new(base, key("sender")).send(&bridge, &Call::release(1)).await.unwrap_err();
    assert!(matches!(error, BaseError::TooDear { .. }), "{error}");
}

#[tokio::test]
async fn more_gas_than_base_takes_is_refused_before_it_is_sent() {
    const HEAVY: &[(&str, &str)] = &[("eth_chainId", r#""0x14a32""#), ("eth_estimateGas", r#""0x1000001""#)];
    let base = Base::connect(&endpoint(HEAVY), CHAIN_ID).await.unwrap();
    let bridge = Bridge::new(base.clone(), key("bridge").address());
    let error = Sender::new(base, key("sender")).send(&bridge, &Call::release(1)).await.unwrap_err();
    let wanted = "the call needs 16777217 gas, but Base takes at most 16777216 in a transaction (EIP-7825)";
    assert_eq!(error.to_string(), wanted);
}
