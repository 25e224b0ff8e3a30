//! `diemd init`, `diemd start` and `diemd check`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use diem_config::{
    Blocks, Comet, Length, Override,
    consensus_key::address,
    init::{Init, InitError, Source},
    roles::Profile,
};
use diem_engine::{EngineKind, origin::OriginError};
use diem_host::{
    folder,
    home::{Home, HomeError, default_home},
    outlet,
};
use diem_runtime::{App, Options};
use serde::Serialize;

use super::role::{OtherSide, RoleName};
use crate::start::{Start, StartError};
use diem_cli::{
    Exit, Failure,
    failure::{failed, usage},
    output::{Output, fields, say},
};

/// The folder of a node.
#[derive(Debug, Args)]
pub struct HomeArgs {
    /// The node's home [default: ~/.diem].
    #[arg(long, env = "DIEM_HOME", value_name = "FOLDER")]
    pub home: Option<PathBuf>,
}

impl HomeArgs {
    /// The home, whether there is one or not.
    pub fn home(&self) -> Home {
        Home::at(&self.home.clone().unwrap_or_else(default_home))
    }
}

/// A node runs in a home that others can change, because volumes of containers often are like that; but its owner hears
/// of it, since the keys of a validator lie there.
fn say_if_unsafe(home: &Home) {
    let keys = [home.comet().join("config/priv_validator_key.json"), home.bridge_key_file()];
    if let Some(error) = keys.iter().find_map(|key| folder::check_down(home.root(), key).err()) {
        say(&format!("warning: {error}"));
    }
}

/// Settings that win over the configuration file and the environment.
#[derive(Debug, Args)]
pub struct Settings {
    /// Engine that makes the blocks: comet, or instant (development).
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    /// Name of the node among its peers.
    #[arg(long, value_name = "NAME")]
    moniker: Option<String>,
    /// Address at which the HTTP API listens.
    #[arg(long, value_name = "ADDRESS")]
    api: Option<String>,
    /// Address at which metrics are served, or off.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// CometBFT binary; it is looked for if not given.
    #[arg(long, value_name = "PATH")]
    cometbft: Option<PathBuf>,
    /// Least time from a block to the next; for the instant engine also on-demand or manual.
    #[arg(long, value_name = "TIME", value_parser = block_time)]
    block_time: Option<String>,
    /// Level of the log: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Any other setting of the configuration file, such as store.keep_blocks=1000.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.trim().into(), value.trim().into()))
}

/// Reads the address of a validator in consensus.
fn consensus_address(text: &str) -> Result<[u8; 20], String> {
    let bytes = hex::decode(text.trim_start_matches("0x")).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| "write the address of the validator's key: 40 hexadecimal digits".into())
}

/// Reads what either engine could take: the flag is judged before it is known which of them reads it.
fn block_time(text: &str) -> Result<String, String> {
    if is_no_time(text) {
        return Ok(text.into());
    }
    text.parse::<Blocks>().map(|_| text.into())
}

/// Whether the text asks for blocks as fast as the machine can, which the instant engine has no word for.
fn is_no_time(text: &str) -> bool {
    text.parse::<Length>().is_ok_and(|length| length.0 == 0)
}

impl Settings {
    /// The settings that were given, as layers over the file.
    pub fn overrides(&self) -> Vec<Override> {
        let cometbft = self.cometbft.as_ref().map(|path| path.display().to_string());
        // The flag is one for both engines: each reads its own setting, and only what fits it.
        let on_its_own = self.block_time.as_deref().is_some_and(|time| matches!(time, "on-demand" | "manual"));
        let comet_time = self.block_time.clone().filter(|_| !on_its_own);
        let given = [
            ("engine", "engine", self.engine.clone()),
            ("moniker", "moniker", self.moniker.clone()),
            ("api", "api.listen", self.api.clone()),
            ("metrics", "metrics.listen", self.metrics.clone()),
            ("cometbft", "comet.binary", cometbft),
            ("block-time", "instant.blocks", self.block_time.clone().filter(|time| !is_no_time(time))),
            ("block-time", "comet.block_time", comet_time),
            ("log-level", "log.level", self.log_level.clone()),
        ];
        let flags = given.into_iter().filter_map(|(flag, key, value)| Some(Override::flag(flag, key, value?)));
        flags.chain(self.set.iter().map(|(key, value)| Override::flag("set", key, value))).collect()
    }
}

/// Makes the home of a node: keys, genesis, configuration.
#[derive(Debug, Args)]
pub struct InitCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// Genesis of the chain: the readable TOML, or another node's genesis.json.
    #[arg(long, value_name = "FILE")]
    genesis: Option<PathBuf>,
    /// Hash that this genesis must have.
    #[arg(long, value_name = "HASH")]
    genesis_hash: Option<String>,
    /// Chain that comes with this program, instead of a file: dev, localnet or live [default: the genesis.json that
    /// lies in the home, else dev].
    #[arg(long, value_name = "NAME", conflicts_with = "genesis")]
    preset: Option<String>,
    /// Chain id instead of that of the preset or TOML file.
    #[arg(long, value_name = "NAME")]
    chain_id: Option<String>,
    /// What the node keeps: validator (100,000 blocks, no snapshots), full (14 days, snapshots), archive (everything), or
    /// public (as full, and web pages may read its API).
    #[arg(long, value_name = "NAME")]
    profile: Option<Profile>,
    /// Place of the node in a sentry set-up: validator, with --sentries, or sentry, with --validator.
    #[arg(long, value_name = "ROLE", value_enum)]
    role: Option<RoleName>,
    #[command(flatten)]
    other_side: OtherSide,
    /// How to print what was made.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Serialize)]
struct MadeView {
    home: PathBuf,
    chain_id: String,
    genesis_hash: String,
    engine: EngineKind,
    validator_address: Option<String>,
    validator_key: Option<String>,
    node_id: String,
}

impl InitCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        say_if_unsafe(&home);
        let settings = self.layers()?;
        let init = Init {
            source: self.genesis.map(Source::File).or(self.preset.map(Source::Preset)),
            hash: self.genesis_hash,
            chain_id: self.chain_id,
            settings,
        };
        let made = init.run(&home).map_err(|error| match error {
            InitError::Home(_) | InitError::Keys(_) => failed(error),
            _ => usage(error),
        })?;
        let view = MadeView {
            home: home.root().to_path_buf(),
            chain_id: made.genesis.chain_id.clone(),
            genesis_hash: hex::encode(made.genesis.hash()),
            engine: made.config.engine,
            validator_address: made.public_key.map(|key| hex::encode(address(&key))),
            validator_key: made.public_key.map(hex::encode),
            node_id: made.node_id,
        };
        self.output.print(&view, |view| {
            fields([
                ("home", view.home.display().to_string()),
                ("chain", view.chain_id.clone()),
                ("genesis", view.genesis_hash.clone()),
                ("engine", view.engine.to_string()),
                ("validator address", of_signer(&view.validator_address)),
                ("validator key", of_signer(&view.validator_key)),
                ("node id", view.node_id.clone()),
                ("next command", format!("diemd start --home {}", view.home.display())),
            ])
        })
    }

    /// The settings that were asked for: those of the profile, then of the role, then single ones.
    fn layers(&self) -> Result<Vec<Override>, Failure> {
        let role = self.other_side.role(self.role)?;
        let profile = self.profile.map(Profile::settings).unwrap_or_default();
        let role = role.map(|role| role.settings(&Comet::default())).unwrap_or_default();
        Ok(profile.into_iter().chain(role).chain(self.settings.overrides()).collect())
    }
}

fn of_signer(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "in the signer".into())
}

/// Runs the node of a home until Ctrl-C.
#[derive(Debug, Args)]
pub struct StartCommand {
    #[command(flatten)]
    home: HomeArgs,
    #[command(flatten)]
    settings: Settings,
    /// Raise the signing state of this home's validator key, which has this address, to what the chain shows: you have
    /// made sure that no other node signs with it.
    #[arg(long, value_name = "ADDRESS", value_parser = consensus_address)]
    i_know_that_no_other_node_signs: Option<[u8; 20]>,
    /// Halt after committing the block of this height: no later one is executed, and the exit code is 6.
    #[arg(long, value_name = "HEIGHT", value_parser = clap::value_parser!(u64).range(1..))]
    halt_at: Option<u64>,
    /// Stop when the process that started this one ends.
    #[arg(long, hide = true)]
    die_with_parent: Option<u32>,
}

impl StartCommand {
    /// Runs the command until the node stops.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        outlet::detach().map_err(failed)?;
        if let Some(parent) = self.die_with_parent {
            die_with(parent)?;
        }
        say_if_unsafe(&self.home.home());
        let raise = self.i_know_that_no_other_node_signs;
        let start = Start { flags: self.settings.overrides(), raise, halt_at: self.halt_at };
        run_node(&start, &self.home.home())
    }
}

/// Runs the node of a home until it stops, for the commands that end in that.
///
/// # Errors
/// The sentence says what to do.
pub(super) fn run_node(start: &Start, home: &Home) -> Result<(), Failure> {
    start.run(home).map_err(|error| match error {
        full if full.is_full_disk() => Failure { exit: Exit::Disk, error: with_advice(full) },
        halted if halted.is_halt() => Failure { exit: Exit::Halted, error: halted.into() },
        unsafe_to_sign if unsafe_to_sign.is_unsafe() => Failure { exit: Exit::Signing, error: unsafe_to_sign.into() },
        StartError::Config(_) | StartError::Log(_) | StartError::Origin(OriginError::Genesis(_)) => usage(error),
        // Another start finds no home either.
        StartError::Home(HomeError::Missing(_) | HomeError::NoConfig { .. }) => usage(error),
        mistaken if mistaken.is_about_another_key() => usage(mistaken),
        _ => failed(error),
    })
}

/// The error of a full disk with what to do, where the layer that has met it says only what happened.
fn with_advice(full: StartError) -> anyhow::Error {
    let said = full.to_string();
    if ["make room", "free some", "raise"].iter().any(|advice| said.contains(advice)) {
        return full.into();
    }
    anyhow!("{said}: the disk is full: make room and start again")
}

/// Checks what must be true of the state in a home whose node is stopped.
#[derive(Debug, Args)]
pub struct CheckCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Serialize)]
struct Checked {
    height: u64,
    app_hash: String,
    /// What does not hold; nothing if all does.
    broken: Option<String>,
}

impl CheckCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The home cannot be opened, or something does not hold.
    pub fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let _lock = home.lock().map_err(failed)?;
        let app = App::open(&home.data(), Options::default()).map_err(failed)?;
        let info = app.info();
        if info.height == 0 {
            return Err(failed(anyhow!("there is nothing to check: no block was committed in this home yet")));
        }
        let broken = app.check_invariants().err();
        let checked = Checked { height: info.height, app_hash: hex::encode(info.root), broken };
        self.output.print(&checked, |checked| {
            let holds = if checked.broken.is_none() { "holds" } else { "is BROKEN" };
            format!("the state of height {} (app hash {}) {holds}", checked.height, checked.app_hash)
        })?;
        match checked.broken {
            None => Ok(()),
            Some(broken) => Err(failed(anyhow!(
                "{broken}. Stop this node, keep its home as it is, and compare its app hash with those of other nodes"
            ))),
        }
    }
}

fn die_with(parent: u32) -> Result<(), Failure> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(failed)?;
    // If the parent died before the request, no signal will come.
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now == Some(parent) { Ok(()) } else { Err(failed(anyhow!("the process that started this node is gone"))) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn read(time: &str) -> Result<Vec<(String, String)>, String> {
        let line = Line::try_parse_from(["start", "--block-time", time]).map_err(|error| error.to_string())?;
        Ok(line.settings.overrides().into_iter().map(|layer| (layer.key, layer.value)).collect())
    }

    #[test]
    fn a_block_time_that_no_engine_takes_is_refused_as_what_it_is() {
        for bad in ["100000000000d", "2d", "soon"] {
            let said = read(bad).unwrap_err();
            assert!(said.contains("--block-time") && said.contains(bad), "{said}");
            assert!(!said.contains("instant.blocks") && !said.contains("comet.block_time"), "{said}");
        }
        assert!(read("2d").unwrap_err().contains("at most 1d"));
        let both = |time: &str| {
            [("instant.blocks", time), ("comet.block_time", time)].map(|(key, value)| (key.into(), value.into()))
        };
        assert_eq!(read("1s").unwrap(), both("1s"));
        for fastest in ["0s", "0ms"] {
            assert_eq!(read(fastest).unwrap(), both(fastest)[1..]);
        }
        assert_eq!(read("manual").unwrap(), both("manual")[..1]);
    }
}
