//! Stake that leaves a validator: tranches on their way out, stake that went to another validator, and the queue that
//! ends their waiting.
//!
//! Entries that left the same validator in the same block form a group. A group's waiting starts with the block after,
//! whose time is known only then; so `date_groups` runs at the start of each block.

use diem_bank::{self as bank, Pool};
use diem_core::{
    Address, Amount, BlockContext, BlockInfo, CallError, Denom, Events, Module as _, StateRead, StateWrite, Time,
};

use crate::{
    Error, Event, Staking,
    positions::{Open, add, sub},
    slashing::{self, Trimmed},
    state::{
        ENTRIES, ENTRIES_BY_ACCOUNT, ENTRY_COUNTS, Entry, EntryKey, EntryLocation, JOBS, Leaving, NEXT_ENTRY,
        POSITIONS, UNBONDING_ENDS, UNBONDING_QUEUE, UNBONDING_STARTED, params,
    },
    validators,
};

/// The most entries of an account at once: tranches and moved stake together, of all validators.
pub const MAX_ENTRIES: u32 = 32;

/// Whether a row belongs to stake that has left a validator: the unbonding queue removes it without a call.
pub fn is_leaving(key: &[u8]) -> bool {
    ENTRIES.has_key(key)
        || ENTRIES_BY_ACCOUNT.has_key(key)
        || ENTRY_COUNTS.has_key(key)
        || UNBONDING_STARTED.has_key(key)
        || UNBONDING_QUEUE.has_key(key)
        || UNBONDING_ENDS.has_key(key)
}

/// Records an entry that leaves `validator` in this block; returns its id.
fn begin(state: &mut dyn StateWrite, block: BlockInfo, validator: &Address, entry: &Entry) -> Result<u64, Error> {
    let count = ENTRY_COUNTS.get(state, &entry.account).unwrap_or(0);
    if count >= MAX_ENTRIES {
        return Err(Error::TooManyEntries);
    }
    ENTRY_COUNTS.set(state, &entry.account, &count.saturating_add(1));
    let id = NEXT_ENTRY.get(state).unwrap_or(0);
    NEXT_ENTRY.set(state, &id.saturating_add(1));
    ENTRIES.set(state, &(*validator, block.height, id), entry);
    ENTRIES_BY_ACCOUNT.set(state, &(entry.account, id), &EntryLocation { validator: *validator, height: block.height });
    let group = (block.height, *validator);
    if UNBONDING_STARTED.get(state, &group).is_none() {
        let unbonding_ms = params(state).unbonding_ms;
        UNBONDING_STARTED.set(state, &group, &unbonding_ms);
    }
    Ok(id)
}

/// Removes an entry and the index rows that point to it. Its group stays in the queue and is found empty there.
fn end(state: &mut dyn StateWrite, key: &EntryKey, entry: &Entry) {
    ENTRIES.remove(state, key);
    ENTRIES_BY_ACCOUNT.remove(state, &(entry.account, key.2));
    let count = ENTRY_COUNTS.get(state, &entry.account).unwrap_or(0).saturating_sub(1);
    if count == 0 {
        ENTRY_COUNTS.remove(state, &entry.account);
    } else {
        ENTRY_COUNTS.set(state, &entry.account, &count);
    }
}

/// Whether a slash of the validator has not reached this entry yet.
fn awaits_slash(state: &dyn StateRead, (validator, height, id): &EntryKey) -> bool {
    let has_jobs = validators::validator(state, validator).is_some_and(|validator| validator.jobs > 0);
    has_jobs && JOBS.prefix(state, validator, None, usize::MAX).iter().any(|(_, job)| job.awaits(*height, *id))
}

/// Takes `amount` of free stake out into a tranche, where it earns nothing: the least stake or more, or the whole
/// position.
pub(crate) fn unstake(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    account: &Address,
    operator: &Address,
    amount: Amount,
) -> Result<(), CallError> {
    let mut open = Open::read(state, account, operator)?;
    let shares = open.leaving_shares(state, open.position.free_to_unstake(), amount)?;
    open.take(shares, amount)?;
    open.close(state)?;
    let tranche = begin(state, block, operator, &Entry { account: *account, what: Leaving::Tranche(amount) })?;
    events.emit(Staking::ID, &Event::Unstaked { account: *account, validator: *operator, amount, shares, tranche });
    Ok(())
}

/// Stakes a tranche again with the validator that it left.
pub(crate) fn cancel(
    state: &mut dyn StateWrite,
    events: &mut Events,
    account: &Address,
    tranche: u64,
) -> Result<(), CallError> {
    let unknown = Error::UnknownTranche(tranche);
    let Some(EntryLocation { validator, height }) = ENTRIES_BY_ACCOUNT.get(state, &(*account, tranche)) else {
        return Err(unknown.into());
    };
    let key = (validator, height, tranche);
    let Some(entry) = ENTRIES.get(state, &key) else { return Err(unknown.into()) };
    let Leaving::Tranche(amount) = entry.what else { return Err(unknown.into()) };
    if awaits_slash(state, &key) {
        return Err(Error::PendingSlash(tranche).into());
    }
    if amount.is_zero() {
        return Err(Error::ZeroAmount.into());
    }
    end(state, &key, &entry);
    let mut open = Open::read(state, account, &validator)?;
    let shares = open.put(amount)?;
    open.close(state)?;
    events.emit(Staking::ID, &Event::UnstakeCancelled { account: *account, validator, tranche, amount, shares });
    Ok(())
}

/// The locked shares that [`move_stake`] moved: the module that knows why they are locked moves its own part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MovedLock {
    /// Shares that were locked at the validator before.
    pub before: u128,
    /// The number of locked shares that went.
    pub went: u128,
}

/// A move from one validator to another.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The validator that stake leaves.
    pub from: &'a Address,
    /// The validator that gets it.
    pub to: &'a Address,
}

/// Moves stake worth `amount` to another validator, free shares first, then locked ones, which stay locked there: of
/// the new shares `ceil(new * locked / all)`. It can neither move again nor be unstaked while its former validator can
/// still be slashed for what it did before.
///
/// # Errors
/// [`Error::NotFree`], [`Error::SameValidator`], [`Error::ZeroAmount`], [`Error::TooManyEntries`], the errors of the
/// least stake, and those with which the other validator refuses stake.
pub fn move_stake(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    account: &Address,
    route: Route<'_>,
    amount: Amount,
) -> Result<MovedLock, CallError> {
    let Route { from, to } = route;
    if amount.is_zero() {
        return Err(Error::ZeroAmount.into());
    }
    if from == to {
        return Err(Error::SameValidator.into());
    }
    let mut source = Open::read(state, account, from)?;
    let shares = source.leaving_shares(state, source.position.free_to_move(), amount)?;
    let before = source.position.locked;
    let went = shares.saturating_sub(source.position.free_to_lock());
    source.unlock(went)?;
    source.take(shares, amount)?;
    source.close(state)?;

    let mut target = Open::read(state, account, to)?;
    let new = target.put(amount)?;
    let locked = Amount::new(new).mul_div_ceil(went, shares).map_err(Error::from)?.get();
    target.lock(locked)?;
    target.position.moved = add(target.position.moved, new).map_err(Error::from)?;
    target.close(state)?;
    let entry = Entry { account: *account, what: Leaving::Moved { to: *to, shares: new } };
    let id = begin(state, block, from, &entry)?;
    let (from, to) = (*from, *to);
    events.emit(Staking::ID, &Event::Restaked { account: *account, from, to, amount, shares: new, locked, id });
    Ok(MovedLock { before, went })
}

/// Gives the groups of the blocks before this one their due time: what left in block g waits from the time of g + 1.
pub(crate) fn date_groups(state: &mut dyn StateWrite, time: Time) {
    for ((height, validator), unbonding_ms) in UNBONDING_STARTED.all(state) {
        let due = time.millis().saturating_add(unbonding_ms);
        UNBONDING_STARTED.remove(state, &(height, validator));
        UNBONDING_QUEUE.set(state, &(due, height, validator), &1);
        UNBONDING_ENDS.set(state, &(validator, height), &due);
    }
}

/// Pays tranches and frees moved stake whose waiting is over, at most `limit` of them: in the first block whose time is
/// past. What a slash has not reached yet waits at the end of the queue.
///
/// # Errors
/// The errors of bank, if its pools contradict these rows.
pub fn pay_matured(ctx: &mut BlockContext<'_>, limit: u32) -> Result<(), CallError> {
    let now = ctx.block.info.time.millis();
    let is_due = |group: &(u64, u64, Address)| group.0 < now;
    // Most blocks have nothing to pay: they read one row, not a page.
    if !UNBONDING_QUEUE.range(ctx.state, None, 1).iter().any(|(group, _)| is_due(group)) {
        return Ok(());
    }
    let mut left = limit as usize;
    for (group, _) in UNBONDING_QUEUE.range(ctx.state, None, left) {
        if left == 0 || !is_due(&group) {
            break;
        }
        left = pay_group(ctx.state, ctx.events, group, now, left)?;
    }
    Ok(())
}

/// Processes a group; returns what is left of the limit. A group takes at least one of it.
fn pay_group(
    state: &mut dyn StateWrite,
    events: &mut Events,
    group: (u64, u64, Address),
    now: u64,
    limit: usize,
) -> Result<usize, CallError> {
    let (_, height, validator) = group;
    let requeue = |state: &mut dyn StateWrite| {
        UNBONDING_QUEUE.remove(state, &group);
        UNBONDING_QUEUE.set(state, &(now, height, validator), &1);
    };
    // One row is enough to see that a group waits; a page of each such group would cost the square of the limit.
    let first = ENTRIES.prefix(state, &(validator, height), None, 1);
    if first.iter().any(|(key, _)| awaits_slash(state, key)) {
        requeue(state);
        return Ok(limit.saturating_sub(1));
    }
    let page = ENTRIES.prefix(state, &(validator, height), None, limit);
    let mut left = limit.saturating_sub(usize::from(page.is_empty()));
    let all = page.len() < limit;
    for (key, entry) in page {
        if awaits_slash(state, &key) {
            requeue(state);
            return Ok(left.saturating_sub(1));
        }
        mature(state, events, &key, &entry)?;
        left = left.saturating_sub(1);
    }
    if all {
        UNBONDING_QUEUE.remove(state, &group);
        UNBONDING_ENDS.remove(state, &(validator, height));
    }
    Ok(left)
}

/// Processes at once an entry of the account whose date is past, whatever waits before it: slashes that await it take
/// their part first, in their order, then it is paid or freed. The entry is removed, so no slash finds it again. It
/// returns the position whose locked shares fell.
///
/// # Errors
/// [`Error::UnknownEntry`]; [`Error::NotDue`], and those of bank, if its pools contradict these rows.
pub fn collect(
    state: &mut dyn StateWrite,
    events: &mut Events,
    block: BlockInfo,
    account: &Address,
    id: u64,
) -> Result<Option<Trimmed>, CallError> {
    let EntryLocation { validator, height } =
        ENTRIES_BY_ACCOUNT.get(state, &(*account, id)).ok_or(Error::UnknownEntry(id))?;
    let at = UNBONDING_ENDS.get(state, &(validator, height)).map(Time);
    if at.is_none_or(|at| block.time <= at) {
        return Err(Error::NotDue { entry: id, at }.into());
    }
    let key = (validator, height, id);
    let entry = ENTRIES.get(state, &key).ok_or(Error::UnknownEntry(id))?;
    let (entry, trimmed) = slashing::run_jobs_on(state, events, &key, entry)?;
    mature(state, events, &key, &entry)?;
    Ok(trimmed)
}

/// Pays a tranche or frees moved stake.
fn mature(state: &mut dyn StateWrite, events: &mut Events, key: &EntryKey, entry: &Entry) -> Result<(), CallError> {
    let account = entry.account;
    match entry.what {
        Leaving::Tranche(amount) => {
            bank::pay_from_pool(state, Pool::Bonded, &account, Denom::Vvv, amount)?;
            events.emit(Staking::ID, &Event::TranchePaid { account, validator: key.0, tranche: key.2, amount });
        }
        Leaving::Moved { to, shares } => {
            if let Some(mut position) = POSITIONS.get(state, &(account, to)) {
                position.moved = sub(position.moved, shares).map_err(Error::from)?;
                POSITIONS.set(state, &(account, to), &position);
            }
            events.emit(Staking::ID, &Event::MoveSettled { account, validator: to, id: key.2, shares });
        }
    }
    end(state, key, entry);
    Ok(())
}
