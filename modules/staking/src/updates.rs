//! The validators that consensus is told.

use std::collections::BTreeMap;

use diem_core::{CallError, Key, StateRead, StateWrite};

use crate::state::{CONSENSUS_SET, ConsensusValidator, RANKING, params, rank_key};

/// A validator whose power changes; power 0 removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValidatorUpdate {
    /// The ed25519 key of the validator.
    pub public_key: [u8; 32],
    /// The power that it has from now on; 0 removes it.
    pub power: u64,
}

/// The consensus set: what consensus was last told, sorted by key.
pub fn consensus_set(state: &dyn StateRead) -> Vec<(ValidatorUpdate, ConsensusValidator)> {
    let update = |(public_key, member): ([u8; 32], ConsensusValidator)| {
        (ValidatorUpdate { public_key, power: member.power }, member)
    };
    CONSENSUS_SET.all(state).into_iter().map(update).collect()
}

/// The key of the row of a validator in the consensus set. The set has the validator while there is the row.
pub fn member_key(consensus_key: &[u8; 32]) -> Key {
    CONSENSUS_SET.key(consensus_key)
}

/// The validators that should make blocks: the most powerful, ties by address.
fn target(state: &dyn StateRead) -> BTreeMap<[u8; 32], ConsensusValidator> {
    let most = usize::from(params(state).max_validators);
    let ranked = RANKING.range(state, None, most).into_iter();
    // rank_key is its own inverse.
    ranked.map(|((rank, operator), key)| (key, ConsensusValidator { operator, power: rank_key(rank) })).collect()
}

/// The changes that consensus is told at the end of a block: the difference to what it was last told, sorted by key.
/// They never leave an empty set: while nobody may make blocks, the last ones go on.
///
/// # Errors
/// It returns none; it has the signature of every step.
pub fn end_block(state: &mut dyn StateWrite) -> Result<Vec<ValidatorUpdate>, CallError> {
    let target = target(state);
    if target.is_empty() {
        return Ok(Vec::new());
    }
    let before: BTreeMap<[u8; 32], ConsensusValidator> = CONSENSUS_SET.all(state).into_iter().collect();
    let mut updates = Vec::new();
    for (key, member) in &target {
        if before.get(key) != Some(member) {
            CONSENSUS_SET.set(state, key, member);
            updates.push(ValidatorUpdate { public_key: *key, power: member.power });
        }
    }
    for key in before.keys().filter(|key| !target.contains_key(*key)) {
        CONSENSUS_SET.remove(state, key);
        updates.push(ValidatorUpdate { public_key: *key, power: 0 });
    }
    updates.sort();
    Ok(updates)
}
