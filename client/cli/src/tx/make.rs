//! What every verb that makes a transaction has in common.

use std::cell::RefCell;

use anyhow::anyhow;
use clap::Args;
use diem_api::{Hash, Wait};
use diem_client::{Client, KnownChain};
use diem_core::{Address, Amount};
use diem_wallet::KeyStore;

use crate::{
    Failure, ask,
    common::{Common, PassphraseSource},
    failure::usage,
    known::Known,
    names::Names,
    units,
};

/// Who signs a new transaction and what it may cost.
#[derive(Debug, Args)]
#[command(next_help_heading = "The transaction")]
pub struct Make {
    /// Key of the account that acts and signs.
    #[arg(long, value_name = "KEY")]
    pub from: String,
    /// Account that pays the fee instead: a key, or with --unsigned an address.
    #[arg(long, value_name = "KEY")]
    pub(super) fee_payer: Option<String>,
    /// Price of a unit of gas, in avvv [default: the chain's lowest].
    #[arg(long, value_name = "AVVV")]
    pub(super) gas_price: Option<u128>,
    /// Most to pay as fee, such as 0.01VVV [default: what it costs, up to 0.1VVV and to 10 times what it was when this
    /// wallet first saw the chain].
    #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
    pub(super) max_fee: Option<Amount>,
    /// Last height at which the transaction is valid [default: 600 blocks from now].
    #[arg(long, value_name = "HEIGHT")]
    pub(super) expiry: Option<u64>,
    /// The sender's number of transactions so far [default: what the node says, those that wait in its pool included].
    #[arg(long)]
    pub(super) nonce: Option<u64>,
    /// Text of the transaction, which everybody can read.
    #[arg(long, default_value = "")]
    pub(super) memo: String,
    /// Refuse to sign for any other chain than the one with this genesis hash.
    #[arg(long, value_name = "HASH")]
    pub(super) genesis_hash: Option<Hash>,
    /// Say what balances would change, then stop.
    #[arg(long, conflicts_with = "unsigned")]
    pub dry_run: bool,
    /// Print the unsigned transaction as a file for `sign`, then stop.
    #[arg(long)]
    pub unsigned: bool,
    #[command(flatten)]
    pub(super) passphrase: PassphraseSource,
    #[command(flatten)]
    /// How it is sent, and what is shown.
    pub sending: Sending,
    #[command(flatten)]
    pub(super) preview: Preview,
}

/// For what the command waits, and how long.
#[derive(Debug, Args)]
pub struct Sending {
    /// What to wait for: that it is handed on, checked by the pool, or in a block.
    #[arg(long, default_value = "committed", value_name = "none|checked|committed")]
    pub(super) wait: Wait,
    /// Number of seconds to wait for the block.
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=120))]
    pub(super) timeout: u64,
    /// Do not ask before sending.
    #[arg(long, short)]
    pub yes: bool,
    /// Show all of what is sent and of what became of it, instead of one line.
    #[arg(long, short)]
    pub verbose: bool,
}

/// Whether a node is asked first what a new transaction would do.
#[derive(Debug, Args)]
pub(super) struct Preview {
    /// Do not ask the node first what the transaction would do; with --yes, what would fail is sent all the same.
    #[arg(long)]
    pub(super) no_preview: bool,
}

/// What a verb needs to become a call: the names of this wallet, and what the node knows.
pub struct Wallet<'a> {
    /// The options of the command.
    pub common: &'a Common,
    /// A client that signs for the chain of the node alone.
    pub client: Client,
    /// The chain that is signed for.
    pub chain: KnownChain,
    /// The keys of the wallet.
    pub keys: KeyStore,
    /// The values of the call that are the node's word alone.
    told: RefCell<Vec<(&'static str, String)>>,
}

impl<'a> Wallet<'a> {
    /// The wallet of `common`, for the chain of its node.
    ///
    /// # Errors
    /// The node does not answer, or its chain is another than the one that the wallet knows by this name.
    pub async fn open(common: &'a Common) -> Result<Self, Failure> {
        let Known { client, chain } = Known::ask(common).await?;
        Ok(Self { common, client, chain, keys: common.keys(), told: RefCell::default() })
    }

    /// The names that this wallet has for addresses.
    pub fn names(&self) -> Names {
        Names::of(&self.keys, &self.chain.chain_id)
    }

    /// An address, or that of a key of this wallet.
    ///
    /// # Errors
    /// It is neither, or the key does not count on this chain.
    pub fn who(&self, text: &str) -> Result<Address, Failure> {
        self.keys.resolve(text, &self.chain.chain_id).map_err(|error| usage(anyhow!(error)))
    }

    /// An address as of [`Self::who`], where nobody has to be named.
    pub(super) fn who_if_any(&self, text: Option<&String>) -> Result<Option<Address>, Failure> {
        text.map(|text| self.who(text)).transpose()
    }

    /// The day that is meant: the open one unless another was named.
    pub(super) async fn day(&self, named: Option<u64>) -> Result<u64, Failure> {
        match named {
            Some(day) => Ok(day),
            None => {
                let day = ask::open_day(&self.client).await?;
                self.tell("day", day.to_string());
                Ok(day)
            }
        }
    }

    /// Notes something that is signed because the node says so.
    pub fn tell(&self, what: &'static str, value: String) {
        self.told.borrow_mut().push((what, value));
    }

    /// The values that were noted by [`Self::tell`].
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        self.told.borrow().clone()
    }
}
