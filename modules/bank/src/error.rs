//! The errors of bank.

use diem_core::{Address, Amount, Denom, ErrorInfo, MathError, Module as _, ModuleError, ModuleId};

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
    /// A genesis file names a pool that does not exist.
    #[error("there is no pool {0}")]
    UnknownPool(u8),
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

impl ModuleError for Error {
    const CODESPACE: &'static str = crate::Bank::NAME;
    const TABLE: &'static [ErrorInfo] = &[
        ErrorInfo { code: 1, name: "insufficient_funds", http: 422, retry: true },
        ErrorInfo { code: 2, name: "zero_amount", http: 400, retry: false },
        ErrorInfo { code: 3, name: "zero_address", http: 400, retry: false },
        ErrorInfo { code: 4, name: "outputs", http: 400, retry: false },
        ErrorInfo { code: 5, name: "math", http: 422, retry: false },
        ErrorInfo { code: 6, name: "not_allowed", http: 403, retry: false },
        ErrorInfo { code: 7, name: "pool_too_small", http: 422, retry: true },
        ErrorInfo { code: 8, name: "unknown_pool", http: 400, retry: false },
        ErrorInfo { code: 9, name: "new_account", http: 422, retry: true },
        ErrorInfo { code: 10, name: "params", http: 400, retry: false },
    ];

    fn code(&self) -> u32 {
        match self {
            Self::InsufficientFunds { .. } => 1,
            Self::ZeroAmount => 2,
            Self::ZeroAddress => 3,
            Self::Outputs => 4,
            Self::Math(_) => 5,
            Self::NotAllowed(..) => 6,
            Self::PoolTooSmall { .. } => 7,
            Self::UnknownPool(_) => 8,
            Self::NewAccount { .. } => 9,
            Self::Params(_) => 10,
        }
    }
}
