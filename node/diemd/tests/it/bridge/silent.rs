//! A validator that signs nothing for the bridge holds nothing up, and what its turn was anybody relays.

use std::fs;

use diem_core::{
    Amount,
    keys::{EthereumKey, KeyKind},
};
use diem_genesis::presets::{TEST_MNEMONIC, bridge_secret};
use diem_wallet::derive;
use rustix::process::Signal;

use super::{
    base::{account, arrives, contract, rpc},
    traffic::Traffic,
};
use crate::support::{
    client::{height, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{processes_of, signal},
    program,
    single::Single,
};

/// The place of the node that has no key.
const SILENT: usize = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_without_a_bridge_key_makes_blocks_and_transfers_still_arrive() {
    let _turn = turn().await;
    let Some(mut devnet) = Devnet::with_base(EngineUnderTest::Comet, &[]) else { return };
    let bridge = contract(&devnet).await;
    signal(devnet.pid(SILENT), Signal::TERM);
    let home = devnet.home(SILENT);
    until("the end of the node", async || processes_of(&home).is_empty().then_some(())).await;
    fs::remove_file(home.join("bridge_key.json")).unwrap();
    let silent = Single::start(&home, &[]);
    let client = devnet.client(0);
    let (since, log) = (height(&client).await.unwrap(), home.join("node.log"));
    reach(&silent.client(), since + 2).await;
    let said = fs::read_to_string(log).unwrap();
    assert!(said.contains("this home has no bridge key"), "{said}");

    let mut traffic = Traffic::new(&devnet).await;
    traffic.send(4).await;
    let signed = async || {
        let batches = client.bridge_batches().await.unwrap().answer.items;
        let bridge = client.bridge().await.unwrap().answer;
        let are_signed = batches.iter().all(|batch| batch.batch.signatures.is_enough);
        (bridge.waiting.amount == Amount::ZERO && are_signed).then_some(batches)
    };
    let own = EthereumKey::new(&bridge_secret(SILENT + 1)).unwrap().address();
    for batch in until("the signatures of all batches", signed).await {
        let batch = batch.batch;
        assert!(batch.signatures.signed < batch.signatures.total, "{batch:?}");
        if batch.turn.is_some_and(|turn| turn.0 == own) {
            relayed_by_alice(&devnet, batch.nonce).await;
        }
    }
    for (recipient, amount) in &traffic.sent {
        arrives(&bridge, recipient, *amount).await;
    }
    // It makes blocks as ever.
    let now = height(&client).await.unwrap();
    reach(&silent.client(), now).await;
    assert_eq!(root(&silent.client(), now).await, root(&client, now).await);
    assert_eq!(client.validators().await.unwrap().items.iter().filter(|validator| validator.power > 0).count(), 4);
    assert!(silent.stop().success());
    assert!(devnet.stop().success());
}

/// Relays a batch with alice's account on Base, as anybody may.
async fn relayed_by_alice(devnet: &Devnet, batch: u64) {
    let secret = devnet.dir().with_file_name("alice.hex");
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    let path = derive::default_path(KeyKind::Ethereum, 0);
    let key = derive::derive(&phrase, KeyKind::Ethereum, &path).unwrap();
    fs::write(&secret, hex::encode(key.bytes().as_slice())).unwrap();
    let mut command = program::diemd(&devnet.wallet(), devnet.ready["nodes"][0]["api"].as_str().unwrap());
    command.args(["bridge", "relay", &batch.to_string(), "--base-rpc", rpc(devnet), "--yes", "--output", "json"]);
    command.arg("--key-file").arg(secret);
    let ran = program::run(command, "").await.ok().json();
    if ran["already_minted"] == false {
        let fees = contract(devnet).await.balance_of(&account(0)).await.unwrap();
        assert!(fees > Amount::ZERO, "{ran}");
    }
}
