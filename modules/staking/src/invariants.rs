//! The invariants of staking's rows. Checking them walks over everything: it is for tests and operators, never inside a
//! block.

use std::collections::{BTreeMap, BTreeSet};

use diem_bank::{self as bank, Pool};
use diem_core::{Address, Amount, Denom, StateRead, Time, cell::check_next_id, clock};

use crate::{
    downtime,
    operators::check_commission,
    params::YEAR_MS,
    scaled::Scaled,
    state::{
        BRIDGE_KEYS, BY_CONSENSUS, CONSENSUS_SET, EARNINGS, ENTRIES, ENTRIES_BY_ACCOUNT, ENTRY_COUNTS, JOB_QUEUE, JOBS,
        Leaving, NEXT_ENTRY, NEXT_JOB, POSITIONS, RANKING, TODAY, UNBONDING_ENDS, UNBONDING_QUEUE, UNBONDING_STARTED,
        VALIDATORS, Validator, params, rank_key,
    },
    validators::consensus_address,
};

/// Sums over the positions and entries of each validator.
#[derive(Default)]
struct Sums {
    shares: BTreeMap<Address, u128>,
    locked: BTreeMap<Address, u128>,
    moved: BTreeMap<(Address, Address), u128>,
    entries: BTreeMap<Address, u32>,
    owed: Scaled,
    bonded: u128,
}

pub(crate) fn check(state: &dyn StateRead) -> Result<(), String> {
    let mut sums = Sums::default();
    check_next_id("the next entry", NEXT_ENTRY.get(state).unwrap_or(0))?;
    check_next_id("the next slash job", NEXT_JOB.get(state).unwrap_or(0))?;
    check_owners(state)?;
    check_entries(state, &mut sums)?;
    check_positions(state, &mut sums)?;
    check_validators(state, &mut sums)?;
    check_rankings(state)?;
    let bonded = bank::pool(state, Pool::Bonded, Denom::Vvv);
    if bonded.get() != sums.bonded {
        let sum = Amount::new(sums.bonded);
        return Err(format!("the bonded pool holds {bonded} VVV, validators and tranches {sum}"));
    }
    let owed = EARNINGS.get(state).unwrap_or_default().owed;
    if owed != sums.owed {
        return Err(format!(
            "{owed:?} avvv of rewards are booked as owed, positions and operators earned {:?}",
            sums.owed
        ));
    }
    crate::rewards::held_rewards(state)?;
    downtime::check(state).map_err(|error| error.to_string())
}

/// Checks that nothing belongs to the zero address, which nobody owns: bank refuses an account of it, so an export
/// after it was paid would start no chain.
fn check_owners(state: &dyn StateRead) -> Result<(), String> {
    let positions = POSITIONS.all(state);
    let entries = ENTRIES.all(state);
    let targets = entries.iter().filter_map(|(_, entry)| match entry.what {
        Leaving::Moved { to, .. } => Some(to),
        Leaving::Tranche(_) => None,
    });
    let keys = BRIDGE_KEYS.all(state);
    let is_zero = |address: Address| address == Address::ZERO;
    let found = [
        ("a validator", VALIDATORS.all(state).into_iter().any(|(operator, _)| is_zero(operator))),
        ("a position", positions.iter().any(|((account, _), _)| is_zero(*account))),
        ("an entry", entries.iter().any(|(_, entry)| is_zero(entry.account))),
        ("moved stake", targets.into_iter().any(is_zero)),
        ("a bridge key", keys.iter().any(|(key, owner)| is_zero(*key) || is_zero(owner.operator))),
    ];
    match found.into_iter().find(|(_, found)| *found) {
        Some((what, _)) => Err(format!("{what} is the zero address's, which nobody owns")),
        None => Ok(()),
    }
}

fn grow<K: Ord>(map: &mut BTreeMap<K, u128>, key: K, by: u128) {
    let sum = map.entry(key).or_default();
    *sum = sum.saturating_add(by);
}

fn check_entries(state: &dyn StateRead, sums: &mut Sums) -> Result<(), String> {
    let mut places = 0usize;
    let (groups, next) = (waiting_groups(state)?, NEXT_ENTRY.get(state).unwrap_or(0));
    for ((validator, height, id), entry) in ENTRIES.all(state) {
        match entry.what {
            Leaving::Tranche(amount) => sums.bonded = sums.bonded.saturating_add(amount.get()),
            Leaving::Moved { to, shares } => grow(&mut sums.moved, (entry.account, to), shares),
        }
        let count = sums.entries.entry(entry.account).or_default();
        *count = count.saturating_add(1);
        if id >= next {
            return Err(format!("there is an entry {id}, but the next id is {next}"));
        }
        if !groups.contains(&(validator, height)) {
            return Err(format!("entry {id} of {} waits for no date: it would never be paid", entry.account));
        }
        let place = ENTRIES_BY_ACCOUNT.get(state, &(entry.account, id)).map(|place| (place.validator, place.height));
        if place != Some((validator, height)) {
            return Err(format!("entry {id} of {} is not where its place says", entry.account));
        }
        places = places.saturating_add(1);
    }
    if ENTRIES_BY_ACCOUNT.all(state).len() != places {
        return Err(format!("there are {places} entries, and another number of places"));
    }
    let counts: BTreeMap<Address, u32> = ENTRY_COUNTS.all(state).into_iter().collect();
    if counts != sums.entries { Err("the counted entries are not those there are".into()) } else { Ok(()) }
}

/// The groups of entries, by (validator left, height left), that have a date or get one in the next block.
fn waiting_groups(state: &dyn StateRead) -> Result<BTreeSet<(Address, u64)>, String> {
    let due = UNBONDING_QUEUE.all(state).into_iter();
    let due: Vec<_> = due.map(|((due, height, validator), _)| ((validator, height), due)).collect();
    let dates: BTreeMap<_, _> = UNBONDING_ENDS.all(state).into_iter().collect();
    let mut groups: BTreeSet<_> = due.iter().map(|(group, _)| *group).collect();
    if groups.len() != due.len() || !groups.iter().eq(dates.keys()) {
        return Err("the queue of what left is not that of its dates".into());
    }
    let today = TODAY.get(state).unwrap_or(0);
    // No date lies after the latest time of a block of today and the longest unbonding time that the parameters allow.
    let latest = today.saturating_add(1).saturating_mul(clock::epoch_ms(state).get()).saturating_add(YEAR_MS);
    for (group, due) in due {
        let date = dates.get(&group).copied().unwrap_or(due);
        // An entry that waits for a slash goes to the end of the queue, under the time of the block that put it there.
        let was_put_back = due > date && clock::epoch(state, Time(due)) <= today;
        if date > latest || due != date && !was_put_back {
            let (validator, height) = group;
            return Err(format!("what left {validator} in block {height} is due at {due} ms, but its date is {date}"));
        }
    }
    for ((height, validator), unbonding_ms) in UNBONDING_STARTED.all(state) {
        if unbonding_ms > YEAR_MS || !groups.insert((validator, height)) {
            return Err(format!("what left {validator} in block {height} waits for another {unbonding_ms} ms"));
        }
    }
    Ok(groups)
}

fn check_positions(state: &dyn StateRead, sums: &mut Sums) -> Result<(), String> {
    for ((account, operator), position) in POSITIONS.all(state) {
        let name = || format!("the position of {account} with {operator}");
        let validator = VALIDATORS.get(state, &operator).ok_or_else(|| format!("{} has no validator", name()))?;
        if position.locked > position.shares || position.moved > position.shares {
            return Err(format!(
                "{} has {} shares, {} locked, {} moved",
                name(),
                position.shares,
                position.locked,
                position.moved
            ));
        }
        let moved = sums.moved.remove(&(account, operator)).unwrap_or(0);
        if moved != position.moved {
            return Err(format!("{} counts {} moved shares, its entries {moved}", name(), position.moved));
        }
        if account == operator && position.shares != validator.self_shares {
            return Err(format!(
                "{operator} has {} own shares, its position {}",
                validator.self_shares, position.shares
            ));
        }
        let earned = position.earned(&validator).map_err(|error| format!("{}: {error}", name()))?;
        sums.owed = sums.owed.checked_add(earned).map_err(|error| error.to_string())?;
        grow(&mut sums.shares, operator, position.shares);
        grow(&mut sums.locked, operator, position.locked);
    }
    match sums.moved.iter().find(|(_, shares)| **shares > 0) {
        Some(((account, to), shares)) => {
            Err(format!("{account} moved {shares} shares to {to}, but has no position there"))
        }
        None => Ok(()),
    }
}

fn check_validators(state: &dyn StateRead, sums: &mut Sums) -> Result<(), String> {
    let params = params(state);
    let mut ranked = BTreeMap::new();
    for (operator, validator) in VALIDATORS.all(state) {
        check_sums(&operator, &validator, sums)?;
        check_identity(state, &operator, &validator)?;
        sums.bonded = sums.bonded.saturating_add(validator.tokens.get());
        let due = Scaled::from_amount(validator.commission_due);
        sums.owed = sums.owed.checked_add(due).map_err(|error| error.to_string())?;
        if validator.rank != validator.due_rank(&params) {
            return Err(format!("{operator} is ranked with {}, not {}", validator.rank, validator.due_rank(&params)));
        }
        if validator.rank != 0 {
            ranked.insert((rank_key(validator.rank), operator), validator.consensus_key);
        }
        let jobs = JOBS.prefix(state, &operator, None, usize::MAX).len();
        if u32::try_from(jobs) != Ok(validator.jobs) {
            return Err(format!("{operator} counts {} slash jobs, there are {jobs}", validator.jobs));
        }
    }
    let ranking: BTreeMap<_, _> = RANKING.all(state).into_iter().collect();
    if ranking != ranked { Err("the ranking is not that of the validators".into()) } else { Ok(()) }
}

fn check_sums(operator: &Address, validator: &Validator, sums: &Sums) -> Result<(), String> {
    let of = |map: &BTreeMap<Address, u128>| map.get(operator).copied().unwrap_or(0);
    let held = (of(&sums.shares), of(&sums.locked));
    if held != (validator.shares, validator.locked) {
        let (shares, locked) = (validator.shares, validator.locked);
        return Err(format!(
            "{operator} counts {shares} shares and {locked} locked, its positions {} and {}",
            held.0, held.1
        ));
    }
    if validator.tokens.get() > validator.shares {
        return Err(format!("{operator} has {:?} tokens and only {} shares", validator.tokens.get(), validator.shares));
    }
    Ok(())
}

/// Checks that a validator's keys are recorded as its own, and that its commission keeps the limits that it promised.
fn check_identity(state: &dyn StateRead, operator: &Address, validator: &Validator) -> Result<(), String> {
    if BY_CONSENSUS.get(state, &consensus_address(&validator.consensus_key)) != Some(*operator) {
        return Err(format!("the consensus key of {operator} is another validator's too"));
    }
    let bridge = BRIDGE_KEYS.get(state, &validator.bridge_address);
    if bridge.is_none_or(|key| key.operator != *operator || key.until.is_some()) {
        return Err(format!("the bridge key of {operator} is not booked as its own"));
    }
    let commission = &validator.commission;
    let rate = commission.next.map_or(commission.rate, |(next, _)| next.max(commission.rate));
    check_commission(rate, commission.max, commission.max_change).map_err(|_| {
        format!("the commission of {operator} is {rate} of at most {}: no share could be that large", commission.max)
    })
}

fn check_rankings(state: &dyn StateRead) -> Result<(), String> {
    for (key, member) in CONSENSUS_SET.all(state) {
        let owner = VALIDATORS.get(state, &member.operator);
        if member.power == 0 || owner.is_none_or(|validator| validator.consensus_key != key) {
            let (key, operator) = (hex::encode(key), member.operator);
            return Err(format!("consensus was told a power of {} for {key} of {operator}", member.power));
        }
    }
    let numbers = (NEXT_JOB.get(state).unwrap_or(0), NEXT_ENTRY.get(state).unwrap_or(0));
    for ((operator, number), job) in JOBS.all(state) {
        if VALIDATORS.get(state, &operator).is_none() {
            return Err(format!("slash job {number} is of {operator}, which is no validator"));
        }
        if number >= numbers.0 || job.below_id > numbers.1 {
            return Err(format!("slash job {number} of {operator} has a number or an id that is still to be given"));
        }
    }
    let queue: Vec<(Address, u64)> = JOB_QUEUE.all(state).into_iter().map(|(n, who)| (who, n)).collect();
    let jobs = JOBS.all(state).len();
    let known = queue.iter().all(|key| JOBS.get(state, key).is_some());
    if known && queue.len() == jobs { Ok(()) } else { Err("the queue of slash jobs is not that of the jobs".into()) }
}
