//! The questions that bridge answers. A relayer finds everything here that the contract takes.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, CallError, Page, QueryContext, Time};
use serde::{Deserialize, Serialize};

use crate::{
    Applied, Attestation, Attested, Batch, Books, Contract, Credit, Error, Halt, Issued, OpenBatch, OutTransfer,
    OutboundKind, Params, Preimage, QueueItem, Replay, StoredSet, Word, booking,
    inbound::{self, CREDITS, INBOUND, QUEUE, applied, attested},
    sealing,
    state::{self, ACTIONS, BATCHES, SALT, SETS, TRANSFERS, books, contract, issued},
};

/// A question to bridge over ABCI, which is answered by the function of the same name in this file.
#[diem_core::queries]
pub enum Query {
    /// Asks for the parameters of the module.
    Params = 0,
    /// Asks how the bridge stands as a whole.
    Overview = 1,
    /// Asks for one transfer.
    Transfer(u64) = 2,
    /// Asks for transfers that are not over, the oldest first.
    Transfers(Page<u64>) = 3,
    /// Asks for an open batch, with what its relayer needs.
    Batch(u64) = 4,
    /// Asks for the open batches, the oldest first.
    Batches(Page<u64>) = 5,
    /// Asks for a validator set.
    Set(u64) = 6,
    /// Asks for an administrative action.
    Action(u64) = 7,
    /// Asks for the signatures under what was issued with a kind and a nonce.
    Signatures {
        /// The kind of what was issued.
        kind: OutboundKind,
        /// The nonce under which it was issued.
        nonce: u64,
        /// The set whose members count: the one that is installed on Base.
        set: u64,
    } = 8,
    /// Asks for one credit.
    Credit(u64) = 9,
    /// Asks for credits that are not paid, the oldest first.
    Credits(Page<u64>) = 10,
    /// Asks for an item of the queue on Base.
    QueueItem(u64) = 11,
    /// Asks for the queue on Base, the oldest item first.
    Queue(Page<u64>) = 12,
    /// Asks what each operator has stated about the block of Base with this number.
    Attestations(u64) = 13,
}

/// An answer of bridge.
#[diem_core::answers]
pub enum Answer {
    /// The parameters of the module.
    Params(Params) = 0,
    /// The bridge as a whole.
    Overview(Box<Overview>) = 1,
    /// The transfer that was asked for.
    Transfer(OutTransfer) = 2,
    /// Transfers with their ids.
    Transfers(Vec<(u64, OutTransfer)>) = 3,
    /// The batch that was asked for.
    Batch(Box<BatchView>) = 4,
    /// Batches with their nonces.
    Batches(Vec<(u64, OpenBatch)>) = 5,
    /// The validator set that was asked for.
    Set(StoredSet) = 6,
    /// The administrative action that was asked for.
    Action(Preimage) = 7,
    /// The signatures that were asked for.
    Signatures(Signatures) = 8,
    /// The credit that was asked for.
    Credit(Credit) = 9,
    /// Credits with their ids.
    Credits(Vec<(u64, Credit)>) = 10,
    /// The item of the queue that was asked for.
    QueueItem(QueueItem) = 11,
    /// Items of the queue with their ids.
    Queue(Vec<(u64, QueueItem)>) = 12,
    /// The statements of operators.
    Attestations(Vec<(Address, Attestation)>) = 13,
}

/// The bridge as a whole.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Overview {
    /// The contract, once it is prepared.
    pub contract: Option<Contract>,
    /// The salt by which the contract knows this chain, once it is fixed.
    pub salt: Option<Word>,
    /// The last number of each kind.
    pub issued: Issued,
    /// The state of Base up to which the chain has followed it.
    pub applied: Applied,
    /// The parts of the escrow.
    pub books: Books,
    /// The amount that can be sealed now, in adiem.
    pub room: Amount,
    /// The blocks of Base that were attested.
    pub attested: Attested,
    /// The replay that is going on.
    pub replay: Option<Replay>,
    /// The halt, if a breach has halted the bridge.
    pub halt: Option<Halt>,
}

/// A batch with what its relayer needs.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BatchView {
    /// The batch as validators sign it.
    pub batch: Batch,
    /// The time at which it was sealed.
    pub sealed_at: Time,
    /// The ids of its transfers, in the same order.
    pub ids: Vec<u64>,
    /// The signatures of the installed set.
    pub signatures: Signatures,
    /// The validator whose turn it is to relay it; anybody may.
    #[serde(with = "crate::on_base")]
    pub turn: Address,
}

/// The signatures of a set under one digest, as the contract takes them.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Signatures {
    /// The digest that is signed.
    #[serde(with = "hex::serde")]
    pub digest: [u8; 32],
    /// The set, as the contract reads it.
    #[serde(with = "hex::serde")]
    pub set: Vec<u8>,
    /// The list of signatures.
    #[serde(with = "hex::serde")]
    pub list: Vec<u8>,
    /// The power that has signed.
    pub signed: u64,
    /// The power of the whole set.
    pub total: u64,
    /// Whether the contract acts on it.
    pub is_enough: bool,
}

/// The answer to any question.
///
/// # Errors
/// The errors of the function that answers the question.
pub fn answer(ctx: &QueryContext<'_>, query: Query) -> Result<Answer, CallError> {
    Ok(match query {
        Query::Params => Answer::Params(state::params(ctx.state)),
        Query::Overview => Answer::Overview(Box::new(overview(ctx))),
        Query::Transfer(id) => Answer::Transfer(transfer(ctx, id)?),
        Query::Transfers(page) => Answer::Transfers(transfers(ctx, &page)),
        Query::Batch(nonce) => Answer::Batch(Box::new(batch(ctx, nonce)?)),
        Query::Batches(page) => Answer::Batches(batches(ctx, &page)),
        Query::Set(nonce) => Answer::Set(set(ctx, nonce)?),
        Query::Action(nonce) => Answer::Action(action(ctx, nonce)?),
        Query::Signatures { kind, nonce, set } => Answer::Signatures(signatures(ctx, kind, nonce, set)?),
        Query::Credit(id) => Answer::Credit(credit(ctx, id)?),
        Query::Credits(page) => Answer::Credits(credits(ctx, &page)),
        Query::QueueItem(id) => Answer::QueueItem(queue_item(ctx, id)?),
        Query::Queue(page) => Answer::Queue(queue(ctx, &page)),
        Query::Attestations(number) => Answer::Attestations(attestations(ctx, number)),
    })
}

/// The bridge as a whole.
pub fn overview(ctx: &QueryContext<'_>) -> Overview {
    Overview {
        contract: contract(ctx.state),
        salt: SALT.get(ctx.state).map(Word),
        issued: issued(ctx.state),
        applied: applied(ctx.state),
        books: books(ctx.state),
        room: crate::standing::room(ctx.state, ctx.block.time),
        attested: attested(ctx.state),
        replay: inbound::replay(ctx.state),
        halt: inbound::halt(ctx.state),
    }
}

/// A transfer that is not over.
///
/// # Errors
/// [`Error::UnknownTransfer`].
pub fn transfer(ctx: &QueryContext<'_>, id: u64) -> Result<OutTransfer, Error> {
    TRANSFERS.get(ctx.state, &id).ok_or(Error::UnknownTransfer(id))
}

/// Transfers that are not over, the oldest first.
pub fn transfers(ctx: &QueryContext<'_>, page: &Page<u64>) -> Vec<(u64, OutTransfer)> {
    TRANSFERS.page(ctx.state, page)
}

/// An open batch, with what its relayer needs.
///
/// # Errors
/// [`Error::UnknownNonce`].
pub fn batch(ctx: &QueryContext<'_>, nonce: u64) -> Result<BatchView, Error> {
    let unknown = || Error::UnknownNonce { what: "open batch", nonce };
    let open = BATCHES.get(ctx.state, &nonce).ok_or_else(unknown)?;
    Ok(BatchView {
        batch: sealing::batch(ctx.state, nonce).ok_or_else(unknown)?,
        turn: booking::turn(ctx.state, nonce, open.sealed_at, ctx.block.time).ok_or_else(unknown)?,
        sealed_at: open.sealed_at,
        ids: open.transfers,
        signatures: signatures(ctx, OutboundKind::Batch, nonce, applied(ctx.state).set)?,
    })
}

/// The open batches, the oldest first.
pub fn batches(ctx: &QueryContext<'_>, page: &Page<u64>) -> Vec<(u64, OpenBatch)> {
    BATCHES.page(ctx.state, page)
}

/// A credit that is not paid, by its id.
///
/// # Errors
/// [`Error::UnknownNonce`].
pub fn credit(ctx: &QueryContext<'_>, id: u64) -> Result<Credit, Error> {
    CREDITS.get(ctx.state, &id).ok_or(Error::UnknownNonce { what: "credit", nonce: id })
}

/// The credits that are not paid, the oldest first.
pub fn credits(ctx: &QueryContext<'_>, page: &Page<u64>) -> Vec<(u64, Credit)> {
    CREDITS.page(ctx.state, page)
}

/// An item of the queue on Base, by its id there.
///
/// # Errors
/// [`Error::UnknownNonce`].
pub fn queue_item(ctx: &QueryContext<'_>, id: u64) -> Result<QueueItem, Error> {
    QUEUE.get(ctx.state, &id).ok_or(Error::UnknownNonce { what: "queued item", nonce: id })
}

/// The queue on Base, the oldest item first.
pub fn queue(ctx: &QueryContext<'_>, page: &Page<u64>) -> Vec<(u64, QueueItem)> {
    QUEUE.page(ctx.state, page)
}

/// What each operator has stated about a block of Base, while it is kept.
pub fn attestations(ctx: &QueryContext<'_>, number: u64) -> Vec<(Address, Attestation)> {
    let rows = INBOUND.prefix(ctx.state, &number, None, usize::MAX).into_iter();
    rows.map(|((_, operator), attestation)| (operator, attestation)).collect()
}

/// A validator set, by its nonce.
///
/// # Errors
/// [`Error::UnknownNonce`].
pub fn set(ctx: &QueryContext<'_>, nonce: u64) -> Result<StoredSet, Error> {
    SETS.get(ctx.state, &nonce).ok_or(Error::UnknownNonce { what: "validator set", nonce })
}

/// An administrative action, by its nonce.
///
/// # Errors
/// [`Error::UnknownNonce`].
pub fn action(ctx: &QueryContext<'_>, nonce: u64) -> Result<Preimage, Error> {
    ACTIONS.get(ctx.state, &nonce).ok_or(Error::UnknownNonce { what: "administrative action", nonce })
}

/// The signatures of the members of set `set` under what was issued with this kind and nonce.
///
/// # Errors
/// [`Error::UnknownNonce`]: there is nothing to sign, or no such set.
pub fn signatures(ctx: &QueryContext<'_>, kind: OutboundKind, nonce: u64, set: u64) -> Result<Signatures, Error> {
    let unknown = || Error::UnknownNonce { what: "statement to sign", nonce };
    let stored = self::set(ctx, set)?;
    let digest = booking::wanted_digest(ctx.state, kind, nonce).ok_or_else(unknown)?;
    let list = booking::signatures(ctx.state, kind, nonce, set).ok_or_else(unknown)?;
    let (signed, total) = booking::signed_power(ctx.state, kind, nonce, set).ok_or_else(unknown)?;
    let is_enough = booking::threshold(ctx.state, kind, nonce).is_reached(signed, total);
    Ok(Signatures { digest, set: stored.bytes, list: list.encode(), signed, total, is_enough })
}
