//! Providing compute: registration, prices, vouchers; and the authority's list.

use std::path::PathBuf;

use clap::Subcommand;
use diem_core::{Address, Amount};
use diem_credits::Msg;
use diem_types::Call;

use super::make::{Make, Wallet};
use crate::{Failure, output::say, prices, units, voucher};

/// The verbs of `diemd tx` for providers, and for the authority that lists them.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Become a provider, with a bond and a URL at which it serves
    #[command(
        after_help = "Example: diemd tx register-provider --bond 1000VVV --endpoint https://ai.example/v1 --moniker \"Dave's GPUs\" --from dave"
    )]
    RegisterProvider {
        /// Bond to put up, such as 1000VVV. It bounds what earns rent a day: one credit for each VVV.
        #[arg(long, value_name = "AMOUNT", value_parser = units::vvv)]
        bond: Amount,
        /// URL at which it serves.
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// Name that people call it.
        #[arg(long, value_name = "TEXT")]
        moniker: String,
        /// Account that is paid for settled days [default: the sender].
        #[arg(long, value_name = "WHO")]
        payout: Option<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Change the URL, the name or the account that is paid
    #[command(after_help = "Example: diemd tx edit-provider --endpoint https://new.example/v1 --from dave")]
    EditProvider {
        #[command(flatten)]
        change: Change,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Add to one's bond; it counts from tomorrow
    #[command(after_help = "Example: diemd tx add-bond 500VVV --from dave")]
    AddBond {
        /// Amount to add, such as 500VVV.
        #[arg(value_parser = units::vvv)]
        amount: Amount,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Publish prices; a raised one counts from tomorrow
    #[command(after_help = PRICES_HELP)]
    PublishPrices {
        /// File with the whole sheet: TOML for people, or JSON as the API gives it.
        file: PathBuf,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Stop being a provider, for ever: today is the last day
    #[command(
        after_help = "Example: diemd tx deregister --from dave\nThe bond comes back by itself after its unbonding time. This account can never be a provider again."
    )]
    Deregister {
        #[command(flatten)]
        make: Box<Make>,
    },
    /// Hand in vouchers of a provider
    #[command(after_help = "Example: diemd tx settle vouchers/*.json --from carol\n\
                      Each is judged alone; the answer names what became of each. Anyone may hand them in: with --provider,\n\
                      the sender pays the fee and the provider is paid.")]
    Settle {
        /// Files of `diemd voucher sign`, each with one voucher or a list of them; `-` is stdin.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Provider that the vouchers pay [default: the sender].
        #[arg(long, value_name = "WHO")]
        provider: Option<String>,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// As the authority: let a provider earn rent from tomorrow on
    #[command(after_help = "Example: diemd tx list-provider dave --from validator-1")]
    ListProvider {
        /// Provider to list: an address or the name of a key.
        #[arg(value_name = "WHO")]
        provider: String,
        #[command(flatten)]
        make: Box<Make>,
    },
    /// As the authority: stop a provider from earning rent, at once
    #[command(after_help = "Example: diemd tx delist-provider dave --from validator-1")]
    DelistProvider {
        /// Provider to delist: an address or the name of a key.
        #[arg(value_name = "WHO")]
        provider: String,
        /// Take its bond for the treasury as well.
        #[arg(long)]
        forfeit: bool,
        #[command(flatten)]
        make: Box<Make>,
    },
}

const PRICES_HELP: &str = "\
Example: diemd tx publish-prices prices.toml --from carol

prices.toml, in credit (dollars of inference) for one unit:
  [[models]]
  model = \"llama-3.3-70b\"
  input_token = \"0.0000007\"
  output_token = \"0.0000028\"
  long_context = { threshold = 131072, multiplier = \"2\" }

Units: input_token, output_token, cached_token, cache_write_token, image, second, character, call.";

/// What can be changed of a provider.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Change {
    /// URL at which it serves.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Name that people call it.
    #[arg(long, value_name = "TEXT")]
    moniker: Option<String>,
    /// Account that is paid for settled days.
    #[arg(long, value_name = "WHO")]
    payout: Option<String>,
}

impl Verb {
    pub(super) async fn run(self, wallet: &Wallet<'_>) -> Result<(), Failure> {
        let (msg, make) = match self {
            Self::RegisterProvider { bond, endpoint, moniker, payout, make } => {
                let payout = wallet.who(payout.as_ref().unwrap_or(&make.from))?;
                (Msg::RegisterProvider { bond, payout, endpoint, moniker }, make)
            }
            Self::EditProvider { change: Change { endpoint, moniker, payout }, make } => {
                let payout = wallet.who_if_any(payout.as_ref())?;
                (Msg::EditProvider { payout, endpoint, moniker }, make)
            }
            Self::AddBond { amount, make } => (Msg::AddBond { amount }, make),
            Self::PublishPrices { file, make } => (Msg::PublishPrices { sheet: prices::read(&file)? }, make),
            Self::Deregister { make } => (Msg::Deregister, make),
            Self::Settle { files, provider, make } => {
                let provider = wallet.who(provider.as_ref().unwrap_or(&make.from))?;
                (settle(wallet, &files, provider)?, make)
            }
            Self::ListProvider { provider, make } => (Msg::ListProvider { provider: wallet.who(&provider)? }, make),
            Self::DelistProvider { provider, forfeit, make } => {
                (Msg::DelistProvider { provider: wallet.who(&provider)?, forfeit }, make)
            }
        };
        wallet.send(&make, Call::Credits(msg)).await
    }
}

/// The call that hands in the vouchers of `files`; says first which of them the chain will pay nothing for.
fn settle(wallet: &Wallet<'_>, files: &[PathBuf], provider: Address) -> Result<Msg, Failure> {
    let vouchers = voucher::read_all(files)?;
    let chain = &wallet.chain;
    let doubts = voucher::doubts(&vouchers, &chain.chain_id, &chain.genesis_hash.0, &provider);
    let names = wallet.names();
    doubts.iter().for_each(|doubt| say(&names.text(doubt)));
    if !doubts.is_empty() {
        say("gas is paid for every voucher: leave those out");
    }
    Ok(Msg::SettleVouchers { provider, vouchers })
}
