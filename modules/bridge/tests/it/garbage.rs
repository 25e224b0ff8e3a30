//! Garbage at every entrance: it is refused without a panic, and what is taken has no second encoding.

use std::sync::LazyLock;

use diem_bridge::{BaseEvent, Batch, BridgeState, BridgeVotes, Msg, SignatureList, ValidatorSet, decode_extension};
use diem_core::encode;
use proptest::prelude::*;

use crate::vectors::{file, read};

/// Feeds bytes to every reader; whatever reads them gives the same bytes again.
fn feed(bytes: &[u8]) {
    if let Ok(set) = ValidatorSet::decode(bytes) {
        assert_eq!(set.encode(), bytes);
    }
    for members in [1, 8, 9, 150] {
        if let Ok(list) = SignatureList::decode(bytes, members) {
            assert_eq!(list.encode(), bytes);
        }
    }
    if let Ok(transfers) = Batch::read_transfers(bytes) {
        let batch = Batch { nonce: 1, deadline: 1, fee: diem_core::Amount::ZERO, transfers };
        assert_eq!(batch.transfer_bytes(), bytes);
    }
    if let Ok(votes) = BridgeVotes::decode(bytes) {
        assert_eq!(votes.encode(), bytes);
    }
    if let Ok(statements) = decode_extension(bytes) {
        assert!(bytes.is_empty() || encode(&statements) == bytes);
    }
    if let Ok(msg) = read::<Msg>(bytes) {
        assert_eq!(encode(&msg), bytes);
    }
    for kind in 0..=14 {
        if let Ok(event) = BaseEvent::decode(kind, bytes) {
            assert_eq!((event.kind(), event.payload().as_slice()), (kind, bytes));
        }
    }
    if let Ok(word) = <&[u8; 32]>::try_from(bytes)
        && let Ok(state) = BridgeState::decode(word)
    {
        assert_eq!(state.encode(), *word);
    }
}

/// Bytes that some reader takes, read once for all cases.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(good);

fn good() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for (name, field) in [
        ("sets", "bytes"),
        ("signature_lists", "bytes"),
        ("batches", "transfers"),
        ("votes", "bytes"),
        ("extensions", "bytes"),
        ("events", "payload"),
        ("slots", "word"),
    ] {
        all.extend(file(name).cases().iter().map(|case| case.bytes(field)));
    }
    all.extend(file("calls").cases().iter().map(|case| case.bytes("bytes")[1..].to_vec()));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused_or_taken_as_they_are(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        feed(&bytes);
    }

    #[test]
    fn good_bytes_with_faults_are_refused_or_taken_as_they_are(
        which in any::<prop::sample::Index>(),
        faults in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = which.get(&GOOD).clone();
        for (place, byte) in faults {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        feed(&bytes);
    }
}
