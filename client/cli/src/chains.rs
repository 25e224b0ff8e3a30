//! The chains that a wallet has seen, one small file each: `wallet/chains/NAME.json` of its home. A chain id stands for
//! the genesis with which it was first seen, so that no node can put another chain, or another price, under it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use diem_client::KnownChain;
use diem_core::tx::MAX_CHAIN_ID_BYTES;
use diem_host::home::{HomeError, private_folder, write_whole};

use diem_host::folder::{self, UnsafeFolder};

/// The reason why the chains of a wallet cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ChainsError {
    /// No chain can have this name.
    #[error("`{0}` is no name of a chain: it has 1 to {MAX_CHAIN_ID_BYTES} letters, digits, `-`, `_` or `.`")]
    Name(String),
    /// The wallet knows no chain of this name.
    #[error("this wallet has not seen the chain `{chain_id}`: {folder} has a file for each that it has")]
    Missing {
        /// The chain id that was asked for.
        chain_id: String,
        /// The folder where it was looked for.
        folder: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "{path} does not say what this wallet knows of a chain ({reason}): restore it, or remove it to see the chain anew"
    )]
    Form {
        /// The path of the file.
        path: PathBuf,
        /// The fault of the file.
        reason: String,
    },
    /// Others can write in the folder, and so change what is known.
    #[error(transparent)]
    Folder(#[from] UnsafeFolder),
    /// The wallet cannot be written.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// The chains that the wallet of a home has seen.
#[derive(Debug, Clone)]
pub struct Chains {
    home: PathBuf,
}

impl Chains {
    /// The chains of the wallet in `home`.
    pub fn of_home(home: &Path) -> Self {
        Self { home: home.into() }
    }

    fn folder(&self) -> PathBuf {
        self.home.join("wallet").join("chains")
    }

    fn path(&self, chain_id: &str) -> Result<PathBuf, ChainsError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let is_name = (1..=MAX_CHAIN_ID_BYTES).contains(&chain_id.len()) && chain_id.bytes().all(fits);
        // A node chooses the name of its chain, so the name is checked: the file must stay in its folder.
        if is_name {
            Ok(self.folder().join(format!("{chain_id}.json")))
        } else {
            Err(ChainsError::Name(chain_id.into()))
        }
    }

    /// Reads what is known of the chain of that name.
    ///
    /// # Errors
    /// The file cannot be read, or does not describe a chain.
    pub fn get(&self, chain_id: &str) -> Result<Option<KnownChain>, ChainsError> {
        let path = self.path(chain_id)?;
        folder::check_down(&self.home, &path)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HomeError::io(&path, error).into()),
        };
        let known: KnownChain = serde_json::from_str(&text)
            .map_err(|error| ChainsError::Form { path: path.clone(), reason: error.to_string() })?;
        if known.chain_id != chain_id {
            let reason = format!("it is about `{}`", known.chain_id);
            return Err(ChainsError::Form { path, reason });
        }
        Ok(Some(known))
    }

    /// Records a chain, replacing what was known by its name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&self, chain: &KnownChain) -> Result<(), ChainsError> {
        let path = self.path(&chain.chain_id)?;
        folder::check_down(&self.home, &path)?;
        private_folder(&self.folder())?;
        let form = |error: serde_json::Error| ChainsError::Form { path: path.clone(), reason: error.to_string() };
        let text = serde_json::to_string_pretty(chain).map_err(form)?;
        Ok(write_whole(&path, &(text + "\n"))?)
    }

    /// Forgets a chain: the next node that shows one of that name is believed again.
    ///
    /// # Errors
    /// [`ChainsError::Missing`], or the file cannot be removed.
    pub fn forget(&self, chain_id: &str) -> Result<KnownChain, ChainsError> {
        let path = self.path(chain_id)?;
        let missing = || ChainsError::Missing { chain_id: chain_id.into(), folder: self.folder() };
        let known = self.get(chain_id)?.ok_or_else(missing)?;
        fs::remove_file(&path).map_err(|error| HomeError::io(&path, error))?;
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use diem_api::Hash;
    use diem_client::GasTable;
    use diem_core::Amount;

    use super::*;

    fn chain(name: &str, seed: u8) -> KnownChain {
        let (genesis_hash, min_gas_price) = (Hash([seed; 32]), Amount::new(5));
        KnownChain { chain_id: name.into(), genesis_hash, min_gas_price, gas: GasTable::default() }
    }

    #[test]
    fn a_chain_is_known_until_it_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let chains = Chains::of_home(home.path());
        assert_eq!(chains.get("diem-1").unwrap(), None);
        chains.put(&chain("diem-1", 1)).unwrap();
        chains.put(&chain("diem-2", 2)).unwrap();
        assert_eq!(chains.get("diem-1").unwrap(), Some(chain("diem-1", 1)));
        assert_eq!(chains.forget("diem-1").unwrap(), chain("diem-1", 1));
        assert_eq!(chains.get("diem-1").unwrap(), None);
        assert!(matches!(chains.forget("diem-1"), Err(ChainsError::Missing { .. })));
        assert_eq!(chains.get("diem-2").unwrap(), Some(chain("diem-2", 2)));
    }

    #[test]
    fn what_is_damaged_is_no_chain_seen_for_the_first_time() {
        let home = tempfile::tempdir().unwrap();
        let chains = Chains::of_home(home.path());
        chains.put(&chain("diem-1", 1)).unwrap();
        let file = home.path().join("wallet/chains/diem-1.json");
        fs::copy(&file, home.path().join("wallet/chains/diem-2.json")).unwrap();
        assert!(matches!(chains.get("diem-2"), Err(ChainsError::Form { .. })));
        fs::write(&file, "{").unwrap();
        assert!(matches!(chains.get("diem-1"), Err(ChainsError::Form { .. })));
    }

    #[test]
    fn what_others_can_change_is_no_memory() {
        let home = tempfile::tempdir().unwrap();
        let chains = Chains::of_home(home.path());
        chains.put(&chain("diem-1", 1)).unwrap();
        for name in ["wallet", "wallet/chains", "wallet/chains/diem-1.json"] {
            let path = home.path().join(name);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o022)).unwrap();
            assert!(matches!(chains.get("diem-1"), Err(ChainsError::Folder(_))), "{name}");
            assert!(matches!(chains.put(&chain("diem-1", 2)), Err(ChainsError::Folder(_))), "{name}");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        assert_eq!(chains.get("diem-1").unwrap(), Some(chain("diem-1", 1)));
    }

    #[test]
    fn what_is_known_by_an_older_wallet_has_the_usual_table_of_gas() {
        let home = tempfile::tempdir().unwrap();
        let chains = Chains::of_home(home.path());
        chains.put(&chain("diem-1", 1)).unwrap();
        let file = home.path().join("wallet/chains/diem-1.json");
        let mut known: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        known.as_object_mut().unwrap().remove("gas").unwrap();
        fs::write(&file, known.to_string()).unwrap();
        assert_eq!(chains.get("diem-1").unwrap(), Some(chain("diem-1", 1)));
    }

    #[test]
    fn the_name_that_a_node_gives_leads_nowhere_else() {
        let chains = Chains::of_home(Path::new("/nowhere"));
        for name in ["", "../keys/alice", "a/b", "diem\n1", &"x".repeat(51)] {
            assert!(matches!(chains.get(name), Err(ChainsError::Name(_))), "{name:?}");
            assert!(matches!(chains.put(&chain(name, 1)), Err(ChainsError::Name(_))), "{name:?}");
        }
    }
}
