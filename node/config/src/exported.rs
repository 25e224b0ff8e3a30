//! The note of a home whose validator key was exported: it signs no more until a key is imported.

use std::{io, path::PathBuf};

use diem_core::Time;
use diem_host::home::{Home, HomeError};
use serde::{Deserialize, Serialize};

/// The name of the note in the home.
const NAME: &str = "validator_exported.json";

/// What was exported from a home, where to, and when. While this lies in the home, its node follows the chain without a
/// key, even if the key's file lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The address of the key in consensus.
    #[serde(with = "hex::serde")]
    pub address: [u8; 20],
    /// The file that the key was written to.
    pub file: PathBuf,
    /// The height that its signing state had then.
    pub height: u64,
    /// The time of the export.
    pub time: Time,
}

/// Why the note cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExportedError {
    /// It cannot be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// It is no note.
    #[error(
        "{path} does not say which key was exported ({reason}): put it back as it was. Do not remove it while another node \
         has the key"
    )]
    Unreadable {
        /// The path of the note.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
}

impl Exported {
    fn path(home: &Home) -> PathBuf {
        home.root().join(NAME)
    }

    /// The note of a home; `None` if its key was not exported.
    ///
    /// # Errors
    /// [`ExportedError`].
    pub fn read(home: &Home) -> Result<Option<Self>, ExportedError> {
        let path = Self::path(home);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HomeError::io(&path, error).into()),
        };
        let read = serde_json::from_str(&text);
        read.map(Some).map_err(|error| ExportedError::Unreadable { path, reason: error.to_string() })
    }

    /// Writes the note: from then on the node of this home does not sign.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, home: &Home) -> Result<(), HomeError> {
        #[expect(clippy::expect_used, reason = "hex, paths of this command line and numbers are JSON")]
        let text = serde_json::to_string_pretty(self).expect("a note is JSON");
        home.write(&Self::path(home), &text)
    }

    /// Removes the note of a home, which signs again from its next start on.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn remove(home: &Home) -> Result<(), HomeError> {
        let path = Self::path(home);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HomeError::io(&path, error)),
            _ => Ok(()),
        }
    }
}
