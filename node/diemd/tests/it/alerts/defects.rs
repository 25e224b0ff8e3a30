//! Defects of this program, seen by a real Prometheus: a step of the chain that fails, and a handler that panics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diem_core::{BlockContext, CallError, keys::SecretKey};
use diem_engine::{
    Commits, Engine, EngineKind, Node,
    engine::{BlockMode, EngineError, EngineStatus, Incoming, SubmitError, Wait},
    metrics::Metrics,
};
use diem_host::clock::wall_clock;
use diem_http::{Options, health::Health};
use diem_instant::InstantEngine;
use diem_runtime::{
    App,
    hooks::{Hook, Hooks, Run},
};
use diem_testkit::{genesis, people, with_validators};
use ed25519_dalek::SigningKey;
use futures::future::BoxFuture;
use tendermint::{block::signed_header::SignedHeader, validator};
use tokio::net::TcpListener;

use super::{prometheus::Prometheus, tools};

/// Whether the step fails now.
static FAILS: AtomicBool = AtomicBool::new(false);

fn step(_: &mut BlockContext<'_>) -> Result<(), CallError> {
    if FAILS.load(Ordering::Relaxed) {
        return Err(diem_bank::Error::from(diem_core::MathError::Overflow).into());
    }
    Ok(())
}

/// An engine whose list of validators panics.
struct Broken(Arc<InstantEngine>);

impl Engine for Broken {
    fn kind(&self) -> EngineKind {
        self.0.kind()
    }

    fn submit(&self, txs: Vec<Incoming>, wait: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>> {
        self.0.submit(txs, wait)
    }

    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>> {
        self.0.signed_header(height, patience)
    }

    fn validators(&self, _: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>> {
        panic!("a fault of ours")
    }

    fn next_block_time(&self) -> BoxFuture<'_, Result<diem_core::Time, EngineError>> {
        self.0.next_block_time()
    }

    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>> {
        self.0.status()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_and_a_handler_that_panics_are_told() {
    let Some(tools) = tools() else { return };
    let key = SigningKey::from_bytes(&[7; 32]);
    let doc = with_validators(genesis(&people(2)), &[(SecretKey::ed25519(key.as_bytes()), 10_000)]);
    let mut hooks = Hooks::default();
    hooks.end.push(Hook { number: 250, name: "defect", run: Run::Retry(step) });
    let app = Arc::new(App::in_memory(diem_runtime::Options { hooks, ..diem_runtime::Options::default() }));
    let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
    let commits = Commits::new(&app, Arc::clone(&metrics));
    let options = diem_instant::Options {
        keys: vec![key],
        mode: BlockMode::Every(Duration::from_millis(300)),
        clock: wall_clock(),
        on_fatal: Arc::new(|reason: &str| panic!("the engine failed: {reason}")),
    };
    let engine = InstantEngine::start(Arc::clone(&app), Arc::clone(&commits), &doc.into(), options).unwrap();
    let engine = Arc::new(engine);
    let node = Node {
        app,
        engine: Arc::new(Broken(Arc::clone(&engine))),
        commits: commits.subscribe(),
        moniker: "defect".into(),
        started: Instant::now(),
        metrics,
    };
    let options = Options::default();
    let health = Health::start(Arc::new(node), &options);
    let [api, port] = [TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0")];
    let (api, port) = (api.await.unwrap(), port.await.unwrap());
    let (url, at) = (format!("http://{}", api.local_addr().unwrap()), port.local_addr().unwrap().port());
    let servers = [
        tokio::spawn(diem_http::serve(Arc::clone(&health), options, api, std::future::pending())),
        tokio::spawn(diem_http::metrics_server::serve(health, Vec::new(), port, std::future::pending())),
    ];

    let prometheus = Prometheus::start(&tools, &[at], &[]).await;
    crate::support::client::until("two scrapes", async || {
        (prometheus.series("rate(diem_hooks_failed_total{hook=\"defect\"}[10s])").await > 0).then_some(())
    })
    .await;
    // Others may fire for a while where this machine is busy.
    let called = prometheus.firing().await;
    assert!(
        !called.iter().any(|alert| alert.contains("DiemHooksFailing") || alert.contains("DiemPanics")),
        "{called:?}"
    );
    FAILS.store(true, Ordering::Relaxed);
    prometheus.fires("DiemHooksFailing", at).await;
    FAILS.store(false, Ordering::Relaxed);
    // It panics once more while nobody has seen it: an alert of a single panic is over after the seconds that it looks back.
    let panics = async {
        loop {
            let answer = reqwest::get(format!("{url}/v1/consensus")).await.unwrap();
            assert_eq!(answer.status().as_u16(), 500);
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    tokio::select! {
        () = panics => {}
        () = prometheus.fires("DiemPanics", at) => {}
    }
    prometheus.resolves("DiemHooksFailing", at).await;
    prometheus.resolves("DiemPanics", at).await;
    servers.iter().for_each(tokio::task::JoinHandle::abort);
    engine.stop();
}
