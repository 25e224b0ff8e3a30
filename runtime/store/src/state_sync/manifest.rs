//! The manifest of a snapshot: the root of each chunk's subtree.

use borsh::{BorshDeserialize, BorshSerialize};
use thiserror::Error;

use super::{MAX_DEPTH, MAX_MANIFEST_BYTES};
use crate::tree::{Hash, SubtreeKind, SubtreeRoot, fold_subtrees, sha256};

/// Height and depth of a snapshot, and one entry for each of its 2^depth chunks. It is consistent in itself: nothing
/// makes or decodes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    height: u64,
    depth: u8,
    chunks: Vec<ChunkEntry>,
}

/// What a manifest says of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkEntry {
    /// The root of the subtree that the chunk's rows make.
    pub root: SubtreeRoot,
    /// The number of its rows.
    pub rows: u64,
}

/// Why bytes are no manifest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// CometBFT would not carry it.
    #[error("the manifest has {0} bytes, more than the {MAX_MANIFEST_BYTES} that fit")]
    TooLong(usize),
    /// The bytes end early or go on.
    #[error("the manifest does not decode: {0}")]
    Malformed(String),
    /// No block has height 0.
    #[error("the manifest is of height 0, which no block has")]
    NoHeight,
    /// The tree is cut too deep.
    #[error("the manifest cuts the tree at depth {0}, more than {MAX_DEPTH}")]
    TooDeep(u8),
    /// The number of chunks is not 2^depth.
    #[error("the manifest lists {chunks} chunks, but depth {depth} has 2^{depth}")]
    Count {
        /// The depth that the manifest names.
        depth: u8,
        /// The number of chunks that it lists.
        chunks: usize,
    },
    /// Root, kind and number of rows of a chunk contradict each other.
    #[error("the manifest contradicts itself about chunk {0}: root, kind and number of rows do not fit together")]
    Chunk(usize),
}

/// The bytes of a manifest, by borsh.
#[derive(BorshSerialize, BorshDeserialize)]
struct Wire {
    height: u64,
    depth: u8,
    chunks: Vec<WireEntry>,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct WireEntry {
    root: Hash,
    kind: u8,
    rows: u64,
}

impl ChunkEntry {
    fn decode(wire: &WireEntry) -> Option<ChunkEntry> {
        let kind = match wire.kind {
            0 => SubtreeKind::Empty,
            1 => SubtreeKind::Leaf,
            2 => SubtreeKind::Inner,
            _ => return None,
        };
        Some(ChunkEntry { root: SubtreeRoot { kind, hash: wire.root }, rows: wire.rows })
    }

    fn is_consistent(&self) -> bool {
        let is_placeholder = self.root.hash == SubtreeRoot::EMPTY.hash;
        match self.root.kind {
            SubtreeKind::Empty => is_placeholder && self.rows == 0,
            SubtreeKind::Leaf => !is_placeholder && self.rows == 1,
            SubtreeKind::Inner => !is_placeholder && self.rows >= 2,
        }
    }
}

impl Manifest {
    /// A manifest of these chunks, in the order of their prefixes.
    ///
    /// # Errors
    /// They contradict each other, or are not 2^`depth`.
    pub fn new(height: u64, depth: u8, chunks: Vec<ChunkEntry>) -> Result<Manifest, ManifestError> {
        if height == 0 {
            return Err(ManifestError::NoHeight);
        }
        if depth > MAX_DEPTH {
            return Err(ManifestError::TooDeep(depth));
        }
        if chunks.len() != 1 << depth {
            return Err(ManifestError::Count { depth, chunks: chunks.len() });
        }
        match chunks.iter().position(|chunk| !chunk.is_consistent()) {
            Some(wrong) => Err(ManifestError::Chunk(wrong)),
            None => Ok(Manifest { height, depth, chunks }),
        }
    }

    /// Decodes a manifest. There is one encoding of each.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn decode(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let wire: Wire = borsh::from_slice(bytes).map_err(|error| ManifestError::Malformed(error.to_string()))?;
        let decode = |(place, entry)| ChunkEntry::decode(entry).ok_or(ManifestError::Chunk(place));
        let chunks = wire.chunks.iter().enumerate().map(decode).collect::<Result<_, _>>()?;
        Manifest::new(wire.height, wire.depth, chunks)
    }

    /// The bytes of the manifest: what ABCI calls the metadata of a snapshot.
    pub fn encode(&self) -> Vec<u8> {
        let entry =
            |chunk: &ChunkEntry| WireEntry { root: chunk.root.hash, kind: chunk.root.kind as u8, rows: chunk.rows };
        let wire = Wire { height: self.height, depth: self.depth, chunks: self.chunks.iter().map(entry).collect() };
        #[expect(clippy::expect_used, reason = "writing to memory fails only for a list of more than 4 billion")]
        borsh::to_vec(&wire).expect("at most 65,536 entries")
    }

    /// The hash by which ABCI tells snapshots apart: sha256 of the bytes.
    pub fn hash(&self) -> Hash {
        sha256(&self.encode())
    }

    /// The app hash of the state whose subtrees these are.
    pub fn app_hash(&self) -> Hash {
        let roots = self.chunks.iter().map(|chunk| chunk.root).collect();
        fold_subtrees(roots).unwrap_or(SubtreeRoot::EMPTY).hash
    }

    /// The height of the rows.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The number of first bits that the key hashes of a chunk share.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The chunks, in the order of their prefixes.
    pub fn chunks(&self) -> &[ChunkEntry] {
        &self.chunks
    }

    /// The number of rows of all chunks.
    pub fn rows(&self) -> u64 {
        self.chunks.iter().fold(0, |sum, chunk| sum.saturating_add(chunk.rows))
    }
}
