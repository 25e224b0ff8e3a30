//! What the chain knows of Base, in the form of the API.

use diem_api::{
    BaseAddress, BaseCheckpoint, BreachKind, BridgeBooks, BridgeHalt, BridgeInstalledSet, BridgeLimits, BridgeMove,
    BridgeNextLimits, BridgeOnBase, BridgePause, BridgeProgress, BridgeProposedSet, BridgeReplay, Coin, Hash,
    MissingEvents, base_time,
};
use diem_bank::{Pool, pool};
use diem_bridge::{
    Books, Breach, Halt, MintLimits, UNTIL_UNPAUSE,
    query::Overview,
    replay::{Missing, missing},
    state::stored_set,
};
use diem_core::Denom;
use diem_index::bridge::attested_at;

use crate::snapshot_reader::Reader;

const SECOND_MS: u64 = 1_000;

/// How far the chain has followed Base.
pub(super) fn progress(reader: &Reader, overview: &Overview) -> BridgeProgress {
    let Overview { attested, applied, replay, .. } = overview;
    let attested_at = attested.last.and_then(|last| attested_at(reader.snapshot(), last.number));
    let replay = replay.as_ref().map(|replay| {
        let last = replay.target.event_nonce;
        BridgeReplay {
            target: BaseCheckpoint::from(&replay.target),
            events: last.saturating_sub(applied.event_nonce),
            proven: last.saturating_sub(replay.nonce.max(applied.event_nonce)),
            missing: missing(reader.snapshot()).map(|Missing { first, last, hash }| MissingEvents {
                first,
                last,
                hash: Hash(hash),
            }),
        }
    });
    BridgeProgress {
        attested_blocks: attested.count,
        attested: attested.last.as_ref().map(BaseCheckpoint::from),
        attested_at: attested_at.map(|time| reader.moment(time)),
        waiting: attested.next.as_ref().map(BaseCheckpoint::from),
        applied: attested.applied.as_ref().map(BaseCheckpoint::from),
        completed: attested.completed.as_ref().map(BaseCheckpoint::from),
        replay,
    }
}

/// The contract by the events that were applied. What counts from a time on is told as of the time of this state.
pub(super) fn contract(reader: &Reader, overview: &Overview) -> BridgeOnBase {
    let applied = &overview.applied;
    let now = reader.time().millis() / SECOND_MS;
    let max_age = overview.contract.as_ref().map(|contract| contract.max_set_age);
    let set = stored_set(reader.snapshot(), applied.set).zip(max_age);
    let until = (applied.paused_until != UNTIL_UNPAUSE).then(|| base_time(applied.paused_until));
    let next = applied.next_limits.filter(|next| next.from > now);
    BridgeOnBase {
        event_nonce: applied.event_nonce,
        rolling_hash: Hash(applied.rolling_hash),
        minted: Coin::diem(applied.minted),
        fees: Coin::diem(applied.fees),
        released: Coin::diem(applied.released),
        burned: Coin::diem(applied.burned),
        supply: Coin::diem(applied.supply()),
        set: BridgeInstalledSet {
            nonce: applied.set,
            expires: set.map(|(set, age)| base_time(set.created_at.saturating_add(age))),
        },
        proposed: applied
            .proposed
            .map(|proposed| BridgeProposedSet { nonce: proposed.nonce, install_at: base_time(proposed.install_at) }),
        pause: applied.is_paused_at(now).then_some(BridgePause { until }),
        action: applied.action,
        limits: limits(&applied.limits_at(now)),
        next_limits: next.map(|next| BridgeNextLimits { limits: limits(&next.limits), from: base_time(next.from) }),
        guardian: applied.guardian,
        moving: applied
            .moving
            .map(|moving| BridgeMove { bridge: BaseAddress(moving.bridge), at: base_time(moving.at) }),
    }
}

fn limits(limits: &MintLimits) -> BridgeLimits {
    BridgeLimits { mint_capacity: Coin::diem(limits.mint_capacity), share_bps: limits.share_bps }
}

/// The parts of the escrow.
pub(super) fn books(reader: &Reader, books: &Books) -> BridgeBooks {
    BridgeBooks {
        escrow: Coin::diem(pool(reader.snapshot(), Pool::BridgeEscrow, Denom::Diem)),
        waiting: Coin::diem(books.waiting),
        open: Coin::diem(books.open),
        queued: Coin::diem(books.queued),
        owed: Coin::diem(books.owed),
        uncovered: Coin::diem(books.uncovered),
    }
}

/// The halt, with what has to be done.
pub(super) fn halt(reader: &Reader, halt: &Halt) -> BridgeHalt {
    let healable = halt.breach.is_healable();
    let next_step = if healable {
        "people find out what happened on Base; what was forged is cancelled there with `diemd bridge admin resolve`; then \
         the authority lets the bridge go on with `diemd bridge resume`, once nothing is being replayed, and what the \
         escrow lacks by then is paid in with `diemd bridge cover`"
    } else {
        "Base or its contract is not what was proven, so that only an upgrade heals it, which everybody reads: stop \
         trusting what Base shows, and ask the validators"
    };
    BridgeHalt {
        breach: match halt.breach {
            Breach::History { .. } => BreachKind::History,
            Breach::Supply { .. } => BreachKind::Supply,
            Breach::Books { .. } => BreachKind::Books,
            Breach::Event { .. } => BreachKind::Event,
        },
        reason: halt.breach.text(),
        since: reader.moment(halt.since),
        healable,
        next_step: next_step.to_owned(),
    }
}
