//! The keys: the signing state, a key that lies in two homes, a remote signer that does not come.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use diem_config::{
    SignerAddress,
    bridge_key::{found_bridge_key, is_key_file},
    consensus_key::{self, KeyError},
    signing_state,
};
use diem_core::{context::ConsensusAddress, development::is_development};
use diem_engine::EngineKind;
use diem_host::home::{Home, default_home};
use tokio::{net::TcpListener, time::timeout};

use super::{Finding, Patient, Weight};

/// The time within which a remote signer connects that runs: signers try again every few seconds.
const SIGNER_PATIENCE: Duration = Duration::from_secs(10);
/// The most folders beside a home that are looked at for the same key.
const MOST_NEIGHBOURS: usize = 1_000;

pub(super) async fn examine(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    if patient.config.engine != EngineKind::Comet {
        return;
    }
    other_keys(patient.home, found);
    match &patient.config.comet.signer.0 {
        Some(at) => signer(patient, at, found).await,
        None => signing_key(patient.home, found),
    }
}

/// The files of a home whose contents nobody else may know.
pub(super) fn secrets(home: &Home) -> Vec<PathBuf> {
    let comet = home.comet();
    let mut files =
        vec![consensus_key::key_file_of(&comet), comet.join("config/node_key.json"), home.relayer_key_file()];
    files.extend(files_in(home.root()).filter(|path| is_key_file(path)));
    files.extend(files_in(&home.keys()));
    files
}

fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Looks for a key beside that of consensus which a start reads and cannot; one that is missing it makes.
fn other_keys(home: &Home, found: &mut Vec<Finding>) {
    if let Err(error) = found_bridge_key(home) {
        let why = "the node does not start with it, and the chain knows the bridge by this key";
        found.push(Finding::stops("key", error, why, "restore it from its backup"));
    }
    let (comet, file) = (home.comet(), consensus_key::node_key_file_of(&home.comet()));
    if file.exists()
        && let Err(error) = consensus_key::node_key(&comet)
    {
        let todo = "restore it from its backup, or move it away: the node then gets another id, of which its peers must be told";
        found.push(Finding::stops("key", error, "the node does not start with it", todo));
    }
}

fn signing_key(home: &Home, found: &mut Vec<Finding>) {
    let comet = home.comet();
    match consensus_key::found_validator_key(&comet) {
        Ok(Some(_)) => {}
        Ok(None) if signing_state::file_of(&comet).exists() => {
            let (path, state) = (consensus_key::key_file_of(&comet), signing_state::file_of(&comet));
            let what = KeyError::KeyMissing { path, state };
            let todo = "restore it from its backup; if this node is no validator, move the signing state away too";
            found.push(Finding::stops(
                "key",
                what,
                "the node does not start, since a key is never made anew by itself",
                todo,
            ));
        }
        Ok(None) => {
            let what = format!("there is no consensus key in {}", comet.display());
            let todo = "the next start makes one; restore yours from its backup first if it is a validator's";
            found.push(Finding::advice("key", what, "a node with a new key is no validator", todo));
        }
        Err(error) => {
            let check =
                if signing_state::height(&signing_state::file_of(&comet)).is_err() { "signing_state" } else { "key" };
            let todo = "put the file back from the machine that signed last; never invent one";
            found.push(Finding::stops(check, error, "without it the key may sign twice and be punished", todo));
        }
    }
    // Whatever is to be said of its signing state: who restores that beside a second home signs twice.
    if let Ok(address) = consensus_key::key_address(&comet) {
        other_homes(home, &address, found);
    }
}

/// Looks for the key with this address in other homes.
fn other_homes(home: &Home, address: &ConsensusAddress, found: &mut Vec<Finding>) {
    for other in neighbours(home).into_iter().filter(|other| has_key(other, address)) {
        let what = format!("the consensus key of this home lies in {} too", other.display());
        let why = "two nodes with one key sign two blocks of one height, and the stake is slashed for it";
        let todo = format!(
            "keep it in one, the one that runs: diemd validator export-key FILE --home HOME retires the other, {} or this",
            other.display()
        );
        // The keys of development chains are known to everybody, and each devnet has the same ones.
        let is_serious = !is_of_development(home) || !is_of_development(&Home::at(&other));
        let weight = if is_serious { Weight::Stops } else { Weight::Advice };
        found.push(Finding::new("key_in_two_homes", weight, what, why, todo));
    }
}

fn is_of_development(home: &Home) -> bool {
    diem_genesis::load(&home.genesis_file(), None).is_ok_and(|genesis| is_development(&genesis.chain_id))
}

fn has_key(home: &Path, address: &ConsensusAddress) -> bool {
    let comet = Home::at(home).comet();
    consensus_key::key_file_of(&comet).exists()
        && consensus_key::key_address(&comet).is_ok_and(|other| other == *address)
}

/// The folders where other homes of this machine are found: beside this one, the default one, and those of its devnet.
fn neighbours(home: &Home) -> BTreeSet<PathBuf> {
    let own = fs::canonicalize(home.root()).unwrap_or_else(|_| home.root().to_path_buf());
    let default = default_home();
    let parents = [own.parent().map(Path::to_path_buf), Some(default.join("devnet")), Some(own.join("devnet"))];
    let beside = parents.into_iter().flatten().flat_map(|parent| {
        fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path()).take(MOST_NEIGHBOURS)
    });
    let all = beside.chain([default]).filter_map(|path| fs::canonicalize(path).ok());
    all.filter(|path| path.is_dir() && *path != own).collect()
}

/// Waits where the signer should connect. A node that runs has the place itself, and its readiness tells.
async fn signer(patient: &Patient<'_>, at: &SignerAddress, found: &mut Vec<Finding>) {
    if patient.runs {
        return;
    }
    let comes = match at {
        SignerAddress::Tcp(address) => match TcpListener::bind(address).await {
            Ok(listener) => timeout(SIGNER_PATIENCE, listener.accept()).await.is_ok(),
            // The check of ports names what is busy.
            Err(_) => return,
        },
        SignerAddress::Unix(path) => {
            if path.exists() {
                // A socket that an earlier node left; binding it would mean to remove it.
                return;
            }
            let Ok(listener) = tokio::net::UnixListener::bind(path) else { return };
            let comes = timeout(SIGNER_PATIENCE, listener.accept()).await.is_ok();
            let _ = fs::remove_file(path);
            comes
        }
    };
    if !comes {
        let what = format!("no remote signer has connected to {at} within {} s", SIGNER_PATIENCE.as_secs());
        let todo = "start the signer, and compare the address in its configuration with comet.signer";
        found.push(Finding::stops("signer", what, "the node waits for it before it does anything", todo));
    }
}
