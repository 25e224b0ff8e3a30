//! The errors of bridge.

use diem_core::keys::SignatureError;

use crate::{
    batch::MAX_TRANSFERS,
    chunk::{MAX_EVENTS, MAX_PAYLOAD_BYTES},
    msg::MAX_SUBMITTED,
    set::MAX_MEMBERS,
    statement::{MAX_EXTENSION_BYTES, MAX_EXTENSION_STATEMENTS},
    votes::{MAX_STATEMENTS, MAX_VOTES_BYTES},
};

/// An error of bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes are cut off, have an unknown discriminant, or bytes left over; the name says what they should be.
    #[error("the bytes are no {0}: cut off, of an unknown kind, or with bytes left over")]
    Malformed(&'static str),
    /// A validator set has no member, too many, or not whole ones.
    #[error("a set has its total and 1 to {MAX_MEMBERS} members of 28 bytes each")]
    SetMembers,
    /// The addresses of a set do not ascend from above zero.
    #[error("member {0} of the set is not above the one before: addresses ascend strictly, and zero is nobody's")]
    SetOrder(usize),
    /// A member of a set has no power.
    #[error("member {0} of the set has no power")]
    SetPower(usize),
    /// The total of a set is not the sum of its powers.
    #[error("the total of the set is not the sum of its powers, in 64 bits")]
    SetTotal,
    /// A signature list is shorter or longer than its bitmap asks for.
    #[error("a list of signatures has a bit for each member, then 64 bytes for each bit that is set, and no more")]
    ListLength,
    /// A signature list has a bit beyond the last member.
    #[error("the list of signatures has a bit beyond the last member")]
    ListBits,
    /// A signature of a list is not by the member whose bit is set.
    #[error("the signature of member {0} is by another key")]
    ListSigner(usize),
    /// A signature is in its malleable form.
    #[error("a signature has a high s value: use its low form")]
    HighS,
    /// No key can have made a signature.
    #[error("a signature is none that a key can have made")]
    NoSigner,
    /// The transfers of a batch are none, too many, or not whole.
    #[error("a batch has 1 to {MAX_TRANSFERS} transfers of 36 bytes each")]
    Transfers,
    /// An event of Base is of a kind that this version does not know.
    #[error("Base reports an event of kind {0}, which this version does not know")]
    EventKind(u8),
    /// The payload of an event has another length than its kind has.
    #[error("the payload of an event of kind {kind} has {length} bytes: it must have {expected}")]
    EventLength {
        /// The kind of the event.
        kind: u8,
        /// The length of its payload, in bytes.
        length: usize,
        /// The length that its kind has, in bytes.
        expected: usize,
    },
    /// A field of an event has a value without a meaning.
    #[error("the payload of an event of kind {0} says what this version does not know")]
    EventValue(u8),
    /// The payload of an event is longer than any kind has.
    #[error("the payload of an event has more than {MAX_PAYLOAD_BYTES} bytes")]
    PayloadSize,
    /// A chunk has no event or too many.
    #[error("a chunk has 1 to {MAX_EVENTS} events")]
    ChunkEvents,
    /// A chunk's nonces begin with zero or run beyond 64 bits.
    #[error("the nonces of a chunk's events begin with 1 or more and fit 64 bits")]
    ChunkNonces,
    /// The statements of validators take more bytes than a block spares for them.
    #[error("the statements and events of a block have more than {MAX_VOTES_BYTES} bytes")]
    VotesSize,
    /// There are more statements than a block takes.
    #[error("a block takes at most {MAX_STATEMENTS} statements")]
    VotesStatements,
    /// There is neither a statement nor a chunk.
    #[error("there is neither a statement nor a chunk of events, which is what a block without them says")]
    VotesEmpty,
    /// The statements do not ascend strictly, or one stands there twice.
    #[error("statement {0} is not above the one before: they ascend strictly by signer, kind and number")]
    VotesOrder(usize),
    /// A vote extension is longer than any that is read.
    #[error("a vote extension has at most {MAX_EXTENSION_BYTES} bytes")]
    ExtensionSize,
    /// A vote extension has more statements than any that is read.
    #[error("a vote extension has at most {MAX_EXTENSION_STATEMENTS} statements")]
    ExtensionStatements,
    /// A call hands in no statement or too many.
    #[error("a call hands in 1 to {MAX_SUBMITTED} statements")]
    Submitted,
    /// A word of the contract's storage has bits where the contract never writes any.
    #[error("the word of the contract's storage is none that the contract writes")]
    Slot,
    /// A parameter is out of its bounds.
    #[error("{0}")]
    Params(&'static str),
}

diem_core::error_table! {
    Error, crate::NAME;
    1 malformed Malformed never => Self::Malformed(_),
    2 set_members Malformed never => Self::SetMembers,
    3 set_order Malformed never => Self::SetOrder(_),
    4 set_power Malformed never => Self::SetPower(_),
    5 set_total Malformed never => Self::SetTotal,
    6 list_length Malformed never => Self::ListLength,
    7 list_bits Malformed never => Self::ListBits,
    8 list_signer Forbidden never => Self::ListSigner(_),
    9 high_s Malformed never => Self::HighS,
    10 no_signer Malformed never => Self::NoSigner,
    11 transfers Malformed never => Self::Transfers,
    12 event_kind Malformed never => Self::EventKind(_),
    13 event_length Malformed never => Self::EventLength { .. },
    14 event_value Malformed never => Self::EventValue(_),
    15 payload_size TooLarge never => Self::PayloadSize,
    16 chunk_events Malformed never => Self::ChunkEvents,
    17 chunk_nonces Malformed never => Self::ChunkNonces,
    18 votes_size TooLarge never => Self::VotesSize,
    19 votes_statements TooLarge never => Self::VotesStatements,
    20 votes_empty Malformed never => Self::VotesEmpty,
    21 votes_order Malformed never => Self::VotesOrder(_),
    22 extension_size TooLarge never => Self::ExtensionSize,
    23 extension_statements TooLarge never => Self::ExtensionStatements,
    24 submitted Malformed never => Self::Submitted,
    25 slot Malformed never => Self::Slot,
    26 params Malformed never => Self::Params(_),
}

impl From<SignatureError> for Error {
    fn from(error: SignatureError) -> Self {
        if error == SignatureError::HighS { Self::HighS } else { Self::NoSigner }
    }
}
