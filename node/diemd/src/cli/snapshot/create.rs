//! `diemd snapshot create`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields, say},
};
use diem_config::Config;
use diem_host::home::{Home, HomeError};
use diem_runtime::snapshots;
use serde::Serialize;

use super::{HomeArgs, home_of, of_archive};
use crate::{
    archive::{self, file_name},
    control::{self, Answer, AskError, Request, Taken},
    start::StartError,
};

/// Has the running node of a home take a snapshot of the next height, by which others join; of a stopped home it makes an
/// archive, which holds the state and CometBFT's blocks, and never keys or signing state.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// File of the archive of a stopped home [default: CHAIN-HEIGHT.tar in the current folder].
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    home: HomeArgs,
    /// How to print what was made.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Made {
    /// A snapshot in the home of the running node.
    Snapshot { folder: PathBuf, height: u64, rows: u64, chunks: usize, app_hash: String },
    /// An archive of the stopped home.
    Archive { file: PathBuf, chain_id: String, height: u64, app_hash: String, files: usize, bytes: u64 },
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        let home = home_of(&self.home)?;
        let made = match self.file {
            Some(file) => archive_of(&home, Some(file))?,
            None => match control::ask(&home, &Request::SnapshotList) {
                Err(AskError::NotRunning(_)) => archive_of(&home, None)?,
                Err(error) => return Err(failed(error)),
                Ok(_) => snapshot_of(&home)?,
            },
        };
        self.output.print(&made, |made| match made {
            Made::Snapshot { folder, height, rows, chunks, app_hash } => fields([
                ("made", "a snapshot, by which others can join".to_owned()),
                ("folder", folder.display().to_string()),
                ("height", height.to_string()),
                ("rows", rows.to_string()),
                ("chunks", chunks.to_string()),
                ("app hash", app_hash.clone()),
            ]),
            Made::Archive { file, chain_id, height, app_hash, files, bytes } => fields([
                ("made", "an archive of state and blocks, without keys and signing state".to_owned()),
                ("file", file.display().to_string()),
                ("chain", chain_id.clone()),
                ("height", height.to_string()),
                ("app hash", app_hash.clone()),
                ("files", files.to_string()),
                ("bytes", bytes.to_string()),
                ("next command", format!("diemd snapshot verify {}", file.display())),
            ]),
        })
    }
}

/// Asks the running node.
fn snapshot_of(home: &Home) -> Result<Made, Failure> {
    say("the node runs: it takes a snapshot of the next height");
    match control::ask(home, &Request::SnapshotCreate).map_err(failed)? {
        Answer::Snapshot(Taken { height, chunks, rows, app_hash }) => {
            let folder = snapshots::folder(&home.data()).join(height.to_string());
            Ok(Made::Snapshot { folder, height, rows, chunks, app_hash: hex::encode(app_hash) })
        }
        _ => Err(failed(anyhow!("the node answers another question: use the diemd that the node runs"))),
    }
}

/// Makes an archive of a stopped home.
fn archive_of(home: &Home, file: Option<PathBuf>) -> Result<Made, Failure> {
    let _lock = home.lock().map_err(|error| match error {
        HomeError::InUse { .. } => {
            failed(anyhow!("{error}. An archive is of a stopped home; without FILE the running node takes a snapshot"))
        }
        _ => failed(error),
    })?;
    if archive::is_unfinished(home) {
        return Err(failed(StartError::Unfinished(home.root().to_path_buf())));
    }
    let engine = Config::load(&home.config_file(), std::env::vars(), &[]).map_err(usage)?.engine;
    let name = |contents: &archive::Contents| file.unwrap_or_else(|| file_name(&contents.chain_id, contents.height));
    let (file, contents) = archive::pack(home, engine, name).map_err(of_archive)?;
    Ok(Made::Archive {
        file,
        chain_id: contents.chain_id.clone(),
        height: contents.height,
        app_hash: hex::encode(contents.app_hash),
        files: contents.files.len(),
        bytes: contents.bytes(),
    })
}
