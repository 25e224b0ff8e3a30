//! `diemd prune`.

use std::{fs, io, path::Path, sync::Arc};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields, hint, say},
};
use diem_comet::{Prune, abci::Address};
use diem_config::{Config, Override};
use diem_engine::{Commits, EngineKind, metrics::Metrics, origin::Origin};
use diem_host::home::Home;
use diem_runtime::{App, Options, snapshots};
use serde::Serialize;

use super::node::HomeArgs;
use crate::{archive, start::StartError};

/// Removes the blocks that a stopped home need not keep, with what is found in them, and gives the room back. State, keys
/// and signing state stay.
#[derive(Debug, Args)]
pub struct PruneCommand {
    #[command(flatten)]
    home: HomeArgs,
    /// Number of last blocks to keep; 0 makes no cut [default: store.keep_blocks].
    #[arg(long, value_name = "NUMBER")]
    keep_blocks: Option<u64>,
    /// Time before the last block whose blocks to keep, such as 30d; off makes no cut [default: store.keep_time].
    #[arg(long, value_name = "TIME")]
    keep_time: Option<String>,
    /// CometBFT binary; it is looked for if not given.
    #[arg(long, value_name = "PATH")]
    cometbft: Option<String>,
    /// How to print what was removed.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
}

#[derive(Debug, Serialize)]
struct Pruned {
    /// The first block that is left.
    first_block: u64,
    height: u64,
    app_hash: String,
    bytes_before: u64,
    bytes_after: u64,
}

impl PruneCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let _lock = home.lock().map_err(failed)?;
        if archive::is_unfinished(&home) {
            return Err(failed(StartError::Unfinished(home.root().to_path_buf())));
        }
        let config = Config::load(&home.config_file(), std::env::vars(), &self.flags()).map_err(usage)?;
        if config.store.keep().is_all() {
            return Err(usage(anyhow!(
                "store.keep_blocks and store.keep_time keep all blocks: say what to keep by --keep-blocks or --keep-time"
            )));
        }
        let bytes_before = bytes_of(&home).map_err(failed)?;
        let (first_block, app) = prune(&home, &config)?;
        say_why_more(&home, &config, first_block, &app);
        let info = app.info();
        // The last files are removed when the store is closed.
        drop(app);
        let bytes_after = bytes_of(&home).map_err(failed)?;
        let (height, app_hash) = (info.height, hex::encode(info.root));
        let pruned = Pruned { first_block, height, app_hash, bytes_before, bytes_after };
        self.output.print(&pruned, |pruned| {
            fields([
                ("first block", pruned.first_block.to_string()),
                ("last block", pruned.height.to_string()),
                ("app hash", pruned.app_hash.clone()),
                ("bytes before", pruned.bytes_before.to_string()),
                ("bytes after", pruned.bytes_after.to_string()),
                ("next command", format!("diemd start --home {}", home.root().display())),
            ])
        })
    }

    fn flags(&self) -> Vec<Override> {
        let given = [
            ("keep-blocks", "store.keep_blocks", self.keep_blocks.map(|blocks| blocks.to_string())),
            ("keep-time", "store.keep_time", self.keep_time.clone()),
            ("cometbft", "comet.binary", self.cometbft.clone()),
        ];
        given.into_iter().filter_map(|(flag, key, value)| Some(Override::flag(flag, key, &value?))).collect()
    }
}

/// Prunes both stores; returns the first block that is left, and the application.
fn prune(home: &Home, config: &Config) -> Result<(u64, Arc<App>), Failure> {
    if App::held(&home.data()).map_err(failed)?.is_none() {
        return Err(failed(anyhow!("there is nothing to prune: no block was committed in this home yet")));
    }
    let keep = config.store.keep();
    let app = Arc::new(App::open(&home.data(), Options { keep, ..Options::default() }).map_err(failed)?);
    if let Some(began) = app.began_at().filter(|began| *began == app.info().height) {
        return Err(failed(anyhow!(
            "there is nothing to prune: this home began at {began} by a snapshot and has executed no block since"
        )));
    }
    if config.engine == EngineKind::Instant {
        say("pruning the store and rewriting its files");
        return Ok((app.prune(keep).map_err(|fatal| failed(anyhow!(fatal.0)))?, app));
    }
    // It is looked for first: without it half of the work would be done.
    let named = (!config.comet.binary.is_empty()).then(|| Path::new(&config.comet.binary));
    let found = diem_comet::find(named, &say).map_err(failed)?;
    say("pruning the store and rewriting its files");
    let first_block = app.prune(keep).map_err(|fatal| failed(anyhow!(fatal.0)))?;
    if app.undoes_to() == Some(app.info().height) {
        say("CometBFT's databases stay: this home has no block before its last one");
        return Ok((first_block, app));
    }
    say("pruning CometBFT's databases: it executes the last block again, alone and without this node's keys");
    let origin = Origin::of(home, app.chain().map(|chain| (chain, app.consensus_params()))).map_err(failed)?;
    let metrics = Metrics::new(prometheus::Registry::new()).map_err(failed)?;
    let pruning = Prune {
        home: home.comet(),
        apart: home.run().join("prune"),
        binary: found.path,
        origin,
        address: Address::of_home(home.root()).map_err(failed)?,
        commits: Commits::new(&app, Arc::new(metrics)),
        app: Arc::clone(&app),
    };
    pruning.run().map_err(failed)?;
    Ok((first_block, app))
}

/// Says why more stays than was asked for, where it does.
fn say_why_more(home: &Home, config: &Config, first_block: u64, app: &App) {
    if app.first_block_wanted(config.store.keep()) > first_block {
        if app.oldest_snapshot() == Some(first_block) {
            hint(&format!(
                "blocks from {first_block} on stay for those who join by the snapshot of that height: without the folder \
                 {} they would go too",
                snapshots::folder(&home.data()).join(first_block.to_string()).display()
            ));
        } else {
            hint(&format!(
                "blocks from {first_block} on stay because `diemd rollback` can undo that many heights (`store.past_heights`)"
            ));
        }
    }
    let age = app.consensus_params().evidence_max_age_blocks;
    let counts_from = app.info().height.saturating_sub(age);
    if config.engine == EngineKind::Comet && counts_from < first_block {
        hint(&format!(
            "CometBFT keeps the headers and commits of the earlier blocks of which evidence still counted when they were pruned \
             ({age} blocks, consensus.evidence_max_age_blocks of the genesis); what keeps blocks for longer leaves none behind"
        ));
    }
}

/// The bytes of both stores.
fn bytes_of(home: &Home) -> io::Result<u64> {
    Ok(bytes_below(&home.data())?.saturating_add(bytes_below(&home.comet().join("data"))?))
}

fn bytes_below(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0_u64;
    for entry in entries {
        let entry = entry?;
        let more = if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
        bytes = bytes.saturating_add(more);
    }
    Ok(bytes)
}
