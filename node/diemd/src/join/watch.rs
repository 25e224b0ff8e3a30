//! How far a joining node is, in the log, and the way on where no snapshot comes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use diem_engine::Engine;
use diem_host::home::{Home, write_whole};
use diem_runtime::{App, snapshots::RestoreProgress};
use serde_json::json;

use super::{Joining, Note, pace::Pace, sight::Sight};

/// The interval between looks, and between lines of the log.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(5);
/// The time without a block after which a node that fetches blocks says whether anybody has the next one, and the interval
/// at which it says that again.
const LACKS_AFTER: Duration = Duration::from_secs(30);
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

/// What was seen of a node that joins.
struct Seen {
    /// How far it was, and since when.
    restoring: Option<RestoreProgress>,
    height: u64,
    since: Instant,
    /// What the nodes that it joins by say of the chain.
    sight: Sight,
    pace: Pace,
    /// The moment of the last line about a block that nobody has.
    lacked: Option<Instant>,
}

/// Watches a node until it follows its chain. Where a snapshot does not come, it has CometBFT look for another one, and in
/// the end execute all blocks, unless the operator does not want that or nobody has them any more. Peers come and go, so
/// that it then waits.
pub(crate) async fn watch(
    joining: Joining,
    home: &Home,
    app: &Arc<App>,
    engine: &Arc<dyn Engine>,
    again: &diem_comet::Joining,
) -> Outcome {
    let patience = Duration::from_secs(joining.note.patience_seconds);
    let (mut said, mut given_up) = (Instant::now(), 0_u32);
    let mut seen = Seen::new();
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
        seen.moves(restoring, height);
        if said.elapsed() >= SAY_EVERY {
            seen.sight = Sight::ask(&joining.clients).await;
            seen.say(state_sync);
            said = Instant::now();
        }
        if !state_sync || height > 0 {
            seen.say_lack(height.saturating_add(1).max(joining.first));
            continue;
        }
        let Some(reason) = overdue(restoring, seen.since.elapsed(), patience) else { continue };
        app.give_up_restoring();
        let lack = seen.sight.lacks(joining.first).filter(|_| joining.note.block_sync);
        let result = if restoring.is_some() && given_up < SNAPSHOTS {
            given_up = given_up.saturating_add(1);
            tracing::warn!("{reason}: this snapshot is given up, and the next one is looked for");
            again.look_again()
        } else if let Some(lack) = lack {
            tracing::warn!("{reason}, and all blocks cannot be executed instead: {lack}");
            given_up = 0;
            // CometBFT goes on looking by itself where it has not begun with one.
            if restoring.is_some() { again.look_again() } else { Ok(()) }
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
        seen.since = Instant::now();
    }
}

impl Seen {
    fn new() -> Self {
        let (sight, pace) = (Sight::default(), Pace::default());
        Self { restoring: None, height: 0, since: Instant::now(), sight, pace, lacked: None }
    }

    /// Notes how far the node is.
    fn moves(&mut self, restoring: Option<RestoreProgress>, height: u64) {
        if (restoring, height) == (self.restoring, self.height) {
            return;
        }
        (self.restoring, self.height, self.since) = (restoring, height, Instant::now());
    }

    /// Says how far the node is, at which rate it goes on, and how long that takes.
    fn say(&mut self, state_sync: bool) {
        let (now, height) = (Instant::now(), self.height);
        match self.restoring {
            Some(RestoreProgress { right, all, .. }) => {
                self.pace.note(now, right as u64, all.saturating_sub(right) as u64);
                tracing::info!("a snapshot is restored: {right} of {all} chunks{}", self.pace.words("chunks"));
            }
            // How fast it catches up then, every node that does says by itself.
            None if height > 0 => {}
            None if state_sync => tracing::info!("no snapshot has been accepted yet"),
            None => tracing::info!("no block has been executed yet"),
        }
    }

    /// Says so where nobody has the block `next`, and none has come for a while.
    fn say_lack(&mut self, next: u64) {
        if self.since.elapsed() < LACKS_AFTER || self.lacked.is_some_and(|last| last.elapsed() < LACKS_AFTER) {
            return;
        }
        if let Some(lack) = self.sight.lacks(next) {
            tracing::warn!("{lack}");
            self.lacked = Some(Instant::now());
        }
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
