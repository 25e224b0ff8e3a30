//! The address at which consensus finds the application: a unix socket in a folder that only this user may enter.
//!
//! A TCP port would let any local user send Commit, so there is one only where the configuration asks for it.

use std::{
    fmt, io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// The longest path of a unix socket on Linux, in bytes.
const MAX_SOCKET_PATH: usize = 107;

/// An address on which the application is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The path of a unix socket.
    Unix(PathBuf),
    /// The address of a TCP port.
    Tcp(SocketAddr),
}

/// The form that CometBFT's `proxy_app` wants.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl Address {
    /// The unix socket of the node whose home is `home`: `run/abci.sock` inside it, or, where that path is too long for
    /// a socket, one in this user's run-time folder that is named after the home. The folder is made.
    ///
    /// # Errors
    /// The folder cannot be made, or is another user's.
    pub fn of_home(home: &Path) -> io::Result<Self> {
        Ok(Self::Unix(socket_of_home(home, "abci.sock")?))
    }

    /// Removes the socket, and its folder where that was made outside the home for it alone. The folder of all such
    /// folders stays: other nodes of this user may be about to make theirs.
    pub(super) fn remove(&self) {
        let Self::Unix(path) = self else { return };
        remove_socket(path);
    }
}

/// The path of the socket `name` of the node whose home is `home`: in `run/` inside it, or, where that path is too long
/// for a socket, in a folder that is named after the home in this user's run-time folder. The folder is made, for this
/// user alone.
///
/// # Errors
/// The folder cannot be made, or is another user's.
pub fn socket_of_home(home: &Path, name: &str) -> io::Result<PathBuf> {
    let socket = find_socket(home, name)?;
    if let Some(folder) = socket.parent() {
        let base = run_time_folder();
        if folder.parent() == Some(&*base) {
            private_folder(&base)?;
        }
        private_folder(folder)?;
    }
    Ok(socket)
}

/// The path of [`socket_of_home`] for whoever connects to it: nothing is made, and the folder may be another user's, as it
/// is for root who asks the node of a service.
///
/// # Errors
/// The current folder is gone, to which the home's path is relative.
pub fn find_socket(home: &Path, name: &str) -> io::Result<PathBuf> {
    let home = std::path::absolute(home)?;
    let socket = home.join("run").join(name);
    if socket.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok(socket);
    }
    let hash = diem_core::sha256(&[home.as_os_str().as_encoded_bytes()]);
    Ok(run_time_folder().join(hex::encode(hash.get(..8).unwrap_or_default())).join(name))
}

/// Removes a socket of [`socket_of_home`], and its folder where that was made outside the home and is empty now.
pub fn remove_socket(path: &Path) {
    let _ = std::fs::remove_file(path);
    if let Some(folder) = path.parent().filter(|folder| folder.parent() == Some(&*run_time_folder())) {
        let _ = std::fs::remove_dir(folder);
    }
}

/// The folder of sockets of homes with long paths, each of which has a folder in it.
fn run_time_folder() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(folder) if folder.len() <= 40 => PathBuf::from(folder).join("diem"),
        _ => PathBuf::from(format!("/tmp/diem-{}", rustix::process::getuid().as_raw())),
    }
}

/// Makes `folder` for this user alone; a folder that exists already must be this user's and no link.
fn private_folder(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::getuid().as_raw() {
        let text = format!("{} belongs to another user: remove it or choose another home", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if found.mode() & 0o777 != 0o700 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_socket_lies_in_a_folder_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let Address::Unix(path) = Address::of_home(home.path()).unwrap() else { panic!("not a unix socket") };
        assert_eq!(path, home.path().join("run/abci.sock"));
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        assert_eq!(Address::Unix("/a/b".into()).to_string(), "unix:///a/b");
    }

    #[test]
    fn a_folder_open_to_others_is_closed() {
        let home = tempfile::tempdir().unwrap();
        let run = home.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
        Address::of_home(home.path()).unwrap();
        assert_eq!(std::fs::metadata(&run).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_long_home_gets_a_short_socket_of_its_own() {
        let base = tempfile::tempdir().unwrap();
        let long = |name: &str| base.path().join("x".repeat(90)).join(name);
        let (one, two) = (long("one"), long("two"));
        let Address::Unix(first) = Address::of_home(&one).unwrap() else { panic!("not a unix socket") };
        let Address::Unix(second) = Address::of_home(&two).unwrap() else { panic!("not a unix socket") };
        assert!(first.as_os_str().len() <= MAX_SOCKET_PATH, "{first:?}");
        assert_ne!(first, second);
        assert_eq!(std::fs::metadata(first.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        assert_eq!(Address::of_home(&one).unwrap(), Address::Unix(first.clone()));
        for socket in [first, second] {
            let folder = socket.parent().unwrap();
            // A file that is not ours stays, and so does its folder.
            let other = folder.join("other");
            std::fs::write(&other, "").unwrap();
            Address::Unix(socket.clone()).remove();
            assert!(other.exists());
            std::fs::remove_file(other).unwrap();
            Address::Unix(socket.clone()).remove();
            assert!(!folder.exists());
        }
    }
}
