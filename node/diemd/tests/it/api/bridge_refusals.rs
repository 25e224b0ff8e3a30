//! Bad input about the bridge: each has an error of its own, and nothing changes but the fee that is paid.

use std::time::Duration;

use diem_api::{State, Wait};
use diem_bridge::Msg;
use diem_core::{Address, Amount};
use diem_testkit::{
    economy::{milli, whole},
    people::{TxBuilder, operator},
};
use diem_types::Call;
use serde_json::Value;

use super::{
    bridge::{ETHEREUM, ON_BASE, at_work, get, out, prepare, start},
    running::Running,
};

/// The name of the error with which these calls fail in a block, and the HTTP status of its line in the table.
async fn failure(node: &Running, person: &diem_testkit::Person, call: Call) -> String {
    let nonce = node.client.account(&person.address, None, false).await.unwrap().nonce;
    let tx = TxBuilder::new(&node.doc, person, nonce, vec![call]).bytes();
    let answer = node.client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(30)).await.unwrap();
    assert_eq!(answer.state, State::Failed, "{answer:?}");
    let error = answer.error.unwrap();
    assert_eq!(error.codespace, "bridge", "{error}");
    error.name
}

/// What the bridge and an account hold, without the height and what changes by itself: room comes back with time.
async fn held(node: &Running, account: &Address) -> (Value, Amount) {
    let (_, mut bridge) = get(node, "/v1/bridge").await;
    for moving in ["height", "time", "epoch", "room"] {
        bridge.as_object_mut().unwrap().remove(moving);
    }
    (bridge, node.client.account(account, None, false).await.unwrap().diem.amount)
}

fn out_to(recipient: Address) -> Call {
    Call::Bridge(Msg::BridgeOut { amount: whole(1), fee: milli(1), recipient })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_breaks_a_rule_is_refused_by_its_own_error() {
    let node = at_work().await;
    let place = node.client.bridge().await.unwrap().contract.clone().unwrap().deployed.unwrap();
    let sender = node.people[0].clone();
    let before = held(&node, &sender.address).await;
    for (call, name) in [
        (out_to(sender.address), "recipient_has_no_key"),
        (out_to(place.token), "recipient_is_nobody"),
        (out_to(place.bridge), "recipient_is_nobody"),
        (out_to(Address::ZERO), "recipient_is_nobody"),
        (out(Amount::ZERO, Amount::ZERO), "amount_too_small"),
        (out(milli(9), milli(0)), "amount_too_small"),
        (out(whole(1_001), milli(1)), "amount_too_large"),
        (out(whole(1), Amount::new(1)), "fee_too_small"),
        (out(whole(1), milli(51)), "fee_too_large"),
        (Call::Bridge(Msg::BumpFee { id: 9, fee: milli(1) }), "unknown_transfer"),
        (Call::Bridge(Msg::Cancel { id: 9 }), "unknown_transfer"),
        (Call::Bridge(Msg::Cover { amount: whole(1) }), "nothing_uncovered"),
        (prepare(), "not_authority"),
    ] {
        assert_eq!(failure(&node, &sender, call.clone()).await, name, "{call:?}");
        assert_eq!(held(&node, &sender.address).await, before, "{name}");
    }
    // An Ethereum key is the same account on Base.
    let own = node.people[ETHEREUM].clone();
    let call = Call::Bridge(Msg::BridgeOut { amount: whole(1), fee: milli(1), recipient: own.address });
    assert!(node.commit(&own, vec![call]).await.result.ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_yours_or_sealed_cannot_be_changed() {
    let node = at_work().await;
    let (alice, bob) = (node.people[0].clone(), node.people[1].clone());
    node.commit(&alice, vec![out(whole(1), milli(1))]).await;
    let before = held(&node, &alice.address).await;
    let bump = |fee| Call::Bridge(Msg::BumpFee { id: 1, fee });
    let cancel = Call::Bridge(Msg::Cancel { id: 1 });
    for (person, call, name) in [
        (&bob, cancel.clone(), "not_yours"),
        (&bob, bump(milli(2)), "not_yours"),
        (&alice, bump(milli(1)), "fee_not_raised"),
        (&alice, bump(milli(51)), "fee_too_large"),
    ] {
        assert_eq!(failure(&node, person, call).await, name);
        assert_eq!(held(&node, &alice.address).await, before, "{name}");
    }
    node.commit(&alice, vec![bump(milli(2))]).await;
    node.pass(2_000).await;
    let before = held(&node, &alice.address).await;
    for call in [cancel, bump(milli(3))] {
        assert_eq!(failure(&node, &alice, call).await, "sealed");
        assert_eq!(held(&node, &alice.address).await, before);
    }
    assert_eq!(failure(&node, &operator(0), prepare()).await, "at_work");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_there_is_a_contract_nothing_goes_out() {
    let node = start().await;
    let alice = node.people[0].clone();
    assert_eq!(failure(&node, &alice, out_to(ON_BASE)).await, "inactive");
    let activate = Call::Bridge(Msg::Activate { init_code_hash: [9; 32], deploy_block: 40 });
    assert_eq!(failure(&node, &operator(0), activate).await, "unprepared");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_about_nothing_are_answered_with_an_error_of_the_table() {
    let node = at_work().await;
    for (path, status, codespace, name) in [
        ("transfers/9", 404, "bridge", "unknown_transfer"),
        ("transfers/0", 404, "bridge", "unknown_transfer"),
        ("transfers/x", 400, "http", "bad_request"),
        ("transfers/-1", 400, "http", "bad_request"),
        ("transfers/18446744073709551616", 400, "http", "bad_request"),
        ("transfers?sender=bob", 400, "http", "bad_request"),
        ("transfers?limit=0", 400, "http", "bad_request"),
        ("transfers?after=1", 400, "http", "bad_request"),
        ("transfers/9?prove=true", 404, "bridge", "unknown_transfer"),
        ("transfers/9?prove=maybe", 400, "http", "bad_request"),
        ("burns/0", 404, "bridge", "unknown_nonce"),
        ("burns/9", 404, "bridge", "unknown_nonce"),
        ("burns/x", 400, "http", "bad_request"),
        ("burns?recipient=bob", 400, "http", "bad_request"),
        ("burns?sender=0xBcd4042DE499D14e55001CcbB24a551F3b954096", 400, "http", "bad_request"),
        ("burns?event=x", 400, "http", "bad_request"),
        ("burns?event=-1", 400, "http", "bad_request"),
        ("burns?after=1", 400, "http", "bad_request"),
        ("queue/9", 404, "bridge", "unknown_nonce"),
        ("queue/x", 400, "http", "bad_request"),
        ("queue?limit=101", 400, "http", "bad_request"),
        ("checkpoints/x", 400, "http", "bad_request"),
        ("checkpoints?limit=0", 400, "http", "bad_request"),
        ("signers?after=x", 400, "http", "bad_request"),
        ("batches/9", 404, "bridge", "unknown_nonce"),
        ("batches/x", 400, "http", "bad_request"),
        ("sets/9", 404, "bridge", "unknown_nonce"),
        ("sets/%ff", 400, "http", "bad_request"),
        ("actions/9", 404, "bridge", "unknown_nonce"),
        ("actions/x", 400, "http", "bad_request"),
        ("signatures", 400, "http", "bad_request"),
        ("signatures?kind=batch", 400, "http", "bad_request"),
        ("signatures?kind=mint&nonce=1", 400, "http", "bad_request"),
        ("signatures?kind=batch&nonce=1", 404, "bridge", "unknown_nonce"),
        ("signatures?kind=valset&nonce=1&set=7", 404, "bridge", "unknown_nonce"),
        ("signatures?kind=pause&nonce=9", 404, "bridge", "unknown_nonce"),
    ] {
        let (got, answer) = get(&node, &format!("/v1/bridge/{path}")).await;
        let error = &answer["error"];
        let found = (got, error["codespace"].as_str().unwrap(), error["name"].as_str().unwrap());
        assert_eq!(found, (status, codespace, name), "{path}: {answer}");
        assert!(error["message"].as_str().unwrap().len() < 300, "{path}");
    }
    // Nobody has stated anything of that block, and no event of that number was applied.
    let (status, checkpoint) = get(&node, "/v1/bridge/checkpoints/18446744073709551615").await;
    assert_eq!((status, &checkpoint["contents"]), (200, &serde_json::json!([])));
    let (status, burns) = get(&node, "/v1/bridge/burns?event=18446744073709551615").await;
    assert_eq!((status, &burns["items"]), (200, &serde_json::json!([])));
    // A pause is wanted up to four ahead, before anybody signs it.
    let (status, pause) = get(&node, "/v1/bridge/signatures?kind=pause&nonce=4").await;
    assert_eq!((status, &pause["signed"]), (200, &0.into()));
}
