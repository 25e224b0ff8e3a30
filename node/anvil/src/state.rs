//! The file in which anvil keeps its chain.
//!
//! anvil writes it in place, again and again: whoever is killed in between leaves a torn file, from which anvil does not
//! start. So each start keeps a copy of what it begins with, and takes the copy where the file is torn.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;

/// The endings of the copy of the last start, and of one that is being written.
const KEPT: &str = "kept";
const NEW: &str = "new";

/// The files that stand for the chain of this state file. Whoever forgets the chain removes all of them.
pub fn files(state: &Path) -> [PathBuf; 3] {
    [state.to_owned(), beside(state, KEPT), beside(state, NEW)]
}

/// Makes the file one from which anvil starts: as it is, the last copy, or none.
///
/// # Errors
/// The folder is not there or may not be written to.
pub(crate) fn make_whole(file: &Path) -> io::Result<()> {
    let copy = beside(file, KEPT);
    if is_whole(file)? {
        let new = beside(file, NEW);
        fs::copy(file, &new)?;
        File::open(&new)?.sync_all()?;
        return fs::rename(new, copy);
    }
    if is_whole(&copy)? {
        fs::copy(copy, file)?;
    } else if file.exists() {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// Whether there is such a file, and it is JSON to its end.
fn is_whole(file: &Path) -> io::Result<bool> {
    match File::open(file) {
        Ok(file) => Ok(serde_json::from_reader::<_, IgnoredAny>(BufReader::new(file)).is_ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_torn_file_is_replaced_by_the_copy_of_the_last_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        make_whole(&file).unwrap();
        assert!(!file.exists(), "nothing comes of nothing");

        fs::write(&file, r#"{"block": 1"#).unwrap();
        make_whole(&file).unwrap();
        assert!(!file.exists(), "a torn file without a copy is no beginning");

        fs::write(&file, r#"{"block": 1}"#).unwrap();
        make_whole(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"block": 1}"#);
        for torn in ["", r#"{"block": 2"#] {
            fs::write(&file, torn).unwrap();
            make_whole(&file).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), r#"{"block": 1}"#);
        }
    }
}
