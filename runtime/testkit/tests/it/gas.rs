//! The dearest use of every call does no more work for its gas than transfers do: counted, not timed.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use diem_core::{
    Address, CallError, Events, Key, StateRead, StateWrite, Statement, TxContext, Value, Verifier,
    keys::{CompactSignature, KeyKind, SignatureError},
};
use diem_overlay::Overlay;
use diem_runtime::App;
use diem_testkit::dearest::{Scene, Shape, Size, Use};
use diem_types::{Call, Signed, Tx, statements};

/// What a block of a call may cost, of a block of transfers.
const MOST: f64 = 2.0;

/// What a transaction asks of a node while it runs, and what it weighs.
#[derive(Debug, Default)]
struct Work {
    got: AtomicU64,
    listed: AtomicU64,
    written: AtomicU64,
    /// Of rows read and written.
    bytes: AtomicU64,
    statements: AtomicU64,
    /// The signers of the bridge, each recovered alone.
    recovered: AtomicU64,
    /// The statements, by what was signed and by whom.
    verified: Mutex<BTreeSet<(Address, Vec<u8>)>>,
}

impl Work {
    fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// In units of about a nanosecond, as `make bench ARGS=gas` measures them; what matters is how they stand to each
    /// other.
    fn weight(&self, tx_bytes: usize) -> u64 {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tx = 3_000 + 4 * tx_bytes as u64;
        tx + 400 * count(&self.got)
            + 150 * count(&self.listed)
            + 500 * count(&self.written)
            + count(&self.bytes)
            + 1_500 * count(&self.statements)
            + 40_000 * count(&self.recovered)
    }
}

/// State that counts what is read and written.
struct Counting<'a> {
    state: Overlay<'a>,
    work: &'a Work,
}

impl StateRead for Counting<'_> {
    fn get(&self, key: &[u8]) -> Option<Value> {
        let value = self.state.get(key);
        Work::add(&self.work.got, 1);
        Work::add(&self.work.bytes, value.as_ref().map_or(0, |value| value.len()));
        value
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        let rows = self.state.range(start, end, limit);
        Work::add(&self.work.got, 1);
        Work::add(&self.work.listed, rows.len());
        Work::add(&self.work.bytes, rows.iter().map(|(_, value)| value.len()).sum());
        rows
    }
}

impl StateWrite for Counting<'_> {
    fn set(&mut self, key: &[u8], value: Value) {
        Work::add(&self.work.written, 1);
        Work::add(&self.work.bytes, value.len());
        self.state.set(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        Work::add(&self.work.written, 1);
        self.state.remove(key);
    }
}

impl Verifier for Work {
    fn verify(&self, statement: &dyn Statement) -> Result<(), SignatureError> {
        Self::add(&self.statements, 1);
        self.verified.lock().unwrap().insert((*statement.signer(), statement.message()));
        statement.verify()
    }

    fn recover(&self, signature: &CompactSignature, digest: &[u8; 32]) -> Result<Address, SignatureError> {
        Self::add(&self.recovered, 1);
        signature.recover(digest)
    }
}

fn execute(ctx: &mut TxContext<'_>, call: &Call) -> Result<(), CallError> {
    call.message().validate()?;
    call.message().execute(ctx)
}

/// Runs a transaction's calls on the scene's state; returns its work and its failure.
fn run(scene: &Scene, what: Use, tx: &Tx) -> (Work, Result<(), CallError>) {
    let snapshot = scene.chain.app.store().latest();
    let work = Work::default();
    let mut state = Counting { state: Overlay::new(&snapshot), work: &work };
    let block = scene.block(what).info;
    let mut events = Events::default();
    let (sender, key) = (tx.sender, KeyKind::Ed25519);
    let mut ctx = TxContext { state: &mut state, events: &mut events, block, sender, key, verifier: &work };
    let outcome = tx.calls.iter().try_for_each(|call| execute(&mut ctx, call));
    Work::add(&work.bytes, events.into_bytes().len());
    // The nonce and the fee: one row.
    Work::add(&work.got, 1);
    Work::add(&work.written, 1);
    (work, outcome)
}

/// The work of a block full of such transactions.
fn block_of(scene: &Scene, what: Use, shape: Shape) -> (f64, Result<(), CallError>) {
    let (tx, sender) = scene.transaction(what, shape, 1);
    assert_eq!(Use::of(&tx.calls[0]), what);
    let doc = &scene.chain.doc;
    let bytes = tx.sign(&sender.key, None).unwrap();
    let gas = doc.app.gas.gas(&Signed::decode(&bytes).unwrap());
    let by_gas = doc.app.gas.block_limit as f64 / gas as f64;
    let by_bytes = doc.consensus.block_max_bytes as f64 / (bytes.len() + 4) as f64;
    let (work, outcome) = run(scene, what, &tx);
    (work.weight(bytes.len()) as f64 * by_gas.min(by_bytes), outcome)
}

#[test]
fn a_block_of_no_call_is_more_work_than_two_blocks_of_transfers() {
    let scene = Scene::new(App::in_memory(Scene::options()), Size { full: 2, customers: 40 });
    let (transfers, outcome) = block_of(&scene, Use::Transfer, Shape::Whole);
    outcome.unwrap();
    let mut above = Vec::new();
    for what in Use::ALL {
        for shape in Shape::ALL {
            let (work, outcome) = block_of(&scene, *what, shape);
            // Nothing is counted of a call that fails before it has done its work.
            if shape != Shape::Whole {
                let error = outcome.unwrap_err();
                let by = if Use::REFUSED.contains(what) { "bridge" } else { "bank" };
                assert_eq!(error.codespace, by, "{what:?} {shape:?} is undone at its end, but: {error}");
            }
            let ratio = work / transfers;
            println!("{what:?} {shape:?}: {ratio:.2}");
            if ratio > MOST {
                above.push(format!("{what:?} {shape:?}: {ratio:.2}"));
            }
        }
    }
    assert!(above.is_empty(), "above {MOST} times a block of transfers: {above:#?}");
}

/// The scene of the tests that need no more than one account of each kind.
fn small() -> Scene {
    Scene::new(App::in_memory(Scene::options()), Size { full: 1, customers: 20 })
}

#[test]
fn nothing_is_verified_during_execution_that_could_not_be_before() {
    let scene = small();
    let mut signed = 0;
    for what in Use::ALL {
        let (tx, _) = scene.transaction(*what, Shape::Whole, 0);
        let known: BTreeSet<_> = statements(&tx).map(|statement| (*statement.signer(), statement.message())).collect();
        let (work, _) = run(&scene, *what, &tx);
        let verified = work.verified.into_inner().unwrap();
        assert!(verified.is_subset(&known), "{what:?} verifies what is not among its statements");
        signed += usize::from(!verified.is_empty());
    }
    assert_eq!(signed, 3, "vouchers, and the two calls with key proofs");
}

#[test]
fn a_batch_of_vouchers_reads_an_account_once() {
    let scene = small();
    let (mut tx, _) = scene.transaction(Use::SettleVouchers, Shape::Whole, 0);
    let Some(Call::Credits(diem_credits::Msg::SettleVouchers { provider, vouchers })) = tx.calls.pop() else {
        panic!("a batch of vouchers")
    };
    let mut of_one = |count: usize| {
        let vouchers = vec![vouchers[1].clone(); count];
        tx.calls = vec![Call::Credits(diem_credits::Msg::SettleVouchers { provider, vouchers })];
        let (work, outcome) = run(&scene, Use::SettleVouchers, &tx);
        outcome.unwrap();
        (work.got.into_inner(), work.written.into_inner(), work.statements.into_inner())
    };
    let (got, written, _) = of_one(1);
    assert_eq!(of_one(50), (got, written, 50), "of one account and one session key");
}
