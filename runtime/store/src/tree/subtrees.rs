//! A tree cut at one depth into its subtrees, and put together again: how a state travels in parts, each of which can
//! be checked alone.

use std::sync::Arc;

use diem_core::proof::EMPTY_HASH;
use parking_lot::Mutex;

use super::arena::{Arena, CHUNKS, Kind, NodeRef};
use super::hash::{Hash, inner_hash, sha256};
use super::history::History;
use super::update::{self, Change, Node, Updated};
use super::{Root, Shared, TreeFull, Version, leaves};

/// The number of rows below a node, as far as the hash of the node above depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SubtreeKind {
    /// There is no row: the hash is the placeholder.
    Empty = 0,
    /// There is one row: the hash is that of its leaf.
    Leaf = 1,
    /// There are more rows: the hash is that of an inner node.
    Inner = 2,
}

/// The root of a subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubtreeRoot {
    /// The kind of the root node.
    pub kind: SubtreeKind,
    /// The hash of the root node.
    pub hash: Hash,
}

impl SubtreeRoot {
    /// The root of a subtree without rows.
    pub const EMPTY: SubtreeRoot = SubtreeRoot { kind: SubtreeKind::Empty, hash: EMPTY_HASH };

    fn of(node: Node) -> SubtreeRoot {
        let kind = match node.at.kind() {
            Kind::Empty => SubtreeKind::Empty,
            Kind::Leaf(_) => SubtreeKind::Leaf,
            Kind::Inner(_) => SubtreeKind::Inner,
        };
        SubtreeRoot { kind, hash: node.hash }
    }

    /// The root above two subtrees, by the rule of the tree: a lone leaf moves up.
    pub fn join(left: SubtreeRoot, right: SubtreeRoot) -> SubtreeRoot {
        use SubtreeKind::{Empty, Inner, Leaf};
        match (left.kind, right.kind) {
            (Empty, Empty | Leaf) => right,
            (Leaf, Empty) => left,
            _ => SubtreeRoot { kind: Inner, hash: inner_hash(&left.hash, &right.hash) },
        }
    }
}

/// Joins neighbours until one is left; `None` if their number is no power of two.
pub(super) fn fold<T: Copy>(mut level: Vec<T>, mut join: impl FnMut(T, T) -> T) -> Option<T> {
    if !level.len().is_power_of_two() {
        return None;
    }
    while level.len() > 1 {
        level = level.as_chunks::<2>().0.iter().map(|[left, right]| join(*left, *right)).collect();
    }
    level.first().copied()
}

/// The root of the tree whose subtrees at one depth are these, in order; `None` if their number is no power of two.
pub fn fold_subtrees(subtrees: Vec<SubtreeRoot>) -> Option<SubtreeRoot> {
    fold(subtrees, SubtreeRoot::join)
}

/// The number of the subtree at `depth`, at most 16, to which a key hash belongs: its first bits.
pub fn subtree_of(key_hash: &Hash, depth: u8) -> usize {
    let first = key_hash.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    usize::from(first) >> 16u8.saturating_sub(depth)
}

impl Root {
    /// The roots of the 2^`depth` subtrees at `depth`, at most 16, in the order of key hashes. A leaf above that depth
    /// stands in the subtree of its key hash.
    pub fn subtrees(&self, depth: u8) -> Vec<SubtreeRoot> {
        let mut roots = vec![SubtreeRoot::EMPTY; 1 << depth.min(16)];
        let Version { shared, node, .. } = &*self.version;
        cut(&shared.arena, *node, depth, &mut roots);
        roots
    }
}

/// Writes the roots of the subtrees of `node` that lie at `depth` of the whole tree into `roots`, one for each.
fn cut(arena: &Arena, node: Node, depth: u8, roots: &mut [SubtreeRoot]) {
    if let [root] = roots {
        *root = SubtreeRoot::of(node);
        return;
    }
    match node.at.kind() {
        Kind::Empty => {}
        Kind::Inner(id) => {
            let ((left, right), (left_hash, right_hash)) = (arena.children(id), arena.hashes(id));
            let (low, high) = roots.split_at_mut(roots.len() / 2);
            cut(arena, Node { at: left, hash: left_hash }, depth, low);
            cut(arena, Node { at: right, hash: right_hash }, depth, high);
        }
        Kind::Leaf(id) => {
            // The first bits of its hash led to `roots`; the last ones of its subtree's number say where in there.
            let number = subtree_of(&sha256(&arena.key(id)), depth);
            let place = number.checked_rem(roots.len()).unwrap_or_default();
            if let Some(root) = roots.get_mut(place) {
                *root = SubtreeRoot::of(node);
            }
        }
    }
}

/// A new tree that is put together from subtrees, which are built in any order and on any thread.
pub struct Assembly {
    shared: Arc<Shared>,
    number: u64,
}

/// A subtree of an [`Assembly`]. Dropping it frees its nodes.
pub struct Subtree {
    shared: Arc<Shared>,
    node: Node,
    rows: u64,
    born: Vec<NodeRef>,
}

impl Subtree {
    /// The root of the subtree.
    pub fn root(&self) -> SubtreeRoot {
        SubtreeRoot::of(self.node)
    }

    /// The number of its rows.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Keeps the nodes for as long as the assembly lives, and forgets the list by which they would be freed.
    pub fn keep(&mut self) {
        self.born = Vec::new();
    }
}

impl Drop for Subtree {
    fn drop(&mut self) {
        self.shared.arena.free(&self.born);
    }
}

impl Assembly {
    /// A tree without subtrees yet, which will be version `number`: the caller has had none of that number or above.
    pub fn new(number: u64) -> Assembly {
        let shared = Shared { arena: Arena::new(CHUNKS), history: Mutex::new(History::starting_at(number)) };
        Assembly { shared: Arc::new(shared), number }
    }

    /// Builds the subtree at `depth` of `rows`, whose key hashes all begin with the same `depth` bits and of which no
    /// two have the same key.
    ///
    /// # Errors
    /// [`TreeFull`].
    pub fn build(&self, depth: u8, rows: &[Change]) -> Result<Subtree, TreeFull> {
        let Updated { root, born, is_full, .. } =
            update::build(&self.shared.arena, self.number, rows, usize::from(depth));
        let subtree = Subtree { shared: self.shared.clone(), node: root, rows: leaves(&born), born };
        // Dropping the subtree frees what was born.
        if is_full { Err(TreeFull { rows: subtree.rows }) } else { Ok(subtree) }
    }

    /// The tree of these subtrees, which are all that were built, of one depth and in order. `Ok(None)` if their number is no power of two
    /// or one of them belongs to another assembly.
    ///
    /// # Errors
    /// [`TreeFull`].
    pub fn finish(&self, mut subtrees: Vec<Subtree>) -> Result<Option<Root>, TreeFull> {
        if subtrees.iter().any(|subtree| !Arc::ptr_eq(&subtree.shared, &self.shared)) {
            return Ok(None);
        }
        let rows = subtrees.iter().fold(0u64, |sum, subtree| sum.saturating_add(subtree.rows));
        subtrees.iter_mut().for_each(Subtree::keep);
        let roots = subtrees.iter().map(|subtree| subtree.node).collect();
        let Some((node, is_full)) = update::join_all(&self.shared.arena, self.number, roots) else { return Ok(None) };
        if is_full {
            return Err(TreeFull { rows });
        }
        let version = Version { shared: self.shared.clone(), number: self.number, node, rows };
        Ok(Some(Root { version: Arc::new(version) }))
    }
}
