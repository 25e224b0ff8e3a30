//! What relaying costs now: the last batch that was sent, at the prices of now.

use diem_base::{BaseError, Bridge, Call};
use diem_core::{Amount, Time};
use diem_engine::relay_cost::{KnownCost, RelayCost, RelayCosts};
use diem_host::clock::wall_clock;

/// A batch that was sent.
struct Sent {
    call: Call,
    gas: u64,
    transfers: usize,
}

/// The costs of a relayer.
pub(crate) struct Cost {
    last: Option<Sent>,
    adiem_per_eth: Option<Amount>,
    place: RelayCosts,
}

impl Cost {
    /// Costs that are laid down at this place; nothing is known until a batch is sent.
    pub(crate) fn new(adiem_per_eth: Option<Amount>, place: RelayCosts) -> Self {
        place.lay(KnownCost::NoBatch);
        Self { last: None, adiem_per_eth, place }
    }

    /// A batch of so many transfers was sent by this call and took so much gas.
    pub(crate) fn sent(&mut self, call: Call, gas: u64, transfers: usize) {
        self.last = Some(Sent { call, gas, transfers });
    }

    /// Asks Base for the prices of now, and lays down what the last batch would cost. What cannot be asked holds nothing
    /// up: the last figures stay, with their time.
    pub(crate) async fn look(&self, bridge: &Bridge) {
        let Some(last) = &self.last else { return };
        match self.ask(bridge, last).await {
            Ok(cost) => self.place.lay(KnownCost::Seen(cost)),
            Err(error) => tracing::debug!("what relaying costs is not known: {error}"),
        }
    }

    async fn ask(&self, bridge: &Bridge, last: &Sent) -> Result<RelayCost, BaseError> {
        let narrow = |wei: u128| u64::try_from(wei).unwrap_or(u64::MAX);
        let l1_fee = bridge.base().l1_fee(bridge.address(), last.call.bytes()).await?;
        Ok(RelayCost {
            gas: last.gas,
            transfers: last.transfers as u64,
            gas_price: narrow(bridge.base().gas_price().await?),
            l1_fee: l1_fee.map(narrow),
            adiem_per_eth: self.adiem_per_eth,
            at: Time(wall_clock()()),
        })
    }
}
