//! Blocks, with their lies.

use alloy_primitives::B256;
use serde_json::Value;

use crate::{
    Lie,
    answer::{Teller, put},
    header,
    json::{bytes, number, small},
    seeded,
    upstream::Stop,
    view::Place,
};

impl Teller<'_> {
    pub(crate) async fn block_by_number(&self, mut params: Vec<Value>) -> Result<Value, Stop> {
        let place = self.resolve(params.first()).await?;
        if let Place::Number(number) = place
            && self.is_hidden(number).await?
        {
            return Ok(Value::Null);
        }
        put(&mut params, 0, &place);
        let block = self.shared.upstream.ask("eth_getBlockByNumber", &params).await?;
        self.told_block(block).await
    }

    pub(crate) async fn block_by_hash(&self, mut params: Vec<Value>) -> Result<Value, Stop> {
        if let Some(asked) = params.first_mut()
            && let Some(hash) = hash_in(asked)
        {
            *asked = bytes(self.shared.orders.lock().true_hash(&hash));
        }
        let block = self.shared.upstream.ask("eth_getBlockByHash", &params).await?;
        match number(&block["number"]) {
            Some(number) if self.is_hidden(number).await? => Ok(Value::Null),
            _ => self.told_block(block).await,
        }
    }

    /// The block as the victim is to see it, from the true one.
    pub(crate) async fn told_block(&self, mut block: Value) -> Result<Value, Stop> {
        let (Some(number), Some(truth)) = (number(&block["number"]), hash_in(&block["hash"])) else {
            return Ok(block);
        };
        let seed = self.shared.seed;
        for lie in self.lies.about(number) {
            match lie {
                Lie::ForgeHeader(field) | Lie::ForgeHeaderRehashed(field) => header::forge(&mut block, field, seed),
                Lie::ForgeStateRoot => header::forge(&mut block, "stateRoot", seed),
                Lie::UnknownHeaderField => block[header::UNKNOWN_FIELD] = bytes(seeded::hash(seed, "fork", number)),
                Lie::ForgeState(forgery) => block["stateRoot"] = bytes(self.tries(forgery, number).await?.root()),
                Lie::TimestampMs => block["timestampMs"] = timestamp_ms(&block),
                _ => continue,
            }
            if !matches!(lie, Lie::ForgeHeader(_) | Lie::TimestampMs) {
                rehash(&mut block);
            }
            self.told(lie);
        }
        if let Some(told) = hash_in(&block["hash"]) {
            self.shared.orders.lock().remember(told, truth);
        }
        Ok(block)
    }

    /// Whether a lie changes the hashes of blocks.
    pub(crate) fn hashes_are_forged(&self) -> bool {
        self.lies.any(|lie| {
            matches!(
                lie,
                Lie::ForgeHeaderRehashed(_) | Lie::ForgeStateRoot | Lie::UnknownHeaderField | Lie::ForgeState(_)
            )
        })
    }

    /// The hash that the victim is to see of a block; `null` if there is no such block.
    pub(crate) async fn told_hash(&self, number: u64) -> Result<Value, Stop> {
        let block = self.true_block(small(number)).await?;
        Ok(self.told_block(block).await?["hash"].take())
    }
}

/// Computes the hash anew, there and in the block's transactions.
fn rehash(block: &mut Value) {
    let Some(hash) = header::header_hash(block) else { return };
    block["hash"] = bytes(hash);
    for transaction in block["transactions"].as_array_mut().into_iter().flatten().filter(|one| one.is_object()) {
        transaction["blockHash"] = bytes(hash);
    }
}

/// The block's time in milliseconds: five blocks share a second.
fn timestamp_ms(block: &Value) -> Value {
    let field = |name: &str| number(&block[name]).unwrap_or_default();
    let within = field("number").checked_rem(5).unwrap_or_default().saturating_mul(200);
    small(field("timestamp").saturating_mul(1_000).saturating_add(within))
}

/// A hash in JSON.
pub(crate) fn hash_in(value: &Value) -> Option<B256> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn five_blocks_have_their_places_in_a_second() {
        let at = |number: u64| timestamp_ms(&json!({"number": small(number), "timestamp": "0xa"}));
        assert_eq!([at(5), at(6), at(9)], [small(10_000), small(10_200), small(10_800)]);
    }
}
