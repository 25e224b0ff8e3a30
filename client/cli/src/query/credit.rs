//! Reading credit: an account's, the market's, and session keys.

use clap::Subcommand;
use diem_api::{
    AccountCredit, Allocation, At, CreditDay, DiemStake, DiemTranche, Grant, List, Offer, VoucherDay, Vouchers,
};
use diem_client::Client;

use super::{AccountAt, Height, staking::or_nothing, who};
use crate::{
    Failure,
    common::Common,
    output::{hint, list},
    units::moment,
};

/// The verbs of `diemd query` that read credit.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show an account's credit today, yesterday and tomorrow, with its allocations
    Credit(AccountAt),
    /// List the DIEM that an account has staked, by beneficiary
    DiemStakes(AccountAt),
    /// List the DIEM that an account has on its way out of stake
    UnstakingDiem(AccountAt),
    /// List an account's session keys and their limits
    Grants(AccountAt),
    /// Show what vouchers of a signer can still bring at a provider
    #[command(after_help = "Example: diemd query vouchers bob --provider carol")]
    Vouchers {
        /// Account whose credit pays: an address or the name of a key.
        who: String,
        /// Provider that is paid: an address or the name of a key.
        #[arg(long, value_name = "WHO")]
        provider: String,
        /// Session key that signs [default: the account itself].
        #[arg(long, value_name = "WHO")]
        signer: Option<String>,
        #[command(flatten)]
        at: Height,
    },
    /// List the credit of today that is for sale
    Offers {
        #[command(flatten)]
        at: Height,
    },
}

impl Verb {
    pub(super) async fn answer(&self, common: &Common, client: &Client) -> Result<(), Failure> {
        let output = common.output;
        match self {
            Self::Credit(of) => {
                output.print(&client.credit(&of.address(common, client).await?, of.at.height, false).await?, credit)
            }
            Self::DiemStakes(of) => {
                output.print(&client.diem_stakes(&of.address(common, client).await?, of.at.height).await?, stakes)
            }
            Self::UnstakingDiem(of) => {
                output.print(&client.diem_tranches(&of.address(common, client).await?, of.at.height).await?, tranches)
            }
            Self::Grants(of) => {
                output.print(&client.grants(&of.address(common, client).await?, of.at.height).await?, grants)
            }
            Self::Vouchers { who: text, provider, signer, at } => {
                let signer = match signer {
                    Some(signer) => Some(who(common, client, signer).await?),
                    None => None,
                };
                let (account, provider) = (who(common, client, text).await?, who(common, client, provider).await?);
                output.print(&client.vouchers(&account, &provider, signer.as_ref(), at.height).await?, vouchers)
            }
            Self::Offers { at } => output.print(&client.offers(at.height).await?, offers),
        }
    }
}

fn credit(credit: &At<AccountCredit>) -> String {
    let row = |when: &str, day: &CreditDay| {
        [
            when.into(),
            day.day.to_string(),
            day.allowance.display.clone(),
            day.spent.display.clone(),
            day.allocated.display.clone(),
            day.offered.display.clone(),
            day.free.display.clone(),
        ]
    };
    let none = || "-".to_owned();
    let day = credit.today.day.saturating_add(1).to_string();
    let tomorrow = ["tomorrow".into(), day, credit.tomorrow.display.clone(), none(), none(), none(), none()];
    // An account that is new today has no day before.
    let yesterday = (credit.previous.day > 0).then(|| row("yesterday", &credit.previous));
    let rows = yesterday.into_iter().chain([row("today", &credit.today), tomorrow]);
    let days = list(["", "day", "credit", "spent", "allocated", "for sale", "free"], rows);
    if let Some(offer) = &credit.offer {
        hint(&format!("{} for sale at {} each", offer.amount.display, offer.price.display));
    }
    if credit.allocations.is_empty() {
        return days;
    }
    let row = |allocation: &Allocation| {
        [
            allocation.provider.to_string(),
            allocation.today.amount.display.clone(),
            allocation.today.used.display.clone(),
            allocation.next.display.clone(),
            allocation.tomorrow.display.clone(),
        ]
    };
    let headings = ["allocated to", "today", "used", "each day after", "tomorrow, scaled"];
    format!("{days}\n\n{}", list(headings, credit.allocations.iter().map(row)))
}

fn stakes(all: &List<DiemStake>) -> String {
    let row = |stake: &DiemStake| [stake.beneficiary.to_string(), stake.amount.display.clone()];
    or_nothing(["for the credit of", "staked"], &all.items, row, "no DIEM is staked: `diemd tx stake-diem` does it")
}

fn tranches(all: &List<DiemTranche>) -> String {
    let row = |tranche: &DiemTranche| {
        [tranche.id.to_string(), tranche.amount.display.clone(), moment(&tranche.due), tranche.beneficiary.to_string()]
    };
    let headings = ["tranche", "amount", "paid after", "backed the credit of"];
    or_nothing(headings, &all.items, row, "no DIEM is on its way out of stake")
}

fn grants(all: &List<Grant>) -> String {
    let rows = |grant: &Grant| -> Vec<[String; 6]> {
        let row = |limit: &diem_api::GrantLimit| {
            [
                grant.key.to_string(),
                grant.last_day.to_string(),
                limit.provider.to_string(),
                limit.today.amount.display.clone(),
                limit.today.left.display.clone(),
                limit.next.display.clone(),
            ]
        };
        grant.limits.iter().map(row).collect()
    };
    let rows: Vec<[String; 6]> = all.items.iter().flat_map(rows).collect();
    let headings = ["key", "last day", "provider", "limit today", "left", "each day after"];
    or_nothing(headings, &rows, Clone::clone, "no session keys: `diemd tx grant` makes one")
}

fn vouchers(vouchers: &At<Vouchers>) -> String {
    let row = |day: &VoucherDay| {
        [day.day.to_string(), day.paid.display.clone(), day.requests.to_string(), day.left.display.clone()]
    };
    let days = [Some(&vouchers.today), vouchers.previous.as_ref()];
    list(["day", "paid so far", "requests", "still payable"], days.into_iter().flatten().map(row))
}

fn offers(all: &List<Offer>) -> String {
    let row = |offer: &Offer| {
        [offer.seller.to_string(), offer.day.to_string(), offer.amount.display.clone(), offer.price.display.clone()]
    };
    or_nothing(["seller", "day", "amount", "price of one"], &all.items, row, "nothing is for sale today")
}
