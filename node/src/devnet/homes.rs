//! The folder of a devnet: what it is, and a home for each validator.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use diem_core::Time;
use diem_genesis::{GenesisFile, presets};
use diem_runtime::App;
use diem_store::StoreError;
use diem_types::GenesisDoc;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use super::{DevnetError, Options};
use crate::{
    EngineKind,
    comet::{keys, keys::node_key},
    config::{Config, Override, PORT_STEP, document},
    home::{Home, private_folder, write_whole},
    instant::wall_clock,
    keys::bridge::write_development_key,
};

/// The most validators of a devnet; the start of the instant engine tries as many keys.
pub const MAX_VALIDATORS: usize = 64;

/// What marks a folder as a devnet's, and what it is one of.
const MARK: &str = "devnet.json";

/// What stands in the mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    engine: EngineKind,
    validators: usize,
    chain_id: String,
}

/// A devnet before it runs.
pub(super) struct Plan {
    pub(super) dir: PathBuf,
    pub(super) engine: EngineKind,
    pub(super) genesis: GenesisDoc,
    pub(super) file: GenesisFile,
    pub(super) nodes: Vec<NodePlan>,
    /// Whether the chain was there before.
    pub(super) continued: bool,
}

/// One validator of it.
pub(super) struct NodePlan {
    /// From 1.
    pub(super) number: usize,
    pub(super) home: Home,
    pub(super) config: Config,
}

impl NodePlan {
    /// The URL of its API.
    pub(super) fn api(&self) -> String {
        format!("http://{}", self.config.api.listen)
    }

    /// Its log.
    pub(super) fn log(&self) -> PathBuf {
        self.home.root().join("node.log")
    }
}

impl Plan {
    /// The home of the validator that an error is about.
    pub(super) fn home_of(&self, ended: &DevnetError) -> String {
        let number = if let DevnetError::Ended { validator, .. } = ended { *validator } else { 1 };
        let node = self.nodes.iter().find(|node| node.number == number);
        node.map_or_else(String::new, |node| node.home.root().display().to_string())
    }
}

/// Takes the folder for this process, until the file is dropped.
pub(super) fn lock(dir: &Path) -> Result<File, DevnetError> {
    private_folder(dir)?;
    let path = dir.join("devnet.lock");
    let failed = || DevnetError::io(path.display().to_string());
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DevnetError::Usage(format!(
            "another devnet runs in {}: stop it with Ctrl-C, or choose another folder with --dir and --port-offset",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed()(error)),
    }
}

/// What will run: what the folder has, or what was asked for.
pub(super) fn plan(options: &Options) -> Result<Plan, DevnetError> {
    let dir = std::path::absolute(&options.dir).map_err(DevnetError::io(options.dir.display().to_string()))?;
    let found = read_mark(&dir)?;
    if options.fresh {
        clear(&dir, found.is_some())?;
    }
    let found = found.filter(|_| !options.fresh);
    let mark = wanted(options, found.as_ref())?;
    let file = genesis_file(&mark)?;
    let genesis = match &found {
        Some(_) => {
            check_version(&dir)?;
            diem_genesis::load(&dir.join("genesis.json"), None)?
        }
        None => file.resolve(Some(Time(wall_clock()())))?,
    };
    let nodes = (1..=mark.validators).map(|number| node_plan(&dir, number, &mark, options));
    let nodes = nodes.collect::<Result<_, _>>()?;
    let plan = Plan { dir, engine: mark.engine, genesis, file, nodes, continued: found.is_some() };
    if !plan.continued {
        make(&plan, &mark)?;
    }
    Ok(plan)
}

/// Refuses a chain that another version of the state machine computed, before anything of it is read or started.
fn check_version(dir: &Path) -> Result<(), DevnetError> {
    for home in node_homes(dir)? {
        App::held(&home.data()).map_err(|error| match error {
            StoreError::OtherVersion { held, ours, .. } => DevnetError::Usage(format!(
                "the chain in {} has a state of version {held}, and this diemd computes version {ours}: add --fresh to \
                 start a new chain there",
                dir.display()
            )),
            other => DevnetError::Usage(other.to_string()),
        })?;
    }
    Ok(())
}

fn read_mark(dir: &Path) -> Result<Option<Mark>, DevnetError> {
    let path = dir.join(MARK);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(DevnetError::io(path.display().to_string()))?;
    let mark = serde_json::from_str(&text).map_err(|error| {
        DevnetError::Usage(format!("{}: {error}: add --fresh to start a new chain there", path.display()))
    })?;
    Ok(Some(mark))
}

/// The homes of validators in the folder, whatever the mark says.
pub(super) fn node_homes(dir: &Path) -> Result<Vec<Home>, DevnetError> {
    let entries = fs::read_dir(dir).map_err(DevnetError::io(dir.display().to_string()))?;
    let is_node = |name: &str| {
        let number = name.strip_prefix("node");
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let homes =
        entries.flatten().filter(|entry| is_node(&entry.file_name().to_string_lossy()) && entry.path().is_dir());
    Ok(homes.map(|entry| Home::at(&entry.path())).collect())
}

/// Removes the chain of an earlier devnet, and nothing else.
fn clear(dir: &Path, is_devnet: bool) -> Result<(), DevnetError> {
    if !is_devnet {
        return Ok(());
    }
    // The mark goes last: what was not finished is found again.
    for home in node_homes(dir)? {
        let path = home.root();
        fs::remove_dir_all(path).map_err(DevnetError::io(path.display().to_string()))?;
    }
    for name in ["genesis.json", MARK] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(DevnetError::io(name)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// What was asked for, where it fits what is there.
fn wanted(options: &Options, found: Option<&Mark>) -> Result<Mark, DevnetError> {
    let engine = options.engine.or(found.map(|mark| mark.engine)).unwrap_or(EngineKind::Comet);
    let default = if engine == EngineKind::Instant { 1 } else { 4 };
    let mark = Mark {
        engine,
        validators: options.validators.or(found.map(|mark| mark.validators)).unwrap_or(default),
        chain_id: match (&options.chain_id, found) {
            (Some(chain_id), _) => chain_id.clone(),
            (None, Some(mark)) => mark.chain_id.clone(),
            (None, None) => preset(engine)?.chain_id,
        },
    };
    if let Some(found) = found.filter(|found| **found != mark) {
        return Err(DevnetError::Usage(format!(
            "{} holds the chain {} of {} validators on {}: leave the flags out to continue it, or add --fresh to forget it",
            options.dir.display(),
            found.chain_id,
            found.validators,
            found.engine
        )));
    }
    if !(1..=MAX_VALIDATORS).contains(&mark.validators) {
        return Err(DevnetError::Usage(format!("a devnet has 1 to {MAX_VALIDATORS} validators")));
    }
    if engine == EngineKind::Instant && mark.validators > 1 {
        return Err(DevnetError::Usage(
            "the instant engine makes all blocks in one process: leave --validators out, or use --engine comet".into(),
        ));
    }
    if !diem_genesis::is_development(&mark.chain_id) {
        return Err(DevnetError::Usage(format!(
            "everyone knows the keys of a devnet, so its chain id needs a part -dev: `{}` has none",
            mark.chain_id
        )));
    }
    Ok(mark)
}

fn preset(engine: EngineKind) -> Result<GenesisFile, DevnetError> {
    let text = if engine == EngineKind::Instant { presets::DEV } else { presets::LOCALNET };
    Ok(GenesisFile::parse(text, "the genesis that comes along").map_err(diem_genesis::Error::from)?)
}

fn validator_key(number: usize) -> SigningKey {
    SigningKey::from_bytes(&presets::validator_secret(number))
}

fn genesis_file(mark: &Mark) -> Result<GenesisFile, DevnetError> {
    Ok(presets::with_validators(preset(mark.engine)?, &mark.chain_id, mark.validators)?)
}

fn node_plan(dir: &Path, number: usize, mark: &Mark, options: &Options) -> Result<NodePlan, DevnetError> {
    let home = Home::at(&dir.join(format!("node{number}")));
    let mut config = Config { engine: mark.engine, moniker: format!("validator-{number}"), ..Config::default() };
    if let Some(time) = &options.block_time {
        let key = if mark.engine == EngineKind::Instant { "instant.blocks" } else { "comet.block_time" };
        config = config.with(&[Override::flag("block-time", key, time)])?;
    }
    let steps = u16::try_from(number.saturating_sub(1)).unwrap_or(u16::MAX).checked_mul(PORT_STEP);
    let offset = steps.and_then(|steps| steps.checked_add(options.port_offset));
    config.move_ports(offset.unwrap_or(u16::MAX))?;
    Ok(NodePlan { number, home, config })
}

/// Makes the homes of a new chain. The mark comes last.
fn make(plan: &Plan, mark: &Mark) -> Result<(), DevnetError> {
    let genesis = diem_genesis::to_json(&plan.genesis);
    for node in &plan.nodes {
        // One that was not finished, or whose chain was forgotten.
        if node.home.root().exists() {
            let path = node.home.root();
            fs::remove_dir_all(path).map_err(DevnetError::io(path.display().to_string()))?;
        }
        node.home.create()?;
        keys::write_validator_key(&node.home.comet(), &validator_key(node.number))?;
        write_development_key(&node.home, presets::bridge_secret(node.number))?;
        node.home.write(&node.home.genesis_file(), &genesis)?;
    }
    write_whole(&plan.dir.join("genesis.json"), &genesis)?;
    let text = serde_json::to_string(mark).map_err(|error| DevnetError::Usage(error.to_string()))?;
    write_whole(&plan.dir.join(MARK), &text)?;
    Ok(())
}

/// Writes the configurations, anew at every start: ports and peers may have moved.
pub(super) fn write(plan: &Plan, cometbft: Option<&Path>) -> Result<(), DevnetError> {
    let mut peers = Vec::new();
    if plan.engine == EngineKind::Comet {
        for node in &plan.nodes {
            peers.push(format!("{}@{}", node_key(&node.home.comet())?.id, node.config.comet.p2p));
        }
    }
    for node in &plan.nodes {
        let mut config = node.config.clone();
        config.comet.binary = cometbft.map(|path| path.display().to_string()).unwrap_or_default();
        let own = node.number.saturating_sub(1);
        let others = peers.iter().enumerate().filter(|(at, _)| *at != own);
        config.comet.peers = others.map(|(_, peer)| peer.clone()).collect();
        let text = format!("# `diemd devnet` writes this file anew at every start.\n{}", document(&config));
        node.home.write(&node.home.config_file(), &text)?;
    }
    Ok(())
}
