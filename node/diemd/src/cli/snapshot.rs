//! `diemd snapshot`: the snapshots that others join by, and archives of a home.

mod create;
mod restore;
mod verify;

use std::path::Path;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, hint, list, say},
};
use diem_engine::EngineKind;
use diem_host::home::Home;
use diem_runtime::snapshots;
use diem_store::state_sync::Shelf;
use serde::Serialize;

use super::node::HomeArgs;
use crate::{
    archive::{self, ArchiveError, Verified},
    control::{self, Answer, AskError, Request},
};

/// List, take, restore and verify snapshots of the state, and archives of a home.
#[derive(Debug, Args)]
pub struct SnapshotCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the snapshots of a home, whether its node runs or not
    List(List),
    /// Have a running node take a snapshot that others join by, or make an archive of a stopped home
    Create(create::Create),
    /// Make a home out of an archive, or put it in place of the chain of a home
    Restore(restore::Restore),
    /// Recompute every root of a snapshot or an archive
    Verify(verify::Verify),
}

impl SnapshotCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        match self.verb {
            Verb::List(list) => list.run(),
            Verb::Create(create) => create.run(),
            Verb::Restore(restore) => restore.run(),
            Verb::Verify(verify) => verify.run(),
        }
    }
}

/// The home of a command, which must be one.
pub(super) fn home_of(args: &HomeArgs) -> Result<Home, Failure> {
    let home = args.home();
    if home.exists() { Ok(home) } else { Err(usage(home.missing())) }
}

/// The failure of a command that works on an archive. What is wrong with the archive is a failure like a full disk, not a
/// wrong command line.
fn of_archive(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::Exists(_) => usage(error),
        _ => failed(error),
    }
}

/// Unpacks and verifies an archive, and says what could not be looked at on this machine. `cometbft` is the path of CometBFT
/// that the home names.
fn unpacked(archive: &Path, to: &Path, cometbft: Option<&Path>) -> Result<Verified, Failure> {
    let verified = archive::unpack(archive, to, cometbft).map_err(of_archive)?;
    if verified.contents.engine == EngineKind::Comet && verified.blocks.is_none() {
        say(
            "warning: CometBFT is not on this machine, so that its databases in the archive are not opened: the next start does it",
        );
    }
    Ok(verified)
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    home: HomeArgs,
    /// How to print the list.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Listed {
    /// Whether a node runs in the home.
    running: bool,
    snapshots: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    height: u64,
    rows: u64,
    chunks: usize,
    /// The bytes on disk.
    bytes: u64,
    app_hash: String,
    /// Whether the running node offers it to others.
    offered: bool,
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let home = home_of(&self.home)?;
        let offered = match control::ask(&home, &Request::SnapshotList) {
            Ok(Answer::Offered(heights)) => Some(heights),
            Ok(_) => {
                return Err(failed(anyhow!("the node answers another question: use the diemd that the node runs")));
            }
            Err(AskError::NotRunning(_)) => None,
            Err(error) => return Err(failed(error)),
        };
        let listed = Listed { running: offered.is_some(), snapshots: rows(&home, &offered.unwrap_or_default())? };
        if listed.snapshots.is_empty() {
            hint("this home has no snapshot yet: `diemd snapshot create` has its running node take one");
        }
        self.output.print(&listed, |listed| {
            let row = |row: &Row| {
                let offered = match (row.offered, listed.running) {
                    (true, _) => "yes",
                    (false, true) => "not yet",
                    (false, false) => "no, the node is stopped",
                };
                let [height, rows, bytes] = [row.height, row.rows, row.bytes].map(|number| number.to_string());
                [height, rows, row.chunks.to_string(), bytes, row.app_hash.clone(), offered.to_owned()]
            };
            list(["height", "rows", "chunks", "bytes", "app hash", "offered"], listed.snapshots.iter().map(row))
        })
    }
}

/// The snapshots of a home. One that a running node removes meanwhile is left out, and a damaged one is said.
fn rows(home: &Home, offered: &[u64]) -> Result<Vec<Row>, Failure> {
    let shelf = Shelf::look_at(&snapshots::folder(&home.data()));
    let mut rows = Vec::new();
    for height in shelf.heights().map_err(failed)? {
        let read = shelf.manifest(height).and_then(|manifest| Ok((manifest, shelf.bytes(height)?)));
        match read {
            Ok((manifest, bytes)) => rows.push(Row {
                height,
                rows: manifest.rows(),
                chunks: manifest.chunks().len(),
                bytes,
                app_hash: hex::encode(manifest.app_hash()),
                offered: offered.contains(&height),
            }),
            Err(error) if shelf.folder(height).exists() => say(&format!("warning: {error}")),
            Err(_) => {}
        }
    }
    Ok(rows)
}
