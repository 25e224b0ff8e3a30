//! `diemd`: parses the command line and starts the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    diem_node::cli::run()
}
