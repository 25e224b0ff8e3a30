//! staking's part of the genesis file: validators and stakes as people write them, or the rows of a chain that ran.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, BlockInfo, CallError, Events, Forgetful, GenesisContext, Message as _, StateRead, StateWrite,
    clock, context::ConsensusAddress,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, msg,
    operators::{self, CreateValidator},
    params::Params,
    positions::Open,
    state::{
        BRIDGE_KEYS, BURNED, BY_CONSENSUS, BridgeKey, CONSENSUS_SET, ConsensusValidator, DESCRIPTIONS, Description,
        EARNINGS, ENTRIES, ENTRIES_BY_ACCOUNT, ENTRY_COUNTS, Earnings, Entry, EntryKey, EntryLocation, JOB_QUEUE, JOBS,
        Job, MISSED, NEXT_ENTRY, NEXT_JOB, PARAMS, POSITIONS, Position, RANKING, SIGNING, Signing, TODAY,
        UNBONDING_ENDS, UNBONDING_QUEUE, UNBONDING_STARTED, VALIDATORS, Validator, params, rank_key,
    },
    updates, validators,
};

/// The validators and stakes of the start.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Genesis {
    /// The parameters of the module.
    pub params: Params,
    /// Validators of the first block. Their operators' accounts pay the stake, as with the call of the same name.
    pub validators: Vec<GenesisValidator>,
    /// Stakes of others, paid by their accounts.
    pub stakes: Vec<GenesisStake>,
    /// The rows of a running chain: only an export of one has any, and then validators and stakes are among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
}

/// A validator of the first block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisValidator {
    /// The account that operates it.
    pub operator: Address,
    /// The call with which it would have been created.
    pub validator: CreateValidator,
}

/// A stake from the start.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisStake {
    /// The account that stakes.
    pub account: Address,
    /// The operator of the validator that the stake is with.
    pub validator: Address,
    /// The amount that is staked, in avvv; not zero.
    pub amount: Amount,
}

/// The rows of a chain that ran. Rows that follow from others are not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "one list for each table, by its name")]
pub struct Rows {
    pub today: u64,
    pub next_entry: u64,
    pub next_job: u64,
    pub earnings: Earnings,
    pub burned: Amount,
    pub validators: Vec<(Address, Validator)>,
    pub descriptions: Vec<(Address, Description)>,
    pub bridge_keys: Vec<(Address, BridgeKey)>,
    pub consensus_set: Vec<([u8; 32], ConsensusValidator)>,
    pub positions: Vec<((Address, Address), Position)>,
    pub entries: Vec<(EntryKey, Entry)>,
    pub unbonding_started: Vec<((u64, Address), u64)>,
    pub unbonding_queue: Vec<((u64, u64, Address), u8)>,
    pub unbonding_ends: Vec<((Address, u64), u64)>,
    pub jobs: Vec<((Address, u64), Job)>,
    pub signing: Vec<(ConsensusAddress, Signing)>,
    pub missed: Vec<((ConsensusAddress, u32), [u8; 32])>,
}

pub(crate) fn init(ctx: &mut GenesisContext<'_>, genesis: &Genesis) -> Result<(), CallError> {
    genesis.params.validate()?;
    let state = &mut *ctx.state;
    PARAMS.set(state, &genesis.params);
    let block = BlockInfo { height: 0, time: ctx.time };
    match &genesis.rows {
        Some(rows) if genesis.validators.is_empty() && genesis.stakes.is_empty() => {
            load(state, rows);
            crate::invariants::check(state).map_err(|error| Error::Genesis(error).into())
        }
        Some(_) => Err(Error::Genesis("validators and stakes belong into the rows where there are rows".into()).into()),
        None => start(state, block, genesis),
    }
}

fn start(state: &mut dyn StateWrite, block: BlockInfo, genesis: &Genesis) -> Result<(), CallError> {
    let mut events = Events::default();
    let today = clock::epoch(state, block.time);
    TODAY.set(state, &today);
    for GenesisValidator { operator, validator } in &genesis.validators {
        msg::Msg::CreateValidator(validator.clone()).validate()?;
        operators::register(state, &mut events, block, operator, validator)?;
        Open::read(state, operator, operator)?.bond(state, &mut events, validator.self_stake)?;
        operators::check_proof(state, &Forgetful, operator, validator)?;
    }
    for GenesisStake { account, validator, amount } in &genesis.stakes {
        if amount.is_zero() {
            return Err(Error::ZeroAmount.into());
        }
        Open::read(state, account, validator)?.bond(state, &mut events, *amount)?;
    }
    updates::end_block(state)?;
    Ok(())
}

fn load(state: &mut dyn StateWrite, rows: &Rows) {
    TODAY.set(state, &rows.today);
    set_unless_default(state, &NEXT_ENTRY, &rows.next_entry);
    set_unless_default(state, &NEXT_JOB, &rows.next_job);
    set_unless_default(state, &EARNINGS, &rows.earnings);
    set_unless_default(state, &BURNED, &rows.burned);
    VALIDATORS.fill(state, &rows.validators);
    DESCRIPTIONS.fill(state, &rows.descriptions);
    BRIDGE_KEYS.fill(state, &rows.bridge_keys);
    CONSENSUS_SET.fill(state, &rows.consensus_set);
    POSITIONS.fill(state, &rows.positions);
    ENTRIES.fill(state, &rows.entries);
    UNBONDING_STARTED.fill(state, &rows.unbonding_started);
    UNBONDING_QUEUE.fill(state, &rows.unbonding_queue);
    UNBONDING_ENDS.fill(state, &rows.unbonding_ends);
    JOBS.fill(state, &rows.jobs);
    SIGNING.fill(state, &rows.signing);
    MISSED.fill(state, &rows.missed);
    derive(state, rows);
}

/// Writes the rows that follow from others.
fn derive(state: &mut dyn StateWrite, rows: &Rows) {
    for (operator, validator) in &rows.validators {
        BY_CONSENSUS.set(state, &validators::consensus_address(&validator.consensus_key), operator);
        if validator.rank != 0 {
            RANKING.set(state, &(rank_key(validator.rank), *operator), &validator.consensus_key);
        }
    }
    for ((validator, height, id), entry) in &rows.entries {
        ENTRIES_BY_ACCOUNT.set(state, &(entry.account, *id), &EntryLocation { validator: *validator, height: *height });
        let count = ENTRY_COUNTS.get(state, &entry.account).unwrap_or(0);
        ENTRY_COUNTS.set(state, &entry.account, &count.saturating_add(1));
    }
    for ((validator, number), _) in &rows.jobs {
        JOB_QUEUE.set(state, number, validator);
    }
}

fn set_unless_default<T>(state: &mut dyn StateWrite, item: &diem_core::cell::Item<T>, value: &T)
where
    T: BorshSerialize + BorshDeserialize + Default + PartialEq,
{
    if *value != T::default() {
        item.set(state, value);
    }
}

pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    let rows = Rows {
        today: TODAY.get(state).unwrap_or_default(),
        next_entry: NEXT_ENTRY.get(state).unwrap_or_default(),
        next_job: NEXT_JOB.get(state).unwrap_or_default(),
        earnings: EARNINGS.get(state).unwrap_or_default(),
        burned: BURNED.get(state).unwrap_or_default(),
        validators: VALIDATORS.all(state),
        descriptions: DESCRIPTIONS.all(state),
        bridge_keys: BRIDGE_KEYS.all(state),
        consensus_set: CONSENSUS_SET.all(state),
        positions: POSITIONS.all(state),
        entries: ENTRIES.all(state),
        unbonding_started: UNBONDING_STARTED.all(state),
        unbonding_queue: UNBONDING_QUEUE.all(state),
        unbonding_ends: UNBONDING_ENDS.all(state),
        jobs: JOBS.all(state),
        signing: SIGNING.all(state),
        missed: MISSED.all(state),
    };
    Genesis { params: params(state), rows: Some(rows), ..Genesis::default() }
}
