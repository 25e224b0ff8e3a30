//! `diemd devnet`: a development chain on this machine, with a process for each validator.

mod base;
mod homes;
mod mark;
mod nodes;
pub(crate) mod ports;
mod screen;
mod wallet;

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use diem_client::Client;
use diem_comet::FindError;
use diem_config::{ConfigError, consensus_key::KeyError};
use diem_engine::EngineKind;
use diem_host::{home::HomeError, ports::ListenError, signals::Signals};

use homes::Plan;
use nodes::Nodes;

pub(crate) use base::usual_base;
pub use homes::MAX_VALIDATORS;
pub(crate) use wallet::{BRIDGES, ON_BASE};

/// The longest wait for the first blocks of the chain.
const PATIENCE: Duration = Duration::from_secs(180);
/// The interval at which a starting chain is polled.
const TICK: Duration = Duration::from_millis(100);
/// The interval at which the status line is drawn.
const STATUS_TICK: Duration = Duration::from_secs(1);
/// The height at which a chain is ready: with CometBFT, the second block proves that validators answer each other.
const READY_HEIGHT: u64 = 2;

/// The options of `diemd devnet`.
#[derive(Debug, Clone)]
pub struct Options {
    /// The number of validators; `None` means what the folder has, or four.
    pub validators: Option<usize>,
    /// The engine; `None` means what the folder has, or CometBFT.
    pub engine: Option<EngineKind>,
    /// The folder of the devnet.
    pub dir: PathBuf,
    /// The home of the wallet that gets the keys.
    pub wallet: PathBuf,
    /// The file to which the addresses and keys are written as JSON once the chain is ready.
    pub ready_file: Option<PathBuf>,
    /// The least time from a block to the next.
    pub block_time: Option<String>,
    /// The path of the CometBFT binary.
    pub cometbft: Option<PathBuf>,
    /// Whether there is a local Base, where its program is found or can be installed.
    pub base: bool,
    /// The path of the anvil binary.
    pub anvil: Option<PathBuf>,
    /// Whether the chain that is in the folder is removed first.
    pub fresh: bool,
    /// The chain id, if it is not the default one.
    pub chain_id: Option<String>,
    /// The offset that is added to all ports.
    pub port_offset: u16,
    /// The hosts on which the validators will be started one by one; with none, they run here.
    pub hosts: Vec<String>,
}

/// The reason why there is no devnet.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The options contradict each other or the folder.
    #[error("{0}")]
    Usage(String),
    /// A validator could not listen where it should.
    #[error(transparent)]
    Port(#[from] ListenError),
    /// A home cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The genesis is not valid.
    #[error(transparent)]
    Genesis(#[from] diem_genesis::Error),
    /// A CometBFT key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A bridge key cannot be used.
    #[error(transparent)]
    Bridge(#[from] diem_config::bridge_key::BridgeKeyError),
    /// The settings are not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No CometBFT binary was found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// An operation of the operating system failed.
    #[error("{what}: {error}")]
    Io {
        /// The operation that failed, for people.
        what: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A validator ended before the chain was ready.
    #[error("validator {validator} {how}. The end of {log}:\n{last_lines}")]
    Ended {
        /// The number of the validator.
        validator: usize,
        /// The exit status or signal, for people.
        how: String,
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The path of its log.
        log: PathBuf,
        /// The last lines of its log.
        last_lines: String,
    },
    /// The chain was not ready in time: the seconds that were waited, and the state in which it was found.
    #[error("the chain is not ready after {0} s: {1}")]
    Late(u64, String),
    /// All validators have ended, the last one with this exit code.
    #[error("all validators have ended: `diemd devnet` starts them again where they stopped")]
    AllEnded(Option<i32>),
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
    if !options.hosts.is_empty() {
        return prepare(options, place);
    }
    if let Some(file) = &options.ready_file {
        check_folder(file)?;
        forget(file)?;
    }
    nodes::end_leftovers(&options.dir)?;
    // Every check runs before anything is written, and before an old chain is removed.
    let plan = homes::plan(options)?;
    let anvil = base::find(options.base, options.anvil.as_deref())?;
    let base_port = matches!(anvil, base::Found::Anvil(_)).then(|| base::port(options.port_offset)).transpose()?;
    ports::check(&plan, base_port)?;
    wallet::check(&options.wallet)?;
    let binary = find_cometbft(options, plan.engine)?;
    homes::make(&plan)?;
    let _lock = place.keep();
    homes::write(&plan, binary.as_deref(), base_port.map(base::url).as_deref())?;
    let wallet = wallet::fill(&options.wallet, &plan)?;
    // Signals are heard from here on: before, Ctrl-C simply ends this process, and a compilation of CometBFT with it.
    let mut signals = Signals::listen().map_err(DevnetError::io("signals cannot be heard"))?;
    let mut base = base::start(anvil, &plan, options.port_offset)?;
    let mut nodes = Nodes::start(&plan)?;
    let result = tokio::select! {
        result = live(options, &plan, &wallet, &mut base, &mut nodes, started) => result,
        () = signals.any() => Ok(()),
    };
    if let Some(file) = &options.ready_file {
        forget(file)?;
    }
    screen::stopping();
    tokio::select! {
        () = nodes.stop() => {}
        // A second signal ends the wait at once.
        () = signals.any() => {}
    }
    nodes.kill();
    if let Ok(local) = base {
        local.stop();
    }
    result
}

/// Makes the homes for validators that run on hosts of their own, or brings the configurations of those that are there up to
/// date.
fn prepare(options: &Options, place: homes::Place) -> Result<(), DevnetError> {
    let plan = homes::plan(options)?;
    homes::make(&plan)?;
    let _lock = place.keep();
    homes::write_for_hosts(&plan, &options.hosts)?;
    // From now on the chain may run somewhere.
    homes::ran(&plan)?;
    for (node, host) in plan.nodes.iter().zip(&options.hosts) {
        screen::note(&format!("on {host}: diemd start --home {}", node.home.root().display()));
    }
    Ok(())
}

/// Checks that the folder of the ready file exists: the file is written when all the rest is done, too late to find
/// out.
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
    let found = diem_comet::find(options.cometbft.as_deref(), &screen::note)?;
    screen::note(&found.to_string());
    Ok(Some(found.path))
}

/// Waits until the chain is ready, shows it, and watches it.
async fn live(
    options: &Options,
    plan: &Plan,
    wallet: &wallet::Wallet,
    base: &mut Result<base::Local, String>,
    nodes: &mut Nodes,
    started: Instant,
) -> Result<(), DevnetError> {
    let clients = clients(plan)?;
    wait_until_ready(plan, nodes, &clients).await?;
    homes::ran(plan)?;
    let bridge = match (&*base, clients.first()) {
        (Ok(local), Some(client)) => base::set_up(local, client).await,
        (Err(why), _) => Err(why.clone()),
        (_, None) => Err("there is no validator".into()),
    };
    let people = screen::people(plan, clients.first()).await;
    if let Some(file) = &options.ready_file {
        let json = screen::ready_json(plan, &people, bridge.as_ref().ok())?;
        diem_host::home::write_whole(file, &json)?;
    }
    screen::show(plan, wallet, &people, &bridge, started.elapsed())?;
    watch(plan, nodes, base.as_mut().ok(), &clients).await
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
            Ok(ready) => reason = ready.why(),
            Err(error) => reason = error.to_string(),
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// Draws the status line and reports validators and a local Base that end, until all validators have.
async fn watch(
    plan: &Plan,
    nodes: &mut Nodes,
    mut base: Option<&mut base::Local>,
    clients: &[Client],
) -> Result<(), DevnetError> {
    let mut status = screen::Status::new(io::stdout().is_terminal(), plan);
    let mut last = None;
    loop {
        for ended in nodes.newly_ended() {
            if let DevnetError::Ended { code, .. } = ended {
                last = code;
            }
            status.clear();
            screen::note(&format!("{ended}\n`diemd start --home {}` starts it again", plan.home_of(&ended)));
        }
        if let Some(ended) = base.as_mut().and_then(|base| base.newly_ended()) {
            status.clear();
            screen::note(&ended);
        }
        if nodes.all_ended() {
            return Err(DevnetError::AllEnded(last));
        }
        status.draw(clients, nodes.running()).await;
        tokio::time::sleep(STATUS_TICK).await;
    }
}
