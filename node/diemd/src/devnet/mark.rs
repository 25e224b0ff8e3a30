//! The mark of a devnet's folder: the kind of its chain, and how far the devnet came.

use std::{fs, path::Path};

use diem_engine::EngineKind;
use diem_host::home::write_whole;
use serde::{Deserialize, Serialize};

use super::DevnetError;

/// The file that marks a folder as a devnet's.
pub(super) const MARK: &str = "devnet.json";

/// The mark of a devnet: the kind of its chain and its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) engine: EngineKind,
    pub(super) validators: usize,
    pub(super) chain_id: String,
    /// Whether the devnet was ever ready. A devnet that was not holds nothing that could be missed, and is made anew
    /// where other flags are given.
    #[serde(default = "ran_before")]
    pub(super) ran: bool,
    /// Whether its homes are complete. The mark is also written before them, so that the files of an interrupted
    /// attempt can be told from those of somebody else.
    #[serde(default = "ran_before")]
    pub(super) made: bool,
}

/// The default of `ran`: marks of earlier versions do not have the field.
const fn ran_before() -> bool {
    true
}

impl Mark {
    /// Whether both marks are of the same kind of chain.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.engine, self.validators, &self.chain_id) == (other.engine, other.validators, &other.chain_id)
    }

    /// Reads the mark in the folder, if it has one.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, DevnetError> {
        let path = dir.join(MARK);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(DevnetError::io(path.display().to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| Self::unread(dir, &error))
    }

    /// The error for a mark that cannot be read: it was written by another version or is damaged. In both cases the
    /// chain beside it is not touched before somebody has decided.
    fn unread(dir: &Path, error: &serde_json::Error) -> DevnetError {
        let (dir, mark) = (dir.display(), MARK);
        DevnetError::Usage(match error.classify() {
            serde_json::error::Category::Data => format!(
                "{dir} holds a devnet of another version of diemd, whose {mark} this one cannot read ({error}): go on \
                 with that version, or add --fresh to start a new chain there"
            ),
            _ => format!("{dir}/{mark} is damaged: add --fresh to start a new chain there, or put it back"),
        })
    }

    /// Writes the mark into the folder, replacing the one that is there.
    pub(super) fn write(&self, dir: &Path) -> Result<(), DevnetError> {
        let text = serde_json::to_string(self).map_err(|error| DevnetError::Usage(error.to_string()))?;
        Ok(write_whole(&dir.join(MARK), &text)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(mark: &str) -> Result<Option<Mark>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARK), mark).unwrap();
        Mark::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mark_of_an_older_version_is_one_of_a_chain_that_ran() {
        let mark = read(r#"{"engine":"comet","validators":4,"chain_id":"diem-local-dev-1"}"#).unwrap().unwrap();
        let Mark { engine, validators, chain_id, ran, made } = mark;
        assert_eq!((engine, validators, &*chain_id, ran, made), (EngineKind::Comet, 4, "diem-local-dev-1", true, true));
        assert_eq!(Mark::read(tempfile::tempdir().unwrap().path()).unwrap(), None);
    }

    #[test]
    fn a_mark_of_another_version_or_a_damaged_one_is_told_in_a_sentence() {
        for newer in [
            r#"{"engine":"comet","validators":1,"chain_id":"a-dev","ran":true,"made":true,"base":"anvil"}"#,
            r#"{"engine":"abacus","validators":1,"chain_id":"a-dev"}"#,
            r#"{"engine":"comet","nodes":[],"chain_id":"a-dev"}"#,
        ] {
            let error = read(newer).unwrap_err();
            assert!(error.contains("of another version of diemd") && error.contains("--fresh"), "{error}");
        }
        for damaged in ["", "{", "\0\0\0\0"] {
            let error = read(damaged).unwrap_err();
            assert!(error.contains("is damaged") && error.contains("--fresh"), "{error}");
        }
    }
}
