//! anvil as a child of this process.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

use diem_host::{child, critical};

use crate::state;

/// The longest wait for a fresh anvil to listen. It takes a tenth of a second, more with a large state.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// The longest wait for an anvil that was asked to end, which writes its state first.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// The interval at which anvil writes its state, in seconds: a killed anvil loses that much at most.
const STATE_INTERVAL: &str = "1";
/// The number of lines of the log that are shown when anvil did not start.
const LAST_LINES: usize = 6;

/// What a local Base is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// The chain id of the network.
    pub chain_id: u64,
    /// The phrase whose accounts have ETH at `m/44'/60'/0'/0/i`.
    pub phrase: String,
    /// The number of these accounts.
    pub accounts: u16,
    /// The time from block to block; `None` makes one for each transaction, and none without.
    pub block_time: Option<Duration>,
    /// The number of blocks in an epoch: `finalized` lies two epochs behind the newest block.
    pub epoch: u32,
    /// The file in which the chain is kept and from which it goes on; `None` forgets it at the end.
    pub state: Option<PathBuf>,
    /// The file for what anvil says, to which is appended.
    pub log: PathBuf,
}

/// The reason why there is no local Base.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file cannot be written.
    #[error("{path} cannot be used for the local Base: {error}")]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The binary cannot be started.
    #[error("anvil cannot be started as {path}: {error}")]
    Spawn {
        /// The path of the binary.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It ended, or did not listen in time.
    #[error("anvil did not start ({how}); the last lines of {log}:\n{last_lines}")]
    Ended {
        /// How it ended.
        how: String,
        /// The path of the log.
        log: PathBuf,
        /// The end of the log.
        last_lines: String,
    },
}

/// A running local Base. It listens on 127.0.0.1 only, and ends with this value or with this process, whichever is
/// first; killed, it keeps what it last wrote to its state file.
#[derive(Debug)]
pub struct LocalBase {
    child: Child,
    port: u16,
}

impl LocalBase {
    /// Starts the binary at `anvil`, and waits until it listens.
    ///
    /// # Errors
    /// [`StartError`] says why it does not.
    pub fn start(anvil: &Path, options: &Options) -> Result<Self, StartError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |error| StartError::File { path, error }
        };
        if let Some(path) = &options.state {
            state::make_whole(path).map_err(file(path))?;
        }
        let log = OpenOptions::new().create(true).append(true).open(&options.log).map_err(file(&options.log))?;
        let errors = log.try_clone().map_err(file(&options.log))?;
        let mut command = command(anvil, options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        child::die_with_thread(&mut command);

        let spawn = |error| StartError::Spawn { path: anvil.into(), error };
        let (started, start) = mpsc::channel();
        let (listens, port) = mpsc::channel();
        // The kernel kills anvil when the thread that started it ends, so that thread reads until anvil's end.
        critical::spawn("anvil", move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(started.send(Err(error))),
            };
            let output = child.stdout.take();
            if started.send(Ok(child)).is_ok()
                && let Some(output) = output
            {
                follow(output, log, &listens);
            }
        })
        .map_err(spawn)?;
        let gone = || spawn(io::ErrorKind::BrokenPipe.into());
        let child = start.recv().map_err(|_| gone())?.map_err(spawn)?;
        let mut local = Self { child, port: 0 };
        match port.recv_timeout(START_PATIENCE) {
            Ok(port) => local.port = port,
            Err(why) => return Err(local.failure(why, &options.log)),
        }
        Ok(local)
    }

    /// The URL of its endpoint.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port on which it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to write its state and to end; kills it if it does not.
    pub fn stop(mut self) {
        child::stop(&mut self.child, STOP_PATIENCE);
    }

    fn failure(mut self, why: mpsc::RecvTimeoutError, log: &Path) -> StartError {
        let how = match why {
            mpsc::RecvTimeoutError::Timeout => format!("it does not listen after {} s", START_PATIENCE.as_secs()),
            // Its output is closed, so its end is near.
            mpsc::RecvTimeoutError::Disconnected => {
                self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string())
            }
        };
        let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last_lines = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n");
        StartError::Ended { how, log: log.into(), last_lines }
    }
}

impl Drop for LocalBase {
    fn drop(&mut self) {
        child::stop(&mut self.child, Duration::ZERO);
    }
}

/// The command line. The rules are those of an OP chain, with the limit of gas that Base has for one transaction.
fn command(anvil: &Path, options: &Options) -> Command {
    let mut command = Command::new(anvil);
    command.args(["--optimism", "--enable-tx-gas-limit", "--host", "127.0.0.1", "--color", "never"]);
    command.args(["--port", &options.port.to_string(), "--chain-id", &options.chain_id.to_string()]);
    command.args(["--mnemonic", &options.phrase, "--accounts", &options.accounts.to_string()]);
    command.args(["--slots-in-an-epoch", &options.epoch.to_string()]);
    if let Some(time) = options.block_time {
        command.args(["--block-time", &format!("{}.{:03}", time.as_secs(), time.subsec_millis())]);
    }
    if let Some(file) = &options.state {
        command.arg("--state").arg(file).args(["--state-interval", STATE_INTERVAL]);
    }
    command
}

/// Copies what anvil says to its log, until its end, and tells the port on which it listens. Requests are left out:
/// anvil names each one, and there are many in a second.
fn follow(output: ChildStdout, mut log: File, listens: &mpsc::Sender<u16>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if let Some(port) = line.strip_prefix("Listening on 127.0.0.1:").and_then(|port| port.trim().parse().ok()) {
            // Nobody waits any more if it took too long.
            let _ = listens.send(port);
        }
        let is_request = ["eth_", "net_", "web3_", "anvil_", "evm_"].iter().any(|kind| line.starts_with(kind));
        if !is_request {
            // A full disk must not stop the chain: anvil waits where nobody reads.
            let _ = writeln!(log, "{line}");
        }
    }
}
