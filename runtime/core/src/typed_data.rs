//! A transaction as EIP-712 typed data, so that a browser wallet can show what it signs.
//!
//! Domain `{name "DIEM", version "1"}`, without a chain id: a wallet refuses a domain of another network than its
//! active one, and replay is excluded by chain id and genesis hash inside the message. Source: EIP-712.

use borsh::BorshSerialize;

use crate::{
    Address, keccak256,
    transaction::{CallBody, Transaction},
};

const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version)";
const CALL_TYPE: &str = "Call(uint16 kind,string text,bytes data)";
const TRANSACTION_TYPE: &str = "Transaction(string chainId,bytes32 genesisHash,address sender,uint64 nonce,\
     uint64 expiry,uint128 gasPrice,uint128 maxFee,address feePayer,Call[] calls,string memo)";

/// The digest that an Ethereum wallet signs.
pub fn digest<C: CallBody>(tx: &Transaction<C>) -> [u8; 32] {
    let mut bytes = [0; 66];
    bytes[0] = 0x19;
    bytes[1] = 0x01;
    bytes[2..34].copy_from_slice(&domain_separator());
    bytes[34..].copy_from_slice(&struct_hash(tx));
    keccak256(&bytes)
}

fn domain_separator() -> [u8; 32] {
    Words::default().hash(DOMAIN_TYPE).hash(b"DIEM").hash(b"1").finish()
}

fn struct_hash<C: CallBody>(tx: &Transaction<C>) -> [u8; 32] {
    let calls: Vec<u8> = tx.calls.iter().flat_map(call_hash).collect();
    Words::default()
        .hash(format!("{TRANSACTION_TYPE}{CALL_TYPE}").as_bytes())
        .hash(tx.chain_id.as_bytes())
        .word(tx.genesis_hash)
        .address(&tx.sender)
        .number(tx.nonce.into())
        .number(tx.expiry.into())
        .number(tx.gas_price.get())
        .number(tx.max_fee.get())
        .address(&tx.fee_payer.unwrap_or(Address::ZERO))
        .hash(&calls)
        .hash(tx.memo.as_bytes())
        .finish()
}

fn call_hash<C: CallBody>(call: &C) -> [u8; 32] {
    let data = call_data(call);
    Words::default()
        .hash(CALL_TYPE.as_bytes())
        .number(kind(&data).into())
        .hash(call.text().as_bytes())
        .hash(&data)
        .finish()
}

/// The borsh bytes of a call: the `data` of its typed form.
pub fn call_data(call: &impl BorshSerialize) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "memory takes every write, and calls hold nothing unencodable")]
    borsh::to_vec(call).expect("a call encodes into memory")
}

/// The kind of a call: its first two bytes, module and message.
pub fn kind(data: &[u8]) -> u16 {
    match data {
        [module, message, ..] => u16::from_be_bytes([*module, *message]),
        _ => 0,
    }
}

/// The 32-byte words of an encoded struct.
#[derive(Default)]
struct Words(Vec<u8>);

impl Words {
    fn word(mut self, word: [u8; 32]) -> Self {
        self.0.extend_from_slice(&word);
        self
    }

    fn hash(self, bytes: &[u8]) -> Self {
        self.word(keccak256(bytes))
    }

    fn number(self, number: u128) -> Self {
        let mut word = [0; 32];
        word[16..].copy_from_slice(&number.to_be_bytes());
        self.word(word)
    }

    fn address(self, address: &Address) -> Self {
        let mut word = [0; 32];
        word[12..].copy_from_slice(&address.0);
        self.word(word)
    }

    fn finish(self) -> [u8; 32] {
        keccak256(&self.0)
    }
}
