//! What the contract on Base would take now, by committed state and what an endpoint says of Base. It asks nobody.

use diem_base::Call;
use diem_bridge::{
    OutboundKind, SignatureList, ValidatorSet, admin, booking, sealing,
    state::{contract, issued, open_batches, stored_set},
};
use diem_core::{Address, StateRead, Time};

/// The time before a deadline in which nothing is sent any more, in seconds: a transaction may wait that long for a
/// block, and one that comes too late costs gas for nothing.
const BEFORE_DEADLINE: u64 = 300;
/// The most administrative actions that are looked at.
const ACTIONS: u64 = 64;
/// The number of pauses above the last one that the contract takes.
const PAUSES_AHEAD: u64 = 4;

/// A thing that is sent to Base once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    /// The validator set of this nonce.
    Set(u64),
    /// The set that was proposed, since the stored one was stale.
    Proposal(u64),
    /// The administrative action of this nonce.
    Action(u64),
    /// The batch of this nonce.
    Batch(u64),
    /// The pause of this number.
    Pause(u64),
}

impl Item {
    /// The name of its kind in metrics.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Proposal(_) => "proposal",
            Self::Action(_) => "action",
            Self::Batch(_) => "batch",
            Self::Pause(_) => "pause",
        }
    }
}

impl std::fmt::Display for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Set(nonce) => write!(f, "validator set {nonce}"),
            Self::Proposal(nonce) => write!(f, "the proposed set after set {nonce}"),
            Self::Action(nonce) => write!(f, "administrative action {nonce}"),
            Self::Batch(nonce) => write!(f, "batch {nonce}"),
            Self::Pause(nonce) => write!(f, "pause {nonce}"),
        }
    }
}

/// The contract as an endpoint shows it. All of it may be a lie: a plan made of lies is refused by the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OnBase {
    /// The nonce of the stored set.
    pub(crate) set: u64,
    /// When that set was made, in seconds.
    pub(crate) set_created_at: u64,
    /// Whether a set was installed after the constructor's.
    pub(crate) is_active: bool,
    /// The nonce of the last administrative action.
    pub(crate) admin_nonce: u64,
    /// The number of the last pause or end of one.
    pub(crate) pause_nonce: u64,
    /// Whether minting is paused until the validators end it.
    pub(crate) is_paused: bool,
    /// The clock of Base, in seconds.
    pub(crate) now: u64,
}

/// A call that the contract would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) item: Item,
    /// Whose turn it is to send it, and for the sake of which item: a set is also sent by whoever relays a batch that
    /// needs it.
    pub(crate) turns: Vec<(Item, Option<Address>)>,
    pub(crate) call: Call,
}

/// What the contract would take now, in the order in which it should be sent. Batches for which `is_done` answers are
/// left out; they are given by nonce and digest.
pub(crate) fn plan(
    state: &dyn StateRead,
    time: Time,
    base: &OnBase,
    is_done: &dyn Fn(u64, &[u8; 32]) -> bool,
) -> Vec<Step> {
    let Some(stored) = stored_set(state, base.set).map(|stored| stored.set()) else { return Vec::new() };
    let newest = issued(state).sets;
    let mut set = new_set(state, time, base, &stored, newest);
    // A pause goes first: whoever forges mints meanwhile.
    let mut steps: Vec<Step> = pause(state, time, base, &stored).into_iter().collect();
    steps.extend(actions(state, time, base, &stored));
    for (nonce, open) in open_batches(state) {
        let is_late = base.now.saturating_add(BEFORE_DEADLINE) >= open.deadline;
        let Some(digest) = booking::wanted_digest(state, OutboundKind::Batch, nonce) else { continue };
        if is_late || is_done(nonce, &digest) {
            continue;
        }
        let turn = (Item::Batch(nonce), booking::turn(state, nonce, open.sealed_at, time));
        if base.is_active
            && let Some(list) = enough(state, OutboundKind::Batch, nonce, base.set, &stored)
            && let Some(batch) = sealing::batch(state, nonce)
        {
            let call = Call::submit_batch(&stored, &list, &batch);
            steps.push(Step { item: Item::Batch(nonce), turns: vec![turn], call });
        } else if let Some(step) = set.as_mut()
            && booking::has_quorum(state, OutboundKind::Batch, nonce, newest)
        {
            step.turns.push(turn);
        }
    }
    set.into_iter().chain(steps).collect()
}

/// The newest set, if it is newer than the stored one and enough of that have signed it.
fn new_set(state: &dyn StateRead, time: Time, base: &OnBase, stored: &ValidatorSet, newest: u64) -> Option<Step> {
    if newest <= base.set {
        return None;
    }
    let list = enough(state, OutboundKind::Valset, newest, base.set, stored)?;
    let newer = stored_set(state, newest)?;
    let call = Call::update_set(stored, &list, newest, newer.created_at, &newer.set());
    let turn = booking::turn(state, newest, newer.made_at, time);
    Some(Step { item: Item::Set(newest), turns: vec![(Item::Set(newest), turn)], call })
}

/// The proposed set, if the stored one is stale: what was proposed is installed by anybody.
pub(crate) fn proposal(state: &dyn StateRead, time: Time, base: &OnBase) -> Option<Step> {
    let max_age = contract(state)?.max_set_age;
    let item = Item::Proposal(base.set);
    let turn = booking::turn(state, base.set, Time(0), time);
    let is_stale = base.now > base.set_created_at.saturating_add(max_age);
    is_stale.then(|| Step { item, turns: vec![(item, turn)], call: Call::install_proposed() })
}

/// The decided actions above the last one on Base, the lowest first: each overtakes those below it.
fn actions(state: &dyn StateRead, time: Time, base: &OnBase, stored: &ValidatorSet) -> Vec<Step> {
    let first = base.admin_nonce.saturating_add(1);
    let nonces = first..=issued(state).actions.min(base.admin_nonce.saturating_add(ACTIONS));
    let step = |nonce| {
        let action = admin::action(state, nonce)?;
        let list = enough(state, OutboundKind::Admin, nonce, base.set, stored)?;
        let item = Item::Action(nonce);
        // An action has no time of its own; its turn goes round with the clock.
        let turn = booking::turn(state, nonce, Time(0), time);
        Some(Step { item, turns: vec![(item, turn)], call: Call::admin(stored, &list, &action)? })
    };
    nonces.filter_map(step).collect()
}

/// The pauses that the contract takes now.
fn pauses(base: &OnBase) -> impl Iterator<Item = u64> {
    let first = base.pause_nonce.saturating_add(1);
    (first..first.saturating_add(PAUSES_AHEAD)).filter(|_| !base.is_paused)
}

/// The first pause that enough validators have signed. None is sent while minting is paused until the validators end it.
fn pause(state: &dyn StateRead, time: Time, base: &OnBase, stored: &ValidatorSet) -> Option<Step> {
    pauses(base).find_map(|nonce| {
        let list = enough(state, OutboundKind::Pause, nonce, base.set, stored)?;
        let item = Item::Pause(nonce);
        // As an action it has no time of its own.
        let turn = booking::turn(state, nonce, Time(0), time);
        Some(Step { item, turns: vec![(item, turn)], call: Call::pause(stored, &list, nonce) })
    })
}

/// The fewest signatures of the stored set that the contract needs.
fn enough(
    state: &dyn StateRead,
    kind: OutboundKind,
    nonce: u64,
    set: u64,
    stored: &ValidatorSet,
) -> Option<SignatureList> {
    let list = booking::signatures(state, kind, nonce, set)?;
    list.fewest(stored, booking::threshold(state, kind, nonce))
}

/// Whether anything that state knows may be of interest on Base, besides what is known to be done.
pub(crate) fn has_news(state: &dyn StateRead, last: Option<&OnBase>, is_done: &dyn Fn(u64, &[u8; 32]) -> bool) -> bool {
    let Some(last) = last else { return true };
    let issued = issued(state);
    let is_open = |nonce: u64| {
        let digest = booking::wanted_digest(state, OutboundKind::Batch, nonce);
        digest.is_some_and(|digest| !is_done(nonce, &digest))
    };
    issued.sets > last.set
        || issued.actions > last.admin_nonce
        || pauses(last).any(|nonce| booking::has_quorum(state, OutboundKind::Pause, nonce, last.set))
        || open_batches(state).iter().any(|(nonce, _)| is_open(*nonce))
}
