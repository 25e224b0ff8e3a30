//! The start of a node's chain, and how a node learns it without reading the genesis each time.
//!
//! The genesis of a large chain is a large file. A home whose store has a height needs nothing of it: the identity of
//! the chain is a row of the state. The only question left is whether the file in the home is still the one that the
//! chain began with. A note of the file, as it was when it was last read, answers that; only where the note does not
//! fit, the file is read again.

use std::{
    fs::{File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
};

use diem_core::{chain::Identity, sha256};
use diem_host::home::{Home, HomeError};
use diem_types::{ConsensusParams, GenesisDoc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The start of a node's chain.
#[derive(Debug, Clone)]
pub enum Origin {
    /// No block is committed yet, so the chain starts from the whole genesis.
    Genesis {
        /// The genesis document.
        doc: Arc<GenesisDoc>,
        /// The hash of the document, which takes a walk over all of it.
        hash: [u8; 32],
    },
    /// The store holds the chain.
    Begun {
        /// The identity of the chain, from its state.
        chain: Arc<Identity>,
        /// The parameters that consensus was told, from there too.
        consensus: ConsensusParams,
    },
}

impl From<GenesisDoc> for Origin {
    fn from(genesis: GenesisDoc) -> Self {
        Self::Genesis { hash: genesis.hash(), doc: Arc::new(genesis) }
    }
}

/// The `app_state` of CometBFT's genesis: it holds only the hash of the genesis. The state itself comes from the node's
/// own file, so that CometBFT neither stores nor sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppState {
    /// The sha256 of the canonical genesis.
    #[serde(with = "hex::serde")]
    pub genesis_hash: [u8; 32],
}

/// The reason why the start of a home's chain is not known.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// The genesis file is not valid.
    #[error(transparent)]
    Genesis(#[from] diem_genesis::Error),
    /// There is no genesis file, and no state that could go on without it.
    #[error(
        "{0} is missing, and this home holds no block yet: put the genesis of the chain there, as a node that you trust gives it \
         (curl NODE/v1/genesis), and start the node again"
    )]
    Missing(std::path::PathBuf),
    /// The genesis file is of another chain than the state.
    #[error(
        "{home} holds the state of a chain with genesis {held}, but its genesis.json has {given}: put the old genesis.json back, or start in a new home"
    )]
    Other {
        /// The path of the home.
        home: std::path::PathBuf,
        /// The genesis hash in the store.
        held: String,
        /// The hash of the genesis file.
        given: String,
    },
    /// The chain starts with another version of the state machine than this binary's.
    #[error("{0}")]
    Version(String),
    /// The home cannot be written.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl Origin {
    /// The genesis time; `None` once the chain has begun.
    pub fn starts_at(&self) -> Option<diem_core::Time> {
        match self {
            Self::Genesis { doc, .. } => Some(doc.genesis_time),
            Self::Begun { .. } => None,
        }
    }

    /// Finds the start of the chain of `home`; `begun` is the identity in its state and the parameters of consensus
    /// there, if a block was committed. Whether that is the chain of the home's genesis file is for [`Self::check`].
    ///
    /// # Errors
    /// [`OriginError`] says what to do.
    pub fn of(home: &Home, begun: Option<(Arc<Identity>, ConsensusParams)>) -> Result<Self, OriginError> {
        if let Some((chain, consensus)) = begun {
            return Ok(Self::Begun { chain, consensus });
        }
        let (doc, note) = read(home)?;
        diem_runtime::check_version(&doc).map_err(|error| OriginError::Version(error.0))?;
        keep(home, &note)?;
        Ok(Self::from(doc))
    }

    /// Checks that the genesis file of the home is that of `chain`. A home without the file is served all the same:
    /// nothing but the API's `/v1/genesis` needs it. Where the file is of another chain, nothing is written.
    ///
    /// # Errors
    /// [`OriginError`] says what to do.
    pub fn check(home: &Home, chain: &Identity) -> Result<(), OriginError> {
        let path = home.genesis_file();
        let stamp = match std::fs::metadata(&path) {
            Ok(found) => Stamp::of(&found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), "the genesis file is missing: the node runs, but cannot give it to others");
                return Ok(());
            }
            Err(error) => return Err(open_error(&path, error)),
        };
        let known = kept(home);
        if let Some(note) = known.as_ref().filter(|note| note.file == stamp) {
            return same(home, chain, note.genesis_hash);
        }
        let (stamp, digest) = digest(&path)?;
        // The file has the same bytes but another stamp: the home was copied, say.
        if let Some(note) = known.filter(|note| note.digest == digest) {
            same(home, chain, note.genesis_hash)?;
            return keep(home, &Note { file: stamp, ..note });
        }
        let (_, note) = read(home)?;
        same(home, chain, note.genesis_hash)?;
        keep(home, &note)
    }

    /// The chain id.
    pub fn chain_id(&self) -> &str {
        match self {
            Self::Genesis { doc, .. } => &doc.chain_id,
            Self::Begun { chain, .. } => &chain.chain_id,
        }
    }

    /// The hash of the genesis.
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Self::Genesis { hash, .. } => *hash,
            Self::Begun { chain, .. } => chain.genesis_hash,
        }
    }

    /// The identity of the chain: of a genesis, that with which it begins.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Genesis { doc, hash } => Identity {
                chain_id: doc.chain_id.clone(),
                genesis_hash: *hash,
                initial_height: doc.initial_height,
                app_version: doc.app_version,
            },
            Self::Begun { chain, .. } => Identity::clone(chain),
        }
    }

    /// The most bytes of a block, as consensus was told.
    pub fn block_max_bytes(&self) -> u64 {
        match self {
            Self::Genesis { doc, .. } => doc.consensus.block_max_bytes,
            Self::Begun { consensus, .. } => consensus.block_max_bytes,
        }
    }
}

/// The metadata of a file when it was read. It includes the time of the last change of any kind (ctime), which nobody
/// can set at will: whoever replaces the file leaves a trace, whatever size and date the new file has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

/// The note about a genesis file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    file: Stamp,
    /// The sha256 of the file's bytes.
    #[serde(with = "hex::serde")]
    digest: [u8; 32],
    /// The hash of the genesis that it holds.
    #[serde(with = "hex::serde")]
    genesis_hash: [u8; 32],
}

/// Reads the whole genesis of the home, and what there is to note of it.
fn read(home: &Home) -> Result<(GenesisDoc, Note), OriginError> {
    let path = home.genesis_file();
    if path.try_exists().is_ok_and(|exists| !exists) {
        return Err(OriginError::Missing(path));
    }
    let (stamp, bytes) = load(&path)?;
    let digest = sha256(&[&bytes]);
    let name = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|_| open_error(&path, "it is not UTF-8 text"))?;
    let genesis = diem_genesis::from_json(&text, &name)?;
    let note = Note { file: stamp, digest, genesis_hash: genesis.hash() };
    Ok((genesis, note))
}

fn same(home: &Home, chain: &Identity, given: [u8; 32]) -> Result<(), OriginError> {
    if given == chain.genesis_hash {
        return Ok(());
    }
    let (held, given) = (hex::encode(chain.genesis_hash), hex::encode(given));
    Err(OriginError::Other { home: home.root().into(), held, given })
}

/// Reads a file; returns its bytes and its stamp at that time.
fn load(path: &Path) -> Result<(Stamp, Vec<u8>), OriginError> {
    let read = || -> io::Result<(Stamp, Vec<u8>)> {
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut bytes = Vec::with_capacity(usize::try_from(stamp.bytes).unwrap_or_default());
        file.read_to_end(&mut bytes)?;
        Ok((stamp, bytes))
    };
    read().map_err(|error| open_error(path, error))
}

/// Computes the sha256 of a file and its stamp at that time, with only a piece of it in memory at once.
fn digest(path: &Path) -> Result<(Stamp, [u8; 32]), OriginError> {
    let read = || -> io::Result<(Stamp, [u8; 32])> {
        let mut file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let (mut hasher, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            let length = file.read(&mut piece)?;
            if length == 0 {
                return Ok((stamp, hasher.finalize().into()));
            }
            hasher.update(piece.get(..length).unwrap_or_default());
        }
    };
    read().map_err(|error| open_error(path, error))
}

fn open_error(path: &Path, reason: impl std::fmt::Display) -> OriginError {
    diem_genesis::Error::Open { path: path.display().to_string(), reason: reason.to_string() }.into()
}

fn note_file(home: &Home) -> std::path::PathBuf {
    home.run().join("genesis.note")
}

/// Reads the note. A note that is missing or unreadable only costs another read of the file.
fn kept(home: &Home) -> Option<Note> {
    serde_json::from_slice(&std::fs::read(note_file(home)).ok()?).ok()
}

fn keep(home: &Home, note: &Note) -> Result<(), OriginError> {
    #[expect(clippy::expect_used, reason = "numbers and hex have a form in JSON, and memory takes every write")]
    let text = serde_json::to_string(note).expect("a note is JSON");
    Ok(home.write(&note_file(home), &text)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, os::unix::fs::PermissionsExt as _, time::SystemTime};

    use diem_core::Time;
    use diem_genesis::presets;

    use super::*;

    fn genesis(time: u64) -> GenesisDoc {
        presets::preset("dev").unwrap().unwrap().resolve(Some(Time(time))).unwrap()
    }

    fn begun(genesis: &GenesisDoc) -> (Arc<Identity>, ConsensusParams) {
        let app = diem_runtime::App::in_memory(diem_runtime::Options::default());
        app.init_chain(genesis).unwrap();
        (app.chain().unwrap(), app.consensus_params())
    }

    fn home(folder: &tempfile::TempDir, genesis: &GenesisDoc) -> Home {
        let home = Home::at(folder.path());
        home.create().unwrap();
        home.write(&home.genesis_file(), &diem_genesis::to_json(genesis)).unwrap();
        home
    }

    /// Damages the body of the genesis file so that the note still fits, as nothing but a test can: a reader of the
    /// file would fail.
    fn spoil(home: &Home) {
        let path = home.genesis_file();
        fs::write(&path, vec![b'#'; usize::try_from(fs::metadata(&path).unwrap().len()).unwrap()]).unwrap();
        let note = kept(home).unwrap();
        keep(home, &Note { file: Stamp::of(&fs::metadata(&path).unwrap()), ..note }).unwrap();
    }

    #[test]
    fn the_file_is_read_before_the_first_block_and_never_again() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis(1_790_000_000_123);
        let (home, chain) = (home(&folder, &genesis), begun(&genesis));
        let first = Origin::of(&home, None).unwrap();
        assert!(matches!(&first, Origin::Genesis { doc, .. } if **doc == genesis));
        spoil(&home);
        Origin::check(&home, &chain.0).unwrap();
        let later = Origin::of(&home, Some(chain.clone())).unwrap();
        assert_eq!((later.chain_id(), later.hash()), ("diem-dev-1", genesis.hash()));
        assert!(Origin::of(&home, None).is_err(), "what reads the file sees the damage");
    }

    #[test]
    fn another_chains_file_is_refused_even_with_the_size_and_the_date_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let old = genesis(1_790_000_000_123);
        let (home, chain) = (home(&folder, &old), begun(&old));
        Origin::of(&home, None).unwrap();
        let (path, other) = (home.genesis_file(), genesis(1_790_000_000_124));
        let date = fs::metadata(&path).unwrap().modified().unwrap();
        let text = diem_genesis::to_json(&other);
        assert_eq!(fs::metadata(&path).unwrap().len(), u64::try_from(text.len()).unwrap());
        fs::write(&path, &text).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(date).unwrap();
        let said = Origin::check(&home, &chain.0).unwrap_err().to_string();
        assert!(said.contains(&hex::encode(old.hash())) && said.contains(&hex::encode(other.hash())), "{said}");
        assert!(Origin::check(&home, &chain.0).is_err(), "nothing of it was noted");
    }

    #[test]
    fn the_same_genesis_moved_dated_anew_or_written_otherwise_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let genesis = genesis(1_790_000_000_123);
        let (home, chain) = (home(&folder, &genesis), begun(&genesis));
        let start = || Origin::check(&home, &chain.0);
        start().unwrap();
        let path = home.genesis_file();
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        start().unwrap();
        fs::write(&path, serde_json::to_string(&genesis).unwrap()).unwrap();
        start().unwrap();
        fs::remove_file(note_file(&home)).unwrap();
        start().unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        start().unwrap();
        fs::remove_file(&path).unwrap();
        start().unwrap();
        // Without a block there is nothing to go on with.
        let said = Origin::of(&home, None).unwrap_err().to_string();
        assert!(
            said.starts_with(&format!("{} is missing", path.display())) && said.contains("curl NODE/v1/genesis"),
            "{said}"
        );
    }
}
