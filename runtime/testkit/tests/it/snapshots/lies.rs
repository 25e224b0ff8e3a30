//! Offers and chunks that lie, and snapshots that are not of this node's chain.

use bytes::Bytes;
use diem_core::{
    BlockInfo, Key, Time, Value,
    chain::{ChainTable, IDENTITY, Identity},
};
use diem_overlay::WriteSet;
use diem_runtime::snapshots::{ChunkVerdict, OfferError, OfferVerdict, SnapshotInfo};
use diem_store::{
    Options, Store,
    state_sync::{FORMAT, Manifest, Shelf},
};
use diem_types::APP_VERSION;
use tempfile::TempDir;

use super::{Joiner, Source, YOUNG};

#[test]
fn an_offer_that_lies_is_refused_before_a_chunk_is_fetched() {
    let (source, joiner) = (Source::young(), Joiner::new());
    let (good, root) = source.offer();
    let refused = |offer: &SnapshotInfo, root: &[u8]| -> OfferError {
        let error = joiner.app.offer_snapshot(offer, root, &source.own()).unwrap_err();
        joiner.assert_nothing_is_left();
        error
    };
    let verdict = |change: &dyn Fn(&mut SnapshotInfo)| {
        let mut offer = good.clone();
        change(&mut offer);
        refused(&offer, &root).verdict()
    };
    use OfferVerdict::{RejectFormat, RejectSender};
    assert_eq!(verdict(&|offer| offer.format = 2), RejectFormat);
    assert_eq!(verdict(&|offer| offer.height += 1), RejectSender);
    assert_eq!(verdict(&|offer| offer.chunks += 1), RejectSender);
    assert_eq!(verdict(&|offer| offer.hash = Bytes::from_static(&[1; 32])), RejectSender);
    assert_eq!(verdict(&|offer| offer.hash = Bytes::new()), RejectSender);
    assert_eq!(verdict(&|offer| offer.metadata = Bytes::new()), RejectSender);
    assert_eq!(verdict(&|offer| offer.metadata = vec![0; 5 << 20].into()), RejectSender);
    // A manifest that is whole in itself and of other rows.
    let mut chunks = Manifest::decode(&good.metadata).unwrap().chunks().to_vec();
    chunks.reverse();
    let other = Manifest::new(YOUNG, chunks.len().ilog2() as u8, chunks).unwrap();
    let hash = Bytes::copy_from_slice(&other.hash());
    let offer = SnapshotInfo { metadata: other.encode().into(), hash, ..good.clone() };
    let error = refused(&offer, &root);
    assert!(matches!(error, OfferError::AppHash { .. }), "{error}");
    assert_eq!(error.verdict(), RejectSender);
    for root in [&[][..], &root[..31], &[0; 32]] {
        assert!(matches!(refused(&good, root), OfferError::AppHash { .. }));
    }
    assert_eq!(joiner.join(&source), YOUNG);
}

#[test]
fn a_home_with_a_chain_takes_no_snapshot() {
    let source = Source::young();
    let (offer, root) = source.offer();
    let error = source.chain.app.offer_snapshot(&offer, &root, &source.own()).unwrap_err();
    assert_eq!(error.verdict(), OfferVerdict::Abort);
    assert!(error.to_string().contains("holds height 102"), "{error}");
}

#[test]
fn a_wrong_chunk_is_fetched_again_from_somebody_else() {
    let (source, joiner) = (Source::young(), Joiner::new());
    let (offer, root) = source.offer();
    joiner.app.offer_snapshot(&offer, &root, &source.own()).unwrap();
    let progress = joiner.app.restoring().unwrap();
    assert_eq!((progress.right, progress.wrong, progress.all), (0, 0, offer.chunks as usize));
    let (mut refetch, mut rejected) = (Vec::new(), Vec::new());
    for index in 0..offer.chunks {
        let good = source.chunk(&offer, index);
        let (chunk, sender) = match index {
            1 => (Bytes::from(vec![0; 40]), "empty"),
            3 => (source.chunk(&offer, 0), "another"),
            _ => (good, "honest"),
        };
        let answer = joiner.app.apply_chunk(index, chunk, sender).unwrap();
        assert_eq!((answer.verdict.clone(), answer.restored), (ChunkVerdict::Accept, None));
        refetch.extend(answer.refetch_chunks());
        rejected.extend(answer.reject_senders());
    }
    refetch.sort_unstable();
    rejected.sort_unstable();
    assert_eq!((refetch, rejected), (vec![1, 3], vec!["another".into(), "empty".into()]));
    assert_eq!(joiner.app.info().height, 0);
    for index in [1, 3] {
        let answer = joiner.app.apply_chunk(index, source.chunk(&offer, index), "honest").unwrap();
        assert_eq!(answer.restored, (index == 3).then_some(YOUNG));
    }
    assert_eq!(joiner.app.info().root, root);
    assert_eq!(joiner.app.restoring(), None);
}

#[test]
fn a_chunk_without_an_offer_is_not_taken() {
    let (source, joiner) = (Source::young(), Joiner::new());
    let answer = joiner.app.apply_chunk(0, source.chunk(&source.offer().0, 0), "early").unwrap();
    assert!(matches!(answer.verdict, ChunkVerdict::Abort(_)));
    joiner.assert_nothing_is_left();
}

#[test]
fn whatever_begins_anew_gives_a_restore_up() {
    let source = Source::young();
    let (offer, root) = source.offer();
    let begun = || {
        let joiner = Joiner::new();
        joiner.app.offer_snapshot(&offer, &root, &source.own()).unwrap();
        joiner.app.apply_chunk(0, source.chunk(&offer, 0), "honest").unwrap();
        joiner
    };
    let joiner = begun();
    joiner.app.drop_pending();
    joiner.assert_nothing_is_left();
    assert_eq!(joiner.join(&source), YOUNG);
    let joiner = begun();
    joiner.app.init_chain(&source.chain.doc).unwrap();
    joiner.assert_nothing_is_left();
    let joiner = begun();
    assert_eq!(joiner.join(&source), YOUNG, "a second offer replaces the first");
    let joiner = begun().reopen();
    joiner.assert_nothing_is_left();
}

/// Rows of a state that is none, under any identity, offered as a snapshot; and what an application of `own` says to it.
fn joined_by(rows: Vec<(Key, Value)>, offered_height: u64, own: &Identity) -> String {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&folder.path().join("store"), Options::default()).unwrap();
    let writes: WriteSet = rows.into_iter().map(|(key, value)| (key, Some(value))).collect();
    store.commit(store.stage(writes).unwrap(), offered_height, 1, 1, Vec::new()).unwrap();
    let shelf = Shelf::open(&folder.path().join("snapshots"), 1).unwrap();
    let manifest = shelf.take(&store.latest(), &false.into()).unwrap();
    let (chunks, joiner) = (manifest.chunks().len() as u32, Joiner::new());
    let (hash, metadata) = (Bytes::copy_from_slice(&manifest.hash()), Bytes::from(manifest.encode()));
    let offer = SnapshotInfo { height: offered_height, format: FORMAT, chunks, hash, metadata };
    joiner.app.offer_snapshot(&offer, &manifest.app_hash(), own).unwrap();
    let mut last = None;
    for index in 0..chunks {
        assert!(last.is_none());
        let chunk = shelf.chunk(offered_height, index as usize).unwrap().unwrap();
        let answer = joiner.app.apply_chunk(index, chunk.into(), "honest").unwrap();
        assert!(answer.wrong.is_empty());
        last = (answer.verdict != ChunkVerdict::Accept || answer.restored.is_some()).then_some(answer.verdict);
    }
    match last.unwrap() {
        ChunkVerdict::RejectSnapshot(reason) => {
            joiner.assert_nothing_is_left();
            joiner.reopen().assert_nothing_is_left();
            reason
        }
        ChunkVerdict::Accept => format!("restored {}", joiner.app.info().height),
        ChunkVerdict::Abort(reason) => panic!("{reason}"),
    }
}

#[test]
fn rows_of_another_chain_height_or_version_are_rejected_at_the_end() {
    let own =
        Identity { chain_id: "diem-test".into(), genesis_hash: [7; 32], initial_height: 1, app_version: APP_VERSION };
    let row = |key: &[u8], bytes: Vec<u8>| (Key::from_slice(key), Value::from_vec(bytes));
    let identity = |identity: &Identity| row(&IDENTITY.key(), borsh::to_vec(identity).unwrap());
    let last_key = ChainTable::LastBlock.item::<BlockInfo>().key();
    let last = |height| row(&last_key, borsh::to_vec(&BlockInfo { height, time: Time(5) }).unwrap());
    let says = |rows: Vec<(Key, Value)>, words: &str| {
        let said = joined_by(rows, 9, &own);
        assert!(said.contains(words), "{said}");
    };
    says(vec![identity(&own), last(9)], "restored 9");
    let other = Identity { chain_id: "diem-other".into(), ..own.clone() };
    says(vec![identity(&other), last(9)], "is of chain `diem-other`");
    let other = Identity { genesis_hash: [8; 32], ..own.clone() };
    says(vec![identity(&other), last(9)], "with genesis 0808");
    let other = Identity { app_version: APP_VERSION + 1, ..own.clone() };
    says(vec![identity(&other), last(9)], "of the state machine, and this diemd computes version");
    says(vec![identity(&own), last(8)], "its rows are of height 8");
    says(vec![last(9)], "no row of the chain");
    says(vec![identity(&own)], "no row of the last block");
    says(vec![row(&IDENTITY.key(), vec![1, 2, 3]), last(9)], "another version of the state machine");
    says(vec![identity(&own), row(&last_key, vec![1])], "another version of the state machine");
    says(vec![], "no row of the chain");
}
