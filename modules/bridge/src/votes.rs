//! The first transaction of a block, with what validators have stated and what Base has reported.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{encode, tx::BRIDGE_VOTES};

use crate::{Chunk, Domain, Error, Statement};

/// The most statements of one block.
pub const MAX_STATEMENTS: usize = 300;
/// The most bytes of the transaction, with its first one.
pub const MAX_VOTES_BYTES: usize = 96 * 1_024;

/// The transaction that a proposer makes of the statements that it has, and of the next events of Base. It has no
/// sender. Its bytes are [`BRIDGE_VOTES`], then borsh.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BridgeVotes {
    /// The statements, strictly ascending by signer and [`crate::Place`].
    pub statements: Vec<Statement>,
    /// The next events of Base.
    pub chunk: Option<Chunk>,
}

impl BridgeVotes {
    /// Reads the bytes and checks every bound, which costs next to nothing.
    ///
    /// # Errors
    /// The bytes are too many, not of this form, or say nothing; or a list is too long.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_VOTES_BYTES {
            return Err(Error::VotesSize);
        }
        let body = bytes.strip_prefix(&[BRIDGE_VOTES]).ok_or(Error::Malformed("statements of a block"))?;
        let votes = Self::try_from_slice(body).map_err(|_| Error::Malformed("statements of a block"))?;
        if votes.statements.len() > MAX_STATEMENTS {
            return Err(Error::VotesStatements);
        }
        match &votes.chunk {
            Some(chunk) => chunk.validate()?,
            None if votes.statements.is_empty() => return Err(Error::VotesEmpty),
            None => {}
        }
        Ok(votes)
    }

    /// The bytes of the transaction.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![BRIDGE_VOTES];
        bytes.extend(encode(self));
        bytes
    }

    /// Recovers every signer and checks the order, by which no statement can stand there twice.
    ///
    /// # Errors
    /// A statement has no signer, or is not above the one before.
    pub fn check_order(&self, domain: &Domain) -> Result<(), Error> {
        let mut last = None;
        for (number, statement) in self.statements.iter().enumerate() {
            let place = Some((statement.signer(domain)?, statement.place()));
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
}
