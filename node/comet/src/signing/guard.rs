//! The guard: a signature of this node's key in a block's commit must be known to its signing state.

use std::{path::PathBuf, sync::Arc};

use diem_config::signing_state;
use diem_core::{Block, Fatal, context::ConsensusAddress};
use diem_index::signing::{Mark, Signed, put_mark, put_signed};
use diem_runtime::App;
use parking_lot::Mutex;

use super::SigningError;
use crate::abci::OnFatal;

/// What the guard knows, and what of it waits for the next block to be written.
struct Known {
    signed: Signed,
    /// Whether `signed` differs from its row.
    changed: bool,
    /// The mark of this start, while the store has no block beside which it could be written.
    mark: Option<Mark>,
    /// The highest height to which the signing state is raised when a commit shows a higher signature. Its owner knows
    /// that what the node finds while it catches up was signed by this key before.
    raise_to: u64,
}

/// Looks at the commit of every block for signatures of one key.
pub(crate) struct Guard {
    app: Arc<App>,
    address: ConsensusAddress,
    /// The signing state; `None` for a key that signs elsewhere.
    state: Option<PathBuf>,
    on_unsafe: OnFatal,
    known: Mutex<Known>,
}

impl Guard {
    /// The guard of the key with this address, whose signing state is in the file `state`.
    pub(super) fn open(app: Arc<App>, address: ConsensusAddress, state: PathBuf, on_unsafe: OnFatal) -> Self {
        Self::with(app, address, Some(state), on_unsafe)
    }

    /// Keeps what a key signs that was exported from this home: should it come back, its signing state is compared with
    /// that.
    pub(super) fn of_exported(app: Arc<App>, address: ConsensusAddress) -> Self {
        Self::with(app, address, None, Arc::new(|_| {}))
    }

    /// Only keeps the mark: a remote signer looks after its own key, whose address nobody here knows.
    pub(super) fn of_remote(app: Arc<App>) -> Self {
        Self::with(app, [0; 20], None, Arc::new(|_| {}))
    }

    fn with(app: Arc<App>, address: ConsensusAddress, state: Option<PathBuf>, on_unsafe: OnFatal) -> Self {
        let signed = app.index().signed(&address);
        let known = Mutex::new(Known { signed, changed: false, mark: None, raise_to: 0 });
        Self { app, address, state, on_unsafe, known }
    }

    /// Compares the signing state with all that the key is known to have signed.
    ///
    /// # Errors
    /// It is behind, or cannot be read.
    pub(crate) fn check(&self) -> Result<(), SigningError> {
        let signed = self.known.lock().signed;
        self.compare(signed)
    }

    fn compare(&self, signed: Signed) -> Result<(), SigningError> {
        let Some(path) = &self.state else { return Ok(()) };
        let state = signing_state::height(path)?;
        let highest = signed.highest();
        if state >= highest {
            return Ok(());
        }
        let in_block = signed.in_commits == highest;
        let shown = if in_block { "a block has its signature for" } else { "at an earlier block it had" };
        let address = hex::encode(self.address);
        Err(SigningError::Behind { path: path.clone(), state, shown, signed: highest, address })
    }

    /// Lets the signing state be raised by what commits show, until [`Self::is_live`] is called.
    pub(super) fn raise_while_catching_up(&self) {
        self.known.lock().raise_to = u64::MAX;
    }

    /// Says that the node follows the chain from this height on: a signature of a later height is made now, and so by
    /// somebody else.
    pub(super) fn is_live(&self, height: u64) {
        let mut known = self.known.lock();
        known.raise_to = known.raise_to.min(height);
    }

    /// Looks for a signature of the key in the commit that a block brings, and compares the signing state with all that is
    /// known then.
    ///
    /// # Errors
    /// The signing state is behind: this node must stop before it votes again.
    pub(crate) fn see(&self, block: &Block) -> Result<(), Fatal> {
        let height = block.info.height.saturating_sub(1);
        let voted = block.votes.iter().any(|vote| vote.signed && vote.validator == self.address);
        let (signed, raise_to) = {
            let mut known = self.known.lock();
            if voted && known.signed.in_commits < height {
                (known.signed.in_commits, known.changed) = (height, true);
            }
            (known.signed, known.raise_to)
        };
        if voted
            && height <= raise_to
            && let Some(path) = &self.state
            && signing_state::raise(path, height).map_err(|error| Fatal(error.to_string()))?
        {
            tracing::warn!(
                height,
                "the signing state is raised: block {} has a signature of this key",
                block.info.height
            );
        }
        self.compare(signed).map_err(|error| self.alarm(signed, &error))
    }

    /// Keeps what was seen, so that the next start refuses too, and tells the node why it ends.
    fn alarm(&self, signed: Signed, error: &SigningError) -> Fatal {
        if self.app.info().height > 0
            && let Err(error) = self.app.write_index(&[put_signed(&self.address, signed)])
        {
            tracing::error!(%error, "the highest signature cannot be kept");
        }
        let sentence = error.to_string();
        (self.on_unsafe)(&sentence);
        Fatal(sentence)
    }

    /// The rows that go into the batch of a block.
    ///
    /// # Errors
    /// The signing state cannot be read any more.
    pub(crate) fn rows(&self) -> Result<Vec<diem_index::IndexOp>, Fatal> {
        let state = match &self.state {
            Some(path) => signing_state::height(path).map_err(|error| Fatal(error.to_string()))?,
            None => 0,
        };
        // A height that the chain has not reached tells of no vote: the file is another chain's, or the node catches up.
        let most = self.app.info().height.saturating_add(2);
        let mut known = self.known.lock();
        if known.signed.in_state < state && state <= most {
            (known.signed.in_state, known.changed) = (state, true);
        }
        let changed = std::mem::take(&mut known.changed).then(|| put_signed(&self.address, known.signed));
        let mark = known.mark.take().map(|mark| put_mark(&mark));
        Ok(changed.into_iter().chain(mark).collect())
    }

    /// Keeps the mark of this start in the store: at once, or with the first block.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn mark(&self, mark: Mark) -> Result<(), Fatal> {
        if self.app.info().height == 0 {
            self.known.lock().mark = Some(mark);
            return Ok(());
        }
        self.app.write_index(&[put_mark(&mark)])
    }
}
