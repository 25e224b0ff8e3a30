use diem_lying_base::{Lie, Scope};
use serde_json::{Value, json};

use crate::world::{CHAIN_ID, World, quantity, question};

const BLOCK: &str = "eth_getBlockByNumber";

async fn world() -> Option<World> {
    let world = World::start().await?;
    world.mine(5, 1).await;
    Some(world)
}

async fn hash(world: &World, url: &str) -> Value {
    world.ask(url, BLOCK, json!(["latest", false])).await["hash"].take()
}

#[tokio::test]
async fn one_victim_is_told_a_lie_and_the_others_the_truth() {
    let Some(world) = world().await else { return };
    world.proxy.lie_within(Scope::victim("v2"), Lie::ForgeStateRoot);
    let truth = hash(&world, &world.upstream()).await;
    assert_eq!(hash(&world, &world.proxy.url_of("v1")).await, truth);
    assert_eq!(hash(&world, &world.proxy.url()).await, truth);
    assert_ne!(hash(&world, &world.proxy.url_of("v2")).await, truth);
    let counts = world.proxy.counts();
    assert_eq!((counts.asked(BLOCK), counts.asked_by("v2", BLOCK), counts.told("forge-state-root")), (3, 1, 1));
}

#[tokio::test]
async fn two_of_three_lie_alike() {
    let Some(world) = world().await else { return };
    let [one, two, other] = [7, 7, 8].map(|seed| world.another(seed, [Lie::ForgeStateRoot]));
    assert_eq!(hash(&world, &one.url()).await, hash(&world, &two.url()).await);
    assert_ne!(hash(&world, &one.url()).await, hash(&world, &other.url()).await);
    assert_ne!(hash(&world, &one.url()).await, hash(&world, &world.proxy.url()).await);
}

#[tokio::test]
async fn a_lie_is_about_blocks_above_a_number_and_one_method() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    world.proxy.lie_within(Scope::default().above(head - 1), Lie::TimestampMs);
    world.proxy.lie_within(Scope::default().above(head), Lie::WrongChainId(1));
    world.proxy.lie_within(Scope::default().method("eth_gasPrice"), Lie::InternalError);
    let has_lie = async |block: u64| {
        let block = world.told(BLOCK, json!([quantity(block), false])).await;
        block.get("timestampMs").is_some()
    };
    assert!(has_lie(head).await && !has_lie(head - 1).await);
    assert_eq!(world.told("eth_chainId", json!([])).await, quantity(CHAIN_ID));
    assert_eq!(world.refusal("eth_gasPrice", json!([])).await["code"], -32_603);
    world.mine(1, 1).await;
    assert_eq!(world.told("eth_chainId", json!([])).await, "0x1");
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order_with_and_without_lies() {
    let Some(world) = world().await else { return };
    let mut batch =
        [question("eth_chainId", json!([])), question(BLOCK, json!(["0x1", false])), question("no", json!([]))];
    for (id, question) in batch.iter_mut().enumerate() {
        question["id"] = json!(id);
    }
    let batch = json!(batch);
    let (url, truth) = (world.proxy.url(), world.bytes(&world.upstream(), &batch).await);
    assert_eq!(world.bytes(&url, &batch).await, truth);
    world.proxy.lie(Lie::WrongChainId(5));
    let told: Value = serde_json::from_slice(&world.bytes(&url, &batch).await).unwrap();
    let mut truth: Value = serde_json::from_slice(&truth).unwrap();
    truth[0]["result"] = json!("0x5");
    assert_eq!(told, truth);
}

#[tokio::test]
async fn what_is_no_question_is_answered_by_the_upstream() {
    let Some(world) = world().await else { return };
    world.proxy.lie(Lie::ForgeStateRoot);
    for nonsense in [json!({}), json!([]), json!("text"), json!(null), json!({"method": 7, "id": 1})] {
        assert_eq!(world.bytes(&world.proxy.url(), &nonsense).await, world.bytes(&world.upstream(), &nonsense).await);
    }
    let odd =
        [(BLOCK, json!([])), (BLOCK, json!([{}, false])), ("eth_getLogs", json!([])), ("eth_getProof", json!(["x"]))];
    for (method, params) in odd {
        let told = world.answer(&world.proxy.url(), method, params.clone()).await;
        assert!(told.get("error").is_some(), "{method} {params}: {told}");
    }
}
