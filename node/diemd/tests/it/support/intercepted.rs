//! An engine between the HTTP API and the real one.

use std::{sync::Arc, time::Duration};

use diem_core::Time;
use diem_engine::{
    Engine, EngineKind,
    engine::{EngineError, EngineStatus, Incoming, SubmitError, Wait},
};
use futures::future::BoxFuture;
use tendermint::{block::signed_header::SignedHeader, validator};

/// The answer to a submission, one result for each transaction.
pub type Submitted<'a> = BoxFuture<'a, Vec<Result<(), SubmitError>>>;

/// An engine whose transactions go through `submit`, which gets the real engine; that answers everything else.
pub struct Intercepted<F> {
    pub engine: Arc<dyn Engine>,
    pub submit: F,
}

impl<F> Engine for Intercepted<F>
where
    F: Fn(Arc<dyn Engine>, Vec<Incoming>, Wait) -> Submitted<'static> + Send + Sync + 'static,
{
    fn submit(&self, txs: Vec<Incoming>, wait: Wait) -> Submitted<'_> {
        (self.submit)(Arc::clone(&self.engine), txs, wait)
    }

    fn kind(&self) -> EngineKind {
        self.engine.kind()
    }

    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>> {
        self.engine.signed_header(height, patience)
    }

    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>> {
        self.engine.validators(height)
    }

    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>> {
        self.engine.next_block_time()
    }

    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>> {
        self.engine.status()
    }
}
