//! How the bridge stands by the chain's own state, for the rules of whoever wants to be called. Every node shows it, also
//! one without a bridge key, without a watcher and without a relayer.

use std::{sync::Arc, time::Duration};

use diem_bridge::{
    OutboundKind, attesting, booking,
    inbound::{self, applied, attested},
    query,
    state::{contract, open_batches, stored_set},
};
use diem_core::{BlockInfo, QueryContext, StateRead, Time};
use diem_runtime::App;
use tokio::sync::watch;

use crate::Metrics;

/// The least time from one look to the next: the rules count in minutes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const SECOND_MS: u64 = 1_000;

/// How the bridge stands. All ages are by the clock of the chain, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Health {
    /// The number of the newest block of Base that was attested; `None` before the first.
    pub(crate) attested: Option<u64>,
    /// The age of that block; before the first, that of the set that is installed on Base.
    pub(crate) attested_age: u64,
    /// The age of the set that is installed on Base, as far as the chain has followed it.
    pub(crate) set_age: u64,
    /// The age above which Base mints nothing with a set.
    pub(crate) max_set_age: u64,
    /// The blocks of Base of which validators have stated different contents and whose statements still count.
    pub(crate) disputed: usize,
    /// The time since the oldest open batch was sealed that enough validators have signed; 0 without one.
    pub(crate) batch_age: u64,
    /// Whether a breach has halted the bridge.
    pub(crate) is_halted: bool,
}

/// Shows in the metrics how the bridge stands, after commits, until the node ends.
///
/// # Errors
/// None: it reads committed state alone.
pub async fn show_health(
    app: Arc<App>,
    metrics: Arc<Metrics>,
    mut commits: watch::Receiver<u64>,
) -> Result<(), String> {
    loop {
        commits.mark_unchanged();
        let (shared, shown) = (Arc::clone(&app), Arc::clone(&metrics));
        let look = move || {
            let state = shared.store().latest();
            if let Some(health) = health(&state, Time(state.time_ms())) {
                shown.health(&health);
            }
        };
        tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?;
        tokio::time::sleep(LOOK_EVERY).await;
        if commits.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// How the bridge stands at this time of the chain; `None` until it is at work.
pub(crate) fn health(state: &dyn StateRead, now: Time) -> Option<Health> {
    let contract = contract(state).filter(|contract| contract.is_ready)?;
    let now_s = now.millis() / SECOND_MS;
    let set = applied(state).set;
    let created_at = stored_set(state, set).map_or(now_s, |stored| stored.created_at);
    let last = attested(state).last;
    let signed = open_batches(state).into_iter();
    let signed = signed.filter(|(nonce, _)| booking::has_quorum(state, OutboundKind::Batch, *nonce, set));
    let sealed_at = signed.map(|(_, batch)| batch.sealed_at.millis()).min();
    Some(Health {
        attested: last.map(|last| last.number),
        attested_age: now_s.saturating_sub(last.map_or(created_at, |last| last.timestamp)),
        set_age: now_s.saturating_sub(created_at),
        max_set_age: contract.max_set_age,
        disputed: disputed(state),
        batch_age: sealed_at.map_or(0, |sealed_at| now.millis().saturating_sub(sealed_at) / SECOND_MS),
        is_halted: inbound::halt(state).is_some(),
    })
}

/// The number of blocks of Base with statements of different contents.
fn disputed(state: &dyn StateRead) -> usize {
    let recent = attesting::recent(state).into_iter().map(|block| block.number);
    let numbers = attesting::named(state).into_iter().chain(recent);
    let ctx = QueryContext { state, block: BlockInfo::default() };
    let differs = |number: &u64| {
        let mut contents = query::attestations(&ctx, *number).into_iter().map(|(_, stated)| stated.checkpoint);
        let first = contents.next();
        contents.any(|content| Some(content) != first)
    };
    numbers.filter(differs).count()
}
