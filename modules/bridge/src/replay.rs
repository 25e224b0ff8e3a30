//! Replay: the events up to an attested block come back in chunks, and each chunk proves itself.
//!
//! A block fixes the number of events and the hash over all of them. A chunk is valid if folding its events from the hash
//! before them gives the hash at the frontier; the frontier then moves down to the chunk's start. So every event that is
//! accepted is proven at once, in pieces of any size, whoever sends it, and nobody can put one in the way.

use diem_core::{CallError, Events, StateRead, StateWrite, Time, TxContext};

use crate::{
    Breach, Checkpoint, Chunk, Error, Replay, halt,
    inbound::{ATTESTED, CHUNKS, REPLAY, applied, attested},
};

/// The events that are still to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The nonce of the first one.
    pub first: u64,
    /// The nonce of the last one, with which the next chunk must end.
    pub last: u64,
    /// The rolling hash after the last one.
    pub hash: [u8; 32],
}

/// The events that are still to be proven; `None` if nothing is.
pub fn missing(state: &dyn StateRead) -> Option<Missing> {
    let replay = REPLAY.get(state).filter(|_| !halt::is_history_broken(state))?;
    let first = applied(state).event_nonce.saturating_add(1);
    (first <= replay.nonce).then_some(Missing { first, last: replay.nonce, hash: replay.hash })
}

/// Checks that a chunk is the next one.
///
/// # Errors
/// Nothing is being replayed, the chunk does not end at the frontier or reaches back to what was applied, or its events
/// are not those that Base reported.
pub fn check(state: &dyn StateRead, chunk: &Chunk) -> Result<(), Error> {
    chunk.validate()?;
    let missing = missing(state).ok_or(Error::NotReplaying)?;
    if chunk.last() != missing.last || chunk.first < missing.first {
        return Err(Error::ChunkPlace { first: missing.first, last: missing.last });
    }
    if chunk.hash() == missing.hash { Ok(()) } else { Err(Error::ChunkHash) }
}

/// Begins to replay the events up to an attested block, or lets it wait while another one is replayed.
pub(crate) fn begin(state: &mut dyn StateWrite, events: &mut Events, now: Time, target: Checkpoint) {
    if REPLAY.get(state).is_some() {
        let mut row = attested(state);
        row.next = Some(target);
        ATTESTED.set(state, &row);
        return;
    }
    let applied = applied(state);
    let is_older = target.event_nonce < applied.event_nonce;
    let is_other = target.event_nonce == applied.event_nonce && target.rolling_hash != applied.rolling_hash;
    if is_older || is_other {
        halt::raise(state, events, now, Breach::History { number: target.number });
        return;
    }
    REPLAY.set(state, &Replay { target, nonce: target.event_nonce, hash: target.rolling_hash });
}

/// Takes in a chunk that [`check`] accepts.
///
/// # Errors
/// Those of [`check`].
pub(crate) fn accept(state: &mut dyn StateWrite, events: &mut Events, now: Time, chunk: &Chunk) -> Result<(), Error> {
    check(state, chunk)?;
    let Some(mut replay) = REPLAY.get(state) else { return Err(Error::NotReplaying) };
    let applied = applied(state);
    let before = chunk.first.saturating_sub(1);
    if before == applied.event_nonce && chunk.before != applied.rolling_hash {
        // The chunk is proven, so what was applied is not what the attested block has.
        halt::raise(state, events, now, Breach::History { number: replay.target.number });
        return Ok(());
    }
    CHUNKS.set(state, &chunk.first, &chunk.events);
    (replay.nonce, replay.hash) = (before, chunk.before);
    REPLAY.set(state, &replay);
    Ok(())
}

/// Takes in the chunk of a transaction.
///
/// # Errors
/// Those of [`check`].
pub(crate) fn hand_in(ctx: &mut TxContext<'_>, chunk: &Chunk) -> Result<(), CallError> {
    Ok(accept(ctx.state, ctx.events, ctx.block.time, chunk)?)
}
