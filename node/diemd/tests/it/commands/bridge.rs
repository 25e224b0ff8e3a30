//! The commands of the bridge that need no Base: transfers and their states, the making of it, the authority's orders.

use diem_bridge::{OutboundKind, Preimage, Valset, state};
use diem_cli::proof_file::ProofFile;
use diem_core::keys::{EthereumKey, SecretKey};
use diem_genesis::presets::{bridge_secret, validator_secret};
use diem_staking::KeyProof;
use serde_json::{Value, json};

use super::chain::{Chain, units, whole};
use crate::support::bridge::{state_all, state_newest_set, statement};

/// An account on Base that nobody here has.
pub(super) const ON_BASE: &str = "0xBcd4042DE499D14e55001CcbB24a551F3b954096";

/// Runs a command that sends; returns the transaction in its block.
pub(super) async fn sent(chain: &Chain, line: &str) -> Value {
    let ran = chain.run(&format!("bridge {line} --yes --output json")).await.ok();
    let answer = ran.json();
    assert_eq!(answer["state"], "committed", "{line}: {answer}");
    answer["tx"].clone()
}

pub(super) async fn shown(chain: &Chain, line: &str) -> Value {
    let table = chain.run(&format!("bridge {line}")).await.ok();
    assert!(!table.stdout.trim().is_empty(), "{line}");
    chain.run(&format!("bridge {line} --output json")).await.ok().json()
}

/// A chain whose authority has named a contract that no validator has signed a set for.
async fn activated() -> Chain {
    let chain = Chain::start().await;
    sent(&chain, &format!("prepare --base-chain-id 84532 --guardian {ON_BASE} --from validator-1")).await;
    sent(&chain, "activate --deploy-block 40 --from validator-1").await;
    chain
}

/// A chain whose bridge is at work.
async fn at_work() -> Chain {
    let chain = activated().await;
    state_newest_set(chain.app(), &[bridge_secret(1)]);
    chain.mine(1).await;
    chain
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bridge_is_made_step_by_step_and_says_which_is_next() {
    let chain = Chain::start().await;
    let table = chain.run("bridge status").await.ok().stdout;
    assert!(table.contains("not prepared") && table.contains("diemd bridge prepare"), "{table}");
    chain.fails("bridge activate --deploy-block 1 --from validator-1", 2, "nothing is prepared").await;
    chain
        .fails(&format!("bridge prepare --guardian {ON_BASE} --from alice --yes"), 3, "only the bridge's authority")
        .await;
    let out = format!("bridge out 1DIEM --to {ON_BASE} --from dave --yes");
    chain.fails(&out, 3, "the bridge has no contract on Base yet (bridge 29 inactive). Nothing was signed").await;

    let chain = activated().await;
    let status = shown(&chain, "status").await;
    assert_eq!(status["stage"], "activated");
    // The hash that is named without one is that of the contract in this program, made with what was prepared.
    let bridge = diem_bridge::setup::constructor(&chain.app().store().latest()).unwrap();
    let hash = diem_core::keccak256(&diem_base::init_code(&bridge));
    assert_eq!(status["contract"]["deployed"]["init_code_hash"], hex::encode(hash));
    let ran = chain.run(&out).await.ok();
    assert!(ran.stderr.contains("is not at work yet"), "{}", ran.stderr);
    state_newest_set(chain.app(), &[bridge_secret(1)]);
    chain.mine(1).await;
    assert_eq!(shown(&chain, "status").await["stage"], "at_work");
    chain.fails("bridge activate --deploy-block 1 --from validator-1 --yes", 3, "the bridge is at work").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_key_that_base_does_not_know_yet_is_said() {
    let chain = at_work().await;
    let status = async || chain.run("validator status validator-1 --output json").await.ok().json();
    assert_eq!(status().await["bridge_key_pending"], false);
    let operator = chain.address("validator-1").parse().unwrap();
    let (consensus, bridge) = (SecretKey::ed25519(&validator_secret(1)), SecretKey::ethereum(&[9; 32]).unwrap());
    let SecretKey::Ed25519(key) = &consensus else { panic!("an ed25519 key") };
    let proof = ProofFile {
        consensus_key: key.verifying_key().to_bytes(),
        bridge_address: bridge.address(),
        proof: KeyProof::sign("diem-dev-1", &operator, &consensus, &bridge).unwrap(),
        chain_id: "diem-dev-1".into(),
        operator,
    };
    let file = chain.file("rotate.json", &serde_json::to_string(&proof).unwrap());
    chain.tx(&format!("rotate-bridge-key --proof {file} --from validator-1")).await;
    let told = status().await;
    assert_eq!((&told["bridge_key_pending"], &told["bridge_address"]), (&true.into(), &json!(bridge.address())));
    let table = chain.run("validator status validator-1").await.ok().stdout;
    assert!(table.contains("which Base does not know yet: the change is pending"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_followed_from_the_wallet_to_its_batch() {
    let chain = at_work().await;
    // The development engine seals what has waited by itself: an hour is longer than this test on any machine.
    sent(&chain, "params set seal_wait_ms=3600000 --from validator-1").await;
    let before = units(&chain.query("account dave").await["diem"]);
    // Whoever is asked sees what the recipient gets before anything is signed.
    let asked = chain.run(&format!("bridge out 1DIEM --to {ON_BASE} --from dave")).await;
    assert_eq!(asked.code, 2, "there is nobody to ask");
    for words in ["1 DIEM as nDIEM", "0.0001 DIEM, to whoever", "10000 DIEM", "cannot be cancelled after sealing"] {
        assert!(asked.stderr.contains(words), "{words}: {}", asked.stderr);
    }
    sent(&chain, &format!("out 1DIEM --to {ON_BASE} --from dave")).await;
    sent(&chain, &format!("out 2DIEM --to {ON_BASE} --fee 0.01DIEM --from dave")).await;
    let held = whole("3.0101");
    assert_eq!(units(&chain.query("account dave").await["diem"]), before - held);
    let first = shown(&chain, "status 1").await;
    assert_eq!((&first["state"], &first["recipient"]), (&"waiting".into(), &ON_BASE.into()));
    assert_eq!(shown(&chain, "list --sender dave").await["items"].as_array().unwrap().len(), 2);
    assert!(chain.run("bridge list --sender alice").await.ok().stderr.contains("no transfer to Base"));

    sent(&chain, "bump-fee 1 0.02DIEM --from dave").await;
    chain.fails("bridge bump-fee 1 0.01DIEM --from dave --yes", 3, "fee_not_raised").await;
    chain.fails("bridge cancel 2 --from alice --yes", 3, "not_yours").await;
    sent(&chain, "cancel 2 --from dave").await;
    assert_eq!(units(&chain.query("account dave").await["diem"]), before - whole("1.02"));
    assert_eq!(shown(&chain, "status 2").await["state"], "cancelled");
    chain.fails("bridge status 3", 1, "unknown_transfer").await;

    chain.pass(3_600_000).await;
    chain.mine(1).await;
    let sealed = chain.run("bridge status 1").await.ok().stdout;
    assert!(sealed.contains("sealed: 0 of"), "{sealed}");
    chain.fails("bridge cancel 1 --from dave --yes", 3, "is sealed in batch 1").await;
    state_all(chain.app(), &[bridge_secret(1)], OutboundKind::Batch, 1);
    chain.mine(1).await;
    let signed = chain.run("bridge status 1").await.ok();
    assert!(signed.stdout.contains("diemd bridge relay 1"), "{}", signed.stdout);
    assert!(signed.stderr.contains("--base-rpc URL"), "{}", signed.stderr);
    // The block tells the statements of validators as what they are.
    let mut height = chain.query("status").await["latest"]["height"].as_u64().unwrap();
    let hash = loop {
        let block = chain.query_json(&format!("block {height}")).await;
        if let Some(found) = block["items"].as_array().unwrap().iter().find(|tx| tx.get("statements").is_some()) {
            break found["hash"].as_str().unwrap().to_owned();
        }
        height -= 1;
    };
    let block = chain.run(&format!("query block {height}")).await.ok().stdout;
    assert!(block.contains("statements of validators: 1"), "{block}");
    let tx = chain.run(&format!("query tx {hash}")).await.ok().stdout;
    assert!(tx.contains("batch 1 signed by 0xe02dD4D32818baa26b51f423213295CEAbd34bF5"), "{tx}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_would_fail_is_refused_before_it_is_signed() {
    let chain = at_work().await;
    let status = shown(&chain, "status").await;
    let place = &status["contract"]["deployed"];
    let (bridge, token) = (place["bridge"].as_str().unwrap(), place["token"].as_str().unwrap());
    let (dave, bob) = (chain.address("dave"), chain.address("bob"));
    for (to, amount, fee, words) in [
        (dave.as_str(), "1DIEM", "0.01DIEM", "recipient_has_no_key"),
        (bridge, "1DIEM", "0.01DIEM", "recipient_is_nobody"),
        (token, "1DIEM", "0.01DIEM", "recipient_is_nobody"),
        ("0x0000000000000000000000000000000000000000", "1DIEM", "0.01DIEM", "recipient_is_nobody"),
        (ON_BASE, "0.001DIEM", "0.0001DIEM", "amount_too_small"),
        (ON_BASE, "1001DIEM", "0.01DIEM", "amount_too_large"),
        (ON_BASE, "1DIEM", "1adiem", "fee_too_small"),
        (ON_BASE, "1DIEM", "0.051DIEM", "fee_too_large"),
    ] {
        let line = format!("bridge out {amount} --to {to} --fee {fee} --from dave --yes");
        chain.fails(&line, 3, words).await;
        chain.fails(&line, 3, "Nothing was signed").await;
    }
    // The name of another person's ed25519 key is nobody on Base either; the address alone does not show it.
    chain.fails("bridge out 1DIEM --to bob --from dave --yes", 2, "whose address nobody has on Base").await;
    chain.fails(&format!("bridge out 1DIEM --to {bob} --fee 1VVV --from dave --yes"), 2, "this takes DIEM").await;
    assert_eq!(shown(&chain, "list").await["items"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authority_changes_what_it_names_and_orders_on_base() {
    let chain = at_work().await;
    let before = shown(&chain, "params").await;
    sent(&chain, "params set max_open=1 min_fee=0.0002DIEM silence_jail_bps=500 --from validator-1").await;
    let mut expected = before.clone();
    (expected["max_open"], expected["silence_jail_bps"]) = (1.into(), 500.into());
    expected["min_fee"] = whole("0.0002").to_string().into();
    assert_eq!(shown(&chain, "params").await, expected);
    sent(&chain, "params set silence_jail_bps=none --from validator-1").await;
    chain.fails("bridge params set max_open=0 --from validator-1 --yes", 2, "max_open must be 1 to 1,024").await;
    chain.fails("bridge params set max=1 --from validator-1 --yes", 2, "there is no parameter `max`").await;
    chain.fails("bridge params set max_open --from validator-1 --yes", 2, "write NAME=VALUE").await;
    chain.fails("bridge params set max_open=2 --from alice --yes", 3, "not_authority").await;

    for (line, kind) in [
        ("unpause", "unpause"),
        ("limits 5000DIEM 5%", "set_limits"),
        ("resolve 4 --cancel", "resolve_queue"),
        (&format!("guardian {ON_BASE}"), "set_guardian"),
        (&format!("move {ON_BASE}"), "move_bridge"),
    ] {
        sent(&chain, &format!("admin {line} --from validator-1")).await;
        let nonce = shown(&chain, "status").await["issued"]["actions"].as_u64().unwrap();
        let answer = diem_client::Client::new(chain.url()).unwrap().bridge_action(nonce).await.unwrap();
        assert_eq!(serde_json::to_value(&answer.action).unwrap()["type"], kind);
    }
    chain.fails("bridge admin unpause --from alice --yes", 3, "not_authority").await;

    // With one batch open of at most one, the next transfer is told that it waits.
    sent(&chain, &format!("out 1DIEM --to {ON_BASE} --from dave")).await;
    chain.pass(2_000).await;
    chain.mine(1).await;
    let ran = chain.run(&format!("bridge out 1DIEM --to {ON_BASE} --from dave --yes")).await.ok();
    assert!(ran.stderr.contains("as many batches are open as may be, 1"), "{}", ran.stderr);
    let waiting = chain.run("bridge status 2").await.ok().stdout;
    assert!(
        waiting.contains("as many batches are open as may be, 1") && waiting.contains("diemd bridge cancel 2"),
        "{waiting}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_and_evidence_are_handed_in_from_files() {
    let chain = activated().await;
    let newest = state::issued(&chain.app().store().latest()).sets;
    let statements = vec![statement(chain.app(), &bridge_secret(1), OutboundKind::Valset, newest)];
    let file = chain.file("statements.json", &serde_json::to_string(&statements).unwrap());
    sent(&chain, &format!("submit {file} --from alice")).await;
    assert_eq!(shown(&chain, "status").await["stage"], "at_work");
    chain.fails(&format!("bridge submit {file} --from alice --yes"), 3, "stated").await;

    let preimage = Preimage::Valset(Valset { nonce: 9, created_at: 1, set_hash: [3; 32] });
    let domain = state::domain(&chain.app().store().latest()).unwrap();
    let signature = EthereumKey::new(&bridge_secret(1)).unwrap().sign(&domain.digest(&preimage.struct_hash()));
    let evidence = json!({ "preimage": preimage, "signature": signature });
    let file = chain.file("forged.json", &evidence.to_string());
    let dry = chain.run(&format!("bridge evidence {file} --from alice --dry-run")).await.ok();
    assert!(dry.stdout.contains("is convicted: it signed a validator set 9 for Base"), "{}", dry.stdout);
    let file = chain.file("wrong.json", r#"{"preimage": {"type": "valset"}, "signature": ""}"#);
    chain.fails(&format!("bridge evidence {file} --from alice --yes"), 2, "wrong.json: ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_base_says_so() {
    let chain = activated().await;
    chain.fails("bridge relay 1 --key dave", 2, "--base-rpc").await;
    let nowhere = "--base-rpc http://127.0.0.1:1";
    chain.fails(&format!("bridge relay 1 {nowhere} --key nobody"), 1, "Base").await;
    // What the chain knows is told all the same.
    let ran = chain.run(&format!("bridge status {nowhere}")).await.ok();
    assert!(ran.stdout.contains("activated") && ran.stderr.contains("nothing of Base is shown"), "{}", ran.stderr);
    chain.fails(&format!("bridge deploy {nowhere} --key dave --yes"), 1, "Base").await;
}
