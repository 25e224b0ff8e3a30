//! Credit: accounts, providers, days, and the market of a day.

use diem_core::Address;
use diem_credits::prices::PriceSheet;
use serde::{Deserialize, Serialize};

use super::{Coin, Credit, Hash, Moment};

/// The answer of `GET /v1/accounts/{address}/credit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCredit {
    /// The credit of the open day.
    pub today: CreditDay,
    /// The credit of the day before, which takes vouchers until it is settled.
    pub previous: CreditDay,
    /// The credit with which the next day opens, if nothing changes.
    pub tomorrow: Credit,
    /// The credit that it offers for sale today.
    pub offer: Option<Offer>,
    /// The allocations that it has made to providers.
    pub allocations: Vec<Allocation>,
}

/// An account's credit on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditDay {
    /// The number of the day.
    pub day: u64,
    /// The DIEM staked for the account, now or when the day closed.
    pub staked: Coin,
    /// The credit of the day: what was staked, given and bought, less what was given away and sold.
    pub allowance: Credit,
    /// The credit that was consumed.
    pub spent: Credit,
    /// The credit that is allocated to providers and not consumed yet.
    pub allocated: Credit,
    /// The credit that is set aside for sale.
    pub offered: Credit,
    /// The credit that nobody has a claim on.
    pub free: Credit,
}

/// `GET /v1/accounts/{address}/allocations?height=&after=&limit=`: what an account has allocated to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The provider to which it is allocated.
    pub provider: Address,
    /// The allocation of today.
    pub today: AllocationDay,
    /// The allocation of the day before.
    pub previous: AllocationDay,
    /// The credit that is allocated for each day from tomorrow on.
    pub next: Credit,
    /// The amount to which it will be scaled tomorrow, if nothing changes.
    pub tomorrow: Credit,
}

/// An allocation on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationDay {
    /// The credit that is allocated.
    pub amount: Credit,
    /// The credit that vouchers of all signers have taken.
    pub used: Credit,
    /// The credit that is left of the allocation.
    pub left: Credit,
}

/// The answer of `GET /v1/accounts/{address}/offer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOffer {
    /// Its open offer, if it has one.
    pub offer: Option<Offer>,
}

/// `GET /v1/offers?height=&after=&limit=`: an open offer of credit of the open day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The account that sells.
    pub seller: Address,
    /// The day of the credit; the offer ends with it.
    pub day: u64,
    /// The credit that is on offer.
    pub amount: Credit,
    /// The price of a whole credit.
    pub price: Coin,
}

/// `GET /v1/accounts/{address}/diem-stakes?height=&after=&limit=`: DIEM that an account has staked for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiemStake {
    /// The account that gets the credit.
    pub beneficiary: Address,
    /// The DIEM that is staked.
    pub amount: Coin,
}

/// `GET /v1/accounts/{address}/diem-tranches?height=&after=&limit=`: DIEM on its way out of stake, by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiemTranche {
    /// Its number, by which it can be cancelled.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// The account whose credit it backed.
    pub beneficiary: Address,
    /// The DIEM of the tranche.
    pub amount: Coin,
    /// The day on which it began; it still backs that day's credit.
    pub day: u64,
    /// The moment at which it is paid by itself.
    pub due: Moment,
}

/// `GET /v1/accounts/{address}/grants?height=&after=&limit=`: a session key and what it may spend, by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The address of the session key.
    pub key: Address,
    /// The last day on which it may sign.
    #[serde(with = "diem_core::json::number")]
    pub last_day: u64,
    /// The limits, by provider.
    pub limits: Vec<GrantLimit>,
}

/// The limits of a session key at one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLimit {
    /// The provider at which it may spend.
    pub provider: Address,
    /// The limit of today.
    pub today: GrantDay,
    /// The limit of the day before.
    pub previous: GrantDay,
    /// The limit of every day after today, up to the grant's last.
    pub next: Credit,
}

/// A session key's limit on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantDay {
    /// The most credit that may be paid.
    pub amount: Credit,
    /// The credit that its vouchers were paid.
    pub paid: Credit,
    /// The rest of the limit; the account's allocation to the provider may be smaller.
    pub left: Credit,
}

/// `GET /v1/accounts/{address}/vouchers/{provider}?signer=`: what vouchers can still bring there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouchers {
    /// The account whose credit pays.
    pub account: Address,
    /// The address that signs: the account itself or a session key.
    pub signer: Address,
    /// The provider that is paid.
    pub provider: Address,
    /// The credit of the open day.
    pub today: VoucherDay,
    /// The credit of the day before, while it takes vouchers.
    pub previous: Option<VoucherDay>,
}

/// The credit that vouchers of a signer can bring at a provider on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherDay {
    /// The number of the day.
    pub day: u64,
    /// The credit that was paid so far: the cumulative amount that the next voucher must exceed.
    pub paid: Credit,
    /// The highest number of requests seen.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// The credit that can still be paid.
    pub left: Credit,
}

/// `GET /v1/providers?height=&after=&limit=`: a provider, also one that has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// The account of the provider.
    pub provider: Address,
    /// The name of the provider.
    pub moniker: String,
    /// The URL at which it serves.
    pub endpoint: String,
    /// The account that is paid for settled days.
    pub payout: Address,
    /// The bond that it has put up.
    pub bond: Coin,
    /// Its last day and when its bond is paid back, if it leaves or has left.
    pub left: Option<Left>,
    /// The standing that counts today.
    pub today: ProviderStanding,
    /// The standing that counts from the next day on.
    pub next: ProviderStanding,
}

/// A provider that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The last day on which it serves.
    pub day: u64,
    /// The moment at which its bond is paid back by itself.
    pub due: Moment,
}

/// The standing of a provider on a day, which decides what it can earn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderStanding {
    /// Whether it earns rent.
    pub listed: bool,
    /// The bond that bounds what it earns: one credit for one VVV.
    pub bond: Coin,
}

/// The answer of `GET /v1/providers/{address}?height=&prove=true`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderDetail {
    /// The row of the provider.
    #[serde(flatten)]
    pub provider: Provider,
    /// The number of the open day.
    pub day: u64,
    /// The most that it may charge on the open day.
    pub prices_today: PriceSheet,
    /// The hash of that sheet, as vouchers name it.
    pub prices_hash: Hash,
    /// The sheet by which it may charge from the next day on.
    pub prices_next: PriceSheet,
    /// The consumption there today.
    pub earned_today: Served,
    /// The credit of today that would still earn rent.
    pub left_to_earn: Credit,
    /// The consumption there the day before, until it is paid.
    pub earned_previous: Option<Served>,
}

/// The consumption at a provider on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The credit that was consumed.
    pub consumed: Credit,
    /// The part that earns rent: at most the bond, nothing if not listed.
    pub counted: Credit,
    /// The number of requests.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
}

/// The answer of `GET /v1/credit/today`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// The number of the open day.
    pub day: u64,
    /// The moment at which it opened.
    pub opened_at: Moment,
    /// The first moment at which the next day can open.
    pub closes_at: Moment,
    /// The credit of the day, used or not.
    pub allowance: Credit,
    /// The DIEM that is staked: the credit with which the next day opens.
    pub staked: Coin,
    /// The supply of DIEM.
    pub supply: Coin,
    /// The credit that was consumed so far.
    pub consumed: Credit,
    /// The part of it that earns rent.
    pub counted: Credit,
    /// The number of requests so far.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// The rent that the day has brought so far.
    pub rent: Coin,
    /// The day before, while it takes vouchers.
    pub unsettled: Option<Day>,
    /// The last moment at which it takes them.
    pub settles_after: Option<Moment>,
}

/// `GET /v1/days?height=&after=&limit=` and `GET /v1/days/{day|today}`: a day, running totals while it is open or takes
/// vouchers, its record afterwards. What is not known yet is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The number of the day.
    pub day: u64,
    /// The moment at which it opened.
    pub opened_at: Moment,
    /// The moment at which it closed.
    pub closed_at: Option<Moment>,
    /// The moment at which it was settled.
    pub settled_at: Option<Moment>,
    /// The credit of the day, used or not.
    pub allowance: Credit,
    /// The DIEM that exists, or existed when the day closed.
    pub supply: Coin,
    /// The divisor of the rent, once the day has closed.
    pub base: Option<Credit>,
    /// The credit that was consumed.
    pub consumed: Credit,
    /// The part of it that earns rent.
    pub counted: Credit,
    /// consumed / allowance, of 10,000, rounded down; 0 if there was no credit.
    pub utilisation_bps: u64,
    /// The number of requests.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// The rent, or what there is of it so far while the day is open.
    pub rent: Coin,
    /// The rent that belongs to providers, once the day is settled, as the next two are.
    pub pot: Option<Coin>,
    /// The rent that went to the treasury.
    pub treasury: Option<Coin>,
    /// The rent that went to stakers.
    pub stakers: Option<Coin>,
    /// The rent that providers have been paid so far.
    pub paid: Coin,
}

/// `GET /v1/days/{day|today}/providers?height=&after=&limit=`: a provider at which credit of the day was consumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayProvider {
    /// The account of the provider.
    pub provider: Address,
    /// What was consumed at this provider on that day.
    #[serde(flatten)]
    pub served: Served,
    /// The payment for it, once it was made.
    pub paid: Option<Payout>,
}

/// The rent of a day that a provider was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The amount that was paid; 0 if all of it was above its bond, or it was not listed.
    pub amount: Coin,
    /// The account that received it.
    pub to: Address,
    /// The height of the block that paid it.
    pub height: u64,
}
