use diem_lying_base::Lie;
use serde_json::{Value, json};

use crate::world::{CONTRACT, World, all_logs, number, word};

const METHOD: &str = "eth_getLogs";

async fn world() -> Option<World> {
    let world = World::start().await?;
    for slot in 1..=12 {
        world.write(slot, 1_000 + slot).await;
    }
    Some(world)
}

fn list(logs: Value) -> Vec<Value> {
    logs.as_array().unwrap().clone()
}

#[tokio::test]
async fn logs_are_dropped_all_of_them_or_some() {
    let Some(world) = world().await else { return };
    assert_eq!(world.lied(Lie::DropLogs(1), METHOD, all_logs("latest")).await, json!([]));
    let truth = list(world.truth(METHOD, all_logs("latest")).await);
    let some = list(world.lied(Lie::DropLogs(2), METHOD, all_logs("latest")).await);
    assert!(!some.is_empty() && some.len() < truth.len(), "{} of {}", some.len(), truth.len());
    assert!(some.iter().all(|log| truth.contains(log)));
}

#[tokio::test]
async fn logs_of_new_blocks_come_late() {
    let Some(world) = world().await else { return };
    let late = list(world.lied(Lie::DelayLogs(3), METHOD, all_logs("latest")).await);
    let truth = list(world.truth(METHOD, all_logs("latest")).await);
    assert_eq!(late, truth[..truth.len() - 3]);
    world.proxy.lie(Lie::DelayLogs(3));
    world.mine(3, 1).await;
    assert_eq!(list(world.told(METHOD, all_logs("latest")).await), truth);
}

#[tokio::test]
async fn logs_are_there_twice() {
    let Some(world) = world().await else { return };
    let twice = list(world.lied(Lie::DuplicateLogs, METHOD, all_logs("latest")).await);
    let truth = list(world.truth(METHOD, all_logs("latest")).await);
    assert_eq!(twice, truth.iter().flat_map(|log| [log.clone(), log.clone()]).collect::<Vec<_>>());
}

#[tokio::test]
async fn logs_stand_in_another_order() {
    let Some(world) = world().await else { return };
    let mut reversed = list(world.lied(Lie::ReorderLogs, METHOD, all_logs("latest")).await);
    reversed.reverse();
    assert_eq!(reversed, list(world.truth(METHOD, all_logs("latest")).await));
}

#[tokio::test]
async fn logs_of_all_blocks_lie_in_the_first_that_was_asked_for() {
    let Some(world) = world().await else { return };
    let truth = list(world.truth(METHOD, all_logs("latest")).await);
    let last = truth[truth.len() - 1]["blockNumber"].clone();
    let only = json!([{ "fromBlock": last, "toBlock": last, "address": CONTRACT }]);
    let moved = list(world.lied(Lie::MoveLogs, METHOD, only).await);
    assert_eq!(moved.len(), truth.len());
    assert!(moved.iter().all(|log| log["blockNumber"] == last));
}

#[tokio::test]
async fn the_data_of_logs_is_forged_and_nothing_else() {
    let Some(world) = world().await else { return };
    let forged = list(world.lied(Lie::ForgeLogs, METHOD, all_logs("latest")).await);
    let truth = list(world.truth(METHOD, all_logs("latest")).await);
    assert_eq!(forged.len(), truth.len());
    for (mut forged, mut truth) in forged.into_iter().zip(truth) {
        assert_ne!(forged["data"].take(), truth["data"].take());
        assert_eq!(forged, truth);
    }
}

#[tokio::test]
async fn a_log_that_never_was_follows_the_last() {
    let Some(world) = world().await else { return };
    let told = list(world.lied(Lie::InventLogs, METHOD, all_logs("latest")).await);
    let truth = list(world.truth(METHOD, all_logs("latest")).await);
    assert_eq!(told[..truth.len()], truth);
    assert_eq!(told.len(), truth.len() + 1);
    assert_eq!(told[truth.len()]["topics"], json!([word(7), word(13)]));
}

#[tokio::test]
async fn a_log_is_made_up_where_there_are_none() {
    let Some(world) = World::start().await else { return };
    let head = world.head().await;
    let filter = json!([{"fromBlock": "0x0", "toBlock": "latest", "address": CONTRACT, "topics": [word(7)]}]);
    let told = list(world.lied(Lie::InventLogs, METHOD, filter).await);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["topics"], json!([word(7)]));
    assert_eq!(told[0]["address"].as_str().unwrap().to_lowercase(), format!("{CONTRACT:#x}"));
    assert_eq!(number(&told[0]["blockNumber"]), head);
}
