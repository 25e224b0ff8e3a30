//! The gas of the calls of credits: each covers the worst case of its call.

use diem_core::gas_of_calls;

use crate::{Msg, stake};

/// The gas for reading, changing and writing one row.
const GAS_PER_ROW: u64 = 2_500;
/// The gas for an account's credit: its rows, its allocations, and on a new day the look-up of each allocation's
/// provider.
const GAS_PER_CREDIT: u64 = 40_000;
/// The gas for a session key's grant.
const GAS_PER_GRANT: u64 = 14_000;
/// The gas for one limit of a grant: its provider is looked up, and it stays for as long as its owner likes.
const GAS_PER_LIMIT: u64 = 4_000;
/// The gas for reading one row of many.
const GAS_PER_LOOK: u64 = 1_500;
/// The gas for judging one voucher, good or bad: a signature, the credit of its account and the grant of its signer.
const GAS_PER_VOUCHER: u64 = 50_000;
/// The gas for a price sheet: each rewrites up to 128 stored models.
const GAS_PER_SHEET: u64 = 131_000;

/// The gas of a call that touches so many rows and the credit of so many accounts.
const fn rows(rows: u64, credits: u64) -> u64 {
    GAS_PER_ROW.saturating_mul(rows).saturating_add(GAS_PER_CREDIT.saturating_mul(credits))
}

/// The gas of looking at all tranches of an account.
const ALL_TRANCHES: u64 = GAS_PER_LOOK / 4 * stake::MAX_TRANCHES as u64;

gas_of_calls!(Msg {
    StakeDiem "stake_diem" = rows(4, 1),
    UnstakeDiem "unstake_diem" = rows(6, 1).saturating_add(ALL_TRANCHES),
    CancelUnstake "cancel_unstake" = rows(5, 1),
    RegisterProvider "register_provider" = rows(4, 0),
    EditProvider "edit_provider" = rows(2, 0),
    AddBond "add_bond" = rows(4, 0),
    PublishPrices "publish_prices" = GAS_PER_SHEET,
    Deregister "deregister" = rows(4, 0),
    ListProvider "list_provider" = rows(4, 0),
    // The consumption of two days is looked up too.
    DelistProvider "delist_provider" = rows(8, 0),
    Allocate "allocate" = rows(2, 1),
    // Four rows now: the grant, the account's keys, the old and the new place in the queue; and three of them again
    // when the queue removes it.
    Grant "grant" = rows(7, 0).saturating_add(GAS_PER_GRANT); GAS_PER_LIMIT => each limits,
    Revoke "revoke" = rows(3, 0).saturating_add(GAS_PER_GRANT),
    SettleVouchers "settle_vouchers" = rows(4, 0); GAS_PER_VOUCHER => each vouchers,
    Spend "spend" = rows(4, 1),
    GiftCredit "gift_credit" = rows(1, 2),
    OfferCredit "offer_credit" = rows(2, 1),
    WithdrawOffer "withdraw_offer" = rows(2, 1),
    BuyCredit "buy_credit" = rows(4, 2),
    CollectTranche "collect_tranche" = rows(4, 0),
});
