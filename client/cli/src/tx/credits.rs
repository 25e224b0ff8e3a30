//! The verbs of `diemd tx` that stake DIEM and use the credit of the day.

use anyhow::anyhow;
use clap::Subcommand;
use diem_core::Amount;
use diem_credits::{Msg, grants::ProviderLimit};
use diem_types::Call;

use super::make::{Make, Wallet};
use crate::{Failure, failure::usage, units};

/// The verbs of `diemd tx` that stake DIEM and use its credit.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Stake DIEM: each gives one credit a day, from now on
    #[command(after_help = "Example: diemd tx stake-diem 5DIEM --beneficiary bob --from alice")]
    StakeDiem {
        /// Amount to stake, such as 5DIEM; at least 0.01DIEM stands staked for a beneficiary.
        #[arg(value_parser = units::diem)]
        amount: Amount,
        /// Account that has the credit [default: the sender].
        #[arg(long, value_name = "WHO")]
        beneficiary: Option<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Take DIEM out of stake; it is paid by itself after the cooldown
    #[command(after_help = "Example: diemd tx unstake-diem 5DIEM --beneficiary bob --from alice")]
    UnstakeDiem {
        /// Amount to unstake: the whole position, or at least 0.01DIEM if as much stays.
        #[arg(value_parser = units::diem)]
        amount: Amount,
        /// Account whose credit it backs [default: the sender].
        #[arg(long, value_name = "WHO")]
        beneficiary: Option<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Stake again DIEM that is on its way out
    #[command(after_help = "Example: diemd tx cancel-unstake-diem 3 --from alice\n\
                      `diemd query unstaking-diem alice` lists the tranches by number.")]
    CancelUnstakeDiem {
        /// Number of the tranche.
        tranche: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Pay at once a tranche of DIEM that is due, instead of waiting for the queue
    #[command(after_help = "Example: diemd tx collect-tranche 3 --from alice\n\
                      `diemd query unstaking-diem alice` lists the tranches by number, with their dates.")]
    CollectTranche {
        /// Number of the tranche.
        id: u64,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Allocate so much credit a day to a provider, until changed
    #[command(after_help = "Example: diemd tx allocate 2.5 --provider carol --from bob\n\
                      0 ends an allocation. A raise counts today as far as free credit reaches, a cut from tomorrow.")]
    Allocate {
        /// Credit a day, such as 2.5.
        #[arg(value_parser = units::credit, value_name = "CREDIT")]
        amount: Amount,
        /// Provider to which it is allocated: an address or the name of a key.
        #[arg(long, value_name = "WHO")]
        provider: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Let a session key sign vouchers, up to a limit a day at each provider
    #[command(
        after_help = "Example: diemd tx grant --key agent --last-day 20800 --limit carol=1 --limit dave=0.5 --from bob"
    )]
    Grant {
        /// Session key: its address or its name.
        #[arg(long, value_name = "WHO")]
        key: String,
        /// Last day on which the key may sign.
        #[arg(long, value_name = "DAY")]
        last_day: u64,
        /// Provider and the credit that the key may spend there a day; may be repeated.
        #[arg(long, required = true, value_name = "WHO=CREDIT")]
        limit: Vec<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Take away a session key's rights from tomorrow on
    #[command(after_help = "Example: diemd tx revoke --key agent --from bob")]
    Revoke {
        /// Session key: its address or its name.
        #[arg(long, value_name = "WHO")]
        key: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Spend free credit at a provider, at once
    #[command(after_help = "Example: diemd tx spend 1.5 --provider carol --reference \"one image\" --from bob")]
    Spend {
        /// Credit to spend, such as 1.5.
        #[arg(value_parser = units::credit, value_name = "CREDIT")]
        amount: Amount,
        /// Provider at which it is spent: an address or the name of a key.
        #[arg(long, value_name = "WHO")]
        provider: String,
        /// Day whose credit is spent; any but the open one is refused [default: the open one].
        #[arg(long)]
        day: Option<u64>,
        /// Text for the provider, such as the number of an order; everybody can read it.
        #[arg(long, default_value = "", value_name = "TEXT")]
        reference: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Give free credit of today to another account
    #[command(after_help = "Example: diemd tx gift 1 --to dave --from bob")]
    Gift {
        /// Credit to give, such as 1.
        #[arg(value_parser = units::credit, value_name = "CREDIT")]
        amount: Amount,
        /// Account that receives the credit: an address or the name of a key.
        #[arg(long, value_name = "WHO")]
        to: String,
        /// Day whose credit is given [default: the open one].
        #[arg(long)]
        day: Option<u64>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Set free credit of today aside for sale
    #[command(
        after_help = "Example: diemd tx offer 10 --price 0.01VVV --from bob\nIt takes the place of an earlier offer."
    )]
    Offer {
        /// Credit to offer, such as 10.
        #[arg(value_parser = units::credit, value_name = "CREDIT")]
        amount: Amount,
        /// Price of one credit, such as 0.01VVV.
        #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
        price: Amount,
        /// Day whose credit is offered [default: the open one].
        #[arg(long)]
        day: Option<u64>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Take back one's offer of credit
    #[command(after_help = "Example: diemd tx withdraw-offer --from bob")]
    WithdrawOffer {
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Buy credit of today that is for sale
    #[command(after_help = "Example: diemd tx buy 2 --seller bob --max-price 0.01VVV --from dave\n\
                      `diemd query offers` lists what is for sale.")]
    Buy {
        /// Credit to buy, such as 2.
        #[arg(value_parser = units::credit, value_name = "CREDIT")]
        amount: Amount,
        /// Account that sells: an address or the name of a key.
        #[arg(long, value_name = "WHO")]
        seller: String,
        /// Highest price of one credit to accept, such as 0.01VVV.
        #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
        max_price: Amount,
        /// Day whose credit is bought [default: the open one].
        #[arg(long)]
        day: Option<u64>,
        #[command(flatten)]
        make: Box<Make>,
    },
}

impl Verb {
    pub(super) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::StakeDiem { amount, beneficiary, make } => {
                (Msg::StakeDiem { amount, beneficiary: wallet.who_if_any(beneficiary.as_ref())? }, make)
            }
            Self::UnstakeDiem { amount, beneficiary, make } => {
                (Msg::UnstakeDiem { amount, beneficiary: wallet.who_if_any(beneficiary.as_ref())? }, make)
            }
            Self::CancelUnstakeDiem { tranche, make } => (Msg::CancelUnstake { tranche }, make),
            Self::CollectTranche { id, make } => (Msg::CollectTranche { id }, make),
            Self::Allocate { amount, provider, make } => {
                (Msg::Allocate { provider: wallet.who(&provider)?, amount }, make)
            }
            Self::Grant { key, last_day, limit, make } => {
                let key = wallet.who(&key)?;
                (Msg::Grant { key, last_day, limits: limits(wallet, &limit)? }, make)
            }
            Self::Revoke { key, make } => (Msg::Revoke { key: wallet.who(&key)? }, make),
            Self::Spend { amount, provider, day, reference, make } => {
                let (provider, day) = (wallet.who(&provider)?, wallet.day(day).await?);
                (Msg::Spend { provider, day, amount, reference }, make)
            }
            Self::Gift { amount, to, day, make } => {
                let (to, day) = (wallet.who(&to)?, wallet.day(day).await?);
                (Msg::GiftCredit { to, day, amount }, make)
            }
            Self::Offer { amount, price, day, make } => {
                (Msg::OfferCredit { day: wallet.day(day).await?, amount, price }, make)
            }
            Self::WithdrawOffer { make } => (Msg::WithdrawOffer, make),
            Self::Buy { amount, seller, max_price, day, make } => {
                let (seller, day) = (wallet.who(&seller)?, wallet.day(day).await?);
                (Msg::BuyCredit { seller, day, amount, max_price }, make)
            }
        };
        wallet.send(&make, Call::Credits(msg)).await
    }
}

/// Limits in the order in which the chain wants them; each provider once.
fn limits(wallet: &Wallet<'_>, texts: &[String]) -> Result<Vec<ProviderLimit>, Failure> {
    let mut limits = Vec::with_capacity(texts.len());
    for text in texts {
        let form = || usage(anyhow!("`{text}` is not a limit: write WHO=CREDIT, such as carol=1.5"));
        let (provider, limit) = text.split_once('=').ok_or_else(form)?;
        let limit = units::credit(limit).map_err(|error| usage(anyhow!("{text}: {error}")))?;
        limits.push(ProviderLimit { provider: wallet.who(provider)?, limit });
    }
    limits.sort_by_key(|limit| limit.provider);
    if let Some(twice) =
        limits.windows(2).find(|pair| pair.first().map(|a| a.provider) == pair.last().map(|b| b.provider))
    {
        let who = twice.first().map(|limit| limit.provider.to_string()).unwrap_or_default();
        return Err(usage(anyhow!("{who} has two limits: name each provider once")));
    }
    Ok(limits)
}
