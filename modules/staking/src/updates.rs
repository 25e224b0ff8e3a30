//! The validators that consensus is told.

use std::collections::BTreeMap;

use diem_core::{CallError, StateRead, StateWrite};

use crate::state::{RANKING, TOLD, Told, params, rank_key};

/// A validator whose power changes; power 0 removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValidatorUpdate {
    /// The ed25519 key of the validator.
    pub public_key: [u8; 32],
    /// The power that it has from now on; 0 removes it.
    pub power: u64,
}

/// The set that consensus was last told, sorted by key.
pub fn told(state: &dyn StateRead) -> Vec<(ValidatorUpdate, Told)> {
    let update = |(public_key, told): ([u8; 32], Told)| (ValidatorUpdate { public_key, power: told.power }, told);
    TOLD.all(state).into_iter().map(update).collect()
}

/// The validators that should make blocks: the most powerful, ties by address.
fn target(state: &dyn StateRead) -> BTreeMap<[u8; 32], Told> {
    let most = usize::from(params(state).max_validators);
    let ranked = RANKING.range(state, None, most).into_iter();
    // rank_key is its own inverse.
    ranked.map(|((rank, operator), key)| (key, Told { operator, power: rank_key(rank) })).collect()
}

/// The changes that consensus is told at the end of a block: the difference to what it was last told, sorted by key.
/// They never leave an empty set: while nobody may make blocks, the last ones go on.
///
/// # Errors
/// None today; a step of a block has this form.
pub fn end_block(state: &mut dyn StateWrite) -> Result<Vec<ValidatorUpdate>, CallError> {
    let target = target(state);
    if target.is_empty() {
        return Ok(Vec::new());
    }
    let before: BTreeMap<[u8; 32], Told> = TOLD.all(state).into_iter().collect();
    let mut updates = Vec::new();
    for (key, told) in &target {
        if before.get(key) != Some(told) {
            TOLD.set(state, key, told);
            updates.push(ValidatorUpdate { public_key: *key, power: told.power });
        }
    }
    for key in before.keys().filter(|key| !target.contains_key(*key)) {
        TOLD.remove(state, key);
        updates.push(ValidatorUpdate { public_key: *key, power: 0 });
    }
    updates.sort();
    Ok(updates)
}
