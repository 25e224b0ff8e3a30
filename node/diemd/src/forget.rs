//! What a home forgets when its chain begins anew in it, and what it keeps.

use std::{io, path::Path};

use diem_comet::signing::forget_mark;
use diem_config::signing_state;
use diem_host::home::{Home, HomeError};

/// Removes what a home has of its chain: state and index, blocks, and CometBFT's own databases. Keys, signing state,
/// address book and settings stay. The next start listens before it signs, since it does not know any more what its key
/// signed. The caller holds the lock of the home.
///
/// # Errors
/// The disk refuses.
pub(crate) fn forget_chain(home: &Home) -> Result<(), HomeError> {
    let failed = |path: &Path, error| HomeError::io(path, error);
    forget_mark(&home.run())?;
    remove(&home.data()).map_err(|error| failed(&home.data(), error))?;
    let signing_state = signing_state::file_of(&home.comet());
    let folder = home.comet().join("data");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(&folder, error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| failed(&folder, error))?.path();
        if path != signing_state {
            remove(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The files of a home that outlive its chain, of those that it has: keys, what they have signed, addresses and settings.
pub(crate) fn kept(home: &Home) -> Vec<String> {
    const KEPT: [&str; 11] = [
        "config.toml",
        "genesis.json",
        "join.json",
        "validator_exported.json",
        "bridge_key.json",
        "bridge_signed.jsonl",
        "relayer_key.json",
        "cometbft/config/priv_validator_key.json",
        "cometbft/config/node_key.json",
        "cometbft/config/addrbook.json",
        "cometbft/data/priv_validator_state.json",
    ];
    KEPT.into_iter().filter(|name| home.root().join(name).exists()).map(str::to_owned).collect()
}
