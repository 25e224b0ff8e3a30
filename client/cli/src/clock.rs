//! The clock of this machine beside that of a chain.

use diem_api::Status;
use diem_host::clock::{self, WRONG_MS};

/// The name of the engine that makes blocks in real time: the clock of the other one can be moved.
const REAL_TIME: &str = "cometbft";

/// What there is to say where the last block of a node is of another time than this machine shows. A block of long ago shows
/// no more than that one of two things is so.
pub fn doubt(status: &Status) -> Option<String> {
    doubt_at(status, clock::now())
}

fn doubt_at(status: &Status, now: u64) -> Option<String> {
    let head = status.latest.filter(|_| status.engine == REAL_TIME)?;
    let (block, knows_why) = (head.time.millis(), status.trouble.is_some() || status.catching_up != Some(false));
    if block > now {
        return clock::wrong(block, now);
    }
    let age = now.saturating_sub(block);
    (age >= WRONG_MS && !knows_why).then(|| {
        format!(
            "by this machine's clock the last block was {} s ago: the chain stands, or this clock is wrong",
            age / 1_000
        )
    })
}

#[cfg(test)]
mod tests {
    use diem_api::{Hash, Head};
    use diem_core::Time;

    use super::*;

    fn status(engine: &str, block: u64) -> Status {
        let head = Head { height: 9, time: Time(block), hash: Hash([1; 32]), root: Hash([2; 32]) };
        Status {
            chain_id: "diem-1".into(),
            genesis_hash: Hash([3; 32]),
            app_version: 1,
            version: "0.1.0".into(),
            moniker: "node".into(),
            engine: engine.into(),
            engine_version: None,
            latest: Some(head),
            oldest_state_height: None,
            began_at: None,
            first_block: None,
            snapshots: Vec::new(),
            catching_up: Some(false),
            peers: Some(3),
            trouble: None,
            peer: None,
            uptime_seconds: 7,
        }
    }

    #[test]
    fn two_minutes_are_said_in_either_direction() {
        let said = |status: &Status| doubt_at(status, 1_000_000).unwrap_or_default();
        let behind = "this machine's clock is 120 s behind that of the chain: set it";
        assert_eq!(said(&status(REAL_TIME, 1_120_000)), behind);
        let old = status(REAL_TIME, 880_000);
        assert!(said(&old).starts_with("by this machine's clock the last block was 120 s ago: the chain stands, or"));
        // The node knows why no block comes, or its chain's clock is moved at will.
        assert_eq!(said(&Status { catching_up: Some(true), ..old.clone() }), "");
        assert_eq!(said(&Status { trouble: Some("CometBFT is silent".into()), ..old }), "");
        for (engine, block) in [(REAL_TIME, 999_000), ("instant (development)", 880_000)] {
            assert_eq!(said(&status(engine, block)), "");
        }
    }
}
