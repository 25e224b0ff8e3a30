//! The errors of bank.

use diem_core::{Address, Amount, Denom, MathError, Module as _, ModuleId};

/// An error of bank.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The account has less than is needed.
    #[error("{address} has {}, but {} are needed", .available.display(*.denom), .needed.display(*.denom))]
    InsufficientFunds {
        /// The account that has too little.
        address: Address,
        /// The denomination of both amounts.
        denom: Denom,
        /// The balance of the account, in base units.
        available: Amount,
        /// The amount that was asked for, in base units.
        needed: Amount,
    },
    /// The amount is zero, so nothing would be moved.
    #[error("an amount of zero moves nothing")]
    ZeroAmount,
    /// The payment goes to the zero address, which nobody owns.
    #[error("the zero address is nobody's: what is sent there is lost")]
    ZeroAddress,
    /// The transfer has no output, or more than one may have.
    #[error("a transfer has 1 to {} outputs", crate::msg::MAX_OUTPUTS)]
    Outputs,
    /// A sum is larger than any balance can be.
    #[error("{0}")]
    Math(#[from] MathError),
    /// A module wanted to mint or burn without that right.
    #[error("module {} may not mint or burn {}", .0.0, .1)]
    NotAllowed(ModuleId, Denom),
    /// More was asked of a pool than it holds.
    #[error("the pool holds {available}, but {needed} are needed")]
    PoolTooSmall {
        /// The balance of the pool, in base units of its denomination.
        available: Amount,
        /// The amount that was asked for, in the same units.
        needed: Amount,
    },
    /// The address has no row, and the payment is too small to make one.
    #[error(
        "{address} has no account yet: the first payment to it is at least {}, not {}",
        .minimum.display(*.denom), .amount.display(*.denom)
    )]
    NewAccount {
        /// The address that has no row yet.
        address: Address,
        /// The denomination of the amount.
        denom: Denom,
        /// The amount that would be paid, in base units.
        amount: Amount,
        /// The least first payment, in base units.
        minimum: Amount,
    },
    /// A parameter is out of its bounds.
    #[error("{0}")]
    Params(&'static str),
}

diem_core::error_table! {
    Error, crate::Bank::NAME;
    1 insufficient_funds Refused retry => Self::InsufficientFunds { .. },
    2 zero_amount Malformed never => Self::ZeroAmount,
    3 zero_address Malformed never => Self::ZeroAddress,
    4 outputs Malformed never => Self::Outputs,
    5 math Refused never => Self::Math(_),
    6 not_allowed Forbidden never => Self::NotAllowed(..),
    7 pool_too_small Refused retry => Self::PoolTooSmall { .. },
    // 8 was `unknown_pool`, when a genesis named pools by their numbers. It stays unused.
    9 new_account Refused retry => Self::NewAccount { .. },
    10 params Malformed never => Self::Params(_),
}
