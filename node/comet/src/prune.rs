//! Pruning CometBFT's databases while the node is stopped.
//!
//! CometBFT 0.38.25 has no command that prunes: it does so while it executes a block, down to the height that the
//! application names in its answer to the commit. So the last block is executed once more. CometBFT's state and the
//! application are taken back by one height, by `cometbft rollback` and by the undo row, and CometBFT is started on its
//! databases. In the handshake it finds that its last block is missing in both, executes it, prunes, and is stopped. Then
//! `cometbft experimental-compact-goleveldb` gives the room back.
//!
//! It runs alone: in a home of its own with throw-away keys, its own log of consensus, no peers and no RPC. So it can sign
//! nothing for this node, and keys, signing state and log of the real home are not opened.
//!
//! Killed at any point, the next start goes on: each of the states between is one that a crash makes too, and CometBFT
//! replays its last block into whichever of the two is behind.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use diem_core::Fatal;
use diem_engine::{Commits, origin::Origin};
use diem_host::child;
use diem_runtime::App;
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    abci::{Address, Consensus, Server, frame_limit},
    config::{ConfigError, write_file},
    rollback::{RollbackError, RolledBack, roll_back},
    run::pid_file,
    supervisor::end_leftover,
    wal,
};

/// The longest time that CometBFT may take to stop when asked.
const GRACE: Duration = Duration::from_secs(10);
/// What CometBFT logs when the block is executed and everything before it is pruned.
const DONE: &str = "Completed ABCI Handshake";
/// What it logs when it could not prune; it goes on then.
const NOT_PRUNED: &str = "failed to prune";
/// The command that compacts its databases.
const COMPACT: &str = "experimental-compact-goleveldb";

/// A stopped node whose CometBFT is to be pruned to the first block of its application.
pub struct Prune {
    /// CometBFT's home, which lies inside the node's.
    pub home: PathBuf,
    /// A folder inside the node's home that does not exist, for CometBFT to run in.
    pub apart: PathBuf,
    /// The path of the binary, from [`super::find()`].
    pub binary: PathBuf,
    /// The start of the chain.
    pub origin: Origin,
    /// The address at which the application is served meanwhile.
    pub address: Address,
    /// The application, already pruned.
    pub app: Arc<App>,
    /// The receiver of reports about blocks.
    pub commits: Arc<Commits>,
}

/// The reason why CometBFT's databases are not pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The child of an earlier run, with this process id, does not end.
    #[error("CometBFT of an earlier run (process {0}) cannot be ended: end it yourself and prune again")]
    Leftover(u32),
    /// A file cannot be written.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// CometBFT does not run, or the disk refuses.
    #[error("{what}: {error}")]
    Io {
        /// What could not be done, as the words before the error.
        what: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// CometBFT ended without having done its part.
    #[error("CometBFT could not {what}: {said}; the home is whole: start it, or prune again")]
    Comet {
        /// What it was to do.
        what: &'static str,
        /// The last line that it logged.
        said: String,
    },
    /// CometBFT does not go back by a height.
    #[error(transparent)]
    Rollback(#[from] RollbackError),
    /// The application cannot go back by a height.
    #[error("{}", .0.0)]
    App(Fatal),
    /// CometBFT and the application have different histories.
    #[error(
        "CometBFT went back to height {theirs}, and the application is at {ours} or has another state there: start this \
         home once, then prune"
    )]
    Apart {
        /// The height of CometBFT.
        theirs: u64,
        /// The height of the application.
        ours: u64,
    },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> PruneError {
    let what = what.into();
    |error| PruneError::Io { what, error }
}

impl Prune {
    /// Prunes and compacts. It blocks for as long as that takes.
    ///
    /// # Errors
    /// [`PruneError`] says what to do.
    pub fn run(self) -> Result<(), PruneError> {
        end_leftover(&pid_file(&self.home), &self.home, GRACE).map_err(PruneError::Leftover)?;
        let apart = self.apart.clone();
        let what = || format!("{} cannot be removed", apart.display());
        match fs::remove_dir_all(&apart) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(what())(error)),
            _ => {}
        }
        let pruned = self.execute_again();
        let removed = fs::remove_dir_all(&apart);
        pruned?;
        removed.map_err(io_error(what()))?;
        wal::trim(&self.home).map_err(io_error("old pieces of the log of consensus cannot be removed"))?;
        // It ends before the files that it replaced are removed; the second opening of the databases removes them.
        self.compact().and_then(|()| self.compact())
    }

    /// Takes the last block back and has CometBFT execute it again.
    fn execute_again(&self) -> Result<(), PruneError> {
        let on_fatal = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&on_fatal);
        let limit = frame_limit(self.origin.block_max_bytes());
        self.write_config(&self.address)?;
        self.roll_back()?;
        let consensus = Consensus::new(Arc::clone(&self.app), self.origin.clone(), Arc::clone(&self.commits));
        let server = Server::start(
            self.address.clone(),
            limit,
            consensus,
            Arc::new(move |sentence: &str| *heard.lock() = Some(sentence.to_owned())),
        )
        .map_err(io_error(format!("the application cannot be served on {}", self.address)))?;
        let ran = self.run_alone();
        server.stop();
        match on_fatal.lock().take() {
            Some(said) => Err(PruneError::Comet { what: "execute the last block again", said }),
            None => ran,
        }
    }

    fn write_config(&self, address: &Address) -> Result<(), PruneError> {
        let data = std::path::absolute(self.home.join("data")).map_err(io_error("the home has no place"))?;
        let config = json!({
            "proxy_app": address.to_string(),
            "moniker": "prune",
            "db_dir": data,
            "log_level": "consensus:info,*:error",
            "log_format": "json",
            // Both are made anew in the folder where it runs: this CometBFT has no key that is anybody's.
            "priv_validator_key_file": "config/key.json",
            "priv_validator_state_file": "config/state.json",
            "rpc": { "laddr": "" },
            "p2p": { "laddr": "tcp://127.0.0.1:0", "pex": false, "persistent_peers": "", "seeds": "" },
            "consensus": { "wal_file": "wal/wal" },
            "statesync": { "enable": false },
            "storage": { "discard_abci_responses": true },
            "tx_index": { "indexer": "null" },
            "instrumentation": { "prometheus": false },
        });
        let path = self.apart.join("config/config.toml");
        let text = toml::to_string(&config)
            .map_err(|error| ConfigError::Encode { path: path.clone(), reason: error.to_string() })?;
        Ok(write_file(&path, &text).map_err(ConfigError::from)?)
    }

    /// Takes CometBFT's state back by one height, where its last block is part of it, and then the application.
    fn roll_back(&self) -> Result<(), PruneError> {
        let RolledBack { height, app_hash } = roll_back(&self.binary, &self.apart, false)?;
        if self.app.info().height.checked_sub(1) == Some(height) {
            self.app.rollback().map_err(PruneError::App)?;
        }
        let info = self.app.info();
        if (info.height, info.root) == (height, app_hash) {
            return Ok(());
        }
        Err(PruneError::Apart { theirs: height, ours: info.height })
    }

    /// Starts CometBFT, and stops it when the block is executed.
    fn run_alone(&self) -> Result<(), PruneError> {
        let errors = self.apart.join("errors");
        let spawn = || -> io::Result<Child> {
            let mut command = Command::new(&self.binary);
            command.arg("start").arg("--home").arg(&self.apart);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
            child::die_with_thread(&mut command);
            command.spawn()
        };
        let mut child = spawn().map_err(io_error(format!("{} does not start", self.binary.display())))?;
        let mut out = child.stdout.take().map(BufReader::new);
        let heard = out.as_mut().map_or(Ok(()), hear);
        child::stop(&mut child, GRACE);
        // Until here, since a write to a pipe without a reader would kill it before it has closed its databases.
        drop(out);
        heard.map_err(|said| {
            let errors = fs::read_to_string(&errors).unwrap_or_default();
            let said = errors.lines().next().map_or(said, str::to_owned);
            PruneError::Comet { what: "execute the last block again", said }
        })
    }

    fn compact(&self) -> Result<(), PruneError> {
        let mut command = Command::new(&self.binary);
        command.args([COMPACT, "--home"]).arg(&self.home).stdin(Stdio::null());
        child::die_with_thread(&mut command);
        let ran = command.output().map_err(io_error(format!("{} does not start", self.binary.display())))?;
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).trim().to_owned();
        // It ends well even if it did not.
        if ran.status.success() && !said.contains("failed") {
            return Ok(());
        }
        Err(PruneError::Comet { what: "compact its databases", said })
    }
}

/// Listens until CometBFT has executed the block. The error is the last that it said.
fn hear(out: &mut BufReader<ChildStdout>) -> Result<(), String> {
    let (mut not_pruned, mut last) = (None, String::from("it ended without a word"));
    for line in out.lines() {
        let line = line.map_err(|error| error.to_string())?;
        if line.contains(DONE) {
            return not_pruned.map_or(Ok(()), Err);
        }
        if line.contains(NOT_PRUNED) {
            not_pruned = Some(line.clone());
        }
        last = line;
    }
    Err(last)
}
