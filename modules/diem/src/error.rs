//! The errors of diem.

use diem_core::{Amount, ErrorInfo, Module as _, ModuleError};

use crate::{Diem, curve::CurveError, quote::PastEnd};

/// An error of diem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The amount is zero, so nothing would happen.
    #[error("an amount of zero mints and burns nothing")]
    ZeroAmount,
    /// The lock buys less than one adiem.
    #[error("a lock of {0} sVVV is worth less than the smallest part of a DIEM: lock more")]
    Nothing(Amount),
    /// The lock gives less DIEM than the minter wants.
    #[error("the lock gives {out} DIEM, less than the {min_out} that you want: ask for a quote, the price has moved")]
    BelowMinimum {
        /// The DIEM that the mint would give.
        out: Amount,
        /// The least DIEM that the minter wants.
        min_out: Amount,
    },
    /// The DIEM costs more than the minter allows.
    #[error("{out} DIEM cost more than the {max_lock} sVVV that you allow: ask for a quote, the price has moved")]
    AboveMaximum {
        /// The DIEM that the minter wants.
        out: Amount,
        /// The most that the minter allows to lock, in avvv.
        max_lock: Amount,
    },
    /// The curve ends before the DIEM that is wanted.
    #[error("{0}")]
    PastEnd(#[from] PastEnd),
    /// The minter has less free stake with the validator than the mint would lock.
    #[error("{out} DIEM cost more than the {free} sVVV that you have free to lock there: stake more, or mint less")]
    TooLittleStake {
        /// The DIEM that the minter wants.
        out: Amount,
        /// The value of the stake that is free to lock, in avvv.
        free: Amount,
    },
    /// The genesis has a curve that is refused.
    #[error("{0}")]
    Curve(#[from] CurveError),
    /// The genesis has DIEM that nobody has locked for.
    #[error("genesis has {supply} DIEM, but locks for {locked}: every DIEM needs its lock")]
    Unlocked {
        /// The DIEM that exists.
        supply: Amount,
        /// The DIEM outstanding over all locks.
        locked: Amount,
    },
}

impl ModuleError for Error {
    const CODESPACE: &'static str = Diem::NAME;
    const TABLE: &'static [ErrorInfo] = &[
        ErrorInfo { code: 1, name: "zero_amount", http: 400, retry: false },
        ErrorInfo { code: 2, name: "nothing", http: 422, retry: true },
        ErrorInfo { code: 3, name: "below_minimum", http: 422, retry: true },
        ErrorInfo { code: 4, name: "above_maximum", http: 422, retry: true },
        ErrorInfo { code: 5, name: "past_end", http: 422, retry: true },
        ErrorInfo { code: 6, name: "too_little_stake", http: 422, retry: true },
        ErrorInfo { code: 7, name: "curve", http: 400, retry: false },
        ErrorInfo { code: 8, name: "unlocked", http: 400, retry: false },
    ];

    fn code(&self) -> u32 {
        match self {
            Self::ZeroAmount => 1,
            Self::Nothing(_) => 2,
            Self::BelowMinimum { .. } => 3,
            Self::AboveMaximum { .. } => 4,
            Self::PastEnd(_) => 5,
            Self::TooLittleStake { .. } => 6,
            Self::Curve(_) => 7,
            Self::Unlocked { .. } => 8,
        }
    }
}
