//! The start of a chain, and the export that would start it again.

use std::sync::Arc;

use diem_core::{
    Fatal, GenesisContext, StateRead, Time,
    chain::{IDENTITY, Identity},
};
use diem_overlay::{Empty, Overlay, WriteSet};
use diem_types::{APP_VERSION, GenesisDoc, GenesisValidator};

use crate::{App, chain, modules, pending::PendingGenesis};

/// The answer to InitChain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitChain {
    /// The root of the genesis state.
    pub root: [u8; 32],
}

/// Checks that this binary computes the version of the state machine with which the chain of `doc` starts.
///
/// # Errors
/// The sentence names both versions and says what to do.
pub fn check_version(doc: &GenesisDoc) -> Result<(), Fatal> {
    if doc.app_version == APP_VERSION {
        return Ok(());
    }
    Err(Fatal(format!(
        "genesis: the chain starts with version {} of the state machine, and this diemd computes version \
         {APP_VERSION}: start it with a diemd of that version (COMPATIBILITY.md lists them)",
        doc.app_version
    )))
}

/// The identity of the chain that starts from `doc`.
pub fn identity(doc: &GenesisDoc) -> Identity {
    Identity {
        chain_id: doc.chain_id.clone(),
        genesis_hash: doc.hash(),
        initial_height: doc.initial_height,
        app_version: doc.app_version,
    }
}

/// Builds the genesis state of every module.
pub(crate) fn build(doc: &GenesisDoc) -> Result<PendingGenesis, Fatal> {
    doc.validate().map_err(|error| Fatal(format!("genesis: {error}")))?;
    check_version(doc)?;
    let identity = identity(doc);
    let mut state = Overlay::with_writes(&Empty, WriteSet::new());
    IDENTITY.set(&mut state, &identity);
    chain::CONSENSUS.set(&mut state, &doc.consensus);
    chain::GAS.set(&mut state, &doc.app.gas);
    chain::PARAMS.set(&mut state, &doc.app.chain);
    let mut ctx = GenesisContext { state: &mut state, time: doc.genesis_time };
    modules::init_genesis(&mut ctx, &doc.app)?;
    check_validators(doc, &modules::validators(&state))?;
    modules::check_invariants(&state).map_err(|error| Fatal(format!("genesis: {error}")))?;
    let rows = u64::try_from(state.writes().growth(&Empty)).unwrap_or_default();
    // What leaves passes where the state is full, so an export may have any number of it.
    let leaving = state.writes().iter().filter(|(key, _)| modules::is_leaving(key)).count() as u64;
    let (staying, most) = (rows.saturating_sub(leaving), doc.app.chain.max_rows);
    if staying > most {
        return Err(Fatal(format!("genesis: it makes {staying} rows, more than the {most} of `chain.max_rows`")));
    }
    Ok(PendingGenesis { chain: Arc::new(identity), state, rows })
}

/// Consensus starts with the validators of the document; the state must mean the same ones.
fn check_validators(doc: &GenesisDoc, staked: &[GenesisValidator]) -> Result<(), Fatal> {
    let named = doc.clone().canonical().validators;
    let Some(wrong) = named.iter().find(|validator| !staked.contains(validator)) else {
        return match staked.iter().find(|validator| !named.contains(validator)) {
            Some(missing) => {
                Err(disagree(missing, "has that power by its stake, but `validators` does not list it so"))
            }
            None => Ok(()),
        };
    };
    Err(disagree(wrong, "is listed so in `validators`, but its stake gives it another power or none"))
}

fn disagree(validator: &GenesisValidator, how: &str) -> Fatal {
    Fatal(format!("genesis: validator {} with power {} {how}", hex::encode(validator.public_key), validator.power))
}

impl App {
    /// Takes the genesis as a pending state that is committed with the first block. A second call replaces the first
    /// and gives the same root.
    ///
    /// # Errors
    /// The genesis cannot start a chain, or this store holds one already.
    pub fn init_chain(&self, doc: &GenesisDoc) -> Result<InitChain, Fatal> {
        let mut consensus = self.consensus.lock();
        if let Some(meta) = self.store.meta() {
            return Err(Fatal(format!(
                "this home holds a chain at height {}: start a new chain in a new home",
                meta.height
            )));
        }
        let genesis = build(doc)?;
        let staged = self.store.stage(genesis.state.writes().clone());
        let root = staged.map_err(|error| Fatal(format!("genesis: {error}")))?.root();
        consensus.forget();
        self.mempool.lock().clear();
        *self.chain.write() = Some(Arc::clone(&genesis.chain));
        *self.genesis.write() = Some(Arc::new(genesis));
        Ok(InitChain { root })
    }

    /// The genesis that would start a chain from the last committed state, at `time`.
    ///
    /// # Errors
    /// There is no committed state yet, or its block is later than `time`.
    pub fn export(&self, time: Time) -> Result<GenesisDoc, Fatal> {
        let state = self.store.latest();
        if let Some(last) = chain::LAST_BLOCK.get(&state).filter(|last| last.time > time) {
            let last = last.time;
            return Err(Fatal(format!(
                "the last block is of {last}: a chain that goes on from it cannot start at {time}"
            )));
        }
        document(&state, state.height(), time)
    }
}

/// The genesis that would start a chain from `state`, which a block of `height` left, at `time`.
pub(crate) fn document(state: &dyn StateRead, height: u64, time: Time) -> Result<GenesisDoc, Fatal> {
    let identity =
        IDENTITY.get(state).ok_or_else(|| Fatal("there is nothing to export: no block was committed yet".into()))?;
    Ok(GenesisDoc {
        chain_id: identity.chain_id,
        genesis_time: time,
        initial_height: height.saturating_add(1),
        app_version: identity.app_version,
        consensus: chain::consensus(state),
        validators: modules::validators(state),
        app: modules::export_genesis(state),
    })
}
