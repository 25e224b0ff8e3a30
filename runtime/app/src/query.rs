//! Committed heights, and the questions that are answered from them.

use diem_core::{CallError, Time};
use diem_store::{Snapshot, StoreError};
use diem_types::{Answer, ChainParams, ConsensusParams, GasParams, Query};

use crate::{App, chain, modules};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The height is not kept or not there yet.
    #[error(transparent)]
    Height(#[from] StoreError),
    /// The module refuses the question.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// An answer and the height it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The height from which the answer was read.
    pub height: u64,
    /// The time of that height's block.
    pub time: Time,
    /// The answer of the module.
    pub answer: Answer,
}

impl App {
    /// The state at a committed height; the latest if none is given.
    ///
    /// # Errors
    /// The height is older than what is kept, or not committed yet.
    pub fn snapshot(&self, height: Option<u64>) -> Result<Snapshot, StoreError> {
        match height {
            Some(height) => self.store.at(height),
            None => Ok(self.store.latest()),
        }
    }

    /// The height of the snapshot with which this node began; `None` if it has executed all blocks itself.
    pub fn began_at(&self) -> Option<u64> {
        self.store.began_at()
    }

    /// The oldest height whose state can be read and proven; `None` before the first commit.
    pub fn oldest_height(&self) -> Option<u64> {
        self.store.oldest()
    }

    /// The lowest height to which [`App::rollback`] can go back; `None` before the first block.
    pub fn undoes_to(&self) -> Option<u64> {
        self.store.undoes_to()
    }

    /// The newest state that can be proven at once: the one before the latest, because the root after block H stands in
    /// header H + 1. Where that is not kept, at the chain's first height and right after a restart, it is the latest,
    /// whose header is still to come.
    pub fn provable(&self) -> Snapshot {
        let latest = self.store.latest();
        let before = latest.height().checked_sub(1).and_then(|height| self.store.at(height).ok());
        before.unwrap_or(latest)
    }

    /// Answers a question of ABCI at a committed height; the latest if none is given. Who is inside the process calls
    /// the functions behind it, each module's `query`, with [`Snapshot::context`].
    ///
    /// # Errors
    /// [`QueryError`].
    pub fn query(&self, query: Query, height: Option<u64>) -> Result<Answered, QueryError> {
        let snapshot = self.snapshot(height)?;
        let answer = modules::query(&snapshot.context(), query)?;
        Ok(Answered { height: snapshot.height(), time: Time(snapshot.time_ms()), answer })
    }
}

/// The bound on the size of the state at a snapshot's height.
pub fn chain_params(snapshot: &Snapshot) -> ChainParams {
    chain::params(snapshot)
}

/// The parameters of gas at a snapshot's height.
pub fn gas_params(snapshot: &Snapshot) -> GasParams {
    chain::gas(snapshot)
}

/// The parameters of consensus at a snapshot's height.
pub fn consensus_params(snapshot: &Snapshot) -> ConsensusParams {
    chain::consensus(snapshot)
}
