//! `diemd query`: reading the chain, and believing only what is proven.

mod credit;
mod days;
mod mint;
pub mod staking;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_api::{Account, BlockId, Coin, Hash, Proof};
use diem_client::{Client, ClientError, LightClient};
use diem_core::{Address, encoding::HexBytes};

use super::{
    Exit, Failure, brief,
    common::{Common, block_on},
    failure::usage,
    headings::{Group, template},
    names::Names,
    output::Output,
    proven::{Proven, VerifiedAnswer},
    tables,
    trust::{Verify, not_proven},
};

/// Read the chain: accounts, blocks, stake, credit.
#[derive(Debug, Args)]
#[command(help_template = help())]
pub struct QueryCommand {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(flatten)]
    Chain(Chain),
    #[command(flatten)]
    Staking(staking::Verb),
    #[command(flatten)]
    Mint(mint::Verb),
    #[command(flatten)]
    Credit(credit::Verb),
    #[command(flatten)]
    Days(days::Verb),
}

/// The height at which to read the state.
#[derive(Debug, Args)]
struct Height {
    /// Height whose state to show, one of the last 64 [default: the latest].
    #[arg(long)]
    height: Option<u64>,
}

/// The account to read, and the height.
#[derive(Debug, Args)]
struct AccountAt {
    /// Account: an address or the name of a key.
    who: String,
    #[command(flatten)]
    at: Height,
}

impl AccountAt {
    async fn address(&self, common: &Common, client: &Client) -> Result<Address, Failure> {
        who(common, client, &self.who).await
    }
}

/// The verbs of `diemd query` that read accounts, blocks and transactions.
#[derive(Debug, Subcommand)]
enum Chain {
    /// Show the node and the end of its chain
    Status,
    /// Show everything that an account owns
    Account {
        /// Account: an address (diem1... or 0x...) or the name of a key.
        address: String,
        /// Height whose state to show, one of the last 64.
        #[arg(long)]
        height: Option<u64>,
        #[command(flatten)]
        verify: Verify,
    },
    /// Show a transaction in a block
    Tx {
        /// Hash of the transaction.
        hash: Hash,
    },
    /// Show a block with its transactions
    Block {
        /// Block to show: a height, a hash, or `latest`.
        #[arg(default_value = "latest")]
        block: BlockId,
        /// Page of its transactions to show, as the page before names it.
        #[arg(long, value_name = "NEXT")]
        after: Option<String>,
    },
    /// List the latest blocks, the newest first
    Blocks {
        /// Page to show, as the page before names it.
        #[arg(long, value_name = "NEXT")]
        after: Option<String>,
        /// Number of blocks to show.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// List who signs the blocks, as consensus knows them
    Consensus,
    /// Show the parameters of the chain: gas, limits, staking, credit
    Params,
    /// Show a row of state, or its absence, with a proof
    Proof {
        /// Key of the row, in hex.
        key: HexBytes,
        /// Height whose state to show, one of the last 64.
        #[arg(long)]
        height: Option<u64>,
        #[command(flatten)]
        verify: Verify,
    },
    /// List the errors with their numbers
    Errors,
}

impl QueryCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let client = self.common.client()?;
        block_on(self.answer(&client))
    }

    async fn answer(&self, client: &Client) -> Result<(), Failure> {
        // The chain decides which names count, and only a wallet with keys has any.
        let has_keys = || self.common.keys().list().is_ok_and(|keys| !keys.is_empty());
        if self.common.output == Output::Table
            && has_keys()
            && let Ok(status) = client.status().await
        {
            brief::know(self.names(&status.chain_id));
        }
        match &self.what {
            What::Chain(what) => self.chain(client, what).await,
            What::Staking(what) => what.answer(&self.common, client).await,
            What::Mint(what) => what.answer(&self.common, client).await,
            What::Credit(what) => what.answer(&self.common, client).await,
            What::Days(what) => what.answer(&self.common, client).await,
        }
    }

    async fn chain(&self, client: &Client, what: &Chain) -> Result<(), Failure> {
        let output = self.common.output;
        match what {
            Chain::Status => output.print(&client.status().await?, tables::status),
            Chain::Account { address, height, verify } => {
                let answer = self.account(client, address, *height, verify).await?;
                output.print(&answer, |answer| tables::account(answer, address))
            }
            Chain::Tx { hash } => {
                let found = client.transaction(hash).await.map_err(|e| not_found(e, Exit::Unknown))?;
                let names = self.names(found.tx.as_ref().map_or("", |tx| &tx.chain_id));
                output.print(&found, |found| tables::tx(found, &names))
            }
            Chain::Block { block, after } => {
                let found = client.block(*block, after.as_deref()).await?;
                let names = self.names(&client.status().await?.chain_id);
                output.print(&found, |found| tables::block(found, &names))
            }
            Chain::Blocks { after, limit } => {
                output.print(&client.blocks(after.as_deref(), *limit).await?, tables::blocks)
            }
            Chain::Consensus => output.print(&client.consensus().await?, tables::consensus),
            Chain::Params => output.print(&client.params().await?, tables::params),
            Chain::Proof { key, height, verify } => {
                let answer = self.proof(client, key, *height, verify).await?;
                output.print(&answer, tables::proof)
            }
            Chain::Errors => output.print(&client.errors().await?, |lines| tables::errors(lines)),
        }
    }

    fn names(&self, chain_id: &str) -> Names {
        Names::of(&self.common.keys(), chain_id)
    }

    async fn account(
        &self,
        client: &Client,
        address: &str,
        height: Option<u64>,
        verify: &Verify,
    ) -> Result<VerifiedAnswer<Account>, Failure> {
        let address = who(&self.common, client, address).await?;
        let trust = verify.trust(&self.common, client).await?;
        let height = newest(client, height, trust.is_some()).await?;
        let Some(trust) = trust else {
            let answer = client.account(&address, height, false).await?;
            return Ok(VerifiedAnswer { answer, verified: None });
        };
        let mut light = LightClient::new(client.clone(), trust);
        let (mut answer, proven) = light.account(&address, height).await.map_err(not_proven)?;
        // The proven value is printed, not what the node says beside it.
        answer.nonce = proven.account.nonce;
        answer.next_nonce = None;
        answer.vvv = Coin::vvv(proven.account.vvv);
        answer.diem = Coin::diem(proven.account.diem);
        answer.height = proven.height;
        let verified = Proven {
            chain_id: light.trust().chain_id().into(),
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
        let trust = verify.trust(&self.common, client).await?;
        let height = newest(client, height, trust.is_some()).await?;
        let Some(trust) = trust else {
            let answer = client.proof(&key.0, height).await?;
            return Ok(VerifiedAnswer { answer, verified: None });
        };
        let mut light = LightClient::new(client.clone(), trust);
        let (answer, proven) = light.row(&key.0, height).await.map_err(not_proven)?;
        let verified = Proven {
            chain_id: light.trust().chain_id().into(),
            height: proven.height,
            header_time: proven.header_time,
            root: Hash(proven.root),
            exists: proven.value.is_some(),
        };
        Ok(VerifiedAnswer { answer, verified: Some(verified) })
    }
}

fn help() -> String {
    template(&[
        Group::of::<Chain>("The chain and its accounts"),
        Group::of::<staking::Verb>("Staking VVV"),
        Group::of::<mint::Verb>("VVV and DIEM"),
        Group::of::<credit::Verb>("Staked DIEM and its credit"),
        Group::of::<days::Verb>("Providers and days"),
    ])
}

/// An address, or that of a key of this wallet. The node is asked for its chain only where that decides whom a name
/// means.
///
/// # Errors
/// No key has the name, or the node does not answer.
pub async fn who(common: &Common, client: &Client, text: &str) -> Result<Address, Failure> {
    let keys = common.keys();
    let found = keys.find(text).map_err(|error| usage(anyhow!(error)))?;
    if !found.development {
        return Ok(found.address);
    }
    let chain_id = client.status().await?.chain_id;
    keys.resolve(text, &chain_id).map_err(|error| usage(anyhow!(error)))
}

/// What a person verifies is the newest there is, and so what they have just changed themselves, even if its header
/// takes a moment; a program that gives no height gets the one before, whose header is there.
///
/// # Errors
/// The node does not answer.
pub async fn newest(client: &Client, height: Option<u64>, verify: bool) -> Result<Option<u64>, Failure> {
    if height.is_some() || !verify {
        return Ok(height);
    }
    Ok(client.status().await?.latest.map(|head| head.height))
}

fn not_found(error: ClientError, exit: Exit) -> Failure {
    let not_found = error.refusal().is_some_and(|error| error.codespace == "http" && error.name == "not_found");
    let failure = Failure::from(error);
    if not_found { Failure { exit, ..failure } } else { failure }
}
