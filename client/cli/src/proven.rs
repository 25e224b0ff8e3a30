//! The answers of a node that were proven.

use diem_api::Hash;
use diem_core::Time;
use serde::Serialize;

/// The facts that a proof has shown, printed beside the data.
#[derive(Debug, Serialize)]
pub(super) struct Proven {
    pub(super) chain_id: String,
    pub(super) height: u64,
    pub(super) header_time: Time,
    pub(super) root: Hash,
    pub(super) exists: bool,
}

/// An answer, with the proof of it where one was asked for.
#[derive(Debug, Serialize)]
pub(super) struct VerifiedAnswer<T> {
    #[serde(flatten)]
    pub(super) answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<Proven>,
}
