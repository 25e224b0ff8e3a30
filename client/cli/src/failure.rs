//! The failure of a command.

use diem_client::ClientError;
use diem_wallet::{KeyFileError, KeyStoreError};

use crate::chains::ChainsError;

/// The exit code of a command, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command failed for any other reason.
    Failed = 1,
    /// The command line or the configuration is wrong.
    Usage = 2,
    /// The transaction was rejected before it was in a block.
    Rejected = 3,
    /// The transaction is in a block and failed there.
    FailedInBlock = 4,
    /// The fate of the transaction is unknown: it was not found, or the wait was over.
    Unknown = 5,
    /// The node halted: at the height that its operator named, or for an upgrade.
    Halted = 6,
    /// It is not safe that the node signs.
    Signing = 7,
    /// The disk of the node is full.
    Disk = 8,
    /// The transaction is committed, but the answer could not be written.
    Unwritten = 9,
}

impl Exit {
    /// The code with which a command ends that ran a node whose exit code this was: the same, where a node has it for a reason.
    pub const fn of_node(code: Option<i32>) -> Self {
        match code {
            Some(2) => Self::Usage,
            Some(6) => Self::Halted,
            Some(7) => Self::Signing,
            Some(8) => Self::Disk,
            _ => Self::Failed,
        }
    }

    /// The name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Rejected => "rejected",
            Self::FailedInBlock => "failed_in_block",
            Self::Unknown => "unknown",
            Self::Halted => "halted",
            Self::Signing => "signing",
            Self::Disk => "disk",
            Self::Unwritten => "unwritten",
        }
    }
}

/// A failure of a command.
#[derive(Debug)]
pub struct Failure {
    /// The exit code that tells scripts what happened.
    pub exit: Exit,
    /// The error, which is printed on standard error.
    pub error: anyhow::Error,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Failed, error }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        failed(error)
    }
}

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Self {
        usage(error)
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        usage(error)
    }
}

impl From<ChainsError> for Failure {
    fn from(error: ChainsError) -> Self {
        usage(error)
    }
}

/// Makes a failure by what the user typed.
pub fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure { exit: Exit::Usage, error: error.into() }
}

/// Makes any other failure.
pub fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure { exit: Exit::Failed, error: error.into() }
}
