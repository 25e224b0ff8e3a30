//! Validators: their rows, by what names they are found, and the ranking that decides who makes blocks.

use diem_core::{Address, Amount, StateRead, StateWrite, context::ConsensusAddress, sha256};

use crate::{
    Error,
    params::Params,
    state::{
        BRIDGE_KEYS, BY_CONSENSUS, BridgeKey, Commission, PARAMS, RANKING, VALIDATORS, Validator, params, rank_key,
    },
};

/// The most power of a validator. CometBFT's limit of the sum of voting power is 2^60; a 150th of it keeps any set
/// below that. No supply of this chain reaches as much VVV.
pub const MAX_POWER: u64 = (1 << 60) / 150;

/// The validator that `operator` runs.
pub fn validator(state: &dyn StateRead, operator: &Address) -> Option<Validator> {
    VALIDATORS.get(state, operator)
}

/// The operator of the validator that consensus knows by that name.
pub fn operator_of(state: &dyn StateRead, consensus: &ConsensusAddress) -> Option<Address> {
    BY_CONSENSUS.get(state, consensus)
}

/// The validator that has or had the bridge key with that address.
pub fn bridge_key(state: &dyn StateRead, bridge: &Address) -> Option<BridgeKey> {
    BRIDGE_KEYS.get(state, bridge)
}

/// The name in consensus of the validator with this key.
pub fn consensus_address(consensus_key: &[u8; 32]) -> ConsensusAddress {
    let mut address = [0; 20];
    address.copy_from_slice(&sha256(&[consensus_key])[..20]);
    address
}

pub(crate) fn load(state: &dyn StateRead, operator: &Address) -> Result<Validator, Error> {
    validator(state, operator).ok_or(Error::UnknownValidator(*operator))
}

impl Validator {
    /// A validator that nobody has staked with yet.
    pub(crate) fn new(consensus_key: [u8; 32], bridge_address: Address, commission: Commission) -> Self {
        Self {
            consensus_key,
            bridge_address,
            tokens: Amount::ZERO,
            shares: 0,
            locked: 0,
            self_shares: 0,
            free_index: Default::default(),
            locked_index: Default::default(),
            commission,
            commission_due: Amount::ZERO,
            jailed_until: None,
            tombstoned: false,
            forged: false,
            jobs: 0,
            rank: 0,
        }
    }

    /// The voting power of its tokens: whole VVV.
    pub fn power(&self) -> u64 {
        let whole = self.tokens.get().checked_div(Amount::ONE.get()).unwrap_or(0);
        u64::try_from(whole).map_or(MAX_POWER, |power| power.min(MAX_POWER))
    }

    /// The power under which it belongs into the ranking; 0 if it does not belong there.
    pub(crate) fn due_rank(&self, params: &Params) -> u64 {
        let enough = self.value_of(self.self_shares) >= params.min_self_stake;
        if enough && self.in_good_standing() { self.power() } else { 0 }
    }
}

/// Writes a validator whose tokens, shares or standing changed, and puts it into its place of the ranking.
pub(crate) fn save(state: &mut dyn StateWrite, operator: &Address, validator: &mut Validator) {
    let rank = validator.due_rank(&params(state));
    if rank != validator.rank {
        if validator.rank != 0 {
            RANKING.remove(state, &(rank_key(validator.rank), *operator));
        }
        if rank != 0 {
            RANKING.set(state, &(rank_key(rank), *operator), &validator.consensus_key);
        }
        validator.rank = rank;
    }
    VALIDATORS.set(state, operator, validator);
}

/// Every validator by operator: for invariants and changes of parameters, never for a block's usual work.
pub fn all(state: &dyn StateRead) -> Vec<(Address, Validator)> {
    VALIDATORS.all(state)
}

/// Puts every validator into its place again, after a parameter of the ranking changed.
fn rank_all(state: &mut dyn StateWrite) {
    for (operator, mut validator) in all(state) {
        save(state, &operator, &mut validator);
    }
}

/// Changes the parameters. It walks over all validators, because what an operator must have staked decides who stands
/// in the ranking; so it belongs into a governance step, not into a call.
///
/// # Errors
/// [`Error::Params`]; then nothing is written.
pub fn set_params(state: &mut dyn StateWrite, params: &Params) -> Result<(), Error> {
    params.validate()?;
    PARAMS.set(state, params);
    rank_all(state);
    Ok(())
}
