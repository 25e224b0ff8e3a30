//! Numbers and bytes as JSON-RPC writes them.

use alloy_primitives::{U256, hex};
use serde_json::Value;

/// A number that fits, from `"0x1f"`.
pub(crate) fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

/// A number as `"0x1f"`.
pub(crate) fn quantity(number: U256) -> Value {
    Value::String(format!("{number:#x}"))
}

/// A number as `"0x1f"`.
pub(crate) fn small(number: u64) -> Value {
    Value::String(format!("{number:#x}"))
}

/// Bytes as `"0x00ff"`.
pub(crate) fn bytes(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(hex::encode_prefixed(bytes))
}

/// The bytes of a text with the bits of `by` flipped in the last of them; one byte where there was none.
pub(crate) fn flipped(text: &str, by: u8) -> Value {
    let mut all = hex::decode(text).unwrap_or_default();
    match all.last_mut() {
        Some(last) => *last ^= by,
        None => all.push(by),
    }
    bytes(all)
}

/// An error of JSON-RPC.
pub(crate) fn error(code: i64, message: impl Into<String>) -> Value {
    serde_json::json!({"code": code, "message": message.into()})
}
