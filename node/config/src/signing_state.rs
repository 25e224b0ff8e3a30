//! The signing state of a CometBFT home: the height, round and step of the last vote that its key signed.
//!
//! CometBFT writes it before a vote leaves, and signs nothing at or below it. It is only ever raised here: a lower one
//! would let the key sign twice.

use std::{
    io,
    path::{Path, PathBuf},
};

use diem_host::home::write_whole;
use serde::Deserialize;
use serde_json::json;

use crate::consensus_key::{KeyError, io_error};

/// The last round that there can be, and the step of a precommit: nothing can be signed at a height after them.
const LAST_ROUND: i32 = i32::MAX;
const PRECOMMIT: i8 = 3;

/// What was signed last: height, round and step, in the order in which CometBFT compares them.
type Last = (u64, i32, i8);

/// The place of the signing state in the CometBFT home `comet`.
pub fn file_of(comet: &Path) -> PathBuf {
    comet.join("data/priv_validator_state.json")
}

/// The height that the signing state in `path` has.
///
/// # Errors
/// [`KeyError`]: it is missing, or does not say what was signed. An empty file would end CometBFT at every start, and one
/// without a height would make it begin at 0.
pub fn height(path: &Path) -> Result<u64, KeyError> {
    last(path).map(|(height, ..)| height)
}

fn last(path: &Path) -> Result<Last, KeyError> {
    match std::fs::read(path) {
        Ok(text) => last_in(&text).ok_or_else(|| KeyError::SigningStateUnreadable { path: path.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(KeyError::SigningStateMissing { path: path.into() })
        }
        Err(error) => Err(io_error(path, error)),
    }
}

/// What the text of a signing state says; `None` if CometBFT would not read it.
fn last_in(text: &[u8]) -> Option<Last> {
    #[derive(Deserialize)]
    struct State {
        height: String,
        round: i32,
        step: i8,
    }
    let State { height, round, step } = serde_json::from_slice(text).ok()?;
    let height = height.parse::<i64>().ok().and_then(|height| u64::try_from(height).ok())?;
    Some((height, round, step))
}

/// Raises the signing state in `path` so far that its key signs nothing more up to `to`, that height included. One that
/// is missing is made; one that is at `to` or above already stays as it is, whatever its round. Returns whether it was
/// raised.
///
/// # Errors
/// [`KeyError`]: the state that is there cannot be read, or the disk refuses.
pub fn raise(path: &Path, to: u64) -> Result<bool, KeyError> {
    match height(path) {
        Ok(found) if found >= to => return Ok(false),
        Ok(_) | Err(KeyError::SigningStateMissing { .. }) => {}
        Err(error) => return Err(error),
    }
    let text = json!({ "height": to.to_string(), "round": LAST_ROUND, "step": PRECOMMIT }).to_string();
    replace(path, &text)?;
    Ok(true)
}

/// Puts a whole signing state in place of one that is lower by height, round or step, or of none. Returns whether it did.
///
/// Its signature belongs to its own step, so that the text is taken as it is or not at all.
///
/// # Errors
/// [`KeyError`]: one of the two cannot be read, or the disk refuses.
pub fn raise_to_text(path: &Path, text: &str) -> Result<bool, KeyError> {
    let given = last_in(text.as_bytes()).ok_or_else(|| KeyError::SigningStateUnreadable { path: path.into() })?;
    match last(path) {
        // One of height 0 has signed nothing, and is no more than the one that is given.
        Ok(found) if found >= given && found.0 > 0 => return Ok(false),
        Ok(_) | Err(KeyError::SigningStateMissing { .. }) => {}
        Err(error) => return Err(error),
    }
    replace(path, text)?;
    Ok(true)
}

fn replace(path: &Path, text: &str) -> Result<(), KeyError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| io_error(folder, error))?;
    Ok(write_whole(path, text)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_state_is_raised_and_never_lowered() {
        let home = tempfile::tempdir().unwrap();
        let path = file_of(home.path());
        assert!(matches!(height(&path), Err(KeyError::SigningStateMissing { .. })));
        assert!(raise(&path, 7).unwrap());
        assert_eq!(height(&path).unwrap(), 7);
        for lower in [0, 6, 7] {
            assert!(!raise(&path, lower).unwrap());
            assert!(!raise_to_text(&path, &format!(r#"{{"height":"{lower}","round":0,"step":1}}"#)).unwrap());
            assert_eq!(height(&path).unwrap(), 7);
        }
        assert!(raise(&path, 9).unwrap());
        let whole = r#"{"height":"12","round":1,"step":2,"signature":"q83v","signbytes":"71"}"#;
        assert!(raise_to_text(&path, whole).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
    }

    #[test]
    fn at_one_height_the_later_round_and_step_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = file_of(home.path());
        let text = |height, round, step| {
            format!(r#"{{"height":"{height}","round":{round},"step":{step},"signature":"q83v","signbytes":"71"}}"#)
        };
        assert!(raise_to_text(&path, &text(100, 0, 1)).unwrap());
        for (round, step) in [(0, 2), (0, 3), (1, 1), (5, 3)] {
            assert!(raise_to_text(&path, &text(100, round, step)).unwrap(), "{round}/{step}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text(100, round, step));
        }
        for (height, round, step) in [(100, 5, 3), (100, 5, 2), (100, 4, 3), (99, 9, 3)] {
            assert!(!raise_to_text(&path, &text(height, round, step)).unwrap(), "{height}/{round}/{step}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text(100, 5, 3));
        }
        // A height alone says nothing about rounds, and the state of that height stays with its signature.
        assert!(!raise(&path, 100).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text(100, 5, 3));
        assert!(raise(&path, 101).unwrap());
        assert!(!raise_to_text(&path, &text(101, 7, 3)).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_neither_raised_nor_taken() {
        let home = tempfile::tempdir().unwrap();
        let path = file_of(home.path());
        raise(&path, 3).unwrap();
        for text in ["", "{}", r#"{"height":"-1","round":0,"step":0}"#, r#"{"height":"x","round":0,"step":0}"#] {
            assert!(matches!(raise_to_text(&path, text), Err(KeyError::SigningStateUnreadable { .. })), "{text}");
        }
        assert_eq!(height(&path).unwrap(), 3);
        std::fs::write(&path, "{}").unwrap();
        assert!(matches!(raise(&path, 9), Err(KeyError::SigningStateUnreadable { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{}");
    }
}
