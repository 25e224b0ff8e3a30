//! `POST /v1/simulate`: a transaction then does what the simulation says.

use std::time::Duration;

use diem_api::{ErrorReply, MAX_BATCH_BYTES, Moment, SimulateCalls, Simulated, State, Wait};
use diem_client::build::Intent;
use diem_core::{Amount, Denom, keys::KeyKind, tx::MAX_CALLS};
use diem_credits as credits;
use diem_diem as diem;
use diem_engine::{Engine as _, engine::Warp};
use diem_testkit::economy::{validator, whole};
use diem_types::Call;
use reqwest::header::CONTENT_TYPE;

use super::running::{Running, start_economy};

fn mint() -> Call {
    Call::Diem(diem::Msg::Mint { validator: validator(0), lock: whole(900), min_out: whole(9) })
}

fn pay(node: &Running, amount: Amount) -> Call {
    Call::Bank(diem_bank::Msg::Transfer { to: node.address_of(1), denom: Denom::Vvv, amount })
}

fn calls(node: &Running, calls: Vec<Call>) -> SimulateCalls {
    SimulateCalls {
        sender: node.address_of(0),
        sender_key: KeyKind::Ed25519,
        fee_payer: None,
        payer_key: KeyKind::Ed25519,
        calls,
        memo: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_says_what_the_transaction_then_does() {
    let node = start_economy().await;
    let client = &node.client;
    for (sender, kind) in [(0, KeyKind::Ed25519), (2, KeyKind::Ethereum)] {
        let mut intent = Intent::new(node.address_of(sender), kind, vec![pay(&node, whole(5))]);
        intent.fee_payer = Some((node.address_of(4), KeyKind::Ed25519));
        let draft = client.draft(intent).await.unwrap();
        let (root, height) = (node.app.info().root, node.app.info().height);
        let tried = client.simulate(&draft.tx, kind, Some(KeyKind::Ed25519)).await.unwrap();
        assert_eq!((node.app.info().root, node.app.info().height), (root, height), "nothing was written");
        assert_eq!(tried.height, height);
        let bytes = draft.tx.sign(&node.people[sender].key, Some(&node.people[4].key)).unwrap();
        let done = client.submit(bytes, Wait::Committed, Duration::from_secs(30)).await.unwrap().tx.unwrap();
        assert_eq!(done.result, tried.result);
        assert_eq!(tried.changes.len(), 3, "sender, payer and receiver: {tried:?}");
        for change in &tried.changes {
            let account = client.account(&change.account, None, false).await.unwrap();
            assert_eq!(account.vvv, change.after);
        }
        let sent = tried.changes.iter().find(|change| change.account == node.address_of(sender)).unwrap();
        assert_eq!(sent.display, "-5 VVV");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_alone_are_completed_with_what_the_chain_suggests() {
    let node = start_economy().await;
    let tried = node.client.simulate_calls(calls(&node, vec![mint()])).await.unwrap();
    assert!(tried.result.ok, "{tried:?}");
    let displays: Vec<&str> = tried.changes.iter().map(|change| change.display.as_str()).collect();
    let fee = format!("-{}", tried.result.fee.display);
    assert_eq!(displays, [fee.as_str(), "+10 DIEM"]);
    let done = node.commit(&node.people[0], vec![mint()]).await;
    assert_eq!((done.result.fee, done.result.events), (tried.result.fee, tried.result.events));

    // The answer for a failing call says why, and also what it would cost.
    let failed = node.client.simulate_calls(calls(&node, vec![pay(&node, Amount::MAX)])).await.unwrap();
    let error = failed.result.error.unwrap();
    assert_eq!(
        (failed.result.ok, error.codespace.as_str(), error.name.as_str()),
        (false, "bank", "insufficient_funds")
    );
    assert!(!failed.result.fee.amount.is_zero());
    assert_eq!(failed.changes.len(), 1, "only the fee");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_midnight_without_a_block_the_new_day_counts() {
    let node = start_economy().await;
    let open = node.client.today(None).await.unwrap();
    let gift = |day| Call::Credits(credits::Msg::GiftCredit { to: node.address_of(1), day, amount: whole(1) });
    let tried = |day| node.client.simulate_calls(calls(&node, vec![gift(day)]));
    assert!(tried(open.day).await.unwrap().result.ok);
    assert!(!tried(open.day + 1).await.unwrap().result.ok);

    let warped = node.engine.dev().unwrap().warp(Warp::To(open.closes_at.time)).await.unwrap();
    assert_eq!(node.client.clock().await.unwrap().next_block, Moment { time: warped, epoch: open.day + 1 });
    let yesterday = tried(open.day).await.unwrap();
    assert_eq!(yesterday.result.error.unwrap().name, "not_today");
    let today = tried(open.day + 1).await.unwrap();
    assert!(today.result.ok, "{today:?}");
    assert_eq!((today.height, today.time, today.epoch), (open.height, warped, open.day + 1));
    let done = node.commit(&node.people[0], vec![gift(open.day + 1)]).await;
    assert_eq!((done.result, done.height, done.time), (today.result, today.height + 1, today.time));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_and_bad_transactions_are_results() {
    let node = start_economy().await;
    let good = serde_json::to_value(calls(&node, vec![mint()])).unwrap();
    let with = |name: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let json = "application/json";
    for (media_type, body, status, codespace, name) in [
        (json, "{".to_owned(), 400, "http", "bad_request"),
        (json, "{}".to_owned(), 400, "http", "bad_request"),
        (json, r#"{"tx":"0x00"}"#.to_owned(), 400, "http", "bad_request"),
        (json, r#"{"tx":"zz!"}"#.to_owned(), 400, "http", "bad_request"),
        (json, with("sender", "nobody".into()), 400, "http", "bad_request"),
        (json, with("sender_key", "rsa".into()), 400, "http", "bad_request"),
        (json, with("more", 1.into()), 400, "http", "bad_request"),
        (json, with("calls", serde_json::json!([])), 400, "chain", "limits"),
        (json, with("calls", vec![good["calls"][0].clone(); MAX_CALLS + 1].into()), 400, "chain", "limits"),
        (json, with("memo", "m".repeat(1_000).into()), 400, "chain", "limits"),
        (json, with("fee_payer", good["sender"].clone()), 400, "chain", "fee_payer"),
        (json, with("memo", "m".repeat(3 * MAX_BATCH_BYTES).into()), 413, "http", "body_too_large"),
        ("text/plain", good.to_string(), 415, "http", "media_type"),
    ] {
        let request = reqwest::Client::new().post(format!("http://{}/v1/simulate", node.address));
        let answer = request.header(CONTENT_TYPE, media_type).body(body).send().await.unwrap();
        let found = answer.status().as_u16();
        let ErrorReply { error } = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let found = (found, error.codespace.as_str(), error.name.as_str());
        assert_eq!(found, (status, codespace, name), "{}", error.message);
    }
    let draft = node.client.draft(Intent::new(node.address_of(0), KeyKind::Ed25519, vec![mint()])).await.unwrap();
    for (change, name) in [
        ((|tx| tx.nonce = 7) as fn(&mut diem_types::Tx), "nonce_too_high"),
        (|tx| tx.chain_id = "other-dev".into(), "wrong_chain_id"),
        (|tx| tx.max_fee = Amount::new(1), "max_fee_too_low"),
    ] {
        let mut tx = draft.tx.clone();
        change(&mut tx);
        let tried: Simulated = node.client.simulate(&tx, KeyKind::Ed25519, None).await.unwrap();
        assert_eq!((tried.result.ok, tried.result.error.unwrap().name.as_str()), (false, name));
        assert_eq!(tried.changes, []);
    }
    // No simulated transaction waits in the pool.
    let done =
        node.client.submit(draft.tx.sign(&node.people[0].key, None).unwrap(), Wait::Committed, Duration::from_secs(30));
    assert_eq!(done.await.unwrap().state, State::Committed);
}
