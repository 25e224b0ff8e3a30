//! Sharing rewards over the validators that make blocks, and within each over its positions, without touching any
//! position.

use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, CallError, Denom, MathError, StateRead, StateWrite};

use crate::{
    Error,
    params::FULL,
    scaled::{Scaled, mul_mul_div_floor},
    state::{CONSENSUS_SET, EARNINGS, Earnings, TODAY, VALIDATORS, Validator},
};

/// The outcome of sharing rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewarded {
    /// The protocol fee, which went to the pool of rent, in avvv.
    pub fee: Amount,
    /// The rest, in avvv, which belongs to nobody yet: it stays in the pool of rewards and is to be part of the next
    /// rewards.
    pub left: Amount,
}

/// Shares `amount`, which stands in the pool of rewards, over the set that consensus was last told, by tokens,
/// without those that were jailed or tombstoned since. Of a validator's part the protocol fee comes first, `fee_bps`
/// on the gross of its locked stake; then the operator's commission; the rest belongs to the positions, where a
/// locked share gets so much less.
///
/// # Errors
/// [`Error::Params`] for a fee above 100%; [`Error::Math`] and those of bank if rows contradict each other.
pub fn reward(state: &mut dyn StateWrite, amount: Amount, fee_bps: u16) -> Result<Rewarded, CallError> {
    if fee_bps > FULL {
        return Err(Error::Params("the protocol fee must be at most 10,000 basis points").into());
    }
    let members = members(state);
    let total = members.iter().try_fold(Amount::ZERO, |sum, (_, member)| sum.checked_add(member.tokens));
    let total = total.map_err(Error::from)?;
    let mut earnings = EARNINGS.get(state).unwrap_or_default();
    let mut rewarded = Rewarded { fee: Amount::ZERO, left: amount };
    let today = TODAY.get(state).unwrap_or(0);
    if !total.is_zero() && !amount.is_zero() {
        for (operator, mut member) in members {
            let part = amount.mul_div_floor(member.tokens.get(), total.get()).map_err(Error::from)?;
            let shared = share(&mut member, part, fee_bps, today, &mut earnings)?;
            rewarded.fee = rewarded.fee.checked_add(shared).map_err(Error::from)?;
            rewarded.left = rewarded.left.checked_sub(part).map_err(Error::from)?;
            VALIDATORS.set(state, &operator, &member);
        }
    }
    let (whole, rest) = earnings.dust.split().map_err(Error::from)?;
    earnings.dust = rest;
    rewarded.left = rewarded.left.checked_add(whole).map_err(Error::from)?;
    EARNINGS.set(state, &earnings);
    if !rewarded.fee.is_zero() {
        bank::move_between_pools(state, Pool::Rewards, Pool::Rent, Denom::Vvv, rewarded.fee)?;
    }
    Ok(rewarded)
}

/// The consensus set as its validators stand now, without those that may not earn.
fn members(state: &dyn StateRead) -> Vec<(Address, Validator)> {
    let members = CONSENSUS_SET.all(state).into_iter().map(|(_, member)| member.operator);
    let known = members.filter_map(|operator| Some((operator, VALIDATORS.get(state, &operator)?)));
    known.filter(|(_, member)| member.in_good_standing() && !member.tokens.is_zero()).collect()
}

/// Books a validator's part; returns the protocol fee in it.
fn share(
    member: &mut Validator,
    part: Amount,
    fee_bps: u16,
    today: u64,
    earnings: &mut Earnings,
) -> Result<Amount, Error> {
    let full = u128::from(FULL);
    let (locked, free) = (member.locked, member.shares.checked_sub(member.locked).ok_or(MathError::Underflow)?);
    let fee = mul_mul_div_floor(part, [u128::from(fee_bps), locked], [full, member.shares])?;
    let net = part.checked_sub(fee)?;
    let commission = net.mul_div_floor(u128::from(member.commission.on(today)), full)?;
    let rest = Scaled::from_amount(net.checked_sub(commission)?);

    let locked_weight = FULL.saturating_sub(fee_bps);
    let weights = |factor: u16| rest.rise(factor, [full, free], [u128::from(locked_weight), locked]);
    let (free_rise, locked_rise) = (weights(FULL)?, weights(locked_weight)?);
    let given = free_rise.checked_mul(free)?.checked_add(locked_rise.checked_mul(locked)?)?;
    member.free_index = member.free_index.checked_add(free_rise)?;
    member.locked_index = member.locked_index.checked_add(locked_rise)?;
    member.commission_due = member.commission_due.checked_add(commission)?;
    earnings.owed = earnings.owed.checked_add(given)?.checked_add(Scaled::from_amount(commission))?;
    earnings.dust = earnings.dust.checked_add(rest.checked_sub(given)?)?;
    Ok(fee)
}

/// The balance of staking in the pool of rewards: what was earned and not claimed, with the dust of its divisions.
/// Together with what the last [`Rewarded::left`] said it is all of that pool.
///
/// # Errors
/// It fails if the parts are no whole number of avvv.
pub fn held_rewards(state: &dyn StateRead) -> Result<Amount, String> {
    let Earnings { owed, dust } = EARNINGS.get(state).unwrap_or_default();
    let sum = owed.checked_add(dust).and_then(Scaled::split).map_err(|error| error.to_string())?;
    if sum.1.is_zero() { Ok(sum.0) } else { Err(format!("{owed:?} owed and {dust:?} of dust are no whole avvv")) }
}
