//! Validators: how they come to be, their keys, their commission, and the ranking that decides who makes blocks.

use diem_core::{
    Address, Amount, BlockInfo, CallError, Events, Module as _, StateRead, StateWrite, clock,
    context::ConsensusAddress, sha256,
};

use crate::{
    Error, Event, Staking,
    key_proof::KeyProof,
    msg::{CreateValidator, EditValidator},
    params::{FULL, Params, params},
    positions,
    state::{
        BRIDGE_KEYS, BY_CONSENSUS, BridgeKey, CHAIN_ID, Commission, DESCRIPTIONS, RANKING, VALIDATORS, Validator,
        rank_key,
    },
};

/// CometBFT's limit of the sum of voting power is 2^60; a 150th of it keeps any set below. More VVV than that is no
/// supply that this chain can have.
const MAX_POWER: u64 = (1 << 60) / 150;

/// The validator that `operator` runs.
pub fn validator(state: &dyn StateRead, operator: &Address) -> Option<Validator> {
    VALIDATORS.get(state, operator)
}

/// Who operates the validator that consensus knows by that name.
pub fn operator_of(state: &dyn StateRead, consensus: &ConsensusAddress) -> Option<Address> {
    BY_CONSENSUS.get(state, consensus)
}

/// Whose the bridge key with that address is or was.
pub fn bridge_key(state: &dyn StateRead, bridge: &Address) -> Option<BridgeKey> {
    BRIDGE_KEYS.get(state, bridge)
}

/// How consensus names the validator with this key.
pub fn consensus_address(consensus_key: &[u8; 32]) -> ConsensusAddress {
    let mut address = [0; 20];
    address.copy_from_slice(&sha256(&[consensus_key])[..20]);
    address
}

pub(crate) fn load(state: &dyn StateRead, operator: &Address) -> Result<Validator, Error> {
    validator(state, operator).ok_or(Error::UnknownValidator(*operator))
}

impl Validator {
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
    VALIDATORS.range(state, None, usize::MAX)
}

/// Puts every validator into its place again, after a parameter of the ranking changed.
pub(crate) fn rank_all(state: &mut dyn StateWrite) {
    for (operator, mut validator) in all(state) {
        save(state, &operator, &mut validator);
    }
}

/// Whether the three rates fit each other.
pub(crate) fn check_commission(rate: u16, max: u16, max_change: u16) -> Result<(), Error> {
    if max <= FULL && rate <= max && max_change <= max { Ok(()) } else { Err(Error::Commission) }
}

pub(crate) fn create(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    operator: &Address,
    msg: &CreateValidator,
) -> Result<(), CallError> {
    if validator(state, operator).is_some() {
        return Err(Error::AlreadyValidator(*operator).into());
    }
    let name = consensus_address(&msg.consensus_key);
    if let Some(owner) = operator_of(state, &name) {
        return Err(Error::ConsensusKeyUsed(owner).into());
    }
    let least = params(state).min_self_stake;
    if msg.self_stake < least {
        return Err(Error::SelfStake(least).into());
    }
    take_bridge_key(state, block, operator, &msg.consensus_key, &msg.bridge_address, &msg.proof)?;
    BY_CONSENSUS.set(state, &name, operator);
    DESCRIPTIONS.set(state, operator, &msg.description);
    let commission =
        Commission { rate: msg.commission, max: msg.max_commission, max_change: msg.max_commission_change, next: None };
    let mut validator = Validator::new(msg.consensus_key, msg.bridge_address, commission);
    save(state, operator, &mut validator);
    events.emit(Staking::ID, &Event::ValidatorCreated { validator: *operator, consensus_key: msg.consensus_key });
    positions::stake(state, events, operator, operator, msg.self_stake)
}

impl Validator {
    fn new(consensus_key: [u8; 32], bridge_address: Address, commission: Commission) -> Self {
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
}

/// Checks the proof of a bridge key that was never used, and books it.
fn take_bridge_key(
    state: &mut dyn StateWrite,
    block: BlockInfo,
    operator: &Address,
    consensus_key: &[u8; 32],
    bridge: &Address,
    proof: &KeyProof,
) -> Result<(), Error> {
    if let Some(used) = bridge_key(state, bridge) {
        return Err(Error::BridgeKeyUsed(used.operator));
    }
    let chain_id = CHAIN_ID.get(state).unwrap_or_default();
    proof.verify(&chain_id, operator, consensus_key, bridge).map_err(Error::KeyProof)?;
    BRIDGE_KEYS.set(state, bridge, &BridgeKey { operator: *operator, from: block.height, until: None });
    Ok(())
}

pub(crate) fn edit(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    operator: &Address,
    msg: &EditValidator,
) -> Result<(), Error> {
    let mut validator = load(state, operator)?;
    if let Some(description) = &msg.description {
        DESCRIPTIONS.set(state, operator, description);
    }
    if let Some(wanted) = msg.commission {
        let today = clock::epoch(state, block.time);
        validator.commission = change_commission(&validator.commission, wanted, today)?;
        VALIDATORS.set(state, operator, &validator);
    }
    events.emit(Staking::ID, &Event::ValidatorEdited { validator: *operator, commission: msg.commission });
    Ok(())
}

/// A changed commission counts from the next day; a second change on a day replaces the first.
fn change_commission(old: &Commission, wanted: u16, today: u64) -> Result<Commission, Error> {
    let rate = old.on(today);
    if wanted > old.max || wanted.abs_diff(rate) > old.max_change {
        return Err(Error::CommissionChange { wanted, today: rate, max: old.max, max_change: old.max_change });
    }
    Ok(Commission { rate, next: Some((wanted, today.saturating_add(1))), ..*old })
}

pub(crate) fn unjail(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    operator: &Address,
) -> Result<(), Error> {
    let mut validator = load(state, operator)?;
    if validator.tombstoned {
        return Err(Error::Tombstoned(*operator));
    }
    let until = validator.jailed_until.ok_or(Error::NotJailed(*operator))?;
    if block.time < until {
        return Err(Error::StillJailed { validator: *operator, until });
    }
    validator.jailed_until = None;
    save(state, operator, &mut validator);
    events.emit(Staking::ID, &Event::Unjailed { validator: *operator });
    Ok(())
}

pub(crate) fn rotate_bridge_key(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    operator: &Address,
    bridge: &Address,
    proof: &KeyProof,
) -> Result<(), Error> {
    let mut validator = load(state, operator)?;
    if validator.tombstoned {
        return Err(Error::Tombstoned(*operator));
    }
    take_bridge_key(state, block, operator, &validator.consensus_key, bridge, proof)?;
    if let Some(old) = bridge_key(state, &validator.bridge_address) {
        BRIDGE_KEYS.set(state, &validator.bridge_address, &BridgeKey { until: Some(block.height), ..old });
    }
    validator.bridge_address = *bridge;
    VALIDATORS.set(state, operator, &validator);
    events.emit(Staking::ID, &Event::BridgeKeyRotated { validator: *operator, bridge_address: *bridge });
    Ok(())
}
