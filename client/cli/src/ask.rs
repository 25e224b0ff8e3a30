//! The questions that a wallet asks a node before it builds a call.

use diem_api::{Clock, Hash, ValidatorDetail};
use diem_client::{Client, ClientError};
use diem_core::{Address, Amount};

use super::Failure;

/// The day that will be open in the next block: the one that is open on the chain, unless that block comes after its
/// end. The node foresees the time of the block; where it cannot, the day of its latest block counts.
pub(super) async fn open_day(client: &Client) -> Result<u64, Failure> {
    let today = client.today(None).await?;
    match client.clock().await {
        Ok(Clock { next_block }) if next_block.time >= today.closes_at.time => Ok(next_block.epoch),
        Ok(_) | Err(ClientError::Refused { .. }) => Ok(today.day),
        Err(error) => Err(error.into()),
    }
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

/// The present state of a validator.
pub(super) async fn validator(client: &Client, operator: &Address) -> Result<ValidatorDetail, Failure> {
    Ok(client.validator(operator, None, false).await?.answer)
}
