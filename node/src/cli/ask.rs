//! What a wallet asks a node before it builds a call.

use std::num::NonZeroU64;

use diem_client::{
    Client,
    api::{Hash, ValidatorDetail},
};
use diem_core::{Address, Amount, Time};

use super::Failure;
use crate::instant::wall_clock;

/// A chain whose latest block is older makes no blocks on its own just now.
const FRESH_MS: u64 = 10_000;

/// The day that will be open in the next block: the one that is open on the chain, which is not always that of the
/// clock. Only where no blocks are made (on demand, or after a halt) the next one may open the day of the clock.
pub(super) async fn open_day(client: &Client) -> Result<u64, Failure> {
    let today = client.today(None).await?;
    let now = Time(wall_clock()());
    if is_over(today.time, today.closes_at.time, now)
        && let Some(epoch_ms) = NonZeroU64::new(client.params().await?.epoch_ms)
    {
        return Ok(now.epoch(epoch_ms));
    }
    Ok(today.day)
}

/// Whether the next block, made now, would close the open day.
fn is_over(latest_block: Time, closes_at: Time, now: Time) -> bool {
    now >= closes_at && now.millis().saturating_sub(latest_block.millis()) > FRESH_MS
}

/// The DIEM that the curve gives for a lock now.
pub(super) async fn quote_in(client: &Client, lock: Amount) -> Result<Amount, Failure> {
    Ok(client.quote_lock(lock, None).await?.out.amount)
}

/// The hash of the prices that a provider may charge today.
pub(super) async fn price_sheet(client: &Client, provider: &Address) -> Result<[u8; 32], Failure> {
    let Hash(hash) = client.provider(provider, None, false).await?.prices_hash;
    Ok(hash)
}

/// A validator as it stands.
pub(super) async fn validator(client: &Client, operator: &Address) -> Result<ValidatorDetail, Failure> {
    Ok(client.validator(operator, None, false).await?.answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_counts_only_where_no_blocks_are_made() {
        let closes = Time(100_000);
        // Blocks come: the chain knows its day, whatever this machine's clock says.
        assert!(!is_over(Time(99_000), closes, Time(100_500)));
        assert!(!is_over(Time(101_000), closes, Time(100_500)));
        // None came for long: the next one is made now.
        assert!(is_over(Time(50_000), closes, Time(100_000)));
        assert!(!is_over(Time(50_000), closes, Time(99_999)));
        // A chain whose clock was moved ahead.
        assert!(!is_over(Time(90_000_000), Time(90_010_000), Time(100_500)));
    }
}
