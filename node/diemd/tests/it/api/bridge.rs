//! The bridge over HTTP: how it stands, its transfers and what a relayer needs, and the statements of validators as a
//! transaction of their own kind.

use diem_api::{BridgeStage, Transaction, TransferState, Wait};
use diem_bridge::{Batch, Constructor, Msg, OutboundKind, Params, SignatureList, Transfer, ValidatorSet};
use diem_core::{Address, Amount};
use diem_engine::Engine as _;
use diem_testkit::{
    economy::{milli, validator, whole},
    people::{bridge_secret, operator},
};
use diem_types::Call;
use serde_json::Value;

use super::running::{Running, start_economy_with};
use crate::support::bridge::{state_all, state_newest_set};

/// An account on Base that nobody here has.
pub(super) const ON_BASE: Address = Address([0xb5; 20]);
/// The place of an account whose key is an Ethereum one, among the people; account 0 has an ed25519 key.
pub(super) const ETHEREUM: usize = 2;

/// A node whose first validator is the authority of the bridge.
pub(super) async fn start() -> Running {
    start_with(|_| {}).await
}

/// Such a node with other parameters.
pub(super) async fn start_with(change: impl FnOnce(&mut Params)) -> Running {
    start_economy_with(|doc| {
        doc.app.bridge.params = Params {
            seal_wait_ms: 2_000,
            batch_life_ms: 600_000,
            set_every_ms: 3_600_000,
            set_gap_ms: 5_000,
            authority: validator(0),
            ..Params::default()
        };
        change(&mut doc.app.bridge.params);
    })
    .await
}

pub(super) fn prepare() -> Call {
    Call::Bridge(Msg::Prepare {
        chain_id: 84_532,
        max_set_age: 30 * 86_400,
        mint_capacity: whole(10_000),
        share_bps: 1_000,
        guardian: Address([7; 20]),
    })
}

pub(super) fn out(amount: Amount, fee: Amount) -> Call {
    Call::Bridge(Msg::BridgeOut { amount, fee, recipient: ON_BASE })
}

pub(super) fn keys() -> Vec<[u8; 32]> {
    (1..=3).map(bridge_secret).collect()
}

pub(super) async fn mine(node: &Running) {
    node.engine.dev().unwrap().mine(1).await.unwrap();
}

/// A node whose bridge is at work.
pub(super) async fn at_work() -> Running {
    at_work_with(|_| {}).await
}

/// Such a node with other parameters.
pub(super) async fn at_work_with(change: impl FnOnce(&mut Params)) -> Running {
    let node = start_with(change).await;
    let activate = Call::Bridge(Msg::Activate { init_code_hash: [9; 32], deploy_block: 40 });
    node.commit(&operator(0), vec![prepare(), activate]).await;
    state_newest_set(&node.app, &keys());
    mine(&node).await;
    assert_eq!(node.client.bridge().await.unwrap().stage, BridgeStage::AtWork);
    node
}

pub(super) async fn get(node: &Running, path: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("http://{}{path}", node.address)).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_names_the_step_that_is_missing() {
    let node = start().await;
    let bridge = node.client.bridge().await.unwrap();
    assert_eq!((bridge.stage, bridge.contract.clone()), (BridgeStage::Unprepared, None));
    assert!(bridge.next_step.as_ref().unwrap().contains("diemd bridge prepare"));

    node.commit(&operator(0), vec![prepare()]).await;
    let bridge = node.client.bridge().await.unwrap();
    assert_eq!(bridge.stage, BridgeStage::Prepared);
    assert!(bridge.next_step.as_ref().unwrap().contains("diemd bridge deploy"));
    let arguments = Constructor::from(&bridge.contract.as_ref().unwrap().constructor);
    assert_eq!(Some(arguments), diem_bridge::setup::constructor(&node.app.store().latest()));

    let activate = Call::Bridge(Msg::Activate { init_code_hash: [9; 32], deploy_block: 40 });
    node.commit(&operator(0), vec![activate]).await;
    state_newest_set(&node.app, &keys()[..1]);
    mine(&node).await;
    let bridge = node.client.bridge().await.unwrap();
    assert_eq!((bridge.stage, bridge.newest_set.unwrap().signed), (BridgeStage::Activated, 12_000));
    assert!(bridge.next_step.as_ref().unwrap().contains("12000 of 26000 power has signed"), "{:?}", bridge.next_step);
    state_newest_set(&node.app, &keys()[1..]);
    mine(&node).await;
    let (_, json) = get(&node, "/v1/bridge").await;
    assert_eq!((&json["stage"], &json["next_step"]), (&"at_work".into(), &Value::Null));
    assert_eq!(json["params"]["min_out"]["display"], "0.01 DIEM");
    // Addresses of Base have the form by which they are known there.
    let place = &json["contract"]["deployed"];
    for address in [&place["bridge"], &place["token"], &json["contract"]["constructor"]["guardian"]] {
        let text = address.as_str().unwrap();
        assert_eq!(text.parse::<Address>().unwrap().to_hex(), text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_waits_is_sealed_and_signed_and_a_relayer_finds_everything() {
    let node = at_work().await;
    let sent = node.commit(&node.people[0], vec![out(whole(1), milli(1)), out(whole(1), milli(2))]).await;
    node.commit(&node.people[ETHEREUM], vec![out(whole(1), milli(3))]).await;
    let first = node.client.bridge_transfer(1).await.unwrap();
    assert_eq!(
        (first.state, first.before, first.expected.unwrap().time.0),
        (TransferState::Waiting, Some(0), sent.time.0 + 2_000)
    );
    assert_eq!(node.client.bridge_transfer(2).await.unwrap().before, Some(2), "a higher fee goes before it");
    let own = node.client.bridge_transfers(Some(&node.address_of(ETHEREUM))).await.unwrap();
    assert_eq!(own.items.iter().map(|transfer| transfer.id).collect::<Vec<_>>(), [3]);

    node.pass(2_000).await;
    let sealed = node.client.bridge_transfer(1).await.unwrap();
    assert_eq!((sealed.state, sealed.batch.unwrap().nonce), (TransferState::Sealed, 1));
    assert!(sealed.reason.contains("0 of 26000 power"), "{}", sealed.reason);
    state_all(&node.app, &keys()[..2], OutboundKind::Batch, 1);
    mine(&node).await;
    let signed = node.client.bridge_transfer(1).await.unwrap();
    assert_eq!(signed.state, TransferState::Signed);
    assert!(signed.next_step.contains("diemd bridge relay 1"), "{}", signed.next_step);

    // What the node answers is what the contract takes: bytes, set and signatures fit together.
    let detail = node.client.bridge_batch(1).await.unwrap();
    let batch = Batch {
        nonce: 1,
        deadline: detail.batch.batch.deadline.millis() / 1_000,
        fee: detail.batch.fee.amount,
        transfers: Batch::read_transfers(&detail.transfer_bytes.0).unwrap(),
    };
    assert_eq!(batch.transfers[0], Transfer { recipient: ON_BASE, amount: whole(1) });
    assert_eq!((batch.struct_hash(), batch.fee), (detail.struct_hash.0, milli(6)));
    let signatures = node.client.bridge_signatures(OutboundKind::Batch, 1, Some(1)).await.unwrap();
    let set = ValidatorSet::decode(&signatures.set_bytes.0).unwrap();
    let list = SignatureList::decode(&signatures.list.0, set.members().len()).unwrap();
    assert_eq!(list.power(&set, &signatures.digest.0), Ok(signatures.power.signed));
    assert!(signatures.power.is_enough && signatures.power.signed == 20_000, "{:?}", signatures.power);
    let stored = node.client.bridge_set(1).await.unwrap();
    assert_eq!((stored.bytes.0.clone(), stored.total), (set.encode(), 26_000));
    assert_eq!(node.client.bridge_batches().await.unwrap().items[0].count, 3);
    // Past its deadline it is neither minted nor refunded as far as the chain knows, and that is what is told.
    node.pass(601_000).await;
    let expired = node.client.bridge_transfer(1).await.unwrap();
    assert_eq!(
        (expired.state, &*expired.next_step),
        (TransferState::Expired, "if it was not, it is refunded with its fee once a later block of Base is completed")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authority_orders_is_there_with_its_signatures() {
    let node = at_work().await;
    let action = diem_bridge::AdminAction::SetGuardian { guardian: ON_BASE };
    node.commit(&operator(0), vec![Call::Bridge(Msg::Admin { action })]).await;
    state_all(&node.app, &keys(), OutboundKind::Admin, 1);
    mine(&node).await;
    let answer = node.client.bridge_action(1).await.unwrap();
    assert_eq!(answer.action, action.issue(1, 0));
    assert!(answer.signatures.is_enough && answer.struct_hash.0 == answer.action.struct_hash());
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_validators_are_a_transaction_of_their_own_kind() {
    let node = at_work().await;
    // The bridge has blocks of its own made, so that of the statements need not be the latest.
    let mut stated = None;
    for height in 1..=node.app.info().height {
        let (_, block) = get(&node, &format!("/v1/blocks/{height}")).await;
        stated =
            block["items"].as_array().unwrap().iter().find(|tx| tx.get("statements").is_some()).cloned().or(stated);
    }
    let shown = &stated.unwrap();
    assert_eq!((&shown["tx"], &shown["raw"]), (&Value::Null, &Value::Null), "no user's, and understood");
    assert_eq!((&shown["result"]["ok"], &shown["result"]["fee"]["amount"]), (&true.into(), &"0".into()));
    let statements = shown["statements"]["statements"].as_array().unwrap();
    let mut signers: Vec<&str> = statements.iter().map(|one| one["signer"].as_str().unwrap()).collect();
    signers.sort_unstable();
    assert_eq!(signers, addresses());
    for one in statements {
        assert_eq!((&one["kind"], &one["nonce"]), (&"valset".into(), &"1".into()));
        assert!(one["text"].as_str().unwrap().starts_with("validator set 1 signed by 0x"), "{one}");
    }
    // It is found by its hash as any other is, and read back as the same type.
    let hash = shown["hash"].as_str().unwrap();
    let (status, found) = get(&node, &format!("/v1/tx/{hash}")).await;
    assert_eq!((status, &found), (200, shown));
    let transaction: Transaction = serde_json::from_value(found).unwrap();
    assert!(transaction.tx.is_none() && transaction.statements.unwrap().statements.len() == 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hands_in_the_transaction_of_a_proposer() {
    let node = at_work().await;
    node.commit(&node.people[0], vec![out(whole(1), milli(1))]).await;
    node.pass(2_000).await;
    let statements = vec![crate::support::bridge::statement(&node.app, &keys()[0], OutboundKind::Batch, 1)];
    let votes = diem_bridge::BridgeVotes { statements: statements.clone(), chunk: None }.encode();
    let answer = node.client.submit(votes, Wait::Checked, std::time::Duration::from_secs(30)).await;
    let error = answer.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.codespace.as_str(), refusal.name.as_str()), ("chain", "reserved"));
    // Whoever is left out by proposers hands the same statements in as a call.
    let sent = node.commit(&node.people[1], vec![Call::Bridge(Msg::Submit { statements })]).await;
    assert!(sent.result.ok && sent.tx.is_some());
    assert_eq!(node.client.bridge_batch(1).await.unwrap().batch.batch.signatures.signed, 12_000);
}

/// The addresses of the validators' bridge keys, sorted as text.
fn addresses() -> Vec<String> {
    let address = |secret: &[u8; 32]| diem_core::keys::EthereumKey::new(secret).unwrap().address().to_hex();
    let mut all: Vec<String> = keys().iter().map(address).collect();
    all.sort();
    all
}
