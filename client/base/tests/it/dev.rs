//! A local chain does what only a chain for development can.

use diem_base::Dev;

use crate::world::{World, key};

#[tokio::test]
async fn time_and_blocks_go_on_and_back_as_a_developer_wants() {
    let Some(world) = World::start(|_| ()).await else { return };
    let (base, dev, person) = (world.base(), Dev::new(world.base().clone()), key("person").address());
    let before = base.latest().await.unwrap();
    let mark = dev.snapshot().await.unwrap();
    dev.set_balance(&person, 5).await.unwrap();
    dev.warp(86_400).await.unwrap();
    dev.mine(5).await.unwrap();
    let after = base.latest().await.unwrap();
    assert_eq!(after.number, before.number + 5);
    assert!(after.timestamp >= before.timestamp + 86_400, "{after:?} after {before:?}");
    assert_eq!(base.balance(&person).await.unwrap(), 5);
    let finalized = base.finalized().await.unwrap().number;
    assert!(
        (before.number + 1..after.number).contains(&finalized),
        "{finalized} lies a little behind {}",
        after.number
    );

    dev.revert(mark).await.unwrap();
    assert_eq!(base.latest().await.unwrap().hash, before.hash);
    assert_eq!(base.balance(&person).await.unwrap(), 0);
    let gone = dev.revert(mark).await.unwrap_err().to_string();
    assert!(gone.contains("it has no snapshot"), "{gone}");
}
