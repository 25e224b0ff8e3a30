//! Versions: of the state machine in genesis, state and store, and of the rows of each module.

use std::{fs, path::Path};

use diem_bank::Bank;
use diem_core::{
    CallError, Fatal, GenesisContext, Module, ModuleId, StateRead, StateWrite, Value,
    cell::Item,
    chain::{IDENTITY, STORAGE_VERSIONS},
    encode,
};
use diem_overlay::{MemoryRows, Overlay, WriteSet};
use diem_runtime::{App, Options, hooks::Hooks, simulation::Simulation, upgrade};
use diem_store::{Store, StoreError};
use diem_testkit::{TestChain, genesis, people};
use diem_types::APP_VERSION;

const ID: ModuleId = ModuleId(99);
const NUMBER: Item<u64> = Item::new(ID, 0);

/// A module of which a newer binary keeps its one number in other units. Its genesis is that of bank.
struct Grown<const VERSION: u32>;

impl<const VERSION: u32> Module for Grown<VERSION> {
    const ID: ModuleId = ID;
    const NAME: &'static str = "grown";
    const STORAGE_VERSION: u32 = VERSION;

    type Genesis = diem_bank::Genesis;

    fn init_genesis(ctx: &mut GenesisContext<'_>, genesis: &Self::Genesis) -> Result<(), CallError> {
        Bank::init_genesis(ctx, genesis)
    }

    fn export_genesis(state: &dyn StateRead) -> Self::Genesis {
        Bank::export_genesis(state)
    }

    fn check_invariants(state: &dyn StateRead) -> Result<(), String> {
        Bank::check_invariants(state)
    }

    fn migrate(state: &mut dyn StateWrite, from: u32) -> Result<(), Fatal> {
        // From the second version on it counts thousandths; the first is too old for this binary.
        if from < 2 {
            return Err(Fatal(format!("grown cannot read rows of version {from}")));
        }
        let number = NUMBER.get(state).unwrap_or_default();
        NUMBER.set(state, &number.saturating_mul(1_000));
        Ok(())
    }
}

/// The rows of a chain right after its genesis.
fn started() -> MemoryRows {
    Simulation::start(&genesis(&people(2)), Hooks::default()).unwrap().1
}

#[test]
fn genesis_writes_the_storage_version_of_every_module() {
    let versions = STORAGE_VERSIONS.all(&started());
    assert_eq!(versions, (1..=7).map(|module| (ModuleId(module), 1)).collect::<Vec<_>>());
}

#[test]
fn an_upgrade_migrates_what_is_older_once_and_nothing_else() {
    let rows = started();
    let mut state = Overlay::new(&rows);
    NUMBER.set(&mut state, &7);
    STORAGE_VERSIONS.set(&mut state, &ID, &2);
    upgrade::migrate_module::<Grown<3>>(&mut state).unwrap();
    assert_eq!((NUMBER.get(&state), STORAGE_VERSIONS.get(&state, &ID)), (Some(7_000), Some(3)));
    upgrade::migrate_module::<Grown<3>>(&mut state).unwrap();
    assert_eq!(NUMBER.get(&state), Some(7_000), "the rows have that version already");
}

#[test]
fn an_upgrade_without_a_way_is_refused_and_says_which_rows() {
    let rows = started();
    let held = |version: Option<u32>| {
        let mut state = Overlay::new(&rows);
        if let Some(version) = version {
            STORAGE_VERSIONS.set(&mut state, &ID, &version);
        }
        upgrade::migrate_module::<Grown<3>>(&mut state).unwrap_err().0
    };
    assert!(held(Some(1)).contains("grown cannot read rows of version 1"));
    let newer = held(Some(4));
    assert!(newer.contains("rows of grown are of version 4") && newer.contains("knows version 3"), "{newer}");
    assert!(held(None).contains("does not say of which version the rows of grown are"));
    // A module without a migration of its own refuses.
    let mut state = Overlay::new(&rows);
    STORAGE_VERSIONS.set(&mut state, &Bank::ID, &0);
    let error = upgrade::migrate(&mut state).unwrap_err().0;
    assert!(error.contains("cannot bring the rows of bank from version 0 to 1"), "{error}");
}

#[test]
fn an_upgrade_brings_the_app_version_of_the_chain_to_that_of_the_binary() {
    let rows = started();
    let of_version = |app_version: u64| {
        let mut state = Overlay::new(&rows);
        let identity = IDENTITY.get(&state).unwrap();
        IDENTITY.set(&mut state, &diem_core::chain::Identity { app_version, ..identity });
        state
    };
    let mut older = of_version(APP_VERSION - 1);
    upgrade::migrate(&mut older).unwrap();
    assert_eq!(IDENTITY.get(&older), IDENTITY.get(&rows), "nothing else of the identity changes");
    let mut own = Overlay::new(&rows);
    upgrade::migrate(&mut own).unwrap();
    let mut after = rows.clone();
    after.apply(own.writes());
    assert!(after == rows, "a state of this version stays as it is");
    let error = upgrade::migrate(&mut of_version(APP_VERSION + 1)).unwrap_err().0;
    assert!(error.contains("too old"), "{error}");
    let error = upgrade::migrate(&mut Overlay::new(&MemoryRows::default())).unwrap_err().0;
    assert!(error.contains("there is no chain"), "{error}");
}

#[test]
fn a_genesis_of_another_version_of_the_state_machine_starts_no_chain_here() {
    for version in [APP_VERSION - 1, APP_VERSION + 1] {
        let mut doc = genesis(&people(2));
        doc.app_version = version;
        let error = App::in_memory(Options::default()).init_chain(&doc).unwrap_err().0;
        let both = format!("starts with version {version} of the state machine, and this diemd computes version");
        assert!(error.contains(&both), "{error}");
    }
}

#[test]
fn the_version_of_the_chain_is_that_of_its_genesis_and_of_its_last_commit() {
    let chain = TestChain::fresh();
    assert_eq!(chain.app.info().app_version, APP_VERSION);
    assert_eq!(chain.app.chain().unwrap().app_version, chain.doc.app_version);
    chain.force(Vec::new());
    assert_eq!(chain.app.info().app_version, chain.app.store().meta().unwrap().app_version);
    let exported = chain.app.export(diem_core::Time::LATEST).unwrap();
    assert_eq!(exported.app_version, chain.doc.app_version);
}

/// Every file of a folder with its bytes.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
    }
    found.sort();
    found
}

#[test]
fn a_store_of_an_older_or_newer_version_is_refused_before_its_rows_are_read() {
    for version in [APP_VERSION - 1, APP_VERSION + 1] {
        let folder = tempfile::tempdir().unwrap();
        // No identity decodes from this row, so whoever reads it ends in a panic.
        let mut rows = WriteSet::new();
        rows.insert(&IDENTITY.key(), Some(Value::from_slice(&[0xff; 3])));
        rows.insert(&STORAGE_VERSIONS.key(&Bank::ID), Some(Value::from_slice(&encode(&9_u32))));
        let store = Store::open(folder.path(), diem_store::Options::default()).unwrap();
        store.commit(store.stage(rows).unwrap(), 1, 1_000, version, Vec::new()).unwrap();
        drop(store);
        let before = files(folder.path());
        let error = App::open(folder.path(), Options::default()).err().unwrap();
        assert!(matches!(&error, StoreError::OtherVersion { held, ours: APP_VERSION, .. } if *held == version));
        let said = error.to_string();
        let both = format!("a state of version {version}, and this diemd computes version {APP_VERSION}");
        assert!(said.contains(&both) && said.contains("nothing was changed"), "{said}");
        assert!(files(folder.path()) == before, "a refused store was changed");
    }
}
