//! The command line of `diemd`: its commands, and the start of the one that was typed.

pub mod config;
pub mod demo;
pub mod devnet;
pub mod doctor;
pub mod genesis;
pub mod health;
pub mod join;
pub mod node;
pub mod prune;
pub mod reset;
mod role;
pub mod rollback;
pub mod running;
pub mod shell;
pub mod snapshot;
pub mod validator;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use diem_cli::{Failure, brief, common, curve, keys, output, output::Output, query, tx, voucher};

/// The chain of DIEM and VVV: node, wallet, devnet.
#[derive(Debug, Parser)]
#[command(name = "diemd", version, arg_required_else_help = true)]
pub struct Cli {
    /// Print amounts, addresses and hashes in tables with all their digits.
    #[arg(long, global = true, help_heading = common::HEADING)]
    pub full: bool,
    /// The command that was typed.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands: nouns, then verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the home of a node: keys, genesis, configuration.
    Init(Box<node::InitCommand>),
    /// Run the node of a home until Ctrl-C.
    Start(Box<node::StartCommand>),
    /// Make a home that follows the chain of other nodes, and run its node.
    Join(Box<join::JoinCommand>),
    /// Run a chain for development on this machine.
    Devnet(devnet::DevnetCommand),
    /// Play the product on a running development chain, each step with its command.
    Demo(demo::DemoCommand),
    /// Check what must be true of the state in a home whose node is stopped: supplies, stakes, locks, credit.
    Check(node::CheckCommand),
    /// Look for what is not well with a home and its machine, and say what to do.
    Doctor(doctor::DoctorCommand),
    /// List, take, restore and verify snapshots of the state, and archives of a home.
    Snapshot(Box<snapshot::SnapshotCommand>),
    /// Undo the last block of a stopped home, or several.
    Rollback(rollback::RollbackCommand),
    /// Remove state and blocks from a stopped home; keys and signing state stay.
    Reset(reset::ResetCommand),
    /// Look at the configuration of a home, change it, and bring an older file up to date.
    Config(config::ConfigCommand),
    /// Remove the blocks that a stopped home need not keep, and give the room back.
    Prune(prune::PruneCommand),
    /// Look at the start of a chain, or make one out of a chain's state.
    Genesis(genesis::GenesisCommand),
    /// Make, list and delete the keys of this home.
    Keys(keys::Keys),
    /// Make, sign and send transactions.
    Tx(Box<tx::TxCommand>),
    /// Send DIEM to Base and back, and look after the bridge.
    Bridge(Box<diem_bridge_cli::BridgeCommand>),
    /// Look after a validator: how it stands, the proof of its keys, and their move to another machine.
    Validator(validator::ValidatorCommand),
    /// Sign and check vouchers, which an account signs for a provider off chain.
    Voucher(voucher::VoucherCommand),
    /// Read the chain: accounts, blocks, stake, credit.
    Query(query::QueryCommand),
    /// Compute the mint curve and quotes on it, without a node.
    Curve(curve::CurveCommand),
    /// List the nodes that the running node of a home is connected to.
    Peers(running::PeersCommand),
    /// Look at the log of the running node of a home, and change its level.
    Log(running::LogCommand),
    /// Have the running node of a home end in order.
    Drain(running::DrainCommand),
    /// Ask the running node of a home whether it is well: exit code 0 if so, else 1.
    Healthz(health::HealthCommand),
    /// Print what completes the commands of diemd in a shell.
    Completions(shell::CompletionsCommand),
    /// Print the manual page of diemd, or write those of all commands.
    Man(shell::ManCommand),
}

/// The form in which the command that was typed prints its data; that of people where it has no choice.
fn output_of(typed: &ArgMatches) -> Output {
    let mut command = typed;
    while let Some((_, sub)) = command.subcommand() {
        command = sub;
    }
    command.try_get_one("output").ok().flatten().copied().unwrap_or_default()
}

/// Parses the command line and runs its command; says on stderr why it failed, and on stdout too where that is JSON.
pub fn run() -> ExitCode {
    let typed = Cli::command().get_matches();
    let output = output_of(&typed);
    let cli = Cli::from_arg_matches(&typed).unwrap_or_else(|error| error.format(&mut Cli::command()).exit());
    if cli.full {
        brief::print_in_full();
    }
    let result: Result<(), Failure> = match cli.command {
        Command::Init(command) => command.run(),
        Command::Start(command) => command.run(),
        Command::Join(command) => command.run(),
        Command::Devnet(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Snapshot(command) => command.run(),
        Command::Rollback(command) => command.run(),
        Command::Reset(command) => command.run(),
        Command::Config(command) => command.run(),
        Command::Prune(command) => command.run(),
        Command::Genesis(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Tx(command) => command.run(),
        Command::Bridge(command) => command.run(),
        Command::Validator(command) => command.run(),
        Command::Voucher(command) => command.run(),
        Command::Query(command) => command.run(),
        Command::Curve(command) => command.run(),
        Command::Peers(command) => command.run(),
        Command::Log(command) => command.run(),
        Command::Drain(command) => command.run(),
        Command::Healthz(command) => command.run(),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
    };
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if output == Output::Json {
                output::print_failure(&failure);
            }
            let Failure { exit, error } = failure;
            output::say_failure(&format!("{error:#}"));
            ExitCode::from(exit as u8)
        }
    };
    diem_host::outlet::finish();
    code
}
