//! The errors of credits.

use diem_core::{Address, Amount, ErrorInfo, MathError, Module as _, ModuleError, Time};

/// An error of credits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A sum does not fit, or rows contradict each other.
    #[error("{0}")]
    Math(#[from] MathError),
    /// The amount is zero, so nothing would happen.
    #[error("an amount of zero does nothing")]
    ZeroAmount,
    /// The address is the zero address, which nobody owns.
    #[error("the zero address is nobody's")]
    ZeroAddress,
    /// The sender has no DIEM staked for that beneficiary.
    #[error("the sender has no DIEM staked for this beneficiary")]
    NoPosition,
    /// The position has less DIEM than is to be unstaked.
    #[error("{staked} DIEM are staked for this beneficiary, less than {needed}")]
    MoreThanStaked {
        /// The DIEM of the position, in adiem.
        staked: Amount,
        /// The DIEM that was asked for, in adiem.
        needed: Amount,
    },
    /// The amount to unstake is below the least one.
    #[error("unstake at least {} DIEM, or the whole position", crate::stake::MIN_STAKE)]
    Dust,
    /// The account has as many tranches as it may have.
    #[error("an account has at most {} tranches: wait until one is paid, or cancel one", crate::stake::MAX_TRANCHES)]
    TooManyTranches,
    /// The tranche was paid or cancelled, or belongs to somebody else.
    #[error("the sender has no tranche {tranche}: it may be paid or another's")]
    NoTranche {
        /// The number of the tranche.
        tranche: u64,
    },
    /// The address is not registered as a provider.
    #[error("{provider} is not a provider")]
    NoProvider {
        /// The address that was named.
        provider: Address,
    },
    /// The account is or was registered as a provider.
    #[error("this account is or was a provider: register with another one")]
    AlreadyProvider,
    /// The provider has deregistered.
    #[error("provider {provider} has left")]
    ProviderLeft {
        /// The account of the provider.
        provider: Address,
    },
    /// The bond is below the minimum.
    #[error("the bond is {bond} VVV, a provider needs at least {minimum} VVV")]
    BondTooSmall {
        /// The bond that was given, in avvv.
        bond: Amount,
        /// The least bond, in avvv.
        minimum: Amount,
    },
    /// A moniker or an endpoint cannot be shown.
    #[error(
        "monikers and endpoints have 1 to {} bytes without double quotes and control characters",
        crate::providers::MAX_TEXT_BYTES
    )]
    Text,
    /// The price sheet is not in its form.
    #[error("{0}")]
    Prices(&'static str),
    /// The sender is not the authority over providers.
    #[error("only the authority lists and delists providers")]
    NotAuthority,
    /// The provider is listed already.
    #[error("the provider is listed already")]
    AlreadyListed,
    /// The provider is not listed, and there is nothing to forfeit.
    #[error("the provider is not listed, and there is no bond to forfeit")]
    NotListed,
    /// The account has promised nothing to the provider for that day.
    #[error("nothing is promised to {provider} for that day")]
    NoPromise {
        /// The provider that was named.
        provider: Address,
    },
    /// The account promises to as many providers as it may.
    #[error(
        "an account promises to at most {} providers; one that ended today counts until tomorrow",
        crate::allocations::MAX_PROMISES
    )]
    TooManyPromises,
    /// The allowance is below what is worth a transaction.
    #[error("credit of today is {allowance}: it takes at least {} to do this", crate::accounts::MIN_ALLOWANCE)]
    TooLittleCredit {
        /// The allowance of today, in credit units.
        allowance: Amount,
    },
    /// The account has less free credit than is needed.
    #[error("{free} credit of today is free, but {needed} are needed")]
    InsufficientCredit {
        /// The credit that nobody has a claim on.
        free: Amount,
        /// The credit that was asked for.
        needed: Amount,
    },
    /// The grant is not in its form.
    #[error("a grant names 1 to {} providers, by address ascending, each once", crate::grants::MAX_LIMITS)]
    Limits,
    /// The account has as many session keys as it may have.
    #[error("an account has at most {} session keys; a revoked one counts until tomorrow", crate::grants::MAX_KEYS)]
    TooManyKeys,
    /// The key is the account's own, which needs no grant.
    #[error("the account's own key signs without a grant")]
    OwnKey,
    /// The key has no grant for this account, provider and day.
    #[error("the key is not granted for this account, provider and day")]
    NoGrant,
    /// The last day of the grant is over.
    #[error("the grant's last day is over")]
    GrantExpired,
    /// The call names another day than the open one.
    #[error("day {day} is not today, which is {today}: sign it again")]
    NotToday {
        /// The day that the call names.
        day: u64,
        /// The day that is open.
        today: u64,
    },
    /// The sender would give to, or buy from, itself.
    #[error("giving to oneself and buying from oneself do nothing")]
    ToOneself,
    /// The seller has no open offer.
    #[error("there is no such offer today")]
    NoOffer,
    /// The offer has less credit than is to be bought.
    #[error("{offered} credit is on offer, less than {needed}")]
    MoreThanOffered {
        /// The credit that is on offer.
        offered: Amount,
        /// The credit that was asked for.
        needed: Amount,
    },
    /// The price is above what the buyer allows.
    #[error("the price is {price} VVV per credit, more than {max_price}")]
    Price {
        /// The price of the offer, in avvv for a whole credit.
        price: Amount,
        /// The highest price that the buyer allows, in the same unit.
        max_price: Amount,
    },
    /// The reference is too long, or cannot be shown.
    #[error(
        "a reference has at most {} bytes, without double quotes and control characters",
        crate::spend::MAX_REFERENCE_BYTES
    )]
    Reference,
    /// The call has no voucher, or too many.
    #[error("a call settles 1 to {} vouchers", crate::vouchers::MAX_VOUCHERS)]
    Vouchers,
    /// The voucher is for another chain.
    #[error("the voucher is for another chain")]
    VoucherChain,
    /// The voucher is for another provider.
    #[error("the voucher is for another provider")]
    VoucherProvider,
    /// The voucher's day is neither open nor in its grace.
    #[error("day {day} takes no vouchers: it is settled, or has not begun")]
    VoucherDay {
        /// The day that the voucher names.
        day: u64,
    },
    /// The signature of the voucher does not fit.
    #[error("the voucher's signature is not by its signer over these bytes")]
    VoucherSignature,
    /// The cumulative amount is below what was paid before.
    #[error("the voucher's amount is {amount}, but {paid} were paid already: amounts count from the day's begin")]
    VoucherBelow {
        /// The credit that was paid before.
        paid: Amount,
        /// The credit that the voucher asks for in all.
        amount: Amount,
    },
    /// A parameter is out of its bounds.
    #[error("{0}")]
    Param(&'static str),
    /// The genesis cannot start a chain.
    #[error("{0}")]
    Genesis(String),
    /// The chain never had that day.
    #[error("the chain had no day {day}")]
    NoDay {
        /// The day that was asked for.
        day: u64,
    },
    /// The offer has a price of zero.
    #[error("a price of zero is a gift: use gift_credit")]
    ZeroPrice,
    /// The voucher counts more requests than anyone can serve, which would drown the day's count.
    #[error("a voucher counts at most {} requests in its day", crate::vouchers::MAX_REQUESTS)]
    VoucherRequests,
    /// The tranche still cools down, or backs credit of today.
    #[error("tranche {tranche} is not due: it is paid from {at} on, and never on the day on which it left")]
    NotDue {
        /// The number of the tranche.
        tranche: u64,
        /// The moment from which it is due.
        at: Time,
    },
    /// The position would hold less than the least.
    #[error(
        "{position} DIEM would be staked for this beneficiary, and {} is the least: stake more at once",
        crate::stake::MIN_STAKE
    )]
    PositionTooSmall {
        /// The DIEM that the position would hold, in adiem.
        position: Amount,
    },
    /// The rest of the position would be less than the least.
    #[error(
        "{rest} DIEM would stay staked, less than {}: unstake the whole position of {position} DIEM, or less",
        crate::stake::MIN_STAKE
    )]
    WouldLeaveDust {
        /// The DIEM that would stay, in adiem.
        rest: Amount,
        /// The DIEM of the whole position, in adiem.
        position: Amount,
    },
    /// The provider has published as many sheets as it may in a day.
    #[error(
        "a provider publishes at most {} price sheets a day: the next one from tomorrow on",
        crate::prices::MAX_SHEETS_A_DAY
    )]
    TooManySheets,
    /// The name shows nothing.
    #[error("a moniker of blanks shows no name: write one that people can read")]
    BlankMoniker,
    /// The endpoint is no place that a client can call.
    #[error("an endpoint is an http or https URL such as https://ai.example/v1")]
    Endpoint,
    /// The first credit is too small for a row of its own.
    #[error(
        "{account} has no credit yet: what it gets first is at least {} credit, not {amount}",
        crate::accounts::MIN_NEW_CREDIT
    )]
    NewCredit {
        /// The account that would get the credit.
        account: Address,
        /// The credit that it would get, in credit units.
        amount: Amount,
    },
    /// The day's prices would name too many models.
    #[error(
        "a day's prices name at most {} models, those that changed today with them: leave the rest for tomorrow",
        2 * crate::prices::MAX_MODELS
    )]
    TooManyModels,
    /// The key would spend at too many providers, those that were cut today counted in.
    #[error(
        "a key spends at {} providers at most; one that was cut today counts until tomorrow",
        crate::grants::MAX_LIMITS
    )]
    TooManyLimits,
}

const fn row(code: u32, name: &'static str, http: u16, retry: bool) -> ErrorInfo {
    ErrorInfo { code, name, http, retry }
}

impl ModuleError for Error {
    const CODESPACE: &'static str = crate::Credits::NAME;
    const TABLE: &'static [ErrorInfo] = &[
        row(1, "math", 422, false),
        row(2, "zero_amount", 400, false),
        row(3, "zero_address", 400, false),
        row(4, "no_position", 404, true),
        row(5, "more_than_staked", 422, true),
        row(6, "dust", 422, false),
        row(7, "too_many_tranches", 409, true),
        row(8, "no_tranche", 404, false),
        row(9, "no_provider", 404, true),
        row(10, "already_provider", 409, false),
        row(11, "provider_left", 409, false),
        row(12, "bond_too_small", 422, true),
        row(13, "text", 400, false),
        row(14, "prices", 400, false),
        row(15, "not_authority", 403, false),
        row(16, "already_listed", 409, true),
        row(17, "not_listed", 409, true),
        row(18, "no_promise", 404, true),
        row(19, "too_many_promises", 409, true),
        row(20, "too_little_credit", 422, true),
        row(21, "insufficient_credit", 422, true),
        row(22, "limits", 400, false),
        row(23, "too_many_keys", 409, true),
        row(24, "own_key", 400, false),
        row(25, "no_grant", 404, true),
        row(26, "grant_expired", 409, false),
        row(27, "not_today", 409, false),
        row(28, "to_oneself", 400, false),
        row(29, "no_offer", 404, true),
        row(30, "more_than_offered", 422, true),
        row(31, "price", 422, true),
        row(32, "reference", 400, false),
        row(33, "vouchers", 400, false),
        row(34, "voucher_chain", 400, false),
        row(35, "voucher_provider", 403, false),
        row(36, "voucher_day", 409, false),
        row(37, "voucher_signature", 400, false),
        row(38, "voucher_below", 409, false),
        row(39, "param", 422, false),
        row(40, "genesis", 400, false),
        row(41, "no_day", 404, true),
        row(42, "zero_price", 400, false),
        row(43, "voucher_requests", 400, false),
        row(44, "not_due", 409, true),
        row(45, "position_too_small", 422, true),
        row(46, "would_leave_dust", 422, true),
        row(47, "too_many_sheets", 409, true),
        row(48, "blank_moniker", 400, false),
        row(49, "endpoint", 400, false),
        row(50, "new_credit", 422, true),
        row(51, "too_many_models", 409, true),
        row(52, "too_many_limits", 409, true),
    ];

    fn code(&self) -> u32 {
        match self {
            Self::Math(_) => 1,
            Self::ZeroAmount => 2,
            Self::ZeroAddress => 3,
            Self::NoPosition => 4,
            Self::MoreThanStaked { .. } => 5,
            Self::Dust => 6,
            Self::TooManyTranches => 7,
            Self::NoTranche { .. } => 8,
            Self::NoProvider { .. } => 9,
            Self::AlreadyProvider => 10,
            Self::ProviderLeft { .. } => 11,
            Self::BondTooSmall { .. } => 12,
            Self::Text => 13,
            Self::Prices(_) => 14,
            Self::NotAuthority => 15,
            Self::AlreadyListed => 16,
            Self::NotListed => 17,
            Self::NoPromise { .. } => 18,
            Self::TooManyPromises => 19,
            Self::TooLittleCredit { .. } => 20,
            Self::InsufficientCredit { .. } => 21,
            Self::Limits => 22,
            Self::TooManyKeys => 23,
            Self::OwnKey => 24,
            Self::NoGrant => 25,
            Self::GrantExpired => 26,
            Self::NotToday { .. } => 27,
            Self::ToOneself => 28,
            Self::NoOffer => 29,
            Self::MoreThanOffered { .. } => 30,
            Self::Price { .. } => 31,
            Self::Reference => 32,
            Self::Vouchers => 33,
            Self::VoucherChain => 34,
            Self::VoucherProvider => 35,
            Self::VoucherDay { .. } => 36,
            Self::VoucherSignature => 37,
            Self::VoucherBelow { .. } => 38,
            Self::Param(_) => 39,
            Self::Genesis(_) => 40,
            Self::NoDay { .. } => 41,
            Self::ZeroPrice => 42,
            Self::VoucherRequests => 43,
            Self::NotDue { .. } => 44,
            Self::PositionTooSmall { .. } => 45,
            Self::WouldLeaveDust { .. } => 46,
            Self::TooManySheets => 47,
            Self::BlankMoniker => 48,
            Self::Endpoint => 49,
            Self::NewCredit { .. } => 50,
            Self::TooManyModels => 51,
            Self::TooManyLimits => 52,
        }
    }
}
