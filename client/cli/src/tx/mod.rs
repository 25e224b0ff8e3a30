//! `diemd tx`: making, signing and sending transactions.

mod bytes;
mod credits;
mod diem;
mod file;
mod hand_on;
mod make;
mod outcome;
mod pay;
mod preview;
mod providers;
mod send;
mod staking;
mod validator;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use diem_api::{Hash, TxView};
use diem_client::{Guard, KnownChain, Sender, build::placeholder};
use diem_core::{Amount, keys::KeyKind};
use diem_types::{Signed, Tx};

use super::{
    Failure,
    common::{Common, PassphraseSource, block_on, confirm},
    failure::usage,
    headings::{Group, template},
    known,
    names::Names,
    output::say,
    receivers, tables, units,
};
use bytes::BytesView;
use file::TxFile;
use hand_on::InTurn;
use make::Preview;
pub use make::{Make, Sending, Wallet};

/// Make, sign and send transactions.
#[derive(Debug, Args)]
#[command(help_template = help())]
pub struct TxCommand {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(flatten)]
    Pay(pay::Verb),
    #[command(flatten)]
    Staking(staking::Verb),
    #[command(flatten)]
    Diem(diem::Verb),
    #[command(flatten)]
    Credits(credits::Verb),
    #[command(flatten)]
    Providers(providers::Verb),
    #[command(flatten)]
    Validator(validator::Verb),
    #[command(flatten)]
    Files(Files),
}

/// The verbs of `diemd tx` that work on transaction files.
#[derive(Debug, Subcommand)]
enum Files {
    /// Sign a transaction file, as its sender or its fee payer
    Sign {
        /// File to sign, or `-` for stdin.
        file: PathBuf,
        /// Key that signs, of the sender or of the fee payer.
        #[arg(long, value_name = "KEY")]
        from: String,
        /// Most that it may pay as fee, such as 0.01VVV [default: 0.1VVV, and 10 times what it was when this wallet
        /// first saw the chain].
        #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
        max_fee: Option<Amount>,
        /// Do not ask before signing.
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Send a signed transaction file
    Broadcast {
        /// File to send, or `-` for stdin: JSON of `sign`, or 0x and hex.
        file: PathBuf,
        #[command(flatten)]
        sending: Sending,
        #[command(flatten)]
        preview: Preview,
    },
    /// Show what a transaction file asks for, in words, without asking a node
    Show {
        /// File to show, or `-` for stdin: JSON of `sign`, or 0x and hex.
        file: PathBuf,
        /// Show the bytes of its calls, of what is signed and of what is sent instead of words.
        #[arg(long)]
        bytes: bool,
    },
}

fn help() -> String {
    template(&[
        Group::of::<pay::Verb>("Paying"),
        Group::of::<staking::Verb>("Staking VVV"),
        Group::of::<diem::Verb>("Minting DIEM"),
        Group::of::<credits::Verb>("Staking DIEM and using its credit"),
        Group::of::<providers::Verb>("Providing compute"),
        Group::of::<validator::Verb>("Being a validator"),
        Group::of::<Files>("Transactions in files"),
    ])
}

impl TxCommand {
    /// Runs the command and prints its result.
    ///
    /// # Errors
    /// The exit code tells how far the transaction came; the sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let common = &self.common;
        let verb = match self.verb {
            Verb::Files(files) => return files.run(common),
            verb => verb,
        };
        block_on(async {
            let wallet = Wallet::open(common).await?;
            match verb {
                Verb::Pay(verb) => verb.run(&wallet).await,
                Verb::Staking(verb) => verb.run(&wallet).await,
                Verb::Diem(verb) => verb.run(&wallet).await,
                Verb::Credits(verb) => verb.run(&wallet).await,
                Verb::Providers(verb) => verb.run(&wallet).await,
                Verb::Validator(verb) => verb.run(&wallet).await,
                Verb::Files(files) => files.run(common),
            }
        })
    }
}

impl Files {
    fn run(self, common: &Common) -> Result<(), Failure> {
        match self {
            Self::Sign { file, from, max_fee, yes, passphrase } => {
                sign(common, &file, &from, max_fee, yes, &passphrase)
            }
            Self::Broadcast { file, sending, preview } => {
                block_on(async { hand_on::broadcast(common, &file, &sending, &preview).await })
            }
            Self::Show { file, bytes: true } => {
                common.output.print(&BytesView::new(&TxFile::read(&file)?), BytesView::table)
            }
            Self::Show { file, bytes: false } => show(common, &file),
        }
    }
}

fn sign(
    common: &Common,
    path: &std::path::Path,
    name: &str,
    max_fee: Option<Amount>,
    yes: bool,
    passphrase: &PassphraseSource,
) -> Result<(), Failure> {
    let mut file = TxFile::read(path)?;
    let keys = common.keys();
    let (tx, key) = (file.tx(), keys.get(name)?);
    keys.resolve(name, &tx.chain_id).map_err(|error| usage(anyhow!(error)))?;
    // The signer sees the transaction before the passphrase is asked for: the file may be somebody else's.
    say(&tables::draft(&TxView::new_unsigned(&tx, 0), &Names::of(&keys, &tx.chain_id), None, None));
    let known = common.chains().get(&tx.chain_id)?;
    if let Some(known) = &known {
        known::check(known, &tx.chain_id, &Hash(tx.genesis_hash), "the transaction of this file")?;
    }
    tx.calls.iter().try_for_each(|call| receivers::check(call, &tx.chain_id))?;
    check_fee(&tx, known.as_ref(), max_fee)?;
    // Day, nonce, expiry and the least that a mint gives may be some node's word, and the file does not say which.
    confirm("Sign it?", yes)?;
    let secret = passphrase.open(name, &key, &tx.chain_id)?;
    file.sign(&secret.key())?;
    if key.address == tx.sender {
        remember(common, &file)?;
    }
    // A signed file is data for the next command, whatever the form of other output.
    super::output::Output::Json.print(&file, |_| String::new())
}

/// Keeps a signature of the sender as one that may still count, wherever its file goes. Where there are others
/// beside it, their nonces are said.
fn remember(common: &Common, file: &TxFile) -> Result<(), Failure> {
    // The client only remembers: no node is asked.
    let (client, sender, open) = (common.client()?, Sender::of(&file.tx()), file.unsettled());
    let turn = InTurn::take(common, sender.clone(), &client, true)?;
    let others = client.unsettled(&sender).into_iter().filter(|other| other.nonce != open.nonce);
    let nonces: Vec<String> = others.map(|other| other.nonce.to_string()).collect();
    if !nonces.is_empty() {
        say(&format!("beside it, signatures of this sender may still count with the nonces {}", nonces.join(", ")));
    }
    turn.keep_beside(&client, &sender, open)
}

/// Refuses a fee that the signer has not agreed to: the file may come from a node that was lied about.
fn check_fee(tx: &Tx, known: Option<&KnownChain>, named: Option<Amount>) -> Result<(), Failure> {
    let limit = match named {
        Some(named) => named,
        None => {
            // A signature that is made elsewhere counts with the larger size.
            let payer = tx.fee_payer.map(|_| KeyKind::Ed25519);
            Guard::default().limit(known, &placeholder(tx, KeyKind::Ed25519, payer).map_err(usage)?)
        }
    };
    if tx.max_fee <= limit {
        return Ok(());
    }
    Err(usage(anyhow!(
        "this may pay a fee of {} VVV, more than the {limit} VVV that are signed for without being told: nothing was \
         signed; to sign for that much, name it as --max-fee",
        tx.max_fee
    )))
}

fn show(common: &Common, path: &std::path::Path) -> Result<(), Failure> {
    let file = TxFile::read(path)?;
    let signed = file.bytes().ok().and_then(|bytes| Signed::decode(&bytes).ok());
    let good = signed.as_ref().map(|signed| signed.verify().map_err(|error| error.to_string()));
    let view = TxView::new_unsigned(&file.tx(), signed.as_ref().map_or(0, |signed| signed.size));
    let names = Names::of(&common.keys(), &view.chain_id);
    common.output.print(&view, |view| tables::draft(view, &names, None, good.as_ref()))
}
