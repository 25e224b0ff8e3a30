//! The parameters of bridge, and the bounds that nobody can leave.

use std::ops::RangeInclusive;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{Address, Amount, Denom};
use serde::{Deserialize, Serialize};

use crate::Error;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

const CHECKPOINT_BLOCKS: RangeInclusive<u64> = 1..=100_000;
const SEAL_WAIT_MS: RangeInclusive<u64> = SECOND_MS..=HOUR_MS;
const BATCH_LIFE_MS: RangeInclusive<u64> = 10 * MINUTE_MS..=7 * DAY_MS;
const MAX_OPEN: RangeInclusive<u32> = 1..=1_024;
const SHARE_BPS: RangeInclusive<u16> = 1..=10_000;
const PUNISHMENT_BPS: RangeInclusive<u16> = 500..=10_000;
/// A fee is at most this part of the amount.
const LEAST_FEES_IN_AMOUNT: u128 = 20;

/// The parameters of bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// The distance of checkpoints, in blocks of Base. A change counts from the next one above the last attested.
    #[serde(with = "diem_core::json::number")]
    pub checkpoint_blocks: u64,
    /// The time after which the oldest waiting transfer has a batch sealed, in milliseconds.
    #[serde(with = "diem_core::json::number")]
    pub seal_wait_ms: u64,
    /// The time for which a batch can be executed, in milliseconds; whole seconds, because Base counts those.
    #[serde(with = "diem_core::json::number")]
    pub batch_life_ms: u64,
    /// The least amount of a transfer, in adiem.
    pub min_out: Amount,
    /// The least fee of a transfer, in adiem.
    pub min_fee: Amount,
    /// The most batches that are neither executed nor refunded.
    pub max_open: u32,
    /// The age of the newest validator set at which the next one is made, in milliseconds.
    #[serde(with = "diem_core::json::number")]
    pub set_every_ms: u64,
    /// The least time between two sets, in milliseconds.
    #[serde(with = "diem_core::json::number")]
    pub set_gap_ms: u64,
    /// The capacity of the bucket of transfers to Base, in adiem; 0 closes it.
    pub out_capacity: Amount,
    /// The capacity of the bucket of burns that are paid, in adiem; 0 makes all of them wait a day.
    pub credit_capacity: Amount,
    /// The share of either capacity that one transfer or burn may be, in basis points.
    pub share_bps: u16,
    /// The punishment of a forged signature, in basis points of the stake.
    pub forgery_bps: u16,
    /// The share of statements below which a validator is jailed, in basis points; nobody is, where it is not set.
    pub silence_jail_bps: Option<u16>,
    /// The account that decides until there is governance; the zero address is nobody.
    pub authority: Address,
}

impl Default for Params {
    fn default() -> Self {
        const CAPACITY: Amount = Amount::new(10_000 * Amount::ONE.get());
        Self {
            checkpoint_blocks: 300,
            seal_wait_ms: MINUTE_MS,
            batch_life_ms: DAY_MS,
            min_out: Amount::new(Amount::ONE.get() / 100),
            min_fee: Amount::new(Amount::ONE.get() / 10_000),
            max_open: 256,
            set_every_ms: DAY_MS,
            set_gap_ms: 10 * MINUTE_MS,
            out_capacity: CAPACITY,
            credit_capacity: CAPACITY,
            share_bps: 1_000,
            forgery_bps: 2_000,
            silence_jail_bps: None,
            authority: Address::ZERO,
        }
    }
}

impl Params {
    /// Checks every bound but the one that `prepare` brings, [`Params::check_set_age`].
    ///
    /// # Errors
    /// [`Error::Params`] names the parameter and its bounds.
    pub fn validate(&self) -> Result<(), Error> {
        let fee_bound = self.min_out.get() / LEAST_FEES_IN_AMOUNT;
        let whole_seconds = self.batch_life_ms.is_multiple_of(SECOND_MS);
        let bounds: [(bool, &'static str); 10] = [
            (CHECKPOINT_BLOCKS.contains(&self.checkpoint_blocks), "checkpoint_blocks must be 1 to 100,000"),
            (SEAL_WAIT_MS.contains(&self.seal_wait_ms), "seal_wait_ms must be a second to an hour"),
            (BATCH_LIFE_MS.contains(&self.batch_life_ms), "batch_life_ms must be ten minutes to seven days"),
            (whole_seconds, "batch_life_ms must be whole seconds"),
            (!self.min_fee.is_zero() && self.min_fee.get() <= fee_bound, "min_fee must be above 0, up to min_out / 20"),
            (MAX_OPEN.contains(&self.max_open), "max_open must be 1 to 1,024"),
            (
                self.set_gap_ms >= SECOND_MS && self.set_gap_ms <= self.set_every_ms,
                "set_gap_ms must be a second to set_every_ms",
            ),
            (SHARE_BPS.contains(&self.share_bps), "share_bps must be 1 to 10,000"),
            (PUNISHMENT_BPS.contains(&self.forgery_bps), "forgery_bps must be 500 to 10,000"),
            (
                self.silence_jail_bps.is_none_or(|share| PUNISHMENT_BPS.contains(&share)),
                "silence_jail_bps must be 500 to 10,000, or not set",
            ),
        ];
        match bounds.into_iter().find(|(holds, _)| !holds) {
            Some((_, text)) => Err(Error::Params(text)),
            None => Ok(()),
        }
    }

    /// The parameters in words, as a wallet shows them. The text is consensus, because it is part of what is signed.
    pub(crate) fn text(&self) -> String {
        let diem = |amount: Amount| amount.display(Denom::Diem);
        let jail = self.silence_jail_bps.map_or_else(|| "none".to_owned(), |share| share.to_string());
        format!(
            "checkpoint_blocks {}, seal_wait_ms {}, batch_life_ms {}, min_out {}, min_fee {}, max_open {}, \
             set_every_ms {}, set_gap_ms {}, out_capacity {}, credit_capacity {}, share_bps {}, forgery_bps {}, \
             silence_jail_bps {jail}, authority {}",
            self.checkpoint_blocks,
            self.seal_wait_ms,
            self.batch_life_ms,
            diem(self.min_out),
            diem(self.min_fee),
            self.max_open,
            self.set_every_ms,
            self.set_gap_ms,
            diem(self.out_capacity),
            diem(self.credit_capacity),
            self.share_bps,
            self.forgery_bps,
            self.authority.to_hex(),
        )
    }

    /// Checks that five sets are made in the time for which one lives, in seconds.
    ///
    /// # Errors
    /// [`Error::Params`].
    pub fn check_set_age(&self, max_set_age: u64) -> Result<(), Error> {
        const SETS: u64 = 5;
        if self.set_every_ms.saturating_mul(SETS) <= max_set_age.saturating_mul(SECOND_MS) {
            Ok(())
        } else {
            Err(Error::Params("set_every_ms must be at most a fifth of the contract's maxSetAge"))
        }
    }
}
