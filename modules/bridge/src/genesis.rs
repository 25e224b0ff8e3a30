//! bridge's part of the genesis file.
//!
//! A chain that restarts from an export keeps its bridge: its salt, its contract, every number that was given, and every
//! hash by which a forgery is known.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, CallError, StateRead, StateWrite, cell::Item};
use serde::{Deserialize, Serialize};

use crate::{
    Applied, Attestation, Attested, Books, Bucket, Checkpoint, Contract, Credit, Duties, Error, EventBytes, Executed,
    Halt, Issued, Jailed, LastSet, OpenBatch, OutTransfer, OutboundKind, Params, Preimage, QueueItem, Replay, Signed,
    StoredSet, ValidatorSet,
    inbound::{
        APPLIED, ATTESTED, CHUNKS, CLOSED, CREDIT_BUCKET, CREDITS, DEADLINES, DELAYED, DUTIES, EXECUTED, HALT, HASHED,
        INBOUND, JAILED, LATEST_DROPPED, QUEUE, RECENT, REPLAY, STATED, applied, attested,
    },
    invariants,
    state::{
        ACTIONS, BATCHES, BOOKS, CONTRACT, ISSUED, KEY_SETS, OUT_BUCKET, PARAMS, SALT, SETS, STATEMENTS, STRUCT_HASHES,
        TRANSFERS, WAITING, books, contract, issued, params,
    },
};

/// The state from which the bridge starts. It holds no address of a contract: those follow from what `prepare` fixes.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The parameters of the module.
    #[serde(default)]
    pub params: Params,
    /// Every row of a running chain: only an export has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Box<Rows>>,
}

/// Every row of a running chain. The queues and what is looked up by time are derived.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is a table")]
pub struct Rows {
    pub salt: Option<Word>,
    pub contract: Option<Contract>,
    pub issued: Issued,
    pub books: Books,
    pub out_bucket: Bucket,
    pub transfers: Vec<(u64, OutTransfer)>,
    pub batches: Vec<(u64, OpenBatch)>,
    pub struct_hashes: Vec<((OutboundKind, u64), Word)>,
    pub sets: Vec<(u64, StoredSet)>,
    pub actions: Vec<(u64, Preimage)>,
    pub statements: Vec<((OutboundKind, u64, Address), Signed)>,
    pub key_sets: Vec<(Address, LastSet)>,
    pub base: BaseRows,
}

/// Every row of what a running chain knows of Base.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is a table")]
pub struct BaseRows {
    pub applied: Applied,
    pub attested: Attested,
    pub recent: Vec<(u64, Checkpoint)>,
    pub statements: Vec<((u64, Address), Attestation)>,
    pub replay: Option<Replay>,
    pub chunks: Vec<(u64, Vec<EventBytes>)>,
    pub executed: Vec<(u64, Executed)>,
    pub queue: Vec<(u64, QueueItem)>,
    pub credits: Vec<(u64, Credit)>,
    pub credit_bucket: Bucket,
    pub halt: Option<Halt>,
    pub closed: Vec<(u64, u64)>,
    pub hashed: Vec<(u64, u64)>,
    pub latest_dropped: u64,
    pub duties: Vec<(Address, Duties)>,
    pub jailed: Jailed,
}

/// A hash of 32 bytes, as hex in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Word(#[serde(with = "hex::serde")] pub [u8; 32]);

/// Writes the module's first rows.
///
/// # Errors
/// A parameter is out of its bounds, or the rows are none that a chain can have.
pub(crate) fn init(state: &mut dyn StateWrite, genesis: &Genesis) -> Result<(), CallError> {
    genesis.params.validate()?;
    PARAMS.set(state, &genesis.params);
    let Some(rows) = &genesis.rows else { return Ok(()) };
    // The sets are checked before any is written, because reading a stored set relies on it.
    for (_, stored) in &rows.sets {
        ValidatorSet::decode(&stored.bytes)?;
    }
    write(state, rows);
    invariants::check(state).map_err(|why| Error::Import(why).into())
}

fn write(state: &mut dyn StateWrite, rows: &Rows) {
    if let Some(Word(salt)) = &rows.salt {
        SALT.set(state, salt);
    }
    if let Some(contract) = &rows.contract {
        CONTRACT.set(state, contract);
    }
    set_used(state, &ISSUED, &rows.issued);
    set_used(state, &BOOKS, &rows.books);
    set_used(state, &OUT_BUCKET, &rows.out_bucket);
    TRANSFERS.fill(state, &rows.transfers);
    for (id, _) in rows.transfers.iter().filter(|(_, transfer)| transfer.batch.is_none()) {
        WAITING.set(state, id, &1);
    }
    BATCHES.fill(state, &rows.batches);
    for (nonce, batch) in &rows.batches {
        DEADLINES.set(state, &(batch.deadline, *nonce), &1);
    }
    for (key, Word(hash)) in &rows.struct_hashes {
        STRUCT_HASHES.set(state, key, hash);
    }
    SETS.fill(state, &rows.sets);
    KEY_SETS.fill(state, &rows.key_sets);
    ACTIONS.fill(state, &rows.actions);
    STATEMENTS.fill(state, &rows.statements);
    write_base(state, &rows.base);
}

fn write_base(state: &mut dyn StateWrite, rows: &BaseRows) {
    set_used(state, &APPLIED, &rows.applied);
    set_used(state, &ATTESTED, &rows.attested);
    RECENT.fill(state, &rows.recent);
    INBOUND.fill(state, &rows.statements);
    let last = rows.attested.last.map_or(0, |last| last.number);
    let mut stated: BTreeMap<Address, Vec<u64>> = BTreeMap::new();
    for ((number, operator), _) in rows.statements.iter().filter(|((number, _), _)| *number > last) {
        stated.entry(*operator).or_default().push(*number);
    }
    stated.iter().for_each(|(operator, numbers)| STATED.set(state, operator, numbers));
    if let Some(replay) = &rows.replay {
        REPLAY.set(state, replay);
    }
    CHUNKS.fill(state, &rows.chunks);
    EXECUTED.fill(state, &rows.executed);
    QUEUE.fill(state, &rows.queue);
    CREDITS.fill(state, &rows.credits);
    for (id, until) in rows.credits.iter().filter_map(|(id, credit)| Some((id, credit.delayed_until?))) {
        DELAYED.set(state, &(until.millis(), *id), &1);
    }
    set_used(state, &CREDIT_BUCKET, &rows.credit_bucket);
    if let Some(halt) = &rows.halt {
        HALT.set(state, halt);
    }
    rows.closed.iter().for_each(|key| CLOSED.set(state, key, &1));
    rows.hashed.iter().for_each(|key| HASHED.set(state, key, &1));
    set_used(state, &LATEST_DROPPED, &rows.latest_dropped);
    DUTIES.fill(state, &rows.duties);
    set_used(state, &JAILED, &rows.jailed);
}

/// Writes a row that differs from its default; one that was never written reads as the default.
fn set_used<T>(state: &mut dyn StateWrite, item: &Item<T>, value: &T)
where
    T: BorshSerialize + BorshDeserialize + Default + PartialEq,
{
    if *value != T::default() {
        item.set(state, value);
    }
}

fn export_base(state: &dyn StateRead) -> BaseRows {
    let keys = |rows: Vec<((u64, u64), u8)>| rows.into_iter().map(|(key, _)| key).collect();
    BaseRows {
        applied: applied(state),
        attested: attested(state),
        recent: RECENT.all(state),
        statements: INBOUND.all(state),
        replay: REPLAY.get(state),
        chunks: CHUNKS.all(state),
        executed: EXECUTED.all(state),
        queue: QUEUE.all(state),
        credits: CREDITS.all(state),
        credit_bucket: CREDIT_BUCKET.get(state).unwrap_or_default(),
        halt: HALT.get(state),
        closed: keys(CLOSED.all(state)),
        hashed: keys(HASHED.all(state)),
        latest_dropped: LATEST_DROPPED.get(state).unwrap_or_default(),
        duties: DUTIES.all(state),
        jailed: JAILED.get(state).unwrap_or_default(),
    }
}

/// The genesis that would give the present rows again.
pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    let rows = Rows {
        salt: SALT.get(state).map(Word),
        contract: contract(state),
        issued: issued(state),
        books: books(state),
        out_bucket: OUT_BUCKET.get(state).unwrap_or_default(),
        transfers: TRANSFERS.all(state),
        batches: BATCHES.all(state),
        struct_hashes: STRUCT_HASHES.all(state).into_iter().map(|(key, hash)| (key, Word(hash))).collect(),
        sets: SETS.all(state),
        actions: ACTIONS.all(state),
        statements: STATEMENTS.all(state),
        key_sets: KEY_SETS.all(state),
        base: export_base(state),
    };
    Genesis { params: params(state), rows: (rows != Rows::default()).then(|| Box::new(rows)) }
}
