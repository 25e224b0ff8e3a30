//! The early alarm: a young block of Base shows what this chain never caused.
//!
//! One young proof proves nothing here, because any endpoint can make up a header. So a block counts only if enough
//! endpoints have its hash, and two checkpoints in a row have to show it.

use std::collections::BTreeMap;

use diem_base::{Facts, FoundEvent};
use diem_bridge::{
    BaseEvent, OutboundKind,
    booking::wanted_hash,
    inbound::applied,
    sealing,
    state::{books, domain, stored_set},
};
use diem_core::{Amount, Denom, StateRead};

/// The most blocks that wait to be judged.
const MAX_WAITING: usize = 16;

/// Something on Base that this chain did not cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// More is minted than there can be.
    Supply {
        /// The supply that the block proves.
        proven: Amount,
        /// The most that there can be: what was applied, all that is sealed, and the queue.
        most: Amount,
    },
    /// An event names what was never issued, or with another content.
    Event {
        /// The nonce of the event.
        nonce: u64,
        /// The number of its kind.
        kind: u8,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Supply { proven, most } => {
                let [proven, most] = [proven, most].map(|amount| amount.display(Denom::Diem));
                write!(f, "{proven} exist on Base, and this chain has caused {most} at most")
            }
            Self::Event { nonce, kind } => {
                write!(f, "event {nonce} of Base, of kind {kind}, names what this chain never issued")
            }
        }
    }
}

/// Looks for what this chain did not cause in a block that is younger than what was applied. The events are those
/// after the last applied one, folded to the hash that the block proves; without them only the supply is judged.
pub(crate) fn judge(state: &dyn StateRead, facts: &Facts, events: &[FoundEvent]) -> Option<Finding> {
    let (applied, books) = (applied(state), books(state));
    if facts.checkpoint.event_nonce < applied.event_nonce {
        return None;
    }
    let most = applied.supply().saturating_add(books.open).saturating_add(books.queued);
    let proven = facts.checkpoint.supply;
    if proven > most {
        return Some(Finding::Supply { proven, most });
    }
    let foreign = events.iter().find(|found| !is_own(state, found))?;
    Some(Finding::Event { nonce: foreign.nonce, kind: foreign.event.kind })
}

/// Whether an event names only what this chain has issued.
fn is_own(state: &dyn StateRead, found: &FoundEvent) -> bool {
    let is_own_set = |nonce: u64, hash: &[u8; 32]| {
        let stored = stored_set(state, nonce).zip(domain(state));
        stored.is_some_and(|(set, domain)| set.set().hash(&domain.salt, nonce, set.created_at) == *hash)
    };
    // Of a kind that this version does not know, it cannot be said.
    match BaseEvent::decode(found.event.kind, &found.event.payload) {
        Ok(BaseEvent::BatchExecuted { batch_nonce, struct_hash, .. }) => {
            sealing::batch(state, batch_nonce).is_some_and(|batch| batch.struct_hash() == struct_hash)
        }
        Ok(BaseEvent::SetInstalled { nonce, set_hash, .. } | BaseEvent::SetProposed { nonce, set_hash, .. }) => {
            is_own_set(nonce, &set_hash)
        }
        Ok(BaseEvent::AdminExecuted { admin_nonce, struct_hash }) => {
            wanted_hash(state, OutboundKind::Admin, admin_nonce) == Some(struct_hash)
        }
        _ => true,
    }
}

/// The young blocks that wait to be judged by a state that is newer than they are, and what the last one showed.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// The facts by number, with the height of the chain when they were proven.
    waiting: BTreeMap<u64, (Facts, u64)>,
    /// The number of the last block that was judged, and what it showed.
    last: Option<(u64, Option<Finding>)>,
}

impl Alarm {
    /// A block was proven while the chain was at this height.
    pub(crate) fn note(&mut self, facts: Facts, height: u64) {
        self.waiting.insert(facts.checkpoint.number, (facts, height));
        if self.waiting.len() > MAX_WAITING {
            self.waiting.pop_first();
        }
    }

    /// The numbers of the blocks that wait.
    pub(crate) fn waiting(&self) -> Vec<u64> {
        self.waiting.keys().copied().collect()
    }

    /// Takes out the blocks, ascending, that a state of this height may judge and whose hash is confirmed. Those with
    /// another hash are forgotten.
    pub(crate) fn take_due(&mut self, height: u64, agreed: impl Fn(u64) -> Option<[u8; 32]>) -> Vec<Facts> {
        let mut due = Vec::new();
        self.waiting.retain(|number, (facts, since)| match agreed(*number) {
            Some(hash) if hash != facts.checkpoint.block_hash => false,
            Some(_) if height > *since => {
                due.push(*facts);
                false
            }
            _ => true,
        });
        due
    }

    /// Takes down what a block showed. Returns it if the block before showed something too.
    pub(crate) fn judged(&mut self, number: u64, finding: Option<Finding>) -> Option<Finding> {
        let before = self.last.replace((number, finding)).filter(|(before, _)| *before < number);
        finding.filter(|_| before.is_some_and(|(_, before)| before.is_some()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_bridge::{BridgeState, Checkpoint};

    use super::*;

    const FORGED: Option<Finding> = Some(Finding::Event { nonce: 1, kind: 2 });

    fn facts(number: u64) -> Facts {
        let (block_hash, rolling_hash) = ([number.to_be_bytes()[7]; 32], [2; 32]);
        let supply = Amount::ZERO;
        Facts {
            checkpoint: Checkpoint { number, block_hash, timestamp: number, event_nonce: 0, rolling_hash, supply },
            state: BridgeState { event_nonce: 0, set_nonce: 0, set_created_at: 1, active: true },
            set_hash: [3; 32],
            bridge_code: [4; 32],
            token_code: [5; 32],
        }
    }

    #[test]
    fn two_blocks_in_a_row_raise_the_alarm_and_one_does_not() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.judged(5, FORGED), None);
        assert_eq!(alarm.judged(10, None), None);
        assert_eq!(alarm.judged(15, FORGED), None, "one between was clean");
        assert_eq!(alarm.judged(15, FORGED), None, "the same twice is one");
        assert_eq!(alarm.judged(20, FORGED), FORGED);
    }

    #[test]
    fn a_block_is_judged_by_a_later_state_and_only_if_enough_endpoints_have_its_hash() {
        let mut alarm = Alarm::default();
        alarm.note(facts(5), 100);
        alarm.note(facts(10), 101);
        let real = |number: u64| Some([number.to_be_bytes()[7]; 32]);
        assert_eq!(alarm.take_due(100, real), []);
        assert_eq!(alarm.take_due(101, |_| None), [], "nobody confirms it");
        assert_eq!(alarm.take_due(101, real), [facts(5)]);
        assert_eq!(alarm.waiting(), [10]);
        assert_eq!(alarm.take_due(200, |_| Some([9; 32])), []);
        assert_eq!(alarm.waiting(), Vec::<u64>::new(), "it was made up");
        (0..100).for_each(|number| alarm.note(facts(number), 1));
        assert_eq!(alarm.waiting().len(), MAX_WAITING);
    }
}
