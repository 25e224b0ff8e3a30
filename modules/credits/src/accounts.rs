//! An account's credit, which is rolled lazily: it is brought up to the open day when it is touched, and no step of a
//! block loops over accounts.

use std::collections::BTreeMap;

use diem_core::{Address, Amount, BlockContext, CallError, StateRead, StateWrite};

use crate::{
    Error, providers,
    state::{self, ACCOUNTS, ALLOCATIONS, Account, Allocation, CreditDay, DailyAllocation, LAPSING, OpenDay},
};

/// The least allowance of today with which an account may spend, give, sell and allocate more: 0.1 credit.
pub const MIN_ALLOWANCE: Amount = Amount::new(100_000_000_000_000_000);

/// The least credit that creates an account's first row of credit: 0.01. Credit comes anew every day, so a row must
/// cost more than a little of it.
pub const MIN_NEW_CREDIT: Amount = Amount::new(10_000_000_000_000_000);

/// An account in memory, rolled to the open day.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) address: Address,
    pub(crate) account: Account,
    /// The allocations of the account, by provider ascending.
    pub(crate) allocations: Vec<Allocation>,
    allocations_changed: bool,
    is_new: bool,
}

/// Reads an account and rolls it. Nothing is written; an account never used is empty.
pub(crate) fn load(state: &dyn StateRead, open_day: &OpenDay, address: &Address) -> Customer {
    let account = ACCOUNTS.get(state, address);
    let allocations = ALLOCATIONS.get(state, address).unwrap_or_default();
    let is_new = account.is_none();
    let account = account.unwrap_or_default();
    let mut customer = Customer { address: *address, account, allocations, allocations_changed: false, is_new };
    let mut days = open_day.days_after(customer.account.today.day).peekable();
    if days.peek().is_some() {
        // Each provider is looked up once, however many days have passed, and only where something is allocated on.
        let allocations = customer.allocations.iter().filter(|allocation| !allocation.next.is_zero());
        let last_days: BTreeMap<Address, Option<u64>> = allocations
            .map(|allocation| (allocation.provider, providers::last_day(state, &allocation.provider)))
            .collect();
        days.for_each(|day| customer.enter(&last_days, day));
    }
    customer.allocations.retain(|allocation| !allocation.is_over());
    customer
}

/// Removes at most `limit` rows of accounts that nobody has staked for and nobody has touched since a day before the
/// last one: nothing of their credit is left. The runtime retries this step.
///
/// # Errors
/// It returns none; it has the signature of every step.
pub fn clear_lapsed(ctx: &mut BlockContext<'_>, limit: usize) -> Result<(), CallError> {
    let open_day = state::open_day(ctx.state);
    let Some(last) = open_day.previous.as_ref().map(|previous| previous.day) else { return Ok(()) };
    for (key, _) in state::due(&LAPSING, ctx.state, limit, |(day, _)| *day < last) {
        LAPSING.remove(ctx.state, &key);
        let (day, address) = key;
        let row = ACCOUNTS.get(ctx.state, &address);
        // If it was touched on a later day, it stands in the queue again, unless somebody has staked for it.
        if row.is_some_and(|row| row.today.day == day && row.today.staked.is_zero()) {
            let customer = load(ctx.state, &open_day, &address);
            // An account that still allocates something for later keeps the row.
            if customer.allocations.is_empty() {
                ALLOCATIONS.remove(ctx.state, &address);
                ACCOUNTS.remove(ctx.state, &address);
            }
        }
    }
    Ok(())
}

impl Customer {
    /// Opens `day` for this account: its stake becomes its credit, and its allocations are scaled to fit, once. Those
    /// to providers that have left end.
    fn enter(&mut self, last_days: &BTreeMap<Address, Option<u64>>, day: u64) {
        let staked = self.account.today.staked;
        for allocation in &mut self.allocations {
            allocation.previous = std::mem::take(&mut allocation.today);
            let last_day = last_days.get(&allocation.provider).copied().flatten();
            if last_day.is_some_and(|last_day| last_day < day) {
                allocation.next = Amount::ZERO;
            }
        }
        let allocated = scale(&mut self.allocations, staked);
        self.allocations_changed |= !self.allocations.is_empty();
        let row = CreditDay { day, staked, allowance: staked, allocated, ..CreditDay::default() };
        self.account.previous = std::mem::replace(&mut self.account.today, row);
    }

    /// Writes the account back, and removes allocations that are over and an empty row.
    pub(crate) fn save(mut self, state: &mut dyn StateWrite) {
        if self.allocations_changed {
            self.allocations.retain(|allocation| !allocation.is_over());
            if self.allocations.is_empty() {
                ALLOCATIONS.remove(state, &self.address);
            } else {
                ALLOCATIONS.set(state, &self.address, &self.allocations);
            }
        }
        if self.account.is_empty() && self.allocations.is_empty() {
            ACCOUNTS.remove(state, &self.address);
            return;
        }
        if self.account.today.staked.is_zero() {
            LAPSING.set(state, &(self.account.today.day, self.address), &1);
        }
        ACCOUNTS.set(state, &self.address, &self.account);
    }

    /// Refuses a first credit that is not worth a row.
    pub(crate) fn check_new(&self, amount: Amount) -> Result<(), Error> {
        if self.is_new && amount < MIN_NEW_CREDIT {
            return Err(Error::NewCredit { account: self.address, amount });
        }
        Ok(())
    }

    pub(crate) fn today(&mut self) -> &mut CreditDay {
        &mut self.account.today
    }

    /// The row of today or of the day before.
    pub(crate) fn row_of(&mut self, day: u64) -> Option<&mut CreditDay> {
        [&mut self.account.today, &mut self.account.previous].into_iter().find(|row| row.day == day)
    }

    /// The allocation to `provider` for `day`, which is today or the day before.
    pub(crate) fn allocated(&self, provider: &Address, day: u64) -> Option<&DailyAllocation> {
        let index = self.allocations.binary_search_by_key(provider, |allocation| allocation.provider).ok()?;
        let allocation = self.allocations.get(index)?;
        if day == self.account.today.day { Some(&allocation.today) } else { Some(&allocation.previous) }
    }

    /// The allocation to `provider` for `day`, to be changed.
    pub(crate) fn allocated_mut(&mut self, provider: &Address, day: u64) -> Option<&mut DailyAllocation> {
        let is_today = day == self.account.today.day;
        let allocation = self.allocation_mut(provider)?;
        Some(if is_today { &mut allocation.today } else { &mut allocation.previous })
    }

    /// The allocation to `provider`.
    pub(crate) fn allocation_mut(&mut self, provider: &Address) -> Option<&mut Allocation> {
        let index = self.allocations.binary_search_by_key(provider, |allocation| allocation.provider).ok()?;
        self.allocations_changed = true;
        self.allocations.get_mut(index)
    }

    /// The allocation to `provider`, made anew with nothing allocated if there is none.
    pub(crate) fn allocation_or_new(&mut self, provider: &Address) -> &mut Allocation {
        self.allocations_changed = true;
        let found = self.allocations.binary_search_by_key(provider, |allocation| allocation.provider);
        let index = found.unwrap_or_else(|index| {
            self.allocations.insert(index, Allocation::new(*provider));
            index
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or put there")]
        &mut self.allocations[index]
    }

    /// Refuses an account whose allowance of today is below [`MIN_ALLOWANCE`].
    pub(crate) fn check_min_allowance(&self) -> Result<(), Error> {
        let allowance = self.account.today.allowance;
        if allowance < MIN_ALLOWANCE { Err(Error::TooLittleCredit { allowance }) } else { Ok(()) }
    }

    /// Refuses more than the free credit of today.
    pub(crate) fn check_free(&self, needed: Amount) -> Result<(), Error> {
        let free = self.account.today.free();
        if needed > free { Err(Error::InsufficientCredit { free, needed }) } else { Ok(()) }
    }
}

impl Allocation {
    const fn new(provider: Address) -> Self {
        let nothing = DailyAllocation {
            amount: Amount::ZERO,
            used: Amount::ZERO,
            own: crate::state::VoucherProgress { paid: Amount::ZERO, requests: 0 },
        };
        Self { provider, next: Amount::ZERO, today: nothing, previous: nothing }
    }

    /// Whether nothing is allocated on either of the two days, nor on a later one.
    fn is_over(&self) -> bool {
        self.next.is_zero() && self.today.amount.is_zero() && self.previous.amount.is_zero()
    }
}

/// Sets the allocations of a day that opens with `staked`: each in full if all fit, else each in proportion, rounded
/// down. It returns their sum.
fn scale(allocations: &mut [Allocation], staked: Amount) -> Amount {
    // Standing allocations fit 128 bits together (`allocations`), and a share of `staked` fits because `staked` does.
    let plus = |sum: Amount, more: Amount| sum.checked_add(more).unwrap_or(Amount::MAX);
    let sum = allocations.iter().map(|allocation| allocation.next).fold(Amount::ZERO, plus);
    for allocation in &mut *allocations {
        allocation.today.amount = if sum <= staked {
            allocation.next
        } else {
            allocation.next.mul_div_floor(staked.get(), sum.get()).unwrap_or(Amount::ZERO)
        };
    }
    allocations.iter().map(|allocation| allocation.today.amount).fold(Amount::ZERO, plus)
}

/// The scaled `next` of each allocation on the next day with the present stake, for people to see before it opens.
pub(crate) fn tomorrow(state: &dyn StateRead, customer: &Customer) -> Vec<(Address, Amount)> {
    let mut allocations = customer.allocations.clone();
    for allocation in &mut allocations {
        if providers::last_day(state, &allocation.provider).is_some() {
            allocation.next = Amount::ZERO;
        }
    }
    scale(&mut allocations, customer.account.today.staked);
    allocations.iter().map(|allocation| (allocation.provider, allocation.today.amount)).collect()
}
