//! The errors of diem.

use diem_core::{Amount, Module as _};

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

diem_core::error_table! {
    Error, Diem::NAME;
    1 zero_amount Malformed never => Self::ZeroAmount,
    2 nothing Refused retry => Self::Nothing(_),
    3 below_minimum Refused retry => Self::BelowMinimum { .. },
    4 above_maximum Refused retry => Self::AboveMaximum { .. },
    5 past_end Refused retry => Self::PastEnd(_),
    6 too_little_stake Refused retry => Self::TooLittleStake { .. },
    7 curve Malformed never => Self::Curve(_),
    8 unlocked Malformed never => Self::Unlocked { .. },
}
