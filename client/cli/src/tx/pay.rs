//! The verbs of `diemd tx` that pay one account or many.

use anyhow::anyhow;
use clap::Subcommand;
use diem_bank::{Msg, Output as Payment};
use diem_core::{Amount, Denom};
use diem_types::Call;

use super::make::{Make, Wallet};
use crate::{Failure, failure::usage};

/// The verbs of `diemd tx` that pay accounts.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Pay one account in VVV or DIEM
    #[command(after_help = "Example: diemd tx transfer bob 12.5VVV --from alice")]
    Transfer {
        /// Account that receives the amount: an address (diem1... or 0x...) or the name of a key.
        to: String,
        /// Amount to pay, such as 12.5VVV, 3DIEM or 100avvv.
        #[arg(value_parser = Denom::parse_amount)]
        amount: (Amount, Denom),
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Pay many accounts in one transaction, all or none
    #[command(after_help = "Example: diemd tx multi-transfer bob=1VVV carol=2.5VVV --from alice")]
    MultiTransfer {
        /// Payments, each written TO=AMOUNT, all in one denomination: bob=1VVV carol=2.5VVV.
        #[arg(required = true, value_name = "TO=AMOUNT")]
        payments: Vec<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(super) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::Transfer { to, amount: (amount, denom), make } => {
                (Msg::Transfer { to: wallet.who(&to)?, denom, amount }, make)
            }
            Self::MultiTransfer { payments, make } => (multi_transfer(wallet, &payments)?, make),
        };
        wallet.send(&make, Call::Bank(msg)).await
    }
}

fn multi_transfer(wallet: &Wallet<'_>, payments: &[String]) -> Result<Msg, Failure> {
    let mut first: Option<Denom> = None;
    let mut outputs = Vec::with_capacity(payments.len());
    for payment in payments {
        let form = || usage(anyhow!("`{payment}` is not a payment: write TO=AMOUNT, such as bob=1VVV"));
        let (to, amount) = payment.split_once('=').ok_or_else(form)?;
        let (amount, denom) = Denom::parse_amount(amount).map_err(usage)?;
        if *first.get_or_insert(denom) != denom {
            return Err(usage(anyhow!("one transfer is in one denomination: send VVV and DIEM apart")));
        }
        outputs.push(Payment { to: wallet.who(to)?, amount });
    }
    Ok(Msg::MultiTransfer { denom: first.unwrap_or(Denom::Vvv), outputs })
}
