//! `diemd tx`: making, signing and sending transactions.

mod file;
mod preview;
mod send;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_bank::{Msg, Output as Payment};
use diem_client::api::{Hash, TxView};
use diem_core::{Address, Amount, Denom};
use diem_types::{Call, Signed};

use super::{
    Failure,
    common::{Common, PassphraseSource, block_on, usage},
    tables,
};
use crate::keys::KeyStore;
use file::TxFile;
use send::{SendOptions, Sending};

/// Making, signing and sending transactions.
#[derive(Debug, Args)]
pub struct TxCommand {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Pay one account.
    Transfer {
        /// Who is paid: an address (diem1... or 0x...) or the name of a key.
        to: String,
        /// How much: 12.5VVV, 3DIEM, 100avvv.
        #[arg(value_parser = Denom::parse_amount)]
        amount: (Amount, Denom),
        #[command(flatten)]
        make: Make,
    },
    /// Pay many accounts in one transaction, all or none.
    MultiTransfer {
        /// Payments, each written TO=AMOUNT: bob=1VVV carol=2.5VVV. All in one denomination.
        #[arg(required = true, value_name = "TO=AMOUNT")]
        payments: Vec<String>,
        #[command(flatten)]
        make: Make,
    },
    /// Sign a transaction file, as its sender or its fee payer.
    Sign {
        /// The file, or `-` for stdin.
        file: PathBuf,
        /// The key that signs.
        #[arg(long, value_name = "KEY")]
        from: String,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Send a signed transaction file.
    Broadcast {
        /// The file, or `-` for stdin: JSON of `sign`, or 0x and hex.
        file: PathBuf,
        #[command(flatten)]
        sending: Sending,
    },
    /// Show what a transaction file asks for, in words. Asks no node.
    Show {
        /// The file, or `-` for stdin: JSON of `sign`, or 0x and hex.
        file: PathBuf,
    },
}

/// Who signs a new transaction and what it may cost.
#[derive(Debug, Args)]
struct Make {
    /// The key that acts and signs.
    #[arg(long, value_name = "KEY")]
    from: String,
    /// Who pays the fee instead: a key, or with --unsigned an address.
    #[arg(long, value_name = "KEY")]
    fee_payer: Option<String>,
    /// avvv for a unit of gas [default: the chain's lowest].
    #[arg(long, value_name = "AVVV")]
    gas_price: Option<u128>,
    /// The most to pay as fee, such as 0.01VVV [default: what it costs].
    #[arg(long, value_name = "AMOUNT", value_parser = parse_vvv)]
    max_fee: Option<Amount>,
    /// The last height at which the transaction is valid [default: 600 blocks from now].
    #[arg(long, value_name = "HEIGHT")]
    expiry: Option<u64>,
    /// The sender's number of transactions so far [default: what the chain says].
    #[arg(long)]
    nonce: Option<u64>,
    /// A text that everybody can read.
    #[arg(long, default_value = "")]
    memo: String,
    /// Refuse to sign for any other chain than the one with this genesis hash.
    #[arg(long, value_name = "HASH")]
    genesis_hash: Option<Hash>,
    /// Say what balances would change, then stop.
    #[arg(long, conflicts_with = "unsigned")]
    dry_run: bool,
    /// Print the unsigned transaction as a file for `sign`, then stop.
    #[arg(long)]
    unsigned: bool,
    #[command(flatten)]
    passphrase: PassphraseSource,
    #[command(flatten)]
    sending: Sending,
}

fn parse_vvv(text: &str) -> Result<Amount, String> {
    match Denom::parse_amount(text) {
        Ok((amount, Denom::Vvv)) => Ok(amount),
        Ok(_) => Err("fees are paid in VVV".into()),
        Err(error) => Err(error.to_string()),
    }
}

impl TxCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The exit code tells how far the transaction came; the sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let common = &self.common;
        match self.verb {
            Verb::Transfer { to, amount: (amount, denom), make } => {
                let to = resolve(&common.keys(), &to)?;
                block_on(send::make_and_send(common, &make, Call::Bank(Msg::Transfer { to, denom, amount })))
            }
            Verb::MultiTransfer { payments, make } => {
                let call = multi_transfer(&common.keys(), &payments)?;
                block_on(send::make_and_send(common, &make, call))
            }
            Verb::Sign { file, from, passphrase } => sign(common, &file, &from, &passphrase),
            Verb::Broadcast { file, sending } => {
                let bytes = TxFile::read_signed(&file)?;
                let options = SendOptions { sending: &sending, output: common.output };
                let client = common.client()?;
                block_on(async { send::send(&client, bytes, options).await })
            }
            Verb::Show { file } => show(common, &file),
        }
    }
}

fn resolve(keys: &KeyStore, text: &str) -> Result<Address, Failure> {
    keys.resolve(text).map_err(|error| usage(anyhow!(error)))
}

fn multi_transfer(keys: &KeyStore, payments: &[String]) -> Result<Call, Failure> {
    let mut first: Option<Denom> = None;
    let mut outputs = Vec::with_capacity(payments.len());
    for payment in payments {
        let form = || usage(anyhow!("`{payment}` is not a payment: write TO=AMOUNT, such as bob=1VVV"));
        let (to, amount) = payment.split_once('=').ok_or_else(form)?;
        let (amount, denom) = Denom::parse_amount(amount).map_err(usage)?;
        if *first.get_or_insert(denom) != denom {
            return Err(usage(anyhow!("one transfer is in one denomination: send VVV and DIEM apart")));
        }
        outputs.push(Payment { to: resolve(keys, to)?, amount });
    }
    Ok(Call::Bank(Msg::MultiTransfer { denom: first.unwrap_or(Denom::Vvv), outputs }))
}

fn sign(common: &Common, path: &std::path::Path, name: &str, passphrase: &PassphraseSource) -> Result<(), Failure> {
    let mut file = TxFile::read(path)?;
    let key = common.keys().get(name)?;
    let secret = passphrase.open(name, &key, &file.tx.chain_id)?;
    file.sign(&secret.key())?;
    // A signed file is data for the next command, whatever the form of other output.
    super::output::Output::Json.print(&file, |_| String::new())
}

fn show(common: &Common, path: &std::path::Path) -> Result<(), Failure> {
    let file = TxFile::read(path)?;
    let signed = file.bytes().ok().and_then(|bytes| Signed::decode(&bytes).ok());
    let good = signed.as_ref().map(|signed| signed.verify().map_err(|error| error.to_string()));
    let view = TxView::new_unsigned(&file.tx(), signed.as_ref().map_or(0, |signed| signed.size));
    common.output.print(&view, |view| tables::draft(view, None, good.as_ref()))
}
