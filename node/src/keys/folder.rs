//! Whether a folder is a safe place for keys: whoever can write in it can put a key under a name that its owner uses.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The bits of a mode that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;
const ROOT: u32 = 0;

/// Why a folder is no place for keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeFolder {
    /// Somebody else's.
    #[error(
        "{path} belongs to user {owner}, and this runs as user {me}: whoever owns a folder decides which keys are in it. \
         Run this as its owner, make it yours (chown {me} {path}), or name another home with --home"
    )]
    Owner {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        me: u32,
    },
    /// Open to others.
    #[error(
        "others can write in {path} (mode {mode:o}), and so put keys of theirs under names of yours: close it first \
         (chmod go-w {path}), or name another home with --home"
    )]
    Open {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The system does not say.
    #[error("{path}: {reason}")]
    Unknown {
        /// The folder.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
}

/// Checks owner and mode of a folder. One that is not there yet is fine, because it is made for its owner alone.
///
/// # Errors
/// [`UnsafeFolder`] says what to do.
pub fn check(path: &Path) -> Result<(), UnsafeFolder> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(UnsafeFolder::Unknown { path: path.into(), reason: error.to_string() }),
    };
    let (owner, me) = (found.uid(), rustix::process::geteuid().as_raw());
    // Root could change everything anyway.
    if owner != me && owner != ROOT {
        return Err(UnsafeFolder::Owner { path: path.into(), owner, me });
    }
    let mode = found.mode() & 0o7777;
    if found.is_dir() && mode & OTHERS_WRITE != 0 {
        return Err(UnsafeFolder::Open { path: path.into(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_in_which_others_can_write_is_no_place_for_keys() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, good) in [(0o700, true), (0o755, true), (0o777, false), (0o770, false), (0o702, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let verdict = check(folder.path());
            assert_eq!(verdict.is_ok(), good, "{mode:o}: {verdict:?}");
        }
        let said = check(folder.path()).unwrap_err().to_string();
        assert!(said.contains("mode 702") && said.contains("chmod go-w"), "{said}");
        assert_eq!(check(&folder.path().join("not-there-yet")), Ok(()));
    }

    #[test]
    fn a_folder_of_somebody_else_is_no_place_for_keys() {
        let folder = tempfile::tempdir().unwrap();
        // Only root can give a folder away; everybody else sees one of root's, which is fine.
        if std::os::unix::fs::chown(folder.path(), Some(12_345), None).is_ok() {
            let said = check(folder.path()).unwrap_err().to_string();
            assert!(said.contains("belongs to user 12345") && said.contains("--home"), "{said}");
        } else {
            assert_eq!(check(Path::new("/etc")), Ok(()));
        }
    }
}
