//! One real validator: CometBFT with our application, against CometBFT with an application that does nothing.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use bytes::Bytes;
use diem_comet::{
    CometEngine, Launch, Running, Settings, Timing,
    abci::{Address, OnFatal, Server, frame_limit},
    config, find, genesis,
    supervisor::{Plan, Supervisor},
};
use diem_config::consensus_key;
use diem_engine::{Commits, Engine, Node, engine::Wait, metrics::Metrics};
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;

use crate::{
    idle::Idle,
    load,
    report::{Goal, Report, median},
    workload::Workload,
};

const THROUGHPUT: &str = "committed transfers a second through POST /v1/tx / do-nothing application";

/// The number of accounts of these chains, all of which can send.
const ACCOUNTS: u32 = 50_000;
/// The number of rounds, in which both sides take turns, so that other load of the machine hits both.
const ROUNDS: usize = 3;
const TRANSFERS: usize = 40_000;
const HALF_LOAD_SECONDS: f64 = 8.0;

/// Runs the comparison, or says why it cannot.
pub(crate) fn run(report: &mut Report) {
    let binary = match find(None, &|_| {}) {
        Ok(found) => found.path,
        Err(error) => {
            eprintln!("no figures with real CometBFT: {error}");
            report.missing(THROUGHPUT, "ratio", Goal::AtLeast(0.6));
            return;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let idle = runtime.block_on(flood_idle(&binary));
        let ours = runtime.block_on(async {
            let ours = &mut Ours::start(binary.clone(), Timing::fastest()).await;
            let rate = ours.flood().await;
            ours.stop().await;
            rate
        });
        rounds.push((ours, idle));
    }
    let ratio = median(rounds.iter().map(|(ours, idle)| ours / idle).collect());
    let (ours, idle): (Vec<f64>, Vec<f64>) = rounds.into_iter().unzip();
    let (ours, idle) = (median(ours), median(idle));
    let (blocks, latencies) = runtime.block_on(half_load(&binary, ours / 2.0));
    report.goal(THROUGHPUT, ratio, "ratio", Goal::AtLeast(0.6));
    report.fact("  ours", ours, "tx/s");
    report.fact("  do-nothing application", idle, "tx/s");
    report.fact("blocks a second at half load", blocks, "1/s");
    let mut sorted = latencies.clone();
    sorted.sort_by(f64::total_cmp);
    report.fact("commit latency at half load, median", median(latencies), "ms");
    report.fact("commit latency at half load, 99th percentile", sorted[sorted.len() * 99 / 100], "ms");
}

fn on_fatal() -> OnFatal {
    Arc::new(|sentence: &str| {
        eprintln!("{sentence}");
        std::process::exit(1);
    })
}

fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn settings(app: Address) -> Settings {
    Settings {
        rpc: free_port(),
        p2p: free_port(),
        metrics: None,
        timing: Timing::fastest(),
        log_level: "error".into(),
        ..Settings::new("bench", app)
    }
}

/// The workload's genesis with the validator whose key lies in `home`.
fn genesis(work: &mut Workload, home: &Path) -> GenesisDoc {
    consensus_key::validator_key(home).unwrap();
    work.with_validator(consensus_key::validator_signing_key(home).unwrap())
}

/// Waits until `count` reaches `target` and returns the seconds since `start`.
async fn wait_for(target: u64, start: Instant, count: impl Fn() -> u64) -> f64 {
    while count() < target {
        assert!(start.elapsed() < Duration::from_secs(300), "only {} of {target} were committed", count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed().as_secs_f64()
}

async fn flood_idle(binary: &Path) -> f64 {
    let home = tempfile::tempdir().unwrap();
    let mut work = Workload::new(ACCOUNTS);
    let doc = genesis(&mut work, home.path());
    consensus_key::node_key(home.path()).unwrap();
    let limit = frame_limit(doc.consensus.block_max_bytes);
    genesis::write_genesis(home.path(), &doc.into()).unwrap();
    let handler = Idle::default();
    let server = Server::start(Address::of_home(home.path()).unwrap(), limit, handler.clone(), on_fatal()).unwrap();
    let settings = settings(server.address().clone());
    config::write_config(home.path(), &settings).unwrap();
    let supervisor = Supervisor::start(Plan {
        binary: binary.to_path_buf(),
        home: home.path().to_path_buf(),
        pid_file: home.path().join("cometbft.pid"),
        ports: Vec::new(),
        grace: Duration::from_secs(5),
        connections: server.connection_watch(),
        height: Box::new(|| 0),
        signer_socket: None,
        waits_for_signer: Arc::default(),
        on_restart: Box::new(|| {}),
        on_give_up: on_fatal(),
    })
    .unwrap();
    let engine = Arc::new(CometEngine::new(settings.rpc, Arc::default(), settings.timing.commit));
    engine.ready(Duration::from_secs(60)).await.unwrap();
    wait_for(1, Instant::now(), || handler.height.load(Ordering::Relaxed)).await;

    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Router::new().route("/v1/tx", post(pass_on)).with_state(engine);
    let api = tokio::spawn(async move { axum::serve(listener, api).await.unwrap() });

    let txs = Arc::new(work.transfers(TRANSFERS));
    let start = Instant::now();
    tokio::spawn(load::flood(address, "/v1/tx?wait=none", txs));
    let seconds = wait_for(TRANSFERS as u64, start, || handler.txs.load(Ordering::Relaxed)).await;
    api.abort();
    tokio::task::spawn_blocking(move || {
        supervisor.stop();
        server.stop();
    })
    .await
    .unwrap();
    TRANSFERS as f64 / seconds
}

async fn pass_on(State(engine): State<Arc<CometEngine>>, body: Bytes) -> StatusCode {
    let Ok(tx) = body.try_into() else { return StatusCode::BAD_REQUEST };
    match engine.submit(vec![tx], Wait::None).await.pop() {
        Some(Ok(())) => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A real validator of ours with its API, in this process.
pub(crate) struct Ours {
    pub(crate) app: Arc<App>,
    pub(crate) work: Workload,
    running: Option<Running>,
    pub(crate) api: SocketAddr,
    _home: tempfile::TempDir,
}

impl Ours {
    pub(crate) async fn start(binary: PathBuf, timing: Timing) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut work = Workload::new(ACCOUNTS);
        let genesis = genesis(&mut work, home.path());
        let app = Arc::new(App::open(&home.path().join("data"), Options::default()).unwrap());
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
        let commits = Commits::new(&app, Arc::clone(&metrics));
        let settings = Settings { timing, ..settings(Address::of_home(home.path()).unwrap()) };
        let launch = Launch {
            home: home.path().to_path_buf(),
            binary,
            origin: genesis.into(),
            settings,
            app: Arc::clone(&app),
            commits: Arc::clone(&commits),
            signing: diem_comet::Signing::new(home.path().join("run")),
            on_fatal: on_fatal(),
        };
        let running = tokio::task::block_in_place(|| launch.start()).unwrap();
        running.engine.ready(Duration::from_secs(60)).await.unwrap();
        wait_for(1, Instant::now(), || app.info().height).await;
        let node = Arc::new(Node {
            app: Arc::clone(&app),
            engine: Arc::clone(&running.engine) as Arc<dyn Engine>,
            commits: commits.subscribe(),
            moniker: "bench".into(),
            started: Instant::now(),
            metrics,
        });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let api = listener.local_addr().unwrap();
        let options = diem_http::Options::default();
        let health = diem_http::health::Health::start(node, &options);
        tokio::spawn(diem_http::serve(health, options, listener, std::future::pending()));
        Self { app, work, running: Some(running), api, _home: home }
    }

    /// The number of transactions in blocks above `height`.
    fn committed_above(&self, height: u64) -> u64 {
        let counts = (height + 1..=self.app.info().height).filter_map(|height| self.app.index().block(height));
        counts.map(|block| u64::from(block.tx_count)).sum()
    }

    /// Posts as fast as the node takes it; returns the committed transfers a second.
    pub(crate) async fn flood(&mut self) -> f64 {
        let txs = Arc::new(self.work.transfers(TRANSFERS));
        let (start, height) = (Instant::now(), self.app.info().height);
        tokio::spawn(load::flood(self.api, "/v1/tx?wait=none", txs));
        let seconds = wait_for(TRANSFERS as u64, start, || self.committed_above(height)).await;
        TRANSFERS as f64 / seconds
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
        }
    }
}

/// Measures the blocks a second and the latencies of commits in milliseconds, at `rate` transfers a second.
async fn half_load(binary: &Path, rate: f64) -> (f64, Vec<f64>) {
    let mut ours = Ours::start(binary.to_path_buf(), Timing::fastest()).await;
    let txs = ours.work.transfers((rate * HALF_LOAD_SECONDS) as usize);
    let (start, height) = (Instant::now(), ours.app.info().height);
    let latencies = load::steady(ours.api, rate, txs, 97).await;
    let blocks = (ours.app.info().height - height) as f64 / start.elapsed().as_secs_f64();
    ours.stop().await;
    (blocks, latencies)
}
