//! `diemd query`: reading the chain, and believing only what is proven.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_client::{
    Client, ClientError,
    api::{Account, BlockId, Coin, Hash, HexBytes, Proof},
    verify::{Trust, VerifyError},
};
use diem_core::Time;
use serde::Serialize;

use super::{
    Exit, Failure,
    common::{Common, block_on, failed, usage},
    tables,
};

/// Reading the chain.
#[derive(Debug, Args)]
pub struct QueryCommand {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The node and the end of its chain.
    Status,
    /// An account's balances and nonce.
    Account {
        /// An address (diem1... or 0x...) or the name of a key.
        address: String,
        /// The height after which to look; one of the last 64.
        #[arg(long)]
        height: Option<u64>,
        #[command(flatten)]
        verify: Verify,
    },
    /// A transaction in a block.
    Tx {
        /// Its hash.
        hash: Hash,
    },
    /// A block with its transactions.
    Block {
        /// A height, a hash, or `latest`.
        #[arg(default_value = "latest")]
        block: BlockId,
        /// The first of its transactions to show.
        #[arg(long, default_value_t = 0)]
        from: u32,
    },
    /// The latest blocks.
    Blocks {
        /// Only those below this height.
        #[arg(long)]
        before: Option<u64>,
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// How much VVV and DIEM there is.
    Supply,
    /// Who makes the blocks.
    Validators,
    /// What gas costs and what the limits are.
    Params,
    /// A row of state, or its absence, with a proof.
    Proof {
        /// The row's key, in hex.
        key: HexBytes,
        /// The height after which to look; one of the last 64.
        #[arg(long)]
        height: Option<u64>,
        #[command(flatten)]
        verify: Verify,
    },
    /// The table of errors.
    Errors,
}

/// Whether to believe the node, and whom instead.
#[derive(Debug, Args)]
struct Verify {
    /// Check a proof of the answer against the validators of a genesis that you trust.
    #[arg(long)]
    verify: bool,
    /// The trusted genesis [default: that of the home, if it has one].
    #[arg(long, value_name = "FILE", requires = "verify", conflicts_with = "genesis_hash")]
    genesis: Option<PathBuf>,
    /// Take the genesis from the node, but only if it has this hash.
    #[arg(long, value_name = "HASH", requires = "verify")]
    genesis_hash: Option<Hash>,
}

/// What was proven, beside the data.
#[derive(Debug, Serialize)]
pub(super) struct Proven {
    pub(super) chain_id: String,
    pub(super) height: u64,
    pub(super) header_time: Time,
    pub(super) root: Hash,
    pub(super) exists: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct VerifiedAnswer<T> {
    #[serde(flatten)]
    pub(super) answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<Proven>,
}

impl QueryCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let client = self.common.client()?;
        block_on(self.answer(&client))
    }

    async fn answer(&self, client: &Client) -> Result<(), Failure> {
        let output = self.common.output;
        match &self.what {
            What::Status => output.print(&client.status().await?, tables::status),
            What::Account { address, height, verify } => {
                let answer = self.account(client, address, *height, verify).await?;
                output.print(&answer, tables::account)
            }
            What::Tx { hash } => {
                let found = client.transaction(hash).await.map_err(|e| not_found(e, Exit::Unknown))?;
                output.print(&found, tables::tx)
            }
            What::Block { block, from } => output.print(&client.block(*block, *from).await?, tables::block),
            What::Blocks { before, limit } => output.print(&client.blocks(*before, *limit).await?, tables::blocks),
            What::Supply => output.print(&client.supply().await?, tables::supply),
            What::Validators => output.print(&client.validators().await?, tables::validators),
            What::Params => output.print(&client.params().await?, tables::params),
            What::Proof { key, height, verify } => {
                let answer = self.proof(client, key, *height, verify).await?;
                output.print(&answer, tables::proof)
            }
            What::Errors => output.print(&client.errors().await?, |lines| tables::errors(lines)),
        }
    }

    async fn account(
        &self,
        client: &Client,
        address: &str,
        height: Option<u64>,
        verify: &Verify,
    ) -> Result<VerifiedAnswer<Account>, Failure> {
        let address = self.common.keys().resolve(address).map_err(|e| usage(anyhow!(e)))?;
        let trust = self.trust(client, verify).await?;
        let height = newest(client, height, trust.is_some()).await?;
        let mut answer = client.account(&address, height, trust.is_some()).await?;
        let Some(trust) = trust else { return Ok(VerifiedAnswer { answer, verified: None }) };
        let proven = trust.verify_account(&address, &answer).map_err(not_proven)?;
        // What is printed is what was proven, not what the node says beside it.
        answer.nonce = proven.account.nonce;
        answer.vvv = Coin::vvv(proven.account.vvv);
        answer.diem = Coin::diem(proven.account.diem);
        answer.height = proven.height;
        let verified = Proven {
            chain_id: trust.chain_id().into(),
            height: proven.height,
            header_time: proven.header_time,
            root: Hash(proven.root),
            exists: proven.exists,
        };
        Ok(VerifiedAnswer { answer, verified: Some(verified) })
    }

    async fn proof(
        &self,
        client: &Client,
        key: &HexBytes,
        height: Option<u64>,
        verify: &Verify,
    ) -> Result<VerifiedAnswer<Proof>, Failure> {
        let trust = self.trust(client, verify).await?;
        let height = newest(client, height, trust.is_some()).await?;
        let answer = client.proof(&key.0, height).await?;
        let Some(trust) = trust else { return Ok(VerifiedAnswer { answer, verified: None }) };
        let proven = trust.verify(&key.0, &answer).map_err(not_proven)?;
        let verified = Proven {
            chain_id: trust.chain_id().into(),
            height: proven.height,
            header_time: proven.header_time,
            root: Hash(proven.root),
            exists: proven.value.is_some(),
        };
        Ok(VerifiedAnswer { answer, verified: Some(verified) })
    }

    async fn trust(&self, client: &Client, verify: &Verify) -> Result<Option<Trust>, Failure> {
        if !verify.verify {
            return Ok(None);
        }
        let genesis = match (&verify.genesis, &verify.genesis_hash) {
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
                let path = self.common.home().genesis_file();
                if !path.exists() {
                    return Err(usage(anyhow!(
                        "--verify needs a genesis to trust: give --genesis FILE, or --genesis-hash HASH to take it \
                         from the node"
                    )));
                }
                load_genesis(&path)?
            }
        };
        Trust::from_genesis(&genesis).map(Some).map_err(usage)
    }
}

/// What a person verifies is the newest there is, and so what they have just changed themselves, even if its header
/// takes a moment; a program that gives no height gets the one before, whose header is there.
async fn newest(client: &Client, height: Option<u64>, verify: bool) -> Result<Option<u64>, Failure> {
    if height.is_some() || !verify {
        return Ok(height);
    }
    Ok(client.status().await?.latest.map(|head| head.height))
}

fn load_genesis(path: &Path) -> Result<diem_types::GenesisDoc, Failure> {
    diem_genesis::load(path, None).map_err(usage)
}

fn not_proven(error: VerifyError) -> Failure {
    failed(anyhow!("do not believe this node: {error}"))
}

fn not_found(error: ClientError, exit: Exit) -> Failure {
    let not_found = error.refusal().is_some_and(|error| error.codespace == "http" && error.name == "not_found");
    let failure = Failure::from(error);
    if not_found { Failure { exit, ..failure } } else { failure }
}
