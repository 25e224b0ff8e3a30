//! Every kind of bad input over HTTP: each has a stable error, and nothing changes.

use std::time::Duration;

use bytes::Bytes;
use diem_api::{ErrorReply, MAX_BATCH_TXS, State, TXS_MEDIA_TYPE, Wait};
use diem_client::ClientError;
use diem_core::{
    Amount,
    keys::Auth,
    tx::{MAX_CALLS, MAX_TX_BYTES},
};
use diem_engine::engine::BlockMode;
use diem_testkit::people::TxBuilder;
use diem_types::Signed;
use reqwest::{Method, StatusCode, header::CONTENT_TYPE};

use super::running::{Running, start};

const PATIENCE: Duration = Duration::from_secs(30);

/// Submits a transaction that is refused; returns the error's name, text and HTTP status.
async fn refusal(node: &Running, tx: impl Into<Vec<u8>>) -> (String, String, u16) {
    match node.client.submit(tx.into(), Wait::Checked, PATIENCE).await {
        Err(ClientError::Refused { status, error }) => (error.codespace, error.name, status),
        other => panic!("this should have been refused: {other:?}"),
    }
}

fn forged(tx: &Bytes, change: impl FnOnce(&mut Auth)) -> Vec<u8> {
    let mut signed = Signed::decode(tx).unwrap();
    change(&mut signed.auth);
    signed.tx.with_auth(&signed.auth, signed.payer_auth.as_ref())
}

fn flip_signature(auth: &mut Auth) {
    match auth {
        Auth::Ed25519 { signature, .. } => signature[3] ^= 1,
        Auth::Ethereum { signature } => signature[3] ^= 1,
    }
}

/// Replaces s by n - s and flips the recovery id, which makes the malleable twin of a signature.
fn high_s(auth: &mut Auth) {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let Auth::Ethereum { signature } = auth else { panic!("an Ethereum key") };
    let mut borrow = false;
    for index in (0..32).rev() {
        let s = signature[32 + index];
        let (digit, first) = ORDER[index].overflowing_sub(s);
        let (digit, second) = digit.overflowing_sub(borrow.into());
        (signature[32 + index], borrow) = (digit, first || second);
    }
    signature[64] = if signature[64] == 27 { 28 } else { 27 };
}

/// A bad transaction: what is wrong with it, its bytes, the codespace and name of its error, and the HTTP status.
type Bad = (&'static str, Vec<u8>, &'static str, &'static str, u16);

/// Transactions whose bytes mean nothing.
fn malformed(good: &TxBuilder) -> Vec<Bad> {
    let bytes = good.bytes();
    let many_calls = good.clone().with(|tx| tx.calls = vec![tx.calls[0].clone(); MAX_CALLS + 1]).bytes();
    let mut unknown_module = bytes.to_vec();
    replace_call_discriminant(&mut unknown_module, 0xee);
    vec![
        ("empty", vec![], "chain", "malformed", 400),
        ("truncated", bytes[..bytes.len() - 1].to_vec(), "chain", "malformed", 400),
        ("left-over bytes", [&bytes[..], &[0]].concat(), "chain", "malformed", 400),
        ("oversize", vec![0; MAX_TX_BYTES + 1], "chain", "too_large", 413),
        ("reserved envelope", vec![1, 2, 3], "chain", "reserved", 400),
        ("unknown envelope", vec![9, 2, 3], "chain", "malformed", 400),
        ("unknown discriminant", unknown_module, "chain", "malformed", 400),
        ("too many calls", many_calls.to_vec(), "chain", "limits", 400),
    ]
}

/// Transactions that nobody who may has signed.
fn badly_signed(node: &Running, good: &TxBuilder) -> Vec<Bad> {
    let (bytes, ethereum) = (good.bytes(), node.transfer(2, 0, 1, 1).bytes());
    // The key is the identity point, with which anyone can sign. Its address must be the sender's, or that error comes
    // first.
    let mut weak_key = [0; 32];
    weak_key[0] = 1;
    let sender = diem_core::keys::ed25519_address(&weak_key);
    let weak = diem_types::Tx { sender, ..Signed::decode(&bytes).unwrap().tx };
    let mut identity = [0; 64];
    identity[0] = 1;
    let weak = weak.with_auth(&Auth::Ed25519 { public_key: weak_key, signature: identity }, None);
    vec![
        ("bad signature", forged(&bytes, flip_signature), "chain", "bad_signature", 400),
        ("another's signature", with_another_key(node, &bytes), "chain", "wrong_signer", 400),
        ("small-order key", weak, "chain", "weak_key", 400),
        ("high s", forged(&ethereum, high_s), "chain", "high_s", 400),
    ]
}

/// Transactions that this chain does not take, or not now, or not for this fee.
fn not_taken(node: &Running, good: &TxBuilder) -> Vec<Bad> {
    let with = |change: fn(&mut diem_types::Tx)| good.clone().with(change).bytes().to_vec();
    let nobody = diem_testkit::people::Person::new(999);
    let nobody = TxBuilder::transfer(&node.doc, &nobody, 0, node.address_of(1), Amount::new(1));
    let dearest = with(|tx| (tx.gas_price, tx.max_fee) = (Amount::ONE, Amount::MAX));
    vec![
        ("wrong chain id", with(|tx| tx.chain_id = "other-dev".into()), "chain", "wrong_chain_id", 400),
        ("wrong genesis hash", with(|tx| tx.genesis_hash = [9; 32]), "chain", "wrong_genesis_hash", 400),
        ("expired", with(|tx| tx.expiry = 0), "chain", "expired", 409),
        ("nonce too high", with(|tx| tx.nonce = 17), "chain", "nonce_too_high", 409),
        ("gas price too low", with(|tx| tx.gas_price = Amount::new(1)), "chain", "gas_price_too_low", 402),
        ("max fee too low", with(|tx| tx.max_fee = Amount::new(1)), "chain", "max_fee_too_low", 402),
        ("never paid", nobody.bytes().to_vec(), "chain", "no_account", 402),
        ("no funds for the fee", dearest, "chain", "insufficient_fee_funds", 402),
        ("amount of zero", node.transfer(0, 0, 1, 0).bytes().to_vec(), "bank", "zero_amount", 400),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_transaction_has_its_error_and_changes_nothing() {
    let node = start(BlockMode::OnDemand).await;
    let (root, height) = (node.app.info().root, node.app.info().height);
    let good = node.transfer(0, 0, 1, 1);
    let bytes = good.bytes();
    let cases = [malformed(&good), badly_signed(&node, &good), not_taken(&node, &good)].concat();
    for (what, tx, codespace, name, status) in cases {
        let expected = (codespace.to_owned(), name.to_owned(), status);
        assert_eq!(refusal(&node, tx.clone()).await, expected, "{what}");
        assert_eq!(refusal(&node, tx).await, expected, "{what}, again");
    }
    assert_eq!((node.app.info().root, node.app.info().height), (root, height), "nothing changed");

    let answer = node.client.submit(bytes.to_vec(), Wait::Committed, PATIENCE).await.unwrap();
    assert_eq!(answer.state, State::Committed, "the good one was not harmed");
    let other = good.with(|tx| tx.memo = "another with the same nonce".into()).bytes();
    let expected = ("chain".to_owned(), "nonce_too_low".to_owned(), 409);
    assert_eq!(refusal(&node, other).await, expected, "a used nonce");
}

/// Replaces the first byte of the first call, its module; the calls follow the fee payer's option, which is empty.
fn replace_call_discriminant(bytes: &mut [u8], value: u8) {
    let signed = Signed::decode(bytes).unwrap();
    let call: Vec<u8> = diem_core::encode(&signed.tx.calls[0]);
    let place = bytes.windows(call.len()).position(|window| window == call).unwrap();
    bytes[place] = value;
}

fn with_another_key(node: &Running, bytes: &Bytes) -> Vec<u8> {
    let other = Signed::decode(&node.transfer(1, 0, 0, 1).bytes()).unwrap().auth;
    Signed::decode(bytes).unwrap().tx.with_auth(&other, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_garbage_answers_each_and_the_good_one_lands() {
    let node = start(BlockMode::OnDemand).await;
    let good = node.transfer(0, 0, 1, 1).bytes();
    let mut txs: Vec<Vec<u8>> = (0..64u8).map(|n| vec![n; usize::from(n)]).collect();
    txs.insert(20, good.to_vec());
    txs.insert(40, vec![0; MAX_TX_BYTES + 1]);
    let answers = node.client.submit_batch(&txs, Wait::Committed, PATIENCE).await.unwrap();
    assert_eq!(answers.len(), txs.len());
    for (index, answer) in answers.iter().enumerate() {
        let expected = if index == 20 { State::Committed } else { State::Rejected };
        assert_eq!(answer.state, expected, "{index}: {answer:?}");
    }
    assert_eq!(answers[40].error.as_ref().unwrap().name, "too_large");
    let block = node.client.block(diem_api::BlockId::Latest, None).await.unwrap();
    assert_eq!(block.txs.items.len(), 1);
}

/// Sends a request as it is and reads the error from the answer.
async fn raw(
    node: &Running,
    method: Method,
    path: &str,
    media_type: Option<&str>,
    body: Vec<u8>,
) -> (StatusCode, ErrorReply) {
    let url = format!("http://{}{path}", node.address);
    let mut request = reqwest::Client::new().request(method, url).body(body);
    if let Some(media_type) = media_type {
        request = request.header(CONTENT_TYPE, media_type);
    }
    let answer = request.send().await.unwrap();
    let (status, body) = (answer.status(), answer.bytes().await.unwrap());
    let reply = serde_json::from_slice(&body);
    (status, reply.unwrap_or_else(|e| panic!("{path}: {e}: {}", String::from_utf8_lossy(&body))))
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_what_is_wrong() {
    let node = start(BlockMode::OnDemand).await;
    let absent = "ab".repeat(32);
    for (path, status, name, words) in [
        ("/nothing", 404, "unknown_path", "there is no /nothing here"),
        ("/v1/status?x=1", 400, "bad_request", "unknown field `x`"),
        ("/v1/accounts/diem1xyz", 400, "bad_request", "diem1xyz"),
        ("/v1/accounts/0x00?height=1", 400, "bad_request", "is not an address"),
        (&format!("/v1/accounts/0x{}?height=x", "00".repeat(20)), 400, "bad_request", "height"),
        (&format!("/v1/accounts/0x{}?prove=maybe", "00".repeat(20)), 400, "bad_request", "prove"),
        (&format!("/v1/accounts/0x{}?height=999", "00".repeat(20)), 404, "not_found", "height 999 is not there yet"),
        ("/v1/proof/zz", 400, "bad_request", "not hex"),
        ("/v1/proof/0x", 400, "bad_request", "1 to"),
        ("/v1/tx/12", 400, "bad_request", "64 hex digits"),
        (&format!("/v1/tx/{absent}"), 404, "not_found", "no committed block"),
        ("/v1/blocks/x", 400, "bad_request", "names no block"),
        ("/v1/blocks/999", 404, "not_found", "no block 999"),
        ("/v1/blocks?limit=0", 400, "bad_request", "1 to 100"),
        ("/v1/blocks?limit=101", 400, "bad_request", "1 to 100"),
        ("/v1/blocks/latest?from=-1", 400, "bad_request", "from"),
    ] {
        let (found, ErrorReply { error }) = raw(&node, Method::GET, path, None, vec![]).await;
        assert_eq!((found.as_u16(), error.codespace.as_str(), error.name.as_str()), (status, "http", name), "{path}");
        assert!(error.message.contains(words), "{path}: {}", error.message);
    }
    for (method, path) in [(Method::DELETE, "/v1/status"), (Method::GET, "/v1/dev/mine"), (Method::PUT, "/v1/tx")] {
        let (status, ErrorReply { error }) = raw(&node, method, path, None, vec![]).await;
        assert_eq!((status.as_u16(), error.name.as_str()), (405, "method"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_bodies_are_told_what_is_wrong() {
    let node = start(BlockMode::OnDemand).await;
    let json = Some("application/json");
    let many = format!("{{\"txs\":[{}]}}", vec!["\"0x00\""; MAX_BATCH_TXS + 1].join(","));
    for (media_type, body, status, name) in [
        (Some("application/x-www-form-urlencoded"), vec![0], 415, "media_type"),
        (json, b"{".to_vec(), 400, "bad_request"),
        (json, b"{\"tx\":\"0x0\"}".to_vec(), 400, "bad_request"),
        (json, b"{\"tx\":\"0x00\",\"more\":1}".to_vec(), 400, "bad_request"),
        (json, b"{\"txs\":[]}".to_vec(), 400, "bad_request"),
        (json, many.into_bytes(), 413, "body_too_large"),
        (Some(TXS_MEDIA_TYPE), vec![0xff; 8], 400, "bad_request"),
        (Some(TXS_MEDIA_TYPE), vec![], 400, "bad_request"),
        (None, vec![0; 16 * 1024 * 1024], 413, "body_too_large"),
    ] {
        let (found, ErrorReply { error }) = raw(&node, Method::POST, "/v1/tx", media_type, body).await;
        assert_eq!((found.as_u16(), error.name.as_str()), (status, name), "{}", error.message);
    }
    for (path, words) in [
        ("/v1/tx?wait=forever", "none, checked or committed"),
        ("/v1/tx?timeout=9999", "at most"),
        ("/v1/tx?sync=1", "unknown field"),
    ] {
        let (status, ErrorReply { error }) = raw(&node, Method::POST, path, None, vec![]).await;
        assert_eq!(status.as_u16(), 400, "{path}");
        assert!(error.message.contains(words), "{path}: {}", error.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn development_commands_beyond_their_limits_are_told_so() {
    let node = start(BlockMode::Manual).await;
    for (path, body, words) in [
        ("/v1/dev/warp", r#"{"to":"9999-12-31T23:59:59Z"}"#, "goes too far: the latest is 9000-01-01T00:00:00"),
        (
            "/v1/dev/warp",
            r#"{"by":"3000000d"}"#,
            "a warp to a time after the year 9999 goes too far: the latest is 9000-01-01T00:00:00",
        ),
        ("/v1/dev/mode", r#"{"mode":{"every":"2d"}}"#, "too long for a block: at most 1d"),
        ("/v1/dev/mine", r#"{"blocks":10001}"#, "at most 10000 blocks"),
    ] {
        let body = body.as_bytes().to_vec();
        let (status, ErrorReply { error }) = raw(&node, Method::POST, path, Some("application/json"), body).await;
        assert_eq!((status.as_u16(), error.name.as_str()), (400, "bad_request"), "{path}: {}", error.message);
        assert!(error.message.contains(words), "{path}: {}", error.message);
    }
    assert_eq!(diem_engine::Engine::dev(&*node.engine).unwrap().mine(1).await, Ok(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_may_come_as_bytes_hex_or_base64() {
    use base64::Engine as _;
    let node = start(BlockMode::OnDemand).await;
    let http = reqwest::Client::new();
    let tx = |nonce| node.transfer(0, nonce, 1, 1).bytes();
    let hex = format!("{{\"tx\":\"0x{}\"}}", hex::encode(tx(0)));
    let base64 = base64::engine::general_purpose::STANDARD.encode(tx(1));
    let base64 = format!("{{\"txs\":[\"{base64}\"]}}");
    for (media_type, body) in [
        ("application/json", hex.into_bytes()),
        ("application/json; charset=utf-8", base64.into_bytes()),
        ("application/octet-stream", tx(2).to_vec()),
    ] {
        let request = http.post(format!("http://{}/v1/tx?wait=committed", node.address));
        let answer = request.header(CONTENT_TYPE, media_type).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{media_type}");
        assert!(answer.text().await.unwrap().contains("\"state\":\"committed\""), "{media_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heights_beyond_what_is_kept_are_told_so() {
    let node = start(BlockMode::OnDemand).await;
    diem_engine::Engine::dev(&*node.engine).unwrap().mine(80).await.unwrap();
    let oldest = node.client.status().await.unwrap().oldest_state_height.unwrap();
    assert!(oldest > 1);
    for prove in [false, true] {
        let kept = node.client.account(&node.address_of(0), Some(oldest), prove).await.unwrap();
        assert_eq!(kept.height, oldest);
        let error = node.client.account(&node.address_of(0), Some(oldest - 1), prove).await.unwrap_err();
        let error = error.refusal().unwrap();
        assert_eq!((error.name.as_str(), error.http_status()), ("pruned", 410));
        assert!(error.message.contains(&format!("heights {oldest} to")), "{}", error.message);
    }
}
