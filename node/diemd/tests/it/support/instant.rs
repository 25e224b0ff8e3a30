//! A whole node in this process: application, instant engine, and HTTP on a free port.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use diem_engine::{Commits, Engine, Node, engine::BlockMode, metrics::Metrics};
use diem_host::clock::Clock;
use diem_instant::InstantEngine;
use diem_runtime::{App, Options};
use diem_types::GenesisDoc;
use ed25519_dalek::SigningKey;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// What a node is started with.
pub struct Start<'a> {
    pub doc: &'a GenesisDoc,
    /// The keys of its validators.
    pub keys: Vec<SigningKey>,
    pub mode: BlockMode,
    pub clock: Clock,
    pub http: diem_http::Options,
}

/// A running node, which ends when dropped.
pub struct InstantNode {
    pub app: Arc<App>,
    pub engine: Arc<InstantEngine>,
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<std::io::Result<()>>>,
}

/// The path of the file in this folder that `GET /v1/genesis` serves.
pub fn genesis_file(folder: &Path) -> PathBuf {
    folder.join("genesis.json")
}

impl InstantNode {
    /// Starts a node with its genesis file in `folder`; its HTTP API sees the engine through `disguise`.
    pub async fn start(
        folder: &Path,
        start: Start<'_>,
        disguise: impl FnOnce(Arc<dyn Engine>) -> Arc<dyn Engine>,
    ) -> Self {
        let genesis_file = genesis_file(folder);
        std::fs::write(&genesis_file, diem_genesis::to_json(start.doc)).unwrap();
        let app = Arc::new(App::in_memory(Options::default()));
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
        let commits = Commits::new(&app, Arc::clone(&metrics));
        let options = diem_instant::Options {
            keys: start.keys,
            mode: start.mode,
            clock: start.clock,
            on_fatal: Arc::new(|reason: &str| panic!("the engine failed: {reason}")),
        };
        let origin = start.doc.clone().into();
        let engine = InstantEngine::start(Arc::clone(&app), Arc::clone(&commits), &origin, options).unwrap();
        let engine = Arc::new(engine);
        let node = Node {
            app: Arc::clone(&app),
            engine: disguise(Arc::clone(&engine) as Arc<dyn Engine>),
            commits: commits.subscribe(),
            moniker: "test".into(),
            started: Instant::now(),
            metrics,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let wait = async move {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let http = diem_http::Options { genesis: Some(genesis_file), ..start.http };
        let health = diem_http::health::Health::start(Arc::new(node), &http);
        let server = tokio::spawn(diem_http::serve(health, http, listener, wait));
        Self { app, engine, address, stop, server: Some(server) }
    }

    /// The URL of its API.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks the server to stop and waits until it has stopped.
    pub async fn stop(&mut self) {
        self.stop.send_replace(true);
        self.server.take().unwrap().await.unwrap().unwrap();
    }
}

impl Drop for InstantNode {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.engine.stop();
    }
}
