//! A stopped home into an archive.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use diem_engine::EngineKind;
use diem_host::home::Home;
use diem_runtime::{App, Options};
use sha2::{Digest as _, Sha256};

use super::{
    ArchiveError, Contents,
    contents::{CONTENTS, DATABASES, GENESIS, Member, PASSING, place},
    failed,
};

/// The bytes that are read at once.
const PIECE: usize = 1 << 16;

/// The usual name of an archive.
pub(crate) fn file_name(chain_id: &str, height: u64) -> PathBuf {
    PathBuf::from(format!("{chain_id}-{height}.tar"))
}

/// Writes the chain of a home, whose lock this process holds, into the new file that `name` gives for the contents. The
/// whole state is read first, and its root compared with the recorded one: a damaged home makes no archive. The file has
/// its name when all of it is on the disk.
///
/// # Errors
/// [`ArchiveError`]; there is no file then.
pub(crate) fn pack(
    home: &Home,
    engine: EngineKind,
    name: impl FnOnce(&Contents) -> PathBuf,
) -> Result<(PathBuf, Contents), ArchiveError> {
    let (chain, height) = judge(home)?;
    let mut files = vec![member(home.root(), GENESIS.into())?];
    for database in DATABASES {
        files.extend(members(home.root(), database)?);
    }
    let contents = Contents::new(engine, chain, height, files);
    let path = name(&contents);
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let written = write(home.root(), &contents, &temporary).and_then(|()| {
        // A hard link, unlike a rename, fails where there is a file already.
        fs::hard_link(&temporary, &path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => ArchiveError::Exists(path.clone()),
            _ => failed(&path)(error),
        })
    });
    let _ = fs::remove_file(&temporary);
    written?;
    Ok((path, contents))
}

/// The names of a chain: its id, and the hash of its genesis.
type Chain = (String, [u8; 32]);
/// A height, and the root after it.
type Height = (u64, [u8; 32]);

/// Opens the state, which compares its root with the rows, and closes it again.
fn judge(home: &Home) -> Result<(Chain, Height), ArchiveError> {
    if App::held(&home.data())?.is_none() {
        return Err(ArchiveError::NoBlock(home.root().to_path_buf()));
    }
    let app = App::open(&home.data(), Options::default())?;
    let (info, chain) = (app.info(), app.chain());
    let chain = chain.ok_or_else(|| ArchiveError::NoBlock(home.root().to_path_buf()))?;
    if let Some(began) = app.began_at().filter(|began| *began == info.height) {
        return Err(ArchiveError::Began { home: home.root().to_path_buf(), began });
    }
    let path = home.genesis_file();
    let wrong =
        |reason: String| ArchiveError::Genesis { path: path.clone(), wanted: hex::encode(chain.genesis_hash), reason };
    let genesis = diem_genesis::load(&path, None).map_err(|error| wrong(error.to_string()))?;
    if genesis.hash() != chain.genesis_hash {
        return Err(wrong(format!("it has hash {}", hex::encode(genesis.hash()))));
    }
    Ok(((chain.chain_id.clone(), chain.genesis_hash), (info.height, info.root)))
}

/// The files of a database, by name; none where there is no such database.
fn members(root: &Path, database: &str) -> Result<Vec<Member>, ArchiveError> {
    let folder = place(root, database);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed(&folder))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = entries.map(name).collect::<io::Result<Vec<String>>>().map_err(failed(&folder))?;
    names.retain(|name| !PASSING.iter().any(|passing| name == passing || name.starts_with(&format!("{passing}."))));
    names.sort_unstable();
    names.into_iter().map(|name| member(root, format!("{database}/{name}"))).collect()
}

fn member(root: &Path, path: String) -> Result<Member, ArchiveError> {
    let file = place(root, &path);
    if !fs::symlink_metadata(&file).map_err(failed(&file))?.is_file() {
        return Err(ArchiveError::NoFile(file));
    }
    let hashed = File::open(&file).and_then(|opened| {
        let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE]);
        let mut reader = BufReader::new(opened);
        loop {
            let count = reader.read(&mut piece)?;
            let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
            hash.update(read);
            bytes = bytes.saturating_add(read.len() as u64);
        }
        Ok((bytes, hash.finalize().into()))
    });
    let (bytes, sha256) = hashed.map_err(failed(&file))?;
    Ok(Member { path, bytes, sha256 })
}

fn write(root: &Path, contents: &Contents, to: &Path) -> Result<(), ArchiveError> {
    let file = File::options().create_new(true).write(true).mode(0o600).open(to).map_err(failed(to))?;
    let mut tar = tar::Builder::new(BufWriter::new(file));
    #[expect(clippy::expect_used, reason = "names, numbers and hex are JSON")]
    let list = serde_json::to_vec_pretty(contents).expect("a list is JSON");
    append(&mut tar, CONTENTS, list.len() as u64, list.as_slice()).map_err(failed(to))?;
    for Member { path, bytes, .. } in &contents.files {
        let from = place(root, path);
        let opened = File::open(&from).map_err(failed(&from))?;
        append(&mut tar, path, *bytes, opened.take(*bytes)).map_err(failed(to))?;
    }
    let finish = || {
        let mut file = tar.into_inner()?;
        file.flush()?;
        file.get_ref().sync_all()
    };
    finish().map_err(failed(to))
}

fn append<W: io::Write>(tar: &mut tar::Builder<W>, path: &str, bytes: u64, data: impl io::Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes);
    header.set_mode(0o600);
    tar.append_data(&mut header, path, data)
}
