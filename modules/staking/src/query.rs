//! The questions that staking answers.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, CallError, Page, QueryContext, Time, chain::identity, clock};
use serde::{Deserialize, Serialize};

use crate::{
    Error, downtime,
    params::Params,
    positions::{self, Open},
    state::{
        self, BRIDGE_KEYS, BridgeKey, CONSENSUS_SET, ConsensusValidator, DESCRIPTIONS, Description, ENTRIES,
        ENTRIES_BY_ACCOUNT, Leaving, POSITIONS, Position, UNBONDING_ENDS, VALIDATORS, Validator,
    },
    validators::consensus_address,
};

/// A question to staking over ABCI, which is answered by the function of the same name in this file.
#[diem_core::queries]
pub enum Query {
    /// Asks for the parameters of the module.
    Params = 0,
    /// Asks for one validator, by operator.
    Validator(Address) = 1,
    /// Asks for validators, by the address of their operator.
    Validators(Page<Address>) = 2,
    /// Asks for the position of an account with one validator; it is empty where the account never staked.
    Position {
        /// The account that staked.
        account: Address,
        /// The operator of the validator.
        validator: Address,
    } = 3,
    /// Asks for the positions of an account, by validator.
    Positions {
        /// The account that staked.
        account: Address,
        /// The part of them.
        page: Page<Address>,
    } = 4,
    /// Asks for an account's entries, by their ids: tranches and stake that it moved lately.
    Leaving {
        /// The account that owns the entries.
        account: Address,
        /// The part of them.
        page: Page<u64>,
    } = 5,
    /// The set that consensus was last told.
    ConsensusSet = 6,
    /// Asks for the validator that has or had a bridge key.
    BridgeKey(Address) = 7,
}

/// An answer of staking.
#[diem_core::answers]
pub enum Answer {
    /// The parameters of the module.
    Params(Params) = 0,
    /// The validator that was asked for.
    Validator(Box<ValidatorView>) = 1,
    /// A page of validators.
    Validators(Vec<ValidatorView>) = 2,
    /// The position that was asked for.
    Position(Box<PositionView>) = 3,
    /// A page of positions.
    Positions(Vec<PositionView>) = 4,
    /// A page of entries that are on their way.
    Leaving(Vec<LeavingView>) = 5,
    /// The set that consensus was last told.
    ConsensusSet(Vec<ConsensusMember>) = 6,
    /// The validator that has or had the bridge key; `None` if the key was never used.
    BridgeKey(Option<BridgeKey>) = 7,
}

/// The standing of a validator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Standing {
    /// It is in the set and makes blocks.
    Active = 0,
    /// It has too little stake for the set.
    Waiting = 1,
    /// It missed too many blocks.
    Jailed = 2,
    /// It is out for ever.
    Tombstoned = 3,
}

/// A validator with everything known of it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ValidatorView {
    /// The account that operates it.
    pub operator: Address,
    /// Its name in consensus.
    #[serde(with = "hex::serde")]
    pub consensus_address: [u8; 20],
    /// The name and website that people are told.
    pub description: Description,
    /// Whether it makes blocks, and if not, why.
    pub standing: Standing,
    /// The power that consensus was last told; 0 for none.
    pub power: u64,
    /// The value of the operator's own stake, in avvv.
    pub self_stake: Amount,
    /// Today's commission, in basis points.
    pub commission_today: u16,
    /// The number of missed blocks of the last ones that are counted.
    pub missed: u32,
    /// The number of blocks of the window that it may miss.
    pub may_miss: u32,
    /// The row of its numbers.
    pub validator: Validator,
}

/// A position with what it is worth now. Amounts are in avvv.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct PositionView {
    /// The operator of the validator.
    pub validator: Address,
    /// The value of the position, in avvv.
    pub staked: Amount,
    /// The most that may be unstaked at once: what is free, or less where what stays would be below the least stake.
    pub free_to_unstake: Amount,
    /// The value that may be locked, in avvv.
    pub free_to_lock: Amount,
    /// The most that may go to another validator at once, under the same rule.
    pub free_to_move: Amount,
    /// The value that is locked, in avvv.
    pub locked: Amount,
    /// The rewards that may be claimed now; an operator's commission included.
    pub rewards: Amount,
    /// The row of the position.
    pub position: Position,
}

/// Something on its way out of a validator.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct LeavingView {
    /// The id of the entry.
    pub id: u64,
    /// The validator that it left.
    pub validator: Address,
    /// The height at which it left.
    pub height: u64,
    /// It is paid, or may leave its new validator, in the first block after this time; in the block in which it left
    /// nobody knows yet.
    pub until: Option<Time>,
    /// The kind of the entry: a tranche or moved stake.
    pub what: Leaving,
}

/// A validator as consensus was last told.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ConsensusMember {
    /// Its ed25519 key in consensus.
    #[serde(with = "hex::serde")]
    pub consensus_key: [u8; 32],
    /// Its operator and power, as consensus was told.
    pub validator: ConsensusValidator,
}

/// The most blocks of which [`signing`] tells one by one.
pub const TOLD_BLOCKS: u32 = 100;

/// The last blocks that a validator was to sign, as the chain has counted them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningView {
    /// The number of last blocks that are counted.
    pub window: u32,
    /// The first and the last of the blocks that are told one by one, at most [`TOLD_BLOCKS`] of the window; `None` while it
    /// is to sign none. Blocks before its window began count as signed.
    pub told: Option<(u64, u64)>,
    /// The heights of those of them that it missed, ascending.
    pub missed: Vec<u64>,
    /// The highest height that it is known to have signed, where it is to sign and has signed one of the window.
    pub last_signed: Option<u64>,
}

/// The answer to any question.
///
/// # Errors
/// The errors of the function that answers the question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Result<Answer, CallError> {
    Ok(match query {
        Query::Params => Answer::Params(params(ctx)),
        Query::Validator(operator) => Answer::Validator(Box::new(validator(ctx, &operator)?)),
        Query::Validators(page) => Answer::Validators(validators(ctx, &page)),
        Query::Position { account, validator } => Answer::Position(Box::new(position(ctx, &account, &validator)?)),
        Query::Positions { account, page } => Answer::Positions(positions(ctx, &account, &page)?),
        Query::Leaving { account, page } => Answer::Leaving(leaving(ctx, &account, &page)),
        Query::ConsensusSet => Answer::ConsensusSet(consensus_set(ctx)),
        Query::BridgeKey(bridge) => Answer::BridgeKey(bridge_key(ctx, &bridge)),
    })
}

/// The parameters of the module.
pub fn params(ctx: &QueryContext<'_>) -> Params {
    state::params(ctx.state)
}

/// One validator, by operator.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn validator(ctx: &QueryContext<'_>, operator: &Address) -> Result<ValidatorView, CallError> {
    let validator = VALIDATORS.get(ctx.state, operator).ok_or(Error::UnknownValidator(*operator))?;
    Ok(validator_view(ctx, *operator, validator))
}

/// A page of validators, by the address of their operator.
pub fn validators(ctx: &QueryContext<'_>, page: &Page<Address>) -> Vec<ValidatorView> {
    let rows = VALIDATORS.page(ctx.state, page).into_iter();
    rows.map(|(operator, validator)| validator_view(ctx, operator, validator)).collect()
}

fn validator_view(ctx: &QueryContext<'_>, operator: Address, validator: Validator) -> ValidatorView {
    let state = ctx.state;
    let member = CONSENSUS_SET.get(state, &validator.consensus_key);
    let standing = match &validator {
        _ if validator.tombstoned => Standing::Tombstoned,
        _ if validator.jailed_until.is_some() => Standing::Jailed,
        _ if member.is_some() => Standing::Active,
        _ => Standing::Waiting,
    };
    let consensus_address = consensus_address(&validator.consensus_key);
    let (missed, may_miss) = downtime::standing(state, &params(ctx), &consensus_address);
    ValidatorView {
        operator,
        consensus_address,
        description: DESCRIPTIONS.get(state, &operator).unwrap_or_default(),
        standing,
        power: member.map_or(0, |member| member.power),
        self_stake: validator.value_of(validator.self_shares),
        commission_today: validator.commission.on(clock::epoch(state, ctx.block.time)),
        missed,
        may_miss,
        validator,
    }
}

/// The last blocks that a validator was to sign. The block of this height brings the signatures of the one before.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn signing(ctx: &QueryContext<'_>, operator: &Address) -> Result<SigningView, CallError> {
    let view = validator(ctx, operator)?;
    let window = params(ctx).signed_window;
    let nothing = SigningView { window, told: None, missed: Vec::new(), last_signed: None };
    let first = identity(ctx.state).initial_height;
    let (Standing::Active, Some(last)) = (view.standing, ctx.block.height.checked_sub(1)) else { return Ok(nothing) };
    let heights = (first..=last).rev();
    let told: Vec<(u64, bool)> = heights
        .clone()
        .zip(downtime::newest_first(ctx.state, &view.consensus_address))
        .take(TOLD_BLOCKS as usize)
        .map(|(height, recorded)| (height, recorded.missed))
        .collect();
    let Some((from, _)) = told.last() else { return Ok(nothing) };
    let recorded = downtime::newest_first(ctx.state, &view.consensus_address).take_while(|recorded| recorded.certain);
    let last_signed = heights.zip(recorded).find(|(_, recorded)| !recorded.missed).map(|(height, _)| height);
    let missed = told.iter().rev().filter(|(_, missed)| *missed).map(|(height, _)| *height).collect();
    Ok(SigningView { window, told: Some((*from, last)), missed, last_signed })
}

/// The position of an account with one validator; it is empty where the account never staked.
///
/// # Errors
/// [`Error::UnknownValidator`].
pub fn position(ctx: &QueryContext<'_>, account: &Address, operator: &Address) -> Result<PositionView, CallError> {
    position_view(ctx, account, *operator, positions::position(ctx.state, account, operator))
}

/// A page of an account's positions, by validator.
///
/// # Errors
/// A sum in them does not fit an amount, which no chain reaches.
pub fn positions(
    ctx: &QueryContext<'_>,
    account: &Address,
    page: &Page<Address>,
) -> Result<Vec<PositionView>, CallError> {
    let rows = POSITIONS.page_of(ctx.state, account, page).into_iter();
    rows.map(|(operator, position)| position_view(ctx, account, operator, position)).collect()
}

fn position_view(
    ctx: &QueryContext<'_>,
    account: &Address,
    operator: Address,
    position: Position,
) -> Result<PositionView, CallError> {
    let state = ctx.state;
    let validator = VALIDATORS.get(state, &operator).ok_or(Error::UnknownValidator(operator))?;
    let (earned, _) = position.earned(&validator).and_then(|earned| earned.split()).map_err(Error::from)?;
    let open = Open::read(state, account, &operator)?;
    let commission = if *account == operator { validator.commission_due } else { Amount::ZERO };
    Ok(PositionView {
        validator: operator,
        staked: validator.value_of(position.shares),
        free_to_unstake: open.most_that_may_go(state, position.free_to_unstake())?,
        free_to_lock: validator.value_of(position.free_to_lock()),
        free_to_move: open.most_that_may_go(state, position.free_to_move())?,
        locked: validator.value_of(position.locked),
        rewards: earned.checked_add(commission).map_err(Error::from)?,
        position,
    })
}

/// A page of an account's entries, by their ids: tranches and stake that it moved lately.
pub fn leaving(ctx: &QueryContext<'_>, account: &Address, page: &Page<u64>) -> Vec<LeavingView> {
    let state = ctx.state;
    let rows = ENTRIES_BY_ACCOUNT.page_of(state, account, page).into_iter();
    rows.filter_map(|(id, place)| {
        let entry = ENTRIES.get(state, &(place.validator, place.height, id))?;
        let until = UNBONDING_ENDS.get(state, &(place.validator, place.height)).map(Time);
        Some(LeavingView { id, validator: place.validator, height: place.height, until, what: entry.what })
    })
    .collect()
}

/// The set that consensus was last told.
pub fn consensus_set(ctx: &QueryContext<'_>) -> Vec<ConsensusMember> {
    let rows = CONSENSUS_SET.all(ctx.state).into_iter();
    rows.map(|(consensus_key, validator)| ConsensusMember { consensus_key, validator }).collect()
}

/// The validator that has or had a bridge key; `None` if the key was never used.
pub fn bridge_key(ctx: &QueryContext<'_>, bridge: &Address) -> Option<BridgeKey> {
    BRIDGE_KEYS.get(ctx.state, bridge)
}
