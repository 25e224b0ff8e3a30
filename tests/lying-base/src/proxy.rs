//! The handle of a running proxy.

use std::{io, net::Ipv4Addr, sync::Arc, thread::JoinHandle, time::Duration};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    Counts, Lie, Scope,
    orders::{Lies, Orders},
    server,
    upstream::Upstream,
};

/// The longest wait for connections to be refused, or taken again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The interval at which that is looked at.
const TICK: Duration = Duration::from_millis(2);

/// What a proxy is like at its start.
#[derive(Debug, Clone)]
pub struct Options {
    /// The URL of the endpoint that knows the truth.
    pub upstream: String,
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// The seed of the lies. Two proxies with the same seed and the same lies agree.
    pub seed: u64,
    /// The number of blocks by which `finalized` is behind the newest; `None` takes the upstream's own. This shapes the
    /// truth: anvil's is two epochs behind, and nobody need believe otherwise.
    pub finality: Option<u64>,
}

impl Options {
    /// An honest proxy on a free port, with seed 0 and the upstream's own finality.
    #[must_use]
    pub fn new(upstream: &str) -> Self {
        Self { upstream: upstream.into(), port: 0, seed: 0, finality: None }
    }
}

/// The reason why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The upstream's URL is none.
    #[error("`{0}` is no URL of an endpoint: write one such as http://127.0.0.1:8545")]
    Url(String),
    /// There can be no client.
    #[error("the upstream cannot be asked: {0}")]
    Client(reqwest::Error),
    /// The port cannot be taken.
    #[error("port {port} of 127.0.0.1 cannot be taken: {error}; 0 takes any that is free")]
    Port {
        /// The port.
        port: u16,
        /// The system's reason.
        error: io::Error,
    },
    /// The system gave no thread.
    #[error("the proxy cannot run: {0}")]
    Thread(io::Error),
}

/// What handle and server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) upstream: Upstream,
    pub(crate) seed: u64,
    pub(crate) orders: Mutex<Orders>,
    pub(crate) counts: Mutex<Counts>,
    /// Whether connections are refused to everybody.
    pub(crate) dead: watch::Sender<bool>,
    /// Whether somebody listens.
    pub(crate) is_listening: watch::Sender<bool>,
}

impl Shared {
    /// Counts a question, and gives it with the lies about it.
    pub(crate) fn ask<'a>(&self, victim: &str, question: &'a Value) -> (&'a Value, Lies) {
        let method = question["method"].as_str().unwrap_or_default();
        self.counts.lock().count_question(victim, method);
        let mut lies = self.orders.lock().lies(victim, method);
        if lies.finality.is_some() && !names_finality(question) {
            lies.finality = None;
        }
        (question, lies)
    }
}

/// Whether a question names a block by its finality.
fn names_finality(question: &Value) -> bool {
    let is_named = |value: &Value| matches!(value.as_str(), Some("finalized" | "safe"));
    question["params"].as_array().into_iter().flatten().any(|parameter| {
        is_named(parameter) || parameter.as_object().is_some_and(|object| object.values().any(is_named))
    })
}

/// A running proxy. It listens on 127.0.0.1 only, on a thread of its own, and ends with this value.
#[derive(Debug)]
pub struct LyingBase {
    shared: Arc<Shared>,
    port: u16,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl LyingBase {
    /// Starts a proxy that is honest until it is told to lie. It listens when this returns.
    ///
    /// # Errors
    /// [`StartError`] says why there is none.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let upstream = Upstream::new(&options.upstream)?;
        let taken = |error| StartError::Port { port: options.port, error };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        listener.set_nonblocking(true).map_err(taken)?;

        let mut orders = Orders::default();
        orders.set_finality(options.finality);
        let shared = Arc::new(Shared {
            upstream,
            seed: options.seed,
            orders: Mutex::new(orders),
            counts: Mutex::default(),
            dead: watch::Sender::new(false),
            is_listening: watch::Sender::new(true),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(taken)?
        };
        let (stop, stopping) = watch::channel(false);
        let serving = server::serve(listener, shared.clone(), stopping);
        let thread = std::thread::Builder::new().name("lying-base".into());
        let thread = thread.spawn(move || runtime.block_on(serving)).map_err(StartError::Thread)?;
        Ok(Self { shared, port, stop, thread: Some(thread) })
    }

    /// The URL of whoever is no named victim.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The URL of a victim, whose name is one segment of a path: at most 64 letters, digits, `-` and `_`.
    #[must_use]
    pub fn url_of(&self, victim: &str) -> String {
        format!("{}/{victim}", self.url())
    }

    /// The port on which it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Tells a lie to everybody from now on, beside those that are told already.
    pub fn lie(&self, lie: Lie) {
        self.lie_within(Scope::default(), lie);
    }

    /// Tells a lie to one victim, about some blocks or to some questions only, from now on. A lie that is not within its
    /// scope is not told. Where several lies are about the same, each one lies about what those before it made.
    pub fn lie_within(&self, scope: Scope, lie: Lie) {
        self.shared.orders.lock().add(scope, lie);
        self.settle();
    }

    /// Ends every lie. The finality of [`Options`] stays. Whoever was dead listens again when this returns, unless another
    /// program has taken the port meanwhile; then as soon as that is free.
    pub fn honest(&self) {
        self.shared.orders.lock().clear();
        self.settle();
    }

    /// Changes the number of blocks by which `finalized` is behind the newest; `None` takes the upstream's own.
    pub fn set_finality(&self, blocks: Option<u64>) {
        self.shared.orders.lock().set_finality(blocks);
    }

    /// What was asked and which lies were told since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts.lock().clone()
    }

    /// Waits until connections are refused, or taken again, as the lies want it.
    fn settle(&self) {
        let dead = self.shared.orders.lock().is_dead();
        self.shared.dead.send_replace(dead);
        let mut patience = PATIENCE;
        while *self.shared.is_listening.borrow() == dead && !patience.is_zero() {
            std::thread::sleep(TICK);
            patience = patience.saturating_sub(TICK);
        }
    }
}

impl Drop for LyingBase {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It ends by itself; had it panicked, the test has seen that already.
            let _ = thread.join();
        }
    }
}
