//! The proofs of checkpoints, kept on disk from when they are young until their blocks are final.
//!
//! A file is a proof as it was taken, and proves itself again when it is read: one that was torn by a crash is as if it
//! were not there. So nothing is synced, and nothing here is trusted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use diem_base::{BlockHeader, CheckpointProof, Facts};
use diem_core::Address;
use diem_host::home::HomeError;

/// The most proofs that are kept. Where finality stands still, every other one of them is dropped, so that all nodes
/// keep the same ones.
pub(crate) const MAX_KEPT: usize = 1_024;
const ENDING: &str = "proof";

/// The kept proofs, by the number of their block.
pub(crate) struct Proofs {
    folder: PathBuf,
    /// The hashes of their blocks.
    kept: BTreeMap<u64, [u8; 32]>,
}

impl Proofs {
    /// The proofs in this folder, which is made where there is none. What is no proof there is removed.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(crate) fn open(folder: &Path) -> Result<Self, HomeError> {
        let failed = |error: io::Error| HomeError::io(folder, error);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut kept = BTreeMap::new();
        for file in fs::read_dir(folder).map_err(failed)? {
            let path = file.map_err(failed)?.path();
            match header_of(&path) {
                Some(header) if kept.len() < MAX_KEPT => {
                    kept.insert(header.number(), *header.hash());
                }
                _ => drop(fs::remove_file(&path)),
            }
        }
        Ok(Self { folder: folder.into(), kept })
    }

    /// The numbers of all blocks that are proven here.
    pub(crate) fn numbers(&self) -> BTreeSet<u64> {
        self.kept.keys().copied().collect()
    }

    /// The hash of the block of this number in the proof that is kept.
    pub(crate) fn hash(&self, number: u64) -> Option<[u8; 32]> {
        self.kept.get(&number).copied()
    }

    /// The number of kept proofs.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Keeps a proof. One of the same number gives way: its block was replaced.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn keep(&mut self, facts: &Facts, proof: &CheckpointProof) -> Result<(), HomeError> {
        let (number, path) = (facts.checkpoint.number, self.path(facts.checkpoint.number));
        let written = path.with_extension("new");
        let write = || fs::write(&written, proof.encode()).and_then(|()| fs::rename(&written, &path));
        write().map_err(|error| HomeError::io(&path, error))?;
        self.kept.insert(number, facts.checkpoint.block_hash);
        while self.kept.len() > MAX_KEPT {
            self.thin_out();
        }
        Ok(())
    }

    /// What the kept proof of this number shows of the bridge; nothing if there is none, or if it does not hold any more.
    pub(crate) fn facts(&mut self, number: u64, bridge: &Address) -> Option<Facts> {
        self.kept.get(&number)?;
        let facts = fs::read(self.path(number)).ok().and_then(|bytes| CheckpointProof::decode(&bytes).ok());
        let facts = facts.and_then(|proof| proof.verify(bridge).ok());
        if facts.is_none() {
            self.drop(number);
        }
        facts
    }

    /// Forgets the proof of this number.
    pub(crate) fn drop(&mut self, number: u64) {
        self.kept.remove(&number);
        // One that stays behind is removed at the next start.
        let _ = fs::remove_file(self.path(number));
    }

    /// Forgets the proofs of blocks below this number: the chain has attested a later one.
    pub(crate) fn drop_below(&mut self, number: u64) {
        let old: Vec<u64> = self.kept.range(..number).map(|(number, _)| *number).collect();
        old.into_iter().for_each(|number| self.drop(number));
    }

    /// Drops every other proof: of the numbers that are kept, those that the least power of two does not divide that
    /// divides not all of them.
    fn thin_out(&mut self) {
        let all = self.kept.keys().fold(0, |bits, number| bits | number);
        let step = 1_u64.checked_shl(all.trailing_zeros().saturating_add(1)).unwrap_or(u64::MAX);
        let odd: Vec<u64> = self.kept.keys().copied().filter(|number| !number.is_multiple_of(step)).collect();
        odd.into_iter().for_each(|number| self.drop(number));
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.{ENDING}"))
    }
}

/// The header of the proof in a file, if the file is one and has the name of its block.
fn header_of(path: &Path) -> Option<BlockHeader> {
    let is_named = path.extension().is_some_and(|ending| ending == ENDING);
    let number: u64 = path.file_stem()?.to_str()?.parse().ok().filter(|_| is_named)?;
    let bytes = fs::File::open(path).ok().and_then(|file| read_bounded(file).ok())?;
    let proof = CheckpointProof::decode(&bytes).ok()?;
    BlockHeader::decode(&proof.header).ok().filter(|header| header.number() == number)
}

/// The bytes of a file up to one more than a proof may have.
fn read_bounded(file: fs::File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let longest = (diem_base::MAX_PROOF_BYTES as u64).saturating_add(1);
    io::Read::read_to_end(&mut io::Read::take(file, longest), &mut bytes)?;
    Ok(bytes)
}
