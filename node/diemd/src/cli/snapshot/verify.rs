//! `diemd snapshot verify`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields},
};
use diem_host::home::Home;
use diem_runtime::snapshots;
use diem_store::state_sync;
use serde::Serialize;

use super::{HomeArgs, home_of, of_archive, unpacked};
use crate::archive::Staging;

/// Recomputes every root of a snapshot or an archive, and says with which header to compare it. CometBFT opens the blocks of an
/// archive, if it is on this machine.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Folder of a snapshot, height of one in the home, or file of an archive.
    #[arg(value_name = "FOLDER|HEIGHT|ARCHIVE")]
    what: PathBuf,
    #[command(flatten)]
    home: HomeArgs,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Checked {
    path: PathBuf,
    /// The name of the chain, which an archive says and a snapshot does not.
    chain_id: Option<String>,
    height: u64,
    rows: u64,
    chunks: Option<usize>,
    /// The height of the last block in an archive, if CometBFT has opened its databases.
    blocks: Option<u64>,
    app_hash: String,
    /// The height of the header that must hold the app hash.
    header: u64,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let path = match self.what.to_str().and_then(|text| text.parse::<u64>().ok()) {
            Some(height) => snapshots::folder(&home_of(&self.home)?.data()).join(height.to_string()),
            None => self.what.clone(),
        };
        let found = std::fs::metadata(&path)
            .map_err(|error| usage(anyhow!("there is no snapshot or archive at {}: {error}", path.display())))?;
        let checked = if found.is_dir() { snapshot(path)? } else { archive(path)? };
        self.output.print(&checked, |checked| {
            let number = |number: &dyn std::fmt::Display| number.to_string();
            let chain = checked.chain_id.iter().map(|chain| ("chain", chain.clone()));
            let chunks = checked.chunks.iter().map(|chunks| ("chunks", number(chunks)));
            let lines = [("path", checked.path.display().to_string())].into_iter().chain(chain);
            let lines =
                lines.chain([("height", number(&checked.height)), ("rows", number(&checked.rows))]).chain(chunks);
            let blocks = checked.blocks.map(|last| ("blocks", format!("CometBFT opens them; the last is {last}")));
            let lines = lines.chain(blocks);
            let compare = format!(
                "the app hash in the header of block {}, for the root after a height stands in the next header",
                checked.header
            );
            fields(lines.chain([
                ("app hash", checked.app_hash.clone()),
                ("result", "succeeded: all roots are those of the rows".to_owned()),
                ("compare with", compare),
            ]))
        })
    }
}

fn snapshot(path: PathBuf) -> Result<Checked, Failure> {
    let manifest = state_sync::verify(&path).map_err(failed)?;
    Ok(Checked {
        path,
        chain_id: None,
        height: manifest.height(),
        rows: manifest.rows(),
        chunks: Some(manifest.chunks().len()),
        blocks: None,
        app_hash: hex::encode(manifest.app_hash()),
        header: manifest.height().saturating_add(1),
    })
}

/// Unpacks the archive beside itself, where there is room for one, and opens its state.
fn archive(path: PathBuf) -> Result<Checked, Failure> {
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = Home::at(&beside.join(format!(".verify-{}", std::process::id())));
    let staging = Staging::make(&scratch).map_err(of_archive)?;
    let verified = unpacked(&path, staging.folder(), None)?;
    let contents = verified.contents;
    Ok(Checked {
        path,
        chain_id: Some(contents.chain_id),
        height: contents.height,
        rows: verified.rows,
        chunks: None,
        blocks: verified.blocks,
        app_hash: hex::encode(contents.app_hash),
        header: contents.height.saturating_add(1),
    })
}
