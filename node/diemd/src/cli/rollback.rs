//! `diemd rollback`.

use clap::Args;
use diem_cli::{
    Failure, common,
    failure::{failed, usage},
    output::{Output, fields, say},
};
use serde::Serialize;

use super::node::HomeArgs;
use crate::rollback::{Rollback, RollbackError, Undone};

/// Undoes the last block of a stopped home, or several: for a node whose state differs from that of the others.
#[derive(Debug, Args)]
pub struct RollbackCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// Number of blocks to undo; more than one are removed and fetched anew from peers.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    blocks: u64,
    /// Remove the block too, so that it is fetched anew instead of being executed again.
    #[arg(long)]
    hard: bool,
    /// Undo without a question.
    #[arg(long)]
    yes: bool,
    /// How to print what was done.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Serialize)]
struct UndoneView {
    before: u64,
    height: u64,
    app_hash: String,
    blocks_removed: bool,
}

impl RollbackCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let question = format!(
            "The last {} of {} {} undone; keys and signing state stay. Go on?",
            if self.blocks == 1 { "block".into() } else { format!("{} blocks", self.blocks) },
            home.root().display(),
            if self.blocks == 1 { "is" } else { "are" }
        );
        common::confirm(&question, self.yes)?;
        let rollback = Rollback { blocks: self.blocks, remove: self.hard };
        let undone = rollback.run(&home, |height| say(&format!("CometBFT stands at height {height}")));
        let Undone { before, height, app_hash, removed } = undone.map_err(|error| match error {
            RollbackError::Config(_) | RollbackError::Empty | RollbackError::Instant => usage(error),
            RollbackError::TooDeep { .. } | RollbackError::Young { .. } | RollbackError::OnlyValidator => usage(error),
            _ => failed(error),
        })?;
        let view = UndoneView { before, height, app_hash: hex::encode(app_hash), blocks_removed: removed };
        self.output.print(&view, |view| {
            fields([
                ("height before", view.before.to_string()),
                ("height now", view.height.to_string()),
                ("app hash", view.app_hash.clone()),
            ])
        })?;
        say(if removed {
            "the next start fetches the blocks above anew from peers"
        } else {
            "the next start executes the block above again"
        });
        Ok(())
    }
}
