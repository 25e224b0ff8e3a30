//! `GET /readyz`: whether this node can serve, and if not, why. It costs no call to the engine.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use diem_api::Ready;
use diem_core::Time;
use diem_engine::{
    Node,
    engine::{EngineError, EngineKind, EngineStatus},
};
use diem_host::critical;
use parking_lot::Mutex;

use super::{Api, Shared, chain::head};

/// The number of blocks in a row that may be missing before a chain with a timer counts as stalled.
const MISSING_BLOCKS: u32 = 20;

/// The moment at which the last block was committed here, by the clock of this process.
pub(crate) struct Pulse(Mutex<Instant>);

impl Pulse {
    /// Follows the commits of a node until it has ended. Must be called on a tokio runtime.
    pub(crate) fn start(node: &Node) -> Arc<Self> {
        let pulse = Arc::new(Self(Mutex::new(Instant::now())));
        let (weak, mut commits) = (Arc::downgrade(&pulse), node.commits.clone());
        critical::spawn_task(async move {
            while commits.changed().await.is_ok() {
                let Some(pulse) = weak.upgrade() else { return };
                *pulse.0.lock() = Instant::now();
            }
        });
        pulse
    }

    fn still(&self) -> Duration {
        self.0.lock().elapsed()
    }
}

/// The facts that readiness is judged by.
struct Seen {
    engine: Result<EngineStatus, EngineError>,
    /// Whether the chain has several validators, so that a node needs peers.
    needs_peers: bool,
    /// The age of the last block by its header, if there is one.
    age: Option<Duration>,
    /// The time since a block was committed here.
    still: Duration,
    /// The longest that `still` may be; `None` where blocks come on demand.
    most: Option<Duration>,
    /// Whether the genesis time lies ahead.
    starts_later: bool,
    /// The event that a node without a block waits for, as text.
    waits_for: String,
}

/// `GET /readyz`: 200 if the node can serve, else 503 with the reasons.
pub(crate) async fn ready(State(api): Shared) -> Response {
    let (node, head) = (&api.node, head(&api));
    let engine = node.engine.status().await;
    let peers = engine.as_ref().ok().and_then(|status| status.peers);
    // On a chain with real time, the time of a header tells its age. The development engine's clock can be moved.
    let real_time = node.engine.kind() == EngineKind::Comet;
    let age = head.map(|head| if real_time { age(head.time) } else { Duration::ZERO });
    let most = node.engine.period().map(|period| longest_pause(period, api.options.stale));
    let (needs_peers, waits_for) = (needs_peers(&api), api.options.waits_for());
    let (starts_later, still) = (api.options.starts_later().is_some(), api.pulse.still());
    let reasons = reasons(&Seen { engine, needs_peers, age, still, most, starts_later, waits_for });
    let body = Ready { ready: reasons.is_empty(), reasons, height: head.map_or(0, |head| head.height), peers };
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

fn longest_pause(period: Duration, least: Duration) -> Duration {
    period.saturating_mul(MISSING_BLOCKS).max(least)
}

fn reasons(seen: &Seen) -> Vec<String> {
    let mut reasons = Vec::new();
    if seen.age.is_none() {
        reasons.push(seen.waits_for.clone());
        if seen.starts_later {
            return reasons;
        }
    }
    match &seen.engine {
        Ok(status) if status.catching_up => {
            reasons.push(format!("catching up: the engine is at height {}", status.latest_height));
        }
        Ok(status) if status.peers == Some(0) && seen.needs_peers => reasons.push("no peers".into()),
        Ok(_) => {}
        Err(error) => reasons.push(error.to_string()),
    }
    let Some(age) = seen.age else { return reasons };
    // After a restart the header is the older of the two; with a wrong clock the other one is right.
    let since = age.max(seen.still);
    if seen.most.is_some_and(|most| since > most) {
        reasons.push(format!("the last block was {} s ago", since.as_secs()));
    }
    reasons
}

/// Whether the node needs peers: a validator that is alone needs nobody.
fn needs_peers(api: &Api) -> bool {
    api.node.app.snapshot(None).is_ok_and(|state| diem_staking::updates::consensus_set(&state).len() > 1)
}

fn age(time: Time) -> Duration {
    let then = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(time.millis()));
    then.and_then(|then| then.elapsed().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_with_a_timer_that_stands_is_not_ready_with_either_engine() {
        let status = EngineStatus { catching_up: false, peers: None, latest_height: 7 };
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let told = |age, still, most| {
            reasons(&Seen {
                engine: Ok(status),
                needs_peers: true,
                age: Some(age),
                still,
                most,
                starts_later: false,
                waits_for: String::new(),
            })
            .join("; ")
        };
        assert_eq!(told(second, second, Some(minute)), "");
        assert_eq!(told(second, 2 * minute, Some(minute)), "the last block was 120 s ago");
        assert_eq!(told(2 * minute, second, Some(minute)), "the last block was 120 s ago", "after a restart");
        assert_eq!(told(2 * minute, 2 * minute, None), "", "on demand");
    }

    #[test]
    fn before_the_first_block_the_first_reason_is_what_the_node_waits_for() {
        let silent = || EngineError::Unavailable("CometBFT is silent for 3 s".into());
        let told = |starts_later| {
            let (second, waits_for) = (Duration::from_secs(1), "it starts later".to_owned());
            let engine = Err(silent());
            reasons(&Seen { engine, needs_peers: true, age: None, still: second, most: None, starts_later, waits_for })
        };
        assert_eq!(told(true), ["it starts later"], "until then CometBFT says nothing");
        assert_eq!(told(false), ["it starts later".to_owned(), silent().to_string()]);
    }

    #[test]
    fn the_pause_that_means_something_grows_with_the_time_of_a_block() {
        let (second, least) = (Duration::from_secs(1), Duration::from_secs(20));
        assert_eq!(longest_pause(second / 10, least), least);
        assert_eq!(longest_pause(3 * second, least), 60 * second);
        assert_eq!(longest_pause(Duration::MAX, least), Duration::MAX);
    }
}
