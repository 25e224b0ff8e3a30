//! Credit: accounts, providers, days, and the market of a day.

use diem_core::Address;
use diem_credits::prices::PriceSheet;
use serde::{Deserialize, Serialize};

use super::{Coin, Credit, Hash, Moment};

/// `GET /v1/accounts/{address}/credit`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCredit {
    /// On the open day.
    pub today: CreditDay,
    /// On the day before, which takes vouchers until it is settled.
    pub previous: CreditDay,
    /// The credit with which the next day opens, if nothing changes.
    pub tomorrow: Credit,
    /// What it offers for sale today.
    pub offer: Option<Offer>,
    /// What it has promised to providers.
    pub allocations: Vec<Allocation>,
}

/// An account's credit on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditDay {
    /// The day.
    pub day: u64,
    /// The DIEM staked for the account, now or when the day closed.
    pub staked: Coin,
    /// Credit of the day: what was staked, given and bought, less what was given away and sold.
    pub allowance: Credit,
    /// Consumed.
    pub spent: Credit,
    /// Promised to providers and not consumed yet.
    pub promised: Credit,
    /// Set aside for sale.
    pub offered: Credit,
    /// What nobody has a claim on.
    pub free: Credit,
}

/// `GET /v1/accounts/{address}/allocations?height=&after=&limit=`: what an account has promised to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// To whom.
    pub provider: Address,
    /// Today.
    pub today: AllocationDay,
    /// The day before.
    pub previous: AllocationDay,
    /// So much a day from tomorrow on.
    pub next: Credit,
    /// What it will be scaled to tomorrow, if nothing changes.
    pub tomorrow: Credit,
}

/// A promise on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationDay {
    /// How much.
    pub amount: Credit,
    /// What vouchers of all signers have taken.
    pub used: Credit,
    /// What is left.
    pub left: Credit,
}

/// `GET /v1/accounts/{address}/offer`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOffer {
    /// Its open offer, if it has one.
    pub offer: Option<Offer>,
}

/// `GET /v1/offers?height=&after=&limit=`: an open offer of credit of the open day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Who sells.
    pub seller: Address,
    /// Of which day: it ends with it.
    pub day: u64,
    /// How much.
    pub amount: Credit,
    /// For a whole credit.
    pub price: Coin,
}

/// `GET /v1/accounts/{address}/diem-stakes?height=&after=&limit=`: DIEM that an account has staked for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiemStake {
    /// Who gets the credit.
    pub beneficiary: Address,
    /// How much.
    pub amount: Coin,
}

/// `GET /v1/accounts/{address}/diem-tranches?height=&after=&limit=`: DIEM on its way out of stake, by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiemTranche {
    /// Its number, by which it can be cancelled.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// Whose credit it backed.
    pub beneficiary: Address,
    /// How much.
    pub amount: Coin,
    /// The day on which it began; it still backs that day's credit.
    pub day: u64,
    /// When it is paid by itself.
    pub due: Moment,
}

/// `GET /v1/accounts/{address}/grants?height=&after=&limit=`: a session key and what it may spend, by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The key's address.
    pub key: Address,
    /// The last day on which it may sign.
    #[serde(with = "diem_core::json::number")]
    pub last_day: u64,
    /// By provider.
    pub limits: Vec<GrantLimit>,
}

/// What a session key may spend at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLimit {
    /// At whom.
    pub provider: Address,
    /// Today.
    pub today: GrantDay,
    /// The day before.
    pub previous: GrantDay,
    /// On every day after today, up to the grant's last.
    pub next: Credit,
}

/// A session key's limit on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantDay {
    /// How much at most.
    pub amount: Credit,
    /// What its vouchers were paid.
    pub paid: Credit,
    /// What is left of the limit; the account's promise to the provider may be smaller.
    pub left: Credit,
}

/// `GET /v1/accounts/{address}/vouchers/{provider}?signer=`: what vouchers can still bring there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouchers {
    /// Whose credit.
    pub account: Address,
    /// Who signs: the account itself or a session key.
    pub signer: Address,
    /// Who is paid.
    pub provider: Address,
    /// On the open day.
    pub today: VoucherDay,
    /// On the day before, while it takes vouchers.
    pub previous: Option<VoucherDay>,
}

/// What vouchers of a signer can bring at a provider on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherDay {
    /// The day.
    pub day: u64,
    /// Paid so far: the cumulative amount that the next voucher must exceed.
    pub paid: Credit,
    /// The highest number of requests seen.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// How much more can be paid.
    pub left: Credit,
}

/// `GET /v1/providers?height=&after=&limit=`: a provider, also one that has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Who it is.
    pub provider: Address,
    /// Its name.
    pub moniker: String,
    /// Where it serves.
    pub endpoint: String,
    /// Who is paid for settled days.
    pub payout: Address,
    /// What it has put up.
    pub bond: Coin,
    /// Its last day and when its bond is paid back, if it leaves or has left.
    pub left: Option<Left>,
    /// What counts today.
    pub today: ProviderStanding,
    /// What counts from the next day on.
    pub next: ProviderStanding,
}

/// A provider that leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Its last day.
    pub day: u64,
    /// When its bond is paid back by itself.
    pub due: Moment,
}

/// What counts of a provider on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderStanding {
    /// Whether it earns rent.
    pub listed: bool,
    /// The bond that bounds what it earns: one credit for one VVV.
    pub bond: Coin,
}

/// `GET /v1/providers/{address}?height=&prove=true`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderDetail {
    /// Its row.
    #[serde(flatten)]
    pub provider: Provider,
    /// The open day.
    pub day: u64,
    /// The most that it may charge on the open day.
    pub prices_today: PriceSheet,
    /// The hash of that sheet, as vouchers name it.
    pub prices_hash: Hash,
    /// What it may charge from the next day on.
    pub prices_next: PriceSheet,
    /// What was consumed there today.
    pub earned_today: Served,
    /// How much more of today would earn rent.
    pub left_to_earn: Credit,
    /// What was consumed there the day before, until it is paid.
    pub earned_previous: Option<Served>,
}

/// What was consumed at a provider on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// All of it.
    pub consumed: Credit,
    /// The part that earns rent: at most the bond, nothing if not listed.
    pub counted: Credit,
    /// Requests.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
}

/// `GET /v1/credit/today`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// The open day.
    pub day: u64,
    /// When it opened.
    pub opened_at: Moment,
    /// The first moment at which the next day can open.
    pub closes_at: Moment,
    /// All credit of the day, used or not.
    pub allowance: Credit,
    /// All staked DIEM: the credit with which the next day opens.
    pub staked: Coin,
    /// All DIEM.
    pub supply: Coin,
    /// All credit consumed so far.
    pub consumed: Credit,
    /// The part of it that earns rent.
    pub counted: Credit,
    /// All requests so far.
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
    /// Its number.
    pub day: u64,
    /// When it opened.
    pub opened_at: Moment,
    /// When it closed.
    pub closed_at: Option<Moment>,
    /// When it was settled.
    pub settled_at: Option<Moment>,
    /// All credit of the day.
    pub allowance: Credit,
    /// The DIEM that exists, or existed when the day closed.
    pub supply: Coin,
    /// What the rent is divided by, once the day has closed.
    pub base: Option<Credit>,
    /// All credit consumed.
    pub consumed: Credit,
    /// The part of it that earns rent.
    pub counted: Credit,
    /// consumed / allowance, of 10,000, rounded down; 0 if there was no credit.
    pub utilisation_bps: u64,
    /// All requests.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// The rent; so far while the day is open.
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
    /// Who.
    pub provider: Address,
    /// What was consumed there.
    #[serde(flatten)]
    pub served: Served,
    /// What it was paid for it, once it was.
    pub paid: Option<Payout>,
}

/// The rent of a day that a provider was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// How much; nothing if all of it was above its bond, or it was not listed.
    pub amount: Coin,
    /// Who received it.
    pub to: Address,
    /// In which block.
    pub height: u64,
}
