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

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::anyhow;
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use diem_cli::{Failure, brief, common, curve, failure::usage, keys, output, output::Output, query, tx, voucher};
use diem_host::home::home_directory;

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

/// The command that was typed, below those that only group others.
fn command_of(typed: &ArgMatches) -> &ArgMatches {
    let mut command = typed;
    while let Some((_, sub)) = command.subcommand() {
        command = sub;
    }
    command
}

/// The form in which the command that was typed prints its data; that of people where it has no choice.
fn output_of(typed: &ArgMatches) -> Output {
    command_of(typed).try_get_one("output").ok().flatten().copied().unwrap_or_default()
}

/// Whether the command that was typed has an option `--home` that was given neither by it nor by its variable.
fn wants_default_home(typed: &ArgMatches) -> bool {
    let is_home = |arg: &Arg| arg.get_id() == "home";
    let (root, mut typed) = (Cli::command(), typed);
    let (mut command, mut has) = (&root, false);
    while let Some((name, sub)) = typed.subcommand()
        && let Some(next) = command.find_subcommand(name)
    {
        has |= command.get_arguments().any(|arg| is_home(arg) && arg.is_global_set());
        (command, typed) = (next, sub);
    }
    has |= command.get_arguments().any(is_home);
    has && typed.try_get_one::<PathBuf>("home").is_ok_and(|named| named.is_none())
}

/// Checks that the home of a command is somewhere: that it is named, or that its user has a home directory.
fn check_home(typed: &ArgMatches) -> Result<(), Failure> {
    match home_directory().is_none() && wants_default_home(typed) {
        true => Err(usage(anyhow!(
            "this user has no home directory, and so no ~/.diem: name a folder with `--home`, or in DIEM_HOME"
        ))),
        false => Ok(()),
    }
}

/// Whether a command line asks for JSON, of which no more may be understood.
fn wants_json(words: impl IntoIterator<Item = OsString>) -> bool {
    let options: Vec<OsString> = words.into_iter().take_while(|word| word != "--").collect();
    options.iter().any(|word| word == "--output=json")
        || options.iter().zip(options.iter().skip(1)).any(|(name, value)| name == "--output" && value == "json")
}

/// What is wrong with a command line, in one sentence.
fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    // Tips and the usage stand in paragraphs of their own.
    let sentence = text.split("\n\n").next().unwrap_or_default();
    let words = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    words.strip_prefix("error: ").map_or_else(|| words.clone(), str::to_owned)
}

/// Ends the program where its command line is none, or asks for help only.
fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() && wants_json(std::env::args_os()) {
        output::print_failure(&usage(anyhow!(what_is_wrong(error))));
    }
    error.exit()
}

/// Parses the command line and runs its command; says on stderr why it failed, and on stdout too where that is JSON.
pub fn run() -> ExitCode {
    let typed = Cli::command().try_get_matches().unwrap_or_else(|error| refuse(&error));
    let output = output_of(&typed);
    let cli = Cli::from_arg_matches(&typed).unwrap_or_else(|error| refuse(&error.format(&mut Cli::command())));
    if cli.full {
        brief::print_in_full();
    }
    let result = check_home(&typed).and_then(|()| run_command(cli.command));
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

fn run_command(command: Command) -> Result<(), Failure> {
    match command {
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
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_command_with_a_home_wants_the_default_one_unless_another_is_named() {
        let unset = std::env::var_os("DIEM_HOME").is_none();
        for (line, expected) in [
            ("diemd start", unset),
            ("diemd keys list", unset),
            ("diemd query account alice", unset),
            ("diemd validator watch", unset),
            ("diemd keys --home x list", false),
            ("diemd start --home x", false),
            ("diemd completions bash", false),
            ("diemd curve table", false),
            ("diemd man", false),
        ] {
            let typed = Cli::command().try_get_matches_from(line.split(' ')).unwrap();
            assert_eq!(wants_default_home(&typed), expected, "{line}");
        }
    }

    #[test]
    fn json_is_asked_for_by_an_option_in_either_form() {
        for (line, expected) in [
            ("diemd keys list --output json --frob", true),
            ("diemd --frob --output=json", true),
            ("diemd keys list --output table", false),
            ("diemd keys list --output", false),
            ("diemd tx transfer json --memo --output", false),
            ("diemd keys list -- --output json", false),
        ] {
            assert_eq!(wants_json(line.split(' ').map(OsString::from)), expected, "{line}");
        }
    }
}
