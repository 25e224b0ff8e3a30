//! Base takes blocks back: above its finality that means nothing, below it whoever signs stops until an operator acts.

use std::path::PathBuf;

use diem_base::Dev;
use diem_client::Client;
use diem_core::{Address, Amount};
use serde_json::{Value, json};

use super::base::{account, arrives, burn, contract, rpc};
use crate::support::{
    client::{commit, height, reach, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{run, words},
    program,
};

/// The index of the phrase whose account on Base receives and burns.
const THERE: u32 = 40;
/// The number of nodes.
const NODES: usize = 4;

/// The seconds from one block of the devnet's local Base to the next.
const BLOCK_TIME: u64 = 1;

/// Asks the local Base what only a local one does.
async fn ask(devnet: &Devnet, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = reqwest::Client::new().post(rpc(devnet)).json(&body).send().await.unwrap();
    let mut answer: Value = answer.json().await.unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].take()
}

/// Takes back so many blocks of the local Base, which makes others in their place.
async fn reorg(devnet: &Devnet, depth: u64) {
    ask(devnet, "anvil_reorg", json!([depth, []])).await;
}

/// Has the local Base make a block each so many seconds. With 0 it makes none by itself, so that the depth of a block is
/// the same for as long as the test likes.
async fn blocks_come(devnet: &Devnet, every: u64) {
    ask(devnet, "evm_setIntervalMining", json!([every])).await;
}

/// Makes a block of what waits for one, if something does.
async fn take_what_waits(devnet: &Devnet, dev: &Dev) {
    if ask(devnet, "txpool_status", json!([])).await["pending"] != "0x0" {
        dev.mine(1).await.unwrap();
    }
}

/// Runs a command of the bridge, which has to succeed.
async fn bridge(devnet: &Devnet, line: &str) {
    let mut command = program::diemd(&devnet.wallet(), devnet.ready["nodes"][0]["api"].as_str().unwrap());
    command.arg("bridge").args(line.split_whitespace());
    program::run(command, "").await.ok();
}

/// The file of a node that stops its signer.
fn stop_file(devnet: &Devnet, node: usize) -> PathBuf {
    devnet.home(node).join("bridge_stopped.json")
}

/// What a node tells its metrics of reorgs: whether there is one now.
async fn tells_of_a_reorg(devnet: &Devnet, node: usize) -> Option<()> {
    let config = std::fs::read_to_string(devnet.home(node).join("config.toml")).unwrap();
    let config: toml::Table = toml::from_str(&config).unwrap();
    let url = format!("http://{}/metrics", config["metrics"]["listen"].as_str().unwrap());
    let text = reqwest::get(url).await.ok()?.text().await.ok()?;
    text.contains("diem_bridge_present_faults{fault=\"reorg\"} 1").then_some(())
}

/// The number of the last block of Base that is attested.
async fn attested(client: &Client) -> Option<u64> {
    client.bridge().await.ok()?.answer.progress.attested.map(|attested| attested.number)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorg_above_finality_means_nothing_and_one_below_it_stops_whoever_signs() {
    let _turn = turn().await;
    let Some(mut devnet) = Devnet::with_base(EngineUnderTest::Comet, &[]) else { return };
    let (client, contract, there) = (devnet.client(0), contract(&devnet).await, account(THERE));
    let dev = Dev::new(contract.base().clone());
    blocks_come(&devnet, 0).await;
    bridge(&devnet, &format!("out 2DIEM --to {} --from dave --yes", there.to_hex())).await;
    until("the mint in the newest block", async || {
        take_what_waits(&devnet, &dev).await;
        (contract.balance_of(&there).await.unwrap().get() == 2 * Amount::ONE.get()).then_some(())
    })
    .await;
    // The last four blocks are not final: the transfer is gone with them, and is relayed again.
    reorg(&devnet, 3).await;
    assert_eq!(contract.balance_of(&there).await.unwrap(), Amount::ZERO);
    blocks_come(&devnet, BLOCK_TIME).await;
    arrives(&contract, &there, Amount::new(2 * Amount::ONE.get())).await;
    let before = until("an attested block", async || attested(&client).await).await;
    let home = Address([0x71; 20]);
    burn(&contract, THERE, Amount::ONE, &home).await;
    until("the payment", async || {
        let has = client.account(&home, None, false).await.unwrap().diem.amount;
        (has == Amount::ONE).then_some(())
    })
    .await;
    assert!(attested(&client).await.unwrap() > before);
    (0..NODES).for_each(|node| assert!(!stop_file(&devnet, node).exists()));

    // What was attested is taken back.
    blocks_come(&devnet, 0).await;
    let last = attested(&client).await.unwrap();
    let head = contract.base().latest().await.unwrap().number;
    reorg(&devnet, head - last + 2).await;
    dev.mine(20).await.unwrap();
    blocks_come(&devnet, BLOCK_TIME).await;
    for node in 0..NODES {
        until("the alarm", async || tells_of_a_reorg(&devnet, node).await).await;
        until("the file", async || stop_file(&devnet, node).exists().then_some(())).await;
    }
    // The chain goes on, without a statement of Base.
    commit(&client, devnet.transfer(0, 0, Address([4; 20]), 1)).await;
    let stood = attested(&client).await;
    let now = height(&client).await.unwrap();
    reach(&client, now + 5).await;
    assert_eq!(attested(&client).await, stood);
    assert!(devnet.stop().success(), "{}", devnet.said());
    for node in 0..NODES {
        let checked = run(&["check", "--home", devnet.home(node).to_str().unwrap()]);
        assert!(checked.status.success(), "{}", words(&checked));
    }
}
