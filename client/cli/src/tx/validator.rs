//! The verbs of `diemd tx` for the operator of a validator: to become one, change it, come back, and change its key.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;
use diem_core::Amount;
use diem_staking::{CreateValidator, Description, EditValidator, Msg};
use diem_types::Call;

use super::make::{Make, Wallet};
use crate::{
    Failure, ask,
    failure::usage,
    output::{plain, quoted},
    proof_file::ProofFile,
    units,
};

/// The verbs of `diemd tx` for the operator of a validator.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Become a validator, with stake of one's own
    #[command(after_help = "Example: diemd validator prove --home ~/.diem --operator dave > proof.json\n         \
                      diemd tx create-validator --proof proof.json --moniker Dave --self-stake 1000VVV --from dave")]
    CreateValidator {
        /// File of `diemd validator prove`.
        #[arg(long, value_name = "FILE")]
        proof: PathBuf,
        /// Name that people call it.
        #[arg(long, value_name = "TEXT")]
        moniker: String,
        /// Amount that the operator stakes with it, such as 1000VVV.
        #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
        self_stake: Amount,
        /// Part of the rewards that it takes.
        #[arg(long, value_name = "PERCENT", value_parser = units::percent, default_value = "5%")]
        commission: u16,
        /// Largest part that it will ever take.
        #[arg(long, value_name = "PERCENT", value_parser = units::percent, default_value = "20%")]
        max_commission: u16,
        /// Most by which its part may change from a day to the next.
        #[arg(long, value_name = "PERCENT", value_parser = units::percent, default_value = "1%")]
        max_commission_change: u16,
        /// Website where people read more of it.
        #[arg(long, value_name = "URL", default_value = "")]
        website: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Change what people are told, or the commission from tomorrow on
    #[command(after_help = "Example: diemd tx edit-validator --commission 4.5% --from dave")]
    EditValidator {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Come back after too many missed blocks
    #[command(after_help = "Example: diemd tx unjail --from dave\n`diemd query validator dave` says from when on.")]
    Unjail {
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Give one's validator another bridge key
    #[command(
        after_help = "Example: diemd validator prove --home ~/.diem --operator dave --new-bridge-key > proof.json\n         \
                      diemd tx rotate-bridge-key --proof proof.json --from dave"
    )]
    RotateBridgeKey {
        /// File of `diemd validator prove --new-bridge-key`.
        #[arg(long, value_name = "FILE")]
        proof: PathBuf,
        #[command(flatten)]
        make: Box<Make>,
    },
}

/// What can be changed of a validator.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Change {
    /// Name that people call it.
    #[arg(long, value_name = "TEXT")]
    moniker: Option<String>,
    /// Website where people read more of it.
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    /// Part of the rewards that it takes.
    #[arg(long, value_name = "PERCENT", value_parser = units::percent)]
    commission: Option<u16>,
}

impl Verb {
    pub(super) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::CreateValidator {
                proof,
                moniker,
                self_stake,
                commission,
                max_commission,
                max_commission_change,
                website,
                make,
            } => {
                let file = proof_of(wallet, &proof, &make)?;
                let create = CreateValidator {
                    consensus_key: file.consensus_key,
                    bridge_address: file.bridge_address,
                    proof: file.proof,
                    commission,
                    max_commission,
                    max_commission_change,
                    description: Description { moniker, website },
                    self_stake,
                };
                (Msg::CreateValidator(create), make)
            }
            Self::EditValidator { change, make } => (edit(wallet, &make, change).await?, make),
            Self::Unjail { make } => (Msg::Unjail, make),
            Self::RotateBridgeKey { proof, make } => {
                let ProofFile { consensus_key, bridge_address, proof, .. } = proof_of(wallet, &proof, &make)?;
                (Msg::RotateBridgeKey { consensus_key, bridge_address, proof }, make)
            }
        };
        wallet.send(&make, Call::Staking(msg)).await
    }
}

/// The proof, if it is this sender's and this chain's.
fn proof_of(wallet: &Wallet<'_>, path: &std::path::Path, make: &Make) -> Result<ProofFile, Failure> {
    let file = ProofFile::read(path)?;
    let sender = wallet.who(&make.from)?;
    let chain_id = &wallet.chain.chain_id;
    if file.operator != sender || file.chain_id != *chain_id {
        return Err(usage(anyhow!(
            "{} is a proof for {} on {}, not for {sender} on {chain_id}: make one with `diemd validator prove`",
            path.display(),
            file.operator,
            plain(&file.chain_id)
        )));
    }
    Ok(file)
}

/// The chain replaces name and website together: whichever is not named stays as it is.
async fn edit(wallet: &Wallet<'_>, make: &Make, change: Change) -> Result<Msg, Failure> {
    let Change { moniker, website, commission } = change;
    let description = if moniker.is_some() || website.is_some() {
        let now = ask::validator(&wallet.client, &wallet.who(&make.from)?).await?;
        let kept = |what, now: String| {
            wallet.tell(what, format!("{}, as it is now", quoted(&now)));
            now
        };
        Some(Description {
            moniker: moniker.unwrap_or_else(|| kept("moniker", now.moniker)),
            website: website.unwrap_or_else(|| kept("website", now.website)),
        })
    } else {
        None
    };
    Ok(Msg::EditValidator(EditValidator { description, commission }))
}
