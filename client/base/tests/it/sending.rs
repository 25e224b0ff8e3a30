//! A sender sees its transactions through, one nonce after the other.

use std::time::Duration;

use diem_base::{BaseError, Dev, Sender, Terms};
use serde_json::json;

use crate::world::{PATIENCE, Signing, World, key, rich};

#[tokio::test]
async fn a_sender_without_eth_is_told_its_address_and_the_amount() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let call = signing.submit(&signing.batch(1, &[key("person").address()]), 5);
    let poor = Sender::new(world.base().clone(), key("poor"));
    let error = poor.send(&signing.bridge, &call).await.unwrap_err();
    let BaseError::Underfunded { sender, balance: 0, needed } = error else { panic!("{error}") };
    assert_eq!(sender, *poor.address());
    let text = error.to_string();
    assert!(text.contains(&sender.to_hex()) && text.contains("has 0 ETH"), "{text}");

    Dev::new(world.base().clone()).set_balance(poor.address(), needed).await.unwrap();
    poor.send(&signing.bridge, &call).await.unwrap();
    assert!(world.base().balance(poor.address()).await.unwrap() < needed);
}

#[tokio::test]
async fn transactions_of_one_sender_do_not_stand_in_each_others_way() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let person = key("person").address();
    let calls: Vec<_> = (1..=3).map(|nonce| signing.submit(&signing.batch(nonce, &[person]), 5)).collect();
    let send = |place: usize| world.sender.send(&signing.bridge, &calls[place]);
    let (first, second, third) = tokio::join!(send(0), send(1), send(2));
    for receipt in [first, second, third] {
        assert_eq!(receipt.unwrap().events.len(), 1);
    }
    assert_eq!(signing.bridge.state().await.unwrap().event_nonce, 4);
}

#[tokio::test]
async fn what_is_stuck_is_replaced_by_a_higher_price_even_if_an_earlier_run_left_it() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let call = signing.submit(&signing.batch(1, &[key("person").address()]), 5);
    world.ask("evm_setAutomine", json!([false])).await;
    let patient =
        Terms { replace_after: Duration::from_secs(600), give_up_after: Duration::from_secs(1), ..Terms::default() };
    let earlier = Sender::new(world.base().clone(), rich()).with_terms(patient);
    let error = earlier.send(&signing.bridge, &call).await.unwrap_err();
    let BaseError::Stuck { hash, nonce, .. } = error else { panic!("{error}") };

    let hasty = Terms { replace_after: Duration::from_secs(1), ..Terms::default() };
    let sender = Sender::new(world.base().clone(), rich()).with_terms(hasty);
    let left_behind = hex::encode(hash);
    let mine_when_it_is_replaced = async {
        while world.ask("txpool_content", json!([])).await.to_string().contains(&left_behind) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        world.ask("anvil_mine", json!(["0x1"])).await;
        Ok(())
    };
    let both = async { tokio::try_join!(sender.send(&signing.bridge, &call), mine_when_it_is_replaced) };
    let (receipt, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap().unwrap();
    assert_ne!(receipt.hash, hash, "another transaction with the same nonce");
    assert_eq!(receipt.events.len(), 1);
    let count = world.ask("eth_getTransactionCount", json!([sender.address().to_hex(), "latest"])).await;
    assert_eq!(count["result"], format!("{:#x}", nonce + 1), "one nonce was used");
}

#[tokio::test]
async fn a_transaction_that_another_one_made_worthless_says_why_it_failed() {
    let Some(world) = World::start(|_| ()).await else { return };
    let signing = Signing::deploy(&world.sender).await.activate(&world.sender).await;
    let call = signing.submit(&signing.batch(1, &[key("person").address()]), 5);
    let other = Sender::new(world.base().clone(), key("other"));
    Dev::new(world.base().clone()).set_balance(other.address(), 1_000_000_000_000_000_000).await.unwrap();
    world.ask("evm_setAutomine", json!([false])).await;
    // Both were tried before either was in a block.
    let mine_when_both_wait = async {
        loop {
            let pool = world.ask("txpool_status", json!([])).await;
            if pool["result"]["pending"] == "0x2" {
                world.ask("evm_setAutomine", json!([true])).await;
                world.ask("anvil_mine", json!(["0x1"])).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let all = async {
        tokio::join!(world.sender.send(&signing.bridge, &call), other.send(&signing.bridge, &call), mine_when_both_wait)
    };
    let (one, two, ()) = tokio::time::timeout(PATIENCE, all).await.unwrap();
    let (done, failed) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(done.unwrap().events.len(), 1);
    let error = failed.unwrap_err();
    assert!(matches!(error, BaseError::Failed { .. }), "{error}");
    assert!(error.to_string().ends_with("[NonceUsed(1)]"), "{error}");
}
