//! The answers of a node that were proven.

use diem_api::Hash;
use diem_core::Time;
use serde::Serialize;

use crate::brief;

/// The facts that a proof has shown, printed beside the data.
#[derive(Debug, Clone, Serialize)]
pub struct Proven {
    /// The chain whose validators signed.
    pub chain_id: String,
    /// The height after which it holds.
    pub height: u64,
    /// The time of the header that holds the root.
    pub header_time: Time,
    /// The root of the state.
    pub root: Hash,
    /// Whether there is what was asked for; else its absence is proven.
    pub exists: bool,
}

impl Proven {
    /// The facts in words.
    pub fn words(&self) -> String {
        let what = if self.exists { "this row" } else { "the absence of this row" };
        format!(
            "more than 2/3 of the trusted validators of {} signed {what} (state root {} after height {}, header of {})",
            self.chain_id,
            brief::cell(&self.root.to_string(), brief::DIGITS),
            self.height,
            self.header_time
        )
    }
}

/// An answer, with the proof of it where one was asked for.
#[derive(Debug, Serialize)]
pub(super) struct VerifiedAnswer<T> {
    #[serde(flatten)]
    pub(super) answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<Proven>,
}
