//! The verbs of `diemd tx` that mint and burn DIEM.

use clap::Subcommand;
use diem_core::Amount;
use diem_diem::Msg;
use diem_types::Call;

use super::make::{Make, Wallet};
use crate::{Failure, ask, units};

/// The verbs of `diemd tx` that mint and burn DIEM.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Lock an exact amount of sVVV and mint the DIEM that it buys
    #[command(after_help = "Example: diemd tx mint 500VVV --validator validator-1 --from alice\n\
                      `diemd query quote 500VVV` says what it would give; --dry-run says what it would change.")]
    Mint {
        /// Stake to lock, in VVV of its value now, such as 500VVV.
        #[arg(value_parser = units::vvv)]
        lock: Amount,
        /// Validator that the stake is with: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        /// Least DIEM to get, such as 5DIEM; with less nothing happens [default: what the curve gives now].
        #[arg(long, value_name = "AMOUNT", value_parser = units::diem)]
        min_out: Option<Amount>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Mint an exact amount of DIEM and lock what it costs
    #[command(
        after_help = "Example: diemd tx mint-exact 1DIEM --validator validator-1 --max-lock 100VVV --from alice\n\
                      `diemd query quote 1DIEM` says what it would cost."
    )]
    MintExact {
        /// Amount to get, such as 1DIEM.
        #[arg(value_parser = units::diem)]
        out: Amount,
        /// Validator that the stake is with: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        /// Most VVV to lock, such as 100VVV; if it costs more nothing happens.
        #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
        max_lock: Amount,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Burn DIEM and unlock one's own sVVV in proportion
    #[command(after_help = "Example: diemd tx burn 1DIEM --validator validator-1 --from alice\n\
                      `diemd query locks alice` says how much each lock takes.")]
    Burn {
        /// Amount to burn, such as 1DIEM.
        #[arg(value_parser = units::diem)]
        amount: Amount,
        /// Validator that the lock is with: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(super) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::Mint { lock, validator, min_out, make } => {
                let validator = wallet.who(&validator)?;
                (Msg::Mint { validator, lock, min_out: least(wallet, lock, min_out).await? }, make)
            }
            Self::MintExact { out, validator, max_lock, make } => {
                (Msg::MintExact { validator: wallet.who(&validator)?, out, max_lock }, make)
            }
            Self::Burn { amount, validator, make } => (Msg::Burn { validator: wallet.who(&validator)?, amount }, make),
        };
        wallet.send(&make, Call::Diem(msg)).await
    }
}

/// The least to accept. Whoever names nothing gets what the curve gives now, or is refused because somebody minted in
/// between: never a worse price than the one on the screen.
async fn least(wallet: &Wallet<'_>, lock: Amount, named: Option<Amount>) -> Result<Amount, Failure> {
    if let Some(named) = named {
        return Ok(named);
    }
    let out = ask::quote_in(&wallet.client, lock).await?;
    wallet.tell(
        "least to get",
        format!("{out} DIEM for {lock} sVVV, what the curve gives now (--min-out names another)"),
    );
    Ok(out)
}
