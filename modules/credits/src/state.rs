//! The tables of credits and what lies in them.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, Module as _, StateRead, Time,
    cell::{Item, KeyPart, Map},
};
use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

use crate::{Credits, Error, Params, prices::Sheets, provider::Provider};

pub(crate) const PARAMS: Item<Params> = Item::new(Credits::ID, 0);
// Table 1 held a copy of the chain's name and genesis hash.
pub(crate) const OPEN_DAY: Item<OpenDay> = Item::new(Credits::ID, 2);
pub(crate) const IDLE_SUPPLY: Item<IdleSupply> = Item::new(Credits::ID, 3);
pub(crate) const NEXT_TRANCHE: Item<u64> = Item::new(Credits::ID, 4);
/// The accounts that have, had or were given credit.
pub(crate) const ACCOUNTS: Map<Address, Account> = Map::new(Credits::ID, 5);
/// An account's allocations, by provider ascending; an account without any has no row.
pub(crate) const ALLOCATIONS: Map<Address, Vec<Allocation>> = Map::new(Credits::ID, 6);
/// The grants of session keys by (account, session key).
pub(crate) const GRANTS: Map<(Address, Address), Grant> = Map::new(Credits::ID, 7);
/// The session keys that an account has grants for, by address ascending. They stand in one row, so that one read
/// counts them.
pub(crate) const KEYS: Map<Address, Vec<SessionKey>> = Map::new(Credits::ID, 17);
/// The staked DIEM by (staker, beneficiary).
pub(crate) const POSITIONS: Map<(Address, Address), Amount> = Map::new(Credits::ID, 8);
/// The tranches by (staker, number).
pub(crate) const TRANCHES: Map<(Address, u64), Tranche> = Map::new(Credits::ID, 9);
/// The queue of tranches: (due in milliseconds, number) to the staker.
pub(crate) const MATURING: Map<(u64, u64), Address> = Map::new(Credits::ID, 10);
/// The price of each open offer, by (day, seller); the amount stands in the seller's row.
pub(crate) const OFFERS: Map<(u64, Address), Amount> = Map::new(Credits::ID, 11);
pub(crate) const PROVIDERS: Map<Address, Provider> = Map::new(Credits::ID, 12);
pub(crate) const SHEETS: Map<Address, Sheets> = Map::new(Credits::ID, 13);
/// The queue of bonds that leave: (due in milliseconds, provider).
pub(crate) const LEAVING: Map<(u64, Address), u8> = Map::new(Credits::ID, 14);
/// Every day that was ever open.
pub(crate) const DAYS: Map<u64, DayRecord> = Map::new(Credits::ID, 15);
/// The credit consumed by (day, provider), until it is paid: the queue of payouts.
pub(crate) const PROVIDER_DAYS: Map<(u64, Address), ProviderDay> = Map::new(Credits::ID, 16);
/// The queue of accounts without stake, by (day of the last touch, account): what was given to them or bought lapses.
pub(crate) const LAPSING: Map<(u64, Address), u8> = Map::new(Credits::ID, 18);
/// The queue of session keys that end, by (last day, account): one row for all keys of an account that end on a day.
pub(crate) const ENDING: Map<(u64, Address), u8> = Map::new(Credits::ID, 19);

/// Whether a row belongs to something on its way to its owner, which the chain removes without a call.
pub fn is_leaving(key: &[u8]) -> bool {
    TRANCHES.has_key(key) || MATURING.has_key(key) || LEAVING.has_key(key) || PROVIDER_DAYS.has_key(key)
}

/// The open day, for the chain as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenDay {
    /// The day that is open.
    pub day: u64,
    /// The DIEM that is staked: the allowance with which the next day opens.
    pub active: Amount,
    /// The credit of the open day, used or not.
    pub allowance: Amount,
    /// The last day before it that had blocks.
    pub previous: Option<PreviousDay>,
}

/// The day before the open one.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousDay {
    /// The number of the day.
    pub day: u64,
    /// The credit of the day, used or not.
    pub allowance: Amount,
    /// The time of the block that closed it.
    pub closed_at: Time,
    /// Whether it is settled; then nothing of it changes any more.
    pub settled: bool,
}

impl OpenDay {
    /// The closed day that is not settled yet.
    pub fn unsettled(&self) -> Option<&PreviousDay> {
        self.previous.as_ref().filter(|previous| !previous.settled)
    }

    /// Whether credit of `day` may still be consumed by vouchers.
    pub fn is_unsettled(&self, day: u64) -> bool {
        day == self.day || self.unsettled().is_some_and(|previous| previous.day == day)
    }

    /// The days that a row last rolled on `from` has to enter.
    pub(crate) fn days_after(&self, from: u64) -> impl Iterator<Item = u64> + use<> {
        let days = [self.previous.as_ref().map(|previous| previous.day), Some(self.day)];
        days.into_iter().flatten().filter(move |day| *day > from)
    }
}

/// The running sum of (DIEM supply - allowance) * milliseconds over the open day.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdleSupply {
    /// The sum up to `at`: an unsigned 256-bit number, big-endian.
    #[serde(with = "hex::serde")]
    pub sum: [u8; 32],
    /// The moment up to which it counts.
    pub at: Time,
    /// The moment at which it began: the time of the block that opened the day.
    pub since: Time,
}

impl IdleSupply {
    pub(crate) fn sum(&self) -> U256 {
        U256::from_be_bytes(self.sum)
    }
}

/// An account's credit of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditDay {
    /// The day of the row.
    pub day: u64,
    /// The DIEM that is staked for this account, at present or when the day closed.
    pub staked: Amount,
    /// The credit of the day: what was staked, given and bought, less what was given away and sold.
    pub allowance: Amount,
    /// The credit that was consumed.
    pub spent: Amount,
    /// The credit that is set aside for providers and not consumed yet. JSON has it under its first name.
    pub allocated: Amount,
    /// The credit that is set aside for sale.
    pub offered: Amount,
}

impl CreditDay {
    /// The credit that nobody has a claim on.
    pub const fn free(&self) -> Amount {
        self.allowance.saturating_sub(self.spent).saturating_sub(self.allocated).saturating_sub(self.offered)
    }
}

/// An account's two rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The row of the day on which it was last touched.
    pub today: CreditDay,
    /// The row of the day before that.
    pub previous: CreditDay,
}

impl Account {
    /// Whether the row can be removed: no DIEM is staked for the account, and no credit of either day is left, of which
    /// whatever was spent, allocated or offered would be a part.
    pub(crate) fn is_empty(&self) -> bool {
        self.today.staked.is_zero() && self.today.allowance.is_zero() && self.previous.allowance.is_zero()
    }
}

/// The credit that an account sets aside for a provider every day: nobody else can spend it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// The provider for which credit is set aside.
    pub provider: Address,
    /// The credit for every day after today, before it is scaled to what is staked.
    pub next: Amount,
    /// The allocation of today, or of the day on which the account was last touched.
    pub today: DailyAllocation,
    /// The allocation of the day before that.
    pub previous: DailyAllocation,
}

/// An allocation on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DailyAllocation {
    /// The credit that is set aside for the day, used or not.
    pub amount: Amount,
    /// The credit that vouchers of all signers have taken.
    pub used: Amount,
    /// The amount and requests of vouchers that the account itself signed.
    pub own: VoucherProgress,
}

impl DailyAllocation {
    /// The credit that is left of the allocation.
    pub const fn left(&self) -> Amount {
        self.amount.saturating_sub(self.used)
    }
}

/// The total of one signer's vouchers at one provider on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoucherProgress {
    /// The credit that was paid so far: the cumulative amount that the next voucher must exceed.
    pub paid: Amount,
    /// The highest number of requests seen.
    pub requests: u64,
}

/// A session key's rights.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The day that `today` in its limits is of.
    pub day: u64,
    /// The last day on which the key may sign.
    pub last_day: u64,
    /// The limits, by provider ascending.
    pub limits: Vec<Limit>,
}

/// A session key that an account has a grant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct SessionKey {
    pub(crate) key: Address,
    /// The last day on which it may sign, as its grant says.
    pub(crate) last_day: u64,
}

impl SessionKey {
    /// Inserts a key into the sorted list of its account, or replaces what the list says of it.
    pub(crate) fn put(keys: &mut Vec<Self>, key: Address, last_day: u64) {
        let row = Self { key, last_day };
        match keys.binary_search_by_key(&key, |row| row.key) {
            Ok(index) => keys.iter_mut().skip(index).take(1).for_each(|old| *old = row),
            Err(index) => keys.insert(index, row),
        }
    }
}

/// The limits of a session key at one provider.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The provider at which it may spend.
    pub provider: Address,
    /// The limit of every day after today, up to the grant's last.
    pub next: Amount,
    /// The limit of today, and how much of it vouchers have used.
    pub today: DailyLimit,
    /// The limit of the day before, and how much of it vouchers have used.
    pub previous: DailyLimit,
}

/// A limit on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DailyLimit {
    /// The most credit that may be paid.
    pub amount: Amount,
    /// The amount and requests of the vouchers that came.
    pub signed: VoucherProgress,
}

/// DIEM on its way out of stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tranche {
    /// The account whose credit it backed.
    pub beneficiary: Address,
    /// The DIEM that leaves, in adiem.
    pub amount: Amount,
    /// The day on which it began; it still backs that day's credit.
    pub day: u64,
    /// The moment at which it is paid by itself.
    pub due: Time,
}

/// The consumption at a provider on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderDay {
    /// The credit that was consumed.
    pub consumed: Amount,
    /// The part of it that earns rent: at most the bond, nothing if not listed.
    pub counted: Amount,
    /// The number of requests.
    pub requests: u64,
}

/// A day: running totals while it is open or in its grace, its record afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayRecord {
    /// The moment at which it opened.
    pub opened_at: Time,
    /// The moment at which it closed.
    pub closed_at: Option<Time>,
    /// The moment at which it was settled.
    pub settled_at: Option<Time>,
    /// The credit of the day; recorded at the close.
    pub allowance: Amount,
    /// The DIEM that existed at the close.
    pub supply: Amount,
    /// The divisor of the rent; recorded at the close.
    pub base: Amount,
    /// The rent, in avvv; recorded at the close.
    pub rent: Amount,
    /// The credit that was consumed.
    pub consumed: Amount,
    /// The part of that credit that earns rent.
    pub counted: Amount,
    /// The number of requests.
    pub requests: u64,
    /// The rent that belongs to providers, in avvv; recorded at the settlement, as the next two are.
    pub pot: Amount,
    /// The rent that went to the treasury.
    pub treasury: Amount,
    /// The rent that went to stakers.
    pub stakers: Amount,
    /// The rent that providers have been paid so far.
    pub paid: Amount,
}

/// The open day, for the chain as a whole. Every state has it from genesis on.
pub fn open_day(state: &dyn StateRead) -> OpenDay {
    OPEN_DAY.get(state).unwrap_or_default()
}

/// The key of the row of an account's credit, for proofs.
pub fn account_key(address: &Address) -> diem_core::Key {
    ACCOUNTS.key(address)
}

/// The key of a provider's row, for proofs.
pub fn provider_key(provider: &Address) -> diem_core::Key {
    PROVIDERS.key(provider)
}

/// The parameters that hold now.
pub fn params(state: &dyn StateRead) -> Params {
    PARAMS.get(state).unwrap_or_default()
}

/// At most `limit` rows from the head of a queue, as far as they are due. Most blocks find nothing due: they read one
/// row, not a page.
pub(crate) fn due<K: KeyPart, V: BorshSerialize + BorshDeserialize>(
    queue: &Map<K, V>,
    state: &dyn StateRead,
    limit: usize,
    is_due: impl Fn(&K) -> bool,
) -> Vec<(K, V)> {
    let is_due = |(key, _): &(K, V)| is_due(key);
    if !queue.range(state, None, 1).iter().any(is_due) {
        return Vec::new();
    }
    let mut rows = queue.range(state, None, limit);
    rows.truncate(rows.partition_point(is_due));
    rows
}

/// Adds `amount` to `total`.
pub(crate) fn add(total: &mut Amount, amount: Amount) -> Result<(), Error> {
    *total = total.checked_add(amount)?;
    Ok(())
}

/// Takes `amount` from `total`.
pub(crate) fn sub(total: &mut Amount, amount: Amount) -> Result<(), Error> {
    *total = total.checked_sub(amount)?;
    Ok(())
}
