//! What a wallet asks a node before it builds a call.

use diem_client::{
    Client,
    api::{Hash, ValidatorDetail},
};
use diem_core::{Address, Amount};

use super::Failure;

/// The day that is open on the chain, which is not always that of the clock.
pub(super) async fn open_day(client: &Client) -> Result<u64, Failure> {
    Ok(client.today(None).await?.day)
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
