//! The mark of a devnet's folder: what it is one of, and how far it came.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::DevnetError;
use crate::{EngineKind, home::write_whole};

/// What marks a folder as a devnet's, and what it is one of.
pub(super) const MARK: &str = "devnet.json";

/// What a devnet is one of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) engine: EngineKind,
    pub(super) validators: usize,
    pub(super) chain_id: String,
    /// Whether it was ever ready. One that was not holds nothing that could be missed, and is made anew where other
    /// flags are given.
    #[serde(default = "ran_before")]
    pub(super) ran: bool,
    /// Whether its homes are whole. The mark is written before them too, so that what an attempt left can be told from
    /// what somebody else has put there.
    #[serde(default = "ran_before")]
    pub(super) made: bool,
}

/// Marks of earlier versions do not say it.
const fn ran_before() -> bool {
    true
}

impl Mark {
    /// Whether both are marks of the same kind of chain.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.engine, self.validators, &self.chain_id) == (other.engine, other.validators, &other.chain_id)
    }

    /// The mark in the folder, if it has one.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, DevnetError> {
        let path = dir.join(MARK);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(DevnetError::io(path.display().to_string()))?;
        let mark = serde_json::from_str(&text).map_err(|error| {
            DevnetError::Usage(format!("{}: {error}: add --fresh to start a new chain there", path.display()))
        })?;
        Ok(Some(mark))
    }

    /// Puts it into the folder, in place of the one that is there.
    pub(super) fn write(&self, dir: &Path) -> Result<(), DevnetError> {
        let text = serde_json::to_string(self).map_err(|error| DevnetError::Usage(error.to_string()))?;
        Ok(write_whole(&dir.join(MARK), &text)?)
    }
}
