//! The chain that the instant engine makes, step by step and on disk.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{Amount, Denom, Time, keys::SecretKey};
use diem_engine::{
    Commits,
    engine::{EngineError, Incoming, SubmitError, Warp},
    metrics::Metrics,
};
use diem_runtime::{App, Options};
use diem_staking::consensus_address;
use diem_testkit::{Person, TxBuilder, genesis, people, with_validators};
use diem_types::GenesisDoc;
use ed25519_dalek::SigningKey;

mod engine;
mod killed;
mod random;
mod sets;

use super::producer::{OpenError, Producer, signed_header, validators};

/// A chain with a clock that the test moves.
struct Rig {
    doc: GenesisDoc,
    keys: Vec<SigningKey>,
    people: Vec<Person>,
    now: Arc<AtomicU64>,
}

fn commits(app: &App) -> Arc<Commits> {
    Commits::new(app, Arc::new(Metrics::new(prometheus::Registry::new()).unwrap()))
}

fn options() -> Options {
    let store = diem_store::Options { cache_bytes: 1 << 20, sync: false, ring: 4, ..diem_store::Options::default() };
    Options { store, ..Options::default() }
}

impl Rig {
    fn new() -> Self {
        let people = people(4);
        let keys: Vec<SigningKey> = [1, 2, 3].map(|seed| SigningKey::from_bytes(&[seed; 32])).into();
        let powers = [10, 10, 30];
        let validators: Vec<_> =
            keys.iter().zip(powers).map(|(key, power)| (SecretKey::ed25519(key.as_bytes()), power)).collect();
        let doc = with_validators(genesis(&people), &validators);
        let now = Arc::new(AtomicU64::new(doc.genesis_time.millis() + 1_000));
        Self { doc, keys, people, now }
    }

    fn try_open(&self, app: App) -> Result<Producer, OpenError> {
        let (app, now) = (Arc::new(app), Arc::clone(&self.now));
        let clock = Arc::new(move || now.load(Ordering::Relaxed));
        Producer::open(Arc::clone(&app), commits(&app), &self.doc.clone().into(), &self.keys, clock)
    }

    fn in_memory(&self) -> Producer {
        self.try_open(App::in_memory(options())).unwrap()
    }

    fn on_disk(&self, folder: &Path) -> Producer {
        self.try_open(App::open(folder, options()).unwrap()).unwrap()
    }

    fn transfer(&self, from: usize, nonce: u64, to: usize, vvv: u128) -> Bytes {
        let amount = Amount::ONE.checked_mul(vvv).unwrap();
        TxBuilder::transfer(&self.doc, &self.people[from], nonce, self.people[to].address, amount).bytes()
    }

    /// The same transfer as the API hands it on.
    fn incoming(&self, from: usize, nonce: u64, to: usize, vvv: u128) -> Incoming {
        self.transfer(from, nonce, to, vvv).try_into().unwrap()
    }

    /// A transaction that CheckTx refuses: the nonces before it are too many.
    fn refused(&self) -> Incoming {
        self.incoming(0, 1_000_000, 1, 1)
    }
}

fn submit(producer: &mut Producer, tx: Bytes) -> Result<(), SubmitError> {
    producer.submit(vec![tx.try_into().unwrap()]).remove(0)
}

fn vvv(producer: &Producer, person: &Person) -> Amount {
    bank::balance(&producer.app().store().latest(), &person.address, Denom::Vvv)
}

fn whole(vvv: u128) -> Amount {
    Amount::ONE.checked_mul(vvv).unwrap()
}

#[test]
fn blocks_are_linked_and_carry_the_root_of_the_state_before() {
    let rig = Rig::new();
    let mut producer = rig.in_memory();
    let mut roots = vec![producer.app().info().root];
    submit(&mut producer, rig.transfer(0, 0, 1, 5)).unwrap();
    for _ in 0..3 {
        producer.make_block(true).unwrap();
        roots.push(producer.app().info().root);
    }
    for height in 2..=4u64 {
        let before = signed_header(producer.app(), height - 1).unwrap().unwrap();
        let this = signed_header(producer.app(), height).unwrap().unwrap();
        assert_eq!(this.header.last_block_id, Some(before.commit.block_id));
        assert_eq!(this.commit.block_id.hash, this.header.hash());
        assert_eq!(this.header.app_hash.as_bytes(), roots[usize::try_from(height).unwrap() - 2]);
        assert_eq!(this.header.validators_hash, validators(producer.app(), height).unwrap().unwrap().hash());
        assert_eq!(this.commit.signatures.len(), 3);
    }
    assert_eq!(producer.app().index().block(2).unwrap().tx_count, 1);
    assert_eq!(vvv(&producer, &rig.people[1]), whole(1_005));
}

#[test]
fn the_first_block_has_the_time_of_genesis_and_time_only_moves_forward() {
    let rig = Rig::new();
    let mut producer = rig.in_memory();
    let time = |producer: &Producer| Time(producer.app().store().meta().unwrap().time_ms);
    assert_eq!(time(&producer), rig.doc.genesis_time);
    rig.now.store(5, Ordering::Relaxed);
    producer.make_block(true).unwrap();
    assert_eq!(time(&producer), Time(rig.doc.genesis_time.millis() + 1));
    let later = rig.doc.genesis_time.millis() + 60_000;
    rig.now.store(later, Ordering::Relaxed);
    producer.make_block(true).unwrap();
    assert_eq!(time(&producer), Time(later));
}

#[test]
fn a_warp_moves_the_next_block_and_all_after_it() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let mut producer = rig.on_disk(folder.path());
    let now = rig.now.load(Ordering::Relaxed);
    assert_eq!(producer.warp(Warp::By(86_400_000)).unwrap(), Time(now + 86_400_000));
    producer.make_block(true).unwrap();
    let reached = producer.app().store().meta().unwrap().time_ms;
    assert_eq!(reached, now + 86_400_000);
    assert!(matches!(producer.warp(Warp::To(Time(now))), Err(EngineError::Refused(_))));
    // The clock goes on from there, also after a restart.
    drop(producer);
    rig.now.store(now + 10, Ordering::Relaxed);
    let mut producer = rig.on_disk(folder.path());
    producer.make_block(true).unwrap();
    assert_eq!(producer.app().store().meta().unwrap().time_ms, now + 86_400_010);
    let target = Time(now + 200_000_000);
    assert_eq!(producer.warp(Warp::To(target)).unwrap(), target);
}

#[test]
fn what_was_acknowledged_outlives_a_restart_before_the_next_block() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let mut producer = rig.on_disk(folder.path());
    let now = rig.now.load(Ordering::Relaxed);
    let address = |at: usize| consensus_address(&rig.keys[at].verifying_key().to_bytes());
    let absent = |producer: &Producer| producer.next_block().unwrap().votes.iter().filter(|vote| !vote.signed).count();
    let warped = producer.warp(Warp::By(86_400_000)).unwrap();
    producer.set_absent(vec![address(1)], 2).unwrap();
    producer.add_evidence(address(2)).unwrap();
    for left in [2, 1, 0] {
        drop(producer);
        producer = rig.on_disk(folder.path());
        assert_eq!(absent(&producer), usize::from(left > 0));
        assert_eq!(producer.next_block().unwrap().misbehaviour.len(), usize::from(left == 2), "it happened once");
        producer.make_block(true).unwrap();
    }
    assert_eq!(producer.app().index().block(2).unwrap().time, warped);
    // A restart does not bring back what a revert took back.
    let (id, height) = producer.snapshot();
    let before = producer.next_time();
    producer.warp(Warp::By(1_000_000)).unwrap();
    producer.set_absent(vec![address(1)], 9).unwrap();
    producer.make_block(true).unwrap();
    assert_eq!(producer.revert(id).unwrap(), height);
    drop(producer);
    let producer = rig.on_disk(folder.path());
    assert_eq!((producer.height(), producer.next_time(), absent(&producer)), (height, before, 0));
    assert_eq!(rig.now.load(Ordering::Relaxed), now);
}

#[test]
fn no_warp_brings_the_clock_to_its_end() {
    let rig = Rig::new();
    let mut producer = rig.in_memory();
    let at = |text: &str| Time::parse_rfc3339(text).unwrap();
    let last = Time::LATEST;
    let refused = |producer: &mut Producer, warp| match producer.warp(warp) {
        Err(EngineError::Invalid(why)) => assert!(why.contains("the latest is 9000-01-01T00:00:00"), "{why}"),
        other => panic!("{other:?}"),
    };
    let far = [Warp::To(at("9999-12-31T23:59:59Z")), Warp::To(Time(last.millis() + 1)), Warp::By(u64::MAX)];
    for warp in far {
        refused(&mut producer, warp);
    }
    let error = producer.warp(Warp::By(260_000_000_000_000)).unwrap_err().to_string();
    assert!(error.starts_with("a warp to a time after the year 9999 goes too far"), "{error}");
    // The refused commands moved nothing.
    let now = rig.now.load(Ordering::Relaxed);
    producer.make_block(true).unwrap();
    assert_eq!(producer.app().store().meta().unwrap().time_ms, now);
    // At the limit there are still blocks, and the clock goes no further.
    assert_eq!(producer.warp(Warp::To(last)).unwrap(), last);
    producer.make_block(true).unwrap();
    for warp in far.into_iter().chain([Warp::By(86_400_000)]) {
        refused(&mut producer, warp);
    }
    producer.make_block(true).unwrap();
    assert_eq!(producer.app().store().meta().unwrap().time_ms, last.millis() + 1);
}

#[test]
fn a_revert_returns_state_index_pool_and_clock() {
    let rig = Rig::new();
    let mut producer = rig.in_memory();
    submit(&mut producer, rig.transfer(0, 0, 1, 5)).unwrap();
    producer.make_block(true).unwrap();
    rig.now.fetch_add(10, Ordering::Relaxed);
    // This one waits for a nonce that never comes, so it stays in the pool.
    submit(&mut producer, rig.transfer(0, 2, 1, 1)).unwrap();
    let (id, height) = producer.snapshot();
    let (root, next) = (producer.app().info().root, rig.now.load(Ordering::Relaxed));
    let lost = rig.transfer(0, 1, 1, 7);
    let hash = diem_core::tx::tx_hash(&lost);
    producer.warp(Warp::By(1_000_000)).unwrap();
    submit(&mut producer, lost).unwrap();
    // These are more heights than the store keeps undo rows for, were they not pinned.
    for _ in 0..10 {
        producer.make_block(true).unwrap();
    }
    assert!(producer.app().index().transaction(&hash).is_some());
    assert_eq!(producer.waiting(), 0);
    let (later, _) = producer.snapshot();

    assert_eq!(producer.revert(id).unwrap(), height);
    assert_eq!((producer.app().info().root, producer.app().info().height), (root, height));
    assert!(producer.app().index().transaction(&hash).is_none());
    assert!(producer.app().index().block(height + 1).is_none());
    assert!(signed_header(producer.app(), height + 1).unwrap().is_none());
    assert_eq!(producer.waiting(), 1);
    assert_eq!(producer.warp(Warp::By(0)).unwrap(), Time(next));
    assert!(matches!(producer.revert(later), Err(EngineError::Refused(_))));
    // The snapshot stays valid, and other blocks may follow.
    submit(&mut producer, rig.transfer(0, 1, 2, 9)).unwrap();
    producer.make_block(true).unwrap();
    assert_eq!(vvv(&producer, &rig.people[2]), whole(1_009));
    assert_eq!(producer.revert(id).unwrap(), height);
    assert_eq!(producer.app().info().root, root);
    producer.app().check_invariants().unwrap();
}

#[test]
fn absences_and_evidence_reach_the_block_and_end() {
    let rig = Rig::new();
    let mut producer = rig.in_memory();
    let address = |at: usize| consensus_address(&rig.keys[at].verifying_key().to_bytes());
    let signed = |producer: &Producer| -> Vec<_> {
        producer.next_block().unwrap().votes.into_iter().map(|vote| (vote.validator, vote.power, vote.signed)).collect()
    };
    let votes = signed(&producer);
    assert_eq!(votes.iter().map(|vote| vote.1).collect::<Vec<_>>(), [30, 10, 10]);
    assert!(votes.iter().all(|vote| vote.2));

    producer.set_absent(vec![address(1)], 2).unwrap();
    producer.add_evidence(address(2)).unwrap();
    let block = producer.next_block().unwrap();
    assert_eq!(block.misbehaviour.len(), 1);
    assert_eq!((block.misbehaviour[0].validator, block.misbehaviour[0].power), (address(2), 30));
    assert_eq!((block.misbehaviour[0].height, block.info.height), (1, 2));
    for _ in 0..2 {
        let absent: Vec<_> = signed(&producer).into_iter().filter(|vote| !vote.2).map(|vote| vote.0).collect();
        assert_eq!(absent, [address(1)]);
        producer.make_block(true).unwrap();
    }
    assert!(signed(&producer).iter().all(|vote| vote.2));
    assert!(producer.next_block().unwrap().misbehaviour.is_empty());
    let header = |height| signed_header(producer.app(), height).unwrap().unwrap().header;
    assert_ne!(header(2).evidence_hash, header(3).evidence_hash);
    assert_eq!(header(3).evidence_hash, header(1).evidence_hash);
    assert!(matches!(producer.set_absent(vec![[9; 20]], 1), Err(EngineError::Refused(_))));
    assert!(matches!(producer.add_evidence([9; 20]), Err(EngineError::Refused(_))));
}

#[test]
fn the_pool_refuses_what_it_has_and_what_is_wrong_and_keeps_what_waits() {
    let rig = Rig::new();
    let mut producer = rig.in_memory();
    let (first, second) = (rig.transfer(0, 0, 1, 1), rig.transfer(0, 1, 1, 1));
    // They come in the wrong order, as gossip may bring them.
    submit(&mut producer, second).unwrap();
    submit(&mut producer, first.clone()).unwrap();
    assert_eq!(submit(&mut producer, first.clone()), Err(SubmitError::Known));
    assert!(matches!(producer.submit(vec![rig.refused()]).as_slice(), [Err(SubmitError::Rejected { .. })]));
    assert_eq!(producer.make_block(false).unwrap(), Some(2));
    assert_eq!(producer.make_block(false).unwrap(), None);
    assert!(matches!(submit(&mut producer, first), Err(SubmitError::Rejected { code: 13, .. })));
    assert_eq!(producer.waiting(), 0);
}

#[test]
fn a_chain_of_the_last_genesis_that_there_can_be_goes_on() {
    let mut rig = Rig::new();
    rig.doc.genesis_time = Time::LATEST;
    let mut producer = rig.in_memory();
    for _ in 0..3 {
        producer.make_block(true).unwrap();
    }
    assert_eq!(producer.app().index().block(4).unwrap().time, Time(Time::LATEST.millis() + 3));
    producer.app().check_invariants().unwrap();
}

#[test]
fn what_is_not_this_chain_is_refused() {
    let rig = Rig::new();
    let refused = |doc: &GenesisDoc, keys: &[SigningKey], app: App| {
        let app = Arc::new(app);
        Producer::open(Arc::clone(&app), commits(&app), &doc.clone().into(), keys, Arc::new(|| 0)).err().unwrap()
    };
    let memory = || App::in_memory(options());
    let real = GenesisDoc { chain_id: "diem-1".into(), ..rig.doc.clone() };
    assert_eq!(refused(&real, &rig.keys, memory()), OpenError::NotDevelopment("diem-1".into()));
    assert!(matches!(refused(&rig.doc, &rig.keys[..2], memory()), OpenError::NoKey(_)));
    let late = GenesisDoc { genesis_time: Time(Time::LATEST.millis() + 1), ..rig.doc.clone() };
    let error = refused(&late, &rig.keys, memory()).to_string();
    assert!(error.contains("no chain can start after 9000-01-01T00:00:00Z"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    drop(rig.on_disk(folder.path()));
    let other = GenesisDoc { genesis_time: Time(1), ..rig.doc.clone() };
    let app = App::open(folder.path(), options()).unwrap();
    assert!(matches!(refused(&other, &rig.keys, app), OpenError::OtherGenesis { .. }));

    // This is a chain whose blocks came from elsewhere.
    let app = memory();
    app.init_chain(&rig.doc).unwrap();
    let mut block = diem_core::Block::default();
    block.info.height = 1;
    app.finalize(&block, [1; 32], &[]).unwrap();
    app.commit(Vec::new()).unwrap();
    assert_eq!(refused(&rig.doc, &rig.keys, app), OpenError::OtherEngine);
}
