//! The reasons why a node does not run.

use std::{io, path::PathBuf};

use diem_comet::{LaunchError, SigningError};
use diem_config::{ConfigError, consensus_key::KeyError, exported::ExportedError};
use diem_engine::origin::OriginError;
use diem_host::{home::HomeError, ports::ListenError};
use diem_store::StoreError;

use super::{EngineStartError, LogError};
use crate::join::JoinError;

/// The reason why a node does not start, or has stopped on its own.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be set up.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The start of the chain is not known.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node cannot listen where it should.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The control socket cannot be made.
    #[error("the control socket cannot be made: {0}")]
    Control(io::Error),
    /// The chain of this home was being replaced when the process ended.
    #[error(
        "the chain in {0} was being replaced by an archive, which did not end: run `diemd snapshot restore ARCHIVE \
         --home {0} --again` again, or `diemd reset --home {0}` to have the chain fetched anew"
    )]
    Unfinished(PathBuf),
    /// This home cannot join its chain.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// A key of the home cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Signing is not safe, or its owner has named another key.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The note of an exported key cannot be read.
    #[error(transparent)]
    Exported(#[from] ExportedError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineStartError),
    /// The system has no more threads or memory.
    #[error("the node cannot run: {0}")]
    System(io::Error),
    /// A file system of the home has less room than the node needs to start or to run.
    #[error("{0}")]
    NoRoom(String),
    /// The node ran, and then could not go on.
    #[error("the node stopped: {0}")]
    Fatal(String),
    /// The node has halted at the height that it was told.
    #[error(
        "the node has halted: height {height} is there, and no block above it was executed. `diemd start` without --halt-at goes on"
    )]
    Halted {
        /// The height of its state.
        height: u64,
    },
    /// The node is told to halt at a height that its home has already.
    #[error(
        "the next block of this home is {next}, and --halt-at {halt_at} lies below it: start without it, or name a later height"
    )]
    HaltPassed {
        /// The height at which it is to halt.
        halt_at: u64,
        /// The height of its next block.
        next: u64,
    },
    /// The node ran, and then its key was seen to sign elsewhere.
    #[error("the node stopped: {0}")]
    Unsafe(String),
}

impl StartError {
    /// Whether a full disk is the cause. Many layers report one, CometBFT among them, and of each only its sentence
    /// reaches this place.
    pub fn is_full_disk(&self) -> bool {
        const SIGNS: [&str; 4] = ["no space left", "the disk is full", "quota exceeded", "file too large"];
        let sentence = self.to_string().to_lowercase();
        matches!(self, Self::NoRoom(_)) || SIGNS.iter().any(|sign| sentence.contains(sign))
    }

    /// Whether the node has halted where it was told, or had passed that height before.
    pub const fn is_halt(&self) -> bool {
        matches!(self, Self::Halted { .. } | Self::HaltPassed { .. })
    }

    /// Whether the node does not run because its key may sign twice.
    pub fn is_unsafe(&self) -> bool {
        let state_is_lost = matches!(
            self.of_key(),
            Some(KeyError::SigningStateMissing { .. } | KeyError::SigningStateUnreadable { .. })
        );
        let is_behind = matches!(self.of_signing(), Some(SigningError::Behind { .. }));
        matches!(self, Self::Unsafe(_)) || is_behind || state_is_lost
    }

    fn of_key(&self) -> Option<&KeyError> {
        match self {
            Self::Key(error) | Self::Engine(EngineStartError::Launch(LaunchError::Key(error))) => Some(error),
            _ => match self.of_signing() {
                Some(SigningError::Key(error)) => Some(error),
                _ => None,
            },
        }
    }

    /// Whether the command line vouches for another key than that of this home.
    pub fn is_about_another_key(&self) -> bool {
        matches!(self.of_signing(), Some(SigningError::OtherKey { .. } | SigningError::Away))
    }

    fn of_signing(&self) -> Option<&SigningError> {
        match self {
            Self::Signing(error) | Self::Engine(EngineStartError::Launch(LaunchError::Signing(error))) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_full_disk_is_known_whoever_reports_it() {
        let system = || io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        let home = Path::new("/h");
        let full = [
            StartError::Home(HomeError::io(home, system())),
            StartError::Store(StoreError::DiskFull { path: home.into(), detail: "x".into() }),
            StartError::System(system()),
            StartError::Fatal("consensus has failed: the disk is full: make room and start again".into()),
        ];
        for error in full {
            assert!(error.is_full_disk(), "{error}");
        }
        assert!(!StartError::Fatal("block 7 is not block 2".into()).is_full_disk());
    }

    #[test]
    fn what_must_not_sign_is_told_from_a_wrong_command_line_and_from_other_failures() {
        let behind = SigningError::Behind {
            path: "/h/priv_validator_state.json".into(),
            state: 5,
            shown: "a block has its signature for",
            signed: 7,
            address: "ab".into(),
        };
        let by_engine = StartError::Engine(EngineStartError::Launch(LaunchError::Signing(behind)));
        let lost = StartError::Key(KeyError::SigningStateMissing { path: "/h/priv_validator_state.json".into() });
        for error in [by_engine, lost, StartError::Unsafe("signing is not safe".into())] {
            assert!(error.is_unsafe() && !error.is_about_another_key(), "{error}");
        }
        let other = StartError::Signing(SigningError::OtherKey { named: "00".into(), own: "ab".into() });
        assert!(other.is_about_another_key() && !other.is_unsafe(), "{other}");
        let failed = StartError::Fatal("x".into());
        assert!(!failed.is_unsafe() && !failed.is_about_another_key());
    }
}
