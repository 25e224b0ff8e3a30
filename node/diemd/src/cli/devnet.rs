//! `diemd devnet`: its flags, and the options that they become.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use diem_config::is_host_and_port;
use diem_engine::EngineKind;
use diem_host::{home::default_home, outlet};

use crate::devnet::{self, DevnetError, Options};
use diem_cli::{
    Exit, Failure,
    failure::{failed, usage},
};

/// Runs a chain for development on this machine: validators, funded people, everything on loopback. Run again, it
/// goes on where it stopped.
#[derive(Debug, Args)]
pub struct DevnetCommand {
    /// Number of validators [default: 4; with the instant engine 1].
    #[arg(long, value_name = "N")]
    validators: Option<usize>,
    /// Engine that makes the blocks [default: comet].
    #[arg(long, value_name = "ENGINE")]
    engine: Option<EngineName>,
    /// Folder of the devnet [default: ~/.diem/devnet].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Folder with the keys of alice and the others [default: ~/.diem].
    #[arg(long, env = "DIEM_HOME", value_name = "FOLDER")]
    home: Option<PathBuf>,
    /// Write homes, addresses and accounts to this file as JSON when everything is ready.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Least time from a block to the next, such as 500ms; with the instant engine also on-demand or manual.
    #[arg(long, value_name = "TIME")]
    block_time: Option<String>,
    /// CometBFT binary [default: looked for in PATH and in the cache, else compiled with Go].
    #[arg(long, value_name = "PATH")]
    cometbft: Option<PathBuf>,
    /// Do without a local Base, and so without the bridge.
    #[arg(long, conflicts_with = "anvil")]
    no_base: bool,
    /// The anvil binary, which is the local Base [default: looked for in the cache, else installed with npm].
    #[arg(long, value_name = "PATH")]
    anvil: Option<PathBuf>,
    /// Forget the chain that is there and start a new one.
    #[arg(long)]
    fresh: bool,
    /// Chain id instead of the usual one; it needs a part -dev.
    #[arg(long, value_name = "NAME")]
    chain_id: Option<String>,
    /// Number that is added to all ports.
    #[arg(long, value_name = "PORTS", default_value_t = 0)]
    port_offset: u16,
    /// Only make the homes, one for each of these hosts, on which `diemd start` then runs them: machines or containers that
    /// reach each other by these names. Everything but CometBFT's RPC listens on all addresses there.
    #[arg(
        long,
        value_name = "HOSTS",
        value_delimiter = ',',
        value_parser = host,
        conflicts_with_all = ["validators", "engine", "ready_file", "cometbft", "anvil", "port_offset"]
    )]
    hosts: Vec<String>,
}

/// Reads the name of a host, or an IPv4 address.
fn host(text: &str) -> Result<String, String> {
    let is_host = is_host_and_port(&format!("{text}:1")) && !text.contains(':');
    if is_host { Ok(text.into()) } else { Err("write names of hosts, separated by commas".into()) }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EngineName {
    /// CometBFT, as real chains have it.
    Comet,
    /// The instant engine in this process, for development.
    Instant,
}

impl DevnetCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        outlet::detach().map_err(failed)?;
        let wallet = self.home.unwrap_or_else(default_home);
        let options = Options {
            validators: if self.hosts.is_empty() { self.validators } else { Some(self.hosts.len()) },
            engine: self.engine.map(|engine| match engine {
                EngineName::Comet => EngineKind::Comet,
                EngineName::Instant => EngineKind::Instant,
            }),
            dir: self.dir.unwrap_or_else(|| wallet.join("devnet")),
            wallet,
            ready_file: self.ready_file,
            block_time: self.block_time,
            cometbft: self.cometbft,
            base: !self.no_base,
            anvil: self.anvil,
            fresh: self.fresh,
            chain_id: self.chain_id,
            port_offset: self.port_offset,
            hosts: self.hosts,
        };
        devnet::run(&options).map_err(|error| match error {
            DevnetError::Usage(_) | DevnetError::Config(_) => usage(error),
            DevnetError::Ended { code, .. } | DevnetError::AllEnded(code) => {
                Failure { exit: Exit::of_node(code), error: error.into() }
            }
            _ => failed(error),
        })
    }
}
