//! An archive into a folder, where it is verified.
//!
//! The archive may be anybody's. Nothing in it decides where a file goes: its members must be the files of its list, in
//! the same order, and the list may name only what [`super::contents`] knows. A member is a plain file; links, folders,
//! devices and the extensions of tar end the attempt.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use diem_comet::{present, stored::stored_height};
use diem_engine::EngineKind;
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use sha2::{Digest as _, Sha256};
use tar::{Archive, Entry, EntryType};

use super::{
    ArchiveError, Contents,
    contents::{CONTENTS, GENESIS, Member, place},
    failed,
};

/// The longest list of an archive, in bytes: enough for 60,000 files, and a database has a file for each 64 MiB.
const MAX_LIST: u64 = 16 << 20;
/// The bytes that are copied at once.
const PIECE: usize = 1 << 16;

/// What an archive held: every file is the one of its list, and the rows make the root that it names.
pub(crate) struct Verified {
    /// The list.
    pub(crate) contents: Contents,
    /// The genesis of the chain.
    pub(crate) genesis: GenesisDoc,
    /// The number of rows of the state.
    pub(crate) rows: u64,
    /// The height of the last block in CometBFT's databases, where they are CometBFT's and it was there to open them.
    pub(crate) blocks: Option<u64>,
}

/// An error of the archive.
fn wrong(path: &Path, reason: impl Into<String>) -> ArchiveError {
    ArchiveError::Wrong { path: path.to_path_buf(), reason: reason.into() }
}

/// Reads the list of an archive. None of its files is looked at yet, so that all it says is a claim.
///
/// # Errors
/// The file is no archive, or its list names what no archive may have.
pub(crate) fn read_contents(path: &Path) -> Result<Contents, ArchiveError> {
    let mut tar = open(path)?;
    let mut entries = tar.entries().map_err(|error| wrong(path, error.to_string()))?.raw(true);
    contents(path, entries.next())
}

/// Unpacks an archive into the empty folder `to`, and verifies it: the hash of each file, the genesis, and the root over all
/// rows of the state, which is opened where it lies. CometBFT opens its databases and says where its blocks end, if it is
/// on this machine; `cometbft` is the path of it that the home names.
///
/// # Errors
/// [`ArchiveError`]; the folder then holds a part of the files.
pub(crate) fn unpack(path: &Path, to: &Path, cometbft: Option<&Path>) -> Result<Verified, ArchiveError> {
    let mut tar = open(path)?;
    let mut entries = tar.entries().map_err(|error| wrong(path, error.to_string()))?.raw(true);
    let contents = contents(path, entries.next())?;
    let length = fs::metadata(path).map_err(failed(path))?.len();
    if contents.bytes() > length {
        return Err(wrong(path, format!("it lists {} bytes and has {length}: it ends early", contents.bytes())));
    }
    for file in &contents.files {
        let entry = entries.next().ok_or_else(|| wrong(path, format!("it ends before {}", file.path)))?;
        unpack_one(path, file, entry, to)?;
    }
    if entries.next().is_some() {
        return Err(wrong(path, "it goes on after the last file of its list"));
    }
    let verified = verify(path, contents, to)?;
    match verified.contents.engine {
        EngineKind::Comet => Ok(Verified { blocks: blocks(path, verified.contents.height, to, cometbft)?, ..verified }),
        EngineKind::Instant => Ok(verified),
    }
}

/// Has CometBFT open its databases, and returns the height of the last block; `None` if there is no CometBFT here. None is
/// compiled for it, which would take a minute and the network.
fn blocks(path: &Path, height: u64, root: &Path, cometbft: Option<&Path>) -> Result<Option<u64>, ArchiveError> {
    let Ok(found) = present(cometbft) else { return Ok(None) };
    let last = stored_height(&found.path, &root.join("cometbft"))
        .map_err(|error| wrong(path, format!("CometBFT does not open its databases: {error}")))?;
    // CometBFT keeps a block before it is executed.
    if last < height {
        return Err(wrong(path, format!("its blocks end at height {last}, and its state is of height {height}")));
    }
    Ok(Some(last))
}

fn open(path: &Path) -> Result<Archive<BufReader<File>>, ArchiveError> {
    // To open a named pipe would wait until somebody writes to it.
    if !fs::metadata(path).map_err(failed(path))?.is_file() {
        return Err(wrong(path, "it is no file"));
    }
    let file = File::open(path).map_err(failed(path))?;
    Ok(Archive::new(BufReader::new(file)))
}

/// The most characters of a name that are shown.
const MAX_SHOWN: usize = 80;

/// A name in an archive, as far as it is shown: the archive may be anybody's.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(MAX_SHOWN).collect()
}

type Found<'a, R> = io::Result<Entry<'a, R>>;

/// A member, which must be a plain file of this name, and no longer than `most`.
fn plain_file<'a, R: Read>(path: &Path, name: &str, entry: Found<'a, R>) -> Result<Entry<'a, R>, ArchiveError> {
    // What the library says of a file that is no archive quotes its bytes.
    let entry = entry.map_err(|error| {
        wrong(
            path,
            match (name, error.kind()) {
                (CONTENTS, _) => "it does not begin as an archive of `diemd snapshot create` does".into(),
                (_, io::ErrorKind::UnexpectedEof) => format!("it ends before {name}"),
                _ => format!("it is damaged before {name}"),
            },
        )
    })?;
    let found = shown(&entry.path_bytes());
    if entry.header().entry_type() != EntryType::Regular || entry.link_name_bytes().is_some() {
        return Err(wrong(path, format!("{found:?} in it is no plain file")));
    }
    if found != name {
        return Err(wrong(path, format!("{found:?} is in it where {name:?} should be")));
    }
    Ok(entry)
}

fn contents<R: Read>(path: &Path, first: Option<Found<'_, R>>) -> Result<Contents, ArchiveError> {
    let first = first.ok_or_else(|| wrong(path, "it is empty"))?;
    let entry = plain_file(path, CONTENTS, first)?;
    if entry.size() > MAX_LIST {
        return Err(wrong(path, format!("its list has {} bytes, more than {MAX_LIST}", entry.size())));
    }
    let mut text = Vec::new();
    entry.take(MAX_LIST).read_to_end(&mut text).map_err(failed(path))?;
    Contents::decode(&text).map_err(|reason| wrong(path, reason))
}

fn unpack_one<R: Read>(path: &Path, file: &Member, entry: Found<'_, R>, root: &Path) -> Result<(), ArchiveError> {
    let entry = plain_file(path, &file.path, entry)?;
    if entry.size() != file.bytes {
        return Err(wrong(path, format!("{} has {} bytes instead of {}", file.path, entry.size(), file.bytes)));
    }
    let to = place(root, &file.path);
    if let Some(folder) = to.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    }
    let made = File::options().create_new(true).write(true).mode(0o600).open(&to).map_err(failed(&to))?;
    let (bytes, sha256) = copy(entry, made, |error| failed(path)(error), |error| failed(&to)(error))?;
    if (bytes, sha256) != (file.bytes, file.sha256) {
        return Err(wrong(path, format!("{} is damaged: it has another hash than the list says", file.path)));
    }
    Ok(())
}

/// Copies all there is, and gives back its length and its hash.
fn copy(
    mut from: impl Read,
    to: File,
    unread: impl Fn(io::Error) -> ArchiveError,
    unwritten: impl Fn(io::Error) -> ArchiveError,
) -> Result<(u64, [u8; 32]), ArchiveError> {
    let mut to = BufWriter::new(to);
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE]);
    loop {
        let count = from.read(&mut piece).map_err(&unread)?;
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        bytes = bytes.saturating_add(read.len() as u64);
        to.write_all(read).map_err(&unwritten)?;
    }
    to.flush().and_then(|()| to.get_ref().sync_all()).map_err(&unwritten)?;
    Ok((bytes, hash.finalize().into()))
}

fn verify(path: &Path, contents: Contents, root: &Path) -> Result<Verified, ArchiveError> {
    let genesis = diem_genesis::load(&place(root, GENESIS), None);
    let genesis = genesis.map_err(|error| wrong(path, format!("its genesis cannot be read: {error}")))?;
    let state = |error| ArchiveError::State { path: path.to_path_buf(), error };
    let data = root.join("data");
    // The list is the archive's own: hashes that match it say nothing about the files.
    App::check_files(&data).map_err(state)?;
    if App::held(&data).map_err(state)?.is_none() {
        return Err(wrong(path, "there is no block in its state"));
    }
    // Opening hashes every row, and compares the root over them with the recorded one.
    let app = App::open(&data, Options::default()).map_err(state)?;
    let (info, chain) = (app.info(), app.chain());
    let chain = chain.ok_or_else(|| wrong(path, "its state is of no chain"))?;
    if (info.height, info.root) != (contents.height, contents.app_hash) {
        let found = format!("height {} with root {}", info.height, hex::encode(info.root));
        return Err(wrong(path, format!("its state is of {found}, and its list says otherwise")));
    }
    let named = (contents.chain_id.as_str(), contents.genesis_hash);
    let is_same = [(chain.chain_id.as_str(), chain.genesis_hash), (&genesis.chain_id, genesis.hash())]
        .iter()
        .all(|found| *found == named);
    if !is_same {
        return Err(wrong(path, "its state, its genesis and its list are not all of one chain"));
    }
    Ok(Verified { genesis, rows: app.store().latest().row_count(), blocks: None, contents })
}
