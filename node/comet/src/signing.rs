//! What keeps this node's validator key from signing twice.
//!
//! ```text
//! guard    compares the signing state with what the chain shows of the key's signatures, with every block
//! ahead    tells of a signing state that is above the chain, so that its key signs nothing
//! mark     tells a home from a copy of it
//! listen   waits, as a node without a key, until it is known that nobody else signs
//! peers    the heights at which others stand
//! ```
//!
//! The guard sees what is in a block's commit. What is on no block yet it cannot see: CometBFT votes as soon as it is one
//! block behind. So a node that may have a twin listens first.

mod ahead;
mod guard;
mod listen;
mod mark;
pub(crate) mod peers;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use diem_config::{
    consensus_key::{self, KeyError},
    signing_state,
};
use diem_core::{Fatal, context::ConsensusAddress};
use diem_engine::origin::Origin;
use diem_host::{clock, home::HomeError};
use diem_index::signing::put_signed;
use diem_runtime::App;

pub(crate) use ahead::{Ahead, Silence};
pub(crate) use guard::Guard;
pub(crate) use listen::Listener;
pub(crate) use peers::known;

use crate::abci::OnFatal;
use mark::Found;

/// The folder of the key with which a node listens, inside the folder of what has no worth when nothing runs.
const OTHER_KEY: &str = "listening";

/// Removes the mark in the folder `run`: the next start listens before it signs.
///
/// # Errors
/// The disk refuses.
pub fn forget_mark(run: &Path) -> Result<(), HomeError> {
    mark::forget(run)
}

/// How this node keeps its key from signing twice.
#[derive(Clone)]
pub struct Signing {
    /// The folder of the mark, and of the key with which the node listens.
    pub run: PathBuf,
    /// The number of blocks without its own signature for which it listens.
    pub listen: u64,
    /// The time for which it listens where no block comes.
    pub listen_still: Duration,
    /// The age of the last commit from which on it listens; `None` never does for that reason.
    pub stale: Option<Duration>,
    /// Whether a remote signer has the key, and with it the signing state: only listening is left to this node.
    pub remote: bool,
    /// The address of the key that was exported from this home: the node never signs, and looks after what that key signs.
    pub away: Option<ConsensusAddress>,
    /// The address of the key whose signing state is raised to what the chain shows: its owner knows that no other node
    /// signs with it.
    pub raise: Option<ConsensusAddress>,
    /// The callback that is called with a sentence when signing is not safe any more, before the node ends for it.
    pub on_unsafe: OnFatal,
}

impl Signing {
    /// The defaults of a node, with marks in the folder `run`, which never listens because of the last commit's age.
    pub fn new(run: PathBuf) -> Self {
        Self {
            run,
            listen: 10,
            listen_still: Duration::from_secs(60),
            stale: None,
            remote: false,
            away: None,
            raise: None,
            on_unsafe: Arc::new(|_| {}),
        }
    }
}

/// The reason why this node may not sign.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The signing state is behind what the key has signed.
    #[error(
        "signing is not safe: {path} says that this validator's key signed height {state} last, but {shown} height {signed}. \
         Either the key signs on another machine too, or this file is an older one. Look for another node with the key \
         (address {address}) and stop it, and put the newest {name} back. Only if no other node signs: \
         `diemd start --i-know-that-no-other-node-signs {address}` raises the file to what the chain shows",
        path = path.display(), name = "priv_validator_state.json"
    )]
    Behind {
        /// The path of the signing state.
        path: PathBuf,
        /// The height that it has.
        state: u64,
        /// Where the higher height stands, as the words before it.
        shown: &'static str,
        /// The height that the key has signed.
        signed: u64,
        /// The address of the key, in hex.
        address: String,
    },
    /// The operator named another key than that of the home.
    #[error(
        "--i-know-that-no-other-node-signs names {named}, but the key of this home has the address {own}: name the key of \
         this home, if no other node signs with it"
    )]
    OtherKey {
        /// The address that was named, in hex.
        named: String,
        /// The address of the key, in hex.
        own: String,
    },
    /// The operator vouches for a key that is not here.
    #[error(
        "the key of this home was exported, so it signs nothing and there is nothing to raise: `diemd validator import-key` \
         brings it back"
    )]
    Away,
    /// The operator vouches for a key that a remote signer has.
    #[error(
        "a remote signer (`comet.signer`) has the key and its signing state, so there is nothing to raise here: look there for \
         what it signed last"
    )]
    Remote,
    /// A key or a signing state cannot be read or written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The mark or a key cannot be written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store cannot keep the mark.
    #[error(transparent)]
    Store(#[from] Fatal),
}

/// Why a node listens before it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The mark of the last start is not in its place.
    Moved,
    /// The node begins by a snapshot, and sees no commit from before it.
    Joins,
    /// The last commit is this old.
    Stale(Duration),
    /// The operator has the signing state raised.
    Raised,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Moved => f.write_str(
                "this home is not where its last start left it (copied, restored, moved or unpacked), was given a key, or was \
                 stopped while it listened",
            ),
            Self::Joins => f.write_str("it begins by a snapshot and has not seen what its key signed before"),
            Self::Stale(age) => write!(f, "its last block is {} s old", age.as_secs()),
            Self::Raised => f.write_str("its signing state is raised to what the chain shows"),
        }
    }
}

/// What a start finds out about the key of a home.
pub(crate) struct Readiness {
    pub(crate) guard: Arc<Guard>,
    /// The folder of the key that CometBFT is given in place of the home's own.
    pub(crate) other_key: Option<PathBuf>,
    /// Why the node listens first, if it does.
    pub(crate) listens: Option<Reason>,
    /// The signing state and the address of the key that this home signs with, if it does.
    pub(crate) own: Option<(PathBuf, ConsensusAddress)>,
}

impl Signing {
    /// Judges the key of the CometBFT home `comet` before CometBFT is started: makes it where there is none, refuses one
    /// whose signing state is behind, and decides whether the node listens first. `joins` says that it begins by a snapshot.
    ///
    /// # Errors
    /// [`SigningError`] says what to do.
    pub(crate) fn judge(
        &self,
        comet: &Path,
        app: &Arc<App>,
        origin: &Origin,
        joins: bool,
    ) -> Result<Readiness, SigningError> {
        let on_unsafe = Arc::clone(&self.on_unsafe);
        if self.remote {
            return self.judge_remote(app, origin, joins);
        }
        if let Some(away) = self.away {
            self.vouch(comet, app)?;
            tracing::warn!(
                address = hex::encode(away),
                "the key of this home was exported: this node follows the chain and signs nothing"
            );
            let guard = Arc::new(Guard::of_exported(Arc::clone(app), away));
            return Ok(Readiness { guard, other_key: Some(self.make_other_key()?), listens: None, own: None });
        }
        self.vouch(comet, app)?;
        let state = signing_state::file_of(comet);
        let is_new = !consensus_key::key_file_of(comet).exists();
        let address = consensus_key::validator_key(comet)?.address();
        if is_new {
            let path = consensus_key::key_file_of(comet);
            tracing::warn!(address = hex::encode(address), "this home had no validator key: {} is new", path.display());
        }
        let guard = Arc::new(Guard::open(Arc::clone(app), address, state.clone(), on_unsafe));
        guard.check()?;
        let listens = self.reason(app, origin, Some(&state), joins)?;
        if self.raise.is_some() {
            guard.raise_while_catching_up();
        }
        Ok(Readiness { own: Some((state, address)), ..self.readiness(guard, listens)? })
    }

    /// Judges a home whose key is in a remote signer: nothing is known of what it signed.
    fn judge_remote(&self, app: &Arc<App>, origin: &Origin, joins: bool) -> Result<Readiness, SigningError> {
        if self.raise.is_some() {
            return Err(SigningError::Remote);
        }
        let guard = Arc::new(Guard::of_remote(Arc::clone(app)));
        let listens = self.reason(app, origin, None, joins)?;
        self.readiness(guard, listens)
    }

    /// Makes the key with which the node listens, or leaves the mark of a start that signs at once.
    fn readiness(&self, guard: Arc<Guard>, listens: Option<Reason>) -> Result<Readiness, SigningError> {
        let other_key = if listens.is_some() {
            // Whatever ends this node before it has listened to the end, the next start listens again.
            mark::forget(&self.run)?;
            Some(self.make_other_key()?)
        } else {
            self.leave_mark(&guard)?;
            None
        };
        Ok(Readiness { guard, other_key, listens, own: None })
    }

    /// Raises the signing state in the CometBFT home `comet` to what the chain shows, where the owner of the key has vouched
    /// that no other node signs with it. A state that is missing is made, and the node listens, in this start or a later one.
    ///
    /// # Errors
    /// The owner has named another key than that of this home.
    pub fn vouch(&self, comet: &Path, app: &App) -> Result<(), SigningError> {
        let Some(named) = self.raise else { return Ok(()) };
        if self.away.is_some() {
            return Err(SigningError::Away);
        }
        let own = consensus_key::key_address(comet)?;
        if named != own {
            return Err(SigningError::OtherKey { named: hex::encode(named), own: hex::encode(own) });
        }
        mark::forget(&self.run)?;
        let state = signing_state::file_of(comet);
        let signed = app.index().signed(&own);
        // Where the file was moved away because it was above the chain, what the index has of it is given up with it.
        let reached = signed.reached(app.info().height);
        if reached != signed && !state.exists() {
            app.write_index(&[put_signed(&own, reached)])?;
            signing_state::raise(&state, reached.highest())?;
        } else {
            signing_state::raise(&state, signed.highest())?;
        }
        Ok(())
    }

    /// Why the node listens before it signs; `state` is the signing state, where this home has one.
    fn reason(
        &self,
        app: &App,
        origin: &Origin,
        state: Option<&Path>,
        joins: bool,
    ) -> Result<Option<Reason>, SigningError> {
        let found = Found::in_folder(&self.run)?;
        if self.raise.is_some() {
            return Ok(Some(Reason::Raised));
        }
        let Some(meta) = app.store().meta() else {
            let signed = state.map_or(Ok(0), signing_state::height)?;
            // A chain of which nothing is committed has no row for a mark. A key of this home has signed nothing there, or
            // no more than its first height in an earlier run of the same home.
            let first = match origin {
                Origin::Genesis { doc, .. } => doc.initial_height,
                Origin::Begun { .. } => 0,
            };
            let fresh = match found {
                Found::None => signed == 0,
                Found::InPlace(_) => signed <= first,
                Found::Elsewhere => false,
            };
            return Ok(match (joins, fresh) {
                (true, _) => Some(Reason::Joins),
                (false, false) => Some(Reason::Moved),
                (false, true) => None,
            });
        };
        if !matches!(found, Found::InPlace(mark) if app.index().mark() == Some(mark)) {
            return Ok(Some(Reason::Moved));
        }
        let age = Duration::from_millis(clock::now().saturating_sub(meta.time_ms));
        Ok(self.stale.filter(|stale| age >= *stale).map(|_| Reason::Stale(age)))
    }

    /// Ends the listening: the signing state is compared once more, and from now on this home alone signs with its key.
    ///
    /// # Errors
    /// The signing state is behind, or the mark cannot be kept.
    pub(crate) fn begin(&self, guard: &Guard) -> Result<(), SigningError> {
        guard.is_live(0);
        guard.check()?;
        self.leave_mark(guard)
    }

    /// Leaves a new mark in home and store.
    fn leave_mark(&self, guard: &Guard) -> Result<(), SigningError> {
        Ok(guard.mark(mark::draw(&self.run)?)?)
    }

    /// Makes a key that nobody has heard of, with which CometBFT follows the chain and votes for nothing.
    fn make_other_key(&self) -> Result<PathBuf, SigningError> {
        let folder = self.run.join(OTHER_KEY);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(HomeError::io(&folder, error).into());
            }
            _ => {}
        }
        consensus_key::write_validator_key(&folder, &consensus_key::generate())?;
        Ok(folder)
    }
}
