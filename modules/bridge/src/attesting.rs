//! Attesting: statements of Base are booked, and a block that more than two thirds of the power state alike is attested.
//!
//! Only operators count, with the power that consensus was last told, so that a rotated key starts nothing anew. Numbers
//! may be skipped: attesting one closes all below it.

use std::collections::BTreeMap;

use diem_core::{Address, Events, StateRead, StateWrite, Time};
use diem_staking::{bridge_key, consensus_set, validator};

use crate::{
    Attestation, Checkpoint, Error, Event, ID, Threshold, closing, halt,
    inbound::{ATTESTED, INBOUND, RECENT, STATED, attested},
    replay, silence,
    state::{contract, params},
};

/// The number of attested blocks whose statements are kept, and still counted when they come late.
pub const KEPT_BLOCKS: usize = 4;
/// The most numbers above the last attested one that an operator may have stated. A further one drops the lowest.
pub const MAX_STATED: usize = 16;

/// The powers that consensus was last told, by operator.
pub(crate) struct Told {
    powers: BTreeMap<Address, u64>,
    total: u64,
}

impl Told {
    pub(crate) fn by(state: &dyn StateRead) -> Self {
        let powers: BTreeMap<Address, u64> =
            consensus_set(state).into_iter().map(|(update, member)| (member.operator, update.power)).collect();
        // Powers of a set add up in 64 bits.
        let total = powers.values().fold(0, |sum: u64, power| sum.saturating_add(*power));
        Self { powers, total }
    }

    /// The operators, in the order of their addresses.
    pub(crate) fn operators(&self) -> impl Iterator<Item = &Address> {
        self.powers.keys()
    }

    /// The power of an operator; `None` if it is not told.
    pub(crate) fn power(&self, operator: &Address) -> Option<u64> {
        self.powers.get(operator).copied()
    }

    /// The sum of all powers.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }
}

/// The numbers of the blocks that validators should state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The distance of checkpoints: a number must be a multiple of it.
    pub every: u64,
    /// The number above which it must lie: that of the last attested block, at first that of the contract's creation.
    pub above: u64,
}

impl Bounds {
    /// Whether the block of this number is to be stated.
    pub const fn has(&self, number: u64) -> bool {
        number > self.above && number.is_multiple_of(self.every)
    }
}

/// The numbers that are to be stated; `None` until the bridge is at work.
pub fn bounds(state: &dyn StateRead) -> Option<Bounds> {
    let deployed = contract(state).filter(|contract| contract.is_ready)?.deployed?;
    let above = attested(state).last.map_or(deployed.deploy_block, |last| last.number);
    Some(Bounds { every: params(state).checkpoint_blocks, above })
}

/// The numbers above the last attested one that any operator has stated, ascending.
pub fn named(state: &dyn StateRead) -> Vec<u64> {
    let Some(Bounds { above, .. }) = bounds(state) else { return Vec::new() };
    let from = (above.saturating_add(1), Address::ZERO);
    let mut numbers: Vec<u64> =
        INBOUND.range(state, Some(&from), usize::MAX).into_iter().map(|((number, _), _)| number).collect();
    numbers.dedup();
    numbers
}

/// The numbers above the last attested one that this operator has stated, ascending.
pub fn stated_by(state: &dyn StateRead, operator: &Address) -> Vec<u64> {
    let above = bounds(state).map_or(0, |bounds| bounds.above);
    let mut numbers = STATED.get(state, operator).unwrap_or_default();
    numbers.retain(|number| *number > above);
    numbers
}

/// The statement of an operator about a block, while it is kept.
pub fn statement_of(state: &dyn StateRead, number: u64, operator: &Address) -> Option<Attestation> {
    INBOUND.get(state, &(number, *operator))
}

/// The last blocks that were attested, ascending: a statement with the same content still counts for its operator.
pub fn recent(state: &dyn StateRead) -> Vec<Checkpoint> {
    RECENT.all(state).into_iter().map(|(_, checkpoint)| checkpoint).collect()
}

/// The power that states exactly this, and the total.
pub fn agreeing(state: &dyn StateRead, checkpoint: &Checkpoint) -> (u64, u64) {
    let told = Told::by(state);
    let stated = INBOUND.prefix(state, &checkpoint.number, None, usize::MAX).into_iter();
    let alike = stated.filter(|(_, attestation)| attestation.checkpoint == *checkpoint);
    let power = alike.filter_map(|((_, operator), _)| told.power(&operator)).fold(0, u64::saturating_add);
    (power, told.total())
}

/// Checks what a statement of Base says, without looking at who signed it: the number is one that is to be stated, or
/// the content is that of a block that was attested of late.
///
/// # Errors
/// [`Error::Unwanted`], [`Error::OtherContent`].
pub(crate) fn check(state: &dyn StateRead, checkpoint: &Checkpoint) -> Result<(), Error> {
    let bounds = bounds(state).ok_or(Error::Unwanted)?;
    if bounds.has(checkpoint.number) {
        return Ok(());
    }
    match RECENT.get(state, &checkpoint.number) {
        Some(recent) if recent == *checkpoint => Ok(()),
        Some(_) => Err(Error::OtherContent),
        None => Err(Error::Unwanted),
    }
}

/// Checks that a signer may state this number now: it is the current key of an operator that is told, who has not stated
/// it yet and not sixteen higher ones. Returns the operator.
///
/// # Errors
/// [`Error::NotASigner`], [`Error::Stated`], [`Error::Unwanted`].
pub(crate) fn check_signer(
    state: &dyn StateRead,
    told: &Told,
    signer: &Address,
    number: u64,
) -> Result<Address, Error> {
    let operator = bridge_key(state, signer).ok_or(Error::NotASigner(*signer))?.operator;
    let is_current = validator(state, &operator).is_some_and(|validator| validator.bridge_address == *signer);
    if !is_current || told.power(&operator).is_none() {
        return Err(Error::NotASigner(*signer));
    }
    if INBOUND.get(state, &(number, operator)).is_some() {
        return Err(Error::Stated);
    }
    let above = bounds(state).ok_or(Error::Unwanted)?.above;
    let stated = stated_by(state, &operator);
    let is_below_all = stated.first().is_some_and(|lowest| number < *lowest);
    if number > above && stated.len() >= MAX_STATED && is_below_all { Err(Error::Unwanted) } else { Ok(operator) }
}

/// Books a statement that was checked. Returns whether its block is still to be attested.
pub(crate) fn book(state: &mut dyn StateWrite, operator: Address, attestation: &Attestation) -> bool {
    let number = attestation.checkpoint.number;
    INBOUND.set(state, &(number, operator), attestation);
    if RECENT.get(state, &number).is_some() {
        return false;
    }
    let mut stated = stated_by(state, &operator);
    if let Err(place) = stated.binary_search(&number) {
        stated.insert(place, number);
    }
    if stated.len() > MAX_STATED {
        INBOUND.remove(state, &(stated.remove(0), operator));
    }
    STATED.set(state, &operator, &stated);
    true
}

/// What more than two thirds of the power state of the block with this number, if they do.
pub(crate) fn agreed(state: &dyn StateRead, told: &Told, number: u64) -> Option<Checkpoint> {
    let stated = INBOUND.prefix(state, &number, None, usize::MAX);
    let mut contents: Vec<(Checkpoint, u64)> = Vec::new();
    for ((_, operator), Attestation { checkpoint, .. }) in stated {
        let Some(power) = told.power(&operator) else { continue };
        match contents.iter_mut().find(|(content, _)| *content == checkpoint) {
            Some((_, sum)) => *sum = sum.saturating_add(power),
            None => contents.push((checkpoint, power)),
        }
    }
    let enough = |(_, sum): &&(Checkpoint, u64)| Threshold::MoreThanTwoThirds.is_reached(*sum, told.total());
    contents.iter().find(enough).map(|(content, _)| *content)
}

/// Attests a block: everything below is closed, and its events are to be replayed.
pub(crate) fn attest(state: &mut dyn StateWrite, events: &mut Events, now: Time, checkpoint: Checkpoint) {
    let mut row = attested(state);
    row.count = row.count.saturating_add(1);
    row.last = Some(checkpoint);
    ATTESTED.set(state, &row);
    RECENT.set(state, &checkpoint.number, &checkpoint);
    let recent = RECENT.all(state);
    if let Some((_, oldest)) = recent.first().filter(|_| recent.len() > KEPT_BLOCKS) {
        close(state, events, now, oldest);
    }
    drop_statements(state);
    closing::drop_statements(state, row.count);
    events.emit(ID, &Event::Attested { checkpoint });
    if !halt::is_history_broken(state) {
        replay::begin(state, events, now, checkpoint);
    }
}

/// Ends the time in which statements of an attested block count, and records who made one.
fn close(state: &mut dyn StateWrite, events: &mut Events, now: Time, checkpoint: &Checkpoint) {
    let stated = INBOUND.prefix(state, &checkpoint.number, None, usize::MAX).into_iter();
    let alike = stated.filter(|(_, attestation)| attestation.checkpoint == *checkpoint);
    let signed = alike.map(|((_, operator), _)| operator).collect();
    silence::record(state, events, now, &signed, |_| true);
    RECENT.remove(state, &checkpoint.number);
}

/// Drops statements that will never count: those up to the last attested block, but for the last attested ones.
fn drop_statements(state: &mut dyn StateWrite) {
    let Some(last) = attested(state).last else { return };
    let all = INBOUND.all(state).into_iter().map(|(key, _)| key);
    let below: Vec<(u64, Address)> = all.take_while(|(number, _)| *number <= last.number).collect();
    for key in below {
        if RECENT.get(state, &key.0).is_none() {
            INBOUND.remove(state, &key);
        }
    }
    for (operator, mut numbers) in STATED.all(state) {
        let before = numbers.len();
        numbers.retain(|number| *number > last.number);
        match numbers.len() {
            0 => STATED.remove(state, &operator),
            kept if kept < before => STATED.set(state, &operator, &numbers),
            _ => {}
        }
    }
}
