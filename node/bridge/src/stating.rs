//! What a bridge key owes: something for Base, by kind and nonce, or a block of Base, with its facts.

use std::fmt;

use diem_bridge::{
    Checkpoint, Domain, Outbound, OutboundKind, Statement,
    attesting::{recent, statement_of},
    booking::{signatures, wanted_digest},
    inbound::applied,
    state::stored_set,
};
use diem_core::{Address, StateRead};
use diem_staking::{bridge_key, consensus_set, validator};

use crate::memory::{Entry, Kind};

/// What a key should sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owed {
    /// Something for Base, whose content the chain has.
    Outbound(OutboundKind, u64),
    /// A block of Base, whose content was proven.
    Block(Checkpoint),
}

impl Owed {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Outbound(kind, _) => (*kind).into(),
            Self::Block(_) => Kind::Checkpoint,
        }
    }

    /// The nonce, or the number of the block.
    pub(crate) const fn number(&self) -> u64 {
        match self {
            Self::Outbound(_, nonce) => *nonce,
            Self::Block(checkpoint) => checkpoint.number,
        }
    }

    pub(crate) const fn checkpoint(&self) -> Option<Checkpoint> {
        match self {
            Self::Outbound(..) => None,
            Self::Block(checkpoint) => Some(*checkpoint),
        }
    }

    /// The digest to sign; `None` if the chain has no such content.
    pub(crate) fn digest(&self, state: &dyn StateRead, domain: &Domain) -> Option<[u8; 32]> {
        match self {
            Self::Outbound(kind, nonce) => wanted_digest(state, *kind, *nonce),
            Self::Block(checkpoint) => Some(domain.digest(&checkpoint.struct_hash())),
        }
    }

    /// The statement with the signature that was remembered.
    pub(crate) const fn statement(&self, entry: &Entry) -> Statement {
        let Entry { digest, signature, .. } = *entry;
        match *self {
            Self::Outbound(kind, nonce) => Statement::Outbound(Outbound { kind, nonce, digest, signature }),
            Self::Block(checkpoint) => Statement::Inbound { checkpoint, signature },
        }
    }
}

impl fmt::Display for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outbound(kind, nonce) => write!(f, "{kind} {nonce}"),
            Self::Block(checkpoint) => write!(f, "block {} of Base", checkpoint.number),
        }
    }
}

/// The operator who states blocks of Base with this key now: it is his current one, and consensus knows him.
pub(crate) fn operator(state: &dyn StateRead, key: &Address) -> Option<Address> {
    let operator = bridge_key(state, key)?.operator;
    let is_current = validator(state, &operator).is_some_and(|validator| validator.bridge_address == *key);
    let is_told = consensus_set(state).into_iter().any(|(_, member)| member.operator == operator);
    (is_current && is_told).then_some(operator)
}

/// The blocks that were attested of late without this operator, and that are final here with the same content: his
/// statement still counts as his.
pub(crate) fn late(state: &dyn StateRead, operator: &Address, finals: &[Checkpoint]) -> Vec<Checkpoint> {
    let attested = recent(state).into_iter().filter(|checkpoint| finals.contains(checkpoint));
    attested.filter(|checkpoint| statement_of(state, checkpoint.number, operator).is_none()).collect()
}

/// Whether this key, as one of the installed set, should sign the pause of this nonce: the chain wants it and does not
/// hold it.
pub(crate) fn owes_pause(state: &dyn StateRead, key: &Address, nonce: u64) -> bool {
    let installed = applied(state).set;
    let members = stored_set(state, installed).map(|stored| stored.set());
    let place = members.and_then(|set| set.members().iter().position(|member| member.address == *key));
    let signed = signatures(state, OutboundKind::Pause, nonce, installed);
    place.zip(signed).is_some_and(|(place, signed)| !signed.signers().any(|signer| signer == place))
}
