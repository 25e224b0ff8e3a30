//! The errors of svvv.

use diem_core::{Address, Amount, ErrorInfo, MathError, Module as _, ModuleError};

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

impl ModuleError for Error {
    const CODESPACE: &'static str = crate::Svvv::NAME;
    const TABLE: &'static [ErrorInfo] = &[
        ErrorInfo { code: 1, name: "zero_amount", http: 400, retry: false },
        ErrorInfo { code: 2, name: "outstanding", http: 422, retry: true },
        ErrorInfo { code: 3, name: "math", http: 422, retry: false },
        ErrorInfo { code: 4, name: "genesis", http: 400, retry: false },
    ];

    fn code(&self) -> u32 {
        match self {
            Self::ZeroAmount => 1,
            Self::Outstanding { .. } => 2,
            Self::Math(_) => 3,
            Self::Genesis(_) => 4,
        }
    }
}
