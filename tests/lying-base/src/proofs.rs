//! Proofs of accounts and slots, with their lies.

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::EMPTY_ROOT_HASH;
use serde_json::{Value, json};

use crate::{
    Lie,
    answer::{Teller, put},
    forgery::word,
    json::{bytes, error, flipped, number, quantity, small},
    seeded,
    upstream::Stop,
    view::Place,
};

/// The position of the block in the parameters of both methods.
const BLOCK: usize = 2;

impl Teller<'_> {
    /// The answer to `eth_getProof`.
    pub(crate) async fn proof(&self, mut params: Vec<Value>) -> Result<Value, Stop> {
        let place = self.resolve(params.get(BLOCK)).await?;
        self.refuse_hidden(&place).await?;
        put(&mut params, BLOCK, &place);
        let Some(block) = self.number_of(&place).await? else {
            return self.shared.upstream.ask("eth_getProof", &params).await;
        };
        self.refuse_proof(block).await?;
        let mut proof = None;
        for lie in self.lies.about(block) {
            let truth = match (proof.take(), lie) {
                (Some(proof), _) => proof,
                // A made-up state needs no true proof.
                (None, Lie::ForgeState(_)) => Value::Null,
                (None, _) => self.shared.upstream.ask("eth_getProof", &params).await?,
            };
            proof = Some(self.forged_proof(lie, truth, &params, block).await?);
        }
        match proof {
            Some(proof) => Ok(proof),
            None => self.shared.upstream.ask("eth_getProof", &params).await,
        }
    }

    /// Refuses to prove anything at a block, with the words of the node that would.
    async fn refuse_proof(&self, block: u64) -> Result<(), Stop> {
        for lie in self.lies.about(block) {
            let is_older = |window: u64, head: u64| head.saturating_sub(block) > window;
            let refusal = match lie {
                Lie::NoProofs => error(-32_601, "the method eth_getProof does not exist/is not available"),
                Lie::ProofWindow(window) if is_older(*window, self.head().await?.shown) => {
                    error(-32_602, "distance to target block exceeds maximum proof window")
                }
                Lie::PrunedState(window) if is_older(*window, self.head().await?.shown) => {
                    let block = self.true_block(small(block)).await?;
                    let root = block["stateRoot"].as_str().unwrap_or_default().to_owned();
                    let node = root.trim_start_matches("0x");
                    let reason = format!("missing trie node {node} (path ) state {root} is not available, not found");
                    error(-32_000, reason)
                }
                _ => continue,
            };
            self.told(lie);
            return Err(Stop::Refused(refusal));
        }
        Ok(())
    }

    /// A proof with one lie more.
    async fn forged_proof(&self, lie: &Lie, mut proof: Value, params: &[Value], block: u64) -> Result<Value, Stop> {
        let seed = self.shared.seed;
        let by = seeded::byte(seed, lie.name(), block);
        match lie {
            Lie::ForgeAccount => {
                let nonce = number(&proof["nonce"]).unwrap_or_default();
                proof["nonce"] = small(nonce.wrapping_add(by.into()));
            }
            Lie::ForgeCodeHash => proof["codeHash"] = bytes(seeded::hash(seed, "code", block)),
            Lie::ForgeSlot => {
                for slot in slots(&mut proof) {
                    let value: U256 = slot["value"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
                    slot["value"] = quantity(value.wrapping_add(U256::from(by)));
                }
            }
            Lie::ForgeProof => {
                flip_last(&mut proof["accountProof"], by);
                slots(&mut proof).iter_mut().for_each(|slot| flip_last(&mut slot["proof"], by));
            }
            Lie::ForgeAbsentSlot => return self.absent_slots(lie, proof, params).await,
            Lie::ForgeAbsentAccount => return self.absent_account(lie, params).await,
            Lie::ForgeState(forgery) => {
                let keys = params.get(1).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let Some(address) = address_in(params) else {
                    return self.shared.upstream.ask("eth_getProof", params).await;
                };
                proof = self.tries(forgery, block).await?.proof(&address, keys);
            }
            _ => return Ok(proof),
        }
        self.told(lie);
        Ok(proof)
    }

    /// Says that the slots are empty: each has the proof of absence of another slot, whose path differs from the root on.
    async fn absent_slots(&self, lie: &Lie, mut proof: Value, params: &[Value]) -> Result<Value, Stop> {
        let mut others = params.to_vec();
        for key in others.get_mut(1).and_then(Value::as_array_mut).into_iter().flatten() {
            let slot: U256 = key.as_str().and_then(|key| key.parse().ok()).unwrap_or_default();
            *key = bytes(self.elsewhere(keccak256(slot.to_be_bytes::<32>()), keccak256));
        }
        let mut of_others = self.shared.upstream.ask("eth_getProof", &others).await?;
        for (slot, other) in slots(&mut proof).iter_mut().zip(slots(&mut of_others)) {
            slot["value"] = json!("0x0");
            slot["proof"] = other["proof"].take();
        }
        self.told(lie);
        Ok(proof)
    }

    /// Says that the account does not exist, by the proof of absence of another one, whose path differs from the root on.
    async fn absent_account(&self, lie: &Lie, params: &[Value]) -> Result<Value, Stop> {
        let Some(address) = address_in(params) else {
            return self.shared.upstream.ask("eth_getProof", params).await;
        };
        let shortened = |word: B256| Address::from_word(word);
        let other = shortened(self.elsewhere(keccak256(address), |word| keccak256(shortened(B256::from(word)))));
        let mut others = params.to_vec();
        if let Some(asked) = others.first_mut() {
            *asked = bytes(other);
        }
        let mut proof = self.shared.upstream.ask("eth_getProof", &others).await?;
        proof["address"] = params.first().cloned().unwrap_or_default();
        proof["nonce"] = json!("0x0");
        proof["balance"] = json!("0x0");
        proof["codeHash"] = bytes(KECCAK256_EMPTY);
        proof["storageHash"] = bytes(EMPTY_ROOT_HASH);
        let keys = params.get(1).and_then(Value::as_array).cloned().unwrap_or_default();
        for (slot, key) in slots(&mut proof).iter_mut().zip(keys) {
            slot["key"] = key;
        }
        self.told(lie);
        Ok(proof)
    }

    /// A key whose path in the trie has another first nibble than this path.
    fn elsewhere(&self, path: B256, path_of: impl Fn([u8; 32]) -> B256) -> B256 {
        let first = |path: B256| path.first().map(|byte| byte >> 4);
        let mut attempt = 0_u64;
        loop {
            let key = seeded::hash(self.shared.seed, "elsewhere", attempt);
            // Fifteen of sixteen keys are elsewhere.
            if first(path_of(key.0)) != first(path) {
                return key;
            }
            attempt = attempt.wrapping_add(1);
        }
    }

    /// The answer to `eth_getStorageAt`, which agrees with a made-up state.
    pub(crate) async fn storage_at(&self, mut params: Vec<Value>) -> Result<Value, Stop> {
        let place = self.resolve(params.get(BLOCK)).await?;
        self.refuse_hidden(&place).await?;
        put(&mut params, BLOCK, &place);
        let slot: Option<U256> = params.get(1).and_then(Value::as_str).and_then(|slot| slot.parse().ok());
        if let (Some(address), Some(slot), Place::Number(block)) = (address_in(&params), slot, &place) {
            for lie in self.lies.about(*block) {
                if let Lie::ForgeState(forgery) = lie
                    && forgery.has(&address)
                {
                    self.told(lie);
                    return Ok(word(self.tries(forgery, *block).await?.slot(&address, &slot)));
                }
            }
        }
        self.shared.upstream.ask("eth_getStorageAt", &params).await
    }
}

/// The account that a question is about.
fn address_in(params: &[Value]) -> Option<Address> {
    params.first()?.as_str()?.parse().ok()
}

fn slots(proof: &mut Value) -> &mut [Value] {
    proof["storageProof"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default()
}

/// Flips bits of the last byte of the last node.
fn flip_last(nodes: &mut Value, by: u8) {
    if let Some(last) = nodes.as_array_mut().and_then(|nodes| nodes.last_mut()) {
        *last = flipped(last.as_str().unwrap_or_default(), by);
    }
}
