//! The local Base beside the development engine: its clock is moved, and its state marked and taken back, together with
//! the chain's.

use std::{collections::BTreeMap, sync::Arc};

use diem_base::{Base, BaseError, Dev};
use diem_bridge::state::contract;
use diem_core::Time;
use diem_engine::engine::{Companion, EngineError, SnapshotId};
use diem_runtime::App;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

/// A local Base that goes along with the development engine.
pub struct BaseCompanion {
    app: Arc<App>,
    url: String,
    /// The snapshots of Base by those of the chain.
    snapshots: Mutex<BTreeMap<u64, u64>>,
}

impl BaseCompanion {
    /// The local Base at this URL; nothing is asked yet.
    pub fn new(app: Arc<App>, url: &str) -> Self {
        Self { app, url: url.into(), snapshots: Mutex::default() }
    }

    /// The local Base, once the chain has a bridge to it.
    async fn connect(&self) -> Result<Option<Base>, BaseError> {
        let Some(contract) = contract(&self.app.store().latest()) else { return Ok(None) };
        Base::connect(&self.url, contract.chain_id).await.map(Some)
    }

    async fn move_clock(&self, to: Time) -> Result<(), BaseError> {
        const SECOND_MS: u64 = 1_000;
        let Some(base) = self.connect().await? else { return Ok(()) };
        let ahead = (to.millis() / SECOND_MS).saturating_sub(base.latest().await?.timestamp);
        if ahead > 0 {
            let dev = Dev::new(base);
            dev.warp(ahead).await?;
            dev.mine(1).await?;
        }
        Ok(())
    }

    async fn mark(&self, id: u64) -> Result<(), BaseError> {
        let mut snapshots = self.snapshots.lock().await;
        if let Some(base) = self.connect().await? {
            snapshots.insert(id, Dev::new(base).snapshot().await?);
        }
        Ok(())
    }

    async fn take_back(&self, id: u64) -> Result<(), BaseError> {
        let mut snapshots = self.snapshots.lock().await;
        // A snapshot of before this node started, or before there was a bridge, has no mark on Base, which stays as it is.
        let Some(own) = snapshots.get(&id).copied() else { return Ok(()) };
        let Some(dev) = self.connect().await?.map(Dev::new) else { return Ok(()) };
        dev.revert(own).await?;
        // Base forgets a mark that it went back to; the chain keeps its own.
        snapshots.retain(|other, _| *other < id);
        let again = dev.snapshot().await?;
        snapshots.insert(id, again);
        Ok(())
    }
}

impl Companion for BaseCompanion {
    fn warp(&self, to: Time) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move { self.move_clock(to).await.map_err(told) })
    }

    fn snapshot(&self, id: SnapshotId) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move { self.mark(id.0).await.map_err(told) })
    }

    fn revert(&self, id: SnapshotId) -> BoxFuture<'_, Result<(), EngineError>> {
        Box::pin(async move { self.take_back(id.0).await.map_err(told) })
    }
}

/// The chain has done its part, so a retry would do it twice; what is wrong is told all the same, because both do not
/// fit together any more.
fn told(error: BaseError) -> EngineError {
    EngineError::Refused(format!(
        "the chain did it, and the local Base did not go along: {error}. Start a new devnet where both matter"
    ))
}
