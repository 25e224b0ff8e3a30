//! The path of the log, which must not be that of what else a home holds: a log that is appended to a key ends the key.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::bridge_key::is_key_file;

/// What a home holds beside `bridge_key.json` and those that rotations have kept.
const OWN_FOLDERS: [&str; 7] = ["bridge_proofs", "cometbft", "data", "keys", "restore", "run", "wallet"];
const OWN_FILES: [&str; 7] = [
    "bridge_signed.jsonl",
    "bridge_stopped.json",
    "config.toml",
    "genesis.json",
    "join.json",
    "relayer_key.json",
    "validator_exported.json",
];

/// Checks that a node does not append its log to what else its home holds; of an empty `home` only relative paths are judged.
pub(super) fn check(file: &str, home: &Path) -> Result<(), String> {
    let path = home.join(file);
    let written = plain(&path).strip_prefix(plain(home)).map(is_of_home).unwrap_or_default();
    // A link may lead into the home, and the file need not be there yet.
    let real = || {
        fs::canonicalize(&path).ok().or_else(|| Some(fs::canonicalize(path.parent()?).ok()?.join(path.file_name()?)))
    };
    let is_real = |home: PathBuf| Some(is_of_home(real()?.strip_prefix(home).ok()?));
    if written || fs::canonicalize(home).ok().and_then(is_real).unwrap_or_default() {
        return Err(format!(
            "`log.file` is {file:?}, which is for keys or data of the node: write another path, such as node.log"
        ));
    }
    Ok(())
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// Whether a path inside of a home is that of a file of its own.
fn is_of_home(path: &Path) -> bool {
    let first = path.iter().next().unwrap_or_default();
    OWN_FOLDERS.iter().any(|own| first == *own)
        || OWN_FILES.iter().any(|own| path == Path::new(own))
        || is_key_file(path)
}
