//! The parts of the contracts' storage that are proven: the numbers of the slots, and the one slot with several fields.

use crate::Error;

/// The slot of the bridge with [`BridgeState`].
pub const BRIDGE_STATE_SLOT: u64 = 0;
/// The slot of the bridge with the rolling hash over its events.
pub const ROLLING_HASH_SLOT: u64 = 1;
/// The slot of the bridge with the hash of the stored set.
pub const SET_HASH_SLOT: u64 = 2;
/// The slot of the token with its supply: where OpenZeppelin's ERC20 keeps `_totalSupply`.
pub const TOTAL_SUPPLY_SLOT: u64 = 2;

/// The first slot of the bridge: four numbers in one word, the first in its lowest bits. Source: "Layout of State
/// Variables in Storage" in the documentation of Solidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeState {
    /// The number of events so far.
    pub event_nonce: u64,
    /// The nonce of the stored set.
    pub set_nonce: u64,
    /// The time at which the stored set was made, in seconds of this chain.
    pub set_created_at: u64,
    /// Whether a set was installed after the constructor's; until then nothing is minted.
    pub active: bool,
}

impl BridgeState {
    /// Reads the word, as a proof of storage gives it.
    ///
    /// # Errors
    /// [`Error::Slot`] if the contract cannot have written it.
    pub fn decode(word: &[u8; 32]) -> Result<Self, Error> {
        let [a, b, c, d, e, f, g, status, numbers @ ..] = word;
        let active = match ([a, b, c, d, e, f, g], status) {
            ([0, 0, 0, 0, 0, 0, 0], 0) => false,
            ([0, 0, 0, 0, 0, 0, 0], 1) => true,
            _ => return Err(Error::Slot),
        };
        let (numbers, _) = numbers.as_chunks::<8>();
        match numbers.iter().map(|bytes| u64::from_be_bytes(*bytes)).collect::<Vec<_>>()[..] {
            [set_created_at, set_nonce, event_nonce] => Ok(Self { event_nonce, set_nonce, set_created_at, active }),
            _ => Err(Error::Slot),
        }
    }

    /// The word as the contract stores it.
    pub fn encode(&self) -> [u8; 32] {
        let mut word = [0; 32];
        word[7] = u8::from(self.active);
        word[8..16].copy_from_slice(&self.set_created_at.to_be_bytes());
        word[16..24].copy_from_slice(&self.set_nonce.to_be_bytes());
        word[24..].copy_from_slice(&self.event_nonce.to_be_bytes());
        word
    }
}
