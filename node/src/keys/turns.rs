//! Turns of one sender: commands of a wallet that run at the same time ask for the nonce, sign and hand on one after
//! another, so that none signs with a nonce that another one has taken. The file that they lock also keeps the signatures
//! of which nobody knows whether they still count, for the command that comes next.

use std::{
    fs::File,
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use diem_client::{Client, KnownChain, api::Hash, guard::Unsettled};
use diem_core::Address;
use serde::{Deserialize, Serialize};

use super::folder::{self, UnsafeFolder};
use crate::home::{HomeError, private_folder};

/// Why a sender has no turn.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Somebody else could change what is known.
    #[error(transparent)]
    Folder(#[from] UnsafeFolder),
    /// The system refuses.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file is damaged.
    #[error(
        "{path} does not say which transactions of this sender may still count ({reason}): remove it if you know of none"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the file of a sender holds while something is not settled; else it is empty.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    chain_id: String,
    genesis_hash: Hash,
    transactions: Vec<Unsettled>,
}

/// The turn of a sender; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Turn {
    file: File,
    path: PathBuf,
    sender: Address,
    chain: KnownChain,
}

impl Turn {
    /// Waits until no other command of `sender` has the turn, in the wallet of `home`, and tells `client` what of the
    /// sender's signatures on this chain may still count.
    ///
    /// # Errors
    /// [`TurnError`]: then nobody takes turns.
    pub fn take(home: &Path, sender: Address, chain: &KnownChain, client: &Client) -> Result<Self, TurnError> {
        folder::check(home)?;
        let senders = home.join("wallet").join("senders");
        private_folder(&senders)?;
        let path = senders.join(format!("{sender}.json"));
        let opened = File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(&path);
        let file = opened.map_err(|error| HomeError::io(&path, error))?;
        file.lock().map_err(|error| HomeError::io(&path, error))?;
        let mut turn = Self { file, path, sender, chain: chain.clone() };
        if let Some(record) = turn.read()?
            && (&record.chain_id, record.genesis_hash) == (&chain.chain_id, chain.genesis_hash)
        {
            record.transactions.into_iter().for_each(|open| client.remember(sender, open));
        }
        Ok(turn)
    }

    fn read(&mut self) -> Result<Option<Record>, TurnError> {
        let mut text = String::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_string(&mut text));
        read.map_err(|error| HomeError::io(&self.path, error))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        let form = |error: serde_json::Error| TurnError::Form { path: self.path.clone(), reason: error.to_string() };
        serde_json::from_str(&text).map(Some).map_err(form)
    }

    /// Keeps the signatures that may still count for the next command.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&mut self, transactions: Vec<Unsettled>) -> Result<(), TurnError> {
        let record =
            Record { chain_id: self.chain.chain_id.clone(), genesis_hash: self.chain.genesis_hash, transactions };
        let form = |error: serde_json::Error| TurnError::Form { path: self.path.clone(), reason: error.to_string() };
        let text = match record.transactions.is_empty() {
            true => String::new(),
            false => serde_json::to_string_pretty(&record).map_err(form)? + "\n",
        };
        let written = self.file.set_len(0).and_then(|()| self.file.rewind());
        let written = written.and_then(|()| self.file.write_all(text.as_bytes())).and_then(|()| self.file.sync_data());
        Ok(written.map_err(|error| HomeError::io(&self.path, error))?)
    }

    /// Whose turn it is.
    pub const fn sender(&self) -> &Address {
        &self.sender
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_core::Amount;

    use super::*;

    const SENDER: Address = Address([7; 20]);

    fn chain(seed: u8) -> KnownChain {
        KnownChain { chain_id: "x-dev".into(), genesis_hash: Hash([seed; 32]), min_gas_price: Amount::new(5) }
    }

    fn client() -> Client {
        Client::new("http://127.0.0.1:1").unwrap()
    }

    #[test]
    fn what_may_still_count_is_there_for_the_next_command_on_the_same_chain() {
        let home = tempfile::tempdir().unwrap();
        let open = Unsettled { hash: Hash([1; 32]), nonce: 4, expiry: 90 };
        let mut turn = Turn::take(home.path(), SENDER, &chain(1), &client()).unwrap();
        turn.keep(vec![open]).unwrap();
        drop(turn);
        let (same, other) = (client(), client());
        drop(Turn::take(home.path(), SENDER, &chain(2), &other).unwrap());
        assert_eq!(other.unsettled(&SENDER), []);
        let mut turn = Turn::take(home.path(), SENDER, &chain(1), &same).unwrap();
        assert_eq!(same.unsettled(&SENDER), [open]);
        turn.keep(Vec::new()).unwrap();
        drop(turn);
        let next = client();
        drop(Turn::take(home.path(), SENDER, &chain(1), &next).unwrap());
        assert_eq!(next.unsettled(&SENDER), []);
    }

    #[test]
    fn a_turn_begins_when_the_one_before_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let first = Turn::take(home.path(), SENDER, &chain(1), &client()).unwrap();
        let path = home.path().to_path_buf();
        let second = std::thread::spawn(move || drop(Turn::take(&path, SENDER, &chain(1), &client()).unwrap()));
        let other = Turn::take(home.path(), Address([8; 20]), &chain(1), &client()).unwrap();
        assert_eq!(other.sender(), &Address([8; 20]), "another sender waits for nobody");
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!second.is_finished());
        drop(first);
        second.join().unwrap();
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_one_that_says_nothing() {
        let home = tempfile::tempdir().unwrap();
        drop(Turn::take(home.path(), SENDER, &chain(1), &client()).unwrap());
        std::fs::write(home.path().join(format!("wallet/senders/{SENDER}.json")), "{").unwrap();
        let error = Turn::take(home.path(), SENDER, &chain(1), &client()).unwrap_err();
        assert!(matches!(error, TurnError::Form { .. }), "{error}");
    }
}
