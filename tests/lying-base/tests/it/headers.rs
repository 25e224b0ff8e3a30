use diem_lying_base::{Lie, header_hash};
use serde_json::{Value, json};

use crate::world::{World, all_logs, number};

const METHOD: &str = "eth_getBlockByNumber";

async fn world() -> Option<World> {
    let world = World::start().await?;
    world.mine(5, 1).await;
    world.write(1, 1).await;
    Some(world)
}

fn latest() -> Value {
    json!(["latest", true])
}

/// The fields in which two blocks differ.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
    let all: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    all.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

/// Whether the hash in a block is that of the header in it.
fn hash_holds(block: &Value) -> bool {
    header_hash(block).unwrap().to_string() == block["hash"]
}

#[tokio::test]
async fn a_field_is_forged_and_the_true_hash_is_kept() {
    let Some(world) = world().await else { return };
    let truth = world.truth(METHOD, latest()).await;
    assert!(hash_holds(&truth));
    for field in ["timestamp", "stateRoot", "logsBloom", "extraData", "gasUsed", "requestsHash"] {
        let told = world.lied(Lie::ForgeHeader(field.into()), METHOD, latest()).await;
        assert_eq!(differences(&told, &truth), [field]);
        assert!(!hash_holds(&told));
    }
}

#[tokio::test]
async fn a_field_is_forged_and_the_hash_covers_it() {
    let Some(world) = world().await else { return };
    let truth = world.truth(METHOD, latest()).await;
    let lie = || Lie::ForgeHeaderRehashed("timestamp".into());
    let told = world.lied(lie(), METHOD, latest()).await;
    assert_eq!(differences(&told, &truth), ["hash", "timestamp", "transactions"]);
    assert!(hash_holds(&told));
    assert_eq!(told["transactions"][0]["blockHash"], told["hash"]);

    // Whoever asks by the hash that he was told gets the same block, and its logs name that hash too.
    world.proxy.lie(lie());
    assert_eq!(world.told("eth_getBlockByHash", json!([told["hash"], true])).await, told);
    let logs = world.told("eth_getLogs", all_logs("latest")).await;
    assert_eq!(logs[0]["blockHash"], told["hash"]);
    assert_eq!(world.told("eth_getLogs", json!([{"blockHash": told["hash"]}])).await, logs);
}

#[tokio::test]
async fn a_state_root_is_made_up() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeStateRoot, METHOD, latest()).await;
    let truth = world.truth(METHOD, latest()).await;
    assert_eq!(differences(&told, &truth), ["hash", "stateRoot", "transactions"]);
    assert!(hash_holds(&told));
}

#[tokio::test]
async fn milliseconds_change_no_hash() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::TimestampMs, METHOD, latest()).await;
    let truth = world.truth(METHOD, latest()).await;
    assert_eq!(differences(&told, &truth), ["timestampMs"]);
    assert!(hash_holds(&told));
    assert_eq!(number(&told["timestampMs"]) / 1_000, number(&told["timestamp"]));
}

#[tokio::test]
async fn a_field_of_a_later_fork_changes_the_hash() {
    let Some(world) = world().await else { return };
    let mut told = world.lied(Lie::UnknownHeaderField, METHOD, latest()).await;
    let truth = world.truth(METHOD, latest()).await;
    assert_eq!(differences(&told, &truth), ["futureRoot", "hash", "transactions"]);
    assert!(hash_holds(&told));
    // Whoever does not know the field computes another hash.
    told.as_object_mut().unwrap().remove("futureRoot");
    assert!(!hash_holds(&told));
}

#[tokio::test]
async fn two_lies_about_one_header_are_one_after_the_other() {
    let Some(world) = world().await else { return };
    let one = world.another(0, [Lie::ForgeStateRoot, Lie::UnknownHeaderField]);
    let other = world.another(0, [Lie::UnknownHeaderField, Lie::ForgeStateRoot]);
    let told = world.ask(&one.url(), METHOD, latest()).await;
    assert_eq!(told, world.ask(&other.url(), METHOD, latest()).await);
    let only = world.lied(Lie::ForgeStateRoot, METHOD, latest()).await;
    assert_ne!(told["hash"], only["hash"]);
    assert_eq!(told["stateRoot"], only["stateRoot"]);
}
