//! bridge's part of the genesis file.
//!
//! A chain that restarts from an export keeps its bridge: its salt, its contract, every number that was given, and every
//! hash by which a forgery is known.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, CallError, StateRead, StateWrite, cell::Item};
use serde::{Deserialize, Serialize};

use crate::{
    Applied, Books, Bucket, Contract, Error, Issued, OpenBatch, OutTransfer, OutboundKind, Params, Preimage, Signed,
    StoredSet, ValidatorSet, invariants,
    state::{
        ACTIONS, APPLIED, BATCHES, BOOKS, CONTRACT, ISSUED, KEY_SETS, OUT_BUCKET, PARAMS, SALT, SETS, STATEMENTS,
        STRUCT_HASHES, TRANSFERS, WAITING, applied, books, contract, issued, params,
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

/// Every row of a running chain. The queue of waiting transfers and the newest set of each key are derived.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is a table")]
pub struct Rows {
    pub salt: Option<Word>,
    pub contract: Option<Contract>,
    pub issued: Issued,
    pub applied: Applied,
    pub books: Books,
    pub out_bucket: Bucket,
    pub transfers: Vec<(u64, OutTransfer)>,
    pub batches: Vec<(u64, OpenBatch)>,
    pub struct_hashes: Vec<((OutboundKind, u64), Word)>,
    pub sets: Vec<(u64, StoredSet)>,
    pub actions: Vec<(u64, Preimage)>,
    pub statements: Vec<((OutboundKind, u64, Address), Signed)>,
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
    set_used(state, &APPLIED, &rows.applied);
    set_used(state, &BOOKS, &rows.books);
    set_used(state, &OUT_BUCKET, &rows.out_bucket);
    TRANSFERS.fill(state, &rows.transfers);
    for (id, _) in rows.transfers.iter().filter(|(_, transfer)| transfer.batch.is_none()) {
        WAITING.set(state, id, &1);
    }
    BATCHES.fill(state, &rows.batches);
    for (key, Word(hash)) in &rows.struct_hashes {
        STRUCT_HASHES.set(state, key, hash);
    }
    SETS.fill(state, &rows.sets);
    // The sets come in the order of their nonces, so that the newest one of each key stays.
    for (nonce, stored) in &rows.sets {
        stored.set().members().iter().for_each(|member| KEY_SETS.set(state, &member.address, nonce));
    }
    ACTIONS.fill(state, &rows.actions);
    STATEMENTS.fill(state, &rows.statements);
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

/// The genesis that would give the present rows again.
pub(crate) fn export(state: &dyn StateRead) -> Genesis {
    let rows = Rows {
        salt: SALT.get(state).map(Word),
        contract: contract(state),
        issued: issued(state),
        applied: applied(state),
        books: books(state),
        out_bucket: OUT_BUCKET.get(state).unwrap_or_default(),
        transfers: TRANSFERS.all(state),
        batches: BATCHES.all(state),
        struct_hashes: STRUCT_HASHES.all(state).into_iter().map(|(key, hash)| (key, Word(hash))).collect(),
        sets: SETS.all(state),
        actions: ACTIONS.all(state),
        statements: STATEMENTS.all(state),
    };
    Genesis { params: params(state), rows: (rows != Rows::default()).then(|| Box::new(rows)) }
}
