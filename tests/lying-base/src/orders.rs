//! Which lie is told to whom, and about which blocks.

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::B256;

use crate::{Lie, lie::Subject};

/// The most blocks whose true hash is remembered beside the one that was told.
const MOST_HASHES: usize = 16_384;
/// The most victims whose uses of `finalized` are counted; later ones are counted together.
const MOST_VICTIMS: usize = 256;

/// Whom a lie is told to, and about what. The default is everybody and everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    victim: Option<String>,
    above: Option<u64>,
    method: Option<String>,
}

impl Scope {
    /// One victim, by the first segment of the path of its URL.
    #[must_use]
    pub fn victim(victim: &str) -> Self {
        Self { victim: Some(victim.into()), ..Self::default() }
    }

    /// The same, only for blocks above this number. A lie about the newest block or about `finalized` then holds once
    /// that is above it, and a lie that concerns no block once the newest is.
    #[must_use]
    pub fn above(mut self, block: u64) -> Self {
        self.above = Some(block);
        self
    }

    /// The same, only for questions with this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.into());
        self
    }

    fn holds(&self, victim: &str, method: &str) -> bool {
        let is_meant = |wanted: &Option<String>, given: &str| wanted.as_ref().is_none_or(|wanted| wanted == given);
        is_meant(&self.victim, victim) && is_meant(&self.method, method)
    }

    /// Whether nobody is left out, whatever he asks.
    fn is_everybody(&self) -> bool {
        self.victim.is_none() && self.method.is_none()
    }
}

/// The lies about one question, in the order in which they were switched on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lies {
    lies: Vec<(Lie, Option<u64>)>,
    /// The number of blocks by which `finalized` is behind the newest, if it is not the upstream's.
    pub(crate) finality: Option<u64>,
}

impl Lies {
    /// Whether the answer itself is the truth, whatever becomes of the connection.
    pub(crate) fn are_none_of_the_answer(&self) -> bool {
        self.lies.iter().all(|(lie, _)| lie.subject() == Subject::Connection) && self.finality.is_none()
    }

    /// Whether one of the lies is like this, about whichever block.
    pub(crate) fn any(&self, is_like: impl Fn(&Lie) -> bool) -> bool {
        self.lies.iter().any(|(lie, _)| is_like(lie))
    }

    /// The lies about a block.
    pub(crate) fn about(&self, block: u64) -> impl Iterator<Item = &Lie> {
        self.lies.iter().filter(move |(_, above)| above.is_none_or(|above| block > above)).map(|(lie, _)| lie)
    }

    /// Whether the number of the newest block decides which lies hold.
    pub(crate) fn depend_on_block(&self) -> bool {
        self.lies.iter().any(|(_, above)| above.is_some())
    }
}

/// What the proxy was told to do, and what it has to remember for it.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    lies: Vec<(Scope, Lie)>,
    finality: Option<u64>,
    /// How often each victim used `finalized` while it goes back.
    finalized_uses: BTreeMap<String, u64>,
    /// The true hashes by those that were told, and the order of their coming.
    hashes: BTreeMap<B256, B256>,
    told: VecDeque<B256>,
}

impl Orders {
    pub(crate) fn add(&mut self, scope: Scope, lie: Lie) {
        self.lies.push((scope, lie));
    }

    /// Ends every lie. What was told stays known, so that whoever was told a hash can still ask for it.
    pub(crate) fn clear(&mut self) {
        self.lies.clear();
        self.finalized_uses.clear();
    }

    pub(crate) fn set_finality(&mut self, blocks: Option<u64>) {
        self.finality = blocks;
    }

    /// The lies about a question.
    pub(crate) fn lies(&self, victim: &str, method: &str) -> Lies {
        let is_meant = |scope: &Scope, lie: &Lie| scope.holds(victim, method) && lie.subject().concerns(method);
        let meant = self.lies.iter().filter(|(scope, lie)| is_meant(scope, lie));
        let lies = meant.map(|(scope, lie)| (lie.clone(), scope.above)).collect();
        Lies { lies, finality: self.finality }
    }

    /// Whether connections are refused to everybody.
    pub(crate) fn is_dead(&self) -> bool {
        self.lies.iter().any(|(scope, lie)| *lie == Lie::Refuse && scope.is_everybody() && scope.above.is_none())
    }

    /// Counts a use of `finalized`, and says whether it is a second one.
    pub(crate) fn use_finalized(&mut self, victim: &str) -> bool {
        let is_known = self.finalized_uses.contains_key(victim) || self.finalized_uses.len() < MOST_VICTIMS;
        let uses = self.finalized_uses.entry(if is_known { victim.into() } else { String::new() }).or_default();
        *uses = uses.wrapping_add(1);
        uses.is_multiple_of(2)
    }

    /// Remembers the true hash of a block that was told with another.
    pub(crate) fn remember(&mut self, told: B256, truth: B256) {
        if told != truth && self.hashes.insert(told, truth).is_none() {
            self.told.push_back(told);
        }
        if self.told.len() > MOST_HASHES
            && let Some(oldest) = self.told.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }

    /// The true hash of a block, by whichever hash it is known.
    pub(crate) fn true_hash(&self, hash: &B256) -> B256 {
        self.hashes.get(hash).copied().unwrap_or(*hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Orders {
        let mut orders = Orders::default();
        orders.add(Scope::default(), Lie::ForgeLogs);
        orders.add(Scope::victim("v2").above(7), Lie::ForgeStateRoot);
        orders.add(Scope::default().method("eth_getProof"), Lie::NoProofs);
        orders
    }

    #[test]
    fn a_lie_is_for_its_victim_its_method_and_its_blocks() {
        let names = |victim, method, block| {
            let lies = orders().lies(victim, method);
            lies.about(block).map(Lie::name).collect::<Vec<_>>()
        };
        assert_eq!(names("v1", "eth_getLogs", 8), ["forge-logs"]);
        assert_eq!(names("v2", "eth_getLogs", 8), ["forge-logs", "forge-state-root"]);
        assert_eq!(names("v2", "eth_getLogs", 7), ["forge-logs"]);
        assert_eq!(names("v1", "eth_getProof", 0), ["no-proofs"]);
        assert_eq!(names("v2", "eth_chainId", 8), [""; 0]);
    }

    #[test]
    fn honesty_ends_every_lie() {
        let mut orders = orders();
        orders.clear();
        assert!(orders.lies("v2", "eth_getProof").are_none_of_the_answer());
    }

    #[test]
    fn old_hashes_are_forgotten_before_they_fill_the_memory() {
        let mut orders = Orders::default();
        let hash = |number| crate::seeded::hash(0, "block", number);
        for number in 0..17_000 {
            orders.remember(hash(number), B256::ZERO);
        }
        assert_eq!(orders.hashes.len(), MOST_HASHES);
        assert_eq!(orders.true_hash(&hash(16_999)), B256::ZERO);
        assert_eq!(orders.true_hash(&hash(0)), hash(0));
    }
}
