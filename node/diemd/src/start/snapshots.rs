//! The taking of snapshots beside the node: when, how many, and on which thread.

use std::{
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_config::{Period, Snapshot};
use diem_engine::{
    Commits,
    metrics::{Metrics, NewestSnapshot},
    origin::Origin,
};
use diem_host::clock;
use diem_runtime::{
    App,
    snapshots::{Settings, TakeSnapshot, Taker},
};

/// The longest period that the node chooses by itself.
const HOUR_MS: u64 = 3_600_000;
/// The number of snapshots in an unbonding time, so that a header that can still be trusted and a snapshot meet.
const IN_UNBONDING: u64 = 12;
/// The age up to which a block is young enough for a snapshot that is due, where the period is shorter, in milliseconds. A
/// node that executes the blocks of months takes none of them: each reads all rows, and nobody could use it any more.
const LEAST_YOUNG_MS: u64 = 60_000;
/// The priority of the thread: the lowest.
const NICE: i32 = 19;

/// Has snapshots taken after the commits of this node.
pub(super) fn start(config: &Snapshot, origin: &Origin, app: &Arc<App>, commits: &Commits) {
    let every_ms = match config.every {
        Period::Off => None,
        Period::Every(length) => NonZeroU64::new(length.0),
        Period::Auto => NonZeroU64::new(chosen(unbonding_ms(origin, app))),
    };
    let settings = Settings { every_ms, keep: config.keep };
    let metrics = Arc::clone(commits.metrics());
    metrics.snapshot_period(every_ms.map(|every| Duration::from_millis(every.get())));
    metrics.snapshot(newest(app));
    let young = every_ms.map_or(LEAST_YOUNG_MS, |every| every.get().max(LEAST_YOUNG_MS));
    let run = move |take: TakeSnapshot| {
        let age = clock::now().saturating_sub(take.time().millis());
        if age <= young || take.is_asked_for() {
            on_a_thread(take, Arc::clone(&metrics));
        } else {
            tracing::debug!(height = take.height(), "no snapshot: its block is {} s old", age / 1_000);
        }
    };
    commits.take_snapshots(Taker::new(Arc::clone(app), settings, run));
}

/// The newest snapshot that this node offers.
fn newest(app: &App) -> Option<NewestSnapshot> {
    let height = app.list_snapshots().first()?.height;
    let time_ms = app.index().block(height).map(|block| block.time.millis());
    Some(NewestSnapshot { height, time_ms, took: None })
}

fn unbonding_ms(origin: &Origin, app: &App) -> u64 {
    match origin {
        Origin::Genesis { doc, .. } => doc.app.staking.params.unbonding_ms,
        Origin::Begun { .. } => diem_staking::state::params(&app.store().latest()).unbonding_ms,
    }
}

/// The period for an unbonding time, in milliseconds. It is at least a second, as a configured one is.
fn chosen(unbonding_ms: u64) -> u64 {
    (unbonding_ms / IN_UNBONDING).clamp(1_000, HOUR_MS)
}

/// Takes a snapshot on a thread of low priority, which leaves blocks the machine.
fn on_a_thread(take: TakeSnapshot, metrics: Arc<Metrics>) {
    let (height, time) = (take.height(), take.time());
    let started = std::thread::Builder::new().name("snapshot".into()).spawn(move || {
        // Where the system refuses, the snapshot is taken all the same. Of a thread, Linux changes that thread alone.
        let _ = rustix::process::setpriority_process(None, NICE);
        let begun = Instant::now();
        if take.run() {
            let (time_ms, took) = (Some(time.millis()), Some(begun.elapsed()));
            metrics.snapshot(Some(NewestSnapshot { height, time_ms, took }));
        }
    });
    if let Err(error) = started {
        tracing::warn!(height, %error, "no snapshot: the system gives no thread for it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_taken_every_hour_or_twelve_times_in_the_unbonding_time() {
        const DAY_MS: u64 = 24 * HOUR_MS;
        for (unbonding, every) in [(7 * DAY_MS, HOUR_MS), (HOUR_MS, 300_000), (1_000, 1_000)] {
            assert_eq!(chosen(unbonding), every);
        }
    }
}
