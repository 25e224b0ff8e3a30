//! The check that a place is safe for keys and for what a wallet knows: whoever can write in a folder can put a key
//! under a name that its owner uses, and whoever can write a file decides what it says.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The bits of a mode that allow others than the owner to write.
const OTHERS_WRITE: u32 = 0o022;
const ROOT: u32 = 0;

/// The reason why a folder or file is no safe place for keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeFolder {
    /// The folder belongs to another user.
    #[error(
        "{path} belongs to user {owner}, and this runs as user {me}: whoever owns it decides which keys are used. \
         Run this as its owner, make it yours (chown {me} {path}), or name another home with --home"
    )]
    Owner {
        /// The path of the folder or file.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The user id of this process.
        me: u32,
    },
    /// Other users can write the file.
    #[error(
        "others can write {path} (mode {mode:o}), and so decide what it says: see that it says what you mean, and close \
         it (chmod go-w {path})"
    )]
    OpenFile {
        /// The path of the file.
        path: PathBuf,
        /// The mode of the file.
        mode: u32,
    },
    /// Other users can write in the folder.
    #[error(
        "others can write in {path} (mode {mode:o}), and so put keys of theirs under names of yours: close it first \
         (chmod go-w {path}), or name another home with --home"
    )]
    Open {
        /// The path of the folder.
        path: PathBuf,
        /// The mode of the folder.
        mode: u32,
    },
    /// The operating system does not tell owner and mode.
    #[error("{path}: {reason}")]
    Unknown {
        /// The path of the folder or file.
        path: PathBuf,
        /// The error of the operating system.
        reason: String,
    },
}

/// Checks `home` and every folder and file from there down to `path`, which lies below it.
///
/// # Errors
/// [`UnsafeFolder`] of the first one that is not safe.
pub fn check_down(home: &Path, path: &Path) -> Result<(), UnsafeFolder> {
    check(home)?;
    let mut place = home.to_path_buf();
    path.strip_prefix(home).into_iter().flatten().try_for_each(|part| {
        place.push(part);
        check(&place)
    })
}

/// Checks owner and mode of a folder or file. A missing one is fine, because it will be made for its owner alone.
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
    // A folder of root's is fine, because root could change everything anyway.
    if owner != me && owner != ROOT {
        return Err(UnsafeFolder::Owner { path: path.into(), owner, me });
    }
    let mode = found.mode() & 0o7777;
    match mode & OTHERS_WRITE {
        0 => Ok(()),
        _ if found.is_dir() => Err(UnsafeFolder::Open { path: path.into(), mode }),
        _ => Err(UnsafeFolder::OpenFile { path: path.into(), mode }),
    }
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
    fn everything_on_the_way_to_a_file_counts_and_the_file_itself() {
        let home = tempfile::tempdir().unwrap();
        let (folder, file) = (home.path().join("a/b"), home.path().join("a/b/file"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&file, "").unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for path in [home.path(), &home.path().join("a"), &folder] {
            mode(path, 0o700);
        }
        for (bits, good) in [(0o600, true), (0o644, true), (0o666, false), (0o620, false), (0o602, false)] {
            mode(&file, bits);
            assert_eq!(check_down(home.path(), &file).is_ok(), good, "{bits:o}");
        }
        mode(&file, 0o600);
        for path in [home.path(), &home.path().join("a"), &folder] {
            mode(path, 0o770);
            let said = check_down(home.path(), &file).unwrap_err().to_string();
            assert!(said.contains(&format!("chmod go-w {})", path.display())), "{said}");
            mode(path, 0o700);
        }
        assert_eq!(check_down(home.path(), &home.path().join("not/there")), Ok(()));
    }

    #[test]
    fn a_folder_of_somebody_else_is_no_place_for_keys() {
        let folder = tempfile::tempdir().unwrap();
        // Only root can give a folder away; everybody else tests with a folder of root's, which is fine.
        if std::os::unix::fs::chown(folder.path(), Some(12_345), None).is_ok() {
            let said = check(folder.path()).unwrap_err().to_string();
            assert!(said.contains("belongs to user 12345") && said.contains("--home"), "{said}");
        } else {
            assert_eq!(check(Path::new("/etc")), Ok(()));
        }
    }
}
