//! What becomes of a node that joins, seen from its start.

use diem_host::home::Home;
use diem_runtime::App;
use tokio::task::JoinHandle;

use crate::join::{JoinError, Note, Outcome, forget_ready};

/// Whether a home that joins has the state of a snapshot and no block after it. CometBFT writes state and blocks of its own
/// one after the other then, and refuses to start where only one of them is there.
///
/// # Errors
/// The note that says how the home joins cannot be read.
pub(super) fn is_half_begun(home: &Home, app: &App) -> Result<bool, JoinError> {
    let has_no_block = app.began_at() == Some(app.info().height);
    Ok(has_no_block && Note::read(home)?.is_some_and(|note| note.state_sync))
}

/// Removes the file by which an earlier start of a home that joins has said that it follows the chain.
///
/// # Errors
/// The note that says how the home joins cannot be read, or the disk refuses.
pub(super) fn forget_ready_file(home: &Home) -> Result<(), JoinError> {
    match Note::read(home)?.and_then(|note| note.ready_file) {
        Some(file) => Ok(forget_ready(&file)?),
        None => Ok(()),
    }
}

/// How joining ended, once; it never completes where the node does not join.
pub(super) async fn outcome_of(joined: &mut Option<JoinHandle<Outcome>>) -> Outcome {
    let Some(task) = joined else { return std::future::pending().await };
    let outcome = task.await;
    *joined = None;
    outcome.unwrap_or_else(|error| Outcome::GivenUp(format!("joining ended with a panic: {error}")))
}

/// Ends the node where it cannot join.
pub(super) fn go_on(outcome: Outcome, on_fatal: &(dyn Fn(&str) + Send + Sync)) {
    match outcome {
        Outcome::Follows => {}
        Outcome::GivenUp(reason) => on_fatal(&reason),
    }
}
