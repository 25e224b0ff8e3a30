//! The errors of bridge.

use diem_core::{Address, Amount, Denom, MathError, keys::SignatureError};

use crate::{
    batch::MAX_TRANSFERS,
    chunk::{MAX_EVENTS, MAX_PAYLOAD_BYTES},
    msg::MAX_SUBMITTED,
    set::MAX_MEMBERS,
    statement::{MAX_EXTENSION_BYTES, MAX_EXTENSION_STATEMENTS},
    votes::{MAX_STATEMENTS, MAX_VOTES_BYTES},
};

/// An error of bridge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The statements do not ascend.
    #[error("statement {0} is below the one before: they ascend strictly by signer, kind and number")]
    VotesOrder(usize),
    /// A statement stands there twice.
    #[error("statement {0} has the signer, kind and number of the one before: each may stand there once")]
    VotesDuplicate(usize),
    /// The statements of a block stand behind another transaction.
    #[error("the statements of validators stand behind another transaction: they must be the first of a block")]
    VotesPlace,
    /// A block has the statements of validators twice.
    #[error("the block has a second transaction with the statements of validators: one holds them all")]
    VotesTwice,
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
    /// The call is the authority's alone.
    #[error("only the bridge's authority may do this")]
    NotAuthority,
    /// Nothing has been prepared.
    #[error("the bridge is not prepared: its authority has to call prepare first")]
    Unprepared,
    /// The contract on Base is not known.
    #[error("the bridge has no contract on Base yet")]
    Inactive,
    /// What prepare and activate fix cannot be changed any more.
    #[error("the bridge is at work: what its contract was made with cannot be changed")]
    AtWork,
    /// A term is none that the contract takes.
    #[error("{0}")]
    Terms(&'static str),
    /// Stake that left could sign for the contract and not be slashed any more.
    #[error("staking's unbonding_ms must be at least two days longer than the contract's maxSetAge")]
    UnbondingTooShort,
    /// The recipient is the zero address or one of the contracts.
    #[error("the recipient is the zero address, the token or the bridge, where nobody could use it")]
    RecipientIsNobody,
    /// The recipient is the address of an ed25519 key.
    #[error("nobody has the key of your own address on Base, because it is an ed25519 key: name another recipient")]
    RecipientHasNoKey,
    /// The amount is below the least one.
    #[error("a transfer to Base is at least {}", .0.display(Denom::Diem))]
    AmountTooSmall(Amount),
    /// The authority has closed the way to Base.
    #[error(
        "transfers to Base are closed: the bridge's authority has set out_capacity to 0; what was sent before goes on"
    )]
    Closed,
    /// The amount is above the share of the capacity that one transfer may be.
    #[error("the amount is above what one transfer to Base may be: send several")]
    AmountTooLarge,
    /// The fee is below the least one.
    #[error("the fee of a transfer to Base is at least {}", .0.display(Denom::Diem))]
    FeeTooSmall(Amount),
    /// The fee is above a twentieth of the amount.
    #[error("the fee of a transfer to Base is at most a twentieth of its amount")]
    FeeTooLarge,
    /// The new fee is not above the old one.
    #[error("the fee is {} already: a new one must be higher", .0.display(Denom::Diem))]
    FeeNotRaised(Amount),
    /// The escrow would be worth more than a third of the stake in consensus.
    #[error("the bridge holds as much DIEM as the validators' stake can vouch for: try again when some came back")]
    EscrowBound,
    /// There is no transfer with this id.
    #[error("there is no transfer {0}: it was never sent, or it is over")]
    UnknownTransfer(u64),
    /// The transfer is another account's.
    #[error("transfer {0} is another account's")]
    NotYours(u64),
    /// The transfer is sealed.
    #[error("transfer {id} is sealed in batch {batch}: it can be neither changed nor taken back")]
    Sealed {
        /// The id of the transfer.
        id: u64,
        /// The nonce of the batch.
        batch: u64,
    },
    /// A statement is none that the chain wants now.
    #[error("the chain does not want this statement now: nothing of its kind and nonce is to be signed")]
    Unwanted,
    /// A statement has another content than what the chain issued under its kind and nonce.
    #[error("the statement is of another content than what the chain issued under its kind and nonce")]
    OtherContent,
    /// The signer has stated this before.
    #[error("the signer has stated this already")]
    Stated,
    /// The signer is in no set that counts.
    #[error("{} is the bridge key of no validator in a set that counts", .0.to_hex())]
    NotASigner(Address),
    /// Nothing was issued under a nonce, or it is over.
    #[error("there is no {what} {nonce}: it was never issued, or it is over")]
    UnknownNonce {
        /// The kind of what was asked for.
        what: &'static str,
        /// The nonce that was asked for.
        nonce: u64,
    },
    /// What evidence shows is the chain's own.
    #[error("this is what the chain issued: signing it is no forgery")]
    Issued,
    /// The stake behind a signature may have left.
    #[error("the signature is by a key whose last set is dead for longer than stake can be slashed")]
    EvidenceTooOld,
    /// The validator was convicted before.
    #[error("{0} was convicted of forgery before: that counts once")]
    Convicted(Address),
    /// A node keeps no more statements for blocks than so many.
    #[error("too many statements wait for a block on this node: try again after the next block")]
    TooManyWait,
    /// Nothing is halted.
    #[error("the bridge is not halted")]
    NotHalted,
    /// The escrow lacks nothing.
    #[error("the escrow lacks nothing that anybody could pay in")]
    NothingUncovered,
    /// A breach has halted the bridge.
    #[error("the bridge is halted: its authority has to resume it first")]
    Halted,
    /// A breach cannot be healed by a message.
    #[error("what Base has contradicts what was applied: only an upgrade can heal that")]
    BreachForGood,
    /// Events of Base are being replayed.
    #[error("events of Base are being replayed: try again when all of them are applied")]
    Replaying,
    /// No event of Base is waited for.
    #[error("no events of Base are waited for now")]
    NotReplaying,
    /// A chunk is not the next one.
    #[error("this is not the next chunk: it must end with event {last} and begin with {first} or later")]
    ChunkPlace {
        /// The nonce of the first event that is waited for.
        first: u64,
        /// The nonce of the last event that is waited for.
        last: u64,
    },
    /// A chunk's events are not those that Base reported.
    #[error("the hash over the chunk is not the attested one: Base reported other events")]
    ChunkHash,
    /// What is paid in is more than the escrow lacks.
    #[error("the escrow lacks {}: pay in that, or a part of it", .0.display(Denom::Diem))]
    CoverAmount(Amount),
    /// A credit is not delayed.
    #[error("credit {0} is not delayed: only a delayed one can be held back")]
    NotDelayed(u64),
    /// A credit was held back before.
    #[error("credit {0} was held back before, which can be done once")]
    HeldBefore(u64),
    /// The struct hash of a batch was dropped, and what was signed is as old.
    #[error("the batch is too old to know whether the chain issued it")]
    BatchForgotten,
    /// A sum is larger than any balance can be.
    #[error("{0}")]
    Math(#[from] MathError),
    /// The rows of a genesis are none that a chain can have.
    #[error("the rows of the bridge do not fit together: {0}")]
    Import(String),
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
    27 not_authority Forbidden retry => Self::NotAuthority,
    28 unprepared Conflict retry => Self::Unprepared,
    29 inactive Conflict retry => Self::Inactive,
    30 at_work Conflict never => Self::AtWork,
    31 terms Malformed never => Self::Terms(_),
    32 unbonding_too_short Conflict retry => Self::UnbondingTooShort,
    33 recipient_is_nobody Refused never => Self::RecipientIsNobody,
    34 recipient_has_no_key Refused never => Self::RecipientHasNoKey,
    35 amount_too_small Refused retry => Self::AmountTooSmall(_),
    36 amount_too_large Refused retry => Self::AmountTooLarge,
    37 fee_too_small Refused retry => Self::FeeTooSmall(_),
    38 fee_too_large Refused never => Self::FeeTooLarge,
    39 fee_not_raised Refused never => Self::FeeNotRaised(_),
    40 escrow_bound Refused retry => Self::EscrowBound,
    41 unknown_transfer Missing retry => Self::UnknownTransfer(_),
    42 not_yours Forbidden never => Self::NotYours(_),
    43 sealed Conflict never => Self::Sealed { .. },
    44 unwanted Refused retry => Self::Unwanted,
    45 stated Conflict never => Self::Stated,
    46 not_a_signer Forbidden retry => Self::NotASigner(_),
    47 math Refused never => Self::Math(_),
    48 import Malformed never => Self::Import(_),
    49 unknown_nonce Missing retry => Self::UnknownNonce { .. },
    50 issued Refused never => Self::Issued,
    51 evidence_too_old Refused never => Self::EvidenceTooOld,
    52 convicted Conflict never => Self::Convicted(_),
    53 votes_duplicate Malformed never => Self::VotesDuplicate(_),
    54 votes_place Malformed never => Self::VotesPlace,
    55 votes_twice Malformed never => Self::VotesTwice,
    56 other_content Refused never => Self::OtherContent,
    57 not_halted Conflict retry => Self::NotHalted,
    58 nothing_uncovered Conflict retry => Self::NothingUncovered,
    59 too_many_wait Unavailable retry => Self::TooManyWait,
    60 closed Refused retry => Self::Closed,
    61 halted Conflict retry => Self::Halted,
    62 breach_for_good Conflict never => Self::BreachForGood,
    63 replaying Conflict retry => Self::Replaying,
    64 not_replaying Conflict retry => Self::NotReplaying,
    65 chunk_place Conflict retry => Self::ChunkPlace { .. },
    66 chunk_hash Refused never => Self::ChunkHash,
    67 cover_amount Refused retry => Self::CoverAmount(_),
    68 not_delayed Conflict retry => Self::NotDelayed(_),
    69 held_before Conflict never => Self::HeldBefore(_),
    70 batch_forgotten Refused never => Self::BatchForgotten,
}

impl From<SignatureError> for Error {
    fn from(error: SignatureError) -> Self {
        if error == SignatureError::HighS { Self::HighS } else { Self::NoSigner }
    }
}
