//! The HTTP API of a node, and the server of its metrics.
//!
//! Every answer is JSON of the types in [`diem_api`]; every error has one shape and a row in one table.
#![allow(clippy::disallowed_methods, reason = "a node reads clocks, the environment and starts threads")]

mod batcher;
mod blocks;
mod bodies;
mod bridge;
mod chain;
mod clients;
mod convert;
mod credits;
mod cursor;
mod days;
mod dev;
mod error;
mod events;
pub mod health;
mod listener;
mod local;
pub mod metrics_server;
mod mint;
mod params;
mod proving;
mod readers;
mod ready;
mod refusal;
mod routes;
mod simulate;
mod snapshot_reader;
mod staking;
mod state;
mod submit;
mod waiters;
mod write_timeout;

use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use axum::extract::State;
use bytes::Bytes;
use diem_api::HttpError;
use diem_core::{Time, context::ConsensusAddress};
use diem_engine::{Node, relay_cost::RelayCosts};
use diem_host::clock::wall_clock;
use diem_store::Snapshot;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, Semaphore, watch},
};

use batcher::Batcher;
use bodies::BodyReader;
use clients::Clients;
use error::Failure;
use health::{Health, ReadyLimits};
use readers::Readers;
use waiters::Waiters;

pub use clients::ClientLimits;
pub use routes::lines as route_lines;

/// The number of threads that answer reads, and the most reads that wait for one of them.
const READING_THREADS: usize = 2;
const MAX_WAITING_READS: usize = 1_024;

/// The longest that a stopping server waits for requests under way.
const GRACE: Duration = Duration::from_secs(5);

/// The options of the server, beside the node.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The canonical genesis document, `genesis.json`, that `GET /v1/genesis` serves.
    pub genesis: Option<PathBuf>,
    /// The limits of the checks of `/readyz`.
    pub ready: ReadyLimits,
    /// The address of this node's own validator key, where its home has one.
    pub validator: Option<ConsensusAddress>,
    /// The genesis time, before which there is no block to wait for.
    pub starts_at: Option<Time>,
    /// The place where the node's relayer lays down what relaying costs on Base.
    pub relay_costs: RelayCosts,
    /// The names that a request's Host may bear on loopback, beside localhost, 127.0.0.1 and [::1].
    pub hosts: Vec<String>,
    /// The origins whose pages a browser lets read the answers, such as `https://app.example`; `*` stands for all.
    pub cors: Vec<String>,
    /// What each client may take.
    pub clients: ClientLimits,
}

impl Options {
    /// The genesis time while it lies ahead. Until then CometBFT is silent, and nothing is wrong with it.
    pub fn starts_later(&self) -> Option<Time> {
        self.starts_at.filter(|start| start.millis() > wall_clock()())
    }

    /// The event that a node without a block waits for, as text.
    pub fn waits_for(&self) -> String {
        match self.starts_later() {
            Some(start) => format!("there is no state yet: the chain starts at {start}, its genesis time"),
            None => "there is no state yet: the node waits for the chain's first block".into(),
        }
    }
}

/// The state that the handlers share.
pub(crate) struct Api {
    pub(crate) node: Arc<Node>,
    pub(crate) options: Options,
    /// The genesis document, read on the first request for it.
    pub(crate) genesis: OnceCell<Bytes>,
    pub(crate) bodies: BodyReader,
    pub(crate) batcher: Batcher,
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) health: Arc<Health>,
    /// What each client has taken.
    pub(crate) clients: Arc<Clients>,
    /// The permits of event streams.
    pub(crate) streams: Arc<Semaphore>,
    /// The threads that read answers from the store and write them as JSON.
    readers: Readers,
    /// The threads that serve event streams.
    pub(crate) followers: Readers,
    /// The threads that simulate transactions.
    pub(crate) simulators: Readers,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The state that axum hands to a handler.
pub(crate) type Shared = State<Arc<Api>>;

/// Serves the API on `listener` until `stop` completes; then takes no new requests and gives those under way some
/// seconds.
///
/// Connections, the time that a request takes to arrive, and the memory for requests are limited. When all connections
/// are taken a few more get answers for monitoring, and `busy` for everything else.
///
/// # Errors
/// The system starts no more threads. A connection that cannot be accepted is logged and retried.
pub async fn serve(
    health: Arc<Health>,
    options: Options,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let api = Api::new(Arc::clone(&health), options, stopped.clone())?;
    let limits = listener::Limits::of_system();
    let metrics = Arc::clone(&health.node.metrics);
    let clients = Arc::clone(&api.clients);
    let services = listener::Services { all: routes::router(&api), probes: routes::probes(&api), clients };
    let server = listener::serve(listener, limits, services, metrics, stopped);
    let stopped_and_late = async move {
        stop.await;
        health.stop();
        stopping.send_replace(true);
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = server => {}
        () = stopped_and_late => {}
    }
    Ok(())
}

impl Api {
    /// The state at a committed height, by default the latest.
    ///
    /// # Errors
    /// There is no state yet, so that every read would give a default; or the state of that height is not kept.
    fn state(&self, height: Option<u64>) -> Result<Snapshot, Failure> {
        self.begun()?;
        Ok(self.node.app.snapshot(height)?)
    }

    /// The height of the latest block.
    ///
    /// # Errors
    /// There is no block yet.
    fn begun(&self) -> Result<u64, HttpError> {
        match self.node.app.info().height {
            0 => Err(HttpError::NotReady(self.options.waits_for())),
            height => Ok(height),
        }
    }

    /// Runs `work`, which reads the store and writes the answer, on threads that do not hold up the chain.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.readers.run(read).await?
    }

    /// Makes the state of the handlers. Waits end when `stopping` becomes true.
    fn new(health: Arc<Health>, options: Options, stopping: watch::Receiver<bool>) -> io::Result<Arc<Self>> {
        let node = Arc::clone(&health.node);
        let (waiters, panics) = (Waiters::start(&node, stopping.clone()), node.metrics.panics());
        let (batcher, streams) = (Batcher::open(&node)?, Arc::new(Semaphore::new(events::MAX_STREAMS)));
        let readers = Readers::start("http-read", READING_THREADS, MAX_WAITING_READS, &panics)?;
        let followers = Readers::start("http-events", 1, events::MAX_STREAMS, &panics)?;
        let simulators = Readers::start("http-simulate", 1, simulate::MAX_SIMULATIONS, &panics)?;
        let clients = Clients::new(options.clients);
        let (genesis, bodies) = (OnceCell::new(), BodyReader::default());
        Ok(Arc::new(Self {
            node,
            options,
            genesis,
            bodies,
            batcher,
            waiters,
            health,
            clients,
            streams,
            readers,
            followers,
            simulators,
            stopping,
        }))
    }
}
