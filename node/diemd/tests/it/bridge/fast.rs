//! Base makes five blocks in a second, its endpoints prove the newest 128 only, and the distance of checkpoints changes
//! meanwhile.

use std::time::Duration;

use diem_api::TransferState;
use diem_core::{Address, Amount};
use diem_lying_base::{Lie, LyingBase, Options};

use super::{
    apart::Apart,
    base::{account, arrives, burn, contract, rpc},
};
use crate::support::{client::until, devnet::EngineUnderTest};

/// The time from block to block of Base, as it is since its upgrade Denim.
const BLOCK_TIME: Duration = Duration::from_millis(200);
/// The index of the phrase whose account on Base receives and burns.
const THERE: u32 = 40;
/// The distances of checkpoints, in blocks, of which the first is that of the genesis.
const DISTANCES: [u64; 3] = [5, 7, 3];
/// The number of newest blocks of which endpoints serve proofs: 26 seconds of Base.
const PROVEN: u64 = 128;

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_a_fifth_of_a_second_are_attested_whatever_the_distance_of_checkpoints() {
    let Some(mut chain) = Apart::prepared(EngineUnderTest::Instant, BLOCK_TIME) else { return };
    let endpoints = LyingBase::start(Options::new(rpc(&chain.devnet))).unwrap();
    endpoints.lie(Lie::ProofWindow(PROVEN));
    let urls = ["one", "two", "three"].map(|name| endpoints.url_of(name)).join(",");
    chain.start(&[&format!("bridge.endpoints={urls}")]).await;
    let (client, bridge, there) = (chain.client(), contract(&chain.devnet).await, account(THERE));
    let mut id = 0;
    for (round, distance) in DISTANCES.into_iter().enumerate() {
        if round > 0 {
            chain.bridge(&format!("params set checkpoint_blocks={distance} --from validator-1 --yes")).await;
        }
        assert_eq!(client.bridge().await.unwrap().answer.params.checkpoint_blocks, distance);
        let home = Address([0x70 + u8::try_from(round).unwrap(); 20]);
        chain.bridge(&format!("out 1DIEM --to {} --from dave --yes", there.to_hex())).await;
        id += 1;
        arrives(&bridge, &there, Amount::ONE).await;
        burn(&bridge, THERE, Amount::ONE, &home).await;
        until("the payment", async || (chain.diem(&home).await == Amount::ONE).then_some(())).await;
        let transfer = client.bridge_transfer(id).await.unwrap().answer;
        assert_eq!(transfer.state, TransferState::Minted);
        // The last block is one of the new distance.
        until("a checkpoint of this distance", async || {
            let attested = client.bridge().await.unwrap().answer.progress.attested?;
            (attested.number.is_multiple_of(distance)).then_some(())
        })
        .await;
    }
    // Nobody proves the blocks of a while, which are too old for proofs afterwards: they are skipped.
    let attested = async || client.bridge().await.unwrap().answer.progress.attested.unwrap().number;
    let head = async || bridge.base().latest().await.unwrap().number;
    endpoints.lie(Lie::NoProofs);
    let silent_from = head().await;
    until("more blocks than are proven", async || (head().await > silent_from + PROVEN + 20).then_some(())).await;
    let last = attested().await;
    assert!(last <= silent_from, "{last} is attested without a proof since {silent_from}");
    endpoints.honest();
    endpoints.lie(Lie::ProofWindow(PROVEN));
    until("a later checkpoint", async || (attested().await > silent_from + 20).then_some(())).await;
    assert_eq!(client.bridge().await.unwrap().answer.halt, None);
    chain.supply_is_proven().await;
    chain.stop_and_check();
}
