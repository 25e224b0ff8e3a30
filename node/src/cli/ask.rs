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

/// The day that will be open in the next block: the one that is open on the chain, unless that block comes after its
/// end. When it comes, a development engine says by the clock of its chain, which may be far from this machine's; any
/// other chain makes blocks all the time, and after a halt the next one has the time of the clock.
pub(super) async fn open_day(client: &Client) -> Result<u64, Failure> {
    let today = client.today(None).await?;
    let next_block = match client.next_block_time().await? {
        Some(time) => Some(time),
        None => after_a_halt(today.time, Time(wall_clock()())),
    };
    let Some(next_block) = next_block.filter(|time| *time >= today.closes_at.time) else { return Ok(today.day) };
    let epoch_ms = NonZeroU64::new(client.params().await?.epoch_ms);
    Ok(epoch_ms.map_or(today.day, |epoch_ms| next_block.epoch(epoch_ms)))
}

/// The time of the next block if the latest one is so old that none are made.
fn after_a_halt(latest_block: Time, now: Time) -> Option<Time> {
    (now.millis().saturating_sub(latest_block.millis()) > FRESH_MS).then_some(now)
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
    fn the_clock_of_this_machine_counts_only_where_no_blocks_are_made() {
        // Blocks come: the chain knows its day, whatever this machine's clock says.
        assert_eq!(after_a_halt(Time(99_000), Time(100_500)), None);
        assert_eq!(after_a_halt(Time(90_000_000), Time(100_500)), None);
        // None came for long: the next one is made now.
        assert_eq!(after_a_halt(Time(50_000), Time(100_000)), Some(Time(100_000)));
    }
}
