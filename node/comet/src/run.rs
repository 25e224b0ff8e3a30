//! A whole CometBFT node: its files, the application's socket, the child, and the engine that speaks to it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use diem_config::{
    SignerAddress,
    consensus_key::{self, KeyError},
};
use diem_engine::{Commits, engine::OwnPeer, origin::Origin};
use diem_host::critical;
use diem_runtime::App;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

use super::{
    CometEngine, Settings,
    config::{self, ConfigError},
    genesis,
    rpc::Rpc,
    signing::{self, Ahead, Guard, Listener, Readiness, Signing, SigningError, Silence},
    supervisor::{NO_HEADER, ONE_KEY, Plan, Port, Restarter, Status, Supervisor, SupervisorError},
    wal,
};
use crate::abci::{Consensus, OnFatal, Server, frame_limit};

/// The longest time that CometBFT may take to stop when asked.
const GRACE: Duration = Duration::from_secs(5);

/// The parts that a CometBFT node is started from.
pub struct Launch {
    /// CometBFT's home, which lies inside the node's.
    pub home: PathBuf,
    /// The path of the binary, from [`super::find()`].
    pub binary: PathBuf,
    /// The start of the chain.
    pub origin: Origin,
    /// The settings that go into CometBFT's configuration.
    pub settings: Settings,
    /// The application that CometBFT drives.
    pub app: Arc<App>,
    /// The receiver of reports about blocks.
    pub commits: Arc<Commits>,
    /// How its key is kept from signing twice.
    pub signing: Signing,
    /// The callback that is called when the node must not go on.
    pub on_fatal: OnFatal,
}

/// The reason why CometBFT does not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A file cannot be written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Signing is not safe.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The application cannot be served on its address.
    #[error("the application cannot be served to CometBFT on {address}: {error}; `comet.abci` sets it")]
    Serve {
        /// The address of the socket.
        address: String,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// CometBFT does not start.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
}

/// A running CometBFT.
pub struct Running {
    /// The engine through which the rest of the node speaks to it.
    pub engine: Arc<CometEngine>,
    /// The task that listens before this node signs.
    listening: Option<JoinHandle<()>>,
    /// What starts it anew while it looks for snapshots.
    pub joining: Joining,
    server: Server,
    supervisor: Supervisor,
    /// Removes old pieces of the log of consensus, where blocks are pruned.
    trimming: Option<JoinHandle<()>>,
    /// Tells of a signing state that is above the chain.
    ahead: Option<JoinHandle<()>>,
}

/// CometBFT's configuration, which changes while the node runs.
struct Files {
    home: PathBuf,
    settings: Mutex<Settings>,
}

impl Files {
    /// Changes settings and writes them, so that the next start of CometBFT has them.
    fn change(&self, change: impl FnOnce(&mut Settings)) -> Result<(), ConfigError> {
        let mut settings = self.settings.lock();
        change(&mut settings);
        config::write_config(&self.home, &settings)
    }
}

impl Launch {
    /// Writes what is missing in the home, serves the application and starts CometBFT. Must be called on a tokio
    /// runtime, and blocks for as long as the start takes.
    ///
    /// # Errors
    /// [`LaunchError`] says what to do. Nothing is left running.
    pub fn start(self) -> Result<Running, LaunchError> {
        let Self { home, binary, origin, mut settings, app, commits, signing, on_fatal } = self;
        let joins = settings.state_sync.is_some();
        let Readiness { guard, other_key, listens, own } = signing.judge(&home, &app, &origin, joins)?;
        settings.other_key = other_key;
        let waits_for_signer = Arc::new(AtomicBool::new(false));
        let had_node_key = consensus_key::node_key_file_of(&home).exists();
        let id = consensus_key::node_key(&home)?.id;
        if !had_node_key {
            tracing::warn!(
                id,
                "this home had no node key: peers that name this node by another id do not find it any more"
            );
        }
        let own_peer = OwnPeer {
            id,
            listen: settings.p2p,
            external: Some(settings.external_address.clone()).filter(|address| !address.is_empty()),
        };
        genesis::write_genesis(&home, &origin)?;
        let (prunes, heights) = (!app.keep().is_all(), commits.subscribe());
        let metrics = Arc::clone(commits.metrics());
        metrics.supervises();
        let listens = listens.map(|reason| {
            tracing::warn!("this node listens before it signs, because {reason}: nobody else may sign with its key");
            let (known, rpc) = (signing::known(&home, &settings), Rpc::new(settings.rpc));
            let (app, guard) = (Arc::clone(&app), Arc::clone(&guard));
            Listener::new(&signing, &origin, app, guard, rpc, settings.timing.least, known)
        });
        let limit = frame_limit(origin.block_max_bytes());
        let silence = Silence::default();
        let ahead = own.map(|(state, address)| Ahead {
            app: Arc::clone(&app),
            rpc: Rpc::new(settings.rpc),
            state,
            address,
            first: match &origin {
                Origin::Genesis { doc, .. } => doc.initial_height,
                Origin::Begun { .. } => 0,
            },
            silence: Arc::clone(&silence),
        });
        let latest = Arc::clone(&app);
        let on_give_up = explaining(Arc::clone(&app), Arc::clone(&signing.on_unsafe), Arc::clone(&on_fatal));
        let consensus = Consensus::new(app, origin, commits).paced(settings.timing.least).guarded(Arc::clone(&guard));
        let checks = consensus.checks();
        let server = Server::start(settings.app.clone(), limit, consensus, Arc::clone(&on_fatal))
            .map_err(|error| LaunchError::Serve { address: settings.app.to_string(), error })?;
        settings.app = server.address().clone();
        let files = Arc::new(Files { home, settings: Mutex::new(settings) });
        let settings = files.settings.lock().clone();
        let started = files.change(|_| {}).map_err(LaunchError::from).and_then(|()| {
            let plan = Plan {
                binary,
                pid_file: pid_file(&files.home),
                home: files.home.clone(),
                ports: ports(&settings),
                grace: GRACE,
                connections: server.connection_watch(),
                signer_socket: signer_socket(&settings),
                waits_for_signer: Arc::clone(&waits_for_signer),
                height: Box::new(move || latest.info().height),
                on_restart: Box::new(move || metrics.comet_restarted()),
                on_give_up,
            };
            Ok(Supervisor::start(plan)?)
        });
        match started {
            Ok(supervisor) => {
                let engine = CometEngine::new(settings.rpc, checks, settings.timing.commit).known_as(own_peer);
                let engine = engine.silenced_by(silence);
                let ahead = ahead.map(|ahead| tokio::spawn(ahead.run()));
                let engine = match &settings.signer {
                    Some(address) => engine.signed_by(address.clone(), waits_for_signer),
                    None => engine,
                };
                let listening = listens.map(|listener| {
                    let then =
                        Then { signing, guard, files: Arc::clone(&files), restarter: supervisor.restarter(), on_fatal };
                    critical::spawn_task(async move { then.sign(listener).await })
                });
                let trimming = prunes.then(|| tokio::spawn(wal::trim_on(files.home.clone(), heights)));
                let joining = Joining { files, restarter: supervisor.restarter() };
                Ok(Running { engine: Arc::new(engine), listening, joining, server, supervisor, trimming, ahead })
            }
            Err(error) => {
                server.stop();
                Err(error)
            }
        }
    }
}

/// What is needed to sign after listening.
struct Then {
    signing: Signing,
    guard: Arc<Guard>,
    files: Arc<Files>,
    restarter: Restarter,
    on_fatal: OnFatal,
}

impl Then {
    /// Listens, and then has CometBFT started anew with the key of the home.
    async fn sign(self, listener: Listener) {
        let heard = listener.run().await;
        let change = || self.files.change(|settings| settings.other_key = None).map_err(LaunchError::from);
        // The disk is written to here, which may take a moment.
        let ready = tokio::task::block_in_place(|| {
            self.signing.begin(&self.guard).map_err(LaunchError::from).and_then(|()| change())
        });
        match ready {
            Ok(()) => {
                tracing::info!("{heard}: this node signs from now on");
                self.restarter.restart();
            }
            Err(error) => {
                let sentence = error.to_string();
                if matches!(error, LaunchError::Signing(SigningError::Behind { .. })) {
                    (self.signing.on_unsafe)(&sentence);
                }
                (self.on_fatal)(&sentence);
            }
        }
    }
}

/// The way on for a CometBFT that looks for a snapshot: by itself it would wait for ever, and for the one that it has chosen
/// two minutes.
#[derive(Clone)]
pub struct Joining {
    files: Arc<Files>,
    restarter: Restarter,
}

impl Joining {
    /// Starts CometBFT anew, so that it looks for snapshots again. Nothing may have been restored.
    ///
    /// # Errors
    /// Its configuration cannot be written.
    pub fn look_again(&self) -> Result<(), ConfigError> {
        self.files.change(|_| {})?;
        self.restarter.restart();
        Ok(())
    }

    /// Starts CometBFT anew without state sync, so that it executes all blocks. Nothing may have been restored.
    ///
    /// # Errors
    /// Its configuration cannot be written.
    pub fn without_state_sync(&self) -> Result<(), ConfigError> {
        self.files.change(|settings| settings.state_sync = None)?;
        self.restarter.restart();
        Ok(())
    }

    /// Removes the chunks that CometBFT has left behind when it was ended.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn forget_chunks(&self) -> Result<(), ConfigError> {
        config::forget_chunks(&self.files.home)
    }
}

impl Running {
    /// CometBFT's process id, and how often it was restarted.
    pub fn status(&self) -> Status {
        self.supervisor.status()
    }

    /// Announces that this node is about to stop, so that CometBFT's messages about it are not shown as warnings.
    pub fn prepare_stop(&self) {
        self.supervisor.prepare_stop();
    }

    /// Stops CometBFT, then the socket. Blocks for at most the grace period and a little.
    pub fn stop(self) {
        for task in [&self.listening, &self.trimming, &self.ahead].into_iter().flatten() {
            task.abort();
        }
        self.supervisor.stop();
        self.server.stop();
    }
}

/// Tells why CometBFT was given up, in words of this home where a block holds evidence that is older than its beginning:
/// a node that began by a snapshot has no headers below it, without which CometBFT verifies no evidence. Where its own votes
/// conflict, the node ends as one that must not sign.
fn explaining(app: Arc<App>, on_unsafe: OnFatal, tell: OnFatal) -> OnFatal {
    Arc::new(move |reason: &str| match older_evidence(reason, app.began_at(), app.info().height) {
        Some(sentence) => tell(&sentence),
        None => {
            if reason.contains(ONE_KEY) {
                on_unsafe(reason);
            }
            tell(reason);
        }
    })
}

fn older_evidence(reason: &str, began_at: Option<u64>, last: u64) -> Option<String> {
    let (_, number) = reason.split_once(NO_HEADER)?;
    let digits = number.split(|digit: char| !digit.is_ascii_digit()).next()?;
    let began = began_at.filter(|began| digits.parse().is_ok_and(|height: u64| height <= *began))?;
    let block = last.saturating_add(1);
    Some(format!(
        "this home began at {began}; block {block} holds older evidence: `diemd join --again` starts from a newer snapshot"
    ))
}

/// The path of the file with CometBFT's process id.
pub fn pid_file(home: &Path) -> PathBuf {
    home.join("cometbft.pid")
}

/// The socket at which CometBFT waits for a remote signer, where it is none of TCP.
fn signer_socket(settings: &Settings) -> Option<PathBuf> {
    match &settings.signer {
        Some(SignerAddress::Unix(path)) => Some(path.clone()),
        _ => None,
    }
}

fn ports(settings: &Settings) -> Vec<Port> {
    let rpc = Port { address: settings.rpc, purpose: "CometBFT's RPC", setting: "comet.rpc" };
    let p2p = Port { address: settings.p2p, purpose: "CometBFT's peers", setting: "comet.p2p" };
    let metrics =
        settings.metrics.map(|address| Port { address, purpose: "CometBFT's metrics", setting: "comet.metrics" });
    [Some(rpc), Some(p2p), metrics].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_older_where_it_is_about_a_height_before_the_beginning() {
        let reason = "consensus has failed: it says: +2/3 committed an invalid block: don't have header #12";
        let said = older_evidence(reason, Some(12), 40).unwrap_or_default();
        assert!(
            said.starts_with("this home began at 12; block 41 holds older evidence: `diemd join --again`"),
            "{said}"
        );
        for (reason, began) in [(reason, Some(11)), (reason, None), ("don't have header #x", Some(9)), ("EOF", Some(9))]
        {
            assert_eq!(older_evidence(reason, began, 40), None);
        }
    }
}
