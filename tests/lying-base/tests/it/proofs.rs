use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, KECCAK_EMPTY, Nibbles, TrieAccount, proof::verify_proof};
use diem_lying_base::Lie;
use serde_json::{Value, json};

use crate::world::{CONTRACT, World, quantity, word};

const METHOD: &str = "eth_getProof";

fn nodes(value: &Value) -> Vec<Bytes> {
    serde_json::from_value(value.clone()).unwrap()
}

fn read<T: std::str::FromStr<Err: std::fmt::Debug>>(value: &Value) -> T {
    value.as_str().unwrap().parse().unwrap()
}

/// Whether the account in an answer is the one that a state root has.
pub(crate) fn account_holds(root: B256, proof: &Value) -> bool {
    let account = TrieAccount {
        nonce: read::<U256>(&proof["nonce"]).to(),
        balance: read(&proof["balance"]),
        storage_root: read(&proof["storageHash"]),
        code_hash: read(&proof["codeHash"]),
    };
    let is_absent = account.code_hash == KECCAK_EMPTY && account == TrieAccount::default();
    let expected = (!is_absent).then(|| alloy_rlp::encode(account));
    let address: Address = read(&proof["address"]);
    verify_proof(root, Nibbles::unpack(keccak256(address)), expected, &nodes(&proof["accountProof"])).is_ok()
}

/// Whether the slots in an answer are those that the storage hash in it has.
pub(crate) fn slots_hold(proof: &Value) -> bool {
    proof["storageProof"].as_array().unwrap().iter().all(|slot| {
        let (key, value) = (read::<U256>(&slot["key"]), read::<U256>(&slot["value"]));
        let expected = (!value.is_zero()).then(|| alloy_rlp::encode(value));
        let path = Nibbles::unpack(keccak256(key.to_be_bytes::<32>()));
        verify_proof(read(&proof["storageHash"]), path, expected, &nodes(&slot["proof"])).is_ok()
    })
}

async fn world() -> Option<World> {
    let world = World::start().await?;
    for slot in 1..=8 {
        world.write(slot, 1_000 + slot).await;
    }
    Some(world)
}

/// The question for slots 1, 2 and 99, of which the last is empty.
fn params() -> Value {
    json!([CONTRACT, [word(1), word(2), word(99)], "latest"])
}

async fn root(world: &World) -> B256 {
    read(&world.truth("eth_getBlockByNumber", json!(["latest", false])).await["stateRoot"])
}

#[tokio::test]
async fn the_truth_is_proven() {
    let Some(world) = world().await else { return };
    let told = world.told(METHOD, params()).await;
    assert!(account_holds(root(&world).await, &told) && slots_hold(&told));
}

#[tokio::test]
async fn an_account_is_another_than_the_proven_one() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeAccount, METHOD, params()).await;
    assert!(!account_holds(root(&world).await, &told) && slots_hold(&told));
}

#[tokio::test]
async fn a_slot_is_another_than_the_proven_one() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeSlot, METHOD, params()).await;
    assert!(account_holds(root(&world).await, &told) && !slots_hold(&told));
}

#[tokio::test]
async fn a_code_hash_is_another_than_the_proven_one() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeCodeHash, METHOD, params()).await;
    let truth = world.truth(METHOD, params()).await;
    assert_ne!(told["codeHash"], truth["codeHash"]);
    assert!(!account_holds(root(&world).await, &told) && slots_hold(&told));
}

#[tokio::test]
async fn proofs_are_broken() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeProof, METHOD, params()).await;
    let truth = world.truth(METHOD, params()).await;
    assert_eq!(told["nonce"], truth["nonce"]);
    assert!(!account_holds(root(&world).await, &told) && !slots_hold(&told));
}

#[tokio::test]
async fn a_slot_is_said_to_be_empty_by_a_genuine_proof_of_another() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeAbsentSlot, METHOD, params()).await;
    assert!(account_holds(root(&world).await, &told) && !slots_hold(&told));
    for (slot, key) in told["storageProof"].as_array().unwrap().iter().zip([1, 2, 99]) {
        assert_eq!((read::<U256>(&slot["key"]), &slot["value"]), (U256::from(key), &json!("0x0")));
        // The proof begins at the true storage hash, so that only its path betrays it.
        assert_eq!(keccak256(&nodes(&slot["proof"])[0]), read::<B256>(&told["storageHash"]));
    }
}

#[tokio::test]
async fn an_account_is_said_not_to_exist_by_a_genuine_proof_of_another() {
    let Some(world) = world().await else { return };
    let told = world.lied(Lie::ForgeAbsentAccount, METHOD, params()).await;
    let root = root(&world).await;
    assert!(!account_holds(root, &told));
    assert_eq!(read::<Address>(&told["address"]), CONTRACT);
    assert_eq!(read::<B256>(&told["storageHash"]), EMPTY_ROOT_HASH);
    assert_eq!(keccak256(&nodes(&told["accountProof"])[0]), root);
}

#[tokio::test]
async fn proofs_are_served_of_young_blocks_only() {
    let Some(world) = world().await else { return };
    let head = world.head().await;
    let at = |block| json!([CONTRACT, [word(1)], quantity(block)]);
    for (lie, code, message) in [
        (Lie::ProofWindow(3), -32_602, "distance to target block exceeds maximum proof window"),
        (Lie::PrunedState(3), -32_000, "missing trie node "),
    ] {
        world.is_true(METHOD, at(head - 4)).await;
        world.proxy.lie(lie);
        assert_eq!(world.told(METHOD, at(head - 3)).await, world.truth(METHOD, at(head - 3)).await);
        let refusal = world.refusal(METHOD, at(head - 4)).await;
        assert_eq!(refusal["code"], code);
        assert!(refusal["message"].as_str().unwrap().starts_with(message), "{refusal}");
        world.proxy.honest();
    }
}

#[tokio::test]
async fn no_proofs_are_served_at_all() {
    let Some(world) = world().await else { return };
    world.is_true(METHOD, params()).await;
    world.proxy.lie(Lie::NoProofs);
    assert_eq!(world.refusal(METHOD, params()).await["code"], -32_601);
    world.is_true("eth_getBalance", json!([CONTRACT, "latest"])).await;
}
