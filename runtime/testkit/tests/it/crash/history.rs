//! One history of blocks, the same in every process: the height alone decides what is in a block.

use bytes::Bytes;
use diem_core::{Address, Amount, sha256};
use diem_runtime::App;
use diem_testkit::{Person, TxBuilder, chain::block_hash, chain::next_block, genesis, people};
use diem_types::GenesisDoc;

use crate::child::{self, History as _};

/// The number of people: there are several senders and both kinds of keys.
const PEOPLE: u32 = 6;

/// What is no transaction takes room all the same, so that disks fill up soon.
const GARBAGE: usize = 20_000;

/// The chain and who acts on it.
pub(crate) struct History {
    pub(crate) doc: GenesisDoc,
    people: Vec<Person>,
}

impl History {
    /// The transactions of a block: everybody pays somebody, to accounts old and new; one call fails, one is garbage.
    pub(crate) fn txs(&self, height: u64) -> Vec<Bytes> {
        let mut txs: Vec<Bytes> =
            (0u64..).zip(&self.people).map(|(place, from)| self.tx(height, place, from)).collect();
        let garbage = sha256(&[&height.to_be_bytes()]);
        txs.push(garbage.iter().copied().cycle().take(GARBAGE).collect());
        txs
    }

    fn tx(&self, height: u64, place: u64, from: &Person) -> Bytes {
        let neighbour = usize::try_from((place + height) % u64::from(PEOPLE)).unwrap();
        let fresh = sha256(&[&height.to_be_bytes(), &place.to_be_bytes()]);
        let to = if place == 0 { Address(*fresh.first_chunk().unwrap()) } else { self.people[neighbour].address };
        let amount = if place == height % u64::from(PEOPLE) { Amount::MAX } else { Amount::new(height.into()) };
        TxBuilder::transfer(&self.doc, from, height - 1, to, amount).bytes()
    }
}

impl child::History for History {
    const CHILD: &'static str = "crash::a_child_does_its_task";

    fn new() -> Self {
        let people = people(PEOPLE);
        Self { doc: genesis(&people), people }
    }

    fn start(&self, app: &App) {
        if app.info().height == 0 {
            app.init_chain(&self.doc).unwrap();
        }
    }

    fn finalize(&self, app: &App) -> [u8; 32] {
        let block = next_block(app, &self.doc);
        let txs = self.txs(block.info.height);
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
    /// The root after each height; that of height 0 is the empty one.
    roots: Vec<[u8; 32]>,
}

impl Reference {
    pub(crate) fn new() -> Self {
        let (history, app) = (History::new(), App::in_memory(diem_runtime::Options::default()));
        let roots = vec![app.info().root];
        history.start(&app);
        Self { history, app, roots }
    }

    pub(crate) fn root(&mut self, height: u64) -> [u8; 32] {
        while (self.roots.len() as u64) <= height {
            self.roots.push(self.history.finalize(&self.app));
            self.app.commit(Vec::new()).unwrap();
        }
        self.roots[usize::try_from(height).unwrap()]
    }

    /// Checks all that an application holds after a crash, goes on for a few blocks, and says at which height it was.
    pub(crate) fn check_and_go_on(&mut self, app: &App) -> u64 {
        let height = app.info().height;
        self.check(app, height);
        for next in height + 1..=height + 3 {
            self.history.start(app);
            assert_eq!(self.history.finalize(app), self.root(next), "block {next}, after a crash at {height}");
            app.commit(Vec::new()).unwrap();
            self.check(app, next);
        }
        height
    }

    fn check(&mut self, app: &App, height: u64) {
        let info = app.info();
        assert_eq!((info.height, info.root), (height, self.root(height)));
        let is_stored = |tx: &Bytes| app.index().transaction(&diem_core::tx::tx_hash(tx));
        for tx in self.history.txs(height + 1) {
            assert!(is_stored(&tx).is_none(), "the index is ahead of the state");
        }
        assert!(app.index().block(height + 1).is_none());
        if height == 0 {
            return;
        }
        app.check_invariants().unwrap();
        assert_eq!(app.index().block(height).unwrap().root, info.root);
        for tx in self.history.txs(height) {
            assert_eq!(is_stored(&tx).expect("the index is behind the state").height, height);
        }
    }
}
