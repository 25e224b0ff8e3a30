//! The local Base beside the development engine: it goes back and ahead with the chain.

use std::time::Duration;

use diem_base::{Base, Bridge};
use diem_core::{Address, Amount};
use serde_json::{Value, json};

use crate::support::{
    client::PATIENCE,
    devnet::{Devnet, EngineUnderTest},
    process::{diemd, words},
};

const RECIPIENT: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

/// Sends DIEM of dave to Base and waits until it is minted there.
fn send(devnet: &Devnet, amount: &str) {
    let (api, rpc) = (devnet.ready["nodes"][0]["api"].as_str().unwrap(), devnet.ready["base"]["rpc"].as_str().unwrap());
    let mut command = diemd();
    command.args([
        "bridge",
        "out",
        amount,
        "--to",
        RECIPIENT,
        "--from",
        "dave",
        "--base-rpc",
        rpc,
        "--follow",
        "--yes",
    ]);
    command.args(["--node", api, "--home"]).arg(devnet.wallet());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
}

async fn post(devnet: &Devnet, path: &str, body: Value) -> Value {
    let url = format!("{}{path}", devnet.ready["nodes"][0]["api"].as_str().unwrap());
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

async fn bridge(devnet: &Devnet) -> Bridge {
    let base = &devnet.ready["base"];
    let (rpc, chain_id) = (base["rpc"].as_str().unwrap(), base["chain_id"].as_u64().unwrap());
    let address: Address = base["bridge"].as_str().unwrap().parse().unwrap();
    Bridge::new(Base::connect_patiently(rpc, chain_id, PATIENCE).await.unwrap(), address)
}

#[tokio::test(flavor = "multi_thread")]
async fn base_goes_back_with_the_chain_and_what_was_taken_back_is_minted_anew() {
    let Some(mut devnet) = Devnet::with_base(EngineUnderTest::Instant, &[]) else { return };
    let (contract, recipient) = (bridge(&devnet).await, RECIPIENT.parse().unwrap());
    let has = async || contract.balance_of(&recipient).await.unwrap();
    send(&devnet, "1DIEM");
    let mark = post(&devnet, "/v1/dev/snapshot", json!({})).await;
    send(&devnet, "2DIEM");
    assert_eq!(has().await, Amount::new(3 * Amount::ONE.get()));
    post(&devnet, "/v1/dev/revert", json!({ "snapshot": mark["snapshot"] })).await;
    assert_eq!(has().await, Amount::ONE, "Base went back too");
    // The same number of a batch stands for another one now.
    send(&devnet, "4DIEM");
    assert_eq!(has().await, Amount::new(5 * Amount::ONE.get()));
    // The mark is still good, and so is the one on Base.
    post(&devnet, "/v1/dev/revert", json!({ "snapshot": mark["snapshot"] })).await;
    assert_eq!(has().await, Amount::ONE);

    let before = contract.base().latest().await.unwrap().timestamp;
    post(&devnet, "/v1/dev/warp", json!({ "by": "2d" })).await;
    let after = contract.base().latest().await.unwrap().timestamp;
    assert!(after >= before + 2 * Duration::from_secs(86_400).as_secs() - 60, "{before} {after}");
    send(&devnet, "1DIEM");
    assert_eq!(has().await, Amount::new(2 * Amount::ONE.get()));
    assert!(devnet.stop().success());
}
