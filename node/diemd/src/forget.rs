//! What a home forgets when its chain begins anew in it, and what it keeps.

use std::{io, path::Path};

use diem_comet::signing::forget_mark;
use diem_config::signing_state;
use diem_host::home::{Home, HomeError};

use crate::archive;

/// Removes what a home has of its chain: state and index, blocks, CometBFT's own databases, and what a restore that did not
/// end has left. Keys, signing state, address book and settings stay. The next start listens before it signs, since it does
/// not know any more what its key signed. The caller holds the lock of the home.
///
/// # Errors
/// The disk refuses.
pub(crate) fn forget_chain(home: &Home) -> Result<(), HomeError> {
    forget_databases(home)?;
    // These come last: as long as a half replaced chain is there, its home is refused.
    archive::leftovers(home).iter().try_for_each(|folder| remove(folder))
}

/// Removes what [`forget_chain`] does, but not the files of a restore, which are on their way to the places of those.
///
/// # Errors
/// The disk refuses.
pub(crate) fn forget_databases(home: &Home) -> Result<(), HomeError> {
    forget_mark(&home.run())?;
    remove(&home.data())?;
    let signing_state = signing_state::file_of(&home.comet());
    let folder = home.comet().join("data");
    let failed = |error| HomeError::io(&folder, error);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path != signing_state {
            remove(&path)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), HomeError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|error| HomeError::io(path, error))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn a_chain_goes_with_what_a_restore_has_left_and_keys_stay() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let (key, state) = (home.comet().join("config/key.json"), signing_state::file_of(&home.comet()));
        let gone = ["data/rows", "restore/data/rows", "restore.tmp/data/rows", "cometbft/data/state.db"];
        for name in gone {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("CURRENT"), "x").unwrap();
        }
        fs::create_dir_all(key.parent().unwrap()).unwrap();
        fs::write(&key, "x").unwrap();
        fs::write(&state, "x").unwrap();
        // A restore that goes on forgets the chain, and not the files that come in its place.
        forget_databases(&home).unwrap();
        assert!(!home.data().exists() && folder.path().join("restore/data/rows/CURRENT").exists());
        forget_chain(&home).unwrap();
        assert!(!archive::is_unfinished(&home) && !folder.path().join("restore.tmp").exists());
        assert!(gone.iter().all(|name| !folder.path().join(name).exists()));
        assert!(key.exists() && state.exists());
    }
}
