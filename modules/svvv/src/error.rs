//! The errors of svvv.

use diem_core::{Address, Amount, MathError, Module as _};

/// An error of svvv.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The amount is zero, so nothing would be locked, moved or opened.
    #[error("an amount of zero changes nothing")]
    ZeroAmount,
    /// The burn would open more of the lock than it holds.
    #[error(
        "your lock with {validator} holds {outstanding} DIEM, less than the {asked} that you would burn: name a validator with a larger lock, or burn less"
    )]
    Outstanding {
        /// The validator of the lock.
        validator: Address,
        /// The DIEM that the lock has outstanding, in adiem.
        outstanding: Amount,
        /// The DIEM that was asked for, in adiem.
        asked: Amount,
    },
    /// A sum does not fit, or rows contradict each other.
    #[error("{0}")]
    Math(#[from] MathError),
    /// The genesis contradicts itself.
    #[error("{0}")]
    Genesis(String),
}

diem_core::error_table! {
    Error, crate::Svvv::NAME;
    1 zero_amount Malformed never => Self::ZeroAmount,
    2 outstanding Refused retry => Self::Outstanding { .. },
    3 math Refused never => Self::Math(_),
    4 genesis Malformed never => Self::Genesis(_),
}
