//! The record of missed signatures: a ring buffer of bits per validator, of which each block touches one, and a count
//! of the ones in it.

use diem_core::{
    BlockContext, CallError, StateWrite, Time,
    context::{ConsensusAddress, Vote},
};

use crate::{
    Error,
    params::{FULL, Params},
    slashing::{self, Offence, Reach, Slash},
    state::{MISSED, SIGNING, Signing},
    validators,
};

/// The number of blocks in a row of the ring.
const ROW: u32 = 256;

/// The most rows that a window of so many blocks takes for one validator.
pub(crate) const fn most_rows(window: u32) -> u64 {
    window.div_ceil(ROW) as u64
}

/// Counts the signature of a validator, and punishes it if that makes too few: it is slashed, jailed, and starts with
/// an empty window when it comes back.
pub(crate) fn observe(ctx: &mut BlockContext<'_>, params: &Params, vote: &Vote) -> Result<Option<Slash>, CallError> {
    let Some(operator) = validators::operator_of(ctx.state, &vote.validator) else { return Ok(None) };
    if !validators::load(ctx.state, &operator)?.in_good_standing() {
        return Ok(None);
    }
    let missed = record(ctx.state, params.signed_window, &vote.validator, !vote.signed);
    if missed <= most_missed(params) {
        return Ok(None);
    }
    clear(ctx.state, &vote.validator);
    let last = ctx.block.info.height.saturating_sub(1);
    let reach = Reach::Since(last);
    let slash = slashing::slash(ctx.state, ctx.events, &operator, Offence::Downtime, params.downtime_bps, reach)?;
    let until = Time(ctx.block.info.time.millis().saturating_add(params.jail_ms));
    slashing::jail(ctx.state, ctx.events, &operator, until)?;
    Ok(Some(slash))
}

/// The number of blocks of the window that may be missed; blocks before the window began count as signed.
fn most_missed(params: &Params) -> u32 {
    let needed = u64::from(params.signed_window).saturating_mul(u64::from(params.min_signed_bps));
    let needed = needed.div_ceil(u64::from(FULL));
    params.signed_window.saturating_sub(u32::try_from(needed).unwrap_or(u32::MAX))
}

/// Writes a block into the ring; returns how many blocks of the ring were missed.
fn record(state: &mut dyn StateWrite, window: u32, validator: &ConsensusAddress, missed: bool) -> u32 {
    let mut signing = SIGNING.get(state, validator).unwrap_or_default();
    if signing.window != window {
        clear(state, validator);
        signing = Signing { window, next: 0, missed: 0 };
    }
    let was = swap_bit(state, validator, signing.next, missed);
    signing.missed = signing.missed.saturating_add(u32::from(missed)).saturating_sub(u32::from(was));
    signing.next = signing.next.saturating_add(1).checked_rem(window).unwrap_or(0);
    SIGNING.set(state, validator, &signing);
    signing.missed
}

/// Sets the bit at `place` of the ring; returns what it was.
fn swap_bit(state: &mut dyn StateWrite, validator: &ConsensusAddress, place: u32, missed: bool) -> bool {
    let key = (*validator, place / ROW);
    let old = MISSED.get(state, &key);
    let mut bits = old.unwrap_or_default();
    let mask = 1u8 << (place % 8);
    let was = match bits.get_mut((place % ROW / 8) as usize) {
        Some(byte) => {
            let was = *byte & mask != 0;
            if was != missed {
                *byte ^= mask;
            }
            was
        }
        None => false,
    };
    if was != missed {
        if bits == [0; 32] { MISSED.remove(state, &key) } else { MISSED.set(state, &key, &bits) }
    }
    was
}

/// Empties the window, so that the validator starts with nothing missed.
pub(crate) fn clear(state: &mut dyn StateWrite, validator: &ConsensusAddress) {
    SIGNING.remove(state, validator);
    for (key, _) in MISSED.prefix(state, validator, None, usize::MAX) {
        MISSED.remove(state, &key);
    }
}

/// The number of blocks of its window that a validator missed, and the number that it may miss.
pub(crate) fn standing(state: &dyn diem_core::StateRead, params: &Params, validator: &ConsensusAddress) -> (u32, u32) {
    let missed = SIGNING.get(state, validator).map_or(0, |signing| signing.missed);
    (missed, most_missed(params))
}

/// Whether the validator missed the last blocks that were recorded, the newest first, as far as the ring goes. Blocks before
/// the window began count as signed.
pub(crate) fn newest_first<'a>(
    state: &'a dyn diem_core::StateRead,
    validator: &'a ConsensusAddress,
) -> impl Iterator<Item = Recorded> + 'a {
    let Signing { window, next, .. } = SIGNING.get(state, validator).unwrap_or_default();
    let mut row = None;
    (0..window).map(move |back| {
        // The block right before `next` is the newest; before the first place of the ring comes its last one.
        let (place, wrapped) = match next.checked_sub(back).and_then(|place| place.checked_sub(1)) {
            Some(place) => (place, false),
            None => (next.saturating_add(window).saturating_sub(back).saturating_sub(1), true),
        };
        let key = (*validator, place / ROW);
        let bits = match row {
            Some((read, bits)) if read == key.1 => bits,
            _ => MISSED.get(state, &key).unwrap_or_default(),
        };
        row = Some((key.1, bits));
        let byte = bits.get((place % ROW / 8) as usize).copied().unwrap_or_default();
        // With `next` at 0 the ring was filled at least once.
        Recorded { missed: byte & (1u8 << (place % 8)) != 0, certain: !wrapped || next == 0 }
    })
}

/// A block of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Whether the validator missed it.
    pub(crate) missed: bool,
    /// Whether it was recorded for certain: a ring that was never full has empty places, which look like signed blocks.
    pub(crate) certain: bool,
}

/// Refuses rings that contradict themselves.
pub(crate) fn check(state: &dyn diem_core::StateRead) -> Result<(), Error> {
    for (validator, signing) in SIGNING.all(state) {
        let rows = MISSED.prefix(state, &validator, None, usize::MAX);
        let ones = rows.iter().flat_map(|(_, bits)| bits).fold(0u32, |sum, byte| sum.saturating_add(byte.count_ones()));
        if ones != signing.missed || signing.next >= signing.window {
            let name = hex::encode(validator);
            return Err(Error::Genesis(format!(
                "{name} missed {ones} blocks by its ring, {} by its count",
                signing.missed
            )));
        }
    }
    Ok(())
}
