//! The making of the bridge: the arguments of its constructor are fixed, anybody creates it on Base, and its address,
//! which follows from both, is told to the chain.

use diem_core::{Address, Amount, CallError, StateRead, StateWrite, TxContext, chain, development};

use crate::{
    Applied, Constructor, DENOM, Error, Event, ID, Params, bridge_address,
    inbound::{APPLIED, MintLimits},
    salt, sets,
    state::{CONTRACT, Contract, Deployed, PARAMS, SALT, SETS, contract, domain, params},
    token_address,
};

const SECOND_MS: u64 = 1_000;
const DAY: u64 = 86_400;
/// The time in seconds for which stake that left can be slashed after the last set that it is in has died.
const SLASHABLE_BEYOND: u64 = 2 * DAY;

/// The arguments of the constructor that `prepare` fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The chain id of Base.
    pub chain_id: u64,
    /// The age from which on a set mints nothing, in seconds.
    pub max_set_age: u64,
    /// The capacity of the mint bucket, in adiem.
    pub mint_capacity: Amount,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
    /// The account on Base that may pause, veto and lower limits.
    pub guardian: Address,
}

/// Fixes the arguments of the constructor and makes set 0. The salt is fixed with the first one; until a set has its
/// quorum the rest may be fixed anew, as when set 0 grew old before the contract was created.
///
/// # Errors
/// The sender is not the authority, a term is none that the constructor takes, or the bridge is at work.
pub fn prepare(ctx: &mut TxContext<'_>, terms: Terms) -> Result<(), CallError> {
    check_authority(ctx.state, &ctx.sender)?;
    check_not_ready(ctx.state)?;
    let Terms { chain_id, max_set_age, mint_capacity, share_bps, guardian } = terms;
    if chain_id == 0 || mint_capacity.is_zero() || guardian == Address::ZERO {
        return Err(Error::Terms("chain_id, mint_capacity and guardian must not be zero").into());
    }
    if !(1..=10_000).contains(&share_bps) {
        return Err(Error::Terms("share_bps must be 1 to 10,000").into());
    }
    params(ctx.state).check_set_age(max_set_age)?;
    check_unbonding(ctx.state, max_set_age)?;
    if SALT.get(ctx.state).is_none() {
        let identity = chain::identity(ctx.state);
        SALT.set(ctx.state, &salt(&identity.genesis_hash, &identity.chain_id));
    }
    sets::store(ctx.state, 0, ctx.block.time, ctx.block.time.millis() / SECOND_MS)?;
    let contract =
        Contract { chain_id, max_set_age, mint_capacity, share_bps, guardian, deployed: None, is_ready: false };
    CONTRACT.set(ctx.state, &contract);
    ctx.events.emit(ID, &Event::Prepared { chain_id });
    Ok(())
}

/// Says that the contract was created from code of this hash, from which its address follows, and makes the next set,
/// by which validators take it up.
///
/// # Errors
/// The sender is not the authority, nothing is prepared, or the bridge is at work.
pub fn activate(ctx: &mut TxContext<'_>, init_code_hash: [u8; 32], deploy_block: u64) -> Result<(), CallError> {
    check_authority(ctx.state, &ctx.sender)?;
    check_not_ready(ctx.state)?;
    let (mut contract, salt) = contract(ctx.state).zip(SALT.get(ctx.state)).ok_or(Error::Unprepared)?;
    check_unbonding(ctx.state, contract.max_set_age)?;
    let bridge = bridge_address(&salt, &init_code_hash);
    let token = token_address(&bridge);
    contract.deployed = Some(Deployed { init_code_hash, deploy_block, bridge, token });
    CONTRACT.set(ctx.state, &contract);
    let nonce = sets::make_next(ctx.state, ctx.block.time)?;
    ctx.events.emit(ID, &Event::Activated { bridge, token });
    ctx.events.emit(ID, &Event::SetMade { nonce });
    Ok(())
}

/// Lets the bridge work: from now on batches are sealed, and events of Base follow on the state that the constructor made.
pub(crate) fn begin_work(state: &mut dyn StateWrite) {
    let Some((mut contract, domain)) = contract(state).zip(domain(state)) else { return };
    contract.is_ready = true;
    CONTRACT.set(state, &contract);
    let limits = MintLimits { mint_capacity: contract.mint_capacity, share_bps: contract.share_bps };
    let guardian = contract.guardian;
    APPLIED.set(state, &Applied { rolling_hash: domain.separator(), limits, guardian, ..Applied::default() });
}

/// Changes the parameters of the module.
///
/// # Errors
/// The sender is not the authority, or a parameter is out of its bounds.
pub fn set_params(ctx: &mut TxContext<'_>, new: &Params) -> Result<(), CallError> {
    check_authority(ctx.state, &ctx.sender)?;
    new.validate()?;
    if let Some(contract) = contract(ctx.state) {
        new.check_set_age(contract.max_set_age)?;
    }
    PARAMS.set(ctx.state, new);
    ctx.events.emit(ID, &Event::ParamsChanged);
    Ok(())
}

/// The arguments with which the contract is created, once `prepare` has fixed them.
pub fn constructor(state: &dyn StateRead) -> Option<Constructor> {
    let (contract, salt) = contract(state).zip(SALT.get(state))?;
    let stored = SETS.get(state, &0)?;
    Some(Constructor {
        salt,
        set_hash: stored.set().hash(&salt, 0, stored.created_at),
        created_at: stored.created_at,
        max_set_age: contract.max_set_age,
        mint_capacity: contract.mint_capacity,
        share_bps: contract.share_bps,
        guardian: contract.guardian,
        chain_id: chain::identity(state).chain_id,
        denom: DENOM.to_owned(),
    })
}

pub(crate) fn check_authority(state: &dyn StateRead, sender: &Address) -> Result<(), Error> {
    let authority = params(state).authority;
    if authority != Address::ZERO && *sender == authority { Ok(()) } else { Err(Error::NotAuthority) }
}

fn check_not_ready(state: &dyn StateRead) -> Result<(), Error> {
    if contract(state).is_some_and(|contract| contract.is_ready) { Err(Error::AtWork) } else { Ok(()) }
}

/// Stake that left must be slashable for longer than the last set with it lives. A chain for development may do without.
fn check_unbonding(state: &dyn StateRead, max_set_age: u64) -> Result<(), Error> {
    let unbonding = diem_staking::params(state).unbonding_ms;
    let needed = max_set_age.saturating_add(SLASHABLE_BEYOND).saturating_mul(SECOND_MS);
    let is_development = development::is_development(&chain::identity(state).chain_id);
    if unbonding >= needed || is_development { Ok(()) } else { Err(Error::UnbondingTooShort) }
}
