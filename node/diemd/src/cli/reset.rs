//! `diemd reset`.

use std::path::PathBuf;

use clap::Args;
use diem_cli::{
    Failure, common,
    failure::failed,
    output::{Output, fields, say},
};
use serde::Serialize;

use super::node::HomeArgs;
use crate::forget::{forget_chain, kept};

/// Removes state and blocks from a stopped home, never keys, signing state or address book.
#[derive(Debug, Args)]
pub struct ResetCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// Remove them without a question.
    #[arg(long)]
    yes: bool,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Serialize)]
struct Reset {
    home: PathBuf,
    kept: Vec<String>,
}

impl ResetCommand {
    /// Runs the command and prints what the home has kept.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let _lock = home.lock().map_err(failed)?;
        let question = format!("Remove state and blocks of {}? Keys and signing state stay.", home.root().display());
        common::confirm(&question, self.yes)?;
        forget_chain(&home).map_err(failed)?;
        let reset = Reset { home: home.root().into(), kept: kept(&home) };
        self.output.print(&reset, |reset| {
            let home = reset.home.display();
            fields([
                ("home", home.to_string()),
                ("kept", reset.kept.join(", ")),
                ("next command", format!("diemd start --home {home}")),
            ])
        })?;
        say("state and blocks are gone; the next start fetches the chain again, and listens before it signs");
        Ok(())
    }
}
