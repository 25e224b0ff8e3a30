//! The mark that a start leaves in the home: a file with a random number and its own inode.
//!
//! Whoever copies, restores or unpacks a home makes files with other inodes; whoever puts an older store back brings
//! another number along. Neither is noticed by a home that runs on.

use std::{
    fs::{self, File, Metadata},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use diem_host::home::{HomeError, private_folder};
use diem_index::signing::Mark;
use rand::Rng as _;

/// The name of the file in the folder.
const NAME: &str = "mark";

/// The mark that a home has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none.
    None,
    /// It is the file that a start has made.
    InPlace(Mark),
    /// It is a copy of that file, or not a mark.
    Elsewhere,
}

impl Found {
    /// Looks for the mark in the folder `run`.
    pub(super) fn in_folder(run: &Path) -> Result<Self, HomeError> {
        let path = path_in(run);
        let read = || io::Result::Ok((fs::read_to_string(&path)?, fs::metadata(&path)?));
        let (text, file) = match read() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Self::Elsewhere),
            Err(error) => return Err(HomeError::io(&path, error)),
        };
        let number = || {
            let (number, inode) = text.trim_end().split_once(' ')?;
            let number = hex::decode(number).ok()?.try_into().ok()?;
            // A hard link has the inode too, and then both homes are in doubt.
            (inode.parse() == Ok(file.ino()) && file.nlink() == 1).then_some(number)
        };
        Ok(number().map_or(Self::Elsewhere, |number| Self::InPlace(of(number, &file))))
    }
}

/// Draws a number and writes it, as a new file in place of the last one.
pub(super) fn draw(run: &Path) -> Result<Mark, HomeError> {
    let mut number = [0; 16];
    rand::rng().fill_bytes(&mut number);
    private_folder(run)?;
    let path = path_in(run);
    let file = write(&path, number).map_err(|error| HomeError::io(&path, error))?;
    Ok(of(number, &file))
}

fn write(path: &Path, number: [u8; 16]) -> io::Result<Metadata> {
    let new = path.with_extension("new");
    // What a killed start left is removed, so that the file is new whatever its inode.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(&new)?;
    let found = file.metadata()?;
    writeln!(file, "{} {}", hex::encode(number), found.ino())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(found)
}

/// Removes the mark.
pub(super) fn forget(run: &Path) -> Result<(), HomeError> {
    let path = path_in(run);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HomeError::io(&path, error)),
        _ => Ok(()),
    }
}

fn of(number: [u8; 16], file: &Metadata) -> Mark {
    // Some file systems do not know when a file was made.
    let born = file.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let born = born.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or_default();
    Mark { number, inode: file.ino(), born }
}

fn path_in(run: &Path) -> PathBuf {
    run.join(NAME)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_mark_is_found_where_it_was_made_and_no_copy_is_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        assert_eq!(Found::in_folder(&run).unwrap(), Found::None);
        let first = draw(&run).unwrap();
        assert_eq!(Found::in_folder(&run).unwrap(), Found::InPlace(first));
        let second = draw(&run).unwrap();
        assert_eq!(Found::in_folder(&run).unwrap(), Found::InPlace(second));
        assert!(first.number != second.number && first.inode != second.inode);

        let copy = folder.path().join("copy");
        fs::create_dir(&copy).unwrap();
        fs::copy(path_in(&run), path_in(&copy)).unwrap();
        assert_eq!(Found::in_folder(&copy).unwrap(), Found::Elsewhere);
        let linked = folder.path().join("linked");
        fs::create_dir(&linked).unwrap();
        fs::hard_link(path_in(&run), path_in(&linked)).unwrap();
        assert_eq!([&run, &linked].map(|run| Found::in_folder(run).unwrap()), [Found::Elsewhere; 2]);
        fs::remove_file(path_in(&linked)).unwrap();
        for text in ["", "x", "00 1", "\u{0}"] {
            fs::write(path_in(&copy), text).unwrap();
            assert_eq!(Found::in_folder(&copy).unwrap(), Found::Elsewhere, "{text:?}");
        }
        // A folder that gets another name keeps its files.
        let moved = folder.path().join("moved");
        fs::rename(&run, &moved).unwrap();
        assert_eq!(Found::in_folder(&moved).unwrap(), Found::InPlace(second));
    }
}
