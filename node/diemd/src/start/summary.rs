//! Log lines that say how the node stands: one every ten seconds and at each change, and more often while it catches up.
//! What they say does not grow with the number of blocks: each block is a line at the level debug.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_engine::{EngineKind, Node, engine::ConsensusAddress};
use diem_host::clock;
use diem_staking::{
    operator_of,
    query::{self, Standing},
};

/// The interval at which the node is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The interval between lines of a node that is in step with the chain.
const EVERY: Duration = Duration::from_secs(10);
/// The interval between lines of one that catches up.
const BEHIND: Duration = Duration::from_secs(5);

/// Says how the node stands until `stop` completes; `own` is the address of the validator key in its home.
pub(super) async fn tell(node: Arc<Node>, own: Option<ConsensusAddress>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut cadence = Cadence::new(facts(&node, own).await);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        if let Some(line) = cadence.look(Instant::now(), facts(&node, own).await) {
            line.say();
        }
    }
}

/// What is so at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    /// The committed height; 0 before the first.
    height: u64,
    /// The height of the snapshot with which this node began; 0 where it executed all blocks.
    began_at: u64,
    /// The transactions in blocks since the node started.
    txs: u64,
    /// The time of the last block and that of this machine, in milliseconds since 1970.
    block_ms: u64,
    now_ms: u64,
    /// Whether these two run alike: the clock of the development engine can be moved.
    real_time: bool,
    peers: Option<u32>,
    /// Whether the engine fetches old blocks; `None` while it does not answer.
    catching_up: Option<bool>,
    own: Option<Own>,
}

/// How this node's own validator stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Own {
    standing: Standing,
    missed: u32,
    may_miss: u32,
}

async fn facts(node: &Node, own: Option<ConsensusAddress>) -> Facts {
    let status = node.engine.status().await.ok();
    let state = node.app.snapshot(None).ok().filter(|state| state.height() > 0);
    let address = own.or_else(|| node.engine.signs_as());
    let own = state.as_ref().zip(address).and_then(|(state, address)| {
        let view = query::validator(&state.context(), &operator_of(state, &address)?).ok()?;
        Some(Own { standing: view.standing, missed: view.missed, may_miss: view.may_miss })
    });
    Facts {
        height: state.as_ref().map_or(0, |state| state.height()),
        began_at: node.app.began_at().unwrap_or_default(),
        txs: node.metrics.txs(),
        block_ms: state.as_ref().map_or(0, |state| state.time_ms()),
        now_ms: clock::now(),
        real_time: node.engine.kind() == EngineKind::Comet,
        peers: status.and_then(|status| status.peers),
        catching_up: status.map(|status| status.catching_up),
        own,
    }
}

/// What is a change of state when it becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    stage: Stage,
    has_peers: Option<bool>,
    standing: Option<Standing>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no block yet.
    Waiting,
    InStep,
    Behind,
    /// The engine does not answer.
    Silent,
}

/// When to say a line, and of what.
struct Cadence {
    last: Facts,
    /// What the last line said, and when.
    said: Facts,
    at: Instant,
    state: Option<State>,
    /// Whether the last line said that blocks are being missed.
    misses: bool,
}

impl Cadence {
    fn new(facts: Facts) -> Self {
        Self { last: facts, said: facts, at: Instant::now(), state: None, misses: false }
    }

    /// The line that is due at this moment.
    fn look(&mut self, now: Instant, facts: Facts) -> Option<Line> {
        let grew = facts.height > self.last.height;
        self.last = facts;
        let stage = match facts.catching_up {
            _ if facts.height == 0 => Stage::Waiting,
            Some(true) => Stage::Behind,
            Some(false) => Stage::InStep,
            // At its start CometBFT has the application execute what it has already, and answers nobody.
            None if grew => Stage::Behind,
            None => Stage::Silent,
        };
        let standing = facts.own.map(|own| own.standing);
        let state = State { stage, has_peers: facts.peers.map(|peers| peers > 0), standing };
        let took = now.saturating_duration_since(self.at);
        let misses = facts.own.zip(self.said.own).is_some_and(|(own, said)| own.missed > said.missed);
        let is_due = took >= if stage == Stage::Behind { BEHIND } else { EVERY };
        let changed = self.state.is_some_and(|before| before != state) || (misses && !self.misses);
        self.state.get_or_insert(state);
        if !is_due && !changed {
            return None;
        }
        let line = Line::of(&facts, &self.said, stage, took);
        (self.said, self.at, self.state, self.misses) = (facts, now, Some(state), misses);
        Some(line)
    }
}

/// A line of the log.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    facts: Facts,
    stage: Stage,
    /// The blocks and transactions since the line before.
    blocks: u64,
    txs: u64,
    /// Tenths of blocks a second.
    pace: u64,
    /// The time in which this node has caught up, if it goes on like this, in milliseconds.
    left: Option<u64>,
}

impl Line {
    fn of(facts: &Facts, before: &Facts, stage: Stage, took: Duration) -> Self {
        // The blocks below a snapshot were executed by others.
        let blocks = facts.height.saturating_sub(before.height.max(facts.began_at));
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // In this time it has executed so much time of the chain, and the chain itself has gone on as well.
        let executed = if before.height == 0 { 0 } else { facts.block_ms.saturating_sub(before.block_ms) };
        let age = facts.now_ms.saturating_sub(facts.block_ms);
        let left = age.saturating_mul(took).checked_div(executed.saturating_sub(took));
        let pace = blocks.saturating_mul(10_000).checked_div(took).unwrap_or_default();
        Self { facts: *facts, stage, blocks, txs: facts.txs.saturating_sub(before.txs), pace, left }
    }

    fn say(&self) {
        let Facts { height, peers, own, .. } = self.facts;
        let (missed, may_miss) = (own.map(|own| own.missed), own.map(|own| own.may_miss));
        tracing::info!(height, blocks = self.blocks, txs = self.txs, peers, missed, may_miss, "{self}");
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage {
            Stage::Waiting => f.write_str("no block is committed yet")?,
            Stage::InStep => f.write_str("in step with the chain")?,
            Stage::Silent => f.write_str("the engine does not answer")?,
            Stage::Behind => {
                write!(f, "behind: {}.{} blocks/s", self.pace / 10, self.pace % 10)?;
                match self.left {
                    Some(left) => write!(f, ", {} left", span(left))?,
                    None => f.write_str(", the time left is not known yet")?,
                }
            }
        }
        match self.facts.own.map(|own| own.standing) {
            Some(Standing::Jailed) => f.write_str("; its validator is jailed")?,
            Some(Standing::Tombstoned) => f.write_str("; its validator is out for ever")?,
            Some(Standing::Waiting) => f.write_str("; its validator has too little stake to make blocks")?,
            Some(Standing::Active) | None => {}
        }
        // Only a block that has just come shows what time it is.
        let comes = self.stage == Stage::InStep && self.blocks > 0 && self.facts.real_time;
        match clock::wrong(self.facts.block_ms, self.facts.now_ms).filter(|_| comes) {
            Some(wrong) => write!(f, "; {wrong}"),
            None => Ok(()),
        }
    }
}

/// A length of time for people, roughly.
fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use super::*;

    const OWN: Own = Own { standing: Standing::Active, missed: 0, may_miss: 50 };
    const START: Facts = Facts {
        height: 1_000,
        began_at: 0,
        txs: 0,
        block_ms: 1_790_000_000_000,
        now_ms: 1_790_000_000_000,
        real_time: true,
        peers: Some(3),
        catching_up: Some(false),
        own: Some(OWN),
    };

    /// The seconds at which lines are said, and the lines, when the node is looked at every second in these states.
    fn lines(seconds: u64, facts: impl Fn(u64) -> Facts) -> Vec<(u64, String)> {
        let mut cadence = Cadence::new(facts(0));
        let begin = cadence.at;
        let look = |second| {
            let line = cadence.look(begin + Duration::from_secs(second), facts(second))?;
            Some((second, line.to_string()))
        };
        (1..=seconds).filter_map(look).collect()
    }

    /// A node that makes a block of two transactions a second.
    fn at(second: u64) -> Facts {
        let block_ms = START.block_ms + second * 1_000;
        Facts { height: START.height + second, txs: 2 * second, block_ms, now_ms: block_ms, ..START }
    }

    #[test]
    fn a_day_takes_a_line_every_ten_seconds_and_no_line_grows() {
        const DAY: u64 = 86_400;
        for facts in [at as fn(u64) -> Facts, |second| Facts { now_ms: at(second).now_ms, ..START }] {
            let said = lines(DAY, facts);
            assert_eq!(said.len() as u64, DAY / 10);
            assert!(said.iter().all(|(second, line)| second % 10 == 0 && line.len() < 100), "{:?}", said.first());
        }
    }

    #[test]
    fn a_change_of_state_is_said_at_once() {
        let jailed = Own { standing: Standing::Jailed, ..OWN };
        let said = lines(40, |second| match second {
            0..13 => at(second),
            13..17 => Facts { peers: Some(0), ..at(second) },
            17..19 => Facts { catching_up: None, height: 1_100, ..at(second) },
            _ => Facts { own: Some(jailed), height: 1_100, ..at(second) },
        });
        let seconds: Vec<u64> = said.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [10, 13, 17, 18, 19, 29, 39]);
        // Blocks that came while it did not answer were executed; then nothing moves.
        assert!(said[2].1.starts_with("behind: ") && said[3].1 == "the engine does not answer", "{said:?}");
        assert_eq!(said[4].1, "in step with the chain; its validator is jailed");
    }

    #[test]
    fn a_clock_that_is_wrong_is_said_while_blocks_come() {
        let off = |second| Facts { now_ms: at(second).now_ms + 120_000, ..at(second) };
        let sentence = "in step with the chain; this machine's clock is 120 s ahead of that of the chain: set it";
        assert_eq!(lines(10, off), [(10, sentence.to_owned())]);
        let stands = |second| Facts { now_ms: START.now_ms + 120_000 + 1_000 * second, ..START };
        let moved = |second| Facts { real_time: false, ..off(second) };
        for said in [lines(10, stands), lines(10, moved)] {
            assert_eq!(said, [(10, "in step with the chain".to_owned())]);
        }
    }

    #[test]
    fn blocks_that_are_missed_are_said_when_that_begins_and_then_no_more_often_than_anything() {
        let said = lines(60, |second| {
            let missed = u32::try_from(second.clamp(14, 45) - 14).unwrap();
            Facts { own: Some(Own { missed, ..OWN }), ..at(second) }
        });
        let seconds: Vec<u64> = said.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [10, 15, 25, 35, 45, 55]);
    }

    #[test]
    fn a_node_that_catches_up_says_how_fast_and_how_long() {
        // An hour behind, it executes eleven seconds of the chain in one.
        let facts = |second: u64| {
            let now_ms = START.now_ms + 3_600_000 + second * 1_000;
            let (height, block_ms) = (1_000 + 11 * second, START.block_ms + 11_000 * second);
            Facts { height, block_ms, now_ms, catching_up: Some(true), ..START }
        };
        let said = lines(11, facts);
        assert_eq!(said[0], (5, "behind: 11.0 blocks/s, 5 min left".into()));
        assert_eq!(said[1].0, 10);
        // One that is slower than the chain does not know when.
        let slow = lines(5, |second| Facts {
            catching_up: Some(true),
            now_ms: START.now_ms + 2_000 * second,
            ..at(second / 2)
        });
        assert_eq!(slow[0].1, "behind: 0.4 blocks/s, the time left is not known yet");
        assert_eq!([span(59_999), span(7_199_000), span(90_000_000)], ["59 s", "119 min", "25 h"]);
    }
}
