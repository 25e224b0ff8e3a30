//! Senders that do not wait for a block: the next nonce counts what waits in the pool.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use diem_api::{Account, State, Wait};
use diem_client::build::{Draft, Intent};
use diem_core::{Amount, Denom, keys::KeyKind};
use diem_engine::{
    Engine,
    engine::{self, BlockMode},
};
use diem_types::Call;

use super::{
    running::{Running, start, start_behind},
    wallet::{vvv, wallet_of},
};
use crate::support::intercepted::{Intercepted, Submitted};

const PATIENCE: Duration = Duration::from_secs(30);

/// Builds a payment of the first person, completed with what the node says.
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
    // The pool is no part of any state: proven and past answers do not include it.
    for (height, prove) in [(None, true), (Some(before), false), (Some(before - 1), true)] {
        let account = asked(height, prove).await;
        assert_eq!((account.nonce, account.next_nonce, account.nonce_to_send()), (0, None, 0), "{height:?} {prove}");
    }
    let height = dev.mine(1).await.unwrap();
    assert_eq!(node.app.index().block(height).unwrap().tx_count, 20, "all in one block");
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

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_a_row_wait_for_no_block() {
    let node = start(BlockMode::Manual).await;
    let wallet = wallet_of(&node).await;
    let pay = ["tx", "transfer", "p1", "1VVV", "--from", "p0"];
    for wait in ["checked", "none", "none", "checked", "none"] {
        wallet.run(&[&pay[..], &["--yes", "--wait", wait]].concat()).await.ok();
    }
    wallet.run(&[&pay[..], &["--dry-run"]].concat()).await.ok();
    let shown = wallet.run(&["query", "account", "p0"]).await.ok();
    assert!(shown.stdout.contains("0, 5 after the 5 that wait in the pool"), "{}", shown.stdout);
    // A nonce that the user chose is not replaced by another.
    let other = ["--yes", "--wait", "checked", "--nonce", "2", "--memo", "another"];
    let chosen = wallet.run(&[&pay[..], &other].concat()).await;
    assert_eq!(chosen.code, 3, "{}", chosen.stderr);
    assert!(chosen.stderr.contains("nonce_taken"), "{}", chosen.stderr);
    let height = node.engine.dev().unwrap().mine(1).await.unwrap();
    assert_eq!(node.app.index().block(height).unwrap().tx_count, 5);
    let shown = wallet.run(&["query", "account", "p0", "--output", "json"]).await.ok().json();
    assert_eq!((&shown["nonce"], &shown["next_nonce"]), (&5.into(), &5.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_at_the_same_time_take_turns() {
    let node = start(BlockMode::Manual).await;
    let wallet = wallet_of(&node).await;
    let send = |amount: &'static str| {
        let wallet = &wallet;
        async move {
            let pay = ["tx", "transfer", "p1", amount, "--from", "p0", "--yes", "--wait", "checked"];
            wallet.run(&pay).await.ok()
        }
    };
    tokio::join!(send("1VVV"), send("2VVV"), send("3VVV"), send("4VVV"));
    let height = node.engine.dev().unwrap().mine(1).await.unwrap();
    assert_eq!(node.app.index().block(height).unwrap().tx_count, 4);
    assert_eq!(vvv(&node, node.address_of(1)).await, Amount::ONE.checked_mul(1_010).unwrap());
}

/// An engine at which another wallet of the same sender is faster, once: with the transaction that `rival` holds.
fn with_rival(engine: Arc<dyn Engine>, rival: Arc<Mutex<Option<Bytes>>>) -> Arc<dyn Engine> {
    let submit = move |engine: Arc<dyn Engine>, txs, wait| {
        let first = rival.lock().unwrap().take();
        let submitted: Submitted<'static> = Box::pin(async move {
            if let Some(tx) = first {
                assert_eq!(engine.submit(vec![tx.try_into().unwrap()], engine::Wait::Checked).await, [Ok(())]);
            }
            engine.submit(txs, wait).await
        });
        submitted
    };
    Arc::new(Intercepted { engine, submit })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_late_is_refused_and_nothing_is_signed_twice() {
    let rival = Arc::new(Mutex::new(None));
    let tx = Arc::clone(&rival);
    let node = start_behind(BlockMode::Manual, |engine| with_rival(engine, tx)).await;
    // The node is asked by an address of loopback, and by one that is not: the spelling changes nothing.
    let hosts = ["127.0.0.1", "0.0.0.0"];
    // Proofs are of the last height but one: with two blocks there is one, and none is made to answer.
    node.engine.dev().unwrap().mine(2).await.unwrap();
    for (from, host) in [("p0", hosts[0]), ("p1", hosts[1])] {
        let wallet = wallet_of(&node).await;
        let url = format!("http://{host}:{}", node.address.port());
        let number = usize::from(from == "p1");
        let pay = ["tx", "transfer", "p2", "1VVV", "--from", from, "--yes", "--wait", "checked", "--node", &url];
        rival.lock().unwrap().replace(node.transfer(number, 0, 3, 7).bytes());
        let refused = wallet.run(&pay).await;
        assert_eq!(refused.code, 3, "{}", refused.stderr);
        assert_eq!(refused.stderr.matches("sending ").count(), 1, "{}", refused.stderr);
        for words in ["nonce_taken", "may still count", "with --nonce and the next number"] {
            assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        }
        assert_eq!(node.app.next_nonce(&node.address_of(number)), 1, "only the rival's waits");
        // What is committed proves nothing of it yet.
        let open = wallet.run(&pay).await;
        assert_eq!(open.code, 2, "{}", open.stderr);
        assert!(open.stderr.contains("--nonce 1  signs beside it"), "{}", open.stderr);
        // With the rival's transaction in a block, and a header above that, a proof settles what was refused.
        node.engine.dev().unwrap().mine(2).await.unwrap();
        let settled = wallet.run(&pay).await;
        assert_eq!(settled.code, 0, "{}", settled.stderr);
        assert!(settled.stderr.contains("can be in no block any more"), "{}", settled.stderr);
        assert_eq!(node.app.next_nonce(&node.address_of(number)), 2);
        let chosen = wallet.run(&[&pay[..], &["--nonce", "0"]].concat()).await;
        assert_eq!(chosen.code, 3, "{}", chosen.stderr);
        wallet.run(&pay).await.ok();
        assert_eq!(node.app.next_nonce(&node.address_of(number)), 3);
    }
    let height = node.engine.dev().unwrap().mine(1).await.unwrap();
    let counts = (1..=height).map(|height| node.app.index().block(height).unwrap().tx_count);
    assert_eq!(counts.sum::<u32>(), 6, "one of the rival and two payments for each sender");
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
