//! A made-up state, as a malicious endpoint would serve it: headers, proofs, storage and logs agree with each other.

use std::{collections::BTreeMap, str::FromStr};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use serde_json::{Value, json};

use crate::{
    Lie,
    answer::Teller,
    json::{bytes, number, small},
    trie::{Account, State},
    upstream::Stop,
};

/// The facts of a made-up state.
///
/// Its state trie has the accounts that are named here and no others, and their storage the slots that are named and no
/// others: what nobody asks for need not be there. What is named without a value is as in the truth at each block, so
/// that the forged chain goes on with the true one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgery {
    accounts: BTreeMap<Address, Facts>,
    logs: Vec<ForgedLog>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Facts {
    code_hash: Option<B256>,
    slots: BTreeMap<U256, Option<U256>>,
}

/// A log that never was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgedLog {
    /// The number of the block in which it stands, after the true ones.
    pub block: u64,
    /// The contract that seems to have made it.
    pub address: Address,
    /// Its topics, the event's own first.
    pub topics: Vec<B256>,
    /// Its data.
    pub data: Bytes,
}

/// The reason why a text is no made-up state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fact of a made-up state: write ADDRESS:SLOT, ADDRESS:SLOT=VALUE or ADDRESS:code=HASH")]
pub struct ForgeryError(String);

impl Forgery {
    /// Takes an account with one of its slots into the state, as they are in the truth.
    #[must_use]
    pub fn keep(mut self, address: Address, slot: U256) -> Self {
        self.accounts.entry(address).or_default().slots.entry(slot).or_default();
        self
    }

    /// Takes an account with a made-up value of a slot into the state.
    #[must_use]
    pub fn slot(mut self, address: Address, slot: U256, value: U256) -> Self {
        self.accounts.entry(address).or_default().slots.insert(slot, Some(value));
        self
    }

    /// Takes an account with a made-up code hash into the state.
    #[must_use]
    pub fn code_hash(mut self, address: Address, hash: B256) -> Self {
        self.accounts.entry(address).or_default().code_hash = Some(hash);
        self
    }

    /// Adds a log.
    #[must_use]
    pub fn log(mut self, log: ForgedLog) -> Self {
        self.logs.push(log);
        self
    }

    /// The logs, in the order in which they were added.
    pub(crate) fn logs(&self) -> &[ForgedLog] {
        &self.logs
    }

    /// Whether the state has this account.
    pub(crate) fn has(&self, address: &Address) -> bool {
        self.accounts.contains_key(address)
    }
}

impl FromStr for Forgery {
    type Err = ForgeryError;

    /// Reads facts that are separated by commas: `ADDRESS:SLOT`, `ADDRESS:SLOT=VALUE` and `ADDRESS:code=HASH`, where
    /// numbers are decimal, or hexadecimal after `0x`.
    fn from_str(text: &str) -> Result<Self, ForgeryError> {
        let mut forgery = Self::default();
        for fact in text.split(',') {
            let read = || {
                let (address, rest) = fact.trim().split_once(':')?;
                let address: Address = address.parse().ok()?;
                Some(match rest.split_once('=') {
                    Some(("code", hash)) => forgery.clone().code_hash(address, hash.parse().ok()?),
                    Some((slot, value)) => forgery.clone().slot(address, slot.parse().ok()?, value.parse().ok()?),
                    None => forgery.clone().keep(address, rest.parse().ok()?),
                })
            };
            forgery = read().ok_or_else(|| ForgeryError(fact.into()))?;
        }
        Ok(forgery)
    }
}

impl ForgedLog {
    /// Whether the filter of `eth_getLogs` lets it through, the blocks apart.
    fn passes(&self, filter: &Value) -> bool {
        let is = |wanted: &Value, found: Value| match wanted {
            Value::Null => true,
            Value::Array(any) => any.is_empty() || any.iter().any(|wanted| same(wanted, &found)),
            one => same(one, &found),
        };
        let wanted = filter["topics"].as_array().map(Vec::as_slice).unwrap_or_default();
        let topic = |place: usize| self.topics.get(place).map_or(Value::Bool(false), bytes);
        is(&filter["address"], bytes(self.address))
            && wanted.iter().enumerate().all(|(place, wanted)| is(wanted, topic(place)))
    }

    /// The log in JSON, as the `index`th of its block.
    fn to_json(&self, hash: &Value, index: u64) -> Value {
        json!({
            "address": bytes(self.address),
            "topics": self.topics.iter().map(bytes).collect::<Vec<_>>(),
            "data": bytes(&self.data),
            "blockHash": hash,
            "blockNumber": small(self.block),
            "transactionHash": bytes(alloy_primitives::keccak256(&self.data)),
            "transactionIndex": "0x0",
            "logIndex": small(index),
            "removed": false,
        })
    }
}

/// Whether two texts are the same bytes in hexadecimal.
fn same(one: &Value, other: &Value) -> bool {
    one.as_str().zip(other.as_str()).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

impl Teller<'_> {
    /// The made-up state at a block.
    pub(crate) async fn tries(&self, forgery: &Forgery, block: u64) -> Result<State, Stop> {
        let mut state = State::default();
        for (address, facts) in &forgery.accounts {
            let keys: Vec<Value> = facts.slots.keys().map(|slot| bytes(slot.to_be_bytes::<32>())).collect();
            let params = [bytes(address), Value::Array(keys), small(block)];
            let truth = self.shared.upstream.ask("eth_getProof", &params).await?;
            state.0.insert(*address, account(facts, &truth));
        }
        Ok(state)
    }

    /// Adds the made-up logs of a range of blocks that pass a filter, each after the true ones of its block.
    pub(crate) async fn add_logs(
        &self,
        logs: &mut Vec<Value>,
        forgery: &Forgery,
        filter: &Value,
        blocks: (u64, u64),
    ) -> Result<(), Stop> {
        let (from, to) = blocks;
        let is_made_up = |lie: &Lie| matches!(lie, Lie::ForgeState(other) if **other == *forgery);
        let is_meant = |log: &&ForgedLog| {
            (from..=to).contains(&log.block) && log.passes(filter) && self.lies.about(log.block).any(is_made_up)
        };
        for log in forgery.logs().iter().filter(is_meant) {
            let hash = self.told_hash(log.block).await?;
            if hash.is_null() {
                // There is no such block yet.
                continue;
            }
            let place = logs.partition_point(|one| number(&one["blockNumber"]).is_some_and(|at| at <= log.block));
            let last = place.checked_sub(1).and_then(|last| logs.get(last));
            let last = last.filter(|one| number(&one["blockNumber"]) == Some(log.block));
            let index = last.and_then(|one| number(&one["logIndex"])).map_or(0, |index| index.saturating_add(1));
            logs.insert(place, log.to_json(&hash, index));
        }
        Ok(())
    }
}

/// An account of the made-up state, from the true one as `eth_getProof` shows it.
fn account(facts: &Facts, truth: &Value) -> Account {
    let large = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).unwrap_or(U256::ZERO);
    let code = truth["codeHash"].as_str().and_then(|hash| hash.parse().ok());
    let code = facts.code_hash.or(code).filter(|hash| *hash != KECCAK256_EMPTY && *hash != B256::ZERO);
    let proven = truth["storageProof"].as_array().map(Vec::as_slice).unwrap_or_default();
    let slots = facts.slots.iter().enumerate().map(|(place, (slot, forged))| {
        let true_value = || proven.get(place).map_or(U256::ZERO, |proof| large(&proof["value"]));
        (*slot, forged.unwrap_or_else(true_value))
    });
    Account {
        nonce: number(&truth["nonce"]).unwrap_or_default(),
        balance: large(&truth["balance"]),
        code_hash: code,
        slots: slots.filter(|(_, value)| !value.is_zero()).collect(),
    }
}

/// The value of a slot as `eth_getStorageAt` shows it.
pub(crate) fn word(value: U256) -> Value {
    bytes(value.to_be_bytes::<32>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOKEN: &str = "0x1111111111111111111111111111111111111111";

    #[test]
    fn facts_are_read_from_one_line() {
        let token: Address = TOKEN.parse().unwrap();
        let hash = format!("0x{}", "ab".repeat(32));
        let read: Forgery = format!("{TOKEN}:2=0x10,{TOKEN}:0x3, {TOKEN}:code={hash}").parse().unwrap();
        let number = U256::from::<u64>;
        let expected = Forgery::default().slot(token, number(2), number(16)).keep(token, number(3));
        assert_eq!(read, expected.code_hash(token, hash.parse().unwrap()));
        for wrong in ["", "0x11:2", &format!("{TOKEN}:x"), &format!("{TOKEN}:code=0x1"), &format!("{TOKEN}:2=ten")] {
            assert_eq!(wrong.parse::<Forgery>(), Err(ForgeryError((*wrong).into())));
        }
    }

    #[test]
    fn a_made_up_log_passes_the_filters_that_a_true_one_would() {
        let log = ForgedLog {
            block: 5,
            address: TOKEN.parse().unwrap(),
            topics: vec![B256::repeat_byte(1), B256::repeat_byte(2)],
            data: Bytes::new(),
        };
        let topic = |byte| bytes(B256::repeat_byte(byte));
        for (filter, expected) in [
            (json!({}), true),
            (json!({"address": TOKEN}), true),
            (json!({"address": [Address::ZERO, TOKEN]}), true),
            (json!({"address": Address::ZERO}), false),
            (json!({"topics": [topic(1)]}), true),
            (json!({"topics": [null, [topic(3), topic(2)]]}), true),
            (json!({"topics": [topic(2)]}), false),
            (json!({"topics": [null, null, topic(2)]}), false),
        ] {
            assert_eq!(log.passes(&filter), expected, "{filter}");
        }
    }
}
