//! Settling vouchers: up to a thousand in one transaction, each judged alone.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, Module as _, ModuleError as _, StateRead, StateWrite, TxContext, Verifier,
    chain::{self, Identity},
};
use serde::{Deserialize, Serialize};

use crate::{
    Credits, Error, Event, SignedVoucher,
    accounts::{self, Customer},
    grants, spend,
    state::{self, DailyLimit, GRANTS, Grant, OpenDay, VoucherProgress, add, sub},
    voucher::Voucher,
};

/// The most vouchers in a call.
pub const MAX_VOUCHERS: usize = 1_000;

/// The most requests that a voucher may count. Nothing is paid by them; the bound keeps a day's sum far from where 64
/// bits end, so that no voucher can drown what others have counted.
pub const MAX_REQUESTS: u64 = 1_000_000_000_000;

/// The verdict on one voucher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Verdict {
    /// Everything that was new in it was paid.
    Paid = 0,
    /// Less was paid than it asks; it may come again for the rest.
    Capped = 1,
    /// It asks for no more than what was paid before.
    NothingNew = 2,
    /// It is refused, with the number of the error in this module's table.
    Refused(u32) = 3,
}

/// The outcome of one voucher, in the order of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Outcome {
    /// The account whose credit it names.
    pub account: Address,
    /// The day that it names.
    #[serde(with = "diem_core::json::number")]
    pub day: u64,
    /// The credit that was paid for it now.
    #[serde(with = "diem_core::json::credit")]
    pub paid: Amount,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// Settles vouchers of one provider, whoever hands them in. Bad ones are named and harm no other.
///
/// # Errors
/// There is no such provider.
pub(crate) fn settle(ctx: &mut TxContext<'_>, address: &Address, vouchers: &[SignedVoucher]) -> Result<(), Error> {
    let open_day = state::open_day(ctx.state);
    let chain = chain::identity(ctx.state);
    let provider = crate::providers::get(ctx.state, &open_day, address)?;
    let mut totals: BTreeMap<u64, (Amount, u64)> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(vouchers.len());
    let mut batch = Batch { open_day: &open_day, customers: BTreeMap::new(), grants: BTreeMap::new() };
    for signed in vouchers {
        let Voucher { account, day, .. } = signed.voucher;
        let settled = check_names(&signed.voucher, address, &open_day, &chain)
            .and_then(|()| batch.judge(ctx.state, ctx.verifier, signed));
        if let Ok(Settled { paid, requests, .. }) = settled {
            let (consumed, served) = totals.entry(day).or_default();
            add(consumed, paid)?;
            *served = served.saturating_add(requests);
        }
        let (paid, verdict) = match settled {
            Ok(settled) => (settled.paid, settled.verdict),
            // The rows contradict each other, and half a voucher must not stay in what the next ones see.
            Err(error @ Error::Math(_)) => return Err(error),
            Err(error) => (Amount::ZERO, Verdict::Refused(error.code())),
        };
        outcomes.push(Outcome { account, day, paid, verdict });
    }
    batch.save(ctx.state);
    for (day, (consumed, requests)) in totals {
        if !consumed.is_zero() || requests > 0 {
            spend::count(ctx.state, &provider, address, day, consumed, requests)?;
        }
    }
    ctx.events.emit(Credits::ID, &Event::VouchersSettled { provider: *address, outcomes });
    Ok(())
}

struct Settled {
    paid: Amount,
    /// The number of requests beyond those that were seen before.
    requests: u64,
    verdict: Verdict,
}

/// The rows that a batch has read: each account and each grant once, however many vouchers are of it.
struct Batch<'a> {
    open_day: &'a OpenDay,
    customers: BTreeMap<Address, Read<Customer>>,
    /// The grants by (account, session key).
    grants: BTreeMap<(Address, Address), Read<Option<Grant>>>,
}

/// A row in memory, and whether it is to be written.
struct Read<T> {
    row: T,
    changed: bool,
}

impl<T> Read<T> {
    const fn new(row: T) -> Self {
        Self { row, changed: false }
    }
}

impl Batch<'_> {
    /// Checks a voucher and takes what it is worth from the allocation of its own day. An error changes nothing, but
    /// for [`Error::Math`], after which nothing of the batch may be kept.
    fn judge(
        &mut self,
        state: &dyn StateRead,
        verifier: &dyn Verifier,
        signed: &SignedVoucher,
    ) -> Result<Settled, Error> {
        let voucher = &signed.voucher;
        let (open_day, account) = (self.open_day, voucher.account);
        let mut by_key = if voucher.signer == account {
            None
        } else {
            let read = || Read::new(grants::get(state, open_day, &account, &voucher.signer));
            let read = self.grants.entry((account, voucher.signer)).or_insert_with(read);
            Some(check_grant(read, voucher)?)
        };
        verifier.verify(signed).map_err(|_| Error::VoucherSignature)?;
        let read = || Read::new(accounts::load(state, open_day, &account));
        let customer = self.customers.entry(account).or_insert_with(read);

        let allocated = customer.row.allocated(&voucher.provider, voucher.day);
        let allocated = allocated.filter(|allocated| !allocated.amount.is_zero());
        let allocated = allocated.ok_or(Error::NoAllocation { provider: voucher.provider })?;
        let mut left = allocated.left();
        let mut stored = allocated.own;
        if let Some((limited, _)) = &by_key {
            stored = limited.signed;
            left = left.min(limited.amount.saturating_sub(stored.paid));
        }
        let asked = voucher
            .amount
            .checked_sub(stored.paid)
            .map_err(|_| Error::VoucherBelow { paid: stored.paid, amount: voucher.amount })?;
        let paid = asked.min(left);
        let seen =
            VoucherProgress { paid: stored.paid.checked_add(paid)?, requests: stored.requests.max(voucher.requests) };

        customer.changed = true;
        if let Some(row) = customer.row.row_of(voucher.day) {
            sub(&mut row.allocated, paid)?;
            add(&mut row.spent, paid)?;
        }
        if let Some(allocated) = customer.row.allocated_mut(&voucher.provider, voucher.day) {
            add(&mut allocated.used, paid)?;
            if by_key.is_none() {
                allocated.own = seen;
            }
        }
        if let Some((limited, changed)) = &mut by_key {
            (limited.signed, **changed) = (seen, true);
        }
        let verdict = match (asked.is_zero(), paid == asked) {
            (true, _) => Verdict::NothingNew,
            (false, true) => Verdict::Paid,
            (false, false) => Verdict::Capped,
        };
        Ok(Settled { paid, requests: seen.requests.saturating_sub(stored.requests), verdict })
    }

    /// Writes the rows that changed.
    fn save(self, state: &mut dyn StateWrite) {
        for Read { row, .. } in self.customers.into_values().filter(|read| read.changed) {
            row.save(state);
        }
        for (key, Read { row, changed }) in self.grants {
            if let Some(grant) = row.filter(|_| changed) {
                GRANTS.set(state, &key, &grant);
            }
        }
    }
}

/// Checks that the voucher is for this chain, this provider and a day that still takes vouchers.
fn check_names(voucher: &Voucher, provider: &Address, open_day: &OpenDay, chain: &Identity) -> Result<(), Error> {
    if voucher.chain_id != chain.chain_id || voucher.genesis_hash != chain.genesis_hash {
        return Err(Error::VoucherChain);
    }
    if voucher.provider != *provider {
        return Err(Error::VoucherProvider);
    }
    if !open_day.is_unsettled(voucher.day) {
        return Err(Error::VoucherDay { day: voucher.day });
    }
    if voucher.requests > MAX_REQUESTS {
        return Err(Error::VoucherRequests);
    }
    Ok(())
}

/// Returns the limit within which the signer may sign on the voucher's day, and the flag that marks its row as changed.
fn check_grant<'a>(
    read: &'a mut Read<Option<Grant>>,
    voucher: &Voucher,
) -> Result<(&'a mut DailyLimit, &'a mut bool), Error> {
    let grant = read.row.as_mut().ok_or(Error::NoGrant)?;
    let is_over = grant.last_day < voucher.day;
    let limit = grant.limit_mut(&voucher.provider, voucher.day).filter(|limit| !limit.amount.is_zero());
    match limit {
        Some(limit) => Ok((limit, &mut read.changed)),
        None if is_over => Err(Error::GrantExpired),
        None => Err(Error::NoGrant),
    }
}
