//! The errors of credits.

use diem_core::{Address, Amount, MathError, Module as _, Time};

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
    /// The account has allocated nothing to the provider for that day.
    #[error("nothing is allocated to {provider} for that day")]
    NoAllocation {
        /// The provider that was named.
        provider: Address,
    },
    /// The account allocates to as many providers as it may.
    #[error(
        "an account allocates to at most {} providers; one that ended today counts until tomorrow",
        crate::allocations::MAX_ALLOCATIONS
    )]
    TooManyAllocations,
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

diem_core::error_table! {
    Error, crate::Credits::NAME;
    1 math Refused never => Self::Math(_),
    2 zero_amount Malformed never => Self::ZeroAmount,
    3 zero_address Malformed never => Self::ZeroAddress,
    4 no_position Missing retry => Self::NoPosition,
    5 more_than_staked Refused retry => Self::MoreThanStaked { .. },
    6 dust Refused never => Self::Dust,
    7 too_many_tranches Conflict retry => Self::TooManyTranches,
    8 no_tranche Missing never => Self::NoTranche { .. },
    9 no_provider Missing retry => Self::NoProvider { .. },
    10 already_provider Conflict never => Self::AlreadyProvider,
    11 provider_left Conflict never => Self::ProviderLeft { .. },
    12 bond_too_small Refused retry => Self::BondTooSmall { .. },
    13 text Malformed never => Self::Text,
    14 prices Malformed never => Self::Prices(_),
    15 not_authority Forbidden never => Self::NotAuthority,
    16 already_listed Conflict retry => Self::AlreadyListed,
    17 not_listed Conflict retry => Self::NotListed,
    18 no_allocation Missing retry => Self::NoAllocation { .. },
    19 too_many_allocations Conflict retry => Self::TooManyAllocations,
    20 too_little_credit Refused retry => Self::TooLittleCredit { .. },
    21 insufficient_credit Refused retry => Self::InsufficientCredit { .. },
    22 limits Malformed never => Self::Limits,
    23 too_many_keys Conflict retry => Self::TooManyKeys,
    24 own_key Malformed never => Self::OwnKey,
    25 no_grant Missing retry => Self::NoGrant,
    26 grant_expired Conflict never => Self::GrantExpired,
    27 not_today Conflict never => Self::NotToday { .. },
    28 to_oneself Malformed never => Self::ToOneself,
    29 no_offer Missing retry => Self::NoOffer,
    30 more_than_offered Refused retry => Self::MoreThanOffered { .. },
    31 price Refused retry => Self::Price { .. },
    32 reference Malformed never => Self::Reference,
    33 vouchers Malformed never => Self::Vouchers,
    34 voucher_chain Malformed never => Self::VoucherChain,
    35 voucher_provider Forbidden never => Self::VoucherProvider,
    36 voucher_day Conflict never => Self::VoucherDay { .. },
    37 voucher_signature Malformed never => Self::VoucherSignature,
    38 voucher_below Conflict never => Self::VoucherBelow { .. },
    39 param Refused never => Self::Param(_),
    40 genesis Malformed never => Self::Genesis(_),
    41 no_day Missing retry => Self::NoDay { .. },
    42 zero_price Malformed never => Self::ZeroPrice,
    43 voucher_requests Malformed never => Self::VoucherRequests,
    44 not_due Conflict retry => Self::NotDue { .. },
    45 position_too_small Refused retry => Self::PositionTooSmall { .. },
    46 would_leave_dust Refused retry => Self::WouldLeaveDust { .. },
    47 too_many_sheets Conflict retry => Self::TooManySheets,
    48 blank_moniker Malformed never => Self::BlankMoniker,
    49 endpoint Malformed never => Self::Endpoint,
    50 new_credit Refused retry => Self::NewCredit { .. },
    51 too_many_models Conflict retry => Self::TooManyModels,
    52 too_many_limits Conflict retry => Self::TooManyLimits,
}
