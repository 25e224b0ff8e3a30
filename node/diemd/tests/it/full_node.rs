//! A full node, which validates nothing: transactions enter there and reach the validators by gossip.

use diem_core::Amount;
use diem_engine::engine::{Engine as _, Wait};
use diem_testkit::people;

use crate::support::home::{Home, PATIENCE, until, vvv};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_swapped_transfers_of_one_sender_entered_at_a_full_node_all_land() {
    let home = Home::new();
    let validator = home.start();
    validator.reach(2).await;
    let follower = home.follower();
    let node = follower.start();
    node.reach(2).await;
    let engine = &node.running.engine;
    let connected = engine.ready(PATIENCE).await.unwrap();
    assert_eq!(connected.peers, Some(1));

    let people = people(4);
    let before = vvv(&validator.app, &people[1]);
    let mut nonces: Vec<u64> = (0..100).collect();
    nonces.chunks_mut(2).for_each(|pair| pair.swap(0, 1));
    for nonce in nonces {
        // Each transaction has a call of its own, as from a hundred clients.
        let tx = vec![home.transfer(&people[0], nonce).try_into().unwrap()];
        assert_eq!(engine.submit(tx, Wait::Checked).await, vec![Ok(())], "nonce {nonce}");
    }
    let all = before.checked_add(Amount::ONE.checked_mul(100).unwrap()).unwrap();
    until("all hundred landed", || vvv(&validator.app, &people[1]) == all).await;

    // The follower holds the same state.
    // The validator goes on making blocks and keeps the last heights only, so it is asked before the follower is there.
    let height = validator.app.info().height;
    let root = |app: &diem_runtime::App| app.snapshot(Some(height)).unwrap().root();
    let expected = root(&validator.app);
    node.reach(height).await;
    assert_eq!(root(&node.app), expected);
    node.stop().await;
    validator.stop().await;
}
