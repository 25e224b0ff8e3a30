//! Whom a user believes instead of the node.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use diem_api::Hash;
use diem_client::{Client, LightError, verify::Trust};

use crate::{
    Failure,
    common::Common,
    failure::{failed, usage},
};

/// The options that name what is trusted of a chain.
#[derive(Debug, Args)]
pub struct TrustSource {
    /// Genesis that you trust [default: that of the home, if it has one].
    #[arg(long, value_name = "FILE", conflicts_with = "genesis_hash")]
    genesis: Option<PathBuf>,
    /// Take the genesis from the node, but only if it has this hash.
    #[arg(long, value_name = "HASH")]
    genesis_hash: Option<Hash>,
    /// A block of the chain that you trust: what is trusted of a real chain must not be older than two thirds of its
    /// unbonding time.
    #[arg(long, value_name = "HEIGHT:HASH", value_parser = block_point)]
    trust: Option<(u64, Hash)>,
}

/// The options that say whether to believe the node, and whom instead.
#[derive(Debug, Args)]
pub struct Verify {
    /// Check a proof of the answer against the validators of a genesis that you trust.
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    source: TrustSource,
}

impl Verify {
    /// What is trusted, if anything has to be proven.
    ///
    /// # Errors
    /// The errors of [`TrustSource::trust`], or it is said whom to believe and not that anything be proven.
    pub async fn trust(&self, common: &Common, client: &Client) -> Result<Option<Trust>, Failure> {
        match (self.verify, self.source.is_named()) {
            (true, _) => self.source.trust(common, client).await.map(Some),
            (false, true) => {
                Err(usage(anyhow!("--genesis, --genesis-hash and --trust say whom to believe with --verify: add it")))
            }
            (false, false) => Ok(None),
        }
    }
}

/// Reads a trusted block, written as HEIGHT:HASH.
///
/// # Errors
/// The sentence says what is wrong with it.
pub fn block_point(text: &str) -> Result<(u64, Hash), String> {
    let (height, hash) = text.split_once(':').ok_or("write it as HEIGHT:HASH")?;
    let height = height.parse().map_err(|_| format!("`{height}` is no height"))?;
    Ok((height, hash.parse().map_err(|error| format!("{error}"))?))
}

impl TrustSource {
    /// Whether any of the options was given.
    const fn is_named(&self) -> bool {
        self.genesis.is_some() || self.genesis_hash.is_some() || self.trust.is_some()
    }

    /// What is trusted by these options.
    ///
    /// # Errors
    /// No genesis is known, it is another one than the trusted, or the block is.
    pub async fn trust(&self, common: &Common, client: &Client) -> Result<Trust, Failure> {
        let genesis = match (&self.genesis, &self.genesis_hash) {
            (Some(path), _) => load_genesis(path)?,
            (None, Some(trusted)) => {
                let genesis = client.genesis().await?;
                let hash = Hash(genesis.hash());
                if hash != *trusted {
                    return Err(failed(anyhow!("the node's genesis has the hash {hash}, not the trusted {trusted}")));
                }
                genesis
            }
            (None, None) => {
                let path = common.home().genesis_file();
                if !path.exists() {
                    return Err(usage(anyhow!(
                        "a proof needs a genesis to trust: give --genesis FILE, or --genesis-hash HASH to take it from \
                         the node"
                    )));
                }
                load_genesis(&path)?
            }
        };
        match &self.trust {
            None => Trust::from_genesis(&genesis).map_err(usage),
            Some((height, hash)) => {
                let block = client.light_block(*height).await?;
                Trust::from_header(&genesis, hash.0, &block).map_err(|error| not_proven(error.into()))
            }
        }
    }
}

fn load_genesis(path: &Path) -> Result<diem_types::GenesisDoc, Failure> {
    diem_genesis::load(path, None).map_err(usage)
}

/// The failure of an answer that was not proven.
pub fn not_proven(error: LightError) -> Failure {
    match error {
        LightError::Client(error) => error.into(),
        LightError::Verify(error) => failed(anyhow!("do not believe this node: {error}")),
        error => failed(anyhow!("{error}")),
    }
}
