//! The errors of staking.

use diem_core::{Address, Amount, MathError, Module as _, Time, keys::SignatureError};

/// An error of staking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No validator has that operator.
    #[error("{0} is no validator: ask for the list of validators")]
    UnknownValidator(Address),
    /// The account runs a validator already, and may run one only.
    #[error("{0} operates a validator already: use another account for another one")]
    AlreadyValidator(Address),
    /// A consensus key belongs to one validator for ever.
    #[error("this consensus key belongs to {0} already: make a new key")]
    ConsensusKeyUsed(Address),
    /// A bridge key belongs to one validator for ever.
    #[error("this bridge key belongs or belonged to {0} already: make a new key")]
    BridgeKeyUsed(Address),
    /// The proof of possession does not hold.
    #[error(
        "the proof of the keys does not hold: {0}; make it with `diemd validator prove` for this chain and operator"
    )]
    KeyProof(SignatureError),
    /// The amount is zero, so nothing would be moved.
    #[error("an amount of zero moves nothing")]
    ZeroAmount,
    /// The commissions contradict each other.
    #[error(
        "commission and its change a day must not exceed the maximum of this validator, and that not 100%: raise it \
         with `--max-commission`, which is 20% unless named"
    )]
    Commission,
    /// The commission is beyond what the validator promised.
    #[error(
        "a commission of {wanted} basis points is refused: at most {max}, and at most {max_change} away from today's {today}"
    )]
    CommissionChange {
        /// The commission that was asked for, in basis points.
        wanted: u16,
        /// The commission of today, in basis points.
        today: u16,
        /// The maximum that the operator has promised, in basis points.
        max: u16,
        /// The promised maximum of a day's change.
        max_change: u16,
    },
    /// The name or the link is too long, or there is no name.
    #[error(
        "a moniker has 1 to {} bytes and a website at most {}, without double quotes and control characters",
        crate::msg::MAX_MONIKER_BYTES,
        crate::msg::MAX_WEBSITE_BYTES
    )]
    Description,
    /// The operator stakes less than a validator needs.
    #[error("an operator stakes at least {0} VVV with the own validator")]
    SelfStake(Amount),
    /// The validator is out for ever.
    #[error("{0} is out for ever for what it did: stake with another validator")]
    Tombstoned(Address),
    /// Everything at this validator was slashed away.
    #[error("everything staked with {0} was slashed: nothing can be staked with it any more")]
    Worthless(Address),
    /// The amount is more than is free to leave.
    #[error(
        "only {free} VVV of this stake are free for that, but {needed} are needed: the rest is locked or was moved lately"
    )]
    NotFree {
        /// The value that is free, in avvv.
        free: Amount,
        /// The value that was asked for, in avvv.
        needed: Amount,
    },
    /// The account has as many entries as it may have at once.
    #[error(
        "an account has at most {} entries at once, tranches and moved stake together: collect one that is due, cancel a \
         tranche, or wait",
        crate::leaving::MAX_ENTRIES
    )]
    TooManyEntries,
    /// The account has no tranche with this id.
    #[error("you have no tranche {0}: ask for your tranches")]
    UnknownTranche(u64),
    /// A slash has not reached this tranche yet.
    #[error("tranche {0} waits for a slash to be processed: try again in some minutes")]
    PendingSlash(u64),
    /// Only a jailed validator can be unjailed.
    #[error("{0} is not jailed")]
    NotJailed(Address),
    /// The validator is jailed for longer.
    #[error("{validator} stays jailed until {until}")]
    StillJailed {
        /// The operator of the validator.
        validator: Address,
        /// The moment from which it may be unjailed.
        until: Time,
    },
    /// There are no rewards to claim yet.
    #[error("there is no whole avvv of rewards to claim yet")]
    NothingToClaim,
    /// The stake would move from a validator to itself.
    #[error("both validators are the same: there is nothing to move")]
    SameValidator,
    /// The stake would be worth less than the least one.
    #[error(
        "this stake would be worth {staked} VVV, and {least} is the least: stake more at once; rewards can be paid out \
         with `claim` instead"
    )]
    BelowMinStake {
        /// The value that the position would have, in avvv.
        staked: Amount,
        /// The least stake, in avvv.
        least: Amount,
    },
    /// The part of the position is too small to leave alone.
    #[error("{amount} VVV is too little to leave: take at least {least} VVV, or the whole stake of {staked} VVV")]
    AmountTooSmall {
        /// The amount that was asked for, in avvv.
        amount: Amount,
        /// The least stake, in avvv.
        least: Amount,
        /// The value of the position, in avvv.
        staked: Amount,
    },
    /// The free stake beside a lock, or beside stake that moved lately, is too small to leave alone.
    #[error(
        "only {free} VVV of this stake are free, and {least} is the least that leaves by itself: they wait for the burn \
         that opens the lock beside them or for the end of moved stake's waiting, or go along when the whole stake is \
         restaked"
    )]
    FreeTooSmall {
        /// The value that is free, in avvv.
        free: Amount,
        /// The least stake, in avvv.
        least: Amount,
    },
    /// The rest of a position would be less than the least stake.
    #[error("{rest} VVV would stay, less than {least}: at most {most} VVV of this stake may go now")]
    WouldLeaveDust {
        /// The value that would stay, in avvv.
        rest: Amount,
        /// The least stake, in avvv.
        least: Amount,
        /// The largest amount that may go; zero if none may.
        most: Amount,
    },
    /// The account has no entry with this id.
    #[error("you have no entry {0}: it was paid, freed or cancelled, or it is another account's")]
    UnknownEntry(u64),
    /// The entry still waits.
    #[error("entry {entry} is not due: {}", waits(*.at))]
    NotDue {
        /// The id of the entry.
        entry: u64,
        /// The last moment of its waiting; nobody knows it in the block in which the entry left.
        at: Option<Time>,
    },
    /// A sum does not fit, or rows contradict each other.
    #[error("{0}")]
    Math(#[from] MathError),
    /// A parameter is out of its bounds.
    #[error("{0}")]
    Params(&'static str),
    /// The genesis contradicts itself.
    #[error("{0}")]
    Genesis(String),
    /// The name shows nothing.
    #[error("a moniker of blanks shows no name: write one that people can read")]
    BlankMoniker,
    /// The website is a link that no browser follows.
    #[error("a website is an http or https URL such as https://one.example, or empty")]
    Website,
}

fn waits(at: Option<Time>) -> String {
    at.map_or_else(|| "its date is known from the next block on".into(), |at| format!("it waits until {at}"))
}

diem_core::error_table! {
    Error, crate::Staking::NAME;
    1 unknown_validator Missing retry => Self::UnknownValidator(_),
    2 already_validator Conflict never => Self::AlreadyValidator(_),
    3 consensus_key_used Conflict never => Self::ConsensusKeyUsed(_),
    4 bridge_key_used Conflict never => Self::BridgeKeyUsed(_),
    5 key_proof Malformed never => Self::KeyProof(_),
    6 zero_amount Malformed never => Self::ZeroAmount,
    7 commission Malformed never => Self::Commission,
    8 commission_change Refused retry => Self::CommissionChange { .. },
    9 description Malformed never => Self::Description,
    10 self_stake Refused never => Self::SelfStake(_),
    11 tombstoned Conflict never => Self::Tombstoned(_),
    12 worthless Conflict never => Self::Worthless(_),
    13 not_free Refused retry => Self::NotFree { .. },
    14 too_many_entries Refused retry => Self::TooManyEntries,
    15 unknown_tranche Missing never => Self::UnknownTranche(_),
    16 pending_slash Conflict retry => Self::PendingSlash(_),
    17 not_jailed Conflict retry => Self::NotJailed(_),
    18 still_jailed Conflict retry => Self::StillJailed { .. },
    19 nothing_to_claim Refused retry => Self::NothingToClaim,
    20 same_validator Malformed never => Self::SameValidator,
    21 math Refused never => Self::Math(_),
    22 params Malformed never => Self::Params(_),
    23 genesis Malformed never => Self::Genesis(_),
    24 below_min_stake Refused retry => Self::BelowMinStake { .. },
    25 amount_too_small Refused never => Self::AmountTooSmall { .. },
    26 free_too_small Refused retry => Self::FreeTooSmall { .. },
    27 would_leave_dust Refused retry => Self::WouldLeaveDust { .. },
    28 unknown_entry Missing never => Self::UnknownEntry(_),
    29 not_due Conflict retry => Self::NotDue { .. },
    30 blank_moniker Malformed never => Self::BlankMoniker,
    31 website Malformed never => Self::Website,
}
