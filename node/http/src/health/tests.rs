#![allow(clippy::unwrap_used)]

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A node with which nothing is wrong.
fn well() -> Seen {
    Seen {
        engine: Ok(EngineStatus { catching_up: false, peers: Some(3), latest_height: 7 }),
        missing_signer: None,
        silent_key: None,
        needs_peers: true,
        age: Some(SECOND),
        wrong_clock: None,
        still: SECOND,
        beats: true,
        most: Some(MINUTE),
        starts_later: false,
        waits_for: "it waits".into(),
        settlement_lag: Some(Duration::ZERO),
        disk: disk_with(5 << 30),
        restoring: None,
        stopping: false,
    }
}

/// A disk with so many bytes free, of which 5 GiB should be.
fn disk_with(free: u64) -> Option<Disk> {
    Some(Disk { free, size: 50 << 30, low: 5 << 30 })
}

/// The names and texts of all reasons.
fn told(seen: &Seen) -> Vec<(&'static str, String)> {
    let verdicts = judge(seen, &ReadyLimits::default());
    verdicts.into_iter().filter_map(|(name, verdict)| Some((name, verdict.reason()?.to_owned()))).collect()
}

fn names(seen: &Seen) -> Vec<&'static str> {
    told(seen).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn each_fault_is_told_by_its_own_check() {
    assert_eq!(names(&well()), [""; 0]);
    let status = |catching_up, peers| Ok(EngineStatus { catching_up, peers: Some(peers), latest_height: 7 });
    let restoring = Some(RestoreProgress { right: 3, wrong: 0, all: 8 });
    for (seen, name, words) in [
        (Seen { stopping: true, ..well() }, "stopping", "stopping"),
        (Seen { restoring, ..well() }, "restoring", "3 of 8 chunks"),
        (Seen { age: Some(2 * MINUTE), ..well() }, "last_block", "120 s ago"),
        (Seen { missing_signer: Some("waiting for the signer".into()), ..well() }, "signer", "waiting for"),
        (Seen { silent_key: Some("this node's key signs nothing".into()), ..well() }, "signer", "signs nothing"),
        (Seen { engine: status(true, 3), ..well() }, "catching_up", "height 7"),
        (Seen { engine: status(false, 0), ..well() }, "no_peers", "no peers"),
        (Seen { settlement_lag: Some(61 * MINUTE), ..well() }, "settlement_late", "3660 s after"),
        (Seen { disk: disk_with(1 << 30), ..well() }, "disk", "1024 MiB, and 5120 MiB"),
    ] {
        let told = told(&seen);
        assert!(told.len() == 1 && told[0].0 == name && told[0].1.contains(words), "{told:?}");
    }
}

#[test]
fn limits_are_settings() {
    let seen = Seen { needs_peers: true, settlement_lag: Some(2 * SECOND), disk: disk_with(9), ..well() };
    let limits = ReadyLimits { last_block: SECOND, peers: 4, settlement: SECOND, disk_bytes: Some(10) };
    let failed = judge(&seen, &limits).into_iter().filter(|(_, verdict)| verdict.passed() == Some(false));
    assert_eq!(failed.map(|(name, _)| name).collect::<Vec<_>>(), ["no_peers", "settlement_late", "disk"]);
    let limits = ReadyLimits { peers: 0, ..ReadyLimits::default() };
    let engine = Ok(EngineStatus { catching_up: false, peers: Some(0), latest_height: 7 });
    assert!(judge(&Seen { engine, ..well() }, &limits).iter().all(|(_, verdict)| verdict.reason().is_none()));
}

#[test]
fn a_chain_with_a_timer_that_stands_is_not_ready_with_either_engine() {
    let status = EngineStatus { catching_up: false, peers: None, latest_height: 7 };
    let told = |age, still, most| {
        let told = told(&Seen { engine: Ok(status), age: Some(age), still, beats: false, most, ..well() });
        told.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(told(SECOND, SECOND, Some(MINUTE)), "");
    assert_eq!(told(SECOND, 2 * MINUTE, Some(MINUTE)), "the last block was 120 s ago");
    assert_eq!(told(2 * MINUTE, SECOND, Some(MINUTE)), "the last block was 120 s ago", "after a restart");
    assert_eq!(told(2 * MINUTE, 2 * MINUTE, None), "", "on demand");
}

#[test]
fn a_clock_that_is_wrong_is_told_as_such_where_blocks_show_that_it_is() {
    let status = |catching_up| Ok(EngineStatus { catching_up, peers: Some(3), latest_height: 7 });
    let off = |age| Seen { age: Some(age), wrong_clock: Some("set it".into()), ..well() };
    // A block of a time that is yet to come shows it, whatever else is so.
    assert_eq!(told(&Seen { still: 2 * MINUTE, beats: false, ..off(Duration::ZERO) })[0].1, "set it");
    // An old one shows it where it has just come, and is not one of those that are fetched.
    assert_eq!(told(&off(2 * MINUTE))[0].1, "set it");
    for seen in [
        Seen { engine: status(true), ..off(2 * MINUTE) },
        Seen { beats: false, ..off(2 * MINUTE) },
        Seen { still: 2 * MINUTE, ..off(2 * MINUTE) },
    ] {
        assert_eq!(told(&seen)[0].1, "the last block was 120 s ago");
    }
}

#[test]
fn a_silent_engine_is_a_reason_unless_it_is_known_what_it_waits_for() {
    let silent = || Err(EngineError::Unavailable("CometBFT is silent for 3 s".into()));
    let unknown = |seen: &Seen| {
        let verdicts = judge(seen, &ReadyLimits::default()).into_iter();
        verdicts.filter(|(_, verdict)| verdict.passed().is_none()).map(|(name, _)| name).collect::<Vec<_>>()
    };
    let asleep = Seen { engine: silent(), ..well() };
    assert_eq!(names(&asleep), ["catching_up", "no_peers"]);
    assert_eq!(unknown(&asleep), ["signer", "catching_up", "no_peers"]);
    let waiting = Seen { engine: silent(), missing_signer: Some("waiting".into()), ..well() };
    assert_eq!(names(&waiting), ["signer"]);
    let early = |starts_later| Seen { engine: silent(), age: None, starts_later, ..well() };
    assert_eq!(told(&early(true)), [("last_block", "it waits".to_owned())], "until then CometBFT says nothing");
    assert_eq!(names(&early(false)), ["last_block", "catching_up", "no_peers"]);
    let unseen = Seen { settlement_lag: None, disk: None, ..well() };
    assert_eq!((names(&unseen).len(), unknown(&unseen)), (0, vec!["settlement_late", "disk"]));
}

#[test]
fn the_pause_that_means_something_grows_with_the_time_of_a_block() {
    let least = Duration::from_secs(20);
    assert_eq!(longest_pause(SECOND / 10, least), least);
    assert_eq!(longest_pause(3 * SECOND, least), 60 * SECOND);
    assert_eq!(longest_pause(Duration::MAX, least), Duration::MAX);
}
