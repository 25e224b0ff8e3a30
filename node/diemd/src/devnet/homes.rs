//! The folder of a devnet: its mark, and a home for each validator.

use std::{
    fs::{self, File, TryLockError},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use diem_config::{
    Config, Override, PORT_STEP,
    bridge_key::write_development_key,
    consensus_key::{self, KeyError, node_key},
    document,
};
use diem_core::Time;
use diem_engine::EngineKind;
use diem_genesis::{GenesisFile, presets};
use diem_host::{
    clock::wall_clock,
    home::{Attempt, Home, private_folder, write_whole},
};
use diem_runtime::App;
use diem_store::StoreError;
use diem_types::GenesisDoc;
use ed25519_dalek::SigningKey;

use super::{
    DevnetError, Options, base,
    mark::{MARK, Mark},
};

/// The most validators of a devnet; the instant engine tries this many keys at its start.
pub const MAX_VALIDATORS: usize = 64;

/// The lock file, which one process at a time holds.
const LOCK: &str = "devnet.lock";

/// The plan of a devnet, made before it runs.
pub(super) struct Plan {
    pub(super) dir: PathBuf,
    pub(super) engine: EngineKind,
    pub(super) genesis: GenesisDoc,
    pub(super) file: GenesisFile,
    pub(super) nodes: Vec<NodePlan>,
    /// Whether the chain existed before.
    pub(super) continued: bool,
    mark: Mark,
    /// Whether the folder has the mark of a devnet, whose chain may be removed.
    is_devnet: bool,
}

/// The plan of one validator.
pub(super) struct NodePlan {
    /// The number of the validator, counted from 1.
    pub(super) number: usize,
    pub(super) home: Home,
    pub(super) config: Config,
}

impl NodePlan {
    /// The URL of its API.
    pub(super) fn api(&self) -> String {
        format!("http://{}", self.config.api.listen)
    }

    /// The address that other nodes connect to, `id@host:port`; `None` where the engine has no peers.
    pub(super) fn peer(&self) -> Result<Option<String>, KeyError> {
        if self.config.engine != EngineKind::Comet {
            return Ok(None);
        }
        Ok(Some(format!("{}@{}", node_key(&self.home.comet())?.id, self.config.comet.p2p)))
    }

    /// The path of the validator's log.
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

/// A folder that this process has locked until the value is dropped. The paths that were made for it are then removed,
/// unless a devnet was made there.
pub(super) struct Place {
    /// The field stands before the lock and is dropped first, so that nobody else has the folder while it is removed.
    attempt: Attempt,
    lock: File,
}

impl Place {
    /// Keeps the folder, because it is that of a devnet from now on.
    pub(super) fn keep(self) -> File {
        self.attempt.finish();
        self.lock
    }
}

/// Locks the folder for this process. A folder with files of others is not touched.
pub(super) fn lock(dir: &Path) -> Result<Place, DevnetError> {
    let dir = std::path::absolute(dir).map_err(DevnetError::io(dir.display().to_string()))?;
    if dir.is_dir() {
        refuse_what_others_made(&dir)?;
    }
    let path = dir.join(LOCK);
    let attempt = Attempt::at(&dir, [path.clone()]);
    private_folder(&dir)?;
    let failed = || DevnetError::io(path.display().to_string());
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed())?;
    match file.try_lock() {
        Ok(()) => Ok(Place { attempt, lock: file }),
        Err(locked) => {
            // Nothing is removed here: the files belong to the process that holds the lock.
            attempt.finish();
            Err(match locked {
                TryLockError::WouldBlock => DevnetError::Usage(format!(
                    "another devnet runs in {}: stop it with Ctrl-C, or choose another folder with --dir and --port-offset",
                    dir.display()
                )),
                TryLockError::Error(error) => failed()(error),
            })
        }
    }
}

/// Plans the devnet from what the folder has and what was asked for. Writes nothing.
pub(super) fn plan(options: &Options) -> Result<Plan, DevnetError> {
    let dir = std::path::absolute(&options.dir).map_err(DevnetError::io(options.dir.display().to_string()))?;
    // A mark that cannot be read is a mark all the same: --fresh is what helps then.
    let is_devnet = dir.join(MARK).exists();
    let found = if options.fresh { None } else { Mark::read(&dir)? };
    refuse_what_others_made(&dir)?;
    let found = found.filter(|found| found.made);
    let mark = wanted(options, found.as_ref())?;
    // A devnet that never ran is continued only if it is like the one that is wanted now.
    let found = found.filter(|found| found.is_like(&mark));
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
    Ok(Plan { dir, engine: mark.engine, genesis, file, nodes, continued: found.is_some(), mark, is_devnet })
}

/// A devnet writes and, when it is made anew, removes homes and a genesis. In a folder without its mark, those belong
/// to somebody else.
fn refuse_what_others_made(dir: &Path) -> Result<(), DevnetError> {
    if dir.join(MARK).exists() {
        return Ok(());
    }
    let homes = node_homes(dir)?.into_iter().map(|home| home.root().to_path_buf());
    let genesis = Some(dir.join("genesis.json")).filter(|path| path.exists());
    homes.chain(genesis).next().map_or(Ok(()), |path| {
        Err(DevnetError::Usage(format!(
            "{} is there, and no devnet has made it: choose another folder with --dir, or move it away",
            path.display()
        )))
    })
}

/// Records in the mark that the chain has run.
pub(super) fn ran(plan: &Plan) -> Result<(), DevnetError> {
    if plan.mark.ran && plan.continued {
        return Ok(());
    }
    Mark { ran: true, ..plan.mark.clone() }.write(&plan.dir)
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

/// Finds the homes of validators in the folder, whatever the mark says.
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
    // The mark is removed last, so that an unfinished removal is found again.
    for home in node_homes(dir)? {
        let path = home.root();
        fs::remove_dir_all(path).map_err(DevnetError::io(path.display().to_string()))?;
    }
    for file in base::files(dir).chain(["genesis.json", MARK].map(|name| dir.join(name))) {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DevnetError::io(file.display().to_string())(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The mark of the devnet that was asked for, where it fits the one that is there.
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
        ran: found.is_some_and(|found| found.ran),
        made: true,
    };
    if let Some(found) = found.filter(|found| found.ran && !found.is_like(&mark)) {
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
    if !diem_core::development::is_development(&mark.chain_id) {
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

/// Makes the homes of a new chain, and removes an old one. The mark is written last.
pub(super) fn make(plan: &Plan) -> Result<(), DevnetError> {
    if plan.continued {
        return Ok(());
    }
    clear(&plan.dir, plan.is_devnet)?;
    Mark { made: false, ..plan.mark.clone() }.write(&plan.dir)?;
    let genesis = diem_genesis::to_json(&plan.genesis);
    for node in &plan.nodes {
        node.home.create()?;
        consensus_key::write_validator_key(&node.home.comet(), &validator_key(node.number))?;
        write_development_key(&node.home, presets::bridge_secret(node.number))?;
        node.home.write(&node.home.genesis_file(), &genesis)?;
    }
    write_whole(&plan.dir.join("genesis.json"), &genesis)?;
    plan.mark.write(&plan.dir)
}

/// Writes the configurations anew at every start: ports and peers may have moved.
pub(super) fn write(plan: &Plan, cometbft: Option<&Path>, base: Option<&str>) -> Result<(), DevnetError> {
    let peers = plan.nodes.iter().filter_map(|node| node.peer().transpose()).collect::<Result<Vec<_>, _>>()?;
    for node in &plan.nodes {
        let mut config = node.config.clone();
        config.comet.binary = cometbft.map(|path| path.display().to_string()).unwrap_or_default();
        config.bridge.base_rpc = base.unwrap_or_default().to_owned();
        config.bridge.endpoints = base.map(str::to_owned).into_iter().collect();
        config.bridge.min_age = diem_config::Length(0);
        config.bridge.relay = base.is_some();
        let own = node.number.saturating_sub(1);
        let others = peers.iter().enumerate().filter(|(at, _)| *at != own);
        config.comet.peers = others.map(|(_, peer)| peer.clone()).collect();
        let text = format!("# `diemd devnet` writes this file anew at every start.\n{}", document(&config));
        node.home.write(&node.home.config_file(), &text)?;
    }
    Ok(())
}

/// Writes the configurations for validators each of which has a host of its own: all have the usual ports, and all but
/// CometBFT's RPC listen on every address of the host.
pub(super) fn write_for_hosts(plan: &Plan, hosts: &[String]) -> Result<(), DevnetError> {
    let usual = Config::default();
    let open = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let mut peers = Vec::new();
    for (node, host) in plan.nodes.iter().zip(hosts) {
        peers.push(format!("{}@{host}:{}", node_key(&node.home.comet())?.id, usual.comet.p2p.port()));
    }
    for node in &plan.nodes {
        let mut config = node.config.clone();
        config.api.listen = open(usual.api.listen.port());
        config.metrics.listen.0 = usual.metrics.listen.0.map(|address| open(address.port()));
        config.comet.p2p = open(usual.comet.p2p.port());
        config.comet.rpc = usual.comet.rpc;
        config.comet.metrics.0 = usual.comet.metrics.0.map(|address| open(address.port()));
        let own = node.number.saturating_sub(1);
        let others = peers.iter().enumerate().filter(|(at, _)| *at != own);
        config.comet.peers = others.map(|(_, peer)| peer.clone()).collect();
        let text = format!("# `diemd devnet --hosts` writes this file anew each time.\n{}", document(&config));
        node.home.write(&node.home.config_file(), &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn options(dir: &Path, validators: Option<usize>, fresh: bool) -> Options {
        Options {
            validators,
            engine: None,
            dir: dir.into(),
            wallet: dir.into(),
            ready_file: None,
            block_time: None,
            cometbft: None,
            base: false,
            anvil: None,
            fresh,
            chain_id: None,
            port_offset: 0,
            hosts: Vec::new(),
        }
    }

    #[test]
    fn homes_for_hosts_have_the_usual_ports_and_each_others_names() {
        let folder = tempfile::tempdir().unwrap();
        let hosts: Vec<String> = ["one", "two", "three"].map(str::to_owned).into();
        let options = Options { hosts: hosts.clone(), ..options(folder.path(), Some(3), false) };
        let prepared = || super::super::run(&options).unwrap();
        prepared();
        let read = |number| {
            let home = folder.path().join(format!("node{number}"));
            Config::load(&home.join("config.toml"), [], &[]).unwrap()
        };
        let second = read(2);
        assert_eq!(second.api.listen.to_string(), "0.0.0.0:1317");
        assert_eq!(second.comet.rpc, Config::default().comet.rpc, "the RPC stays on loopback");
        let named: Vec<&str> = second.comet.peers.iter().map(|peer| peer.split_once('@').unwrap().1).collect();
        assert_eq!(named, ["one:26656", "three:26656"]);
        // Made again, the chain and the keys are those that are there.
        let genesis = fs::read(folder.path().join("genesis.json")).unwrap();
        prepared();
        assert_eq!(fs::read(folder.path().join("genesis.json")).unwrap(), genesis);
        assert_eq!(read(2), second);
        let fewer = Options { hosts: hosts[..2].to_vec(), validators: Some(2), ..options.clone() };
        assert!(super::super::run(&fewer).unwrap_err().to_string().contains("of 3 validators"));
    }

    #[test]
    fn what_an_attempt_left_is_removed_and_what_others_made_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let planned = || plan(&options(folder.path(), Some(2), false));
        fs::create_dir(folder.path().join("node1")).unwrap();
        fs::write(folder.path().join("node1/precious"), "x").unwrap();
        let refused = planned().err().unwrap().to_string();
        assert!(refused.contains("node1") && refused.contains("no devnet has made it"), "{refused}");
        assert!(folder.path().join("node1/precious").exists());
        fs::rename(folder.path().join("node1"), folder.path().join("mine")).unwrap();
        fs::write(folder.path().join("genesis.json"), "{}").unwrap();
        assert!(planned().err().unwrap().to_string().contains("genesis.json is there"));
        fs::remove_file(folder.path().join("genesis.json")).unwrap();
        // This is the state after a kill in the middle: the first mark is there, and one home.
        let first = planned().unwrap();
        Mark { made: false, ..first.mark.clone() }.write(folder.path()).unwrap();
        first.nodes.first().unwrap().home.create().unwrap();
        let second = planned().unwrap();
        assert!(!second.continued);
        make(&second).unwrap();
        assert!(planned().unwrap().continued);
        assert!(folder.path().join("mine/precious").exists());
    }

    #[test]
    fn what_never_ran_is_made_anew_where_other_flags_are_given_and_taken_up_where_not() {
        let folder = tempfile::tempdir().unwrap();
        let planned = |validators| plan(&options(folder.path(), validators, false));
        make(&planned(Some(2)).unwrap()).unwrap();
        let again = planned(None).unwrap();
        assert!(again.continued && again.nodes.len() == 2);
        let other = planned(Some(3)).unwrap();
        assert!(!other.continued && other.nodes.len() == 3);
        // Once the devnet was ready, it is a chain that somebody may miss.
        ran(&again).unwrap();
        let refused = planned(Some(3)).err().unwrap().to_string();
        assert!(refused.contains("of 2 validators") && refused.contains("--fresh"), "{refused}");
        assert!(planned(None).unwrap().continued);
        let before = fs::read(folder.path().join("genesis.json")).unwrap();
        let fresh = plan(&options(folder.path(), Some(3), true)).unwrap();
        assert!(!fresh.continued);
        assert_eq!(fs::read(folder.path().join("genesis.json")).unwrap(), before, "a plan writes nothing");
        fs::write(folder.path().join(MARK), "{").unwrap();
        assert!(planned(None).err().unwrap().to_string().contains("--fresh"));
        // A copy of the local Base's state would bring the old Base back.
        base::files(folder.path()).for_each(|file| fs::write(file, "{}").unwrap());
        make(&plan(&options(folder.path(), Some(3), true)).unwrap()).unwrap();
        assert_ne!(fs::read(folder.path().join("genesis.json")).unwrap(), before);
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with("base")));
    }
}
