//! Senders who do not wait for a block: the next nonce counts what waits in the pool.

use std::time::Duration;

use crate::running::{Running, start};
use diem_client::{
    api::{Account, State, Wait},
    build::{Draft, Intent, KeyKind},
};
use diem_core::{Amount, Denom};
use diem_node::{Engine as _, engine::BlockMode};
use diem_types::Call;

const PATIENCE: Duration = Duration::from_secs(30);

/// A payment of the first person, completed with what the node says.
async fn draft(node: &Running) -> Draft {
    let pay = diem_bank::Msg::Transfer { to: node.address_of(1), denom: Denom::Vvv, amount: Amount::ONE };
    node.client.draft(Intent::new(node.address_of(0), KeyKind::Ed25519, vec![Call::Bank(pay)])).await.unwrap()
}

async fn send(node: &Running, draft: &Draft, wait: Wait) -> State {
    let bytes = draft.tx.sign(&node.people[0].key, None).unwrap();
    node.client.submit(bytes, wait, PATIENCE).await.unwrap().state
}

#[tokio::test(flavor = "multi_thread")]
async fn many_of_one_sender_wait_for_the_same_block() {
    let node = start(BlockMode::Manual).await;
    let dev = node.engine.dev().unwrap();
    dev.mine(2).await.unwrap();
    let before = node.app.info().height;
    for nonce in 0..20 {
        let draft = draft(&node).await;
        assert_eq!(draft.tx.nonce, nonce);
        let tried = node.client.simulate(&draft.tx, KeyKind::Ed25519, None).await.unwrap();
        assert!(tried.result.ok, "{tried:?}");
        let (wait, state) =
            if nonce % 2 == 0 { (Wait::Checked, State::Checked) } else { (Wait::None, State::Accepted) };
        assert_eq!(send(&node, &draft, wait).await, state);
    }
    let asked = |height, prove| {
        let (client, address) = (node.client.clone(), node.address_of(0));
        async move { client.account(&address, height, prove).await.unwrap() }
    };
    let now = asked(None, false).await;
    assert_eq!((now.nonce, now.next_nonce, now.nonce_to_send()), (0, Some(20), 20));
    // The pool is no part of any state: what is proven, and what was, says nothing of it.
    for (height, prove) in [(None, true), (Some(before), false), (Some(before - 1), true)] {
        let account = asked(height, prove).await;
        assert_eq!((account.nonce, account.next_nonce, account.nonce_to_send()), (0, None, 0), "{height:?} {prove}");
    }
    let height = dev.mine(1).await.unwrap();
    assert_eq!(node.app.block(height).unwrap().tx_count, 20, "all in one block");
    let then = asked(None, false).await;
    assert_eq!((then.nonce, then.next_nonce), (20, Some(20)));
    assert_eq!(asked(Some(height - 1), false).await.nonce, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn handed_on_without_waiting_they_never_miss_each_other() {
    let node = start(BlockMode::OnDemand).await;
    for nonce in 0..200 {
        let draft = draft(&node).await;
        assert_eq!(draft.tx.nonce, nonce);
        assert_eq!(send(&node, &draft, Wait::None).await, State::Accepted);
    }
    assert_eq!(send(&node, &draft(&node).await, Wait::Committed).await, State::Committed);
    assert_eq!(node.client.account(&node.address_of(0), None, false).await.unwrap().nonce, 201);
}

#[test]
fn a_node_that_does_not_tell_the_next_nonce_is_taken_at_its_word() {
    let zero = serde_json::json!({ "denom": "VVV", "amount": "0", "display": "0 VVV" });
    let text = serde_json::json!({
        "address": diem_core::Address([7; 20]), "hex": "", "nonce": 3, "vvv": zero, "diem": zero, "height": 1,
        "time": "2026-01-01T00:00:00Z", "epoch": 1,
    });
    let account: Account = serde_json::from_value(text.clone()).unwrap();
    assert_eq!((account.next_nonce, account.nonce_to_send()), (None, 3));
    let mut lower = text;
    lower["next_nonce"] = 1.into();
    assert_eq!(serde_json::from_value::<Account>(lower).unwrap().nonce_to_send(), 3, "never below what was committed");
}
