//! Why Base was not asked, did not answer, or refused.

use diem_core::Address;

use crate::{contract::ContractError, convert::Eth, proof::ProofError};

/// The reason why something on Base is not known or was not done.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The URL cannot be one of an endpoint.
    #[error("`{0}` is not the URL of an endpoint of Base: write it as http://127.0.0.1:8545")]
    Url(String),
    /// The endpoints of a quorum are none, too many, or one twice.
    #[error("name one endpoint of Base for development, or two or three different ones")]
    Endpoints,
    /// Whom an https URL leads to cannot be checked on this machine.
    #[error(
        "`{url}` is an https URL, and whom it leads to cannot be checked here ({reason}): install the certificates of \
         the authorities (often the package ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    Certificates {
        /// The URL that was given.
        url: String,
        /// The reason that the library gives.
        reason: String,
    },
    /// Nobody listens there; nothing was sent.
    #[error("no endpoint of Base answers at {url} ({reason}): check the URL and whether it is up")]
    Unreachable {
        /// The URL of the endpoint.
        url: String,
        /// The reason that the system gives.
        reason: String,
    },
    /// The request was sent and no whole answer came in time.
    #[error("the endpoint of Base at {url} did not answer `{method}` ({reason}): try again, or take another endpoint")]
    Lost {
        /// The URL of the endpoint.
        url: String,
        /// The method that was asked.
        method: &'static str,
        /// The reason that the system gives.
        reason: String,
    },
    /// An answer that no endpoint gives.
    #[error("{url} answers `{method}`, but not as an endpoint of Base does: {reason}")]
    NotAnEndpoint {
        /// The URL of the endpoint.
        url: String,
        /// The method that was asked.
        method: &'static str,
        /// The fault of the answer.
        reason: String,
    },
    /// The endpoint refused the request, and not because the contract did.
    #[error("the endpoint of Base at {url} refuses `{method}`: {message} (code {code})")]
    Refused {
        /// The URL of the endpoint.
        url: String,
        /// The method that was asked.
        method: &'static str,
        /// The number that JSON-RPC gives the error.
        code: i64,
        /// The endpoint's own words.
        message: String,
    },
    /// What the endpoint gives as a proof is none.
    #[error("what {url} gives as a proof does not hold: {error}")]
    Unproven {
        /// The URL of the endpoint.
        url: String,
        /// The fault of the proof.
        error: ProofError,
    },
    /// The endpoint is one of another network.
    #[error("{url} is an endpoint of chain {found}, but the bridge lies on chain {expected}: name one of that chain")]
    WrongChain {
        /// The URL of the endpoint.
        url: String,
        /// The chain id that it names.
        found: u64,
        /// The chain id that was expected.
        expected: u64,
    },
    /// What lies at the address is not the contract that was asked.
    #[error(
        "the contract at {} on Base does not answer `{function}` as the bridge or its token does: check the address, \
         and whether the bridge is deployed", .address.to_hex()
    )]
    NotTheContract {
        /// The address that was asked.
        address: Address,
        /// The function or slot that was read.
        function: &'static str,
    },
    /// The contract would refuse the call; nothing was sent.
    #[error("the contract on Base refuses the call: {0}")]
    Reverted(ContractError),
    /// The transaction is in a block and changed nothing.
    #[error(
        "transaction 0x{} failed in block {block} of Base after {gas_used} gas: {}", hex(.hash),
        .reason.as_ref().map_or_else(|| "the contract gives no reason now".into(), ToString::to_string)
    )]
    Failed {
        /// The hash of the transaction.
        hash: [u8; 32],
        /// The block that it is in.
        block: u64,
        /// The gas that it used, which the sender paid.
        gas_used: u64,
        /// The error that the contract gives for the same call now.
        reason: Option<ContractError>,
    },
    /// A transaction would need more gas than Base takes in one; nothing was sent.
    #[error("the call needs {gas} gas, but Base takes at most {max} in a transaction (EIP-7825)")]
    TooMuchGas {
        /// The gas that it needs.
        gas: u64,
        /// The most that one transaction may have.
        max: u64,
    },
    /// The sender cannot pay for the gas; nothing was sent.
    #[error(
        "{} has {} on Base and needs up to {} for the gas of this transaction: send it some", .sender.to_hex(),
        Eth(*.balance), Eth(*.needed)
    )]
    Underfunded {
        /// The account that would pay.
        sender: Address,
        /// The amount that it has, in wei.
        balance: u128,
        /// The amount that it needs, in wei.
        needed: u128,
    },
    /// Base asks a higher price than the sender pays; nothing was sent.
    #[error("gas costs {price} wei on Base now, more than the {max} wei that are paid: wait, or raise the limit")]
    TooDear {
        /// The price of a unit of gas, in wei.
        price: u128,
        /// The highest price that the sender pays, in wei.
        max: u128,
    },
    /// The transaction is in no block after all replacements. It may still get into one.
    #[error(
        "transaction 0x{} of {} with nonce {nonce} is in no block of Base after {seconds} s, at a price of {price} wei: \
         it may still get into one; sending again replaces it", hex(.hash), .sender.to_hex()
    )]
    Stuck {
        /// The hash of the last replacement.
        hash: [u8; 32],
        /// The account that sent it.
        sender: Address,
        /// The nonce that all replacements share.
        nonce: u64,
        /// The price of a unit of gas in the last replacement, in wei.
        price: u128,
        /// The seconds for which was waited.
        seconds: u64,
    },
    /// Another transaction of the same account took the nonce.
    #[error(
        "another transaction of {} took nonce {nonce} on Base: somebody else sends with the same key; send again",
        .sender.to_hex()
    )]
    NonceTaken {
        /// The account that sent both.
        sender: Address,
        /// The nonce that both have.
        nonce: u64,
    },
}

impl BaseError {
    /// The contract's error, if it was the contract that refused.
    pub const fn refusal(&self) -> Option<&ContractError> {
        match self {
            Self::Reverted(error) | Self::Failed { reason: Some(error), .. } => Some(error),
            _ => None,
        }
    }
}

fn hex(hash: &[u8; 32]) -> String {
    alloy_primitives::hex::encode(hash)
}
