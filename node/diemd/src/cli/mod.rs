//! The command line of `diemd`: its commands, and the start of the one that was typed.

pub mod demo;
pub mod devnet;
pub mod genesis;
pub mod node;
pub mod validator;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use diem_cli::{Failure, brief, common, curve, keys, output, query, tx, voucher};

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
    /// Run a chain for development on this machine.
    Devnet(devnet::DevnetCommand),
    /// Play the product on a running development chain, each step with its command.
    Demo(demo::DemoCommand),
    /// Check what must be true of the state in a home whose node is stopped: supplies, stakes, locks, credit.
    Check(node::CheckCommand),
    /// Look at the start of a chain, or make one out of a chain's state.
    Genesis(genesis::GenesisCommand),
    /// Make, list and delete the keys of this home.
    Keys(keys::Keys),
    /// Make, sign and send transactions.
    Tx(Box<tx::TxCommand>),
    /// Send DIEM to Base and back, and look after the bridge.
    Bridge(Box<diem_bridge_cli::BridgeCommand>),
    /// Prove that an operator holds the keys of a validator.
    Validator(validator::ValidatorCommand),
    /// Sign and check vouchers, which an account signs for a provider off chain.
    Voucher(voucher::VoucherCommand),
    /// Read the chain: accounts, blocks, stake, credit.
    Query(query::QueryCommand),
    /// Compute the mint curve and quotes on it, without a node.
    Curve(curve::CurveCommand),
}

/// Runs the command; says on stderr why it failed.
pub fn run(cli: Cli) -> ExitCode {
    if cli.full {
        brief::print_in_full();
    }
    let result: Result<(), Failure> = match cli.command {
        Command::Init(command) => command.run(),
        Command::Start(command) => command.run(),
        Command::Devnet(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Genesis(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Tx(command) => command.run(),
        Command::Bridge(command) => command.run(),
        Command::Validator(command) => command.run(),
        Command::Voucher(command) => command.run(),
        Command::Query(command) => command.run(),
        Command::Curve(command) => command.run(),
    };
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit, error }) => {
            output::say_failure(&format!("{error:#}"));
            ExitCode::from(exit as u8)
        }
    };
    diem_host::outlet::finish();
    code
}
