//! A transfer that nobody brings to Base pays itself back, once.

use std::time::Duration;

use diem_api::TransferState;
use diem_core::{Address, Amount};

use super::{
    apart::Apart,
    base::{account, arrives, contract},
    traffic::FEE,
};
use crate::support::{
    client::{height, person, reach, until},
    devnet::EngineUnderTest,
};

/// The place of dave, who sends.
const DAVE: u32 = 3;

async fn send(chain: &Apart, amount: &str, to: &Address) {
    chain.bridge(&format!("out {amount} --to {} --from dave --yes", to.to_hex())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_nobody_relays_is_refunded_once_and_the_next_one_arrives() {
    let Some(mut chain) = Apart::prepared(EngineUnderTest::Instant, Duration::from_secs(1)) else { return };
    chain.start(&["bridge.relay=false"]).await;
    let (client, dave, recipient) = (chain.client(), person(DAVE).address, account(40));
    let before = chain.diem(&dave).await;
    send(&chain, "1DIEM", &recipient).await;
    until("the signatures of the batch", async || {
        let transfer = client.bridge_transfer(1).await.unwrap().answer;
        (transfer.state == TransferState::Signed).then_some(())
    })
    .await;
    assert!(chain.diem(&dave).await < before);

    // The chain's own clock pays nothing back: Base has to be later than the deadline, and attested.
    chain.warp("11m").await;
    until("the refund", async || {
        let transfer = client.bridge_transfer(1).await.unwrap().answer;
        (transfer.state == TransferState::Refunded).then_some(())
    })
    .await;
    let now = height(&client).await.unwrap();
    assert_eq!(chain.diem(&dave).await, before);
    let told = chain.bridge("status 1").await;
    assert_eq!(told["state"], "refunded", "{told}");
    assert_eq!(told["end"]["returned"]["amount"], (Amount::ONE.get() + FEE.get()).to_string(), "{told}");

    // From now on somebody relays.
    chain.stop();
    chain.start(&[]).await;
    let bridge = contract(&chain.devnet).await;
    send(&chain, "2DIEM", &recipient).await;
    arrives(&bridge, &recipient, Amount::new(2 * Amount::ONE.get())).await;
    until("the end of the second transfer", async || {
        let transfer = client.bridge_transfer(2).await.unwrap().answer;
        (transfer.state == TransferState::Minted).then_some(())
    })
    .await;
    reach(&client, now + 1).await;
    let spent = before.get() - chain.diem(&dave).await.get();
    assert_eq!(spent, 2 * Amount::ONE.get() + FEE.get(), "the first was paid back once");
    assert!(!bridge.executed(1).await.unwrap());
    chain.supply_is_proven().await;
    chain.stop_and_check();
}
