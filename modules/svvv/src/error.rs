//! What svvv refuses.

use diem_core::{Address, Amount, ErrorInfo, MathError, Module as _, ModuleError};

/// An error of svvv.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing would be locked, moved or opened.
    #[error("an amount of zero changes nothing")]
    ZeroAmount,
    /// More is to be opened than is closed.
    #[error(
        "your lock with {validator} holds {outstanding} DIEM, less than the {asked} that you would burn: name a validator with a larger lock, or burn less"
    )]
    Outstanding {
        /// With whom the lock is.
        validator: Address,
        /// What is outstanding.
        outstanding: Amount,
        /// What was asked for.
        asked: Amount,
    },
    /// Something does not fit.
    #[error("{0}")]
    Math(#[from] MathError),
    /// A genesis that contradicts itself.
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
