//! The statements of validators as a block holds them.

use diem_bridge::OutboundKind;
use serde::{Deserialize, Serialize};

use crate::{BaseAddress, Hash};

/// What validators have stated in a block: its first transaction, which has no sender and pays nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statements {
    /// The statements, in the order of the transaction.
    pub statements: Vec<StatementView>,
    /// The number of events of Base beside them.
    pub events: usize,
}

/// A statement of a validator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementView {
    /// The statement in words.
    pub text: String,
    /// The kind of what it is about; `null` for a block of Base.
    pub kind: Option<OutboundKind>,
    /// The nonce that it names, or the number of the block of Base.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The digest that was signed; `null` for a block of Base.
    pub digest: Option<Hash>,
    /// The bridge key that signed it.
    pub signer: Option<BaseAddress>,
}

impl Statements {
    /// Reads the statements of a block; `None` if the bytes are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let votes = diem_bridge::BridgeVotes::decode(bytes).ok()?;
        let events = votes.chunk.map_or(0, |chunk| chunk.events.len());
        Some(Self { statements: votes.statements.iter().map(StatementView::of).collect(), events })
    }
}

impl StatementView {
    fn of(statement: &diem_bridge::Statement) -> Self {
        match statement {
            diem_bridge::Statement::Outbound(outbound) => {
                let signer = outbound.signature.recover(&outbound.digest).ok();
                let by = signer.map_or_else(|| "nobody".to_owned(), |signer| signer.to_hex());
                Self {
                    text: format!("{} {} signed by {by}", outbound.kind, outbound.nonce),
                    kind: Some(outbound.kind),
                    nonce: outbound.nonce,
                    digest: Some(Hash(outbound.digest)),
                    signer: signer.map(BaseAddress),
                }
            }
            // Its digest takes the address of the contract, which a transaction does not name.
            diem_bridge::Statement::Inbound { checkpoint, .. } => Self {
                text: format!("block {} of Base stated", checkpoint.number),
                kind: None,
                nonce: checkpoint.number,
                digest: None,
                signer: None,
            },
        }
    }
}
