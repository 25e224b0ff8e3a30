//! The last known status of CometBFT, kept by one task that polls it.
//!
//! A caller that asks how this node is doing must not wait for a CometBFT that hangs: the answer is the last status, or
//! since when there was none.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant, SystemTime},
};

use diem_core::Time;
use diem_engine::engine::{ConsensusAddress, EngineError, EngineStatus};
use diem_host::pulse::Pulse;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;

use super::rpc::{Rpc, RpcError};

/// The pause between two polls.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest wait for the answer to one poll.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time without an answer after which CometBFT is silent, and its status unknown.
const SILENT: Duration = Duration::from_secs(5);
/// The time in silence after which every request to CometBFT is refused at once.
const GONE: Duration = Duration::from_secs(15);

/// The status of CometBFT as it was last heard.
pub(super) struct Followed {
    state: Mutex<State>,
}

struct State {
    status: Option<EngineStatus>,
    /// The address of the key that CometBFT signs with.
    address: Option<ConsensusAddress>,
    /// The version of CometBFT.
    version: Option<String>,
    /// The moment of the last answer, or of the start if there never was one.
    heard: Heard,
    /// The error of the last poll.
    reason: String,
}

/// A moment by both clocks: the monotonic one to count from, the wall clock to show.
#[derive(Clone, Copy)]
struct Heard {
    at: Instant,
    shown: Time,
}

impl Heard {
    fn now() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), shown: Time(u64::try_from(now.as_millis()).unwrap_or(u64::MAX)) }
    }
}

impl Followed {
    /// Starts the task, which ends when the value is dropped. Must be called on a tokio runtime.
    pub(super) fn start(rpc: &Rpc) -> Arc<Self> {
        let state = State {
            status: None,
            address: None,
            version: None,
            heard: Heard::now(),
            reason: "it has just been started".into(),
        };
        let followed = Arc::new(Self { state: Mutex::new(state) });
        tokio::spawn(follow(rpc.clone(), Arc::downgrade(&followed)));
        followed
    }

    /// The last status, unless CometBFT is silent.
    pub(super) fn status(&self) -> Result<EngineStatus, EngineError> {
        let state = self.state.lock();
        let silence = state.heard.at.elapsed();
        match state.status {
            Some(status) if silence < SILENT => Ok(status),
            _ => Err(state.unavailable(silence)),
        }
    }

    /// The address of the key that CometBFT signs with, as it said last.
    pub(super) fn address(&self) -> Option<ConsensusAddress> {
        self.state.lock().address
    }

    /// The version of CometBFT, as it said last.
    pub(super) fn version(&self) -> Option<String> {
        self.state.lock().version.clone()
    }

    /// Refuses at once if CometBFT has been silent for so long that it would not answer.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let state = self.state.lock();
        let silence = state.heard.at.elapsed();
        if state.status.is_some() && silence >= GONE { Err(state.unavailable(silence)) } else { Ok(()) }
    }

    /// Records an answer that CometBFT gave.
    pub(super) fn heard(&self, status: EngineStatus) {
        let mut state = self.state.lock();
        state.heard = Heard::now();
        // A poll that began before a header was read may end after it, so the height never goes down.
        let known = state.status.map_or(0, |known| known.latest_height);
        state.status = Some(EngineStatus { latest_height: status.latest_height.max(known), ..status });
    }

    /// Records that CometBFT has shown the header of this height, and so has that block.
    pub(super) fn has(&self, height: u64) {
        if let Some(status) = &mut self.state.lock().status {
            status.latest_height = status.latest_height.max(height);
        }
    }

    fn failed(&self, error: &RpcError) {
        self.state.lock().reason = error.to_string();
    }
}

impl State {
    fn unavailable(&self, silence: Duration) -> EngineError {
        let (seconds, since) = (silence.as_secs(), self.heard.shown);
        EngineError::Unavailable(format!("CometBFT is silent for {seconds} s, since {since}: {}", self.reason))
    }
}

async fn follow(rpc: Rpc, followed: Weak<Followed>) {
    let mut pulse = None;
    loop {
        let looked = look(&rpc, PATIENCE).await;
        let Some(followed) = followed.upgrade() else { return };
        beat(&mut pulse, &looked);
        match looked {
            Ok(Looked { status, address, version }) => {
                followed.heard(status);
                let mut state = followed.state.lock();
                (state.address, state.version) = (address, Some(version));
            }
            Err(error) => followed.failed(&error),
        }
        drop(followed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// What CometBFT says of itself.
pub(super) struct Looked {
    pub(super) status: EngineStatus,
    /// The address of the key that it signs with.
    address: Option<ConsensusAddress>,
    /// Its version.
    version: String,
}

/// Keeps the pulse of CometBFT. It begins with the first answer, beats with each, and is still while there is none from a
/// process that takes connections. One that refuses them has ended or is starting, which its supervisor looks after.
fn beat(pulse: &mut Option<Pulse>, looked: &Result<Looked, RpcError>) {
    match looked {
        Ok(_) => pulse.get_or_insert_with(|| Pulse::start("CometBFT")).beat(),
        Err(RpcError::Unreachable(_)) => *pulse = None,
        Err(RpcError::Silent(_) | RpcError::Garbled(_) | RpcError::Refused(_)) => {}
    }
}

/// Asks CometBFT for its status.
pub(super) async fn look(rpc: &Rpc, patience: Duration) -> Result<Looked, RpcError> {
    #[derive(Deserialize)]
    struct Status {
        node_info: NodeInfo,
        sync_info: SyncInfo,
        validator_info: ValidatorInfo,
    }
    #[derive(Deserialize)]
    struct NodeInfo {
        version: String,
    }
    #[derive(Deserialize)]
    struct ValidatorInfo {
        address: String,
    }
    #[derive(Deserialize)]
    struct SyncInfo {
        latest_block_height: String,
        catching_up: bool,
    }
    #[derive(Deserialize)]
    struct NetInfo {
        n_peers: String,
    }
    let (status, net) = tokio::try_join!(
        rpc.call::<Status>("status", json!({}), patience),
        rpc.call::<NetInfo>("net_info", json!({}), patience),
    )?;
    let sync = status.sync_info;
    let latest_height = sync
        .latest_block_height
        .parse()
        .map_err(|_| RpcError::Garbled(format!("height `{}`", sync.latest_block_height)))?;
    let mut address = ConsensusAddress::default();
    let decoded = hex::decode_to_slice(&status.validator_info.address, &mut address);
    Ok(Looked {
        status: EngineStatus { catching_up: sync.catching_up, peers: net.n_peers.parse().ok(), latest_height },
        address: decoded.is_ok().then_some(address),
        version: status.node_info.version,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn followed(status: Option<EngineStatus>, silence: Duration) -> Followed {
        let at = Instant::now().checked_sub(silence).unwrap();
        let heard = Heard { at, shown: Time(1_000) };
        let reason = "no answer within 2 s".into();
        Followed { state: Mutex::new(State { status, address: None, version: None, heard, reason }) }
    }

    const STATUS: EngineStatus = EngineStatus { catching_up: false, peers: Some(3), latest_height: 7 };

    #[test]
    fn a_silent_engine_is_told_with_the_time_since_which_it_is() {
        assert_eq!(followed(Some(STATUS), Duration::from_secs(1)).status(), Ok(STATUS));
        for status in [None, Some(STATUS)] {
            let error = followed(status, Duration::from_secs(12)).status().unwrap_err().to_string();
            assert!(error.contains("silent for 12 s, since 1970-01-01T00:00:01"), "{error}");
            assert!(error.contains("no answer within 2 s"), "{error}");
        }
        followed(Some(STATUS), Duration::from_secs(12)).check().unwrap();
        followed(Some(STATUS), Duration::from_secs(60)).check().unwrap_err();
        // A CometBFT that is starting gets time.
        followed(None, Duration::from_secs(60)).check().unwrap();
    }

    #[test]
    fn a_header_that_was_shown_counts_at_once() {
        let followed = followed(Some(STATUS), Duration::ZERO);
        followed.has(9);
        assert_eq!(followed.status().unwrap().latest_height, 9);
        followed.heard(STATUS);
        assert_eq!(followed.status().unwrap().latest_height, 9);
    }
}
