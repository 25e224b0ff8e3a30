//! The HTTP API of a real application under the instant engine.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use diem_api::{BlockId, Hash, MAX_BATCH_TXS, State, Wait};
use diem_bank::{Msg, state::account_key};
use diem_client::build::Intent;
use diem_core::{Address, Amount, Denom, keys::KeyKind};
use diem_engine::{
    Engine,
    engine::{BlockMode, Incoming},
};
use diem_types::{Call, Event};

use super::running::{start, start_behind};
use crate::support::{
    client::until,
    intercepted::{Intercepted, Submitted},
};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_committed_found_and_proven() {
    let node = start(BlockMode::OnDemand).await;
    let tx = node.transfer(0, 0, 1, 5).bytes();
    let answer = node.client.submit(tx.to_vec(), Wait::Committed, PATIENCE).await.unwrap();
    assert_eq!(answer.state, State::Committed);
    let committed = answer.tx.unwrap();
    assert!(committed.result.ok && committed.result.fee.amount > Amount::ZERO);
    let view = committed.tx.as_ref().unwrap();
    assert_eq!((view.sender, view.nonce), (node.address_of(0), 0));
    assert!(view.calls[0].text.starts_with("Send 0.000000000000000005 VVV to 0x"), "{}", view.calls[0].text);
    assert!(matches!(committed.result.events.as_slice(), [.., Event::Bank(_)]));

    // The transaction is found at once by hash, and in its block by height, by the block's hash, and as the latest.
    assert_eq!(node.client.transaction(&answer.hash).await.unwrap(), committed);
    let block = node.client.block(BlockId::Height(committed.height), None).await.unwrap();
    assert_eq!(block.txs.items, std::slice::from_ref(&committed));
    assert_eq!(node.client.block(BlockId::Hash(block.summary.hash), None).await.unwrap(), block);
    assert_eq!(node.client.block(BlockId::Latest, None).await.unwrap(), block);

    // The row is proven at its own height, which waits for the next header, and the proof is valid for nothing else.
    let bob = node.address_of(1);
    let answer = node.client.account(&bob, Some(committed.height), true).await.unwrap();
    let verified = node.trust().verify_account(&bob, &answer).unwrap();
    assert_eq!(verified.account.vvv, Amount::ONE.checked_mul(1_000).unwrap().checked_add(Amount::new(5)).unwrap());
    assert_eq!((verified.height, verified.exists), (committed.height, true));
    assert!(node.trust().verify_account(&node.address_of(0), &answer).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_account_is_proven_absent() {
    let node = start(BlockMode::OnDemand).await;
    let nobody = Address([0xab; 20]);
    let answer = node.client.account(&nobody, None, true).await.unwrap();
    let verified = node.trust().verify_account(&nobody, &answer).unwrap();
    assert_eq!((verified.exists, verified.account.vvv), (false, Amount::ZERO));
    let proof = node.client.proof(&account_key(&nobody), None).await.unwrap();
    assert_eq!(node.trust().verify(&account_key(&nobody), &proof).unwrap().value, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_drafts_what_the_chain_accepts() {
    let node = start(BlockMode::OnDemand).await;
    for (number, kind) in [(0, KeyKind::Ed25519), (2, KeyKind::Ethereum)] {
        let pay = Msg::Transfer { to: node.address_of(1), denom: Denom::Diem, amount: Amount::ONE };
        let mut intent = Intent::new(node.address_of(number), kind, vec![Call::Bank(pay)]);
        intent.fee_payer = Some((node.address_of(3), KeyKind::Ed25519));
        let draft = node.client.draft(intent).await.unwrap();
        let bytes = draft.tx.sign(&node.people[number].key, Some(&node.people[3].key)).unwrap();
        let answer = node.client.submit(bytes, Wait::Committed, PATIENCE).await.unwrap();
        assert_eq!(answer.state, State::Committed, "{answer:?}");
        assert_eq!(answer.tx.unwrap().result.fee.amount, draft.fee, "the fee is the one that was drafted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_in_a_block_with_its_reason() {
    let node = start(BlockMode::OnDemand).await;
    // The pool would refuse the same amount of VVV.
    let pay = Msg::Transfer { to: node.address_of(1), denom: Denom::Diem, amount: Amount::MAX };
    let tx = node.transfer(0, 0, 1, 1).with(|tx| tx.calls = vec![Call::Bank(pay)]).bytes();
    let answer = node.client.submit(tx.to_vec(), Wait::Committed, PATIENCE).await.unwrap();
    assert_eq!(answer.state, State::Failed);
    let error = answer.error.unwrap();
    assert_eq!((error.codespace.as_str(), error.name.as_str()), ("bank", "insufficient_funds"));
    // This transaction can never succeed any more, though another one like it may succeed later.
    let found = node.client.transaction(&answer.hash).await.unwrap().result.error.unwrap();
    let again = node.client.submit(tx.to_vec(), Wait::Committed, PATIENCE).await.unwrap().error.unwrap();
    assert_eq!((error.retry, found.retry, again.retry), (false, false, false));
    let line = node.client.errors().await.unwrap().into_iter().find(|line| line.name == error.name).unwrap();
    assert!(line.retry, "before it is in a block it may wait for its funds");
    let account = node.client.account(&node.address_of(0), None, false).await.unwrap();
    assert_eq!(account.nonce, 1, "the nonce is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_for_each_transaction_in_order() {
    let node = start(BlockMode::OnDemand).await;
    let good = node.transfer(0, 0, 1, 1).bytes().to_vec();
    let next = node.transfer(0, 1, 1, 1).bytes().to_vec();
    let mut forged = node.transfer(1, 0, 0, 1).bytes().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    // The last byte is the option of the fee payer's signature; the one before it belongs to the sender's.
    let end = forged.len() - 2;
    *forged.last_mut().unwrap() ^= 1;
    forged[end] ^= 1;
    let txs = [good, forged, vec![1, 2, 3], next];
    let answers = node.client.submit_batch(&txs, Wait::Committed, PATIENCE).await.unwrap();
    let states: Vec<State> = answers.iter().map(|answer| answer.state).collect();
    assert_eq!(states, [State::Committed, State::Rejected, State::Rejected, State::Committed]);
    let name = |index: usize| answers[index].error.clone().unwrap().name;
    assert_eq!((name(1).as_str(), name(2).as_str()), ("bad_signature", "reserved"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_transaction_many_times_is_one() {
    let submitted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&submitted);
    let submit = move |engine: Arc<dyn Engine>, txs: Vec<Incoming>, wait| {
        count.fetch_add(txs.len(), Ordering::Relaxed);
        let submitted: Submitted<'static> = Box::pin(async move { engine.submit(txs, wait).await });
        submitted
    };
    let node = start_behind(BlockMode::Manual, |engine| Arc::new(Intercepted { engine, submit })).await;
    // The transaction has a nonce gap before it, so that it waits.
    let tx = node.transfer(0, 1, 1, 1).bytes().to_vec();
    let answers = node.client.submit_batch(&vec![tx; MAX_BATCH_TXS], Wait::Committed, Duration::from_secs(1)).await;
    let answers = answers.unwrap();
    assert_eq!(answers.len(), MAX_BATCH_TXS);
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.state == State::Unknown), "{:?}", answers[0]);
    assert_eq!(submitted.load(Ordering::Relaxed), 1, "the engine saw it once");
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_after_a_lost_answer_is_safe() {
    let node = start(BlockMode::OnDemand).await;
    let tx = node.transfer(0, 0, 1, 5).bytes().to_vec();
    let first = node.client.submit(tx.clone(), Wait::Committed, PATIENCE).await.unwrap();
    for wait in [Wait::Checked, Wait::Committed] {
        let again = node.client.submit(tx.clone(), wait, PATIENCE).await.unwrap();
        assert_eq!((again.state, &again.tx), (State::Committed, &first.tx), "{wait}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_told_as_such_and_known_later() {
    let node = start(BlockMode::Manual).await;
    let tx = node.transfer(0, 0, 1, 5).bytes().to_vec();
    let answer = node.client.submit(tx.clone(), Wait::Committed, Duration::from_secs(1)).await.unwrap();
    assert_eq!((answer.state, answer.tx), (State::Unknown, None));
    let checked = node.client.submit(tx, Wait::Checked, PATIENCE).await.unwrap();
    assert_eq!(checked.state, State::Checked, "it waits in the pool already, which is what was asked for");
    diem_engine::Engine::dev(&*node.engine).unwrap().mine(1).await.unwrap();
    assert!(node.client.transaction(&answer.hash).await.unwrap().result.ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wait_for_one_block_and_all_are_served() {
    let node = start(BlockMode::Every(Duration::from_millis(200))).await;
    // A sender whose transactions come in disorder has to be in a block before.
    let first = node.transfer(0, 0, 1, 1).bytes().to_vec();
    node.client.submit(first, Wait::Committed, PATIENCE).await.unwrap();
    let txs: Vec<Vec<u8>> = (1..17).map(|nonce| node.transfer(0, nonce, 1, 1).bytes().to_vec()).collect();
    let waits = txs.iter().map(|tx| node.client.submit(tx.clone(), Wait::Committed, PATIENCE));
    let answers = futures::future::join_all(waits).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().state == State::Committed));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_agree_with_each_other() {
    let node = start(BlockMode::OnDemand).await;
    let (client, hash) = (&node.client, Hash(node.doc.hash()));
    let status = client.status().await.unwrap();
    assert_eq!((status.chain_id.as_str(), status.genesis_hash), (node.doc.chain_id.as_str(), hash));
    assert_eq!(status.engine, "instant (development)");
    assert_eq!(client.genesis().await.unwrap(), node.doc);
    let validators = client.validators().await.unwrap();
    assert_eq!(validators.items.iter().map(|validator| validator.power).collect::<Vec<_>>(), [10, 10]);
    let supply = client.supply().await.unwrap();
    // Four people have 1,000 each; two operators have as much, and 10 staked.
    assert_eq!(supply.vvv.display, "6020 VVV");
    assert_eq!(client.params().await.unwrap().gas, node.doc.app.gas);
    assert!(client.errors().await.unwrap().len() > 30);
    assert!(client.ready().await.unwrap().ready);
    let before = status.latest.unwrap();
    let account = client.account(&node.address_of(0), Some(before.height), false).await.unwrap();
    assert_eq!((account.vvv.display.as_str(), account.height), ("1000 VVV", before.height));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_paged_from_the_newest_to_the_first() {
    let node = start(BlockMode::OnDemand).await;
    diem_engine::Engine::dev(&*node.engine).unwrap().mine(6).await.unwrap();
    let (mut after, mut heights) = (None, Vec::new());
    loop {
        let page = node.client.blocks(after.as_deref(), 3).await.unwrap();
        heights.extend(page.items.iter().map(|block| block.height));
        after = page.answer.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<u64> = (1..=node.app.info().height).rev().collect();
    assert_eq!(heights, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_lets_nobody_wait() {
    let mut node = start(BlockMode::Manual).await;
    let (client, tx) = (node.client.clone(), node.transfer(0, 0, 1, 5).bytes().to_vec());
    let waiting = tokio::spawn(async move { client.submit(tx, Wait::Committed, PATIENCE).await });
    let waits = async || (node.app.next_nonce(&node.address_of(0)) == 1).then_some(());
    until("the transaction is in the pool", waits).await;
    tokio::time::timeout(PATIENCE, node.stop()).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().state, State::Unknown);
}
