//! What a proof adds to an answer.

use diem_client::api::Hash;
use diem_core::Time;
use serde::Serialize;

/// What was proven, beside the data.
#[derive(Debug, Serialize)]
pub(super) struct Proven {
    pub(super) chain_id: String,
    pub(super) height: u64,
    pub(super) header_time: Time,
    pub(super) root: Hash,
    pub(super) exists: bool,
}

/// An answer, and what of it was proven.
#[derive(Debug, Serialize)]
pub(super) struct VerifiedAnswer<T> {
    #[serde(flatten)]
    pub(super) answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<Proven>,
}
