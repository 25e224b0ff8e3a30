//! Types of the chain as a whole: why a transaction is invalid, gas, consensus parameters.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Amount, keys::SignatureError, text::shortened, tx::DecodeError};
use serde::{Deserialize, Serialize};

/// Why a transaction is invalid: it changes nothing and pays nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The bytes are no transaction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A signature does not count.
    #[error("the transaction is not signed as it should be: {0}")]
    Signature(#[from] SignatureError),
    /// The transaction is made for another chain.
    #[error("the transaction is for chain `{}`, this is `{here}`", shortened(got))]
    ChainId {
        /// The chain that the transaction names.
        got: String,
        /// The name of this chain.
        here: String,
    },
    /// The transaction is made for a chain of this name with another genesis.
    #[error("the transaction is for another genesis of `{0}`: ask /v1/status for this chain's genesis hash")]
    GenesisHash(String),
    /// The transaction's expiry is below the height of the block.
    #[error("the transaction expired at height {expiry}, this is height {height}: sign it again")]
    Expired {
        /// The last height at which it was valid.
        expiry: u64,
        /// The height of the block.
        height: u64,
    },
    /// The nonce is below the sender's next one.
    #[error("nonce {got} was used before: the sender's next is {next}")]
    NonceTooLow {
        /// The nonce of the transaction.
        got: u64,
        /// The next free one.
        next: u64,
    },
    /// The nonce leaves out some before it.
    #[error("nonce {got} is too far ahead: the sender's next is {next}")]
    NonceTooHigh {
        /// The nonce of the transaction.
        got: u64,
        /// The next free one.
        next: u64,
    },
    /// Another transaction with this nonce waits already.
    #[error("a transaction of this sender with nonce {0} is waiting already")]
    NonceTaken(u64),
    /// The gas price is below the chain's minimum.
    #[error("the gas price is {got} avvv, the chain takes at least {minimum}", got = .got.get(), minimum = .minimum.get())]
    GasPrice {
        /// The gas price of the transaction, in avvv.
        got: Amount,
        /// The lowest gas price of the chain, in avvv.
        minimum: Amount,
    },
    /// The fee is more than the sender allowed.
    #[error("the fee would be {} VVV, more than the {} VVV of max_fee", .fee, .max_fee)]
    MaxFee {
        /// The fee: gas times gas price.
        fee: Amount,
        /// The highest fee that the sender allows.
        max_fee: Amount,
    },
    /// The payer does not have the fee.
    #[error("the fee is {fee} VVV, but {payer} has {available} VVV")]
    FeeFunds {
        /// The account that should pay the fee.
        payer: diem_core::Address,
        /// The fee of the transaction.
        fee: Amount,
        /// The balance of the payer that nothing else claims.
        available: Amount,
    },
    /// The transaction needs more gas than a block has.
    #[error("the transaction needs {gas} gas, a block has {limit}")]
    BlockGas {
        /// The gas of the transaction.
        gas: u64,
        /// The gas that the block has left, or has in all.
        limit: u64,
    },
    /// The calls can take more than is left beside what waits.
    #[error(
        "the calls can take {needed} VVV from {sender}, which has {available} VVV beside the fee and what its waiting \
         transactions can take; only what is in a block counts: send less, or wait until more has arrived"
    )]
    CallFunds {
        /// The account that sends the transaction.
        sender: diem_core::Address,
        /// The most that the calls can take.
        needed: Amount,
        /// The balance that is left for the calls.
        available: Amount,
    },
    /// There is no chain yet.
    #[error("this chain has not started: try again after its first block")]
    NotStarted,
    /// Nobody has paid the sender yet.
    #[error("{0} has no account yet: it must be paid once before it can send a transaction, whoever pays the fee")]
    NoAccount(diem_core::Address),
    /// There is room for the chain's own rows only.
    #[error(
        "the state is nearly full: it has {rows} of at most {max_rows} rows, so what makes new ones is refused; \
         payments to accounts that exist go on, and so does whatever takes out what one has"
    )]
    StateFull {
        /// The number of rows before the transaction.
        rows: u64,
        /// The most rows that there may be: `chain.max_rows`.
        max_rows: u64,
    },
}

diem_core::error_table! {
    ChainError, "chain";
    1 malformed Malformed never => Self::Decode(DecodeError::Malformed),
    2 too_large TooLarge never => Self::Decode(DecodeError::TooLarge),
    3 reserved Malformed never => Self::Decode(DecodeError::Reserved),
    4 limits Malformed never => Self::Decode(DecodeError::Limits),
    5 fee_payer Malformed never => Self::Decode(DecodeError::FeePayer),
    6 bad_signature Malformed never => Self::Signature(SignatureError::Invalid | SignatureError::RecoveryByte(_)),
    7 wrong_signer Malformed never => Self::Signature(SignatureError::WrongSigner),
    8 weak_key Malformed never => Self::Signature(SignatureError::WeakKey),
    9 high_s Malformed never => Self::Signature(SignatureError::HighS),
    10 wrong_chain_id Malformed never => Self::ChainId { .. },
    11 wrong_genesis_hash Malformed never => Self::GenesisHash(_),
    12 expired Conflict never => Self::Expired { .. },
    13 nonce_too_low Conflict never => Self::NonceTooLow { .. },
    14 nonce_too_high Conflict retry => Self::NonceTooHigh { .. },
    15 nonce_taken Conflict retry => Self::NonceTaken(_),
    16 gas_price_too_low Payment never => Self::GasPrice { .. },
    17 max_fee_too_low Payment never => Self::MaxFee { .. },
    18 insufficient_fee_funds Payment retry => Self::FeeFunds { .. },
    19 block_gas TooLarge never => Self::BlockGas { .. },
    20 not_started Unavailable retry => Self::NotStarted,
    21 insufficient_call_funds Payment retry => Self::CallFunds { .. },
    22 no_account Payment retry => Self::NoAccount(_),
    23 state_full Unavailable retry => Self::StateFull { .. },
}

/// An event of the runtime itself.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case", tag = "type")]
#[repr(u8)]
pub enum ChainEvent {
    /// A Retry step failed: its writes are dropped, and it runs again in the next block.
    HookFailed {
        /// The name of the hook.
        hook: String,
        /// The number of failures since it last succeeded.
        failures: u64,
    } = 0,
}

/// The bound on the size of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChainParams {
    /// The most rows of the state. A transaction that makes rows fails where there would then be more than nine tenths
    /// of this; the last tenth is for what the chain writes by itself. What leaves the chain passes, a few rows of each
    /// account and each for some days only, and comes on top.
    pub max_rows: u64,
}

impl Default for ChainParams {
    fn default() -> Self {
        Self { max_rows: 20_000_000 }
    }
}

/// Every node holds the tree of all rows in memory, some 200 bytes for each, and its slots end at 2^28: with a hundred
/// million rows more than half of them are left for the versions of the last heights.
const MAX_ROWS: std::ops::RangeInclusive<u64> = 10_000..=100_000_000;

impl ChainParams {
    /// Checks the bounds that no vote can leave.
    ///
    /// # Errors
    /// The sentence names the bound that does not hold.
    pub fn check(&self) -> Result<(), &'static str> {
        if MAX_ROWS.contains(&self.max_rows) {
            return Ok(());
        }
        Err("chain.max_rows must be 10,000 to 100,000,000")
    }

    /// The number of rows above which transactions that make more are refused.
    pub const fn full_above(&self) -> u64 {
        self.max_rows.saturating_sub(self.max_rows / 10)
    }

    /// Checks that a transaction may make rows, so that a state of `rows` has `after`.
    ///
    /// # Errors
    /// [`ChainError::StateFull`].
    pub fn check_room(&self, rows: u64, after: u64) -> Result<(), ChainError> {
        if after > self.full_above() { Err(ChainError::StateFull { rows, max_rows: self.max_rows }) } else { Ok(()) }
    }
}

/// The price of gas, and how much of it there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GasParams {
    /// The lowest price of a unit of gas, in avvv.
    pub min_price: Amount,
    /// The gas of every transaction, whatever it holds.
    pub per_tx: u64,
    /// The gas of every byte of a transaction.
    pub per_byte: u64,
    /// The gas of every signature of a transaction.
    pub per_signature: u64,
    /// The most gas of a block.
    pub block_limit: u64,
}

impl Default for GasParams {
    fn default() -> Self {
        Self {
            min_price: Amount::new(1_000_000_000),
            per_tx: 1_000,
            per_byte: 10,
            per_signature: 2_000,
            block_limit: 400_000_000,
        }
    }
}

impl GasParams {
    /// The gas of a transaction: a pure function of its bytes and this table.
    pub fn gas(&self, tx: &crate::Signed) -> u64 {
        let signatures = tx.signatures().count() as u64;
        let calls = tx.tx.calls.iter().fold(0u64, |sum, call| sum.saturating_add(call.message().gas()));
        self.per_tx
            .saturating_add(self.per_byte.saturating_mul(tx.size as u64))
            .saturating_add(self.per_signature.saturating_mul(signatures))
            .saturating_add(calls)
    }
}

/// The parameters that CometBFT is told in genesis and that this chain holds it to. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusParams {
    /// The most bytes of a block.
    pub block_max_bytes: u64,
    /// The number of blocks for which evidence counts.
    pub evidence_max_age_blocks: u64,
    /// The time for which evidence counts; at least the unbonding time.
    pub evidence_max_age_ms: u64,
    /// The most bytes of evidence in a block.
    pub evidence_max_bytes: u64,
    /// The first height with vote extensions.
    pub vote_extensions_enable_height: u64,
}

impl Default for ConsensusParams {
    fn default() -> Self {
        Self {
            block_max_bytes: 4 * 1024 * 1024,
            evidence_max_age_blocks: 1_000_000,
            evidence_max_age_ms: 8 * 86_400_000,
            evidence_max_bytes: 64 * 1024,
            vote_extensions_enable_height: 1,
        }
    }
}
