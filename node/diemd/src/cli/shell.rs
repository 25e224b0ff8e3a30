//! `diemd completions` and `diemd man`: what packages install beside the program. Both are made from the commands
//! themselves, and the same program gives the same bytes.

use std::{fs, path::PathBuf};

use anyhow::anyhow;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use diem_cli::{
    Failure,
    failure::failed,
    output::{print_bytes, say},
};

use super::Cli;

/// Prints what completes the commands of `diemd` in a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example: diemd completions bash > ~/.local/share/bash-completion/completions/diemd")]
pub struct CompletionsCommand {
    /// Shell that completes.
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

impl CompletionsCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Standard output takes nothing.
    pub fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "diemd", &mut text);
        print_bytes(&text)
    }
}

/// Prints the manual page of `diemd`, or writes those of all commands.
#[derive(Debug, Args)]
#[command(after_help = "Example: diemd man --dir man1, and then: man -l man1/diemd-start.1")]
pub struct ManCommand {
    /// Folder to which the pages of all commands are written, diemd-start.1 and so on; it is made where it is missing.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl ManCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// Standard output takes nothing, or the folder cannot be written to.
    pub fn run(self) -> Result<(), Failure> {
        let Some(folder) = self.dir else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command().disable_help_subcommand(true)).render(&mut page).map_err(failed)?;
            return print_bytes(&page);
        };
        let written = fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(Cli::command(), &folder));
        written.map_err(|error| failed(anyhow!("{}: {error}", folder.display())))?;
        say(&format!("the pages are in {}", folder.display()));
        Ok(())
    }
}
