//! The bytes of a transaction, for authors of clients to compare.

use diem_core::{encoding::HexBytes, typed_data};
use serde::Serialize;

use super::file::TxFile;
use crate::output::fields;

/// The bytes that a client has to get right, in hex.
#[derive(Debug, Serialize)]
pub(super) struct BytesView {
    /// The borsh of each call.
    calls: Vec<HexBytes>,
    /// The message that an ed25519 key signs.
    ed25519_message: HexBytes,
    /// The digest that an Ethereum key signs.
    eip712_digest: HexBytes,
    /// The bytes that are sent; `None` before all have signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<HexBytes>,
}

impl BytesView {
    pub(super) fn new(file: &TxFile) -> Self {
        let tx = file.tx();
        Self {
            calls: tx.calls.iter().map(|call| HexBytes(diem_core::encode(call))).collect(),
            ed25519_message: HexBytes(tx.sign_message()),
            eip712_digest: HexBytes(typed_data::digest(&tx).to_vec()),
            envelope: file.bytes().ok().map(HexBytes),
        }
    }

    pub(super) fn table(&self) -> String {
        let mut lines: Vec<(&str, String)> = self.calls.iter().map(|call| ("call", call.to_string())).collect();
        lines.push(("signed by ed25519", self.ed25519_message.to_string()));
        lines.push(("EIP-712 digest", self.eip712_digest.to_string()));
        lines.extend(self.envelope.as_ref().map(|envelope| ("envelope", envelope.to_string())));
        fields(lines)
    }
}
