//! Statements for Base: which the chain wants, which it has, and how much power of a set they are.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use diem_core::{Address, BlockInfo, CallError, Events, StateRead, StateWrite, Time, TxContext, Verifier, eip712};
use diem_staking::bridge_key;

use crate::{
    Attestation, BridgeVotes, Error, Event, ID, MAX_SUBMITTED, Outbound, OutboundKind, SignatureList, Statement,
    Threshold,
    attesting::{self, Told},
    inbound::{HALT, applied},
    pause_struct_hash, replay, setup,
    state::{BATCHES, KEY_SETS, SETS, STATEMENTS, STRUCT_HASHES, Signed, contract, domain, issued},
};

/// The most by which a pause may lie above the last one that was applied here: the chain sees an all-clear only when
/// Base is final.
const PAUSES_AHEAD: u64 = 4;

/// The hash of the struct that the chain has issued under this kind and nonce and that Base may still take.
fn open_hash(state: &dyn StateRead, kind: OutboundKind, nonce: u64) -> Option<[u8; 32]> {
    let applied = applied(state);
    let is_open = match kind {
        // Only what is open has a row.
        OutboundKind::Batch => BATCHES.get(state, &nonce).is_some(),
        OutboundKind::Valset => nonce > applied.set && nonce == issued(state).sets,
        OutboundKind::Admin => nonce > applied.action,
        OutboundKind::Pause => {
            let first = applied.pause_nonce.saturating_add(1);
            return (first..first.saturating_add(PAUSES_AHEAD)).contains(&nonce).then(|| pause_struct_hash(nonce));
        }
    };
    STRUCT_HASHES.get(state, &(kind, nonce)).filter(|_| is_open)
}

fn open_digest(state: &dyn StateRead, kind: OutboundKind, nonce: u64) -> Option<[u8; 32]> {
    Some(domain(state)?.digest(&open_hash(state, kind, nonce)?))
}

/// The hash of the struct that validators may sign under this kind and nonce now; `None` if there is nothing to sign, as
/// for every batch while the bridge is halted.
pub fn wanted_hash(state: &dyn StateRead, kind: OutboundKind, nonce: u64) -> Option<[u8; 32]> {
    let is_stopped = kind == OutboundKind::Batch && HALT.get(state).is_some();
    open_hash(state, kind, nonce).filter(|_| !is_stopped)
}

/// The digest that validators may sign under this kind and nonce now.
pub fn wanted_digest(state: &dyn StateRead, kind: OutboundKind, nonce: u64) -> Option<[u8; 32]> {
    Some(domain(state)?.digest(&wanted_hash(state, kind, nonce)?))
}

/// What the chain wants of validators, looked up once. Booking a statement changes none of it but the numbers of blocks
/// of Base that are still to be stated, so that one of these serves a whole block.
pub struct Wanted {
    separator: [u8; 32],
    /// The digests that were looked up; `None` where there is nothing to sign.
    digests: BTreeMap<(OutboundKind, u64), Option<[u8; 32]>>,
    /// The operators who count for statements of Base, once one came.
    told: OnceCell<Told>,
}

impl Wanted {
    /// What this state wants; nothing is looked up yet.
    ///
    /// # Errors
    /// [`Error::Inactive`].
    pub fn by(state: &dyn StateRead) -> Result<Self, Error> {
        let separator = domain(state).ok_or(Error::Inactive)?.separator();
        Ok(Self { separator, digests: BTreeMap::new(), told: OnceCell::new() })
    }

    /// Checks what a statement says, without looking at who signed it, and returns the digest that was signed.
    ///
    /// # Errors
    /// [`Error::Unwanted`], [`Error::OtherContent`].
    pub fn check(&mut self, state: &dyn StateRead, statement: &Statement) -> Result<[u8; 32], Error> {
        match statement {
            Statement::Outbound(outbound) => {
                let (kind, nonce) = (outbound.kind, outbound.nonce);
                let look_up = || wanted_hash(state, kind, nonce).map(|hash| eip712::digest(&self.separator, &hash));
                let digest = self.digests.entry((kind, nonce)).or_insert_with(look_up).ok_or(Error::Unwanted)?;
                if digest == outbound.digest { Ok(digest) } else { Err(Error::OtherContent) }
            }
            Statement::Inbound { checkpoint, .. } => {
                attesting::check(state, checkpoint)?;
                Ok(eip712::digest(&self.separator, &checkpoint.struct_hash()))
            }
        }
    }

    /// Checks the signer of a statement whose content is wanted, and returns it.
    ///
    /// # Errors
    /// [`Error::Stated`], or an error for a signature by no key that counts.
    pub fn check_signer(
        &self,
        state: &dyn StateRead,
        verifier: &dyn Verifier,
        statement: &Statement,
        digest: &[u8; 32],
    ) -> Result<Address, Error> {
        let signer = verifier.recover(statement.signature(), digest)?;
        match statement {
            Statement::Outbound(outbound) => check_key(state, &signer, outbound)?,
            Statement::Inbound { checkpoint, .. } => {
                attesting::check_signer(state, self.told(state), &signer, checkpoint.number)?;
            }
        }
        Ok(signer)
    }

    fn told(&self, state: &dyn StateRead) -> &Told {
        self.told.get_or_init(|| Told::by(state))
    }
}

/// Checks that a key counts for Base, and has not stated this.
fn check_key(state: &dyn StateRead, signer: &Address, outbound: &Outbound) -> Result<(), Error> {
    if KEY_SETS.get(state, signer).is_none_or(|last| last.nonce < applied(state).set) {
        return Err(Error::NotASigner(*signer));
    }
    let stored = STATEMENTS.get(state, &(outbound.kind, outbound.nonce, *signer));
    if stored.is_some_and(|stored| stored.digest == outbound.digest) { Err(Error::Stated) } else { Ok(()) }
}

/// Checks that the chain wants a statement, and returns its signer. What is cheap is checked first, the signer is
/// recovered last.
///
/// # Errors
/// Those of [`Wanted::by`], [`Wanted::check`] and [`Wanted::check_signer`].
pub fn check_wanted(state: &dyn StateRead, verifier: &dyn Verifier, statement: &Statement) -> Result<Address, Error> {
    let mut wanted = Wanted::by(state)?;
    let digest = wanted.check(state, statement)?;
    wanted.check_signer(state, verifier, statement, &digest)
}

/// The first transaction of a block, of which everything was judged but the signers.
pub struct ReadVotes {
    /// The transaction.
    pub votes: BridgeVotes,
    /// The digest of each statement, in their order.
    pub digests: Vec<[u8; 32]>,
    wanted: Wanted,
}

/// Reads the first transaction of a block and judges by the state before the block whatever needs no signer. The signers
/// follow in [`check_signers`]: whoever calls both can recover all of them at once in between.
///
/// # Errors
/// The bytes are not of the form, or say something that the chain does not want; the first fault is told.
pub fn read_votes(state: &dyn StateRead, bytes: &[u8]) -> Result<ReadVotes, Error> {
    let votes = BridgeVotes::decode(bytes)?;
    let mut wanted = Wanted::by(state)?;
    let digests = votes.statements.iter().map(|statement| wanted.check(state, statement)).collect::<Result<_, _>>()?;
    if let Some(chunk) = &votes.chunk {
        replay::check(state, chunk)?;
    }
    Ok(ReadVotes { votes, digests, wanted })
}

/// Judges the signers of [`read_votes`], which has judged what they say, and their order by the same state.
///
/// # Errors
/// A statement is by nobody who counts, was stated before, or is not above the one before it.
pub fn check_signers(state: &dyn StateRead, verifier: &dyn Verifier, read: &ReadVotes) -> Result<(), Error> {
    let mut last = None;
    for (number, (statement, digest)) in read.votes.statements.iter().zip(&read.digests).enumerate() {
        let place = Some((read.wanted.check_signer(state, verifier, statement, digest)?, statement.place()));
        if place == last {
            return Err(Error::VotesDuplicate(number));
        }
        if place < last {
            return Err(Error::VotesOrder(number));
        }
        last = place;
    }
    Ok(())
}

/// Takes in the chunk and books the statements of a block. What the steps before it made unwanted is passed over alone, so
/// that it never takes the others with it. Returns how many statements were booked.
pub fn apply_votes(
    state: &mut dyn StateWrite,
    events: &mut Events,
    verifier: &dyn Verifier,
    block: BlockInfo,
    votes: &BridgeVotes,
) -> usize {
    if let Some(chunk) = &votes.chunk {
        // It was valid before the block; where it is not any more, it is passed over like a statement.
        let _ = replay::accept(state, events, block.time, chunk);
    }
    let Ok(mut wanted) = Wanted::by(state) else { return 0 };
    let mut stated = BTreeSet::new();
    let book = |statement| book(state, events, verifier, &mut wanted, statement, &mut stated);
    let booked = votes.statements.iter().map(book).filter(Result::is_ok).count();
    tally(state, events, block.time, &wanted, &stated);
    booked
}

/// Attests the newest of the blocks that were stated just now and have enough power: it closes those below.
fn tally(state: &mut dyn StateWrite, events: &mut Events, now: Time, wanted: &Wanted, stated: &BTreeSet<u64>) {
    if let Some(found) = stated.iter().rev().find_map(|number| attesting::agreed(state, wanted.told(state), *number)) {
        attesting::attest(state, events, now, found);
    }
}

/// Books the statements that a transaction hands in. Those that came in by another way meanwhile are passed over.
///
/// # Errors
/// There are none or too many, one is not wanted, or all of them were stated before.
pub fn submit(ctx: &mut TxContext<'_>, statements: &[Statement]) -> Result<(), CallError> {
    if !(1..=MAX_SUBMITTED).contains(&statements.len()) {
        return Err(Error::Submitted.into());
    }
    let mut is_new = false;
    let mut wanted = Wanted::by(ctx.state)?;
    let mut stated = BTreeSet::new();
    for statement in statements {
        match book(ctx.state, ctx.events, ctx.verifier, &mut wanted, statement, &mut stated) {
            Ok(()) => is_new = true,
            Err(Error::Stated) => {}
            Err(error) => return Err(error.into()),
        }
    }
    tally(ctx.state, ctx.events, ctx.block.time, &wanted, &stated);
    if is_new { Ok(()) } else { Err(Error::Stated.into()) }
}

/// Books one statement. The number of a block of Base that is still to be attested is added to `stated`.
///
/// # Errors
/// The errors of [`check_wanted`].
fn book(
    state: &mut dyn StateWrite,
    events: &mut Events,
    verifier: &dyn Verifier,
    wanted: &mut Wanted,
    statement: &Statement,
    stated: &mut BTreeSet<u64>,
) -> Result<(), Error> {
    let digest = wanted.check(state, statement)?;
    let signer = wanted.check_signer(state, verifier, statement, &digest)?;
    match statement {
        Statement::Outbound(outbound) => book_outbound(state, events, signer, outbound),
        Statement::Inbound { checkpoint, signature } => {
            let operator = bridge_key(state, &signer).ok_or(Error::NotASigner(signer))?.operator;
            let attestation = Attestation { checkpoint: *checkpoint, signature: *signature };
            if attesting::book(state, operator, &attestation) {
                stated.insert(checkpoint.number);
            }
        }
    }
    Ok(())
}

/// Books a statement for Base. The quorum of set 0 for a later set is what the bridge begins to work with.
fn book_outbound(state: &mut dyn StateWrite, events: &mut Events, signer: Address, outbound: &Outbound) {
    let Outbound { kind, nonce, digest, signature } = *outbound;
    STATEMENTS.set(state, &(kind, nonce, signer), &Signed { digest, signature });
    let is_at_work = contract(state).is_none_or(|contract| contract.is_ready);
    if kind == OutboundKind::Valset && !is_at_work && has_quorum(state, kind, nonce, applied(state).set) {
        setup::begin_work(state);
        events.emit(ID, &Event::Ready);
    }
}

/// The signatures of the members of set `set` under what was issued with this kind and nonce, as the contract takes them
/// where that set is installed.
pub fn signatures(state: &dyn StateRead, kind: OutboundKind, nonce: u64, set: u64) -> Option<SignatureList> {
    let digest = open_digest(state, kind, nonce)?;
    let stored =
        |address: Address| STATEMENTS.get(state, &(kind, nonce, address)).filter(|signed| signed.digest == digest);
    let set = SETS.get(state, &set)?.set();
    let list = set.members().iter().map(|member| stored(member.address).map(|signed| signed.signature));
    Some(SignatureList::new(list.collect()))
}

/// The power of set `set` that has signed, and its total.
pub fn signed_power(state: &dyn StateRead, kind: OutboundKind, nonce: u64, set: u64) -> Option<(u64, u64)> {
    let list = signatures(state, kind, nonce, set)?;
    let set = SETS.get(state, &set)?.set();
    // The powers of a set add up in 64 bits.
    let signed =
        list.signers().filter_map(|place| set.members().get(place)).fold(0_u64, |sum, m| sum.saturating_add(m.power));
    Some((signed, set.total()))
}

/// Whether enough of set `set` has signed for the contract to act where that set is installed.
pub fn has_quorum(state: &dyn StateRead, kind: OutboundKind, nonce: u64, set: u64) -> bool {
    let signed = signed_power(state, kind, nonce, set);
    signed.is_some_and(|(signed, total)| threshold(state, kind, nonce).is_reached(signed, total))
}

/// The part of a set whose signatures the contract needs for this.
pub fn threshold(state: &dyn StateRead, kind: OutboundKind, nonce: u64) -> Threshold {
    match kind {
        OutboundKind::Pause => Threshold::AtLeastOneThird,
        OutboundKind::Admin => crate::admin::threshold(state, nonce),
        OutboundKind::Batch | OutboundKind::Valset => Threshold::MoreThanTwoThirds,
    }
}

/// What the key at this address should sign now and has not signed: the newest set, actions from the newest on, batches
/// from the oldest on; at most `limit`. It is empty for a key that counts in no set.
pub fn owed_by(state: &dyn StateRead, key: &Address, limit: usize) -> Vec<(OutboundKind, u64)> {
    let Some(domain) = domain(state) else { return Vec::new() };
    let applied = applied(state);
    if KEY_SETS.get(state, key).is_none_or(|last| last.nonce < applied.set) {
        return Vec::new();
    }
    let issued = issued(state);
    // The set comes first: without it what follows may find no place on Base.
    let set = std::iter::once((OutboundKind::Valset, issued.sets));
    let batches = BATCHES.all(state).into_iter().map(|(nonce, _)| (OutboundKind::Batch, nonce));
    let actions = (applied.action.saturating_add(1)..=issued.actions).rev().map(|nonce| (OutboundKind::Admin, nonce));
    let is_owed = |(kind, nonce): &(OutboundKind, u64)| {
        let digest = wanted_hash(state, *kind, *nonce).map(|hash| domain.digest(&hash));
        let stored = STATEMENTS.get(state, &(*kind, *nonce, *key)).map(|signed| signed.digest);
        digest.is_some() && digest != stored
    };
    set.chain(actions.take(limit)).chain(batches).filter(is_owed).take(limit).collect()
}

/// The member of the installed set whose turn it is to relay a batch, which changes every minute after sealing. Whoever
/// relays without waiting for it may lose the race; the contract does not ask.
pub fn turn(state: &dyn StateRead, nonce: u64, sealed_at: Time, now: Time) -> Option<Address> {
    const TURN_MS: u64 = 60_000;
    let set = SETS.get(state, &applied(state).set)?.set();
    let turns = now.millis().saturating_sub(sealed_at.millis()) / TURN_MS;
    let place = (u128::from(nonce).saturating_add(turns.into())).checked_rem(set.members().len() as u128)?;
    set.members().get(usize::try_from(place).ok()?).map(|member| member.address)
}
