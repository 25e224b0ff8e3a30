//! A whole CometBFT node: its files, the application's socket, the child, and the engine that speaks to it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use diem_config::consensus_key::{self, KeyError};
use diem_engine::{Commits, engine::OwnPeer, origin::Origin};
use diem_runtime::App;

use super::{
    CometEngine, Settings,
    config::{self, ConfigError},
    genesis,
    supervisor::{Plan, Port, Status, Supervisor, SupervisorError},
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
    server: Server,
    supervisor: Supervisor,
}

impl Launch {
    /// Writes what is missing in the home, serves the application and starts CometBFT. Must be called on a tokio
    /// runtime, and blocks for as long as the start takes.
    ///
    /// # Errors
    /// [`LaunchError`] says what to do. Nothing is left running.
    pub fn start(self) -> Result<Running, LaunchError> {
        consensus_key::validator_key(&self.home)?;
        let own_peer = OwnPeer {
            id: consensus_key::node_key(&self.home)?.id,
            listen: self.settings.p2p,
            external: Some(self.settings.external_address.clone()).filter(|address| !address.is_empty()),
        };
        genesis::write_genesis(&self.home, &self.origin)?;
        let limit = frame_limit(self.origin.block_max_bytes());
        let consensus = Consensus::new(self.app, self.origin, self.commits).paced(self.settings.timing.least);
        let checks = consensus.checks();
        let mut settings = self.settings;
        let server = Server::start(settings.app.clone(), limit, consensus, Arc::clone(&self.on_fatal))
            .map_err(|error| LaunchError::Serve { address: settings.app.to_string(), error })?;
        settings.app = server.address().clone();
        let started = config::write_config(&self.home, &settings).map_err(LaunchError::from).and_then(|()| {
            let plan = Plan {
                binary: self.binary,
                pid_file: pid_file(&self.home),
                home: self.home,
                ports: ports(&settings),
                grace: GRACE,
                connections: server.connection_watch(),
                on_give_up: self.on_fatal,
            };
            Ok(Supervisor::start(plan)?)
        });
        match started {
            Ok(supervisor) => {
                let engine = CometEngine::new(settings.rpc, checks, settings.timing.commit).known_as(own_peer);
                Ok(Running { engine: Arc::new(engine), server, supervisor })
            }
            Err(error) => {
                server.stop();
                Err(error)
            }
        }
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
        self.supervisor.stop();
        self.server.stop();
    }
}

/// The path of the file with CometBFT's process id.
pub fn pid_file(home: &Path) -> PathBuf {
    home.join("cometbft.pid")
}

fn ports(settings: &Settings) -> Vec<Port> {
    let rpc = Port { address: settings.rpc, purpose: "CometBFT's RPC", setting: "comet.rpc" };
    let p2p = Port { address: settings.p2p, purpose: "CometBFT's peers", setting: "comet.p2p" };
    let metrics =
        settings.metrics.map(|address| Port { address, purpose: "CometBFT's metrics", setting: "comet.metrics" });
    [Some(rpc), Some(p2p), metrics].into_iter().flatten().collect()
}
