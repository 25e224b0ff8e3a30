//! The transaction: what a sender asks for.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Address, Amount};

/// The most calls in a transaction.
pub const MAX_CALLS: usize = 16;
/// The longest memo, in bytes.
pub const MAX_MEMO_BYTES: usize = 256;
/// The longest chain id, in bytes (CometBFT's limit).
pub const MAX_CHAIN_ID_BYTES: usize = 50;

/// The composed enum of all modules' calls.
pub trait CallBody: BorshSerialize + BorshDeserialize {
    /// The call in words; part of what an Ethereum key signs.
    fn text(&self) -> String;
}

/// A transaction as its sender asks for it. Its calls succeed or fail together.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction<C> {
    /// The chain it is for.
    pub chain_id: String,
    /// The genesis of that chain: a fork or a restarted chain of the same name is another chain.
    pub genesis_hash: [u8; 32],
    /// The account that acts, and that signs.
    pub sender: Address,
    /// The sender's number of transactions so far.
    pub nonce: u64,
    /// The last height at which it is valid.
    pub expiry: u64,
    /// The price of a unit of gas, in avvv.
    pub gas_price: Amount,
    /// The most that gas * gas_price may be, in avvv.
    pub max_fee: Amount,
    /// The account that pays the fee where that is not the sender; it signs too.
    pub fee_payer: Option<Address>,
    /// The calls, 1 to [`MAX_CALLS`].
    pub calls: Vec<C>,
    /// A free text of at most [`MAX_MEMO_BYTES`].
    pub memo: String,
}
