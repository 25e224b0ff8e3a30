//! What credits refuses.

use diem_core::{Address, Amount, ErrorInfo, MathError, Module as _, ModuleError, Time};

/// An error of credits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A number that does not fit.
    #[error("{0}")]
    Math(#[from] MathError),
    /// Nothing would happen.
    #[error("an amount of zero does nothing")]
    ZeroAmount,
    /// Nobody's address.
    #[error("the zero address is nobody's")]
    ZeroAddress,
    /// Nothing staked there.
    #[error("the sender has no DIEM staked for this beneficiary")]
    NoPosition,
    /// More than the position.
    #[error("{staked} DIEM are staked for this beneficiary, less than {needed}")]
    MoreThanStaked {
        /// The position.
        staked: Amount,
        /// What was asked for.
        needed: Amount,
    },
    /// Too little to unstake.
    #[error("unstake at least {} DIEM, or the whole position", crate::stake::MIN_STAKE)]
    Dust,
    /// The limit of tranches.
    #[error("an account has at most {} tranches: wait until one is paid, or cancel one", crate::stake::MAX_TRANCHES)]
    TooManyTranches,
    /// Paid, cancelled, or another's.
    #[error("the sender has no tranche {tranche}: it may be paid or another's")]
    NoTranche {
        /// Which.
        tranche: u64,
    },
    /// Not registered.
    #[error("{provider} is not a provider")]
    NoProvider {
        /// Who.
        provider: Address,
    },
    /// Registered before.
    #[error("this account is or was a provider: register with another one")]
    AlreadyProvider,
    /// Deregistered.
    #[error("provider {provider} has left")]
    ProviderLeft {
        /// Who.
        provider: Address,
    },
    /// Below the minimum.
    #[error("the bond is {bond} VVV, a provider needs at least {minimum} VVV")]
    BondTooSmall {
        /// What there is.
        bond: Amount,
        /// What is needed.
        minimum: Amount,
    },
    /// A moniker or endpoint.
    #[error(
        "monikers and endpoints have 1 to {} bytes without double quotes and control characters",
        crate::providers::MAX_TEXT_BYTES
    )]
    Text,
    /// A price sheet not in its form.
    #[error("{0}")]
    Prices(&'static str),
    /// Somebody else's right.
    #[error("only the authority lists and delists providers")]
    NotAuthority,
    /// Nothing to do.
    #[error("the provider is listed already")]
    AlreadyListed,
    /// Nothing to do.
    #[error("the provider is not listed, and there is no bond to forfeit")]
    NotListed,
    /// Nothing promised.
    #[error("nothing is promised to {provider} for that day")]
    NoPromise {
        /// To whom.
        provider: Address,
    },
    /// The limit of promises.
    #[error(
        "an account promises to at most {} providers; one that ended today counts until tomorrow",
        crate::allocations::MAX_PROMISES
    )]
    TooManyPromises,
    /// Below what is worth a transaction.
    #[error("credit of today is {allowance}: it takes at least {} to do this", crate::accounts::MIN_ALLOWANCE)]
    TooLittleCredit {
        /// Today's.
        allowance: Amount,
    },
    /// More than is free.
    #[error("{free} credit of today is free, but {needed} are needed")]
    InsufficientCredit {
        /// What nobody has a claim on.
        free: Amount,
        /// What was asked for.
        needed: Amount,
    },
    /// A grant not in its form.
    #[error(
        "a grant names 1 to {} providers, by address ascending, each once; one that was cut today counts until tomorrow",
        crate::grants::MAX_LIMITS
    )]
    Limits,
    /// The limit of keys.
    #[error("an account has at most {} session keys; a revoked one counts until tomorrow", crate::grants::MAX_KEYS)]
    TooManyKeys,
    /// A key that needs no grant.
    #[error("the account's own key signs without a grant")]
    OwnKey,
    /// Not granted.
    #[error("the key is not granted for this account, provider and day")]
    NoGrant,
    /// Its last day is over.
    #[error("the grant's last day is over")]
    GrantExpired,
    /// Another day.
    #[error("day {day} is not today, which is {today}: sign it again")]
    NotToday {
        /// The call's.
        day: u64,
        /// The open one.
        today: u64,
    },
    /// To the sender.
    #[error("giving to oneself and buying from oneself do nothing")]
    ToOneself,
    /// Nothing offered.
    #[error("there is no such offer today")]
    NoOffer,
    /// More than offered.
    #[error("{offered} credit is on offer, less than {needed}")]
    MoreThanOffered {
        /// What there is.
        offered: Amount,
        /// What was asked for.
        needed: Amount,
    },
    /// Too dear.
    #[error("the price is {price} VVV per credit, more than {max_price}")]
    Price {
        /// The offer's.
        price: Amount,
        /// What the buyer allows.
        max_price: Amount,
    },
    /// A reference too long.
    #[error(
        "a reference has at most {} bytes, without double quotes and control characters",
        crate::spend::MAX_REFERENCE_BYTES
    )]
    Reference,
    /// No voucher, or too many.
    #[error("a call settles 1 to {} vouchers", crate::vouchers::MAX_VOUCHERS)]
    Vouchers,
    /// A voucher of another chain.
    #[error("the voucher is for another chain")]
    VoucherChain,
    /// A voucher for somebody else.
    #[error("the voucher is for another provider")]
    VoucherProvider,
    /// A voucher of a day that is not open and not in its grace.
    #[error("day {day} takes no vouchers: it is settled, or has not begun")]
    VoucherDay {
        /// The voucher's.
        day: u64,
    },
    /// A voucher whose signature does not fit.
    #[error("the voucher's signature is not by its signer over these bytes")]
    VoucherSignature,
    /// A cumulative amount that went down.
    #[error("the voucher's amount is {amount}, but {paid} were paid already: amounts count from the day's begin")]
    VoucherBelow {
        /// What was paid.
        paid: Amount,
        /// What it asks for in all.
        amount: Amount,
    },
    /// A parameter out of its bounds.
    #[error("{0}")]
    Param(&'static str),
    /// A genesis that cannot be.
    #[error("{0}")]
    Genesis(String),
    /// A day that never was.
    #[error("the chain had no day {day}")]
    NoDay {
        /// Which.
        day: u64,
    },
    /// An offer without a price.
    #[error("a price of zero is a gift: use gift_credit")]
    ZeroPrice,
    /// More requests than anyone can serve, which would drown the day's count.
    #[error("a voucher counts at most {} requests in its day", crate::vouchers::MAX_REQUESTS)]
    VoucherRequests,
    /// A tranche that still cools down, or that backs credit of today.
    #[error("tranche {tranche} is not due: it is paid from {at} on, and never on the day on which it left")]
    NotDue {
        /// Which.
        tranche: u64,
        /// When it is due.
        at: Time,
    },
    /// A position that would hold too little.
    #[error(
        "{position} DIEM would be staked for this beneficiary, and {} is the least: stake more at once",
        crate::stake::MIN_STAKE
    )]
    PositionTooSmall {
        /// What it would hold.
        position: Amount,
    },
    /// What stays would be too little.
    #[error(
        "{rest} DIEM would stay staked, less than {}: unstake the whole position of {position} DIEM, or less",
        crate::stake::MIN_STAKE
    )]
    WouldLeaveDust {
        /// What would stay.
        rest: Amount,
        /// The whole position.
        position: Amount,
    },
    /// The limit of price sheets.
    #[error(
        "a provider publishes at most {} price sheets a day: the next one from tomorrow on",
        crate::prices::MAX_SHEETS_A_DAY
    )]
    TooManySheets,
    /// A name that shows nothing.
    #[error("a moniker of blanks shows no name: write one that people can read")]
    BlankMoniker,
    /// A place that no client can call.
    #[error("an endpoint is an http or https URL such as https://ai.example/v1")]
    Endpoint,
    /// A first credit too small for a row of its own.
    #[error(
        "{account} has no credit yet: what it gets first is at least {} credit, not {amount}",
        crate::accounts::MIN_NEW_CREDIT
    )]
    NewCredit {
        /// Who would get it.
        account: Address,
        /// How much.
        amount: Amount,
    },
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
        row(41, "no_day", 404, false),
        row(42, "zero_price", 400, false),
        row(43, "voucher_requests", 400, false),
        row(44, "not_due", 409, true),
        row(45, "position_too_small", 422, true),
        row(46, "would_leave_dust", 422, true),
        row(47, "too_many_sheets", 409, true),
        row(48, "blank_moniker", 400, false),
        row(49, "endpoint", 400, false),
        row(50, "new_credit", 422, true),
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
        }
    }
}
