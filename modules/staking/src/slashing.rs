//! Slashing: what it takes at once from the validator's tokens, and the jobs that take it from what left before.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, BlockContext, BlockInfo, CallError, Events, MathError, Module as _, StateWrite, Time,
    context::Misbehaviour,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Event, Staking, downtime,
    params::{FULL, Params},
    positions::{Open, sub},
    state::{
        ENTRIES, Entry, EntryKey, JOB_QUEUE, JOBS, Job, Leaving, NEXT_ENTRY, NEXT_JOB, VALIDATORS, Validator, burn,
    },
    validators,
};

/// The offences for which a validator is slashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Offence {
    /// The validator voted twice in one round, or showed a forged header to a light client.
    Equivocation = 0,
    /// The validator missed too many blocks.
    Downtime = 1,
    /// The validator signed a statement of the bridge that the chain never made.
    Forgery = 2,
    // 3 was `BridgeEquivocation`, which nothing ever punished. The number stays reserved.
}

/// A slash as it happened; what left before follows in jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slash {
    /// The operator of the validator that is slashed.
    pub validator: Address,
    /// The offence for which it is slashed.
    pub offence: Offence,
    /// The part that is slashed, in basis points.
    pub bps: u16,
    /// The tokens that it took at once.
    pub burned: Amount,
}

/// The entries that a slash reaches, besides the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Entries that left in the block before this height or later: stake that leaves in a block still votes in the next
    /// one.
    Since(u64),
    /// Every entry that has not been paid or freed yet.
    Everything,
}

/// The part of an amount rounded down: `floor(part * amount)`.
fn floor_of(bps: u16, amount: Amount) -> Result<Amount, MathError> {
    amount.mul_div_floor(u128::from(bps.min(FULL)), u128::from(FULL))
}

/// The part of an amount rounded up: `ceil(part * amount)`.
fn ceil_of(bps: u16, amount: Amount) -> Result<Amount, MathError> {
    amount.mul_div_ceil(u128::from(bps.min(FULL)), u128::from(FULL))
}

/// Takes `floor(bps * T)` of the validator's tokens at once, burns it, and starts a job for what left before: the
/// entries within `reach` that exist now. Later ones leave tokens that are slashed already.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn slash(
    state: &mut dyn StateWrite,
    events: &mut Events,
    operator: &Address,
    offence: Offence,
    bps: u16,
    reach: Reach,
) -> Result<Slash, CallError> {
    let mut validator = validators::load(state, operator)?;
    let burned = floor_of(bps, validator.tokens).map_err(Error::from)?;
    validator.tokens = validator.tokens.checked_sub(burned).map_err(Error::from)?;
    burn(state, burned)?;
    start_job(state, operator, &mut validator, bps, reach);
    validators::save(state, operator, &mut validator);
    events.emit(Staking::ID, &Event::Slashed { validator: *operator, offence, bps, burned });
    Ok(Slash { validator: *operator, offence, bps, burned })
}

fn start_job(state: &mut dyn StateWrite, operator: &Address, validator: &mut Validator, bps: u16, reach: Reach) {
    let from = match reach {
        Reach::Since(height) => height.saturating_sub(1),
        Reach::Everything => 0,
    };
    let job = Job { bps, next: (from, 0), below_id: NEXT_ENTRY.get(state).unwrap_or(0) };
    let first = ENTRIES.prefix(state, operator, Some(&(*operator, from, 0)), 1);
    if bps == 0 || first.is_empty() {
        return;
    }
    let number = NEXT_JOB.get(state).unwrap_or(0);
    NEXT_JOB.set(state, &number.saturating_add(1));
    JOBS.set(state, &(*operator, number), &job);
    JOB_QUEUE.set(state, &number, operator);
    validator.jobs = validator.jobs.saturating_add(1);
}

/// Puts a validator out for ever, and drops its record of missed blocks, which nothing reads any more.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn tombstone(state: &mut dyn StateWrite, events: &mut Events, operator: &Address) -> Result<(), CallError> {
    let mut validator = validators::load(state, operator)?;
    if !validator.tombstoned {
        validator.tombstoned = true;
        downtime::clear(state, &validators::consensus_address(&validator.consensus_key));
        validators::save(state, operator, &mut validator);
        events.emit(Staking::ID, &Event::Tombstoned { validator: *operator });
    }
    Ok(())
}

/// Keeps a validator out until it is unjailed, which it may be from `until` on. One that is jailed longer stays so.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn jail(state: &mut dyn StateWrite, events: &mut Events, operator: &Address, until: Time) -> Result<(), CallError> {
    let mut validator = validators::load(state, operator)?;
    let until = validator.jailed_until.map_or(until, |before| before.max(until));
    validator.jailed_until = Some(until);
    validators::save(state, operator, &mut validator);
    events.emit(Staking::ID, &Event::Jailed { validator: *operator, until });
    Ok(())
}

/// Punishes a validator that forged a statement of the bridge: `bps` of its tokens and of everything that has not
/// been paid or freed yet, and it is out for ever. It counts once, also against one that is out for something else;
/// `None` if it was convicted before.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn punish_forgery(
    state: &mut dyn StateWrite,
    events: &mut Events,
    operator: &Address,
    bps: u16,
) -> Result<Option<Slash>, CallError> {
    let mut validator = validators::load(state, operator)?;
    if validator.forged {
        return Ok(None);
    }
    validator.forged = true;
    VALIDATORS.set(state, operator, &validator);
    let slash = slash(state, events, operator, Offence::Forgery, bps, Reach::Everything)?;
    tombstone(state, events, operator)?;
    Ok(Some(slash))
}

/// Punishes what consensus has proven. It ignores strangers, validators that are out already, and evidence older than
/// the unbonding time, by time, whatever its age in blocks.
pub(crate) fn punish_misbehaviour(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    params: &Params,
    evidence: &Misbehaviour,
) -> Result<Option<Slash>, CallError> {
    let Some(operator) = validators::operator_of(state, &evidence.validator) else { return Ok(None) };
    let age = block.time.millis().saturating_sub(evidence.time.millis());
    if validators::load(state, &operator)?.tombstoned || age > params.unbonding_ms {
        return Ok(None);
    }
    let reach = Reach::Since(evidence.height);
    let slash = slash(state, events, &operator, Offence::Equivocation, params.equivocation_bps, reach)?;
    tombstone(state, events, &operator)?;
    Ok(Some(slash))
}

/// A position whose shares fell because what it holds had left a slashed validator. If its locked shares fell with
/// them, the lock is to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    /// The account that owns the position.
    pub account: Address,
    /// The operator of the validator.
    pub validator: Address,
    /// The shares that are still locked.
    pub locked: u128,
}

/// Takes slashes from what left before: the oldest job first, at most `limit` entries together. It returns the
/// positions whose locked shares fell.
///
/// # Errors
/// The errors of bank, if its pools contradict these rows.
pub fn run_slash_jobs(ctx: &mut BlockContext<'_>, limit: u32) -> Result<Vec<Trimmed>, CallError> {
    let mut left = limit as usize;
    let mut trimmed = Vec::new();
    while left > 0
        && let Some((number, operator)) = JOB_QUEUE.range(ctx.state, None, 1).pop()
    {
        left = run_job(ctx.state, ctx.events, &operator, number, left, &mut trimmed)?;
    }
    Ok(trimmed)
}

/// Walks a job's entries; returns what is left of the limit. A job takes at least one of it.
fn run_job(
    state: &mut dyn StateWrite,
    events: &mut Events,
    operator: &Address,
    number: u64,
    limit: usize,
    trimmed: &mut Vec<Trimmed>,
) -> Result<usize, CallError> {
    let Some(mut job) = JOBS.get(state, &(*operator, number)) else {
        JOB_QUEUE.remove(state, &number);
        return Ok(limit.saturating_sub(1));
    };
    let from = (*operator, job.next.0, job.next.1);
    let page = ENTRIES.prefix(state, operator, Some(&from), limit);
    let (found, mut done) = (page.len(), 0usize);
    for (key, entry) in page.into_iter().take_while(|(key, _)| key.2 < job.below_id) {
        let (rest, lost) = slash_entry(state, events, &key, entry, &[job.bps])?;
        ENTRIES.set(state, &key, &rest);
        trimmed.extend(lost);
        job.next = (key.1, key.2.saturating_add(1));
        done = done.saturating_add(1);
    }
    if done == limit && found == limit {
        JOBS.set(state, &(*operator, number), &job);
    } else {
        finish_job(state, operator, number)?;
    }
    Ok(limit.saturating_sub(done.max(1)))
}

fn finish_job(state: &mut dyn StateWrite, operator: &Address, number: u64) -> Result<(), Error> {
    JOBS.remove(state, &(*operator, number));
    JOB_QUEUE.remove(state, &number);
    let mut validator = validators::load(state, operator)?;
    validator.jobs = validator.jobs.saturating_sub(1);
    VALIDATORS.set(state, operator, &validator);
    Ok(())
}

/// Takes from one entry what every job that awaits it would take, the oldest job first. It returns what is left of it,
/// and the position whose locked shares fell.
///
/// The entry's row stays as it was, and the jobs still await it: the caller removes it in the same call.
pub(crate) fn run_jobs_on(
    state: &mut dyn StateWrite,
    events: &mut Events,
    key: &EntryKey,
    entry: Entry,
) -> Result<(Entry, Option<Trimmed>), CallError> {
    let (validator, height, id) = key;
    let jobs = JOBS.prefix(state, validator, None, usize::MAX).into_iter();
    let parts: Vec<u16> = jobs.filter(|(_, job)| job.awaits(*height, *id)).map(|(_, job)| job.bps).collect();
    if parts.is_empty() {
        return Ok((entry, None));
    }
    slash_entry(state, events, key, entry, &parts)
}

/// Takes `parts` of an entry, in basis points, one after the other, each rounded by itself. It returns what is left,
/// and the position whose locked shares fell.
fn slash_entry(
    state: &mut dyn StateWrite,
    events: &mut Events,
    key: &EntryKey,
    entry: Entry,
    parts: &[u16],
) -> Result<(Entry, Option<Trimmed>), CallError> {
    let (account, (validator, _, id)) = (entry.account, *key);
    let mut all = Amount::ZERO;
    let mut took = |burned: Amount| -> Result<(), Error> {
        all = all.checked_add(burned)?;
        events.emit(Staking::ID, &Event::EntrySlashed { account, validator, id, burned });
        Ok(())
    };
    let (what, trimmed) = match entry.what {
        Leaving::Tranche(mut amount) => {
            for bps in parts {
                let burned = ceil_of(*bps, amount).map_err(Error::from)?;
                amount = amount.checked_sub(burned).map_err(Error::from)?;
                took(burned)?;
            }
            (Leaving::Tranche(amount), None)
        }
        Leaving::Moved { to, mut shares } => {
            let mut open = Open::read(state, &account, &to)?;
            let before = open.position.locked;
            for bps in parts {
                let lost = ceil_of(*bps, Amount::new(shares)).map_err(Error::from)?.get();
                shares = sub(shares, lost).map_err(Error::from)?;
                took(take_moved(&mut open, lost)?)?;
            }
            let locked = open.position.locked;
            open.close(state)?;
            let trimmed = (locked < before).then_some(Trimmed { account, validator: to, locked });
            (Leaving::Moved { to, shares }, trimmed)
        }
    };
    burn(state, all)?;
    Ok((Entry { account, what }, trimmed))
}

/// Takes `lost` shares of a moved entry out of the position that holds them now; it returns the tokens that they were
/// worth.
fn take_moved(open: &mut Open, lost: u128) -> Result<Amount, Error> {
    let burned = open.validator.value_of(lost);
    open.take(lost, burned)?;
    open.position.moved = sub(open.position.moved, lost)?;
    let above = sub(open.position.locked, open.position.locked.min(open.position.shares))?;
    open.unlock(above)?;
    Ok(burned)
}
