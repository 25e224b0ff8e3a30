//! Verification of what a node says, against validators that the user trusts.
//!
//! A node is believed nothing: its header must be of the trusted chain and signed by more than two thirds of the
//! trusted validators' power, the proof must lead to the header's root, and the value is taken from the proof.
//! Whom to trust at a later height follows from headers too: see [`Trust::advance`].

mod trust;

use diem_bank::state::Account;
use diem_core::{Time, proof::ProofError};
use ics23::CommitmentProof;
use prost_ics23::Message as _;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::{Protobuf, v0_38::types::SignedHeader as RawSignedHeader};

pub(crate) use trust::account;
pub use trust::{Trust, header_hash, header_time, trusting_period};

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The genesis cannot be one of a chain.
    #[error("the trusted genesis is not valid: {0}")]
    Genesis(String),
    /// The answer carries no proof.
    #[error("the node sent no proof: ask with prove=true")]
    NoProof,
    /// A part of the answer does not decode.
    #[error("the {0} in the answer does not decode")]
    Malformed(&'static str),
    /// The header is of another chain.
    #[error("the header is of chain `{got}`, but `{trusted}` is trusted")]
    ChainId {
        /// The chain that the header names.
        got: String,
        /// The chain that is trusted.
        trusted: String,
    },
    /// The state is of a chain of the same name, and perhaps the same validators, that began otherwise.
    #[error(
        "the state is of a chain with the genesis {got}, but {trusted} is trusted: this node has another chain of that name, or the trusted genesis is of an earlier one"
    )]
    OtherGenesis {
        /// The hash in the proven state.
        got: String,
        /// The genesis hash that is trusted.
        trusted: String,
    },
    /// The header is not that which holds the root of the state.
    #[error("the header is of height {header}, but the state after height {state} has its root in the next header")]
    Height {
        /// The height of the header.
        header: u64,
        /// The height of the state.
        state: u64,
    },
    /// The header is not of the height that was asked for.
    #[error("height {asked} was asked for, and the answer is of height {got}")]
    OtherHeight {
        /// The height of the answer.
        got: u64,
        /// The height that was asked for.
        asked: u64,
    },
    /// The header names validators that are not the trusted ones.
    #[error("the header of height {0} names other validators than the trusted ones")]
    Validators(u64),
    /// The list of validators is not the one whose hash the header has.
    #[error("the node's list of the validators of height {0} is not the one that the header names")]
    Listed(u64),
    /// Too few of the validators that are trusted signed a later header: it may be right, but not on their word.
    #[error(
        "{signed} of {total} power that is trusted signed the header of height {height}, more than one third is needed"
    )]
    NotEnoughTrust {
        /// The height of the header.
        height: u64,
        /// The trusted power that signed.
        signed: u64,
        /// The power of all trusted validators.
        total: u64,
    },
    /// The header is of a height before the one that is trusted.
    #[error("height {got} lies before the trusted height {trusted}: trust an earlier header, or the genesis")]
    Older {
        /// The height of the header.
        got: u64,
        /// The height that is trusted.
        trusted: u64,
    },
    /// The header is another one than the trusted header of its height.
    #[error("the header of height {0} is another one than the trusted one")]
    OtherHeader(u64),
    /// The validators of the trusted header may have taken their stake and have nothing to lose.
    #[error(
        "what is trusted is of {0}, too long ago: validators of that time may have left with their stake. Give a newer \
         header that you trust"
    )]
    Expired(Time),
    /// The header comes from the future.
    #[error("the header is of {0}, ahead of this machine's clock: is the clock right?")]
    Future(Time),
    /// Time or height runs backwards.
    #[error("the header's time does not lie after that of the trusted one")]
    Order,
    /// The commit is not for this header: something in the header was changed.
    #[error("the commit is for another header: the header was changed")]
    HeaderHash,
    /// The commit is malformed, or one of its signatures is not by a trusted validator.
    #[error("the commit does not hold: {0}")]
    Commit(String),
    /// The signatures are by no more than two thirds of the power.
    #[error("too few signatures: {signed} of {total} power signed, more than two thirds are needed")]
    TooFewSignatures {
        /// The power that signed.
        signed: u64,
        /// The power of all.
        total: u64,
    },
    /// The answer is about another row than the one that was asked for.
    #[error("the answer is about another row than the one asked for")]
    Key,
    /// The proof does not show the value under the header's root.
    #[error("the proof fails: {0}")]
    Proof(#[from] ProofError),
    /// The proven row is not one of this version.
    #[error("the proven row does not decode: this client is of another version than the chain")]
    Row,
}

/// A row of state that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The height after which it holds.
    pub height: u64,
    /// The time of the signed header; a client that wants fresh state compares it with its
    /// clock.
    pub header_time: Time,
    /// The root of the state.
    pub root: [u8; 32],
    /// The row, or `None` if it is proven that there is none.
    pub value: Option<Vec<u8>>,
}

/// An account that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAccount {
    /// The account's row; empty if it is proven that it was never used.
    pub account: Account,
    /// Whether there is a row.
    pub exists: bool,
    /// The height after which it holds.
    pub height: u64,
    /// The time of the signed header.
    pub header_time: Time,
    /// The root of the state.
    pub root: [u8; 32],
}

/// Decodes a signed header as [`diem_api::encoding::encode_header`] writes it.
///
/// # Errors
/// [`VerifyError::Malformed`].
pub fn decode_header(bytes: &[u8]) -> Result<SignedHeader, VerifyError> {
    <SignedHeader as Protobuf<RawSignedHeader>>::decode(bytes).map_err(|_| VerifyError::Malformed("signed header"))
}

/// Decodes a proof as [`diem_api::encoding::encode_proof`] writes it.
///
/// # Errors
/// [`VerifyError::Malformed`].
pub fn decode_proof(bytes: &[u8]) -> Result<CommitmentProof, VerifyError> {
    CommitmentProof::decode(bytes).map_err(|_| VerifyError::Malformed("proof"))
}

fn header_millis(header: &SignedHeader) -> Result<u64, VerifyError> {
    let nanos = header.header.time.unix_timestamp_nanos();
    u64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| VerifyError::Malformed("header's time"))
}
