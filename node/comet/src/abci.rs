//! The server that CometBFT talks to over ABCI 2.0, and the application behind it.

mod address;
mod app;
mod checks;
mod convert;
mod frames;
mod pace;
mod queries;
mod server;
mod snapshots;

use std::sync::Arc;

pub use address::{Address, find_socket, remove_socket, socket_of_home};
pub use app::Consensus;
pub use checks::{Checks, Listening, Verdict};
pub use queries::PROOF_TYPE;
pub use server::{ConnectionWatch, Handler, OnFatal, Server};

/// The largest message that consensus may send, in bytes: a block with the extended commit that its proposer is given,
/// and a margin for the other fields.
///
/// What honest validators send is no bound for it: precommits that arrive while the next height waits bring extensions
/// that nobody has verified, each as large as a message between peers may be. A lower limit would let a few validators
/// without power end the connection to consensus, height after height.
pub fn frame_limit(block_max_bytes: u64) -> usize {
    const ALONG: u64 = 8 * 1024 * 1024;
    // CometBFT bounds a consensus message between peers by this size.
    const MAX_EXTENSION: u64 = 1024 * 1024;
    let extensions = MAX_EXTENSION.saturating_mul(u64::from(diem_staking::params::MAX_VALIDATORS));
    let largest = block_max_bytes.saturating_add(extensions).saturating_add(ALONG);
    usize::try_from(largest).unwrap_or(usize::MAX)
}

/// The handler of fatal failures: it logs the reason and ends the process before the request is answered.
pub fn end_process() -> OnFatal {
    Arc::new(|sentence: &str| {
        tracing::error!("{sentence}");
        diem_host::outlet::finish();
        std::process::exit(FATAL_EXIT_CODE)
    })
}

/// The exit code of the process after a failure of the application; CometBFT gives the same block again at the next
/// start.
pub const FATAL_EXIT_CODE: i32 = 70;
