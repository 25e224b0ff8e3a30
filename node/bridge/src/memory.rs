//! The statements that this node's bridge keys have signed. They are on disk before they leave the process, so that a
//! restart repeats them and no key ever signs two contents under one number.
//!
//! The file lies in the home beside the keys, not in the store: whoever throws the store away and fetches the chain anew
//! keeps it, as he keeps the keys. It has one JSON object a line and is only ever appended to, or replaced whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use diem_bridge::{Checkpoint, OutboundKind};
use diem_core::{Address, keys::CompactSignature};
use diem_host::home::{HomeError, write_whole};
use serde::{Deserialize, Serialize};

/// The number of last nonces of each kind that are remembered for a key. Below them it signs nothing that it does not
/// remember.
pub(crate) const KEPT: u64 = 4_096;
/// The number of lines that may be superseded before the file is written anew.
const MAX_SUPERSEDED: usize = 4_096;

/// The reason why nothing can be remembered.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The file cannot be read or written.
    #[error("what this node has signed for the bridge cannot be kept: {0}")]
    Home(#[from] HomeError),
    /// A line is no record.
    #[error(
        "{path}, line {line}, is no record of a signature ({reason}): nothing is signed for the bridge; restore the file \
         from a copy, or, if no other node has these keys, move it away"
    )]
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The fault of the line.
        reason: String,
    },
}

/// The kinds of what a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A batch, under its nonce.
    Batch,
    /// A validator set, under its nonce.
    Valset,
    /// An administrative action, under its nonce.
    Admin,
    /// A pause, under its nonce.
    Pause,
    /// A block of Base, under its number.
    Checkpoint,
}

impl From<OutboundKind> for Kind {
    fn from(kind: OutboundKind) -> Self {
        match kind {
            OutboundKind::Batch => Self::Batch,
            OutboundKind::Valset => Self::Valset,
            OutboundKind::Admin => Self::Admin,
            OutboundKind::Pause => Self::Pause,
        }
    }
}

/// What a key signs once: the number among those of its kind, for one contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// The separator of the contract's domain.
    #[serde(with = "hex::serde")]
    pub(crate) domain: [u8; 32],
    /// The address of the key.
    pub(crate) key: Address,
    /// The kind.
    pub(crate) kind: Kind,
    /// The nonce, or the number of the block.
    pub(crate) nonce: u64,
}

/// What was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The digest.
    #[serde(with = "hex::serde")]
    pub(crate) digest: [u8; 32],
    /// The signature over it.
    pub(crate) signature: CompactSignature,
    /// The height of the state that asked for it.
    pub(crate) height: u64,
    /// The root of that state.
    #[serde(with = "hex::serde")]
    pub(crate) root: [u8; 32],
    /// The facts of the block, if it is one of Base: nothing else tells them after a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<Checkpoint>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    slot: Slot,
    #[serde(flatten)]
    entry: Entry,
}

/// What a key may do with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time is looked at and gone")]
pub(crate) enum Recall {
    /// It never signed anything there.
    Nothing,
    /// It signed this.
    Signed(Entry),
    /// Nothing is remembered, and it may have signed something: the nonce is far below the last.
    TooOld,
}

/// The memory of all keys of a home.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    entries: BTreeMap<Slot, Entry>,
    /// The number of lines of the file.
    lines: usize,
    /// The number of its bytes up to the end of the last whole line.
    length: u64,
}

impl Memory {
    /// Reads the file; where there is none, nothing was signed yet.
    ///
    /// # Errors
    /// [`MemoryError`]. A last line without its end is no error: what was not written whole never left.
    pub(crate) fn open(path: &Path) -> Result<Self, MemoryError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(HomeError::io(path, error).into()),
        };
        let length = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
        let whole = text.get(..length).unwrap_or_default();
        let mut memory = Self { path: path.into(), entries: BTreeMap::new(), lines: 0, length: length as u64 };
        for (line, bytes) in (1..).zip(whole.split_inclusive(|byte| *byte == b'\n')) {
            let damaged =
                |error: serde_json::Error| MemoryError::Damaged { path: path.into(), line, reason: error.to_string() };
            let Line { slot, entry } = serde_json::from_slice(bytes).map_err(damaged)?;
            memory.entries.insert(slot, entry);
            memory.lines = line;
        }
        memory.forget_old();
        Ok(memory)
    }

    /// What a key has signed there.
    pub(crate) fn recall(&self, slot: &Slot) -> Recall {
        match self.entries.get(slot) {
            Some(entry) => Recall::Signed(*entry),
            None if slot.nonce.saturating_add(KEPT) <= self.highest(slot) => Recall::TooOld,
            None => Recall::Nothing,
        }
    }

    /// Whether a key of this home has signed anything for that contract.
    pub(crate) fn knows(&self, domain: &[u8; 32]) -> bool {
        self.entries.keys().any(|slot| slot.domain == *domain)
    }

    /// What any key of this home has signed for that contract about blocks of Base, by key and number.
    pub(crate) fn checkpoints(&self, domain: &[u8; 32]) -> impl Iterator<Item = (Address, Checkpoint, Entry)> {
        let of_domain = self.entries.iter().filter(move |(slot, _)| slot.domain == *domain);
        of_domain.filter_map(|(slot, entry)| Some((slot.key, entry.checkpoint?, *entry)))
    }

    /// Remembers signatures. They are durable when this returns, and only then may they leave.
    ///
    /// # Errors
    /// The disk refuses. Nothing of them is remembered then.
    pub(crate) fn remember(&mut self, new: &[(Slot, Entry)]) -> Result<(), MemoryError> {
        if new.is_empty() {
            return Ok(());
        }
        let text: String = new.iter().map(line).collect();
        let held = fs::metadata(&self.path).map_or(0, |file| file.len());
        if held < self.length {
            // Somebody took the file away, or cut it off.
            self.rewrite(new)?;
        } else {
            self.append(text.as_bytes()).map_err(|error| HomeError::io(&self.path, error))?;
            self.lines = self.lines.saturating_add(new.len());
            self.length = self.length.saturating_add(text.len() as u64);
        }
        self.entries.extend(new.iter().copied());
        if self.lines > self.entries.len().saturating_add(MAX_SUPERSEDED) {
            self.forget_old();
            self.rewrite(&[])?;
        }
        Ok(())
    }

    /// Writes after the last whole line, over what an interrupted write has left there.
    fn append(&self, text: &[u8]) -> io::Result<()> {
        let is_new = self.length == 0;
        let mut file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&self.path)?;
        file.set_len(self.length)?;
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(text)?;
        file.sync_all()?;
        match self.path.parent().filter(|_| is_new) {
            // The name of a new file is durable with its folder.
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Writes the file anew: what is remembered, and these.
    fn rewrite(&mut self, new: &[(Slot, Entry)]) -> Result<(), MemoryError> {
        let mut all = self.entries.clone();
        all.extend(new.iter().copied());
        let lines: Vec<(Slot, Entry)> = all.into_iter().collect();
        let text: String = lines.iter().map(line).collect();
        write_whole(&self.path, &text)?;
        (self.lines, self.length) = (lines.len(), text.len() as u64);
        Ok(())
    }

    /// The highest nonce of the same kind, key and contract.
    fn highest(&self, slot: &Slot) -> u64 {
        let last = Slot { nonce: u64::MAX, ..*slot };
        self.entries.range(*slot..=last).next_back().map_or(0, |(slot, _)| slot.nonce)
    }

    fn forget_old(&mut self) {
        let old: Vec<Slot> =
            self.entries.keys().filter(|slot| slot.nonce.saturating_add(KEPT) <= self.highest(slot)).copied().collect();
        for slot in old {
            self.entries.remove(&slot);
        }
    }
}

fn line((slot, entry): &(Slot, Entry)) -> String {
    #[expect(clippy::expect_used, reason = "names, numbers and hex are JSON")]
    let mut text = serde_json::to_string(&Line { slot: *slot, entry: *entry }).expect("a record is JSON");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn slot(nonce: u64) -> Slot {
        Slot { domain: [1; 32], key: Address([2; 20]), kind: Kind::Batch, nonce }
    }

    fn entry(content: u8) -> Entry {
        Entry {
            digest: [content; 32],
            signature: CompactSignature([content; 64]),
            height: 7,
            root: [8; 32],
            checkpoint: None,
        }
    }

    #[test]
    fn what_was_remembered_is_there_after_a_restart_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        let mut memory = Memory::open(&path).unwrap();
        assert_eq!(memory.recall(&slot(1)), Recall::Nothing);
        memory.remember(&[(slot(1), entry(1)), (slot(2), entry(2))]).unwrap();
        memory.remember(&[(slot(3), entry(3))]).unwrap();
        let again = Memory::open(&path).unwrap();
        for (nonce, content) in [(1, 1), (2, 2), (3, 3)] {
            assert_eq!(again.recall(&slot(nonce)), Recall::Signed(entry(content)));
        }
        assert_eq!(again.recall(&Slot { key: Address([3; 20]), ..slot(1) }), Recall::Nothing);
        assert!(again.knows(&[1; 32]) && !again.knows(&[2; 32]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_write_that_was_cut_off_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        let mut memory = Memory::open(&path).unwrap();
        memory.remember(&[(slot(1), entry(1)), (slot(2), entry(2))]).unwrap();
        let whole = fs::read(&path).unwrap();
        let first_line = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in first_line..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut memory = Memory::open(&path).unwrap();
            assert_eq!(memory.recall(&slot(1)), Recall::Signed(entry(1)));
            assert_eq!(memory.recall(&slot(2)), Recall::Nothing);
            memory.remember(&[(slot(2), entry(2))]).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole);
        }
    }

    #[test]
    fn a_damaged_line_is_named_and_nothing_is_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        Memory::open(&path).unwrap().remember(&[(slot(1), entry(1)), (slot(2), entry(2))]).unwrap();
        let text = fs::read_to_string(&path).unwrap().replacen("digest", "digset", 1);
        fs::write(&path, text).unwrap();
        let error = Memory::open(&path).unwrap_err().to_string();
        assert!(error.contains("line 1, is no record of a signature"), "{error}");
    }

    #[test]
    fn a_file_that_was_taken_away_comes_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        let mut memory = Memory::open(&path).unwrap();
        memory.remember(&[(slot(1), entry(1))]).unwrap();
        fs::remove_file(&path).unwrap();
        memory.remember(&[(slot(2), entry(2))]).unwrap();
        let again = Memory::open(&path).unwrap();
        assert_eq!(again.recall(&slot(1)), Recall::Signed(entry(1)));
        assert_eq!(again.recall(&slot(2)), Recall::Signed(entry(2)));
    }

    #[test]
    fn what_is_far_below_the_last_is_forgotten_and_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        let mut memory = Memory::open(&path).unwrap();
        let last = KEPT + 2;
        memory.remember(&[(slot(2), entry(2)), (slot(3), entry(3)), (slot(last), entry(4))]).unwrap();
        for memory in [&memory, &Memory::open(&path).unwrap()] {
            assert_eq!(memory.recall(&slot(1)), Recall::TooOld);
            assert_eq!(memory.recall(&slot(3)), Recall::Signed(entry(3)));
            assert_eq!(memory.recall(&slot(4)), Recall::Nothing);
        }
        assert_eq!(Memory::open(&path).unwrap().recall(&slot(2)), Recall::TooOld);
        // The same slot written again and again does not let the file grow for ever.
        let many: Vec<(Slot, Entry)> = (0..=MAX_SUPERSEDED).map(|_| (slot(last), entry(4))).collect();
        memory.remember(&many).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}
