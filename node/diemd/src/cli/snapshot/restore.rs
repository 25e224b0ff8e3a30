//! `diemd snapshot restore`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use diem_cli::{
    Failure,
    failure::{failed, usage},
    output::{Output, fields},
};
use diem_config::{
    Config, Override,
    init::{Init, InitError, Source},
};
use diem_host::home::Home;
use serde::Serialize;

use super::{HomeArgs, of_archive, unpacked};
use crate::{
    archive::{self, Staging, Verified},
    cli::node::Settings,
};

/// Makes a home out of an archive, with new keys, or puts the archive in place of the chain of a home, whose keys and
/// signing state stay byte for byte. Nothing is replaced before the archive is verified as `diemd snapshot verify` does.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// File that `diemd snapshot create` made of a stopped home.
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
    #[command(flatten)]
    home: HomeArgs,
    /// Replace the chain that the home has.
    #[arg(long)]
    again: bool,
    /// How to print what was restored.
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: Output,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Serialize)]
struct Restored {
    home: PathBuf,
    chain_id: String,
    height: u64,
    rows: u64,
    app_hash: String,
    /// Whether the home is new, and has new keys.
    new: bool,
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let home = self.home.home();
        let new = !home.exists();
        let verified = if new { self.make(&home)? } else { self.refill(&home)? };
        let contents = verified.contents;
        let restored = Restored {
            home: home.root().to_path_buf(),
            chain_id: contents.chain_id,
            height: contents.height,
            rows: verified.rows,
            app_hash: hex::encode(contents.app_hash),
            new,
        };
        self.output.print(&restored, |restored| {
            let keys = match restored.new {
                true => "new ones, without power",
                false => "those of the home, with its signing state, untouched",
            };
            fields([
                ("home", restored.home.display().to_string()),
                ("chain", restored.chain_id.clone()),
                ("height", restored.height.to_string()),
                ("rows", restored.rows.to_string()),
                ("app hash", restored.app_hash.clone()),
                ("keys", keys.to_owned()),
                ("next command", format!("diemd start --home {}", restored.home.display())),
            ])
        })
    }

    /// Makes a home whose chain is that of the archive.
    fn make(&self, home: &Home) -> Result<Verified, Failure> {
        let staging = Staging::make(home).map_err(of_archive)?;
        let binary = self.settings.overrides().into_iter().rfind(|set| set.key == "comet.binary").map(|set| set.value);
        let named = binary.as_deref().filter(|binary| !binary.is_empty()).map(Path::new);
        let verified = unpacked(&self.archive, staging.folder(), named)?;
        let engine = verified.contents.engine;
        let mut settings = vec![Override::flag("restore", "engine", engine.name())];
        settings.extend(self.settings.overrides());
        if let Some(other) = settings.iter().find(|set| set.key == "engine" && set.value != engine.name()) {
            return Err(usage(anyhow!(
                "the blocks of this archive are made by {engine}: leave out {} {}, which makes a home for another engine",
                other.place,
                other.value
            )));
        }
        let init = Init {
            source: Some(Source::File(staging.folder().join("genesis.json"))),
            hash: Some(hex::encode(verified.genesis.hash())),
            chain_id: None,
            settings,
        };
        init.run(home).map_err(|error| match error {
            InitError::Home(_) | InitError::Keys(_) => failed(error),
            _ => usage(error),
        })?;
        let _lock = home.lock().map_err(failed)?;
        staging.replace(home).map_err(of_archive)?;
        Ok(verified)
    }

    /// Puts the archive in place of the chain of a home.
    fn refill(&self, home: &Home) -> Result<Verified, Failure> {
        if !self.settings.overrides().is_empty() {
            return Err(usage(anyhow!(
                "{} has its settings in config.toml already: change them there, and leave them out here",
                home.root().display()
            )));
        }
        let _lock = home.lock().map_err(failed)?;
        let binary = self.check(home)?.comet.binary;
        let named = (!binary.is_empty()).then(|| Path::new(&binary));
        let staging = Staging::make(home).map_err(of_archive)?;
        let verified = unpacked(&self.archive, staging.folder(), named)?;
        staging.replace(home).map_err(of_archive)?;
        Ok(verified)
    }

    /// Whether this archive may go into this home, as far as the list of the archive says; the rest is verified later. Returns
    /// the settings of the home.
    fn check(&self, home: &Home) -> Result<Config, Failure> {
        let contents = archive::read_contents(&self.archive).map_err(of_archive)?;
        let config = Config::load(&home.config_file(), std::env::vars(), &[]).map_err(usage)?;
        if config.engine != contents.engine {
            return Err(usage(anyhow!(
                "the blocks of this archive are made by {}, and this home is for {}: restore it into another home",
                contents.engine,
                config.engine
            )));
        }
        let genesis = diem_genesis::load(&home.genesis_file(), None).map_err(usage)?;
        if genesis.hash() != contents.genesis_hash {
            return Err(usage(anyhow!(
                "this archive is of chain {} with genesis {}, and the home's genesis is {} of {}: restore it into another home",
                contents.chain_id,
                hex::encode(contents.genesis_hash),
                hex::encode(genesis.hash()),
                genesis.chain_id
            )));
        }
        // Whether there is a state at all is asked of the disk: one that is damaged is what an archive is for.
        let has_state = home.data().read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if has_state && !self.again {
            return Err(usage(anyhow!(
                "{} has a chain: --again puts the archive in its place, and keeps keys and signing state",
                home.root().display()
            )));
        }
        Ok(config)
    }
}
