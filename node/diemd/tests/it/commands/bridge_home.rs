//! The commands of the way back and of trouble that need no Base: what became of transfers and burns, what waits there, the
//! authority's hold and resume, what is paid in, a pause that validators sign, and the proof of the supply.

use diem_bridge::OutboundKind;
use diem_genesis::presets::bridge_secret;

use super::{
    bridge::{ON_BASE, sent, shown},
    chain::{Chain, units, whole},
};
use crate::support::{
    bridge::state_newest_set,
    far_side::{FarSide, is_level, state_block},
};

/// A chain whose bridge is at work and pays at most a DIEM at once.
async fn at_work() -> Chain {
    let chain = Chain::start().await;
    sent(&chain, &format!("prepare --base-chain-id 84532 --guardian {ON_BASE} --from validator-1")).await;
    sent(&chain, "activate --deploy-block 40 --from validator-1").await;
    state_newest_set(chain.app(), &[bridge_secret(1)]);
    chain.mine(1).await;
    sent(&chain, "params set credit_capacity=10DIEM --from validator-1").await;
    chain
}

/// Sends an amount to Base and has it sealed, as batch `nonce`.
async fn sealed(chain: &Chain, amount: &str) {
    sent(chain, &format!("out {amount} --to {ON_BASE} --from dave")).await;
    chain.pass(2_000).await;
    chain.mine(1).await;
}

/// Follows Base up to now.
pub(super) async fn follow(chain: &Chain, far: &mut FarSide) {
    far.now = far.now.max(chain.app().store().latest().time_ms() / 1_000);
    let checkpoint = far.checkpoint(chain.app());
    state_block(chain.app(), &[bridge_secret(1)], checkpoint);
    chain.mine(1).await;
    while let Some(chunk) = far.missing(chain.app(), 200) {
        chain.app().offer_chunk(chunk).unwrap();
        chain.mine(1).await;
    }
    while !is_level(chain.app()) {
        chain.mine(1).await;
    }
    chain.mine(1).await;
}

/// The hash of the chain's genesis, as a user would know it.
async fn genesis_hash(chain: &Chain) -> String {
    hex::encode(diem_client::Client::new(chain.url()).unwrap().genesis().await.unwrap().hash())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_back_is_followed_by_its_event_to_the_account_that_is_paid() {
    let chain = at_work().await;
    let mut far = FarSide::of(chain.app());
    sealed(&chain, "5DIEM").await;
    far.execute(chain.app(), 1, &[]);
    let unknown = chain.run("bridge status --event 2").await.ok().stdout;
    assert!(unknown.contains("does not know of the event yet") && unknown.contains("--base-rpc URL"), "{unknown}");
    let bob = chain.address("bob").parse().unwrap();
    let (small, large) = (far.burn(bob, diem_core::Amount::new(whole("0.5"))), far.burn(bob, diem_core::Amount::ONE));
    let huge = far.burn(bob, diem_core::Amount::new(whole("2")));
    follow(&chain, &mut far).await;

    let minted = shown(&chain, "status 1").await;
    assert_eq!((&minted["state"], &minted["end"]["batch"]), (&"minted".into(), &"1".into()));
    let paid = shown(&chain, &format!("status --event {small}")).await;
    assert_eq!((&paid["state"], &paid["id"], units(&paid["amount"])), (&"credited".into(), &"1".into(), whole("0.5")));
    assert_eq!(shown(&chain, &format!("status --event {large}")).await["state"], "credited");
    assert_eq!(shown(&chain, "status --burn 3").await["event"], huge.to_string());
    let listed = shown(&chain, "list --burns --recipient bob").await;
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["state"]), (1, &"delayed".into()));
    assert!(
        chain.run("bridge list --burns --recipient carol").await.ok().stderr.contains("nothing is on its way back")
    );
    assert!(chain.run("bridge list --queue").await.ok().stderr.contains("nothing waits on Base"));
    chain.fails("bridge status --burn 9", 1, "unknown_nonce").await;
    chain.fails("bridge status --event 1", 1, "it is no burn").await;
    chain.fails("bridge status 1 --burn 2", 2, "cannot be used with").await;
    chain.fails("bridge list --recipient bob", 2, "--burns").await;

    // The authority may look at what is large for longer, once.
    chain.fails("bridge hold 3 --from alice --yes", 3, "not_authority").await;
    chain.fails("bridge hold 1 --from validator-1 --yes", 3, "unknown_nonce").await;
    sent(&chain, "hold 3 --from validator-1").await;
    let held = chain.run("bridge status --burn 3").await.ok().stdout;
    assert!(held.contains("held: the authority holds it back"), "{held}");
    chain.fails("bridge hold 3 --from validator-1 --yes", 3, "held_before").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supply_is_proven_and_what_is_not_covered_is_said_until_it_is_paid_in() {
    let chain = at_work().await;
    let verify = format!("bridge verify-supply --genesis-hash {}", genesis_hash(&chain).await);
    chain.fails(&verify, 1, "no block of Base is completed yet").await;
    let mut far = FarSide::of(chain.app());
    sealed(&chain, "5DIEM").await;
    far.execute(chain.app(), 1, &[]);
    far.burn(chain.address("bob").parse().unwrap(), diem_core::Amount::new(whole("0.5")));
    follow(&chain, &mut far).await;
    chain.mine(2).await;
    let table = chain.run(&verify).await.ok().stdout;
    for words in ["first equality", "second equality", "holds: 4.5001 DIEM on both sides", "covered: every nDIEM"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let proven = chain.run(&format!("{verify} --output json")).await.ok().json();
    assert_eq!((&proven["covered"], &proven["proven_by_base"]), (&true.into(), &false.into()));
    chain.fails(&format!("{verify} --base-rpc http://127.0.0.1:1"), 1, "Base").await;
    chain.fails(&format!("bridge verify-supply --genesis-hash {}", "0".repeat(64)), 1, "not the trusted").await;
    // By itself it trusts the genesis of the home.
    assert!(chain.run("bridge verify-supply").await.ok().stdout.contains("covered: every nDIEM"));

    chain.fails("bridge resume --from validator-1 --yes", 3, "not_halted").await;
    chain.fails("bridge cover 1DIEM --from dave --yes", 3, "nothing_uncovered").await;
    far.forge(diem_core::Amount::new(whole("3")));
    follow(&chain, &mut far).await;
    chain.mine(2).await;
    let status = chain.run("bridge status").await.ok().stdout;
    assert!(status.contains("is halted") && status.contains("diemd bridge resume"), "{status}");
    chain.fails(&verify, 1, "not covered: the books and what is there differ").await;
    chain.fails("bridge resume --from alice --yes", 3, "not_authority").await;
    sent(&chain, "resume --from validator-1").await;
    chain.mine(2).await;
    chain.fails(&verify, 1, "not covered: the escrow lacks 3 DIEM, as the chain says too").await;
    assert_eq!(units(&shown(&chain, "status").await["books"]["uncovered"]), whole("3"));
    chain.fails("bridge cover 4DIEM --from dave --yes", 3, "cover_amount").await;
    chain.fails("bridge cover 1VVV --from dave --yes", 2, "this takes DIEM").await;
    sent(&chain, "cover 1DIEM --from dave").await;
    sent(&chain, "cover 2DIEM --from dave").await;
    chain.mine(2).await;
    assert!(chain.run(&verify).await.ok().stdout.contains("covered: every nDIEM"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_signed_with_the_file_of_a_bridge_key() {
    let chain = at_work().await;
    let secret = bridge_secret(1);
    let address = diem_core::keys::EthereumKey::new(&secret).unwrap().address();
    let text = serde_json::json!({ "address": address, "secret": hex::encode(secret) }).to_string();
    let file = chain.file("bridge_key.json", &text);
    // Whoever is asked reads what it does before anything is signed.
    let asked = chain.run(&format!("bridge pause sign --bridge-key {file} --from alice")).await;
    assert_eq!(asked.code, 2);
    assert!(asked.stderr.contains("nothing is minted there until the validators end it"), "{}", asked.stderr);
    sent(&chain, &format!("pause sign --bridge-key {file} --from alice")).await;
    let client = diem_client::Client::new(chain.url()).unwrap();
    let signed = client.bridge_signatures(OutboundKind::Pause, 1, None).await.unwrap();
    assert!(signed.power.is_enough && signed.power.signed > 0, "{:?}", signed.power);
    chain.fails(&format!("bridge pause sign --bridge-key {file} --from alice --yes"), 3, "stated").await;
    let far_ahead = format!("bridge pause sign --bridge-key {file} --pause 9 --from alice --yes");
    chain.fails(&far_ahead, 3, "unwanted").await;
    let other = chain.file("other.json", &text.replace(&hex::encode(secret), &"12".repeat(32)));
    chain.fails(&format!("bridge pause sign --bridge-key {other} --from alice"), 2, "no key of the bridge").await;
    chain.fails("bridge pause sign --bridge-key nowhere.json --from alice", 2, "nowhere.json").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_base_says_so() {
    let chain = at_work().await;
    let nowhere = "--base-rpc http://127.0.0.1:1";
    chain.fails("bridge back 1DIEM --to dave --from dave", 2, "--base-rpc").await;
    chain.fails(&format!("bridge back 0.001DIEM --to dave {nowhere} --from dave"), 2, "at least 0.01 DIEM").await;
    chain.fails(&format!("bridge back 1VVV --to dave {nowhere} --from dave"), 2, "this takes DIEM").await;
    chain.fails(&format!("bridge back 1DIEM {nowhere} --from dave"), 2, "--to").await;
    chain.fails("bridge release 1 --key dave", 2, "--base-rpc").await;
    chain.fails(&format!("bridge replay {nowhere} --from dave"), 2, "no events are missing").await;
    chain.fails("bridge pause send --key dave", 2, "--base-rpc").await;
    chain.fails("bridge pause guardian --key dave", 2, "--base-rpc").await;
    chain.fails("bridge check-endpoint http://127.0.0.1:1", 1, "127.0.0.1:1").await;
    chain.fails("bridge check-endpoint nowhere", 1, "nowhere").await;
    chain.fails("bridge admin resolve 4 --from validator-1", 2, "--release|--cancel").await;
    chain.fails("bridge admin resolve 4 --release --cancel --from validator-1", 2, "cannot be used with").await;
}
