//! The modules of the chain: the one place that names each of them. A new module adds a line to every list here, one to
//! the enums of `diem-types`, and its steps to the hooks.

use diem_core::{
    CallError, Fatal, GenesisContext, Module, QueryContext, StateRead, StateWrite, TxContext,
    chain::STORAGE_VERSIONS,
    clock::{epoch_ms, set_epoch_ms},
};
use diem_staking::ValidatorUpdate;
use diem_types::{Answer, AppGenesis, Call, GenesisValidator, Query, modules::*};

use crate::upgrade::migrate_module;

/// Writes every module's first rows, in the order in which they need each other.
pub(crate) fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &AppGenesis) -> Result<(), Fatal> {
    // The length of a day comes before all, because modules ask what day it is.
    set_epoch_ms(ctx.state, genesis.epoch_ms);
    // Balances come before the modules that take from them.
    init::<Bank>(ctx, &genesis.bank)?;
    init::<Staking>(ctx, &genesis.staking)?;
    // Locks come before the DIEM that must have them.
    init::<Svvv>(ctx, &genesis.svvv)?;
    init::<Diem>(ctx, &genesis.diem)?;
    init::<Emissions>(ctx, &genesis.emissions)?;
    init::<Credits>(ctx, &genesis.credits)?;
    // The books of the bridge are compared with its pool of bank.
    init::<Bridge>(ctx, &genesis.bridge)?;
    Ok(())
}

fn init<M: Module>(ctx: &mut GenesisContext<'_>, genesis: &M::Genesis) -> Result<(), Fatal> {
    STORAGE_VERSIONS.set(ctx.state, &M::ID, &M::STORAGE_VERSION);
    M::init_genesis(ctx, genesis).map_err(|error| Fatal(format!("genesis, section `{}`: {}", M::NAME, error.message)))
}

/// Brings the rows of every module to the version that this binary knows, in the order in which they need each other.
pub(crate) fn migrate(state: &mut dyn StateWrite) -> Result<(), Fatal> {
    migrate_module::<Bank>(state)?;
    migrate_module::<Staking>(state)?;
    migrate_module::<Svvv>(state)?;
    migrate_module::<Diem>(state)?;
    migrate_module::<Emissions>(state)?;
    migrate_module::<Credits>(state)?;
    migrate_module::<Bridge>(state)?;
    Ok(())
}

/// The genesis that would give the present rows again.
pub(crate) fn export_genesis(state: &dyn StateRead) -> AppGenesis {
    AppGenesis {
        gas: crate::chain::gas(state),
        chain: crate::chain::params(state),
        epoch_ms: epoch_ms(state),
        bank: Bank::export_genesis(state),
        staking: Staking::export_genesis(state),
        svvv: Svvv::export_genesis(state),
        diem: Diem::export_genesis(state),
        emissions: Emissions::export_genesis(state),
        credits: Credits::export_genesis(state),
        bridge: Bridge::export_genesis(state),
    }
}

/// The validators as consensus was last told, sorted by key.
pub(crate) fn validators(state: &dyn StateRead) -> Vec<GenesisValidator> {
    let validator = |update: ValidatorUpdate| GenesisValidator { public_key: update.public_key, power: update.power };
    staking::consensus_set(state).into_iter().map(|(update, _)| validator(update)).collect()
}

/// The changes that consensus is told at the end of a block, sorted by key.
pub(crate) fn validator_updates(state: &mut dyn StateWrite) -> Result<Vec<ValidatorUpdate>, CallError> {
    staking::end_block(state)
}

/// Whether a row belongs to something on its way out, which the chain removes without a call.
pub(crate) fn is_leaving(key: &[u8]) -> bool {
    staking::is_leaving(key) || credits::is_leaving(key)
}

/// Hands a call to its module.
pub(crate) fn execute(ctx: &mut TxContext<'_>, call: &Call) -> Result<(), CallError> {
    call.message().validate()?;
    call.message().execute(ctx)
}

/// Hands a question to its module.
pub(crate) fn query(ctx: &QueryContext<'_>, query: Query) -> Result<Answer, CallError> {
    Ok(match query {
        Query::Bank(query) => Answer::Bank(bank::query::answer(ctx, query)),
        Query::Staking(query) => Answer::Staking(staking::query::answer(ctx, query)?),
        Query::Svvv(query) => Answer::Svvv(svvv::query::answer(ctx, query)),
        Query::Diem(query) => Answer::Diem(diem::query::answer(ctx, query)?),
        Query::Emissions(query) => Answer::Emissions(emissions::query::answer(ctx, query)),
        Query::Credits(query) => Answer::Credits(credits::query::answer(ctx, query)?),
        Query::Bridge(query) => Answer::Bridge(bridge::query::answer(ctx, query)?),
    })
}

/// Checks the invariants of all modules, which every committed state must keep.
pub(crate) fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
    type Check = fn(&dyn StateRead) -> Result<(), String>;
    let checks: &[(&str, Check)] = &[
        (Bank::NAME, Bank::check_invariants),
        (Staking::NAME, Staking::check_invariants),
        (Svvv::NAME, Svvv::check_invariants),
        (Diem::NAME, Diem::check_invariants),
        (Emissions::NAME, Emissions::check_invariants),
        (Credits::NAME, Credits::check_invariants),
        (Bridge::NAME, Bridge::check_invariants),
    ];
    checks.iter().try_for_each(|(name, check)| check(state).map_err(|broken| format!("{name}: {broken}")))
}
