//! The state's commitment: a sparse binary Merkle tree over `sha256(key)`, held in RAM and rebuilt from the rows when
//! the node starts.
//!
//! A subtree without rows is the placeholder, one with a single row is that row's leaf, any other is an inner node.
//! Versions share what they have in common: an update copies the paths that change and leaves every other version as
//! it was, so old roots stay readable for as long as somebody holds them.

mod arena;
mod hash;
mod history;
mod path;
mod subtrees;
mod update;

use std::sync::Arc;

use diem_core::storage::Value;
use parking_lot::Mutex;
use rayon::prelude::*;

use arena::{Arena, CHUNKS, Kind, NodeRef};
use history::History;
use update::{Node, Updated};

pub use hash::{Hash, sha256};
pub use path::{Lookup, Path};
pub use subtrees::{Assembly, Subtree, SubtreeKind, SubtreeRoot, fold_subtrees, subtree_of};
pub use update::Change;

/// A batch of this many rows is hashed on all threads.
const MANY: usize = 512;

/// The memory that all versions of one tree share.
struct Shared {
    arena: Arena,
    history: Mutex<History>,
}

/// One committed version of the tree. Cloning it is cheap; its nodes live as long as it does.
#[derive(Clone)]
pub struct Root {
    version: Arc<Version>,
}

struct Version {
    shared: Arc<Shared>,
    number: u64,
    node: Node,
    rows: u64,
}

impl Default for Root {
    fn default() -> Self {
        Root::new()
    }
}

impl Root {
    /// A new tree without rows.
    pub fn new() -> Root {
        Root::with_chunks(CHUNKS)
    }

    /// A new tree whose nodes have room for so many chunks of slots.
    fn with_chunks(chunks: usize) -> Root {
        let shared = Shared { arena: Arena::new(chunks), history: Mutex::new(History::starting_at(0)) };
        Root { version: Arc::new(Version { shared: Arc::new(shared), number: 0, node: Node::EMPTY, rows: 0 }) }
    }

    /// The hash of the root node.
    pub fn hash(&self) -> Hash {
        self.version.node.hash
    }

    /// The number of rows: a function of the rows alone, however the tree came to them.
    pub fn rows(&self) -> u64 {
        self.version.rows
    }

    /// The number of versions that came before this one, in this process.
    pub fn version(&self) -> u64 {
        self.version.number
    }

    /// The tree after `changes`, at most one for each key. Neither this version nor any other changes.
    ///
    /// # Errors
    /// [`TreeFull`].
    pub fn update(&self, changes: &[Change]) -> Result<Draft, TreeFull> {
        let Version { shared, number, node, rows } = &*self.version;
        let Updated { root, born, dead, is_full } =
            update::update(&shared.arena, number.saturating_add(1), *node, changes);
        // Every row has its leaf, and every leaf its row: a new value leaves the leaf where it is.
        let rows = rows.saturating_add(leaves(&born)).saturating_sub(leaves(&dead));
        // Dropping the draft frees what was born.
        let draft = Draft { base: self.clone(), node: root, rows, born, dead };
        if is_full { Err(TreeFull { rows: self.rows() }) } else { Ok(draft) }
    }

    /// The path to `key`, or to its neighbours if there is no such row.
    pub fn look_up(&self, key: &[u8]) -> Lookup {
        path::look_up(&self.version.shared.arena, self.version.node, key)
    }

    /// Inner nodes and leaves in memory, of all versions together.
    pub fn nodes(&self) -> (usize, usize) {
        self.version.shared.arena.used()
    }

    /// The memory that the nodes of all versions together take, in bytes.
    pub fn bytes(&self) -> usize {
        self.version.shared.arena.bytes()
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        let unseen = self.shared.history.lock().end(self.number, &self.shared.arena);
        self.shared.arena.free(&unseen);
    }
}

fn leaves(nodes: &[NodeRef]) -> u64 {
    nodes.iter().filter(|node| matches!(node.kind(), Kind::Leaf(_))).count() as u64
}

/// The slots of the tree's nodes are used up. All versions are as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree of {rows} rows has no room for more nodes")]
pub struct TreeFull {
    /// The number of rows of the version that was to be changed.
    pub rows: u64,
}

/// A version that is not committed. Dropping it leaves no trace.
pub struct Draft {
    base: Root,
    node: Node,
    rows: u64,
    born: Vec<NodeRef>,
    dead: Vec<NodeRef>,
}

impl Draft {
    /// The hash of the root node.
    pub fn hash(&self) -> Hash {
        self.node.hash
    }

    /// The version this one was made from.
    pub fn base(&self) -> &Root {
        &self.base
    }

    /// Makes it the latest version; `None` if another one was made from its base before.
    pub fn commit(mut self) -> Option<Root> {
        let shared = &self.base.version.shared;
        let number = shared.history.lock().advance(self.base.version(), std::mem::take(&mut self.dead))?;
        self.born = Vec::new();
        let version = Version { shared: shared.clone(), number, node: self.node, rows: self.rows };
        Some(Root { version: Arc::new(version) })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.base.version.shared.arena.free(&self.born);
    }
}

/// Hashes rows to change, in parallel if there are many.
pub fn changes<K: AsRef<[u8]> + Sync>(rows: &[(K, Option<Value>)]) -> Vec<Change> {
    let change = |(key, value): &(K, Option<Value>)| Change::new(key.as_ref(), value.as_deref());
    if rows.len() < MANY {
        rows.iter().map(change).collect()
    } else {
        rows.par_iter().with_min_len(MANY / 2).map(change).collect()
    }
}

#[cfg(test)]
mod tests;
