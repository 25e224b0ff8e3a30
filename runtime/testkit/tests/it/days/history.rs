//! One history around a midnight, the same in every process: the height alone decides what is in a block.

use bytes::Bytes;
use diem_core::Denom;
use diem_runtime::{App, Options};
use diem_testkit::chain::{block_hash, sign};

use super::scene::{DAY_MS, GRACE_MS, Scene, Told, block_at, credit, due};
use crate::child::{self, History as _};

/// The height that closes the first day, and the one that settles it.
pub(crate) const CLOSE: u64 = 4;
pub(crate) const SETTLE: u64 = 6;
/// The height at which the history ends; by then the provider is paid.
pub(crate) const LAST: u64 = 9;

/// The chain and who acts on it.
pub(crate) struct History {
    scene: Scene,
}

impl History {
    fn time(&self, height: u64) -> u64 {
        let close = (self.scene.first + 1) * DAY_MS + 60_000;
        match height {
            ..CLOSE => self.scene.doc.genesis_time.millis() + height * 1_000,
            SETTLE.. => close + GRACE_MS + 1 + (height - SETTLE) * 1_000,
            _ => close + (height - CLOSE) * 1_000,
        }
    }

    fn txs(&self, app: &App, height: u64) -> Vec<Bytes> {
        let (scene, day) = (&self.scene, self.scene.first);
        let calls = match height {
            2 => vec![scene.allocate(credit(20))],
            3 => vec![scene.settle(day, credit(7))],
            // In the grace, and refused once the day is settled.
            5 | 6 => vec![scene.settle(day, credit(10 + u128::from(height)))],
            _ => Vec::new(),
        };
        sign(app, &scene.doc, &calls)
    }
}

impl child::History for History {
    const CHILD: &'static str = "days::a_child_does_its_task";

    fn new() -> Self {
        Self { scene: Scene::new() }
    }

    fn start(&self, app: &App) {
        if app.info().height == 0 {
            app.init_chain(&self.scene.doc).unwrap();
        }
    }

    fn finalize(&self, app: &App) -> [u8; 32] {
        let height = app.info().height + 1;
        let block = block_at(app, &self.scene.doc, self.time(height));
        let txs = self.txs(app, height);
        app.finalize(&block, block_hash(&block, &txs), &txs).unwrap().root
    }

    fn check_and_go_on(app: &App) -> u64 {
        Reference::new().check_and_go_on(app)
    }
}

/// The same history without interruption.
pub(crate) struct Reference {
    history: History,
    app: App,
}

impl Reference {
    pub(crate) fn new() -> Self {
        let (history, app) = (History::new(), App::in_memory(Options::default()));
        history.start(&app);
        Self { history, app }
    }

    /// Compares an application with this history, makes one block more of it, and says at which height it was.
    pub(crate) fn check_and_go_on(&mut self, app: &App) -> u64 {
        let info = app.info();
        while self.app.info().height < info.height {
            self.history.finalize(&self.app);
            self.app.commit(Vec::new()).unwrap();
        }
        assert_eq!(info, self.app.info());
        app.check_invariants().unwrap();
        self.history.start(app);
        let roots = (self.history.finalize(app), self.history.finalize(&self.app));
        assert_eq!(roots.0, roots.1, "block {}", info.height + 1);
        app.commit(Vec::new()).unwrap();
        self.app.commit(Vec::new()).unwrap();
        info.height
    }
}

/// What the stored blocks say: the first day was closed, settled and paid once, for what was handed in in time.
pub(crate) fn assert_settled_once(app: &App) {
    let scene = Scene::new();
    let mut told = Told::default();
    for height in 1..=LAST {
        told.read(&app.index().block(height).unwrap().events);
    }
    assert_eq!((&told.closed, &told.opened), (&vec![scene.first], &vec![scene.first + 1]));
    let [(day, record)] = &told.settled[..] else { panic!("{:?}", told.settled) };
    assert_eq!((*day, record.consumed, record.counted), (scene.first, credit(15), credit(15)));
    assert!(!record.pot.is_zero());
    assert_eq!(told.paid, [(scene.first, due(record, credit(15)))]);
    let state = app.store().latest();
    let before = scene.doc.app.bank.accounts[&scene.payee()].vvv;
    let paid = diem_bank::balance(&state, &scene.payee(), Denom::Vvv).checked_sub(before).unwrap();
    assert_eq!(paid, due(record, credit(15)));
}
