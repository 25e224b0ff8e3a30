//! The lock of a sender: commands of a wallet that run at the same time ask for the nonce, sign and hand on one after
//! another, so that none signs with a nonce that another one has taken. Beside the lock file stands a file with the
//! sender's signatures that may still count, on whatever chain, for the command that comes next.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use diem_api::Hash;
use diem_client::{Client, Sender, Unsettled};
use diem_host::home::{HomeError, private_folder, write_whole};
use serde::{Deserialize, Serialize};

use diem_host::folder::{self, UnsafeFolder};

/// The reason why a sender's lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Others can write in the folder, and so change what is known.
    #[error(transparent)]
    Folder(#[from] UnsafeFolder),
    /// The wallet cannot be written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The file is damaged.
    #[error(
        "it cannot be read ({reason}): repair {path}, or remove it if you know of no transaction that may still come"
    )]
    Form {
        /// The path of the file.
        path: PathBuf,
        /// The fault of the file.
        reason: String,
    },
}

/// The signatures that may still count on one chain. A sender's file is a list of these.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    chain_id: String,
    genesis_hash: Hash,
    transactions: Vec<Unsettled>,
}

impl Record {
    fn is_of(&self, sender: &Sender) -> bool {
        (&self.chain_id, self.genesis_hash) == (&sender.chain_id, sender.genesis_hash)
    }
}

/// The lock of a sender; it is released on drop, or with the process.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
    path: PathBuf,
    sender: Sender,
}

impl Turn {
    /// Waits until no other command of `sender` holds the lock in the wallet of `home`, and tells `client` which of the
    /// sender's signatures may still count on its chain.
    ///
    /// # Errors
    /// [`TurnError`]: then nobody knows what may still count.
    pub fn take(home: &Path, sender: Sender, client: &Client) -> Result<Self, TurnError> {
        let senders = home.join("wallet").join("senders");
        let path = senders.join(format!("{}.json", sender.address));
        let lock = path.with_extension("lock");
        folder::check_down(home, &path)?;
        folder::check(&lock)?;
        private_folder(&senders)?;
        // The lock has a file of its own, because the other file is replaced as a whole.
        let opened = File::options().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let file = opened.map_err(|error| HomeError::io(&lock, error))?;
        file.lock().map_err(|error| HomeError::io(&lock, error))?;
        let turn = Self { _lock: file, path, sender };
        for record in turn.read()?.into_iter().filter(|record| record.is_of(&turn.sender)) {
            record.transactions.into_iter().for_each(|open| client.remember(turn.sender.clone(), open));
        }
        Ok(turn)
    }

    fn read(&self) -> Result<Vec<Record>, TurnError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| self.form(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            // Bytes that are no text are damage like any other.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(self.form(&error)),
            Err(error) => Err(HomeError::io(&self.path, error).into()),
        }
    }

    fn form(&self, error: &dyn std::error::Error) -> TurnError {
        TurnError::Form { path: self.path.clone(), reason: error.to_string() }
    }

    /// Keeps the signatures of this chain that may still count for the next command; those of others stay as they are.
    ///
    /// # Errors
    /// The file cannot be written; then it is as it was.
    pub fn keep(&self, transactions: Vec<Unsettled>) -> Result<(), TurnError> {
        let mut records = self.read()?;
        let known = records.iter().any(|record| record.is_of(&self.sender));
        if transactions.is_empty() && !known {
            return Ok(());
        }
        records.retain(|record| !record.is_of(&self.sender));
        if !transactions.is_empty() {
            let Sender { chain_id, genesis_hash, .. } = self.sender.clone();
            records.push(Record { chain_id, genesis_hash, transactions });
        }
        let text = serde_json::to_string_pretty(&records).map_err(|error| self.form(&error))?;
        Ok(write_whole(&self.path, &(text + "\n"))?)
    }

    /// The sender whose lock this is.
    pub const fn sender(&self) -> &Sender {
        &self.sender
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use diem_core::Address;

    use super::*;

    fn sender(chain: u8) -> Sender {
        Sender { chain_id: "x-dev".into(), genesis_hash: Hash([chain; 32]), address: Address([7; 20]) }
    }

    fn client() -> Client {
        Client::new("http://127.0.0.1:1").unwrap()
    }

    /// The signatures that the next command learns of.
    fn next(home: &Path, sender: &Sender) -> Vec<Unsettled> {
        let client = client();
        drop(Turn::take(home, sender.clone(), &client).unwrap());
        client.unsettled(sender)
    }

    fn file(home: &Path) -> PathBuf {
        home.join(format!("wallet/senders/{}.json", sender(1).address))
    }

    fn open(nonce: u64) -> Unsettled {
        Unsettled { hash: Some(Hash([1; 32])), nonce, expiry: 90 }
    }

    #[test]
    fn what_may_still_count_is_there_for_the_next_command_on_the_same_chain() {
        let home = tempfile::tempdir().unwrap();
        let turn = Turn::take(home.path(), sender(1), &client()).unwrap();
        turn.keep(vec![open(4)]).unwrap();
        drop(turn);
        assert_eq!((next(home.path(), &sender(2)), next(home.path(), &sender(1))), (vec![], vec![open(4)]));
        Turn::take(home.path(), sender(1), &client()).unwrap().keep(Vec::new()).unwrap();
        assert_eq!(next(home.path(), &sender(1)), []);
    }

    #[test]
    fn a_command_on_another_chain_forgets_nothing_of_the_first() {
        let home = tempfile::tempdir().unwrap();
        Turn::take(home.path(), sender(1), &client()).unwrap().keep(vec![open(4)]).unwrap();
        let renamed = Sender { chain_id: "y-dev".into(), ..sender(1) };
        for other in [sender(2), renamed] {
            let turn = Turn::take(home.path(), other.clone(), &client()).unwrap();
            turn.keep(vec![open(0)]).unwrap();
            drop(turn);
            assert_eq!(next(home.path(), &other), [open(0)]);
            Turn::take(home.path(), other, &client()).unwrap().keep(Vec::new()).unwrap();
            assert_eq!(next(home.path(), &sender(1)), [open(4)]);
        }
    }

    #[test]
    fn a_turn_begins_when_the_one_before_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let first = Turn::take(home.path(), sender(1), &client()).unwrap();
        let path = home.path().to_path_buf();
        let second = std::thread::spawn(move || drop(Turn::take(&path, sender(1), &client()).unwrap()));
        let other = Sender { address: Address([8; 20]), ..sender(1) };
        let turn = Turn::take(home.path(), other.clone(), &client()).unwrap();
        assert_eq!(turn.sender(), &other, "another sender waits for nobody");
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!second.is_finished());
        first.keep(vec![open(1)]).unwrap();
        assert!(!second.is_finished(), "the file is replaced, and the lock stays");
        drop(first);
        second.join().unwrap();
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_one_that_says_nothing() {
        let home = tempfile::tempdir().unwrap();
        Turn::take(home.path(), sender(1), &client()).unwrap().keep(vec![open(4)]).unwrap();
        for damage in ["", "{", "{}", "[{}]", "\0\0\0"] {
            fs::write(file(home.path()), damage).unwrap();
            let error = Turn::take(home.path(), sender(1), &client()).unwrap_err();
            assert!(matches!(error, TurnError::Form { .. }), "{damage:?}: {error}");
        }
        fs::write(file(home.path()), [0xff]).unwrap();
        assert!(matches!(Turn::take(home.path(), sender(1), &client()), Err(TurnError::Form { .. })));
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let home = tempfile::tempdir().unwrap();
        let turn = Turn::take(home.path(), sender(1), &client()).unwrap();
        turn.keep(vec![open(4)]).unwrap();
        // A folder stands where the temporary file would be.
        let temporary = file(home.path()).with_extension(format!("new-{}", std::process::id()));
        fs::create_dir(&temporary).unwrap();
        assert!(matches!(turn.keep(vec![open(5)]), Err(TurnError::Home(_))));
        fs::remove_dir(&temporary).unwrap();
        drop(turn);
        assert_eq!(next(home.path(), &sender(1)), [open(4)]);
    }

    #[test]
    fn what_others_can_change_is_no_memory() {
        let home = tempfile::tempdir().unwrap();
        Turn::take(home.path(), sender(1), &client()).unwrap().keep(vec![open(4)]).unwrap();
        let senders = home.path().join("wallet/senders");
        for path in [home.path().join("wallet"), senders, file(home.path())] {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o022)).unwrap();
            let refused = Turn::take(home.path(), sender(1), &client());
            assert!(matches!(refused, Err(TurnError::Folder(_))), "{}", path.display());
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}
