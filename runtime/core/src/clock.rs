//! The length and the number of days. A day is an epoch of `epoch_ms` milliseconds; a UTC day on a real chain, shorter
//! on a devnet.

use std::num::NonZeroU64;

use crate::{StateRead, StateWrite, Time, cell::Item, chain::ChainTable};

/// The length of a UTC day in milliseconds.
pub const DAY_MS: NonZeroU64 = NonZeroU64::new(86_400_000).unwrap();

/// The length of a day. It is fixed at genesis: changing it would renumber days under live vouchers and tranches.
const EPOCH_MS: Item<u64> = ChainTable::EpochMs.item();

/// Sets the length of a day; genesis only.
pub fn set_epoch_ms(state: &mut dyn StateWrite, epoch_ms: NonZeroU64) {
    EPOCH_MS.set(state, &epoch_ms.get());
}

/// The length of a day in milliseconds.
pub fn epoch_ms(state: &dyn StateRead) -> NonZeroU64 {
    EPOCH_MS.get(state).and_then(NonZeroU64::new).unwrap_or(DAY_MS)
}

/// The day that holds `time`: `floor(time / epoch_ms)`.
pub fn epoch(state: &dyn StateRead, time: Time) -> u64 {
    time.epoch(epoch_ms(state))
}
