//! One shape for every list, every amount, every error, and every number that a user chooses.

use diem_api::ErrorReply;
use diem_core::{Address, Amount};
use diem_credits::grants::ProviderLimit;
use diem_testkit::economy::{validator, whole};
use diem_types::Call;
use serde_json::Value;

use super::running::{Running, start_economy};

async fn get(node: &Running, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("http://{}{path}", node.address)).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn json(node: &Running, path: &str) -> Value {
    let (status, text) = get(node, path).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Starts a node with items in most lists.
async fn busy_node() -> Running {
    let node = start_economy().await;
    let stake = |number| diem_staking::Msg::Stake { validator: validator(number), amount: whole(50) };
    let unstake = diem_staking::Msg::Unstake { validator: validator(0), amount: whole(2) };
    let calls = [stake(0), stake(1), unstake].map(Call::Staking);
    node.commit(&node.people[0], calls.into()).await;
    node
}

fn lists(account: &Address) -> Vec<String> {
    let of_account =
        ["positions", "locks", "unstaking", "rewards", "allocations", "diem-stakes", "diem-tranches", "grants"];
    let of_account = of_account.map(|list| format!("/v1/accounts/{account}/{list}"));
    let others = [
        "consensus",
        "validators",
        "curve",
        "emission/schedule",
        "offers",
        "days",
        "days/today/providers",
        "providers",
        "bridge/transfers",
        "bridge/batches",
        "bridge/burns",
        "bridge/queue",
        "bridge/checkpoints",
        "bridge/signers",
        "blocks",
    ];
    of_account.into_iter().chain(others.map(|list| format!("/v1/{list}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_height_time_epoch_items_and_next() {
    let node = busy_node().await;
    let mut several = 0;
    for path in lists(&node.address_of(0)) {
        let all = json(&node, &path).await;
        let names: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["epoch", "height", "items", "next", "time"], "{path}");
        let (mut after, mut found, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = json(&node, &format!("{path}?limit=1{after}")).await;
            assert_eq!(page["height"], all["height"], "{path}");
            found.extend(page["items"].as_array().unwrap().clone());
            pages += 1;
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        several += i32::from(pages > 1);
        assert_eq!(&found, all["items"].as_array().unwrap(), "{path}");
        for old in ["cursor", "before", "from"] {
            assert_eq!(get(&node, &format!("{path}?{old}=1")).await.0, 400, "{path}?{old}=1");
        }
    }
    assert!(several >= 6, "{several} lists had more than one page");
    // A block lists its transactions in the same way, and the tables of this program have items too.
    let block = json(&node, "/v1/blocks/latest?limit=1").await;
    for name in ["height", "time", "epoch", "items", "next"] {
        assert!(block.get(name).is_some(), "{name}");
    }
    for table in ["/v1", "/v1/errors"] {
        assert!(json(&node, table).await["items"].is_array(), "{table}");
    }
}

/// Collects every object with an amount of base units, and every string that is only digits, by the name of its field.
fn amounts(value: &Value, found: &mut Vec<Value>, digits: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if fields.get("amount").is_some_and(Value::is_string) {
                found.push(value.clone());
                return;
            }
            // The call is shown as it was sent.
            for (name, field) in fields.iter().filter(|(name, _)| *name != "call") {
                if field.as_str().is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())) {
                    digits.push(name.clone());
                }
                amounts(field, found, digits);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| amounts(item, found, digits)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_amount_is_amount_denom_and_display() {
    let node = busy_node().await;
    let alice = node.address_of(0);
    let others = [
        "params",
        "supply",
        "curve/rate",
        "curve/quote?lock=1",
        "emission",
        "rent",
        "credit/today",
        "bridge",
        "blocks/latest",
    ];
    let others = others.map(|path| format!("/v1/{path}"));
    let accounts = [format!("/v1/accounts/{alice}"), format!("/v1/accounts/{alice}/credit")];
    let (mut found, mut digits) = (Vec::new(), Vec::new());
    for path in lists(&alice).into_iter().chain(others).chain(accounts) {
        amounts(&json(&node, &path).await, &mut found, &mut digits);
    }
    assert!(found.len() > 50, "{}", found.len());
    for amount in found {
        let names: Vec<&str> = amount.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["amount", "denom", "display"], "{amount}");
        assert!(["VVV", "DIEM", "credit"].contains(&amount["denom"].as_str().unwrap()), "{amount}");
    }
    // Every other string of digits is a number that a user chose, or a number of shares.
    digits.retain(|name| {
        !["requests", "id", "tranche", "expiry", "last_day", "shares", "locked"].contains(&name.as_str())
    });
    // The authority of the bridge chooses these, in a call as well; events are numbered by Base.
    digits.retain(|name| !name.ends_with("_ms") && name != "checkpoint_blocks" && name != "event_nonce");
    // A hash is no number, even before the first event, when it is all zeros.
    digits.retain(|name| name != "rolling_hash");
    assert_eq!(digits, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_a_user_chooses_is_a_string_and_read_in_either_form() {
    let node = start_economy().await;
    let (alice, provider) = (node.address_of(0), node.address_of(3));
    let limits = vec![ProviderLimit { provider, limit: Amount::ONE }];
    let grant = diem_credits::Msg::Grant { key: Address([7; 20]), last_day: u64::MAX, limits };
    let call = serde_json::to_value(Call::Credits(grant)).unwrap();
    assert_eq!(call["credits"]["last_day"], u64::MAX.to_string());
    for last_day in [Value::from("12"), 12.into()] {
        let mut call = call.clone();
        call["credits"]["last_day"] = last_day;
        let body = serde_json::json!({"sender": alice, "calls": [call]}).to_string();
        let request = reqwest::Client::new().post(format!("http://{}/v1/simulate", node.address));
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    let tx = node.transfer(0, 0, 1, 1).bytes().to_vec();
    let wait = diem_api::Wait::Committed;
    let done = node.client.submit(tx, wait, std::time::Duration::from_secs(30)).await.unwrap();
    let shown = json(&node, &format!("/v1/tx/{}", done.hash)).await;
    assert!(shown["tx"]["expiry"].is_string() && shown["tx"]["nonce"].is_number(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_the_one_shape() {
    let node = start_economy().await;
    let (alice, long) = (node.address_of(0), "x".repeat(20_000));
    for (path, status, name) in [
        ("/v1/accounts/%ff%fe".to_owned(), 400, "bad_request"),
        (format!("/v1/accounts/{alice}/positions/%ff"), 400, "bad_request"),
        ("/v1/light/0".into(), 400, "bad_request"),
        ("/v1/light/-1".into(), 400, "bad_request"),
        ("/v1/light/99999999999999999999".into(), 400, "bad_request"),
        (format!("/v1/light/{}", u64::MAX), 404, "not_found"),
        ("/v1/blocks/0".into(), 404, "not_found"),
        (format!("/v1/blocks/{}", u64::MAX), 404, "not_found"),
        (format!("/v1/supply?height={}", u64::MAX), 404, "not_found"),
        ("/v1/supply?height=%ff".into(), 400, "bad_request"),
        ("/%ff".into(), 404, "unknown_path"),
        // A stranger's text is repeated only in part.
        (format!("/v1/accounts/{long}"), 400, "bad_request"),
        (format!("/v1/accounts/diem1{long}"), 400, "bad_request"),
        (format!("/v1/accounts/0x{long}"), 400, "bad_request"),
        (format!("/v1/blocks/{long}"), 400, "bad_request"),
        (format!("/v1/tx/{long}"), 400, "bad_request"),
        (format!("/v1/proof/{long}"), 400, "bad_request"),
        (format!("/v1/days/{long}"), 400, "bad_request"),
        (format!("/v1/light/{long}"), 400, "bad_request"),
        (format!("/v1/events?from={long}"), 400, "bad_request"),
        (format!("/v1/supply?{long}=1"), 400, "bad_request"),
        (format!("/v1/supply?height={long}"), 400, "bad_request"),
        (format!("/v1/curve/quote?lock={long}"), 400, "bad_request"),
        (format!("/v1/providers?after={long}"), 400, "bad_request"),
        (format!("/v1/{long}"), 404, "unknown_path"),
    ] {
        let (got, text) = get(&node, &path).await;
        let what = path.get(..60).unwrap_or(&path);
        let ErrorReply { error } = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: {text}"));
        assert_eq!((got, error.codespace.as_str(), error.name.as_str()), (status, "http", name), "{what}: {text}");
        assert!(error.message.len() < 500, "{what}: {} bytes", error.message.len());
    }
    for (method, path) in [("PUT", "/v1/status"), ("OPTIONS", "/v1/tx"), ("X".repeat(2_000).as_str(), "/healthz")] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = reqwest::Client::new().request(method, format!("http://{}{path}", node.address)).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        let ErrorReply { error } = answer.json().await.unwrap();
        assert!(error.name == "method" && error.message.len() < 200, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_judged_by_the_form_that_it_has() {
    let node = start_economy().await;
    let alice = node.address_of(0);
    let call = |amount: Value| serde_json::json!({"bank": {"type": "transfer", "to": alice, "denom": "VVV", "amount": amount}});
    let long = "x".repeat(100_000);
    for (path, body, words) in [
        ("/v1/simulate", serde_json::json!({"sender": alice, "calls": [call("1".into()), call(5.into())]}), "calls[1]"),
        (
            "/v1/simulate",
            serde_json::json!({"sender": alice, "calls": [call(5.into())]}),
            "integer `5`, expected a string",
        ),
        ("/v1/simulate", serde_json::json!({"sender": 1, "calls": []}), "sender: invalid type: integer `1`"),
        ("/v1/simulate", serde_json::json!({"tx": 5}), "tx: invalid type: integer `5`"),
        ("/v1/simulate", serde_json::json!({"calls": []}), "missing field `sender`"),
        ("/v1/simulate", serde_json::json!({}), "{\"tx\": \"0x..\"} or {\"sender\""),
        ("/v1/simulate", serde_json::json!([]), "invalid type: sequence"),
        ("/v1/tx", serde_json::json!({"txs": ["0x00", 5]}), "txs[1]: invalid type: integer `5`"),
        ("/v1/tx", serde_json::json!({"tx": "0x0"}), "tx: a transaction is written as"),
        ("/v1/tx", serde_json::json!({"raw": 1}), "{\"tx\": \"0x..\"} or {\"txs\""),
        (
            "/v1/simulate",
            serde_json::json!({"sender": alice, "calls": [call(long.clone().into())]}),
            "is not an amount",
        ),
        ("/v1/simulate", serde_json::json!({"sender": alice, "calls": [], long.clone(): 1}), "unknown field"),
    ] {
        let request = reqwest::Client::new().post(format!("http://{}{path}", node.address));
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{words}");
        let ErrorReply { error } = answer.json().await.unwrap();
        assert!(error.message.contains(words), "{words}: {error}");
        assert!(error.message.len() < 700, "{words}: {} bytes", error.message.len());
    }
}
