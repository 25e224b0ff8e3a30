//! One batch of changes: a recursion that walks the tree and the sorted changes together and copies the paths that
//! change. The top of it is split over threads; at its bottom the memory of many paths is fetched at once.

#![expect(clippy::arithmetic_side_effects, reason = "depths up to 256 and lengths of slices")]

use std::hint::black_box;

use diem_core::proof::EMPTY_HASH;
use diem_core::storage::Key;
use rayon::prelude::*;

use super::arena::{Arena, Kind, NodeRef};
use super::hash::{Hash, inner_hash, leaf_hash, sha256};
use super::subtrees::fold;

/// More changes than this below a node are worth a second thread.
const SPLIT: usize = 1024;

/// This many paths are walked in step ahead of their update.
const WARM: usize = 32;

/// The number of ids that are taken from the arena at a time.
const LEASE: u32 = 512;

/// About as many nodes are born for each path of a group.
const BORN_PER_PATH: usize = 8;

/// A change of one row, hashed.
#[derive(Debug, Clone)]
pub struct Change {
    hash: Hash,
    leaf: Option<Hash>,
    key: Key,
}

impl Change {
    /// Sets the row `key` to `value`, or removes it.
    pub fn new(key: &[u8], value: Option<&[u8]>) -> Change {
        let hash = sha256(key);
        let leaf = value.map(|value| leaf_hash(&hash, &sha256(value)));
        Change { hash, leaf, key: Key::from_slice(key) }
    }

    /// The hash of the row's key.
    pub fn key_hash(&self) -> &Hash {
        &self.hash
    }
}

/// A node and its hash, which its parent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) at: NodeRef,
    pub(super) hash: Hash,
}

impl Node {
    pub(super) const EMPTY: Node = Node { at: NodeRef::EMPTY, hash: EMPTY_HASH };
}

/// The result of an update: the new root and what became of nodes.
pub(super) struct Updated {
    pub(super) root: Node,
    pub(super) born: Vec<NodeRef>,
    pub(super) dead: Vec<NodeRef>,
    /// Whether slots were missing: then the root is none.
    pub(super) is_full: bool,
}

/// Applies `changes`, at most one for each key, to the tree under `root`; the new nodes belong to version `birth`.
pub(super) fn update(arena: &Arena, birth: u64, root: Node, changes: &[Change]) -> Updated {
    let slots = sorted(changes);
    let mut task = Task::new(arena, birth, changes);
    let root = task.update(root, &slots, 0, false);
    task.finish(root)
}

/// The subtree at `depth` of `rows`, at most one for each key, whose key hashes share their first `depth` bits; its nodes
/// belong to version `birth`.
pub(super) fn build(arena: &Arena, birth: u64, rows: &[Change], depth: usize) -> Updated {
    let slots = sorted(rows);
    let mut task = Task::new(arena, birth, rows);
    let root = task.build(None, &slots, depth);
    task.finish(root)
}

/// The root above subtrees of one depth, in order, and whether slots were missing: then the root is none. `None` if the
/// number of subtrees is no power of two.
pub(super) fn join_all(arena: &Arena, birth: u64, roots: Vec<Node>) -> Option<(Node, bool)> {
    let mut task = Task::new(arena, birth, &[]);
    let root = fold(roots, |left, right| task.join(left, right))?;
    let Updated { root, is_full, .. } = task.finish(root);
    Some((root, is_full))
}

/// A change's place and the first bits of its key hash: what the recursion sorts and splits by.
#[derive(Clone, Copy)]
struct Slot {
    prefix: u64,
    at: usize,
}

fn sorted(changes: &[Change]) -> Vec<Slot> {
    let slot = |(at, change): (usize, &Change)| {
        let prefix = change.hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Slot { prefix, at }
    };
    let order = |a: &Slot, b: &Slot| a.prefix.cmp(&b.prefix).then_with(|| changes[a.at].hash.cmp(&changes[b.at].hash));
    let mut slots: Vec<Slot> = changes.iter().enumerate().map(slot).collect();
    if slots.len() > SPLIT {
        slots.par_sort_unstable_by(order);
    } else {
        slots.sort_unstable_by(order);
    }
    slots
}

/// A leaf that was there before and may stay.
#[derive(Clone, Copy)]
struct Kept {
    node: Node,
    hash: Hash,
}

/// The bit of a key hash that decides at `depth`.
pub(super) fn bit(hash: &Hash, depth: usize) -> bool {
    hash[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// One thread's part of an update.
struct Task<'t> {
    arena: &'t Arena,
    birth: u64,
    changes: &'t [Change],
    inner_ids: Vec<u32>,
    leaf_ids: Vec<u32>,
    born: Vec<NodeRef>,
    dead: Vec<NodeRef>,
    is_full: bool,
}

impl<'t> Task<'t> {
    fn new(arena: &'t Arena, birth: u64, changes: &'t [Change]) -> Task<'t> {
        let (inner_ids, leaf_ids, born, dead) = Default::default();
        Task { arena, birth, changes, inner_ids, leaf_ids, born, dead, is_full: false }
    }

    fn finish(self, root: Node) -> Updated {
        self.arena.give_back_inner(self.inner_ids);
        self.arena.give_back_leaves(self.leaf_ids);
        Updated { root, born: self.born, dead: self.dead, is_full: self.is_full }
    }

    fn bit(&self, slot: Slot, depth: usize) -> bool {
        if depth < 64 { slot.prefix >> (63 - depth) & 1 == 1 } else { bit(&self.changes[slot.at].hash, depth) }
    }

    fn split<'s>(&self, slots: &'s [Slot], depth: usize) -> (&'s [Slot], &'s [Slot]) {
        slots.split_at(slots.partition_point(|slot| !self.bit(*slot, depth)))
    }

    /// The subtree `node` at `depth` after the changes `slots`, all of which belong below it.
    fn update(&mut self, node: Node, slots: &[Slot], depth: usize, warm: bool) -> Node {
        if slots.is_empty() {
            return node;
        }
        match node.at.kind() {
            Kind::Empty => self.build(None, slots, depth),
            Kind::Leaf(id) => self.update_leaf(node, id, slots, depth),
            Kind::Inner(id) => {
                let warm = warm || slots.len() <= WARM && self.warm(node.at, slots, depth);
                self.update_inner(node, id, slots, depth, warm)
            }
        }
    }

    fn update_inner(&mut self, node: Node, id: u32, slots: &[Slot], depth: usize, warm: bool) -> Node {
        let (left_at, right_at) = self.arena.children(id);
        let (left_hash, right_hash) = self.arena.hashes(id);
        let (left, right) = (Node { at: left_at, hash: left_hash }, Node { at: right_at, hash: right_hash });
        let (left_slots, right_slots) = self.split(slots, depth);
        let (new_left, new_right) = self.both(
            slots.len(),
            |task| task.update(left, left_slots, depth + 1, warm),
            |task| task.update(right, right_slots, depth + 1, warm),
        );
        if new_left == left && new_right == right {
            return node;
        }
        self.dead.push(node.at);
        self.join(new_left, new_right)
    }

    fn update_leaf(&mut self, node: Node, id: u32, slots: &[Slot], depth: usize) -> Node {
        let key = self.arena.key(id);
        if let [slot] = slots
            && let change = &self.changes[slot.at]
            && change.key == key
        {
            return self.replace(node, change);
        }
        self.build(Some(Kept { node, hash: sha256(&key) }), slots, depth)
    }

    /// The leaf after a change of its own row.
    fn replace(&mut self, node: Node, change: &Change) -> Node {
        match change.leaf {
            Some(hash) => Node { at: node.at, hash },
            None => {
                self.dead.push(node.at);
                Node::EMPTY
            }
        }
    }

    /// A subtree of the changes and perhaps one leaf that was there before.
    fn build(&mut self, kept: Option<Kept>, slots: &[Slot], depth: usize) -> Node {
        match (kept, slots) {
            (None, []) => Node::EMPTY,
            (Some(kept), []) => kept.node,
            (None, [slot]) => self.new_leaf(&self.changes[slot.at]),
            (Some(kept), [slot]) if kept.hash == self.changes[slot.at].hash => {
                self.replace(kept.node, &self.changes[slot.at])
            }
            _ => {
                let (left, right) = self.split(slots, depth);
                let (kept_left, kept_right) = match kept {
                    Some(kept) if bit(&kept.hash, depth) => (None, Some(kept)),
                    kept => (kept, None),
                };
                let (left, right) = self.both(
                    slots.len(),
                    |task| task.build(kept_left, left, depth + 1),
                    |task| task.build(kept_right, right, depth + 1),
                );
                self.join(left, right)
            }
        }
    }

    /// Runs both halves, on two threads if there is enough to do.
    fn both(
        &mut self,
        size: usize,
        left: impl FnOnce(&mut Task<'t>) -> Node + Send,
        right: impl FnOnce(&mut Task<'t>) -> Node + Send,
    ) -> (Node, Node) {
        if size <= SPLIT {
            return (left(self), right(self));
        }
        let mut other = Task::new(self.arena, self.birth, self.changes);
        let nodes = rayon::join(|| left(self), || right(&mut other));
        self.inner_ids.append(&mut other.inner_ids);
        self.leaf_ids.append(&mut other.leaf_ids);
        self.born.append(&mut other.born);
        self.dead.append(&mut other.dead);
        self.is_full |= other.is_full;
        nodes
    }

    /// The node above two subtrees. A lone leaf moves up: a subtree of one leaf is that leaf.
    fn join(&mut self, left: Node, right: Node) -> Node {
        match (left.at.kind(), right.at.kind()) {
            (Kind::Empty, Kind::Empty | Kind::Leaf(_)) => right,
            (Kind::Leaf(_), Kind::Empty) => left,
            _ => {
                if self.inner_ids.is_empty() {
                    self.arena.take_inner(LEASE, &mut self.inner_ids);
                }
                let Some(id) = self.inner_ids.pop() else { return self.no_room() };
                self.arena.write_inner(id, self.birth, (left.at, right.at), (&left.hash, &right.hash));
                let at = NodeRef::inner(id);
                self.born.push(at);
                Node { at, hash: inner_hash(&left.hash, &right.hash) }
            }
        }
    }

    /// Returns a node in place of one that has no slot: the whole update is void, so it may be any.
    fn no_room(&mut self) -> Node {
        self.is_full = true;
        Node::EMPTY
    }

    fn new_leaf(&mut self, change: &Change) -> Node {
        let Some(hash) = change.leaf else { return Node::EMPTY };
        if self.leaf_ids.is_empty() {
            self.arena.take_leaves(LEASE, &mut self.leaf_ids);
        }
        let Some(id) = self.leaf_ids.pop() else { return self.no_room() };
        self.arena.write_leaf(id, self.birth, &change.key);
        let at = NodeRef::leaf(id);
        self.born.push(at);
        Node { at, hash }
    }

    /// Prefetches the paths of all `slots` by walking them in step. Each step of one path waits for memory, but the
    /// steps of different paths do not wait for each other, so the processor fetches them together; the update then
    /// finds them in its cache. It always returns true.
    fn warm(&mut self, from: NodeRef, slots: &[Slot], depth: usize) -> bool {
        let mut paths = [(from, 0); WARM];
        let mut open = 0;
        for (path, slot) in paths.iter_mut().zip(slots) {
            path.1 = slot.at;
            open += 1;
        }
        let (mut seen, mut depth) = (0, depth);
        let fresh = slots.len() * BORN_PER_PATH;
        if self.inner_ids.len() < fresh {
            self.arena.take_inner(LEASE, &mut self.inner_ids);
        }
        for id in self.inner_ids.iter().rev().take(fresh) {
            seen ^= self.arena.touch(NodeRef::inner(*id)) ^ self.arena.birth(NodeRef::inner(*id));
        }
        while open > 0 && depth < 256 {
            let mut still = 0;
            for next in 0..open {
                let (node, at) = paths[next];
                seen ^= self.arena.touch(node);
                if let Kind::Inner(id) = node.kind() {
                    let (left, right) = self.arena.children(id);
                    paths[still] = (if bit(&self.changes[at].hash, depth) { right } else { left }, at);
                    still += 1;
                }
            }
            open = still;
            depth += 1;
        }
        black_box(seen);
        true
    }
}
