//! The health of a node: what its checks find, and the figures of a moment for a scrape of the metrics. Nothing here
//! waits for the engine.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use diem_core::{QueryContext, Time, context::ConsensusAddress};
use diem_credits as credits;
use diem_engine::{
    Node,
    engine::{EngineError, EngineKind, EngineStatus},
    metrics::{Disk, Moment, OwnValidator},
};
use diem_host::{
    clock::{self, wall_clock},
    critical,
};
use diem_runtime::snapshots::RestoreProgress;
use diem_staking as staking;
use diem_store::Snapshot;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Options;

/// The number of blocks in a row that may be missing before a chain with a timer counts as stalled.
const MISSING_BLOCKS: u32 = 20;
/// The time since the last scrape up to which somebody counts as reading the metrics.
const REGULAR: Duration = Duration::from_secs(120);
/// The longest that a node which ends waits for one more scrape.
const LAST_SCRAPE: Duration = Duration::from_secs(60);
/// The number of avvv in a VVV.
const VVV: f64 = 1e18;

/// The limits of the checks of `/readyz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyLimits {
    /// The time without a block after which a chain whose blocks come by themselves is not ready; it is longer where
    /// blocks are slow: see `MISSING_BLOCKS`. In 20 s CometBFT gives up on three absent proposers one after the other,
    /// at the 5 s that a round takes without one, so that a pause of this length is more than somebody's restart.
    pub last_block: Duration,
    /// The least number of peers, where the node needs any.
    pub peers: u32,
    /// The longest that a day may be unsettled after it could have been settled.
    pub settlement: Duration,
    /// The least room on the disk, in bytes; `None`: that below which the disk is low.
    pub disk_bytes: Option<u64>,
}

impl Default for ReadyLimits {
    fn default() -> Self {
        let (last_block, settlement) = (Duration::from_secs(20), Duration::from_secs(3_600));
        Self { last_block, peers: 1, settlement, disk_bytes: None }
    }
}

/// The checks of `/readyz` in the order in which their reasons are told: what explains others comes first.
pub const CHECKS: [&str; 8] =
    ["stopping", "restoring", "last_block", "signer", "catching_up", "no_peers", "settlement_late", "disk"];

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is passed.
    Ok,
    /// It is not passed; the text says why.
    Not(String),
    /// The node cannot tell; a text says why that alone is a reason not to be ready.
    Unknown(Option<String>),
}

impl Verdict {
    /// Whether the check is passed, where that is known.
    pub(crate) const fn passed(&self) -> Option<bool> {
        match self {
            Self::Ok => Some(true),
            Self::Not(_) => Some(false),
            Self::Unknown(_) => None,
        }
    }

    /// The reason against being ready, if there is one.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Not(text) | Self::Unknown(Some(text)) => Some(text),
            Self::Ok | Self::Unknown(None) => None,
        }
    }

    /// Not passed for this reason, or passed without one.
    fn of(reason: Option<String>) -> Self {
        reason.map_or(Self::Ok, Self::Not)
    }
}

/// What a node commits while its process runs.
struct Pulse {
    /// The moment of the last commit, or of the start, by the clock of this process.
    last: Mutex<Instant>,
    /// Whether there was a commit.
    beats: AtomicBool,
}

impl Pulse {
    /// Follows the commits of a node until it has ended. Must be called on a tokio runtime.
    fn start(node: &Node) -> Arc<Self> {
        let pulse = Arc::new(Self { last: Mutex::new(Instant::now()), beats: AtomicBool::new(false) });
        let (weak, mut commits) = (Arc::downgrade(&pulse), node.commits.clone());
        critical::spawn_task(async move {
            while commits.changed().await.is_ok() {
                let Some(pulse) = weak.upgrade() else { return };
                *pulse.last.lock() = Instant::now();
                pulse.beats.store(true, Ordering::Relaxed);
            }
        });
        pulse
    }

    fn still(&self) -> Duration {
        self.last.lock().elapsed()
    }
}

/// The health of a node, as its API and the server of its metrics ask for it.
pub struct Health {
    pub(crate) node: Arc<Node>,
    options: Options,
    pulse: Arc<Pulse>,
    stopping: AtomicBool,
    /// Whether the metrics know this node's own validator key.
    watched: AtomicBool,
    /// The moment of the last scrape of the metrics.
    scraped: watch::Sender<Option<Instant>>,
}

impl Health {
    /// Begins to follow a node. Must be called on a tokio runtime.
    pub fn start(node: Arc<Node>, options: &Options) -> Arc<Self> {
        let pulse = Pulse::start(&node);
        let (stopping, watched) = (AtomicBool::default(), AtomicBool::default());
        let scraped = watch::Sender::new(None);
        Arc::new(Self { node, options: options.clone(), pulse, stopping, watched, scraped })
    }

    /// The node whose health this is.
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Says that the node is about to stop: from now on it is not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Remembers that the metrics were read.
    pub(crate) fn scraped(&self) {
        self.scraped.send_replace(Some(Instant::now()));
    }

    /// Waits until the metrics were read once more, a minute at the longest and not at all where nobody reads them: what
    /// ends the node is seen by an alert only if a scrape comes after it.
    pub async fn last_scrape(&self) {
        let mut scrapes = self.scraped.subscribe();
        let is_read = scrapes.borrow_and_update().is_some_and(|last| last.elapsed() < REGULAR);
        if is_read {
            // It is over too when the time is.
            let _ = tokio::time::timeout(LAST_SCRAPE, scrapes.changed()).await;
        }
    }

    /// Runs all checks, in the order of [`CHECKS`], and tells what the engine said last.
    pub(crate) async fn check(&self) -> (Vec<(&'static str, Verdict)>, Option<EngineStatus>) {
        let seen = self.see().await;
        (judge(&seen, &self.options.ready), seen.engine.ok())
    }

    /// The time of the last committed block, if there is one.
    fn head_time(&self) -> Option<Time> {
        self.node.app.store().meta().map(|meta| Time(meta.time_ms))
    }

    async fn see(&self) -> Seen {
        let node = &self.node;
        let engine = node.engine.status().await;
        // On a chain with real time, the time of a header tells its age. The development engine's clock can be moved.
        let real_time = node.engine.kind() == EngineKind::Comet;
        let (now, head) = (clock::now(), self.head_time().map(Time::millis));
        let age = |time: u64| Duration::from_millis(if real_time { now.saturating_sub(time) } else { 0 });
        let state = self.state();
        Seen {
            engine,
            missing_signer: node.engine.missing_signer(),
            silent_key: node.engine.silent_key(),
            needs_peers: state.as_ref().is_some_and(|state| staking::updates::consensus_set(state).len() > 1),
            age: head.map(age),
            wrong_clock: head.filter(|_| real_time).and_then(|time| clock::wrong(time, now)),
            still: self.pulse.still(),
            beats: self.pulse.beats.load(Ordering::Relaxed),
            most: node.engine.period().map(|period| longest_pause(period, self.options.ready.last_block)),
            starts_later: self.options.starts_later().is_some(),
            waits_for: self.options.waits_for(),
            settlement_lag: state.as_ref().map(|state| settlement(&state.context(), self.now(state)).0),
            disk: node.metrics.last_disk(),
            restoring: node.app.restoring(),
            stopping: self.stopping.load(Ordering::Relaxed),
        }
    }

    /// The latest state, unless nothing is committed.
    fn state(&self) -> Option<Snapshot> {
        self.node.app.snapshot(None).ok().filter(|state| state.meta().is_some())
    }

    /// The time by which days are late: that of this machine, or of the chain where its clock can be moved.
    fn now(&self, state: &Snapshot) -> Time {
        match self.node.engine.kind() {
            EngineKind::Comet => Time(wall_clock()()),
            EngineKind::Instant => Time(state.time_ms()),
        }
    }

    /// The figures of this moment, as far as the node knows them.
    pub(crate) async fn moment(&self) -> Moment {
        let (checks, status) = self.check().await;
        let checks = checks.into_iter().map(|(name, verdict)| (name, verdict.passed())).collect();
        let moment = Moment { checks, peers: status.and_then(|status| status.peers), ..Moment::default() };
        let address = self.validator();
        let Some(state) = self.state() else { return moment };
        let context = state.context();
        let (lag, unsettled) = settlement(&context, self.now(&state));
        Moment {
            validators: Some(staking::updates::consensus_set(&state).len() as u64),
            own: address.and_then(|address| own(&context, &address)),
            settlement_lag: Some(lag),
            unsettled_vvv: Some(unsettled),
            cache_bytes: Some(state.cache_bytes() as u64),
            tree_bytes: Some(state.tree_bytes() as u64),
            ..moment
        }
    }

    /// The address of this node's own validator key: that of its home, or what its remote signer has told. The metrics
    /// are told of it once.
    fn validator(&self) -> Option<ConsensusAddress> {
        let address = self.options.validator.or_else(|| self.node.engine.signs_as())?;
        if !self.watched.swap(true, Ordering::Relaxed) {
            self.node.metrics.watch_validator(address, self.node.app.index().signed(&address).in_commits);
        }
        Some(address)
    }
}

/// The facts that readiness is judged by.
struct Seen {
    engine: Result<EngineStatus, EngineError>,
    /// The remote signer that is missing, as text.
    missing_signer: Option<String>,
    /// Why this node's key signs nothing, as text.
    silent_key: Option<String>,
    /// Whether the chain has several validators, so that a node needs peers: a validator that is alone needs nobody.
    needs_peers: bool,
    /// The age of the last block by its header, if there is one; 0 where its time is yet to come.
    age: Option<Duration>,
    /// What is wrong with the clock of this machine if the last block has just come, as text.
    wrong_clock: Option<String>,
    /// The time since a block was committed here, or since the start.
    still: Duration,
    /// Whether a block was committed here since the start.
    beats: bool,
    /// The longest that `still` may be; `None` where blocks come on demand.
    most: Option<Duration>,
    /// Whether the genesis time lies ahead.
    starts_later: bool,
    /// The event that a node without a block waits for, as text.
    waits_for: String,
    /// The time since the oldest unsettled day could have been settled.
    settlement_lag: Option<Duration>,
    disk: Option<Disk>,
    restoring: Option<RestoreProgress>,
    stopping: bool,
}

fn judge(seen: &Seen, limits: &ReadyLimits) -> Vec<(&'static str, Verdict)> {
    let verdicts = [
        Verdict::of(seen.stopping.then(|| "the node is stopping".into())),
        restoring(seen),
        last_block(seen),
        signer(seen),
        of_engine(seen, |status| {
            status.catching_up.then(|| format!("catching up: the engine is at height {}", status.latest_height))
        }),
        of_engine(seen, |status| few_peers(status, seen.needs_peers, limits.peers)),
        settlement_late(seen, limits.settlement),
        disk(seen, limits.disk_bytes),
    ];
    CHECKS.into_iter().zip(verdicts).collect()
}

fn restoring(seen: &Seen) -> Verdict {
    let told = |RestoreProgress { right, all, .. }| format!("restoring a snapshot: {right} of {all} chunks are there");
    Verdict::of(seen.restoring.map(told))
}

fn last_block(seen: &Seen) -> Verdict {
    let Some(age) = seen.age else { return Verdict::Not(seen.waits_for.clone()) };
    // Nobody makes a block of a time that is yet to come, and whoever has all blocks gets none of long ago. With such a clock
    // nothing here can tell whether blocks come.
    let in_step = seen.beats && seen.engine.as_ref().is_ok_and(|status| !status.catching_up);
    let comes = in_step && seen.most.is_none_or(|most| seen.still <= most);
    if let Some(wrong) = seen.wrong_clock.as_ref().filter(|_| age.is_zero() || comes) {
        return Verdict::Not(wrong.clone());
    }
    // After a restart the header is the older of the two.
    let since = age.max(seen.still);
    let is_late = seen.most.is_some_and(|most| since > most);
    Verdict::of(is_late.then(|| format!("the last block was {} s ago", since.as_secs())))
}

fn signer(seen: &Seen) -> Verdict {
    match (seen.missing_signer.as_ref().or(seen.silent_key.as_ref()), &seen.engine) {
        (Some(text), _) => Verdict::Not(text.clone()),
        (None, Ok(_)) => Verdict::Ok,
        (None, Err(_)) => Verdict::Unknown(None),
    }
}

/// Judges by what the engine said. One that says nothing is itself a reason, unless it is known what it waits for.
fn of_engine(seen: &Seen, reason: impl FnOnce(&EngineStatus) -> Option<String>) -> Verdict {
    let is_explained = seen.missing_signer.is_some() || (seen.age.is_none() && seen.starts_later);
    match &seen.engine {
        Ok(_) if seen.age.is_none() && seen.starts_later => Verdict::Unknown(None),
        Ok(status) => Verdict::of(reason(status)),
        Err(error) => Verdict::Unknown((!is_explained).then(|| error.to_string())),
    }
}

fn few_peers(status: &EngineStatus, needs_peers: bool, least: u32) -> Option<String> {
    match status.peers {
        Some(peers) if needs_peers && peers == 0 && least > 0 => Some("no peers".into()),
        Some(peers) if needs_peers && peers < least => Some(format!("too few peers: {peers} of at least {least}")),
        _ => None,
    }
}

fn settlement_late(seen: &Seen, most: Duration) -> Verdict {
    match seen.settlement_lag {
        None => Verdict::Unknown(None),
        Some(lag) => Verdict::of(
            (lag > most).then(|| format!("a day is unsettled {} s after it could have been settled", lag.as_secs())),
        ),
    }
}

fn disk(seen: &Seen, least: Option<u64>) -> Verdict {
    let Some(Disk { free, low, .. }) = seen.disk else { return Verdict::Unknown(None) };
    let least = least.unwrap_or(low);
    Verdict::of((free < least).then(|| {
        let (free, least) = (free >> 20, least >> 20);
        format!("the disk has room for {free} MiB, and {least} MiB are needed")
    }))
}

fn longest_pause(period: Duration, least: Duration) -> Duration {
    period.saturating_mul(MISSING_BLOCKS).max(least)
}

/// How long ago the oldest day that is not settled could have been settled, and the VVV that wait for it.
#[allow(clippy::float_arithmetic, reason = "Prometheus counts in floats; nothing here reaches the chain")]
fn settlement(context: &QueryContext<'_>, now: Time) -> (Duration, f64) {
    let today = credits::query::today(context);
    let grace = credits::query::params(context).grace_ms;
    // Without a closed day it is the open one that waits to be closed, and then for its grace.
    let due = today.settles_after.map_or(today.closes_at.millis().saturating_add(grace), Time::millis);
    let waiting = today.unsettled.map_or(0.0, |day| day.record.rent.get() as f64 / VVV);
    (Duration::from_millis(now.millis().saturating_sub(due)), waiting)
}

/// How the validator with this consensus key stands; `None` if no validator has it.
fn own(context: &QueryContext<'_>, address: &ConsensusAddress) -> Option<OwnValidator> {
    let operator = staking::validators::operator_of(context.state, address)?;
    let view = staking::query::validator(context, &operator).ok()?;
    let jailed = matches!(view.standing, staking::query::Standing::Jailed | staking::query::Standing::Tombstoned);
    Some(OwnValidator { power: view.power, missed: view.missed, may_miss: view.may_miss, jailed })
}
