//! The verbs of `diemd tx` that stake VVV, move it, take it out, and claim its rewards.

use clap::Subcommand;
use diem_core::Amount;
use diem_staking::Msg;
use diem_types::Call;

use super::make::{Make, Wallet};
use crate::{Failure, units};

/// The verbs of `diemd tx` that stake VVV.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Stake VVV with a validator: it becomes sVVV and earns at once
    #[command(after_help = "Example: diemd tx stake 1000VVV --validator validator-1 --from alice")]
    Stake {
        /// Amount to stake, such as 1000VVV.
        #[arg(value_parser = units::vvv)]
        amount: Amount,
        /// Validator to stake with: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Take free stake out, at least the least stake or all; it is paid by itself after the unbonding time
    #[command(after_help = "Example: diemd tx unstake 10VVV --validator validator-1 --from alice\n\
                      `diemd query unstaking alice` says when it is paid.")]
    Unstake {
        /// Amount to take out, in VVV of its value now, such as 10VVV.
        #[arg(value_parser = units::vvv)]
        amount: Amount,
        /// Validator that it leaves: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Stake again what is on its way out
    #[command(after_help = "Example: diemd tx cancel-unstake 3 --from alice\n\
                      `diemd query unstaking alice` lists the tranches by number.")]
    CancelUnstake {
        /// Number of the tranche.
        tranche: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Pay or free at once what is past its date, instead of waiting for the queue
    #[command(after_help = "Example: diemd tx collect 3 --from alice\n\
                      `diemd query unstaking alice` lists what is on its way by number, with its date.")]
    Collect {
        /// The number of the tranche or of the moved stake.
        entry: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Move stake to another validator, locked stake too
    #[command(after_help = "Example: diemd tx restake 10VVV --validator validator-1 --to validator-2 --from alice")]
    Restake {
        /// Amount to move, in VVV of its value now, such as 10VVV.
        #[arg(value_parser = units::vvv)]
        amount: Amount,
        /// Validator that it leaves: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        /// Validator that gets it: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        to: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Pay out rewards, or stake them
    #[command(after_help = "Example: diemd tx claim --validator validator-1 --from alice\n\
                      `diemd query rewards alice` says what there is.")]
    Claim {
        /// Validator with which they were earned: its operator's address or key.
        #[arg(long, value_name = "WHO")]
        validator: String,
        /// Stake them with that validator instead of paying them out.
        #[arg(long)]
        stake: bool,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(super) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::Stake { amount, validator, make } => {
                (Msg::Stake { validator: wallet.who(&validator)?, amount }, make)
            }
            Self::Unstake { amount, validator, make } => {
                (Msg::Unstake { validator: wallet.who(&validator)?, amount }, make)
            }
            Self::CancelUnstake { tranche, make } => (Msg::CancelUnstake { tranche }, make),
            Self::Collect { entry, make } => {
                return wallet.send(&make, Call::Svvv(diem_svvv::Msg::Collect { entry })).await;
            }
            Self::Restake { amount, validator, to, make } => {
                let (from, to) = (wallet.who(&validator)?, wallet.who(&to)?);
                let call = Call::Svvv(diem_svvv::Msg::Restake { from, to, amount });
                return wallet.send(&make, call).await;
            }
            Self::Claim { validator, stake, make } => {
                let validator = wallet.who(&validator)?;
                let msg = if stake { Msg::ClaimAndStake { validator } } else { Msg::Claim { validator } };
                (msg, make)
            }
        };
        wallet.send(&make, Call::Staking(msg)).await
    }
}
