//! Every JSON parser of the node accepts the fields that it knows and no others.

use diem_api::read_json;
use diem_core::{
    Address,
    keys::{KeyKind, SecretKey},
};
use diem_credits::{SignedVoucher, Voucher};
use diem_engine::engine::BlockMode;
use diem_staking::KeyProof;
use diem_testkit::{
    economy::{bridge, consensus},
    strict,
};
use serde_json::{Value, json};

use super::running::{Running, start, start_economy};

/// Posts this body; the error is the text of the refusal.
async fn post(node: &Running, path: &str, body: String) -> Result<(), String> {
    let request = reqwest::Client::new().post(format!("http://{}{path}", node.address));
    let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
    match answer.status().as_u16() {
        400 => {
            let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(
                (&answer["error"]["codespace"], &answer["error"]["name"]),
                (&"http".into(), &"bad_request".into())
            );
            Err(answer["error"]["message"].as_str().unwrap().into())
        }
        _ => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_requests() {
    let node = start(BlockMode::Manual).await;
    let tx = format!("0x{}", hex::encode(node.transfer(0, 0, 1, 1).bytes()));
    let unsigned = diem_types::Signed::decode(&node.transfer(0, 0, 1, 1).bytes()).unwrap().tx;
    let call = json!({"bank": {"type": "transfer", "to": node.address_of(1), "denom": "VVV", "amount": "1"}});
    let bodies = [
        ("/v1/tx?wait=none", json!({"tx": tx})),
        ("/v1/tx?wait=none", json!({"txs": [tx]})),
        ("/v1/simulate", json!({"tx": format!("0x{}", hex::encode(borsh::to_vec(&unsigned).unwrap()))})),
        ("/v1/simulate", json!({"sender": node.address_of(0), "calls": [call, {"staking": {"type": "unjail"}}]})),
        ("/v1/dev/mine", json!({"blocks": 1})),
        ("/v1/dev/warp", json!({"by": "1s"})),
        ("/v1/dev/warp", json!({"to": "2030-01-01T00:00:00Z"})),
        ("/v1/dev/revert", json!({"snapshot": 0})),
        ("/v1/dev/absences", json!({"validators": [], "blocks": 1})),
        ("/v1/dev/equivocation", json!({"validator": "00".repeat(20)})),
        ("/v1/dev/mode", json!({"mode": "manual"})),
        ("/v1/dev/mode", json!({"mode": {"every": "1h"}})),
    ];
    let runtime = tokio::runtime::Handle::current();
    for (path, body) in &bodies {
        let read = |json: &str| {
            tokio::task::block_in_place(|| runtime.block_on(post(&node, path, json.to_owned()))).or_else(|error| {
                // A valid body may still ask for something that does not exist.
                let is_of_form = [strict::UNKNOWN, "object", "expected"].iter().any(|word| error.contains(word));
                if is_of_form { Err(error) } else { Ok(()) }
            })
        };
        assert!(strict::check(body, read) > 0, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_requests() {
    let node = start(BlockMode::Manual).await;
    let routes = reqwest::get(format!("http://{}/v1", node.address)).await.unwrap().text().await.unwrap();
    let routes: Value = serde_json::from_str(&routes).unwrap();
    let (address, mut asked) = (node.address_of(0).to_string(), 0);
    for route in routes["items"].as_array().unwrap() {
        let Some(path) = route.as_str().unwrap().strip_prefix("GET /v1/") else { continue };
        let path = path.split('?').next().unwrap();
        let path = path.replace("{day|today}", "today").replace("{height|hash|latest}", "latest");
        let path = path.replace("{height}", "1").replace("{key}", "00").replace("{hash}", &"00".repeat(32));
        let path = path
            .replace(['{', '}'], "~")
            .split('/')
            .map(|part| if part.contains('~') { &*address } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let url = format!("http://{}/v1/{path}?{}=1", node.address, strict::UNKNOWN);
        let answer = reqwest::get(&url).await.unwrap();
        assert_eq!(answer.status(), 400, "{url}");
        let answer = answer.text().await.unwrap();
        assert!(answer.contains(strict::UNKNOWN) && answer.contains("\"bad_request\""), "{url}: {answer}");
        asked += 1;
    }
    assert!(asked > 30, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_people() {
    let read = |json: &str| diem_wallet::KeyFile::parse(json).map(drop).map_err(|error| error.to_string());
    let secret = || diem_wallet::Secret::new(KeyKind::Ed25519, zeroize::Zeroizing::new([5; 32])).unwrap();
    let cost = diem_wallet::Cost { memory_kib: 8, passes: 1 };
    for file in [
        diem_wallet::KeyFile::encrypt(&secret(), Some("m/0".into()), "secret", cost).unwrap(),
        diem_wallet::KeyFile::plain(&secret(), None, "test-dev").unwrap(),
    ] {
        strict::check(&serde_json::from_str(&file.to_text()).unwrap(), read);
    }
    let voucher = Voucher {
        chain_id: "test-dev".into(),
        genesis_hash: [1; 32],
        account: Address([2; 20]),
        signer: SecretKey::ed25519(&[3; 32]).address(),
        provider: Address([4; 20]),
        day: 1,
        amount: diem_core::Amount::ONE,
        requests: 1,
        price_sheet: [0; 32],
        usage_root: [0; 32],
    };
    let voucher = serde_json::to_value(voucher.sign(&SecretKey::ed25519(&[3; 32]))).unwrap();
    strict::check(&voucher, |json| read_json::<SignedVoucher>(json.as_bytes()).map(drop));
    strict::check(&json!([voucher]), |json| read_json::<Vec<SignedVoucher>>(json.as_bytes()).map(drop));
    let proof = KeyProof::sign("test-dev", &Address([2; 20]), &consensus(9), &bridge(9)).unwrap();
    strict::check(&serde_json::to_value(proof).unwrap(), |json| read_json::<KeyProof>(json.as_bytes()).map(drop));
    let curve = json!({"curve": diem_diem::Curve::default(), "quotes": [{"supply": "0", "lock": "1"}]});
    strict::check(&curve, |json| read_json::<diem_diem::offline::File>(json.as_bytes()).map(drop));
}

/// Checks a TOML parser as JSON parsers are: the changed document is written as TOML before it is read.
fn check_toml(valid: &Value, read: impl Fn(&str) -> Result<(), String>) -> usize {
    strict::check(valid, |json| {
        let value: Value = serde_json::from_str(json).unwrap();
        // A whole document that is a list cannot be written as TOML.
        read(&toml::to_string(&value).map_err(|error| error.to_string())?)
    })
}

#[test]
fn files_of_operators() {
    for preset in diem_genesis::presets::NAMES {
        let text = diem_genesis::presets::text(preset).unwrap();
        let read =
            |text: &str| diem_genesis::GenesisFile::parse(text, "f").map(drop).map_err(|error| error.to_string());
        let places = check_toml(&toml::from_str(text).unwrap(), read);
        assert!(places > 10, "{preset}: {places}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        diem_config::Config::load(&path, vec![], &[]).map(drop).map_err(|error| error.to_string())
    };
    let config = serde_json::to_value(diem_config::Config::default()).unwrap();
    assert_eq!(check_toml(&config, read), 13, "the file, its eleven sections and the keys of CometBFT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genesis_of_a_chain_that_ran() {
    let node = start_economy().await;
    let stake = diem_staking::Msg::Stake {
        validator: diem_testkit::economy::validator(0),
        amount: diem_testkit::economy::whole(5),
    };
    node.commit(&node.people[0], vec![diem_types::Call::Staking(stake)]).await;
    let leave = diem_staking::Msg::Unstake {
        validator: diem_testkit::economy::validator(0),
        amount: diem_testkit::economy::whole(2),
    };
    node.commit(&node.people[0], vec![diem_types::Call::Staking(leave)]).await;
    node.pass(86_400_000).await;
    let time = node.app.index().block(node.app.info().height).unwrap().time;
    let doc = node.app.export(time).unwrap();
    let read = |json: &str| diem_genesis::from_json(json, "genesis.json").map(drop).map_err(|error| error.to_string());
    let places = strict::check(&serde_json::from_str(&diem_genesis::to_json(&doc)).unwrap(), read);
    assert!(places > 50, "{places}");
}

#[test]
fn a_genesis_of_a_chain_that_has_not_begun() {
    let file = diem_genesis::GenesisFile::parse(diem_genesis::presets::DEV, "dev").unwrap();
    let doc = file.resolve(Some(diem_core::Time(1_800_000_000_000))).unwrap();
    assert!(!doc.app.staking.validators.is_empty() && !doc.app.credits.providers.is_empty());
    let read = |json: &str| diem_genesis::from_json(json, "genesis.json").map(drop).map_err(|error| error.to_string());
    let places = strict::check(&serde_json::from_str(&diem_genesis::to_json(&doc)).unwrap(), read);
    assert!(places > 20, "{places}");
}
