//! Events of Base as bytes, and the hash that a checkpoint fixes them by.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::keccak256;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The most events of one chunk.
pub const MAX_EVENTS: usize = 200;
/// The longest payload, in bytes. The longest of a kind that is known has 108.
pub const MAX_PAYLOAD_BYTES: usize = 128;

/// The rolling hash after an event, from the one before it. Before the first event it is the domain's separator.
pub fn fold(before: &[u8; 32], nonce: u64, kind: u8, payload: &[u8]) -> [u8; 32] {
    keccak256(&[&before[..], &nonce.to_be_bytes(), &[kind], &keccak256(payload)].concat())
}

/// An event as the contract reported it. Its kind may be one that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBytes {
    /// The kind of the event.
    pub kind: u8,
    /// Its content, packed; at most [`MAX_PAYLOAD_BYTES`].
    #[serde(with = "hex::serde")]
    pub payload: Vec<u8>,
}

/// Events one after the other, with the hash before them. A chunk proves its events by the hash after them.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// The nonce of its first event.
    #[serde(with = "diem_core::json::number")]
    pub first: u64,
    /// The rolling hash before that event.
    #[serde(with = "hex::serde")]
    pub before: [u8; 32],
    /// The events, 1 to [`MAX_EVENTS`].
    pub events: Vec<EventBytes>,
}

impl Chunk {
    /// Checks what can be checked of the chunk without state.
    ///
    /// # Errors
    /// [`Error::ChunkEvents`], [`Error::ChunkNonces`] or [`Error::PayloadSize`].
    pub fn validate(&self) -> Result<(), Error> {
        if !(1..=MAX_EVENTS).contains(&self.events.len()) {
            return Err(Error::ChunkEvents);
        }
        if self.first == 0 || self.first.checked_add(self.events.len() as u64).is_none() {
            return Err(Error::ChunkNonces);
        }
        let fits = |event: &EventBytes| event.payload.len() <= MAX_PAYLOAD_BYTES;
        if self.events.iter().all(fits) { Ok(()) } else { Err(Error::PayloadSize) }
    }

    /// The nonce of its last event.
    pub const fn last(&self) -> u64 {
        self.first.saturating_add(self.events.len() as u64).saturating_sub(1)
    }

    /// The events with their nonces.
    pub fn numbered(&self) -> impl Iterator<Item = (u64, &EventBytes)> {
        (self.first..).zip(&self.events)
    }

    /// The rolling hash after its last event.
    pub fn hash(&self) -> [u8; 32] {
        self.numbered().fold(self.before, |hash, (nonce, event)| fold(&hash, nonce, event.kind, &event.payload))
    }
}
