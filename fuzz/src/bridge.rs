//! The target for what votes and proposers bring of the bridge.

use std::sync::LazyLock;

use bytes::Bytes;
use diem_bridge::BridgeVotes;
use diem_runtime::Rejected;
use diem_testkit::{bridge::Bridged, chain::block_hash};

/// A chain whose bridge is at work, with an open batch that nobody has signed. No target commits a block of it.
pub fn shared_bridge() -> &'static Bridged {
    static CHAIN: LazyLock<Bridged> = LazyLock::new(Bridged::with_batch);
    &CHAIN
}

/// The first transaction of a block: it has one form only, is accepted or refused by a known error, and Finalize answers
/// one result whatever it is. The same bytes as vote extensions, whole and cut, never spoil a proposal.
pub fn bridge_votes(data: &[u8]) {
    let bridged = shared_bridge();
    let (app, block) = (&bridged.chain.app, bridged.chain.next_block());
    if let Ok(votes) = BridgeVotes::decode(data) {
        assert_eq!(votes.encode(), data);
    }
    let txs = vec![Bytes::copy_from_slice(data)];
    let hash = block_hash(&block, &txs);
    let verdict = app.process(&block, hash, &txs);
    let finalized = app.finalize(&block, hash, &txs).unwrap();
    app.drop_pending();
    assert_eq!(finalized.results.len(), 1);
    match verdict {
        Ok(()) => assert_eq!(finalized.results[0].code, 0, "{}", finalized.results[0].log),
        Err(Rejected::Block(fatal)) => panic!("{fatal}"),
        Err(Rejected::Transaction { error, .. }) => {
            assert!(diem_types::error_info(error.codespace, error.code).is_some(), "{error}");
            assert_ne!(finalized.results[0].code, 0);
        }
    }
    let halves = data.split_at(data.len() / 2);
    let extensions = [data, halves.0, halves.1].map(Bytes::copy_from_slice);
    let proposed = app.prepare(&block, Vec::new(), &extensions, 1 << 20);
    let hash = block_hash(&block, &proposed);
    app.process(&block, hash, &proposed).expect("what prepare makes, process accepts");
    app.drop_pending();
}
