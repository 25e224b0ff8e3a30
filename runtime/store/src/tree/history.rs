//! The record of which versions are alive, and of when a node can be freed.
//!
//! Versions form one line: version n + 1 is made from n. A node is born in one version and dies in a later one, and
//! is reachable from the versions between. When a node dies it is put on the list of the youngest version that
//! still sees it; when that version is dropped the node moves to the next older living version that sees it, or is
//! freed. So a version kept for long keeps its own nodes only, and dropping the oldest frees a whole list at once.

use std::collections::{BTreeMap, BTreeSet};

use super::arena::{Arena, NodeRef};

/// The versions alive and the dead nodes that some of them still see.
pub(super) struct History {
    latest: u64,
    alive: BTreeSet<u64>,
    waiting: BTreeMap<u64, Vec<NodeRef>>,
}

impl History {
    /// The history of a new tree, in which its first version, `number`, is alive.
    pub(super) fn starting_at(number: u64) -> History {
        History { latest: number, alive: BTreeSet::from([number]), waiting: BTreeMap::new() }
    }

    /// Begins the version after `base`, in which the nodes `dead` of `base` are gone. `base` must be alive. `None` if
    /// `base` is not the latest.
    pub(super) fn advance(&mut self, base: u64, dead: Vec<NodeRef>) -> Option<u64> {
        if base != self.latest {
            return None;
        }
        self.latest = self.latest.checked_add(1)?;
        self.alive.insert(self.latest);
        self.waiting.insert(base, dead);
        Some(self.latest)
    }

    /// Ends a version; returns the nodes that no other version sees.
    pub(super) fn end(&mut self, version: u64, arena: &Arena) -> Vec<NodeRef> {
        self.alive.remove(&version);
        let Some(dead) = self.waiting.remove(&version) else { return Vec::new() };
        let Some(older) = self.alive.range(..version).next_back() else { return dead };
        let (seen, unseen) = dead.into_iter().partition(|node| arena.birth(*node) <= *older);
        self.waiting.entry(*older).or_default().extend::<Vec<NodeRef>>(seen);
        unseen
    }
}
