//! A local Base that ends goes on where it was.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use diem_anvil::LocalBase;
use diem_base::{Base, Bridge, Sender};

use crate::world::{CHAIN_ID, DIEM, PATIENCE, Signing, anvil, key, options, rich};

#[tokio::test]
async fn a_killed_base_keeps_what_it_wrote() {
    ends_and_goes_on(|local, file, block| {
        let since = Instant::now();
        while written(file).is_none_or(|best| best < block) {
            assert!(since.elapsed() < PATIENCE, "anvil does not write its state");
            std::thread::sleep(Duration::from_millis(20));
        }
        drop(local);
    })
    .await;
}

#[tokio::test]
async fn a_base_that_is_asked_to_end_keeps_everything() {
    ends_and_goes_on(|local, _, _| local.stop()).await;
}

/// The newest block in the file, if it is whole.
fn written(file: &Path) -> Option<u64> {
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    state["best_block_number"].as_u64()
}

async fn ends_and_goes_on(end: impl FnOnce(LocalBase, &Path, u64)) {
    let Some(anvil) = anvil() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let file = folder.path().join("state.json");
    options.state = Some(file.clone());
    let start = || LocalBase::start(&anvil, &options).unwrap();

    let local = start();
    let sender = Sender::new(Base::connect_patiently(&local.url(), CHAIN_ID, PATIENCE).await.unwrap(), rich());
    let signing = Signing::deploy(&sender).await.activate(&sender).await;
    let person = key("person").address();
    sender.send(&signing.bridge, &signing.submit(&signing.batch(1, &[person]), 5)).await.unwrap();
    let (state, block) = (signing.bridge.state().await.unwrap(), sender.base().latest().await.unwrap());
    end(local, &file, block.number);

    let local = start();
    let base = Base::connect_patiently(&local.url(), CHAIN_ID, PATIENCE).await.unwrap();
    let bridge = Bridge::new(base.clone(), *signing.bridge.address());
    assert_eq!(bridge.state().await.unwrap(), state);
    assert!(bridge.executed(1).await.unwrap());
    let now = base.latest().await.unwrap();
    assert!(now.number >= block.number && now.timestamp >= block.timestamp, "{now:?} after {block:?}");
    let again = Sender::new(base, rich());
    again.send(&bridge, &signing.submit(&signing.batch(2, &[person]), 5)).await.unwrap();
    assert_eq!(bridge.balance_of(&person).await.unwrap().get(), 2 * DIEM.get());
}
