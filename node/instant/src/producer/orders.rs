//! The orders of a developer for the next blocks.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Fatal, Key};
use diem_index::NODE_PREFIX;
use diem_runtime::App;
use diem_store::IndexOp;

use super::{OpenError, unusual};

/// The orders of a developer that the next blocks carry out. They are on disk before they are acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct Orders {
    /// The offset of the chain's clock from the wall clock, in milliseconds.
    pub(super) offset_ms: u64,
    /// The validators that count as absent, and the number of blocks for which they still do.
    pub(super) absent: (BTreeSet<[u8; 20]>, u64),
    /// The validators against whom the next block carries evidence of a double vote.
    pub(super) evidence: Vec<[u8; 20]>,
}

impl Orders {
    /// The key of the only row of orders.
    fn key() -> Key {
        Key::from_slice(&[NODE_PREFIX, b'o'])
    }

    pub(super) fn load(app: &App) -> Result<Self, OpenError> {
        let row = app.index().node_row(&Self::key());
        let orders = row.map(|bytes| Self::try_from_slice(&bytes)).transpose();
        let orders =
            orders.map_err(|error| OpenError::Fatal(format!("the engine's row of orders is damaged: {error}")))?;
        Ok(orders.unwrap_or_default())
    }

    pub(super) fn put(&self) -> Result<IndexOp, Fatal> {
        Ok(IndexOp::Put { key: Self::key(), value: borsh::to_vec(self).map_err(unusual)? })
    }

    /// The orders that are left after a block.
    pub(super) fn after_block(&self) -> Self {
        let (who, blocks) = &self.absent;
        Self { offset_ms: self.offset_ms, absent: (who.clone(), blocks.saturating_sub(1)), evidence: Vec::new() }
    }
}
