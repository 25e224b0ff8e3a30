//! Statements, which a validator's bridge key signs, on their way to the chain.
//!
//! A statement proves itself: its signer is recovered from it and never named, so whoever carries it cannot relabel it.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, keys::CompactSignature};
use serde::{Deserialize, Serialize};

use crate::{Checkpoint, Domain, Error};

/// The most statements in one vote extension.
pub(crate) const MAX_EXTENSION_STATEMENTS: usize = 4;
/// The longest vote extension that is read, in bytes. The longest that a node makes is shorter.
pub(crate) const MAX_EXTENSION_BYTES: usize = 1_024;

/// A statement by a bridge key: 106 or 169 bytes of borsh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type", deny_unknown_fields)]
#[repr(u8)]
pub enum Statement {
    /// A statement for Base, that something may be done there.
    Outbound(Outbound) = 0,
    /// A statement of Base, with what a block of it says.
    Inbound {
        /// The facts of the block.
        checkpoint: Checkpoint,
        /// The signature over them.
        signature: CompactSignature,
    } = 1,
}

/// A statement for Base, as the chain keeps it: the content follows from kind and nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// The kind of what may be done.
    pub kind: OutboundKind,
    /// The nonce among those of its kind.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The digest that was signed ([`Domain::digest`]).
    #[serde(with = "hex::serde")]
    pub digest: [u8; 32],
    /// The signature over the digest.
    pub signature: CompactSignature,
}

/// The kinds of statements for Base.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum OutboundKind {
    /// A batch may be minted.
    Batch = 0,
    /// A validator set holds.
    Valset = 1,
    /// An administrative action was decided.
    Admin = 2,
    /// Minting on Base must stop.
    Pause = 3,
}

impl std::fmt::Display for OutboundKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Batch => "batch",
            Self::Valset => "validator set",
            Self::Admin => "administrative action",
            Self::Pause => "pause",
        })
    }
}

/// The key under which a statement is recorded beside its signer: the kind, and the nonce or the block's number. A
/// signer has one statement for each. The order is that of statements of one signer in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the kind; 255 for a statement of Base.
    pub kind: u8,
    /// The nonce, or the number of the block of Base.
    pub number: u64,
}

impl Statement {
    /// The key under which the statement is recorded, beside its signer.
    pub const fn place(&self) -> Place {
        match self {
            Self::Outbound(Outbound { kind, nonce, .. }) => Place { kind: *kind as u8, number: *nonce },
            Self::Inbound { checkpoint, .. } => Place { kind: u8::MAX, number: checkpoint.number },
        }
    }

    /// The signature of the key that stated it.
    pub const fn signature(&self) -> &CompactSignature {
        let (Self::Outbound(Outbound { signature, .. }) | Self::Inbound { signature, .. }) = self;
        signature
    }

    /// The digest that was signed.
    pub fn digest(&self, domain: &Domain) -> [u8; 32] {
        match self {
            Self::Outbound(Outbound { digest, .. }) => *digest,
            Self::Inbound { checkpoint, .. } => domain.digest(&checkpoint.struct_hash()),
        }
    }

    /// The address of the key that signed it.
    ///
    /// # Errors
    /// [`Error::HighS`] or [`Error::NoSigner`].
    pub fn signer(&self, domain: &Domain) -> Result<Address, Error> {
        Ok(self.signature().recover(&self.digest(domain))?)
    }
}

/// The statements of a vote extension, which is none if it is empty.
///
/// # Errors
/// The extension is too long, has too many statements, or is not the borsh of statements.
pub fn decode_extension(bytes: &[u8]) -> Result<Vec<Statement>, Error> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if bytes.len() > MAX_EXTENSION_BYTES {
        return Err(Error::ExtensionSize);
    }
    let statements = Vec::try_from_slice(bytes).map_err(|_| Error::Malformed("list of statements"))?;
    if statements.len() > MAX_EXTENSION_STATEMENTS { Err(Error::ExtensionStatements) } else { Ok(statements) }
}
