//! What became of transfers to Base and of what came back. The rows of the state go when a thing is over; these stay, so
//! that whoever asks later is told how it ended.
//!
//! ```text
//! 's' transfer             how it was sent
//! 'f' transfer height      its fee, raised at that height
//! 'e' transfer             how it ended
//! 'c' credit               to whom it was paid
//! 'x' event of Base        the credit that a burn made, and the height
//! 'a' block of Base        when it was attested
//! ```
//!
//! They are those of blocks that this node executed: what was over before an export or a snapshot of state is missing.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_bridge::{Event as Bridge, Reason};
use diem_core::{Address, Amount, BlockInfo, Key, ModuleId, Time, encode};
use diem_store::{IndexOp, Snapshot, Written};
use diem_types::Event;

use crate::{key, layout::height as written_at};

const SENT: u8 = b's';
const FEE: u8 = b'f';
const ENDED: u8 = b'e';
const PAID: u8 = b'c';
const OF_EVENT: u8 = b'x';
const ATTESTED: u8 = b'a';

/// A transfer to Base as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SentTransfer {
    /// The account that sent it.
    pub sender: Address,
    /// The account on Base that gets it.
    pub recipient: Address,
    /// The amount that the recipient gets, in adiem.
    pub amount: Amount,
    /// The amount that whoever relays it gets, in adiem: the last fee that its sender offered.
    pub fee: Amount,
    /// The time of the block that holds it.
    pub since: Time,
}

/// The end of a transfer to Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EndedTransfer {
    /// The way in which it ended.
    pub end: TransferEnd,
    /// The height at which the chain knew.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
}

/// The way in which a transfer to Base ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TransferEnd {
    /// Its sender took it back before it was sealed.
    Cancelled,
    /// It was minted on Base.
    Minted {
        /// The nonce of its batch.
        batch: u64,
    },
    /// It was paid back.
    Refunded {
        /// The amount that goes back, in adiem.
        amount: Amount,
        /// The credit that pays it, where an item of the queue on Base was cancelled; `None` where its batch expired.
        credit: Option<u64>,
    },
}

/// A credit that was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct PaidCredit {
    /// The reason for which it was owed.
    pub reason: Reason,
    /// The account that got it; `None` is the treasury.
    pub recipient: Option<Address>,
    /// The amount, in adiem.
    pub amount: Amount,
    /// The height of the payment.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
}

fn of(kind: u8, id: u64) -> Key {
    key(kind, &[&id.to_be_bytes()])
}

fn fee_key(id: u64, height: u64) -> Key {
    key(FEE, &[&id.to_be_bytes(), &height.to_be_bytes()])
}

/// The rows that the events of a block make: those of each transaction, and those of its hooks.
pub(crate) fn rows<'a>(block: BlockInfo, events: impl Iterator<Item = &'a [u8]>) -> Vec<IndexOp> {
    events.flat_map(|events| rows_of(block, events)).collect()
}

/// The keys of these rows, for the removal of a block.
pub(crate) fn keys<'a>(block: BlockInfo, events: impl Iterator<Item = &'a [u8]>) -> Vec<Key> {
    let ops = rows(block, events).into_iter();
    ops.map(key_of).collect()
}

fn key_of(op: IndexOp) -> Key {
    match op {
        IndexOp::Put { key, .. } | IndexOp::Delete { key } => key,
    }
}

fn rows_of(block: BlockInfo, events: &[u8]) -> Vec<IndexOp> {
    // Nearly every transaction is none of the bridge, and this tells most of them without decoding.
    if !events.contains(&ModuleId::BRIDGE.0) {
        return Vec::new();
    }
    let events = Event::decode_all(events).unwrap_or_default();
    let bridge = events.into_iter().filter_map(|event| match event {
        Event::Bridge(event) => Some(event),
        _ => None,
    });
    let mut bridge = bridge.peekable();
    let mut found = Vec::new();
    while let Some(event) = bridge.next() {
        found.extend(row(block, &event, bridge.peek()));
    }
    found
}

/// The row of an event; `next` is the event behind it.
fn row(block: BlockInfo, event: &Bridge, next: Option<&Bridge>) -> Option<IndexOp> {
    let BlockInfo { height, time } = block;
    let ended = |id, end| put(of(ENDED, id), &EndedTransfer { end, height, time });
    Some(match *event {
        Bridge::TransferWaits { id, sender, recipient, amount, fee } => {
            put(of(SENT, id), &SentTransfer { sender, recipient, amount, fee, since: time })
        }
        Bridge::FeeRaised { id, fee } => put(fee_key(id, height), &fee),
        Bridge::TransferCancelled { id } => ended(id, TransferEnd::Cancelled),
        Bridge::TransferMinted { id, batch } => ended(id, TransferEnd::Minted { batch }),
        Bridge::TransferRefunded { id, amount } => {
            // An item that was cancelled on Base is owed in the next event; a batch that expired is paid at once.
            let credit = match next {
                Some(Bridge::CreditOwed { id, reason: Reason::Cancelled { .. }, .. }) => Some(*id),
                _ => None,
            };
            ended(id, TransferEnd::Refunded { amount, credit })
        }
        Bridge::CreditOwed { id, reason: Reason::Burn { event, .. }, .. } => put(of(OF_EVENT, event), &(id, height)),
        Bridge::CreditPaid { id, reason, recipient, amount } => {
            put(of(PAID, id), &PaidCredit { reason, recipient, amount, height, time })
        }
        Bridge::Attested { checkpoint } => put(of(ATTESTED, checkpoint.number), &time),
        _ => return None,
    })
}

/// The block that has written a row of these kinds; `None` for other keys.
pub(crate) fn written(key: &[u8], value: &[u8]) -> Option<Written> {
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    match key {
        [SENT | ATTESTED, ..] => value.last_chunk().map(|time| Written::Time(number(time))),
        [FEE, ..] => written_at(key.last_chunk()),
        [ENDED | PAID, ..] => {
            let [height, _time] = value.last_chunk::<16>()?.as_chunks::<8>().0 else { return None };
            Some(Written::Height(number(height)))
        }
        [OF_EVENT, ..] => value.get(8..)?.first_chunk().map(|height| Written::Height(number(height))),
        _ => None,
    }
}

fn put(key: Key, value: &impl BorshSerialize) -> IndexOp {
    IndexOp::Put { key, value: encode(value) }
}

fn read<T: BorshDeserialize>(snapshot: &Snapshot, key: &[u8]) -> Option<T> {
    T::try_from_slice(&snapshot.index_get(key)?).ok()
}

/// A transfer as it was sent, with its last fee.
pub fn sent_transfer(snapshot: &Snapshot, id: u64) -> Option<SentTransfer> {
    let sent: SentTransfer = read(snapshot, &of(SENT, id))?;
    let fees = snapshot.index_range(&fee_key(id, 0), Some(&fee_key(id, u64::MAX)), 1, true);
    let raised = fees.first().and_then(|(_, fee)| Amount::try_from_slice(fee).ok());
    Some(SentTransfer { fee: raised.unwrap_or(sent.fee), ..sent })
}

/// The end of a transfer to Base; `None` if it is not over, or was before this node executed blocks.
pub fn ended_transfer(snapshot: &Snapshot, id: u64) -> Option<EndedTransfer> {
    read(snapshot, &of(ENDED, id))
}

/// A credit that was paid; `None` if it is not, or was before this node executed blocks.
pub fn paid_credit(snapshot: &Snapshot, id: u64) -> Option<PaidCredit> {
    read(snapshot, &of(PAID, id))
}

/// The credit that the burn of this event made, once the event was applied.
pub fn credit_of_event(snapshot: &Snapshot, nonce: u64) -> Option<u64> {
    let row = snapshot.index_get(&of(OF_EVENT, nonce))?;
    // A row of a release that did not prune has no height behind the credit.
    row.first_chunk().map(|id| u64::from_le_bytes(*id))
}

/// The time of the block in which a block of Base was attested.
pub fn attested_at(snapshot: &Snapshot, number: u64) -> Option<Time> {
    read(snapshot, &of(ATTESTED, number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use diem_core::Events;
    use diem_store::{Floor, Options, Store};

    use super::*;

    fn events(all: &[Bridge]) -> Vec<u8> {
        let mut events = Events::default();
        all.iter().for_each(|event| events.emit(ModuleId::BRIDGE, event));
        events.into_bytes()
    }

    fn at(height: u64) -> BlockInfo {
        BlockInfo { height, time: Time(height * 1_000) }
    }

    fn sent(id: u64, fee: u128) -> Bridge {
        let (sender, recipient) = (Address([1; 20]), Address([2; 20]));
        Bridge::TransferWaits { id, sender, recipient, amount: Amount::new(100), fee: Amount::new(fee) }
    }

    /// A store that holds the rows of these blocks.
    fn store(blocks: &[(u64, &[Bridge])]) -> Store {
        let store = Store::in_memory(Options { index: crate::LAYOUT, ..Options::default() });
        blocks.iter().for_each(|(height, block)| commit(&store, *height, block));
        store
    }

    fn commit(store: &Store, height: u64, block: &[Bridge]) {
        let (staged, bytes) = (store.stage(Default::default()).unwrap(), events(block));
        let rows = rows(at(height), [&bytes[..]].into_iter());
        store.commit(staged, height, height * 1_000, 1, rows).unwrap();
    }

    #[test]
    fn a_transfer_is_found_as_it_was_sent_with_its_last_fee_and_its_end() {
        let raised = |fee| Bridge::FeeRaised { id: 1, fee: Amount::new(fee) };
        let store = store(&[
            (5, &[sent(1, 3), sent(2, 4), raised(5), raised(6)]),
            (6, &[raised(7), Bridge::TransferCancelled { id: 2 }]),
            (7, &[Bridge::TransferMinted { id: 1, batch: 4 }]),
        ]);
        let latest = store.latest();
        let first = sent_transfer(&latest, 1).unwrap();
        assert_eq!((first.fee, first.since), (Amount::new(7), Time(5_000)));
        assert_eq!(sent_transfer(&latest, 2).unwrap().fee, Amount::new(4));
        let end = ended_transfer(&latest, 1).unwrap();
        assert_eq!((end.end, end.height, end.time), (TransferEnd::Minted { batch: 4 }, 7, Time(7_000)));
        assert_eq!(ended_transfer(&latest, 2).unwrap().end, TransferEnd::Cancelled);
        assert_eq!((sent_transfer(&latest, 3), ended_transfer(&latest, 3)), (None, None));
    }

    #[test]
    fn a_refund_of_a_cancelled_item_names_the_credit_that_pays_it() {
        let amount = Amount::new(100);
        let refunded = |id| Bridge::TransferRefunded { id, amount };
        let reason = Reason::Cancelled { queue_id: 3 };
        let owed = Bridge::CreditOwed { id: 8, reason, recipient: Some(Address([1; 20])), amount };
        let store = store(&[(2, &[refunded(1), refunded(2), owed, Bridge::BatchRefunded { nonce: 1 }])]);
        let end = |id| ended_transfer(&store.latest(), id).unwrap().end;
        assert_eq!(end(1), TransferEnd::Refunded { amount, credit: None });
        assert_eq!(end(2), TransferEnd::Refunded { amount, credit: Some(8) });
    }

    #[test]
    fn a_credit_is_found_by_the_event_of_its_burn_and_once_it_is_paid() {
        let (amount, recipient) = (Amount::new(100), Some(Address([1; 20])));
        let reason = Reason::Burn { event: 40, sender: Address([9; 20]) };
        let store = store(&[
            (2, &[Bridge::CreditOwed { id: 8, reason, recipient, amount }]),
            (3, &[Bridge::CreditPaid { id: 8, reason, recipient, amount }]),
        ]);
        let latest = store.latest();
        assert_eq!((credit_of_event(&latest, 40), credit_of_event(&latest, 41)), (Some(8), None));
        let paid = PaidCredit { reason, recipient, amount, height: 3, time: Time(3_000) };
        assert_eq!((paid_credit(&latest, 8), paid_credit(&latest, 9)), (Some(paid), None));
    }

    #[test]
    fn what_blocks_below_the_floor_have_written_is_gone_and_the_rest_stays() {
        let (amount, recipient) = (Amount::new(100), Some(Address([1; 20])));
        let reason = |event| Reason::Burn { event, sender: Address([9; 20]) };
        let owed = |id, event| Bridge::CreditOwed { id, reason: reason(event), recipient, amount };
        let paid = |id, event| Bridge::CreditPaid { id, reason: reason(event), recipient, amount };
        let raised = |id| Bridge::FeeRaised { id, fee: Amount::new(9) };
        let ended = |id| Bridge::TransferMinted { id, batch: 4 };
        let store = store(&[
            (5, &[sent(1, 3), sent(2, 3), owed(1, 40), paid(1, 40)]),
            (6, &[sent(3, 3), raised(3), owed(2, 41), ended(1)]),
            (7, &[ended(2), ended(3), paid(2, 41)]),
        ]);
        store.raise_floor(Floor { height: 6, time_ms: 6_000 });
        assert!(sent_transfer(&store.latest(), 1).is_some(), "it counts from the next block on");
        commit(&store, 8, &[]);
        let latest = store.latest();
        let is_there = |id| (sent_transfer(&latest, id).is_some(), ended_transfer(&latest, id).is_some());
        assert_eq!([1, 2, 3].map(is_there), [(false, true), (false, true), (true, true)]);
        assert_eq!(sent_transfer(&latest, 3).unwrap().fee, Amount::new(9));
        assert_eq!([40, 41].map(|event| credit_of_event(&latest, event)), [None, Some(2)]);
        assert_eq!([1, 2].map(|id| paid_credit(&latest, id).is_some()), [false, true]);
        store.raise_floor(Floor { height: 7, time_ms: 7_000 });
        commit(&store, 9, &[]);
        let latest = store.latest();
        let is_there = |id| (sent_transfer(&latest, id).is_some(), ended_transfer(&latest, id).is_some());
        assert_eq!([1, 2, 3].map(is_there), [(false, false), (false, true), (false, true)]);
        assert_eq!((credit_of_event(&latest, 41), paid_credit(&latest, 2).is_some()), (None, true));
    }

    #[test]
    fn a_row_of_a_release_that_did_not_prune_is_read_and_stays() {
        let store = store(&[]);
        let staged = store.stage(Default::default()).unwrap();
        let row = IndexOp::Put { key: of(OF_EVENT, 40), value: encode(&8_u64) };
        store.commit(staged, 5, 5_000, 1, vec![row]).unwrap();
        store.raise_floor(Floor { height: 5, time_ms: 5_000 });
        commit(&store, 6, &[]);
        assert_eq!(credit_of_event(&store.latest(), 40), Some(8));
    }

    #[test]
    fn what_a_block_has_put_is_what_its_removal_deletes() {
        let bytes = events(&[sent(1, 3), Bridge::FeeRaised { id: 1, fee: Amount::new(5) }, Bridge::Ready]);
        let put: Vec<Key> = rows(at(5), [&bytes[..]].into_iter()).into_iter().map(key_of).collect();
        assert_eq!((put.len(), put), (2, keys(at(5), [&bytes[..]].into_iter())));
    }
}
