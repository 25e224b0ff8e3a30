//! How far a joining node is, in the log, and the way on where no snapshot comes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diem_engine::Engine;
use diem_host::home::{Home, write_whole};
use diem_runtime::{App, snapshots::RestoreProgress};
use serde_json::json;

use super::{Joining, Note};

/// The interval between looks, and between lines of the log.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(5);
/// The part of the patience that is left for an offer, and for a chunk after one that was wrong: its sender is dropped, and
/// another answers soon if there is one.
const FOR_AN_OFFER: u32 = 2;
const AFTER_A_LIE: u32 = 4;
/// The number of snapshots that are given up before all are.
const SNAPSHOTS: u32 = 4;

/// What becomes of a node that joins.
pub(crate) enum Outcome {
    /// The node follows the chain.
    Follows,
    /// It cannot, for this reason.
    GivenUp(String),
}

/// Watches a node until it follows its chain. Where a snapshot does not come, it has CometBFT look for another one, and in
/// the end execute all blocks, unless the operator does not want that.
pub(crate) async fn watch(
    joining: Joining,
    home: &Home,
    app: &Arc<App>,
    engine: &Arc<dyn Engine>,
    again: &diem_comet::Joining,
) -> Outcome {
    let patience = Duration::from_secs(joining.note.patience_seconds);
    let (mut said, mut moved, mut given_up) = (Instant::now(), (Instant::now(), None, 0), 0_u32);
    let mut state_sync = joining.note.state_sync;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(fork) = joining.fork.get() {
            return Outcome::GivenUp(fork.clone());
        }
        let height = app.info().height;
        let status = engine.status().await.ok();
        if height > 0
            && status.is_some_and(|status| !status.catching_up && status.latest_height <= height.saturating_add(1))
        {
            tracing::info!(height, began_at = app.began_at(), "this node follows the chain");
            if let Err(error) = again.forget_chunks() {
                tracing::warn!(%error, "chunks of snapshots cannot be removed");
            }
            ready(&joining, home, app);
            return Outcome::Follows;
        }
        let restoring = app.restoring();
        if (restoring, height) != (moved.1, moved.2) {
            moved = (Instant::now(), restoring, height);
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            say(restoring, height, state_sync);
        }
        if !state_sync || height > 0 {
            continue;
        }
        let Some(reason) = overdue(restoring, moved.0.elapsed(), patience) else { continue };
        app.give_up_restoring();
        let result = if restoring.is_some() && given_up < SNAPSHOTS {
            given_up = given_up.saturating_add(1);
            tracing::warn!("{reason}: this snapshot is given up, and the next one is looked for");
            again.look_again()
        } else if joining.note.block_sync {
            tracing::warn!("{reason}: all blocks are executed from the genesis instead, which takes longer");
            state_sync = false;
            let note = Note { state_sync, ..joining.note.clone() };
            if let Err(error) = note.write(home) {
                return Outcome::GivenUp(format!("{reason}, and the home cannot be written: {error}"));
            }
            again.without_state_sync()
        } else {
            return Outcome::GivenUp(format!("{reason}, and --no-block-sync forbids to execute all blocks instead"));
        };
        if let Err(error) = result {
            return Outcome::GivenUp(error.to_string());
        }
        moved.0 = Instant::now();
    }
}

fn say(restoring: Option<RestoreProgress>, height: u64, state_sync: bool) {
    match restoring {
        Some(RestoreProgress { right, all, .. }) => tracing::info!("a snapshot is restored: {right} of {all} chunks"),
        None if height > 0 => tracing::info!(height, "this node catches up with the chain"),
        None if state_sync => tracing::info!("no snapshot has been accepted yet"),
        None => tracing::info!("no block has been executed yet"),
    }
}

/// Why nothing more can be expected after this time without a change, as a sentence; `None` while it can.
fn overdue(restoring: Option<RestoreProgress>, still: Duration, patience: Duration) -> Option<String> {
    let part = |part| patience.checked_div(part).unwrap_or(patience);
    let seconds = still.as_secs();
    match restoring {
        None => (still >= part(FOR_AN_OFFER))
            .then(|| format!("no peer has offered a snapshot that can be taken within {seconds} s")),
        Some(RestoreProgress { right, wrong, all }) => {
            let left = if wrong > 0 { part(AFTER_A_LIE) } else { patience };
            (still >= left).then(|| format!("after {right} of {all} chunks no other right one came for {seconds} s"))
        }
    }
}

/// Writes the file that tells others that this node follows its chain.
fn ready(joining: &Joining, home: &Home, app: &Arc<App>) {
    let Some(file) = &joining.note.ready_file else { return };
    let (api, height) = (format!("http://{}", joining.api), app.info().height);
    let text = json!({ "home": home.root(), "api": api, "height": height, "began_at": app.began_at() }).to_string();
    if let Err(error) = write_whole(file, &text) {
        tracing::warn!(%error, "the ready file cannot be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_a_chunk_and_a_chunk_after_a_lie_have_times_of_their_own() {
        let patience = Duration::from_secs(120);
        let restoring = |wrong| Some(RestoreProgress { right: 3, wrong, all: 8 });
        for (restoring, seconds) in [(None, 60), (restoring(0), 120), (restoring(1), 30)] {
            let at = |seconds| overdue(restoring, Duration::from_secs(seconds), patience);
            assert_eq!(at(seconds - 1), None);
            assert!(at(seconds).is_some_and(|reason| reason.ends_with(&format!("{seconds} s"))));
        }
    }
}
