//! The header of a block in JSON, and its hash.

use alloy_primitives::{B256, U256, hex, keccak256};
use alloy_rlp::{BufMut as _, Encodable as _};
use serde_json::Value;

use crate::seeded;

/// The name in JSON of the field that no client knows.
pub(crate) const UNKNOWN_FIELD: &str = "futureRoot";

/// How a field is written in a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bytes, all of them.
    Bytes,
    /// A number without leading zeros.
    Number,
}
use Kind::{Bytes, Number};

/// The fields of a header in their order (execution-specs, `Header` of each fork). From the base fee on a header has
/// those that its fork has; the last one is nobody's.
const FIELDS: &[(&str, Kind)] = &[
    ("parentHash", Bytes),
    ("sha3Uncles", Bytes),
    ("miner", Bytes),
    ("stateRoot", Bytes),
    ("transactionsRoot", Bytes),
    ("receiptsRoot", Bytes),
    ("logsBloom", Bytes),
    ("difficulty", Number),
    ("number", Number),
    ("gasLimit", Number),
    ("gasUsed", Number),
    ("timestamp", Number),
    ("extraData", Bytes),
    ("mixHash", Bytes),
    ("nonce", Bytes),
    ("baseFeePerGas", Number),
    ("withdrawalsRoot", Bytes),
    ("blobGasUsed", Number),
    ("excessBlobGas", Number),
    ("parentBeaconBlockRoot", Bytes),
    ("requestsHash", Bytes),
    ("blockAccessListHash", Bytes),
    ("slotNumber", Number),
    (UNKNOWN_FIELD, Bytes),
];

/// Whether a header has a field of this name that can be forged: any but its number, by which it is found.
pub(crate) fn has_field(name: &str) -> bool {
    name != UNKNOWN_FIELD && name != "number" && FIELDS.iter().any(|(field, _)| *field == name)
}

/// The hash of a block's header, from the fields that it has in JSON; `None` if one is no hexadecimal text.
///
/// The fields of all forks up to Amsterdam are known, and after them the one of [`crate::Lie::UnknownHeaderField`].
pub fn header_hash(block: &Value) -> Option<B256> {
    let mut fields = Vec::new();
    for (name, kind) in FIELDS {
        match (block.get(*name).filter(|value| !value.is_null()).map(Value::as_str), kind) {
            (None, _) => {}
            (Some(text), Bytes) => hex::decode(text?).ok()?.as_slice().encode(&mut fields),
            (Some(text), Number) => text?.parse::<U256>().ok()?.encode(&mut fields),
        }
    }
    let mut list = Vec::new();
    alloy_rlp::Header { list: true, payload_length: fields.len() }.encode(&mut list);
    list.put_slice(&fields);
    Some(keccak256(list))
}

/// Gives a field another value, which depends on the seed. A field that this header has not stays away.
pub(crate) fn forge(block: &mut Value, field: &str, seed: u64) {
    let number = crate::json::number(&block["number"]).unwrap_or_default();
    let by = seeded::byte(seed, field, number);
    let Some(value) = block.get_mut(field) else { return };
    let Some(text) = value.as_str() else { return };
    let is_number = FIELDS.iter().any(|(name, kind)| *name == field && *kind == Number);
    *value = if is_number {
        crate::json::quantity(text.parse::<U256>().unwrap_or_default().wrapping_add(U256::from(by)))
    } else {
        crate::json::flipped(text, by)
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use alloy_primitives::b256;
    use serde_json::json;

    use super::*;

    /// The first block of Ethereum, from its specification: a header without fields of any later fork.
    fn genesis() -> Value {
        let zeros = |bytes: usize| format!("0x{}", "00".repeat(bytes));
        json!({
            "parentHash": zeros(32),
            "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
            "miner": zeros(20),
            "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
            "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
            "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
            "logsBloom": zeros(256),
            "difficulty": "0x400000000",
            "number": "0x0",
            "gasLimit": "0x1388",
            "gasUsed": "0x0",
            "timestamp": "0x0",
            "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
            "mixHash": zeros(32),
            "nonce": "0x0000000000000042",
        })
    }

    #[test]
    fn the_first_block_of_ethereum_has_its_hash() {
        let expected = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        assert_eq!(header_hash(&genesis()), Some(expected));
    }

    #[test]
    fn every_forged_field_changes_the_hash_and_another_seed_changes_it_otherwise() {
        let fields = FIELDS.iter().map(|(name, _)| *name).filter(|name| has_field(name));
        for field in fields.take_while(|name| *name != "baseFeePerGas") {
            let (mut one, mut other) = (genesis(), genesis());
            forge(&mut one, field, 1);
            forge(&mut other, field, 4);
            assert_ne!(header_hash(&one), header_hash(&genesis()), "{field}");
            assert_ne!(header_hash(&one), header_hash(&other), "{field}");
        }
    }
}
