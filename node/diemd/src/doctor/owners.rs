//! Whose the files of the home are, who can read them and who can change them. The user who counts is the one whose node it
//! is, and not the one who asks: root can read everything, and the node that a service manager starts cannot.

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use diem_host::home::Home;

use super::{Finding, keys};

/// The bits of a mode that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;
/// The bits of a folder's mode that let others than the owner enter it.
const OTHERS_ENTER: u32 = 0o011;
const READ: u32 = 0o4;
const READ_AND_WRITE: u32 = 0o6;
const ALL: u32 = 0o7;
const ROOT: u32 = 0;
/// The deepest folder of the home that is looked into.
const DEPTH: usize = 4;
/// The files that are opened for writing as they are; all others are read, or replaced by new ones.
const REWRITTEN: [&str; 5] = ["lock", "LOCK", "wal", "diemd.pid", "bridge_signed.jsonl"];
/// The one of CometBFT's databases that is too. RocksDB has a file of this name, which it replaces.
const REWRITTEN_BY_COMET: &str = "LOG";

/// The user whose node it is.
struct User {
    id: u32,
    group: u32,
}

impl User {
    /// The owner of the home; where that is root, for whom no mode counts, the user who asks.
    fn of(root: &Metadata) -> Self {
        let id = match root.uid() {
            ROOT => rustix::process::geteuid().as_raw(),
            owner => owner,
        };
        Self { id, group: root.gid() }
    }

    /// Whether owner and mode let the user do all that these bits stand for.
    fn may(&self, file: &Metadata, bits: u32) -> bool {
        let shift = if file.uid() == self.id {
            6
        } else if file.gid() == self.group {
            3
        } else {
            0
        };
        self.id == ROOT || (file.mode() >> shift) & bits == bits
    }
}

pub(super) fn examine(home: &Home, found: &mut Vec<Finding>) {
    let Ok(root) = fs::metadata(home.root()) else { return };
    let (user, secrets) = (User::of(&root), keys::secrets(home));
    for file in &secrets {
        key(file, &user, found);
    }
    unusable(home, &user, &secrets, found);
    folders(home, found);
    open(home, &root, found);
}

/// Judges the file of a key.
fn key(file: &Path, user: &User, found: &mut Vec<Finding>) {
    let Ok(meta) = fs::metadata(file) else { return };
    let (path, mode) = (file.display(), meta.mode() & 0o777);
    let is_strangers = ![user.id, ROOT].contains(&meta.uid()) && user.id != ROOT;
    // What root lends to a user is read by his group alone.
    let others = if meta.uid() == ROOT && user.id != ROOT { 0o007 } else { 0o077 };
    if is_strangers || !user.may(&meta, READ) {
        let what = format!("{path} belongs to user {} (mode {mode:03o}), and the home to user {}", meta.uid(), user.id);
        let why = "the node cannot read it, or another user can change it";
        let todo = format!("chown {0} {path} && chmod 600 {path}, or run the node as its owner", user.id);
        found.push(Finding::stops("key_owner", what, why, todo));
    } else if mode & others != 0 {
        let what = format!("{path} has mode {mode:03o}, so that other users can read it");
        let why = "whoever has the key signs with it, and this validator pays";
        found.push(Finding::advice("key_mode", what, why, format!("chmod 600 {path}")));
    }
}

/// Looks for what the node needs of its home beside keys, and cannot use.
fn unusable(home: &Home, user: &User, secrets: &[PathBuf], found: &mut Vec<Finding>) {
    let (comet, root) = (home.comet(), home.root());
    let mut files = BTreeMap::new();
    let mut judge = |path: &Path, meta: &Metadata| {
        let is_rewritten = path.file_name().is_some_and(|name| {
            REWRITTEN.iter().any(|one| name == *one) || (name == REWRITTEN_BY_COMET && path.starts_with(&comet))
        });
        let needed = match is_rewritten {
            _ if meta.is_dir() => ALL,
            true => READ_AND_WRITE,
            false => READ,
        };
        let counts = meta.is_dir() || (meta.is_file() && !secrets.iter().any(|secret| secret == path));
        if counts && !user.may(meta, needed) {
            files.insert(path.to_path_buf(), (meta.uid(), meta.mode() & 0o777));
        }
    };
    let names = ["join.json", "validator_exported.json", "bridge_signed.jsonl", "bridge_stopped.json"];
    // A walk begins behind a link and follows none: each of these may be one to another disk.
    let folders = [home.data(), comet.join("data"), comet.clone(), home.run()];
    let mut paths = vec![root.to_path_buf(), home.config_file(), home.genesis_file()];
    paths.extend(names.map(|name| root.join(name)).into_iter().chain(folders.clone()));
    for path in paths {
        if let Ok(meta) = fs::metadata(&path) {
            judge(&path, &meta);
        }
    }
    for folder in folders {
        walk(&folder, DEPTH, &mut judge);
    }
    let Some((first, (owner, mode))) = files.first_key_value() else { return };
    let what = format!(
        "the home belongs to user {}, who cannot use {} files and folders in it; the first is {}, of user {owner} with mode \
         {mode:03o}",
        user.id,
        files.len(),
        first.display()
    );
    let todo = format!("stop the node, then chown -R {}:{} {}", user.id, user.group, root.display());
    let why = "the node does not start, or ends when it needs them; a command that was run by another user leaves such";
    found.push(Finding::stops("home_owner", what, why, todo));
}

/// Looks for files that stand where a node has folders.
fn folders(home: &Home, found: &mut Vec<Finding>) {
    let comet = home.comet();
    for folder in [home.data(), comet.join("config"), comet.join("data"), comet, home.keys(), home.run()] {
        if fs::metadata(&folder).is_ok_and(|meta| !meta.is_dir()) {
            let what = format!("{} is no folder", folder.display());
            let todo = "move it away, and restore the folder from its backup if the node has had one";
            found.push(Finding::stops("home", what, "the node does not start", todo));
        }
    }
}

/// Looks for what others can change of the home.
fn open(home: &Home, root: &Metadata, found: &mut Vec<Finding>) {
    let (comet, top) = (home.comet(), home.root().to_path_buf());
    let mut parts =
        vec![top, home.config_file(), home.genesis_file(), home.data(), comet.clone(), home.keys(), home.run()];
    // These two are made as the umask says, which is nobody's matter where the home is closed.
    if root.mode() & OTHERS_ENTER != 0 {
        parts.extend([comet.join("config"), comet.join("data")]);
    }
    let is_open = |path: &&PathBuf| fs::metadata(path).is_ok_and(|meta| meta.mode() & OTHERS_WRITE != 0);
    let open: Vec<String> = parts.iter().filter(is_open).map(|path| path.display().to_string()).collect();
    if !open.is_empty() {
        let what = format!("other users can write {}", open.join(", "));
        let why = "whoever can write there decides which keys, which chain and which settings the node has";
        found.push(Finding::advice("home_mode", what, why, format!("chmod go-w {}", open.join(" "))));
    }
}

/// Tells each file and folder below a folder, at most so deep. Links are told and not followed.
pub(super) fn walk(folder: &Path, depth: usize, tell: &mut impl FnMut(&Path, &Metadata)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        tell(&entry.path(), &meta);
        if let Some(less) = depth.checked_sub(1).filter(|_| meta.is_dir()) {
            walk(&entry.path(), less, tell);
        }
    }
}
