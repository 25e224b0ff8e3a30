//! `diemd start`: the life of a node, from its home to its last log line.

mod bridge;
mod engines;
mod logging;
mod standstill;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_config::{Config, ConfigError, Override, consensus_key::KeyError, service_links};
use diem_engine::{
    Commits, EngineKind, Node,
    metrics::Metrics,
    origin::{Origin, OriginError},
};
use diem_host::{
    critical,
    home::{Home, HomeError},
    ports::ListenError,
    signals::Signals,
};
use diem_runtime::{App, Options};
use diem_store::StoreError;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use standstill::Part;

pub use engines::EngineStartError;
pub use logging::LogError;

/// The reason why a node does not start, or has stopped on its own.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be set up.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The start of the chain is not known.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node cannot listen where it should.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A key of the home cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineStartError),
    /// The system has no more threads or memory.
    #[error("the node cannot run: {0}")]
    System(io::Error),
    /// The node ran, and then could not go on.
    #[error("the node stopped: {0}")]
    Fatal(String),
}

impl StartError {
    /// Whether a full disk is the cause. Many layers report one, CometBFT among them, and of each only its sentence
    /// reaches this place.
    pub fn is_full_disk(&self) -> bool {
        const SIGNS: [&str; 4] = ["no space left", "the disk is full", "quota exceeded", "file too large"];
        let sentence = self.to_string().to_lowercase();
        SIGNS.iter().any(|sign| sentence.contains(sign))
    }
}

/// The options of `diemd start`.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The settings that win over file and environment.
    pub flags: Vec<Override>,
}

/// The listeners of the HTTP API and of metrics.
type Ports = (TcpListener, Option<TcpListener>);

/// The longest time that threads that use the store may take to end when all else has stopped.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// The channel that stops a node: it holds the signal or the failure that ends it.
type Stop = watch::Sender<Option<Reason>>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Asked,
    Fatal(String),
}

impl Start {
    /// Runs the node of `home` until a signal or a failure ends it.
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub fn run(&self, home: &Home) -> Result<(), StartError> {
        let lock = home.lock()?;
        let config = Config::load(&home.config_file(), std::env::vars(), &self.flags)?;
        logging::start(&config.log)?;
        critical::end_process_on_panic();
        let links = service_links(std::env::vars());
        if !links.is_empty() {
            tracing::info!(
                variables = links.join(" "),
                "Kubernetes has put variables of a service called diem into the environment: they are no settings and are ignored"
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::System)?;
        let ports = runtime.block_on(listen(&config))?;
        // The home is judged before anything in it is opened for use, which would change files of a home that is
        // refused. The store tells its version first: a genesis of another version may be unreadable.
        let unbegun = match App::held_chain(&home.data())? {
            Some(chain) => Origin::check(home, &chain).map(|()| None)?,
            None => Some(Origin::of(home, None)?),
        };
        let app = Arc::new(open(home, &config)?);
        let origin = match unbegun {
            Some(origin) => origin,
            None => Origin::of(home, app.chain().map(|chain| (chain, app.consensus_params())))?,
        };
        let result = runtime.block_on(run(home, &config, origin, ports, Arc::clone(&app)));
        // Requests that still wait for something do not hold the process up; those that read the store end first.
        let stopped = Instant::now();
        runtime.shutdown_timeout(CLOSE_PATIENCE);
        close(app, stopped);
        drop(lock);
        result
    }
}

/// Closes the store while the process is still whole: a thread that uses RocksDB while the process takes its statics
/// down makes it abort.
fn close(app: Arc<App>, stopped: Instant) {
    let mut shared = app;
    while let Err(still_shared) = Arc::try_unwrap(shared) {
        if stopped.elapsed() > CLOSE_PATIENCE {
            tracing::warn!("the store is still being read: the process ends without closing it; nothing is lost");
            return;
        }
        shared = still_shared;
        std::thread::sleep(Duration::from_millis(1));
    }
}

async fn run(
    home: &Home,
    config: &Config,
    origin: Origin,
    (api, metrics_port): Ports,
    app: Arc<App>,
) -> Result<(), StartError> {
    let metrics = Metrics::new(prometheus::Registry::new(), Some(&home.data()));
    let metrics = Arc::new(metrics.map_err(|error| StartError::Fatal(error.to_string()))?);
    let commits = Commits::new(&app, Arc::clone(&metrics));
    let stop = Stop::new(None);
    let chain = (origin.chain_id().to_owned(), hex::encode(origin.hash()));
    let starts_at = origin.starts_at();
    let part = match config.engine {
        EngineKind::Comet => Some(Part::of(&home.comet(), &config.comet, &origin, &app)?),
        EngineKind::Instant => None,
    };
    let parts = engines::Parts { home, config, origin, app: &app, commits: &commits, on_fatal: on_fatal(&stop) };
    let engine = engines::start(parts)?;
    let node = Arc::new(Node {
        app,
        engine: engine.engine(),
        commits: commits.subscribe(),
        moniker: config.moniker.clone(),
        started: Instant::now(),
        metrics: Arc::clone(&metrics),
    });
    let options = diem_http::Options {
        genesis: Some(home.genesis_file()),
        starts_at,
        hosts: config.api.hosts.clone(),
        ..diem_http::Options::default()
    };
    say_running(&node, config, &chain, &options);
    // Signals are heard before the first answer, because whoever has an answer may ask this node to end. Until here a
    // signal ends the process at once, and a compilation of CometBFT with it; nothing is lost by that.
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tokio::task::block_in_place(|| engine.stop());
            return Err(StartError::System(error));
        }
    };
    let bridge = bridge::start(&node, home, config, &chain.0)?;
    let watch = part.map(|part| {
        part.say();
        let patience = config.log.standstill.duration();
        tokio::spawn(part.watch(engine.engine(), commits.subscribe(), patience))
    });
    let api = serve(&stop, "the HTTP API", diem_http::serve(node, options, api, wait(stop.subscribe())));
    let metrics = metrics_port.map(|port| {
        let server = diem_http::metrics_server::serve(metrics, config.api.hosts.clone(), port, wait(stop.subscribe()));
        serve(&stop, "the server of metrics", server)
    });
    let reason = until_stopped(&stop, &mut signals).await;
    drop(bridge);
    shut_down(engine, watch, [Some(api), metrics]).await;
    match reason {
        Reason::Asked => Ok(()),
        Reason::Fatal(reason) => Err(StartError::Fatal(reason)),
    }
}

fn say_running(node: &Node, config: &Config, (chain, genesis): &(String, String), options: &diem_http::Options) {
    let height = node.app.info().height;
    tracing::info!(
        chain,
        genesis,
        engine = %config.engine,
        height,
        api = %config.api.listen,
        node_id = node.engine.own_peer().map(|own| own.id.as_str()),
        "running"
    );
    if height == 0 {
        tracing::info!("{}", options.waits_for());
    }
}

/// What a part of the node calls when it cannot go on: it logs the failure and stops the node.
fn on_fatal(stop: &Stop) -> Arc<dyn Fn(&str) + Send + Sync> {
    let stop = stop.clone();
    Arc::new(move |reason| {
        tracing::error!("{reason}");
        // The first failure is kept, because later ones follow from it.
        stop.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert_with(|| Reason::Fatal(reason.into()));
            first
        });
    })
}

/// Ends the parts of a node that has been told to stop: first the servers, so that no client has its transaction
/// accepted and then forgotten, and then the engine.
async fn shut_down(engine: engines::Running, watch: Option<JoinHandle<()>>, servers: [Option<JoinHandle<()>>; 2]) {
    // CometBFT's warnings about peers that end are quiet from here on, so before anybody reads that the node stops.
    engine.prepare_stop();
    tracing::info!("stopping");
    if let Some(watch) = watch {
        watch.abort();
    }
    for server in servers.into_iter().flatten() {
        let _ = server.await;
    }
    // This blocks for as long as CometBFT takes to stop; nothing else is left to do here.
    tokio::task::block_in_place(|| engine.stop());
    tracing::info!("stopped");
}

/// Runs a server that ends when the node is told to stop. If it ends before, or in a panic, the node ends too: a node
/// that nobody can ask is half a node.
fn serve(
    stop: &Stop,
    what: &'static str,
    server: impl Future<Output = io::Result<()>> + Send + 'static,
) -> JoinHandle<()> {
    let stop = stop.clone();
    critical::spawn_task(async move {
        let outcome = server.await;
        let why = outcome.err().map_or_else(|| "it gave no reason".into(), |error| error.to_string());
        stop.send_if_modified(|told| {
            let too_early = told.is_none();
            told.get_or_insert_with(|| Reason::Fatal(format!("{what} has ended: {why}")));
            too_early
        });
    })
}

/// Binds all ports of this process before anything else happens.
async fn listen(config: &Config) -> Result<Ports, StartError> {
    let api = bind(config.api.listen, "the HTTP API", "api.listen").await?;
    let metrics = match config.metrics.listen.0 {
        Some(address) => Some(bind(address, "metrics", "metrics.listen").await?),
        None => None,
    };
    Ok((api, metrics))
}

async fn bind(address: SocketAddr, purpose: &'static str, setting: &'static str) -> Result<TcpListener, StartError> {
    let (purpose, remedy) = (purpose.into(), format!("set `{setting}` to another port"));
    Ok(TcpListener::bind(address).await.map_err(|error| ListenError { address, purpose, remedy, error })?)
}

fn open(home: &Home, config: &Config) -> Result<App, StoreError> {
    let store = diem_store::Options {
        ring: config.store.past_heights,
        cache_bytes: config.store.cache_mib.saturating_mul(1 << 20),
        sync: config.store.sync,
        ..diem_store::Options::default()
    };
    let options = Options { store, keep_blocks: config.store.keep_blocks, ..Options::default() };
    App::open(&home.data(), options)
}

/// Completes when the node is told to stop.
async fn wait(mut stop: watch::Receiver<Option<Reason>>) {
    // An error says that the sender is gone, and with it the node.
    let _ = stop.wait_for(Option::is_some).await;
}

/// Waits for a signal or a failure, and tells everybody.
async fn until_stopped(stop: &Stop, signals: &mut Signals) -> Reason {
    let mut changes = stop.subscribe();
    tokio::select! {
        () = signals.any() => {
            stop.send_replace(Some(Reason::Asked));
            Reason::Asked
        }
        reason = changes.wait_for(Option::is_some) => reason.ok().and_then(|reason| reason.clone()).unwrap_or(Reason::Asked),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_before_the_node_stops_the_node() {
        let stop = Stop::new(None);
        serve(&stop, "the HTTP API", async { Err(io::Error::other("there are no more threads")) }).await.unwrap();
        let reason = Reason::Fatal("the HTTP API has ended: there are no more threads".into());
        assert_eq!(*stop.borrow(), Some(reason));
        // A server that ends because the node stops is no failure.
        let stop = Stop::new(Some(Reason::Asked));
        serve(&stop, "the HTTP API", async { Ok(()) }).await.unwrap();
        assert_eq!(*stop.borrow(), Some(Reason::Asked));
    }

    #[test]
    fn a_full_disk_is_known_whoever_reports_it() {
        let system = || io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        let home = Path::new("/h");
        let full = [
            StartError::Home(HomeError::io(home, system())),
            StartError::Store(StoreError::DiskFull { path: home.into(), detail: "x".into() }),
            StartError::System(system()),
            StartError::Fatal("consensus has failed: the disk is full: make room and start again".into()),
        ];
        for error in full {
            assert!(error.is_full_disk(), "{error}");
        }
        assert!(!StartError::Fatal("block 7 is not block 2".into()).is_full_disk());
    }
}
