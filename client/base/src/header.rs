//! Headers of blocks, each proven by its hash.
//!
//! A header is the bytes whose keccak is the block's hash. Two ways lead to one: the fields that an endpoint gives as
//! JSON, which are encoded and hashed; and the bytes themselves, as they were kept or as a peer sends them.

use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U64, U256};
use diem_core::keccak256;
use serde::Deserialize;

/// The longest header that is read, in bytes. Those of Base have about 620.
pub const MAX_HEADER_BYTES: usize = 2_048;
/// The fields of the first Ethereum header. Forks only ever added some at the end.
const FEWEST_FIELDS: usize = 15;

/// Positions in the header's list, which no fork has moved. Source: section 4.3 of the Ethereum yellow paper.
const PARENT_HASH: usize = 0;
const STATE_ROOT: usize = 3;
const NUMBER: usize = 8;
const TIMESTAMP: usize = 11;

/// The reason why something is no header of a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It is longer than any header.
    #[error("a header of {0} bytes is longer than the {MAX_HEADER_BYTES} that are read")]
    TooLong(usize),
    /// The bytes are not the list that a header is.
    #[error("the bytes are no header of a block: {0}")]
    Malformed(&'static str),
    /// The JSON is not that of a block.
    #[error("the JSON is not that of a block: {0}")]
    Json(String),
    /// The known fields do not have the hash that was named.
    #[error(
        "the fields of block {number} that this version knows hash to 0x{}, but its hash is said to be 0x{}: if other \
         endpoints say the same, a fork has added header fields that this version does not know; update diemd",
        hex(.computed), hex(.named)
    )]
    UnknownFields {
        /// The number of the block.
        number: u64,
        /// The hash of the fields.
        computed: [u8; 32],
        /// The hash that the endpoint gives.
        named: [u8; 32],
    },
}

/// The header of a block. Whatever is read from it is what its hash stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    raw: Vec<u8>,
    hash: [u8; 32],
    parent_hash: [u8; 32],
    state_root: [u8; 32],
    number: u64,
    timestamp: u64,
}

impl BlockHeader {
    /// Reads a header from its bytes. Only the four fields that this type shows are looked at, so that a fork which adds
    /// others at the end changes nothing here.
    ///
    /// # Errors
    /// [`HeaderError::TooLong`] or [`HeaderError::Malformed`].
    pub fn decode(raw: &[u8]) -> Result<Self, HeaderError> {
        if raw.len() > MAX_HEADER_BYTES {
            return Err(HeaderError::TooLong(raw.len()));
        }
        let fields = fields(raw)?;
        if fields.len() < FEWEST_FIELDS {
            return Err(HeaderError::Malformed("it has too few fields"));
        }
        Ok(Self {
            hash: keccak256(raw),
            parent_hash: word(&fields, PARENT_HASH)?,
            state_root: word(&fields, STATE_ROOT)?,
            number: number(&fields, NUMBER)?,
            timestamp: number(&fields, TIMESTAMP)?,
            raw: raw.to_vec(),
        })
    }

    /// Reads a header from a block in JSON, as `eth_getBlockByNumber` gives it. Fields that no header has, such as
    /// `timestampMs`, are ignored: the hash decides whether anything is missing.
    ///
    /// # Errors
    /// [`HeaderError::Json`] if it is no block, and [`HeaderError::UnknownFields`] if the known fields do not have the
    /// block's hash.
    pub fn from_json(block: &[u8]) -> Result<Self, HeaderError> {
        let fields = serde_json::from_slice(block).map_err(|error| HeaderError::Json(error.to_string()))?;
        Self::from_fields(fields)
    }

    /// Reads a header from the fields of a block.
    pub(crate) fn from_fields(fields: HeaderFields) -> Result<Self, HeaderError> {
        let (named, number) = (fields.hash.0, fields.number.to());
        let header = Self::decode(&alloy_rlp::encode(Header::from(fields)))?;
        if header.hash == named {
            Ok(header)
        } else {
            Err(HeaderError::UnknownFields { number, computed: header.hash, named })
        }
    }

    /// The bytes of the header, from which [`Self::decode`] reads it again.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The hash of the block.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The hash of the block before it.
    pub const fn parent_hash(&self) -> &[u8; 32] {
        &self.parent_hash
    }

    /// The root of all accounts after the block.
    pub const fn state_root(&self) -> &[u8; 32] {
        &self.state_root
    }

    /// The number of the block.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The block's time, in seconds. Several blocks may have the same.
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }
}

/// The fields of a header as JSON-RPC names them, of every fork up to Amsterdam.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeaderFields {
    hash: B256,
    parent_hash: B256,
    sha3_uncles: B256,
    miner: Address,
    state_root: B256,
    transactions_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    difficulty: U256,
    number: U64,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    extra_data: Bytes,
    mix_hash: B256,
    nonce: B64,
    /// Since London.
    base_fee_per_gas: Option<U64>,
    /// Since Shanghai.
    withdrawals_root: Option<B256>,
    /// Since Cancun, with the two that follow.
    blob_gas_used: Option<U64>,
    excess_blob_gas: Option<U64>,
    parent_beacon_block_root: Option<B256>,
    /// Since Prague.
    requests_hash: Option<B256>,
    /// Since Amsterdam, with the next.
    block_access_list_hash: Option<B256>,
    slot_number: Option<U64>,
}

impl From<HeaderFields> for Header {
    fn from(fields: HeaderFields) -> Self {
        let number = |number: Option<U64>| number.map(|number| number.to());
        Self {
            parent_hash: fields.parent_hash,
            ommers_hash: fields.sha3_uncles,
            beneficiary: fields.miner,
            state_root: fields.state_root,
            transactions_root: fields.transactions_root,
            receipts_root: fields.receipts_root,
            logs_bloom: fields.logs_bloom,
            difficulty: fields.difficulty,
            number: fields.number.to(),
            gas_limit: fields.gas_limit.to(),
            gas_used: fields.gas_used.to(),
            timestamp: fields.timestamp.to(),
            extra_data: fields.extra_data,
            mix_hash: fields.mix_hash,
            nonce: fields.nonce,
            base_fee_per_gas: number(fields.base_fee_per_gas),
            withdrawals_root: fields.withdrawals_root,
            blob_gas_used: number(fields.blob_gas_used),
            excess_blob_gas: number(fields.excess_blob_gas),
            parent_beacon_block_root: fields.parent_beacon_block_root,
            requests_hash: fields.requests_hash,
            block_access_list_hash: fields.block_access_list_hash,
            slot_number: number(fields.slot_number),
        }
    }
}

/// The contents of the fields of a header. A field that is a list, as no fork has one yet, counts as one without content.
fn fields(raw: &[u8]) -> Result<Vec<&[u8]>, HeaderError> {
    const BROKEN: HeaderError = HeaderError::Malformed("it is not encoded as RLP");
    let mut rest = raw;
    let mut list = alloy_rlp::Header::decode_bytes(&mut rest, true).map_err(|_| BROKEN)?;
    if !rest.is_empty() {
        return Err(HeaderError::Malformed("bytes follow its end"));
    }
    let mut fields = Vec::new();
    while !list.is_empty() {
        let field = alloy_rlp::Header::decode(&mut list).map_err(|_| BROKEN)?;
        let (content, after) = list.split_at_checked(field.payload_length).ok_or(BROKEN)?;
        fields.push(if field.list { &[][..] } else { content });
        list = after;
    }
    Ok(fields)
}

fn word(fields: &[&[u8]], position: usize) -> Result<[u8; 32], HeaderError> {
    let field = fields.get(position).and_then(|field| <[u8; 32]>::try_from(*field).ok());
    field.ok_or(HeaderError::Malformed("a hash in it has not 32 bytes"))
}

fn number(fields: &[&[u8]], position: usize) -> Result<u64, HeaderError> {
    match fields.get(position).copied() {
        Some(bytes) if bytes.len() <= 8 && bytes.first() != Some(&0) => {
            Ok(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
        }
        _ => Err(HeaderError::Malformed("a number in it has more than 8 bytes, or begins with a zero")),
    }
}

fn hex(hash: &[u8; 32]) -> String {
    alloy_primitives::hex::encode(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use serde_json::{Value, json};

    use super::*;
    use crate::known::headers;

    fn read(block: &Value) -> Result<BlockHeader, HeaderError> {
        BlockHeader::from_json(&serde_json::to_vec(block).unwrap())
    }

    fn word(block: &Value, field: &str) -> B256 {
        block[field].as_str().unwrap().parse().unwrap()
    }

    #[test]
    fn headers_of_many_forks_have_the_hashes_that_their_networks_agreed_on() {
        let known = headers();
        for known in &known {
            let header = read(&known.block).unwrap();
            assert_eq!(header.hash(), &word(&known.block, "hash").0, "{}", known.name);
            assert_eq!(header.parent_hash(), &word(&known.block, "parentHash").0, "{}", known.name);
            assert_eq!(header.state_root(), &word(&known.block, "stateRoot").0, "{}", known.name);
            for (field, value) in [("number", header.number()), ("timestamp", header.timestamp())] {
                let expected: U64 = serde_json::from_value(known.block[field].clone()).unwrap();
                assert_eq!(value, expected.to::<u64>(), "{}", known.name);
            }
            assert_eq!(BlockHeader::decode(header.raw()).unwrap(), header, "the bytes alone say the same");
        }
        let forks: std::collections::BTreeSet<_> = known.iter().map(|known| known.fork.as_str()).collect();
        for fork in
            ["Frontier", "London", "Paris", "Shanghai", "Cancun", "Prague", "Osaka", "Amsterdam", "Bedrock", "Jovian"]
        {
            assert!(forks.contains(fork), "{fork}");
        }
    }

    #[test]
    fn a_field_that_no_header_has_is_ignored_and_one_that_is_changed_or_missing_is_not() {
        for known in headers() {
            let mut denim = known.block.clone();
            denim["timestampMs"] = json!("0x19a5c8b1234");
            denim["blockTimestampMs"] = json!("0x19a5c8b1234");
            assert_eq!(read(&denim), read(&known.block), "{}", known.name);
            for field in known.block.as_object().unwrap().keys() {
                if matches!(field.as_str(), "size" | "totalDifficulty") {
                    continue;
                }
                let mut missing = known.block.clone();
                missing.as_object_mut().unwrap().remove(field);
                assert!(read(&missing).is_err(), "{}: {field}", known.name);
                let mut changed = known.block.clone();
                let text = changed[field].as_str().unwrap();
                let last = if text.ends_with('1') { "2" } else { "1" };
                changed[field] = match &text[..text.len() - 1] {
                    "0" => json!("0x11"),
                    "0x" => json!(format!("0x{last}")),
                    rest => json!(format!("{rest}{last}")),
                };
                assert!(read(&changed).is_err(), "{}: {field}", known.name);
            }
        }
    }

    #[test]
    fn a_header_field_of_a_later_fork_fails_closed_and_says_what_to_do() {
        let known = headers().pop().unwrap();
        let header = read(&known.block).unwrap();
        let later = with_fields(&header, &[&[0x81, 0xff], &[0xc1, 0x05]]);
        let mut block = known.block;
        block["hash"] = json!(B256::new(keccak256(&later)));
        block["aFieldOfTheFuture"] = json!("0xff");
        let error = read(&block).unwrap_err();
        assert!(matches!(error, HeaderError::UnknownFields { .. }), "{error}");
        assert!(error.to_string().ends_with("that this version does not know; update diemd"), "{error}");
        // Its bytes can be read all the same, because the four positions stay where they are.
        let raw = BlockHeader::decode(&later).unwrap();
        assert_eq!((raw.number(), raw.state_root()), (header.number(), header.state_root()));
        assert_ne!(raw.hash(), header.hash());
    }

    /// The header with other fields at its end.
    fn with_fields(header: &BlockHeader, fields: &[&[u8]]) -> Vec<u8> {
        let mut raw = header.raw();
        let payload = [alloy_rlp::Header::decode_bytes(&mut raw, true).unwrap(), &fields.concat()].concat();
        let mut later = Vec::new();
        alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut later);
        later.extend(payload);
        later
    }

    #[test]
    fn bytes_that_are_no_header_are_refused_whatever_is_cut_off_or_added() {
        let header = read(&headers()[0].block).unwrap();
        for end in 0..header.raw().len() {
            assert!(BlockHeader::decode(&header.raw()[..end]).is_err(), "cut off after {end} bytes");
        }
        assert!(matches!(BlockHeader::decode(&[header.raw(), &[0x80]].concat()), Err(HeaderError::Malformed(_))));
        let long = with_fields(&header, &[&[0x80; MAX_HEADER_BYTES]]);
        assert_eq!(BlockHeader::decode(&long), Err(HeaderError::TooLong(long.len())));
        for bytes in [&[][..], &[0x80], &[0xc0], &[0xc1, 0x05]] {
            assert!(BlockHeader::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
