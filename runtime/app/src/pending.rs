//! State between the calls of an engine: a genesis for the first commit, a proposal for its decision, a block for its
//! commit, a snapshot for its last chunk. Nothing of it is part of what is committed.

use std::sync::Arc;

use diem_core::{BlockInfo, chain::Identity, tx::TxHash};
use diem_overlay::Overlay;
use diem_store::{IndexOp, Staged};

use crate::{block::Executed, snapshots::Restoring};

/// The state of genesis, kept until the first block is committed in one batch with it.
pub(crate) struct PendingGenesis {
    pub(crate) chain: Arc<Identity>,
    pub(crate) state: Overlay<'static>,
    /// The number of its rows.
    pub(crate) rows: u64,
}

/// The state of consensus between two of its calls. Nothing of it is part of what is committed.
#[derive(Default)]
pub(crate) struct Consensus {
    /// The last proposal that was accepted, by block hash.
    pub(crate) processed: Option<([u8; 32], Executed)>,
    /// The block that was finalized and waits for its commit.
    pub(crate) pending: Option<Pending>,
    /// The snapshot that is being restored. Dropping it removes what it wrote.
    pub(crate) restoring: Option<Restoring>,
}

impl Consensus {
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// A finalized block that waits for its commit.
pub(crate) struct Pending {
    pub(crate) info: BlockInfo,
    pub(crate) staged: Staged,
    pub(crate) index: Vec<IndexOp>,
    pub(crate) hashes: Vec<TxHash>,
}
