//! `diemd devnet`: a chain for development on this machine, each validator a process of its own.

mod homes;
mod mark;
mod nodes;
mod ports;
mod screen;
mod wallet;

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use diem_client::Client;

use crate::{
    EngineKind,
    comet::{self, FindError, keys::KeyError},
    config::ConfigError,
    home::HomeError,
    signals::Signals,
};
use homes::Plan;
use nodes::Nodes;

pub use homes::MAX_VALIDATORS;

/// How long the chain may take to its first blocks.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often it is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often the status line is drawn.
const STATUS_TICK: Duration = Duration::from_secs(1);
/// With CometBFT, the second block proves that validators answer each other.
const READY_HEIGHT: u64 = 2;

/// What `diemd devnet` was told.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many validators; what the folder has, or four.
    pub validators: Option<usize>,
    /// What makes the blocks; what the folder has, or CometBFT.
    pub engine: Option<EngineKind>,
    /// Where everything lies.
    pub dir: PathBuf,
    /// Where the wallet's keys lie.
    pub wallet: PathBuf,
    /// Where to write what there is, as JSON, once it is ready.
    pub ready_file: Option<PathBuf>,
    /// The least from a block to the next.
    pub block_time: Option<String>,
    /// The CometBFT binary.
    pub cometbft: Option<PathBuf>,
    /// Forget the chain that is there.
    pub fresh: bool,
    /// Another name for the chain.
    pub chain_id: Option<String>,
    /// By how much all ports are moved.
    pub port_offset: u16,
}

/// Why there is no devnet.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// What was asked for does not fit together.
    #[error("{0}")]
    Usage(String),
    /// A port is taken.
    #[error(
        "port {port}, for {purpose} of validator {validator}, is in use by another program: stop that program, or move all ports with --port-offset {suggestion}"
    )]
    PortBusy {
        /// The port.
        port: u16,
        /// What it is for.
        purpose: &'static str,
        /// Whose.
        validator: usize,
        /// An offset at which all ports are free.
        suggestion: u16,
    },
    /// A home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The genesis.
    #[error(transparent)]
    Genesis(#[from] diem_genesis::Error),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key for the bridge.
    #[error(transparent)]
    Bridge(#[from] crate::keys::bridge::BridgeKeyError),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no CometBFT.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The system refuses.
    #[error("{what}: {error}")]
    Io {
        /// What was done.
        what: String,
        /// What it says.
        error: io::Error,
    },
    /// A validator ended before the chain was ready.
    #[error("validator {validator} {how}. The end of {log}:\n{last_lines}")]
    Ended {
        /// Which.
        validator: usize,
        /// How.
        how: String,
        /// Its log.
        log: PathBuf,
        /// What it said last.
        last_lines: String,
    },
    /// It takes too long.
    #[error("the chain is not ready after {0} s: {1}")]
    Late(u64, String),
    /// Nothing runs any more.
    #[error("all validators have ended: `diemd devnet` starts them again where they stopped")]
    AllEnded,
}

impl DevnetError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

/// Runs a devnet until Ctrl-C. Must be called on the first thread: its children end with the thread that starts them.
///
/// # Errors
/// [`DevnetError`]: a sentence that says what to do. Nothing is left running.
pub fn run(options: &Options) -> Result<(), DevnetError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(DevnetError::io("the devnet cannot run"))?;
    runtime.block_on(run_alone(options))
}

async fn run_alone(options: &Options) -> Result<(), DevnetError> {
    let started = Instant::now();
    let place = homes::lock(&options.dir)?;
    if let Some(file) = &options.ready_file {
        check_folder(file)?;
        forget(file)?;
    }
    nodes::end_leftovers(&options.dir)?;
    // Everything that can be wrong is found before anything is written, or an old chain forgotten.
    let plan = homes::plan(options)?;
    ports::check(&plan)?;
    let binary = find_cometbft(options, plan.engine)?;
    homes::make(&plan)?;
    let _lock = place.keep();
    homes::write(&plan, binary.as_deref())?;
    let wallet = wallet::fill(&options.wallet, &plan)?;
    // Only now: before, Ctrl-C simply ends this process, and a compilation of CometBFT with it.
    let mut signals = Signals::listen().map_err(DevnetError::io("signals cannot be heard"))?;
    let mut nodes = Nodes::start(&plan)?;
    let result = tokio::select! {
        result = live(options, &plan, &wallet, &mut nodes, started) => result,
        () = signals.any() => Ok(()),
    };
    if let Some(file) = &options.ready_file {
        forget(file)?;
    }
    screen::stopping();
    tokio::select! {
        () = nodes.stop() => {}
        // Asked twice: at once.
        () = signals.any() => {}
    }
    nodes.kill();
    result
}

/// The ready file is written when all the rest is done, too late to find out that it has no place.
fn check_folder(file: &Path) -> Result<(), DevnetError> {
    let folder = std::path::absolute(file).ok().and_then(|file| file.parent().map(Path::to_path_buf));
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(DevnetError::Usage(format!(
            "--ready-file {}: there is no folder {}: make it first",
            file.display(),
            folder.display()
        )));
    }
    Ok(())
}

fn forget(file: &Path) -> Result<(), DevnetError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DevnetError::io(file.display().to_string())(error))
        }
        _ => Ok(()),
    }
}

fn find_cometbft(options: &Options, engine: EngineKind) -> Result<Option<PathBuf>, DevnetError> {
    if engine == EngineKind::Instant {
        return Ok(None);
    }
    let found = comet::find(options.cometbft.as_deref(), &screen::note)?;
    screen::note(&found.to_string());
    Ok(Some(found.path))
}

/// Waits until the chain is ready, shows it, and watches it.
async fn live(
    options: &Options,
    plan: &Plan,
    wallet: &wallet::Wallet,
    nodes: &mut Nodes,
    started: Instant,
) -> Result<(), DevnetError> {
    let clients = clients(plan)?;
    wait_until_ready(plan, nodes, &clients).await?;
    homes::ran(plan)?;
    let people = screen::people(plan, clients.first()).await;
    if let Some(file) = &options.ready_file {
        let json = screen::ready_json(plan, &people)?;
        crate::home::write_whole(file, &json)?;
    }
    screen::show(plan, wallet, &people, started.elapsed())?;
    watch(plan, nodes, &clients).await
}

fn clients(plan: &Plan) -> Result<Vec<Client>, DevnetError> {
    let clients = plan.nodes.iter().map(|node| Client::new(&node.api()));
    clients.collect::<Result<_, _>>().map_err(|error| DevnetError::Usage(error.to_string()))
}

async fn wait_until_ready(plan: &Plan, nodes: &mut Nodes, clients: &[Client]) -> Result<(), DevnetError> {
    let height = if plan.engine == EngineKind::Comet { READY_HEIGHT } else { 1 };
    let started = Instant::now();
    let mut waiting = clients;
    let mut reason = String::new();
    while let Some((client, rest)) = waiting.split_first() {
        if let Some(ended) = nodes.first_ended() {
            return Err(ended);
        }
        if started.elapsed() > PATIENCE {
            return Err(DevnetError::Late(PATIENCE.as_secs(), reason));
        }
        match client.ready().await {
            Ok(ready) if ready.ready && ready.height >= height => {
                waiting = rest;
                screen::progress(clients.len().saturating_sub(rest.len()), clients.len());
                continue;
            }
            Ok(ready) => reason = ready.reasons.join("; "),
            Err(error) => reason = error.to_string(),
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// Draws the status line and reports validators that end, until all have.
async fn watch(plan: &Plan, nodes: &mut Nodes, clients: &[Client]) -> Result<(), DevnetError> {
    let mut status = screen::Status::new(io::stdout().is_terminal(), plan);
    loop {
        for ended in nodes.newly_ended() {
            status.clear();
            screen::note(&format!("{ended}\n`diemd start --home {}` starts it again", plan.home_of(&ended)));
        }
        if nodes.all_ended() {
            return Err(DevnetError::AllEnded);
        }
        status.draw(clients, nodes.running()).await;
        tokio::time::sleep(STATUS_TICK).await;
    }
}
