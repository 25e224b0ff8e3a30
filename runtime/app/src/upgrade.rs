//! The migration of a state to the version that this binary computes.
//!
//! Only the block of an upgrade may call [`migrate`], before its hooks: it is a rule of the chain from which height on
//! the rows are of the next version. Nothing else migrates. A store whose last block was of another version is refused
//! before its rows are read (`App::open`).

use diem_core::{
    Fatal, Module, StateWrite,
    chain::{IDENTITY, STORAGE_VERSIONS},
};
use diem_types::APP_VERSION;

use crate::modules;

/// Brings the rows of every module to the version that this binary knows, and then the version in the chain's identity.
/// It is idempotent: a state that has them already stays as it is.
///
/// # Errors
/// The state has no chain, was written by a newer binary, or a module cannot migrate its rows. This node must stop, and
/// nothing of what was written so far may be kept.
pub fn migrate(state: &mut dyn StateWrite) -> Result<(), Fatal> {
    let mut identity = IDENTITY.get(state).ok_or_else(|| Fatal("upgrade: there is no chain in this state".into()))?;
    if identity.app_version > APP_VERSION {
        return Err(Fatal(format!(
            "upgrade: the state is of version {}, and this diemd computes version {APP_VERSION}: it is too old",
            identity.app_version
        )));
    }
    modules::migrate(state)?;
    identity.app_version = APP_VERSION;
    IDENTITY.set(state, &identity);
    Ok(())
}

/// Brings the rows of one module to the version that this binary knows.
///
/// # Errors
/// The state has no version of this module or a newer one, or [`Module::migrate`] refuses.
pub fn migrate_module<M: Module>(state: &mut dyn StateWrite) -> Result<(), Fatal> {
    let (name, ours) = (M::NAME, M::STORAGE_VERSION);
    let unknown = || Fatal(format!("upgrade: the state does not say of which version the rows of {name} are"));
    let held = STORAGE_VERSIONS.get(state, &M::ID).ok_or_else(unknown)?;
    if held > ours {
        return Err(Fatal(format!(
            "upgrade: the rows of {name} are of version {held}, and this diemd knows version {ours}: it is too old"
        )));
    }
    if held < ours {
        M::migrate(state, held)?;
        STORAGE_VERSIONS.set(state, &M::ID, &ours);
    }
    Ok(())
}
