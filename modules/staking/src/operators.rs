//! The calls of operators for their validators: they register them, say what people are told and what they take, and
//! give them other keys.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, BlockInfo, CallError, Events, Module as _, StateRead, StateWrite, Verifier, chain, clock,
    keys::SignatureError,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Event, Staking,
    key_proof::KeyProof,
    params::FULL,
    positions,
    state::{
        BRIDGE_KEYS, BY_CONSENSUS, BridgeKey, Commission, DESCRIPTIONS, Description, VALIDATORS, Validator, params,
    },
    validators::{bridge_key, consensus_address, load, operator_of, save, validator},
};

/// The description of a new validator by its operator. Rates are in basis points.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateValidator {
    /// The validator's ed25519 key in consensus, which never changes.
    #[serde(with = "hex::serde")]
    pub consensus_key: [u8; 32],
    /// The address of its secp256k1 key for the bridge.
    pub bridge_address: Address,
    /// The signatures that show that the operator holds both keys.
    pub proof: KeyProof,
    /// The part of the rewards that the operator takes.
    pub commission: u16,
    /// The most that it will ever take.
    pub max_commission: u16,
    /// The most by which the commission may change from a day to the next.
    pub max_commission_change: u16,
    /// The name and website that people are told.
    pub description: Description,
    /// The stake of the operator with it, in avvv.
    pub self_stake: Amount,
}

/// The changes of a validator; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditValidator {
    /// The name and website that people are told.
    #[serde(default)]
    pub description: Option<Description>,
    /// The commission from the next day on, in basis points.
    #[serde(default)]
    pub commission: Option<u16>,
}

/// Whether the three rates fit each other.
pub(crate) fn check_commission(rate: u16, max: u16, max_change: u16) -> Result<(), Error> {
    if max <= FULL && rate <= max && max_change <= max { Ok(()) } else { Err(Error::Commission) }
}

/// Makes the operator a validator and stakes with it.
pub(crate) fn create(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    verifier: &dyn Verifier,
    operator: &Address,
    msg: &CreateValidator,
) -> Result<(), CallError> {
    register(state, events, block, operator, msg)?;
    positions::stake(state, events, operator, operator, msg.self_stake)?;
    // This check comes last because it costs most: no signature is verified for a sender without the stake.
    check_proof(state, verifier, operator, msg)?;
    Ok(())
}

/// Makes the operator a validator with which nobody has staked yet.
pub(crate) fn register(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    operator: &Address,
    msg: &CreateValidator,
) -> Result<(), Error> {
    if validator(state, operator).is_some() {
        return Err(Error::AlreadyValidator(*operator));
    }
    let name = consensus_address(&msg.consensus_key);
    if let Some(owner) = operator_of(state, &name) {
        return Err(Error::ConsensusKeyUsed(owner));
    }
    let least = params(state).min_self_stake;
    if msg.self_stake < least {
        return Err(Error::SelfStake(least));
    }
    take_bridge_key(state, block, operator, &msg.bridge_address)?;
    BY_CONSENSUS.set(state, &name, operator);
    DESCRIPTIONS.set(state, operator, &msg.description);
    let commission =
        Commission { rate: msg.commission, max: msg.max_commission, max_change: msg.max_commission_change, next: None };
    let mut validator = Validator::new(msg.consensus_key, msg.bridge_address, commission);
    save(state, operator, &mut validator);
    events.emit(Staking::ID, &Event::ValidatorCreated { validator: *operator, consensus_key: msg.consensus_key });
    Ok(())
}

/// Records a bridge key, which must never have been used.
fn take_bridge_key(
    state: &mut dyn StateWrite,
    block: BlockInfo,
    operator: &Address,
    bridge: &Address,
) -> Result<(), Error> {
    if let Some(used) = bridge_key(state, bridge) {
        return Err(Error::BridgeKeyUsed(used.operator));
    }
    BRIDGE_KEYS.set(state, bridge, &BridgeKey { operator: *operator, from: block.height, until: None });
    Ok(())
}

/// Checks that the operator of a new validator holds both its keys.
pub(crate) fn check_proof(
    state: &dyn StateRead,
    verifier: &dyn Verifier,
    operator: &Address,
    msg: &CreateValidator,
) -> Result<(), Error> {
    let chain_id = chain::identity(state).chain_id;
    let verdict = msg.proof.verify_by(verifier, &chain_id, operator, &msg.consensus_key, &msg.bridge_address);
    verdict.map_err(Error::KeyProof)
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

/// A change of the bridge key, as the call names it.
pub(crate) struct Rotation<'a> {
    pub(crate) consensus_key: &'a [u8; 32],
    pub(crate) bridge: &'a Address,
    pub(crate) proof: &'a KeyProof,
}

pub(crate) fn rotate_bridge_key(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    verifier: &dyn Verifier,
    operator: &Address,
    Rotation { consensus_key, bridge, proof }: Rotation<'_>,
) -> Result<(), Error> {
    let mut validator = load(state, operator)?;
    if validator.tombstoned {
        return Err(Error::Tombstoned(*operator));
    }
    if validator.consensus_key != *consensus_key {
        return Err(Error::KeyProof(SignatureError::WrongSigner));
    }
    take_bridge_key(state, block, operator, bridge)?;
    let chain_id = chain::identity(state).chain_id;
    proof.verify_by(verifier, &chain_id, operator, consensus_key, bridge).map_err(Error::KeyProof)?;
    if let Some(old) = bridge_key(state, &validator.bridge_address) {
        BRIDGE_KEYS.set(state, &validator.bridge_address, &BridgeKey { until: Some(block.height), ..old });
    }
    validator.bridge_address = *bridge;
    VALIDATORS.set(state, operator, &validator);
    events.emit(Staking::ID, &Event::BridgeKeyRotated { validator: *operator, bridge_address: *bridge });
    Ok(())
}
