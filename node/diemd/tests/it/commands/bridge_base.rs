//! The commands of the bridge on a local Base: the contract is created, a batch is relayed by hand, and what is minted is
//! seen there.

use std::path::Path;

use diem_anvil::{LocalBase, Options};
use diem_bridge::{OutboundKind, state::issued};
use diem_genesis::presets::{TEST_MNEMONIC, bridge_secret};
use serde_json::Value;

use super::chain::{Chain, units, whole};
use crate::support::{
    bridge::{state_all, state_newest_set},
    client::until,
};

/// The chain id of this Base.
pub(super) const CHAIN_ID: u64 = 84_530;
/// An account on Base that has nothing.
const ON_BASE: &str = "0x00000000000000000000000000000000000000ab";
/// The secret of the first account of the phrase, which has ETH on every local Base.
const RICH: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A local Base; without anvil a line says what is left out.
pub(super) fn local_base(folder: &Path) -> Option<LocalBase> {
    let anvil = diem_anvil::find_for_tests()?;
    let options = Options {
        port: 0,
        chain_id: CHAIN_ID,
        phrase: TEST_MNEMONIC.into(),
        accounts: 2,
        block_time: None,
        epoch: 1,
        state: None,
        log: folder.join("anvil.log"),
    };
    Some(LocalBase::start(&anvil, &options).unwrap())
}

async fn json(chain: &Chain, line: &str) -> Value {
    chain.run(&format!("bridge {line} --output json")).await.ok().json()
}

/// A chain whose bridge lies on this Base and is at work; returns the options of whoever pays there.
async fn at_work(chain: &Chain, base: &LocalBase) -> String {
    let payer = format!("--base-rpc {} --key-file {}", base.url(), chain.file("payer", RICH));
    let prepare = format!("prepare --base-chain-id {CHAIN_ID} --guardian {ON_BASE} --from validator-1 --yes");
    json(chain, &prepare).await;
    let made = json(chain, &format!("deploy {payer} --yes")).await;
    let (hash, block) = (made["init_code_hash"].as_str().unwrap(), made["deploy_block"].as_u64().unwrap());
    let activate = format!("activate --init-code-hash {hash} --deploy-block {block} --from validator-1 --yes");
    json(chain, &activate).await;
    let status = json(chain, "status").await;
    assert_eq!(status["contract"]["deployed"]["bridge"], made["bridge"], "both sides derive one address");
    // Whoever asks again finds it there.
    let again = json(chain, &format!("deploy {payer} --yes")).await;
    assert_eq!((&again["bridge"], &again["deploy_block"]), (&made["bridge"], &Value::Null));
    state_newest_set(chain.app(), &[bridge_secret(1)]);
    chain.mine(1).await;
    payer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_relayed_by_hand_and_seen_on_base() {
    let chain = Chain::start().await;
    let Some(base) = local_base(chain.home.path()) else { return };
    let payer = at_work(&chain, &base).await;
    let seen = json(&chain, &format!("status --base-rpc {}", base.url())).await;
    assert_eq!((&seen["on_base"]["set"], &seen["on_base"]["active"]), (&0.into(), &false.into()));

    json(&chain, &format!("out 1DIEM --to {ON_BASE} --fee 0.01DIEM --from dave --yes")).await;
    chain.pass(2_000).await;
    chain.mine(1).await;
    let unsigned = format!("bridge relay 1 {payer} --yes");
    chain.fails(&unsigned, 1, "is signed by 0 of").await;
    state_all(chain.app(), &[bridge_secret(1)], OutboundKind::Batch, 1);
    chain.mine(1).await;
    let before = json(&chain, &format!("status 1 --base-rpc {}", base.url())).await;
    assert_eq!((&before["state"], &before["on_base"]["batch"]["state"]), (&"signed".into(), &"open".into()));

    // Base has the constructor's set, so the newest one goes first.
    let relayed = json(&chain, &format!("relay 1 {payer} --yes")).await;
    assert_eq!((&relayed["set"], relayed["transactions"].as_array().unwrap().len()), (&1.into(), 2));
    let after = json(&chain, &format!("status 1 --base-rpc {}", base.url())).await;
    assert_eq!(
        (&after["on_base"]["batch"]["state"], units(&after["on_base"]["balance"])),
        (&"minted".into(), whole("1"))
    );
    let table = chain.run(&format!("bridge status 1 --base-rpc {}", base.url())).await.ok().stdout;
    assert!(table.contains("minted, seen on Base") && table.contains("1 DIEM"), "{table}");
    assert_eq!(json(&chain, &format!("relay 1 {payer} --yes")).await["already_minted"], true);

    // The next batch needs no set any more, and its sender watches it arrive.
    let line = format!("bridge out 2DIEM --to {ON_BASE} --from dave --yes --follow --base-rpc {}", base.url());
    let others = async {
        until("the transfer waits", async || (issued(&chain.app().store().latest()).transfers == 2).then_some(()))
            .await;
        chain.pass(2_000).await;
        chain.mine(1).await;
        state_all(chain.app(), &[bridge_secret(1)], OutboundKind::Batch, 2);
        chain.mine(1).await;
        json(&chain, &format!("relay 2 {payer} --yes")).await
    };
    let (followed, relayed) = tokio::join!(chain.run(&line), others);
    let followed = followed.ok().stderr;
    assert!(followed.contains("transfer 2: minted, seen on Base"), "{followed}");
    assert_eq!((&relayed["set"], relayed["transactions"].as_array().unwrap().len()), (&Value::Null, 1));
    let seen = json(&chain, &format!("status --base-rpc {}", base.url())).await;
    // The supply is what the recipients and the relayer got.
    assert_eq!(units(&seen["on_base"]["supply"]), whole("3.0101"));
    chain.fails(&format!("bridge relay 3 {payer} --yes"), 1, "unknown_nonce").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_creates_the_contract_and_names_it() {
    let chain = Chain::start().await;
    let Some(base) = local_base(chain.home.path()) else { return };
    let payer = format!("--base-rpc {} --key-file {}", base.url(), chain.file("payer", RICH));
    let prepare = format!("prepare --base-chain-id {CHAIN_ID} --guardian {ON_BASE} --from validator-1 --yes");
    json(&chain, &prepare).await;
    let answer = json(&chain, &format!("deploy {payer} --activate validator-1 --yes")).await;
    assert_eq!(answer["state"], "committed", "{answer}");
    let status = json(&chain, "status").await;
    assert_eq!(status["stage"], "activated");
    let again = format!("bridge deploy {payer} --activate validator-1 --yes");
    chain.fails(&again, 2, "since which block").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_cannot_pay_on_base_is_told_so() {
    let chain = Chain::start().await;
    let Some(base) = local_base(chain.home.path()) else { return };
    at_work(&chain, &base).await;
    let rpc = format!("--base-rpc {}", base.url());
    chain.fails(&format!("bridge relay 1 {rpc} --key dave --yes"), 2, "no account of Base has").await;
    let file = chain.file("short", "ab");
    chain.fails(&format!("bridge relay 1 {rpc} --key-file {file} --yes"), 2, "64 hex digits").await;
    let other = format!("prepare --base-chain-id 1 --guardian {ON_BASE} --from validator-1 --yes");
    chain.fails(&format!("bridge {other}"), 3, "at_work").await;
}
