//! The validator sets that Base is told: made of the consensus set with its current bridge keys, often enough that the
//! one stored there never dies, and soon after much of the power has moved.

use std::collections::BTreeMap;

use diem_core::{Address, BlockContext, CallError, StateRead, StateWrite, Time};
use diem_staking::{consensus_set, validator};

use crate::{
    Error, Event, ID, LastSet, Member, OutboundKind, Preimage, StoredSet, ValidatorSet, Valset,
    state::{ISSUED, KEY_SETS, SALT, SETS, STRUCT_HASHES, contract, issued, params},
};

const SECOND_MS: u64 = 1_000;

/// Makes the next set if the newest is old, or if the shares of power have moved since. It is a step before the
/// transactions of a block, so that the set is of the consensus set in the state before the block.
///
/// # Errors
/// The consensus set is none that the contract takes.
pub fn make_due(ctx: &mut BlockContext<'_>) -> Result<(), CallError> {
    let now = ctx.block.info.time;
    let is_known = contract(ctx.state).is_some_and(|contract| contract.deployed.is_some());
    let Some(newest) = SETS.get(ctx.state, &issued(ctx.state).sets).filter(|_| is_known) else { return Ok(()) };
    let params = params(ctx.state);
    let age = now.millis().saturating_sub(newest.made_at.millis());
    if age < params.set_gap_ms {
        return Ok(());
    }
    if age >= params.set_every_ms || has_moved(&newest.set(), &current(ctx.state)?, ctx.state) {
        let nonce = make_next(ctx.state, now)?;
        ctx.events.emit(ID, &Event::SetMade { nonce });
    }
    Ok(())
}

/// Makes the set with the next nonce. No nonce is ever given twice: whoever signed the one before would be guilty.
pub(crate) fn make_next(state: &mut dyn StateWrite, now: Time) -> Result<u64, Error> {
    let mut issued = issued(state);
    let before = [0, issued.sets].into_iter().filter_map(|nonce| SETS.get(state, &nonce));
    // Base counts whole seconds and takes no set that is not later than the one before.
    let later = before.map(|set| set.created_at.saturating_add(1)).max().unwrap_or_default();
    let created_at = later.max(now.millis() / SECOND_MS);
    issued.sets = issued.sets.saturating_add(1);
    ISSUED.set(state, &issued);
    let set_hash = store(state, issued.sets, now, created_at)?;
    let valset = Valset { nonce: issued.sets, created_at, set_hash };
    STRUCT_HASHES.set(state, &(OutboundKind::Valset, issued.sets), &Preimage::Valset(valset).struct_hash());
    Ok(issued.sets)
}

/// Stores the consensus set as the set with this nonce, and returns its hash. Set 0 is that of the constructor, which
/// nobody signs.
pub(crate) fn store(state: &mut dyn StateWrite, nonce: u64, now: Time, created_at: u64) -> Result<[u8; 32], Error> {
    let set = current(state)?;
    let salt = SALT.get(state).ok_or(Error::Unprepared)?;
    for member in set.members() {
        // Set 0 may be made anew while later ones have the key too.
        if KEY_SETS.get(state, &member.address).is_none_or(|last| last.nonce <= nonce) {
            KEY_SETS.set(state, &member.address, &LastSet { nonce, created_at });
        }
    }
    let hash = set.hash(&salt, nonce, created_at);
    SETS.set(state, &nonce, &StoredSet { created_at, made_at: now, bytes: set.encode() });
    Ok(hash)
}

/// The consensus set with its current bridge keys.
///
/// # Errors
/// It is none that the contract takes: [`ValidatorSet::new`].
pub fn current(state: &dyn StateRead) -> Result<ValidatorSet, Error> {
    let key_of = |operator: &Address| validator(state, operator).map(|validator| validator.bridge_address);
    let mut members: Vec<Member> = consensus_set(state)
        .into_iter()
        .filter_map(|(update, member)| Some(Member { address: key_of(&member.operator)?, power: update.power }))
        .collect();
    members.sort_by_key(|member| member.address);
    ValidatorSet::new(members)
}

/// Whether a member of the older set is tombstoned, or the shares of power by key differ by a twentieth in sum.
fn has_moved(old: &ValidatorSet, new: &ValidatorSet, state: &dyn StateRead) -> bool {
    const PARTS: u128 = 20;
    let is_gone = |member: &Member| {
        let operator = diem_staking::bridge_key(state, &member.address).map(|key| key.operator);
        operator.and_then(|operator| validator(state, &operator)).is_some_and(|validator| validator.tombstoned)
    };
    let mut powers: BTreeMap<Address, (u128, u128)> = BTreeMap::new();
    for member in old.members() {
        powers.entry(member.address).or_default().0 = member.power.into();
    }
    for member in new.members() {
        powers.entry(member.address).or_default().1 = member.power.into();
    }
    // Totals of power are below 2^60, so products are below 2^120 and their sums, times 20, still fit.
    let (old_total, new_total) = (u128::from(old.total()), u128::from(new.total()));
    let share = |power: u128, other_total: u128| power.saturating_mul(other_total);
    let moved = powers.values().fold(0_u128, |sum, (before, after)| {
        sum.saturating_add(share(*before, new_total).abs_diff(share(*after, old_total)))
    });
    moved.saturating_mul(PARTS) >= old_total.saturating_mul(new_total) || old.members().iter().any(is_gone)
}
