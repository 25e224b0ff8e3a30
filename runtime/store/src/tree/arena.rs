//! Where the nodes of all kept versions lie: two slabs of fixed-size slots, addressed by 32-bit ids.
//!
//! Ids instead of `Arc` because a copied path would otherwise touch the counters of all its untouched siblings, and
//! each of those is a cache miss. Slots are made of atomics so that readers of old versions and a writer of a new one
//! can share a slab without locks and without `unsafe`: a slot is written only between its allocation and the
//! publication of the version that reaches it, and freed only when no version reaches it (see `history`). The
//! publication itself goes through a lock, which orders the relaxed accesses here.
//!
//! ```text
//! inner slot   hash of the left child | hash of the right child    64 bytes, one cache line
//!              left ref, right ref | birth                         16 bytes, apart: a descent reads only these
//! leaf slot    length | raw key, up to 63 bytes                    64 bytes; longer keys lie in a side table
//!              birth                                                8 bytes
//! ```
//!
//! A leaf slot never changes while its key lives: a new value changes only the hash in its parent.
//!
//! A slab has an end. The chain refuses calls that make rows long before it (`chain.max_rows`); whoever comes there
//! anyway gets an error for his update, and all versions stay as they are.

#![expect(clippy::arithmetic_side_effects, reason = "indices into slabs whose bounds every access checks again")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use diem_core::storage::Key;
use parking_lot::{Mutex, RwLock};

use super::hash::Hash;

/// The number of slots in a chunk.
const CHUNK: usize = 1 << 13;

/// The number of chunks in a slab: 2^28 slots are 21 GB of inner nodes.
pub(super) const CHUNKS: usize = 1 << 15;

/// The longest key that fits into its slot.
const INLINE_KEY: usize = 63;

/// The length byte of a key in the side table.
const LONG_KEY: u8 = 0xff;

/// A child: nothing, an inner node or a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeRef(u32);

/// The kind of node that a [`NodeRef`] points to.
pub(super) enum Kind {
    Empty,
    Inner(u32),
    Leaf(u32),
}

impl NodeRef {
    pub(super) const EMPTY: NodeRef = NodeRef(0);

    /// Inner ids start from 1, so that none of them looks like [`NodeRef::EMPTY`].
    pub(super) fn inner(id: u32) -> NodeRef {
        NodeRef(id << 1)
    }

    pub(super) fn leaf(id: u32) -> NodeRef {
        NodeRef(id << 1 | 1)
    }

    pub(super) fn kind(self) -> Kind {
        match self.0 {
            0 => Kind::Empty,
            n if n & 1 == 1 => Kind::Leaf(n >> 1),
            n => Kind::Inner(n >> 1),
        }
    }
}

/// A node's 64 bytes, which lie in one cache line.
#[derive(Default)]
#[repr(align(64))]
struct Line([AtomicU64; 8]);

impl Line {
    fn store(&self, bytes: &[u8; 64]) {
        for (word, bytes) in self.0.iter().zip(bytes.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
    }

    fn load(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        for (word, bytes) in self.0.iter().zip(bytes.as_chunks_mut::<8>().0) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        bytes
    }
}

/// The part of an inner node that a descent reads.
#[derive(Default)]
struct Link {
    children: AtomicU64,
    birth: AtomicU64,
}

/// One chunk of slots: a line and something beside it.
struct Chunk<T> {
    lines: Box<[Line]>,
    beside: Box<[T]>,
}

/// Slots that never move, and the ids that are free.
struct Slab<T> {
    chunks: Box<[OnceLock<Chunk<T>>]>,
    free: Mutex<Free>,
}

struct Free {
    ids: Vec<u32>,
    /// The first id that was never used.
    next: u32,
}

impl<T: Default> Slab<T> {
    fn new(first: u32, chunks: usize) -> Slab<T> {
        let chunks = std::iter::repeat_with(OnceLock::new).take(chunks).collect();
        Slab { chunks, free: Mutex::new(Free { ids: Vec::new(), next: first }) }
    }

    /// The chunk of an allocated id and the place in it.
    #[inline(always)]
    fn chunk(&self, id: u32) -> (&Chunk<T>, usize) {
        let at = id as usize;
        #[expect(clippy::expect_used, reason = "ids come from `take` alone, which makes their chunk")]
        let chunk = self.chunks[at / CHUNK].get().expect("an allocated slot has a chunk");
        (chunk, at % CHUNK)
    }

    #[inline(always)]
    fn line(&self, id: u32) -> &Line {
        let (chunk, at) = self.chunk(id);
        &chunk.lines[at]
    }

    #[inline(always)]
    fn beside(&self, id: u32) -> &T {
        let (chunk, at) = self.chunk(id);
        &chunk.beside[at]
    }

    /// Moves `count` free ids into `ids`, or fewer if the slab ends.
    fn take(&self, count: u32, ids: &mut Vec<u32>) {
        let mut free = self.free.lock();
        let reused = free.ids.len().min(count as usize);
        let keep = free.ids.len() - reused;
        ids.extend(free.ids.drain(keep..));
        let end = u32::try_from(self.chunks.len() * CHUNK).unwrap_or(u32::MAX);
        let wanted = count - u32::try_from(reused).unwrap_or(count);
        let fresh = free.next..free.next.saturating_add(wanted).min(end).max(free.next);
        free.next = fresh.end;
        self.cover(&fresh);
        ids.extend(fresh.rev());
    }

    /// Makes the chunks of fresh ids, all of which lie inside the slab.
    fn cover(&self, fresh: &Range<u32>) {
        for chunk in fresh.start as usize / CHUNK..(fresh.end as usize).div_ceil(CHUNK) {
            self.chunks[chunk].get_or_init(|| Chunk {
                lines: std::iter::repeat_with(Line::default).take(CHUNK).collect(),
                beside: std::iter::repeat_with(T::default).take(CHUNK).collect(),
            });
        }
    }

    fn give_back(&self, ids: impl IntoIterator<Item = u32>) {
        self.free.lock().ids.extend(ids);
    }

    /// The memory of all chunks that were ever needed, in bytes: none is given back.
    fn bytes(&self) -> usize {
        let chunks = (self.free.lock().next as usize).div_ceil(CHUNK);
        chunks * CHUNK * (size_of::<Line>() + size_of::<T>())
    }

    /// The number of slots in use.
    fn used(&self, first: u32) -> usize {
        let free = self.free.lock();
        (free.next - first) as usize - free.ids.len()
    }
}

const FIRST_INNER: u32 = 1;
const FIRST_LEAF: u32 = 0;

/// The nodes of all versions of a tree.
pub(super) struct Arena {
    inner: Slab<Link>,
    leaves: Slab<AtomicU64>,
    long_keys: RwLock<BTreeMap<u32, Box<[u8]>>>,
}

impl Arena {
    /// Room for so many chunks of inner nodes, and as many of leaves.
    pub(super) fn new(chunks: usize) -> Arena {
        let (inner, leaves) = (Slab::new(FIRST_INNER, chunks), Slab::new(FIRST_LEAF, chunks));
        Arena { inner, leaves, long_keys: RwLock::default() }
    }

    pub(super) fn take_inner(&self, count: u32, ids: &mut Vec<u32>) {
        self.inner.take(count, ids);
    }

    pub(super) fn take_leaves(&self, count: u32, ids: &mut Vec<u32>) {
        self.leaves.take(count, ids);
    }

    pub(super) fn give_back_inner(&self, ids: Vec<u32>) {
        self.inner.give_back(ids);
    }

    pub(super) fn give_back_leaves(&self, ids: Vec<u32>) {
        self.leaves.give_back(ids);
    }

    /// The children of an inner node.
    #[inline(always)]
    pub(super) fn children(&self, id: u32) -> (NodeRef, NodeRef) {
        let both = self.inner.beside(id).children.load(Relaxed);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of a word")]
        (NodeRef((both >> 32) as u32), NodeRef(both as u32))
    }

    /// The hashes of the children of an inner node.
    #[inline(always)]
    pub(super) fn hashes(&self, id: u32) -> (Hash, Hash) {
        let line = self.inner.line(id).load();
        let (mut left, mut right) = ([0; 32], [0; 32]);
        left.copy_from_slice(&line[..32]);
        right.copy_from_slice(&line[32..]);
        (left, right)
    }

    #[inline(always)]
    pub(super) fn write_inner(&self, id: u32, birth: u64, refs: (NodeRef, NodeRef), hashes: (&Hash, &Hash)) {
        let (chunk, at) = self.inner.chunk(id);
        let mut line = [0; 64];
        line[..32].copy_from_slice(hashes.0);
        line[32..].copy_from_slice(hashes.1);
        chunk.lines[at].store(&line);
        let link = &chunk.beside[at];
        link.children.store(u64::from(refs.0.0) << 32 | u64::from(refs.1.0), Relaxed);
        link.birth.store(birth, Relaxed);
    }

    pub(super) fn write_leaf(&self, id: u32, birth: u64, key: &[u8]) {
        let mut line = [0; 64];
        match u8::try_from(key.len()) {
            Ok(len) if key.len() <= INLINE_KEY => {
                line[0] = len;
                line[1..=key.len()].copy_from_slice(key);
            }
            _ => {
                line[0] = LONG_KEY;
                self.long_keys.write().insert(id, key.into());
            }
        }
        let (chunk, at) = self.leaves.chunk(id);
        chunk.lines[at].store(&line);
        chunk.beside[at].store(birth, Relaxed);
    }

    /// The raw key of a leaf.
    pub(super) fn key(&self, id: u32) -> Key {
        let line = self.leaves.line(id).load();
        if line[0] == LONG_KEY {
            return self.long_keys.read().get(&id).map(|key| Key::from_slice(key)).unwrap_or_default();
        }
        Key::from_slice(&line[1..=usize::from(line[0])])
    }

    /// Prefetches: it reads something of a node and of the leaf below, to have it in the processor's cache later.
    #[inline(always)]
    pub(super) fn touch(&self, node: NodeRef) -> u64 {
        match node.kind() {
            Kind::Empty => 0,
            Kind::Inner(id) => self.inner.line(id).0[0].load(Relaxed),
            Kind::Leaf(id) => self.leaves.line(id).0[0].load(Relaxed),
        }
    }

    /// The version that made this node.
    pub(super) fn birth(&self, node: NodeRef) -> u64 {
        match node.kind() {
            Kind::Empty => 0,
            Kind::Inner(id) => self.inner.beside(id).birth.load(Relaxed),
            Kind::Leaf(id) => self.leaves.beside(id).load(Relaxed),
        }
    }

    /// Frees nodes that no version reaches.
    pub(super) fn free(&self, nodes: &[NodeRef]) {
        let mut leaves = Vec::new();
        self.inner.give_back(nodes.iter().filter_map(|node| match node.kind() {
            Kind::Inner(id) => Some(id),
            Kind::Leaf(id) => {
                leaves.push(id);
                None
            }
            Kind::Empty => None,
        }));
        for id in &leaves {
            if self.leaves.line(*id).load()[0] == LONG_KEY {
                self.long_keys.write().remove(id);
            }
        }
        self.leaves.give_back(leaves);
    }

    /// The memory of the slots, in bytes; keys that do not fit into theirs take some more.
    pub(super) fn bytes(&self) -> usize {
        self.inner.bytes() + self.leaves.bytes()
    }

    /// Inner nodes and leaves in use, by all versions and drafts together.
    pub(super) fn used(&self) -> (usize, usize) {
        (self.inner.used(FIRST_INNER), self.leaves.used(FIRST_LEAF))
    }
}
