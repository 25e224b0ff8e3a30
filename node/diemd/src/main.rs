//! `diemd`: parses the command line and starts the command.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    diem_node::cli::run(diem_node::cli::Cli::parse())
}
