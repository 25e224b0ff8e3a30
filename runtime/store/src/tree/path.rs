//! Paths from leaves to the root: what proofs are made of.

use diem_core::storage::Key;

use super::arena::{Arena, Kind, NodeRef};
use super::hash::{Hash, sha256};
use super::update::{Node, bit};

/// The way from a leaf up to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The raw key of the leaf.
    pub key: Key,
    /// The steps from the leaf upwards: whether the path comes from the right child, and the hash of the other child.
    pub steps: Vec<(bool, Hash)>,
}

/// The outcome of a search for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The key's own leaf.
    Present(Path),
    /// There is no leaf of that key; these are the nearest ones before and after it in the order of key hashes.
    Absent {
        /// The path of the leaf before it, if there is one.
        left: Option<Path>,
        /// The path of the leaf after it, if there is one.
        right: Option<Path>,
    },
}

/// One inner node on the way down: its children, their hashes, and whether the way went right.
#[derive(Clone, Copy)]
struct Step {
    children: (NodeRef, NodeRef),
    hashes: (Hash, Hash),
    right: bool,
}

impl Step {
    fn new(arena: &Arena, id: u32, right: bool) -> Step {
        Step { children: arena.children(id), hashes: arena.hashes(id), right }
    }

    fn child(&self) -> NodeRef {
        if self.right { self.children.1 } else { self.children.0 }
    }

    fn other_child(&self) -> NodeRef {
        if self.right { self.children.0 } else { self.children.1 }
    }
}

pub(super) fn look_up(arena: &Arena, root: Node, key: &[u8]) -> Lookup {
    let hash = sha256(key);
    let mut steps = Vec::new();
    let found = descend(arena, root.at, &mut steps, |depth| bit(&hash, depth));
    let Some(id) = found else {
        let (left, right) = (beside(arena, &steps, false), beside(arena, &steps, true));
        return Lookup::Absent { left, right };
    };
    let there = path(arena, id, &steps);
    if there.key.as_slice() == key {
        return Lookup::Present(there);
    }
    if sha256(&there.key) < hash {
        Lookup::Absent { left: Some(there), right: beside(arena, &steps, true) }
    } else {
        Lookup::Absent { left: beside(arena, &steps, false), right: Some(there) }
    }
}

/// Goes down from `node` and notes the steps; `right` tells the way at each depth. It returns the id of the leaf at the
/// end.
fn descend(arena: &Arena, node: NodeRef, steps: &mut Vec<Step>, right: impl Fn(usize) -> bool) -> Option<u32> {
    let mut node = node;
    loop {
        match node.kind() {
            Kind::Empty => return None,
            Kind::Leaf(id) => return Some(id),
            Kind::Inner(id) => {
                let step = Step::new(arena, id, right(steps.len()));
                node = step.child();
                steps.push(step);
            }
        }
    }
}

/// The leaf next to the end of `steps`, on the right or on the left.
fn beside(arena: &Arena, steps: &[Step], on_right: bool) -> Option<Path> {
    let turn = steps.iter().rposition(|step| step.right != on_right && step.other_child() != NodeRef::EMPTY)?;
    let mut around: Vec<Step> = steps.get(..turn)?.to_vec();
    let mut turned = *steps.get(turn)?;
    turned.right = on_right;
    let from = turned.child();
    around.push(turned);
    let leaf = nearest(arena, from, &mut around, !on_right)?;
    Some(path(arena, leaf, &around))
}

/// The outermost leaf of a subtree: the rightmost if `right`, else the leftmost.
fn nearest(arena: &Arena, node: NodeRef, steps: &mut Vec<Step>, right: bool) -> Option<u32> {
    let mut node = node;
    loop {
        match node.kind() {
            Kind::Empty => return None,
            Kind::Leaf(id) => return Some(id),
            Kind::Inner(id) => {
                let mut step = Step::new(arena, id, right);
                if step.child() == NodeRef::EMPTY {
                    step.right = !right;
                }
                node = step.child();
                steps.push(step);
            }
        }
    }
}

fn path(arena: &Arena, leaf: u32, steps: &[Step]) -> Path {
    let sibling = |step: &Step| (step.right, if step.right { step.hashes.0 } else { step.hashes.1 });
    Path { key: arena.key(leaf), steps: steps.iter().rev().map(sibling).collect() }
}
