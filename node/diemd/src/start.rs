//! `diemd start`: the life of a node, from its home to its last log line.

mod bridge;
mod control;
mod disk_use;
mod disk_watch;
mod engines;
mod error;
mod joining;
mod log_file;
mod logging;
mod manager;
mod snapshots;
mod standstill;
mod stopping;
mod summary;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_config::{Config, Override, consensus_key, service_links, version};
use diem_engine::{Commits, EngineKind, Node, engine::ConsensusAddress, metrics::Metrics, origin::Origin};
use diem_host::{critical, home::Home, ports::ListenError, signals::Signals};
use diem_http::health::{Health, ReadyLimits};
use diem_runtime::{App, Options};
use diem_store::StoreError;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    archive,
    forget::forget_chain,
    join::{self, Joining},
};
use logging::Level;
use standstill::Part;
use stopping::{Reason, Stop, on_fatal, on_unsafe, serve, tell};

pub use engines::EngineStartError;
pub use error::StartError;
pub use logging::LogError;
pub(crate) use logging::check_level;

/// The options of `diemd start`.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The settings that win over file and environment.
    pub flags: Vec<Override>,
    /// The address of the validator key that, as its owner knows, no other node signs with: its signing state is raised to
    /// what the chain shows.
    pub raise: Option<[u8; 20]>,
    /// The height after which the node halts: no later block is executed.
    pub halt_at: Option<u64>,
}

/// The listeners of the HTTP API and of metrics.
type Ports = (TcpListener, Option<TcpListener>);

/// The longest time that threads that use the store may take to end when all else has stopped.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

impl Start {
    /// Runs the node of `home` until a signal or a failure ends it.
    ///
    /// # Errors
    /// [`StartError`] says what to do.
    pub fn run(&self, home: &Home) -> Result<(), StartError> {
        self.run_once(home).map_err(|error| match Config::load(&home.config_file(), std::env::vars(), &self.flags) {
            Ok(config) => disk_watch::explained(error, home, &config.disk),
            Err(_) => error,
        })
    }

    fn run_once(&self, home: &Home) -> Result<(), StartError> {
        let lock = home.lock()?;
        if archive::is_unfinished(home) {
            return Err(StartError::Unfinished(home.root().to_path_buf()));
        }
        joining::forget_ready_file(home)?;
        let config = Config::load(&home.config_file(), std::env::vars(), &self.flags)?;
        let level = logging::start(&config.log, home)?;
        say_migrated(home)?;
        disk_watch::check(home, &config.disk)?;
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
        let mut unbegun = match App::held_chain(&home.data())? {
            Some(chain) => Origin::check(home, &chain).map(|()| None)?,
            None => Some(Origin::of(home, None)?),
        };
        self.refuse_behind(home, unbegun.as_ref())?;
        let mut app = open(home, &config)?;
        if joining::is_half_begun(home, &app)? {
            let height = app.info().height;
            tracing::warn!(
                height,
                "this node was stopped between its snapshot and its first block, where CometBFT cannot go on: it begins anew"
            );
            drop(app);
            forget_chain(home)?;
            unbegun = Some(Origin::of(home, None)?);
            app = open(home, &config)?;
        }
        let app = Arc::new(app);
        let origin = match unbegun {
            Some(origin) => origin,
            None => Origin::of(home, app.chain().map(|chain| (chain, app.consensus_params())))?,
        };
        let ended = runtime.block_on(self.serve(home, &config, level, origin, ports, Arc::clone(&app)));
        // Requests that still wait for something do not hold the process up; those that read the store end first.
        let stopped = Instant::now();
        runtime.shutdown_timeout(CLOSE_PATIENCE);
        close(app, stopped);
        drop(lock);
        let reason = ended?;
        tracing::info!("stopped");
        match reason {
            Reason::Asked => Ok(()),
            Reason::NoRoom(reason) => Err(StartError::NoRoom(reason)),
            Reason::Halted(height) => Err(StartError::Halted { height }),
            Reason::Fatal(reason) => Err(StartError::Fatal(reason)),
            Reason::Unsafe(reason) => Err(StartError::Unsafe(reason)),
        }
    }

    /// Refuses a home whose next block lies above the height at which it is to halt; `unbegun` is the start of its chain,
    /// where no block is committed.
    fn refuse_behind(&self, home: &Home, unbegun: Option<&Origin>) -> Result<(), StartError> {
        let Some(halt_at) = self.halt_at else { return Ok(()) };
        let next = match unbegun {
            Some(origin) => origin.identity().initial_height,
            None => App::held(&home.data())?.map_or(1, |held| held.height.saturating_add(1)),
        };
        if next > halt_at { Err(StartError::HaltPassed { halt_at, next }) } else { Ok(()) }
    }

    /// Runs the node until it ends in order, and returns why.
    async fn serve(
        &self,
        home: &Home,
        config: &Config,
        level: Level,
        origin: Origin,
        (api, metrics_port): Ports,
        app: Arc<App>,
    ) -> Result<Reason, StartError> {
        let metrics = Metrics::new(prometheus::Registry::new());
        let metrics = Arc::new(metrics.map_err(|error| StartError::Fatal(error.to_string()))?);
        let commits = Commits::new(&app, Arc::clone(&metrics));
        let (stop, ask) = (Stop::new(None), Stop::new(None));
        disk_watch::start(home, config, &metrics, stopping::on_no_room(&stop)).map_err(StartError::System)?;
        if let Some(height) = self.halt_at {
            let ask = ask.clone();
            commits.halt_at(height, move |height| tell(&ask, Reason::Halted(height)));
        }
        let chain = (origin.chain_id().to_owned(), hex::encode(origin.hash()));
        let starts_at = origin.starts_at();
        let signing = engines::signing(home, config, &chain.0, self.raise, on_unsafe(&stop, &metrics))?;
        if config.engine == EngineKind::Comet {
            signing.vouch(&home.comet(), &app)?;
        }
        let part = match config.engine {
            EngineKind::Comet => Some(Part::of(&home.comet(), &config.comet, &origin, &app)?),
            EngineKind::Instant => None,
        };
        snapshots::start(&config.snapshot, &origin, &app, &commits);
        let control = control::Control::listen(home).map_err(StartError::Control)?;
        let joining = match config.engine {
            EngineKind::Comet => Joining::prepare(home, &origin, config.api.listen).await?,
            EngineKind::Instant => None,
        };
        let parts = engines::Parts {
            home,
            config,
            origin,
            app: &app,
            commits: &commits,
            on_fatal: on_fatal(&stop),
            state_sync: joining.as_ref().and_then(Joining::state_sync),
            signing,
        };
        let engine = engines::start(parts)?;
        let mut joined = joining.zip(engine.joining()).map(|(joining, again)| {
            let (home, app, engine) = (home.clone(), Arc::clone(&app), engine.engine());
            tokio::spawn(async move { join::watch(joining, &home, &app, &engine, &again).await })
        });
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
            ready: ready_limits(config),
            validator: own_validator(home, config),
            hosts: config.api.hosts.clone(),
            cors: config.api.cors.clone(),
            clients: diem_http::ClientLimits {
                connections: config.api.connections_per_client,
                rate: config.api.rate,
                burst: config.api.burst,
            },
            ..diem_http::Options::default()
        };
        disk_use::start(home, &metrics).map_err(StartError::System)?;
        let health = Health::start(Arc::clone(&node), &options);
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
        let bridge = bridge::start(&node, home, config, &chain.0, options.relay_costs.clone())?;
        let watch = part.map(|part| {
            part.say();
            let patience = config.log.standstill.duration();
            tokio::spawn(part.watch(engine.engine(), commits.subscribe(), patience))
        });
        tokio::spawn(summary::tell(Arc::clone(&node), options.validator, ended(&stop)));
        let api = serve(&stop, "the HTTP API", diem_http::serve(Arc::clone(&health), options, api, ended(&stop)));
        let metrics = metrics_port.map(|port| {
            let (health, hosts) = (Arc::clone(&health), config.api.hosts.clone());
            let last = stopping::last_scrape(stop.subscribe(), Arc::clone(&health));
            let server = diem_http::metrics_server::serve(health, hosts, port, last);
            serve(&stop, "the server of metrics", server)
        });
        let parts =
            control::Parts { node, commits: Arc::clone(&commits), level, ask: ask.clone(), drain: config.api.drain };
        let control = serve(&stop, "the control socket", control.serve(parts, ended(&stop)));
        let manager = manager::Manager::greet(commits.subscribe());
        let reason = loop {
            tokio::select! {
                reason = stopping::asked_to_end(&stop, &ask, &mut signals) => break reason,
                outcome = joining::outcome_of(&mut joined) => joining::go_on(outcome, on_fatal(&stop).as_ref()),
            }
        };
        if matches!(reason, Reason::Fatal(_))
            && let Some(sentence) = disk_watch::without_room(home, &config.disk)
        {
            // Closing the databases gives room back, so the look comes before it.
            stopping::on_no_room(&stop)(&sentence);
        }
        health.stop();
        manager.stop();
        if let Reason::Halted(height) = reason {
            tracing::info!(height, "the height at which this node halts is there");
            // What its CometBFT says of blocks that it does not vote for is nobody's concern.
            engine.prepare_stop();
        }
        let time = stopping::time_to_drain(&reason, config.api.drain.duration(), &*engine.engine()).await;
        let reason = stopping::drain(reason, time, &stop, &ask, &mut signals).await;
        drop(health);
        if let Some(joined) = joined {
            joined.abort();
        }
        drop(bridge);
        shut_down(engine, watch, [api, control]).await;
        if let Some(metrics) = metrics {
            tokio::select! {
                _ = metrics => {}
                () = signals.any() => {}
            }
        }
        Ok(stop.borrow().clone().unwrap_or(reason))
    }
}

/// Names what a file of an older version is read as.
fn say_migrated(home: &Home) -> Result<(), StartError> {
    let migrated = version::of_file(&home.config_file())?;
    if migrated.is_old() {
        tracing::info!(
            version = migrated.from,
            "config.toml is of an older version: `diemd config migrate` writes it anew"
        );
        migrated.changes.iter().for_each(|change| tracing::info!("read as migrated: {change}"));
    }
    Ok(())
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

fn ready_limits(config: &Config) -> ReadyLimits {
    ReadyLimits {
        last_block: config.ready.last_block.duration(),
        peers: config.ready.peers,
        settlement: config.ready.settlement.duration(),
        disk_bytes: Some(config.ready.disk_mib.saturating_mul(1 << 20)).filter(|bytes| *bytes > 0),
    }
}

/// The address of this node's own validator key; `None` where its home has none, because a remote signer has it or it was
/// given to another machine.
fn own_validator(home: &Home, config: &Config) -> Option<ConsensusAddress> {
    // The engine has judged the key already, where it needs one.
    let found = || consensus_key::found_validator_key(&home.comet()).ok().flatten();
    let key = config.comet.signer.0.is_none().then(found).flatten()?;
    Some(consensus_key::address(&key.verifying_key().to_bytes()))
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

/// Ends the parts of a node that has been told to stop: first the servers, so that no client has its transaction
/// accepted and then forgotten, and then the engine.
async fn shut_down(engine: engines::Running, watch: Option<JoinHandle<()>>, servers: [JoinHandle<()>; 2]) {
    // CometBFT's warnings about peers that end are quiet from here on, so before anybody reads that the node stops.
    engine.prepare_stop();
    tracing::info!("stopping");
    if let Some(watch) = watch {
        watch.abort();
    }
    for server in servers {
        let _ = server.await;
    }
    // This blocks for as long as CometBFT takes to stop; nothing else is left to do here.
    tokio::task::block_in_place(|| engine.stop());
}

/// Completes when the parts of the node are told to end.
fn ended(stop: &Stop) -> impl Future<Output = ()> + Send + use<> {
    let told = stop.subscribe();
    async move { drop(stopping::wait(told).await) }
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

/// Opens the state of a home as a node with this configuration does.
pub(crate) fn open(home: &Home, config: &Config) -> Result<App, StoreError> {
    let store = diem_store::Options {
        ring: config.store.past_heights,
        cache_bytes: config.store.cache_mib.saturating_mul(1 << 20),
        sync: config.store.sync,
        ..diem_store::Options::default()
    };
    let snapshots_leave = config.disk.needed();
    let options = Options { store, keep: config.store.keep(), snapshots_leave, ..Options::default() };
    App::open(&home.data(), options)
}
