//! Addresses of Base in JSON have the `0x` form of EIP-55, by which they are known there. Both forms are read.

use diem_core::Address;
use serde::{Deserialize as _, Deserializer, Serializer};

/// Writes the `0x` form.
///
/// # Errors
/// The errors of the serializer.
pub fn serialize<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&address.to_hex())
}

/// Reads either form.
///
/// # Errors
/// The text is no address.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    Address::deserialize(deserializer)
}
