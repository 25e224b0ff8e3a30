//! Applications that live through the same history in other ways. Whatever an application remembers besides its
//! committed state must not matter: if it does, one of these disagrees.

use std::sync::Arc;

use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use tempfile::TempDir;

use crate::chain::BlockOutcome;

/// Two shadows that follow the chain block by block, and the history from which a third is replayed.
pub struct Shadows {
    doc: GenesisDoc,
    /// This application never sees a CheckTx or a proposal.
    unaware: App,
    /// This application is closed and opened again before every block.
    restarted: Option<App>,
    home: TempDir,
    history: Vec<BlockOutcome>,
}

impl Shadows {
    /// Makes the shadows of a chain that starts from `doc`.
    pub fn new(doc: &GenesisDoc) -> Self {
        let home = TempDir::new().unwrap();
        let unaware = App::in_memory(Options::default());
        let restarted = App::open(home.path(), Options::default()).unwrap();
        unaware.init_chain(doc).unwrap();
        Self { doc: doc.clone(), unaware, restarted: Some(restarted), home, history: Vec::new() }
    }

    /// Lets both shadows execute `block`.
    ///
    /// # Panics
    /// A result or a root differs.
    pub fn follow(&mut self, block: &BlockOutcome) {
        live(&self.unaware, block, "that never saw the pool or the proposal");
        drop(self.restarted.take());
        let restarted = App::open(self.home.path(), Options::default()).unwrap();
        if restarted.info().height == 0 {
            restarted.init_chain(&self.doc).unwrap();
        }
        live(&restarted, block, "that was restarted before the block");
        self.restarted = Some(restarted);
        self.history.push(block.clone());
    }

    /// Replays the whole history into a new application.
    ///
    /// # Panics
    /// A result or a root differs.
    pub fn replay(&self) -> Arc<App> {
        let app = App::in_memory(Options::default());
        app.init_chain(&self.doc).unwrap();
        for block in &self.history {
            live(&app, block, "that replays the history");
        }
        Arc::new(app)
    }
}

fn live(app: &App, block: &BlockOutcome, which: &str) {
    let height = block.block.info.height;
    let finalized = app.finalize(&block.block, block.hash, &block.txs).unwrap();
    assert_eq!(finalized, block.finalized, "block {height} differs in the application {which}");
    let committed = app.commit(Vec::new()).unwrap();
    assert_eq!(committed.root, block.finalized.root);
}
