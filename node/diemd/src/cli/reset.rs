//! `diemd reset`.

use std::path::PathBuf;

use clap::Args;
use diem_cli::{
    Failure, common,
    failure::failed,
    output::{Output, fields, say},
};
use diem_config::consensus_key::found_validator_key;
use diem_host::home::Home;
use diem_runtime::{App, Options};
use diem_staking::query;
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
        let is_alone = has_the_only_validator(&home);
        let question = format!(
            "Remove state and blocks of {}? Keys and signing state stay.{}",
            home.root().display(),
            if is_alone { ONLY_VALIDATOR } else { "" }
        );
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
        say(if is_alone {
            "state and blocks of the chain's only validator are gone: only an archive of this home brings them back"
        } else {
            "state and blocks are gone; the next start fetches the chain again, and listens before it signs"
        });
        Ok(())
    }
}

/// What the question says where nobody else has the blocks.
const ONLY_VALIDATOR: &str = " This node is the only validator of its chain: if no other node follows it, nobody has these blocks, \
                              and its key signs none of their heights again.";

/// Whether the chain of a home has one validator, whose key is in that home. A state that cannot be read is removed all the
/// same, so that nothing is said of it.
fn has_the_only_validator(home: &Home) -> bool {
    let own = found_validator_key(&home.comet()).ok().flatten().map(|key| key.verifying_key().to_bytes());
    let set = || {
        App::held(&home.data()).ok().flatten()?;
        let app = App::open(&home.data(), Options::default()).ok()?;
        let snapshot = app.snapshot(None).ok()?;
        Some(query::consensus_set(&snapshot.context()))
    };
    set().is_some_and(|set| matches!(set.as_slice(), [only] if Some(only.consensus_key) == own))
}
