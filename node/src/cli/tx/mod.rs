//! `diemd tx`: making, signing and sending transactions.

mod credits;
mod diem;
mod file;
mod make;
mod pay;
mod preview;
mod providers;
mod send;
mod staking;
mod validator;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use diem_client::api::TxView;
use diem_types::Signed;

use super::{
    Failure,
    common::{Common, PassphraseSource, block_on},
    headings::{Group, template},
    names::Names,
    tables,
};
use file::TxFile;
use make::{Sending, Wallet};
use send::SendOptions;

/// Making, signing and sending transactions.
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

/// Transactions in files.
#[derive(Debug, Subcommand)]
enum Files {
    /// Sign a transaction file, as its sender or its fee payer
    Sign {
        /// The file, or `-` for stdin.
        file: PathBuf,
        /// The key that signs.
        #[arg(long, value_name = "KEY")]
        from: String,
        #[command(flatten)]
        passphrase: PassphraseSource,
    },
    /// Send a signed transaction file
    Broadcast {
        /// The file, or `-` for stdin: JSON of `sign`, or 0x and hex.
        file: PathBuf,
        #[command(flatten)]
        sending: Sending,
    },
    /// Show what a transaction file asks for, in words; asks no node
    Show {
        /// The file, or `-` for stdin: JSON of `sign`, or 0x and hex.
        file: PathBuf,
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
    /// Runs the command.
    ///
    /// # Errors
    /// The exit code tells how far the transaction came; the sentence says what to do.
    pub fn run(self) -> Result<(), Failure> {
        let common = &self.common;
        let verb = match self.verb {
            Verb::Files(files) => return files.run(common),
            verb => verb,
        };
        let wallet = Wallet::new(common)?;
        block_on(async {
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
            Self::Sign { file, from, passphrase } => sign(common, &file, &from, &passphrase),
            Self::Broadcast { file, sending } => {
                let bytes = TxFile::read_signed(&file)?;
                let names = Names::of(&common.keys());
                let options = SendOptions { sending: &sending, output: common.output, names: &names };
                let client = common.client()?;
                block_on(async { send::send(&client, bytes, options).await })
            }
            Self::Show { file } => show(common, &file),
        }
    }
}

fn sign(common: &Common, path: &std::path::Path, name: &str, passphrase: &PassphraseSource) -> Result<(), Failure> {
    let mut file = TxFile::read(path)?;
    let keys = common.keys();
    let key = keys.get(name)?;
    // Whoever signs sees what, before the passphrase is asked for: the file may be somebody else's.
    super::output::say(&tables::draft(&TxView::new_unsigned(&file.tx(), 0), &Names::of(&keys), None, None));
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
    let names = Names::of(&common.keys());
    common.output.print(&view, |view| tables::draft(view, &names, None, good.as_ref()))
}
