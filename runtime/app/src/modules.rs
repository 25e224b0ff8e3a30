//! The modules of the chain: the one place that names each of them. A new module adds a line to every list here, one to
//! the enums of `diem-types`, and its steps to the hooks.

use diem_bank::Bank;
use diem_core::{CallError, Fatal, GenesisContext, Module, QueryContext, StateRead, TxContext};
use diem_types::{Answer, AppGenesis, Call, Query};

/// Writes every module's first rows, in the order in which they need each other.
pub(crate) fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &AppGenesis) -> Result<(), Fatal> {
    Bank::init_genesis(ctx, &genesis.bank).map_err(|error| in_section(Bank::NAME, &error))
}

fn in_section(name: &str, error: &CallError) -> Fatal {
    Fatal(format!("genesis, section `{name}`: {}", error.message))
}

/// The genesis that would give the present rows again.
pub(crate) fn export_genesis(state: &dyn StateRead) -> AppGenesis {
    AppGenesis { gas: crate::chain::gas(state), bank: Bank::export_genesis(state) }
}

/// Hands a call to its module.
pub(crate) fn execute(ctx: &mut TxContext<'_>, call: &Call) -> Result<(), CallError> {
    call.validate()?;
    match call {
        Call::Bank(msg) => Bank::execute(ctx, msg),
    }
}

/// Hands a question to its module.
pub(crate) fn query(ctx: &QueryContext<'_>, query: Query) -> Result<Answer, CallError> {
    Ok(match query {
        Query::Bank(query) => Answer::Bank(Bank::query(ctx, query)?),
    })
}

/// What must be true of every committed state, over all modules.
pub(crate) fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
    Bank::check_invariants(state)
}
