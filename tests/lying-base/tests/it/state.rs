use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use diem_lying_base::{ForgedLog, Forgery, Lie, Scope};
use serde_json::{Value, json};

use crate::{
    proofs::{account_holds, slots_hold},
    world::{CONTRACT, World, all_logs, number, quantity, word},
};

const NOBODY: Address = address!("00000000000000000000000000000000000000ff");

/// Slot 2, a supply say, is a million; slot 1 is what it is.
fn forgery() -> Forgery {
    Forgery::default().keep(CONTRACT, U256::from(1)).slot(CONTRACT, U256::from(2), U256::from(1_000_000))
}

async fn world() -> Option<World> {
    let world = World::start().await?;
    world.write(1, 11).await;
    world.write(2, 22).await;
    Some(world)
}

async fn block(world: &World, url: &str, at: u64) -> Value {
    world.ask(url, "eth_getBlockByNumber", json!([quantity(at), false])).await
}

async fn proof(world: &World, url: &str, who: Address, at: u64) -> Value {
    world.ask(url, "eth_getProof", json!([who, [word(1), word(2), word(3)], quantity(at)])).await
}

fn root(block: &Value) -> B256 {
    block["stateRoot"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_made_up_state_is_consistent_in_header_account_and_slots() {
    let Some(world) = world().await else { return };
    let (head, url) = (world.head().await, world.proxy.url());
    world.is_true("eth_getProof", json!([CONTRACT, [word(2)], "latest"])).await;
    world.proxy.lie(Lie::ForgeState(forgery().into()));

    let (told, truth) = (block(&world, &url, head).await, block(&world, &world.upstream(), head).await);
    assert_ne!(told["hash"], truth["hash"]);
    assert_eq!((&told["parentHash"], &told["timestamp"]), (&truth["parentHash"], &truth["timestamp"]));
    let proven = proof(&world, &url, CONTRACT, head).await;
    assert!(account_holds(root(&told), &proven) && slots_hold(&proven));
    let values: Vec<_> = proven["storageProof"].as_array().unwrap().iter().map(|slot| number(&slot["value"])).collect();
    assert_eq!(values, [11, 1_000_000, 0]);
    let real = proof(&world, &world.upstream(), CONTRACT, head).await;
    assert_eq!((&proven["codeHash"], &proven["balance"]), (&real["codeHash"], &real["balance"]));
    assert!(!account_holds(root(&truth), &proven));

    // Whoever is not in the state is proven to be absent.
    let absent = proof(&world, &url, NOBODY, head).await;
    assert!(account_holds(root(&told), &absent) && slots_hold(&absent));

    assert_eq!(world.told("eth_getStorageAt", json!([CONTRACT, word(2), "latest"])).await, word(1_000_000));
    assert_eq!(world.told("eth_getBlockByHash", json!([told["hash"], false])).await, told);
    let by_hash = json!([CONTRACT, [word(1), word(2), word(3)], {"blockHash": told["hash"]}]);
    assert_eq!(world.told("eth_getProof", by_hash).await, proven);

    world.proxy.honest();
    world.is_true("eth_getProof", json!([CONTRACT, [word(2)], "latest"])).await;
    assert!(world.proxy.counts().told("forge-state") > 0);
}

#[tokio::test]
async fn a_made_up_state_goes_on_with_the_chain() {
    let Some(world) = world().await else { return };
    let url = world.proxy.url();
    world.proxy.lie(Lie::ForgeState(forgery().into()));
    world.write(1, 12).await;
    let head = world.head().await;
    let (told, proven) = (block(&world, &url, head).await, proof(&world, &url, CONTRACT, head).await);
    assert!(account_holds(root(&told), &proven) && slots_hold(&proven));
    assert_eq!(proven["storageProof"][0]["value"], "0xc");
}

#[tokio::test]
async fn a_made_up_state_begins_above_a_block() {
    let Some(world) = world().await else { return };
    let (head, url) = (world.head().await, world.proxy.url());
    world.mine(1, 1).await;
    world.proxy.lie_within(Scope::default().above(head), Lie::ForgeState(forgery().into()));
    assert_eq!(block(&world, &url, head).await, block(&world, &world.upstream(), head).await);
    assert_ne!(block(&world, &url, head + 1).await["hash"], block(&world, &world.upstream(), head + 1).await["hash"]);
}

#[tokio::test]
async fn a_code_hash_is_made_up_consistently() {
    let Some(world) = world().await else { return };
    let (head, url, hash) = (world.head().await, world.proxy.url(), keccak256("other code"));
    world.proxy.lie(Lie::ForgeState(forgery().code_hash(CONTRACT, hash).into()));
    let (told, proven) = (block(&world, &url, head).await, proof(&world, &url, CONTRACT, head).await);
    assert_eq!(proven["codeHash"], hash.to_string());
    assert!(account_holds(root(&told), &proven));
}

#[tokio::test]
async fn made_up_logs_stand_in_their_block_under_its_made_up_hash() {
    let Some(world) = world().await else { return };
    let (head, url) = (world.head().await, world.proxy.url());
    world.mine(2, 1).await;
    let log = |block| ForgedLog {
        block,
        address: CONTRACT,
        topics: vec![word(7).parse().unwrap(), word(3).parse().unwrap()],
        data: Bytes::from(vec![9; 32]),
    };
    world.is_true("eth_getLogs", all_logs("latest")).await;
    let lie = forgery().log(log(head)).log(log(head + 1)).log(log(head + 100));
    world.proxy.lie(Lie::ForgeState(lie.into()));
    let logs = world.told("eth_getLogs", all_logs("latest")).await;
    let places: Vec<_> = logs.as_array().unwrap().iter().map(|log| (&log["blockNumber"], &log["logIndex"])).collect();
    let (first, last, next) = (quantity(head - 1), quantity(head), quantity(head + 1));
    let (zero, one) = (quantity(0), quantity(1));
    assert_eq!(places, [(&first, &zero), (&last, &zero), (&last, &one), (&next, &zero)]);
    for log in logs.as_array().unwrap() {
        assert_eq!(log["blockHash"], block(&world, &url, number(&log["blockNumber"])).await["hash"]);
    }
    let beyond = all_logs(&format!("{:#x}", head + 1_000));
    assert_eq!(world.told("eth_getLogs", beyond).await, logs, "no log is in a block that is not there yet");
    let none = json!([{"fromBlock": "0x0", "toBlock": "latest", "address": NOBODY}]);
    assert_eq!(world.told("eth_getLogs", none).await, json!([]));
}

#[tokio::test]
async fn two_endpoints_that_make_up_the_same_state_agree() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    let (one, other) =
        (world.another(1, [Lie::ForgeState(forgery().into())]), world.another(2, [Lie::ForgeState(forgery().into())]));
    assert_eq!(block(&world, &one.url(), head).await, block(&world, &other.url(), head).await);
    assert_eq!(proof(&world, &one.url(), CONTRACT, head).await, proof(&world, &other.url(), CONTRACT, head).await);
}
