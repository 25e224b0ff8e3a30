use diem_lying_base::{Lie, LyingBase, Options};
use serde_json::{Value, json};

use crate::world::{CONTRACT, World, all_logs, number, quantity, word};

const BLOCK: &str = "eth_getBlockByNumber";

fn at(tag: &str) -> Value {
    json!([tag, false])
}

async fn world() -> Option<World> {
    let world = World::start().await?;
    world.mine(30, 10).await;
    Some(world)
}

#[tokio::test]
async fn the_chain_is_said_to_be_another() {
    let Some(world) = world().await else { return };
    assert_eq!(world.lied(Lie::WrongChainId(1), "eth_chainId", json!([])).await, "0x1");
    assert_eq!(world.lied(Lie::WrongChainId(10), "net_version", json!([])).await, "10");
}

#[tokio::test]
async fn finalized_is_two_blocks_behind_on_this_local_base_or_as_many_as_the_proxy_is_told() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    assert_eq!(number(&world.told(BLOCK, at("finalized")).await["number"]), head - 2);
    let shaped = Options { finality: Some(7), ..Options::new(&world.upstream()) };
    let shaped = LyingBase::start(shaped).unwrap();
    let told = world.ask(&shaped.url(), BLOCK, at("finalized")).await;
    assert_eq!(told, world.truth(BLOCK, json!([quantity(head - 7), false])).await);
    for block in ["latest", "0x1"] {
        let question = crate::world::question(BLOCK, at(block));
        assert_eq!(world.bytes(&shaped.url(), &question).await, world.bytes(&world.upstream(), &question).await);
    }
    shaped.set_finality(None);
    assert_eq!(number(&world.ask(&shaped.url(), BLOCK, at("finalized")).await["number"]), head - 2);
}

#[tokio::test]
async fn finalized_goes_back_every_second_time() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    world.is_true(BLOCK, at("finalized")).await;
    world.proxy.lie(Lie::FinalityBack(5));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(number(&world.told(BLOCK, at("finalized")).await["number"]));
    }
    assert_eq!(seen, [head - 2, head - 7, head - 2, head - 7]);
    world.proxy.honest();
    world.is_true(BLOCK, at("finalized")).await;
}

#[tokio::test]
async fn the_newest_block_is_served_as_final() {
    let Some(world) = world().await else { return };
    let latest = world.truth(BLOCK, at("latest")).await;
    for tag in ["finalized", "safe"] {
        assert_eq!(world.lied(Lie::LatestAsFinalized, BLOCK, at(tag)).await, latest);
    }
    let proof = |tag| json!([CONTRACT, [word(1)], tag]);
    let told = world.lied(Lie::LatestAsFinalized, "eth_getProof", proof("finalized")).await;
    assert_eq!(told, world.truth("eth_getProof", proof("latest")).await);
}

#[tokio::test]
async fn finality_stays_behind() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    let told = world.lied(Lie::StaleFinalized(9), BLOCK, at("finalized")).await;
    assert_eq!(number(&told["number"]), head - 2 - 9);
}

#[tokio::test]
async fn finality_moves_in_steps() {
    let Some(world) = world().await else { return };
    world.proxy.lie(Lie::FinalitySteps(8));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        seen.insert(number(&world.told(BLOCK, at("finalized")).await["number"]));
        world.mine(1, 1).await;
    }
    assert!(seen.iter().all(|number| number % 8 == 0) && (3..=4).contains(&seen.len()), "{seen:?}");
}

#[tokio::test]
async fn an_endpoint_lags_by_blocks_in_all_that_it_says() {
    let Some(world) = world().await else { return };
    world.write(1, 1).await;
    let head = world.head().await;
    let hash = world.truth(BLOCK, at("latest")).await["hash"].clone();
    let receipt = world.truth(BLOCK, at("latest")).await["transactions"][0].clone();
    assert_eq!(world.lied(Lie::LagBlocks(4), "eth_blockNumber", json!([])).await, quantity(head - 4));
    world.proxy.lie(Lie::LagBlocks(4));
    let shown = world.truth(BLOCK, json!([quantity(head - 4), false])).await;
    assert_eq!(world.told(BLOCK, at("latest")).await, shown);
    assert_eq!(number(&world.told(BLOCK, at("finalized")).await["number"]), head - 2 - 4);
    assert_eq!(world.told(BLOCK, json!([quantity(head - 3), false])).await, Value::Null);
    assert_eq!(world.told("eth_getBlockByHash", json!([hash, false])).await, Value::Null);
    assert_eq!(world.told("eth_getTransactionReceipt", json!([receipt])).await, Value::Null);
    assert_eq!(world.told("eth_getLogs", all_logs("latest")).await, json!([]));
    assert_eq!(world.told("eth_getLogs", all_logs(&format!("{head:#x}"))).await, json!([]));
    assert_eq!(world.told("eth_getStorageAt", json!([CONTRACT, word(1), "latest"])).await, word(0));
    for (method, params) in [
        ("eth_getProof", json!([CONTRACT, [word(1)], quantity(head)])),
        ("eth_call", json!([{"to": CONTRACT}, quantity(head)])),
    ] {
        assert_eq!(world.refusal(method, params).await["message"], "header not found");
    }
    world.mine(4, 1).await;
    assert_eq!(world.told("eth_getStorageAt", json!([CONTRACT, word(1), "latest"])).await, word(1));
    assert_eq!(world.told("eth_getLogs", all_logs("latest")).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_endpoint_lags_by_seconds_of_the_chain() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    // Blocks are 10 seconds apart, so 25 seconds hide three of them.
    assert_eq!(world.lied(Lie::LagSeconds(25), "eth_blockNumber", json!([])).await, quantity(head - 3));
    let finalized = world.lied(Lie::LagSeconds(25), BLOCK, at("finalized")).await;
    assert_eq!(number(&finalized["number"]), head - 2 - 3);
    assert_eq!(world.lied(Lie::LagSeconds(1_000_000), "eth_blockNumber", json!([])).await, "0x0");
}
