//! A transaction as EIP-712 typed data, so that a browser wallet can show what it signs.

use crate::{
    Address,
    eip712::TypedStruct,
    encode,
    transaction::{CallBody, Transaction},
};

const CALL_TYPE: &str = "Call(uint16 kind,string text,bytes data)";
const TRANSACTION_TYPE: &str = "Transaction(string chainId,bytes32 genesisHash,address sender,uint64 nonce,\
     uint64 expiry,uint128 gasPrice,uint128 maxFee,address feePayer,Call[] calls,string memo)";

/// The digest that an Ethereum wallet signs.
pub fn digest<C: CallBody>(tx: &Transaction<C>) -> [u8; 32] {
    let calls: Vec<u8> = tx.calls.iter().flat_map(call_hash).collect();
    TypedStruct::new(&format!("{TRANSACTION_TYPE}{CALL_TYPE}"))
        .bytes(tx.chain_id.as_bytes())
        .word(tx.genesis_hash)
        .address(&tx.sender)
        .number(tx.nonce)
        .number(tx.expiry)
        .number(tx.gas_price.get())
        .number(tx.max_fee.get())
        .address(&tx.fee_payer.unwrap_or(Address::ZERO))
        .bytes(&calls)
        .bytes(tx.memo.as_bytes())
        .digest()
}

fn call_hash<C: CallBody>(call: &C) -> [u8; 32] {
    let data = encode(call);
    TypedStruct::new(CALL_TYPE).number(kind(&data)).bytes(call.text().as_bytes()).bytes(&data).hash()
}

/// The kind of a call: its first two bytes, module and message.
pub fn kind(data: &[u8]) -> u16 {
    match data {
        [module, message, ..] => u16::from_be_bytes([*module, *message]),
        _ => 0,
    }
}
