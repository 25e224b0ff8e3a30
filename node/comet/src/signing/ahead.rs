//! A signing state above the chain: its key signs nothing until the chain is there.
//!
//! CometBFT signs nothing at or below the height in its signing state, and says so in a line for each vote. A file of another
//! chain, or a damaged one, so silences a validator for ever. It is never lowered here: only its owner can know that
//! nothing was signed. The node goes on, since a key that signs nothing is safe.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_config::{consensus_key, signing_state};
use diem_core::context::ConsensusAddress;
use diem_runtime::App;
use diem_staking::query;
use parking_lot::Mutex;

use crate::{follow::look, rpc::Rpc};

/// The interval between looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time for which the file must have been above a chain that was caught up with: peers may come late.
const SETTLE: Duration = Duration::from_secs(10);
/// The interval between lines of the log.
const SAY_EVERY: Duration = Duration::from_secs(600);
/// The longest wait for CometBFT's status.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the key of a validator signs nothing, as a text for its readiness; `None` while it does, or has nothing to sign.
pub(crate) type Silence = Arc<Mutex<Option<String>>>;

/// Compares the signing state of a key with the chain, once the node has caught up.
pub(crate) struct Ahead {
    pub(crate) app: Arc<App>,
    pub(crate) rpc: Rpc,
    /// The signing state.
    pub(crate) state: PathBuf,
    /// The address of its key.
    pub(crate) address: ConsensusAddress,
    /// The height of the chain's first block; 0 where it has begun.
    pub(crate) first: u64,
    pub(crate) silence: Silence,
}

impl Ahead {
    /// Looks until the signing state is not above the chain: it is then only raised by votes for the next block.
    pub(crate) async fn run(self) {
        let (mut since, mut said): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // The file is read before the height: a vote is for the block after the last one at most.
            let Ok(state) = signing_state::height(&self.state) else { continue };
            let height = self.app.info().height;
            if state <= height.saturating_add(1).max(self.first) {
                self.silence.lock().take();
                if said.is_some() {
                    tracing::info!(
                        height,
                        "the chain has reached the signing state of this node's key, which signs again"
                    );
                }
                return;
            }
            match look(&self.rpc, PATIENCE).await {
                Ok(looked) if !looked.status.catching_up => {}
                _ => {
                    since = None;
                    continue;
                }
            }
            if since.get_or_insert_with(Instant::now).elapsed() < SETTLE {
                continue;
            }
            let sentence = format!(
                "this node's key signs nothing: {} says that it signed height {state} last, and the chain stands at {height}",
                self.state.display()
            );
            if said.is_none_or(|last| last.elapsed() >= SAY_EVERY) {
                said = Some(Instant::now());
                tracing::warn!("{sentence}. {}", self.way(state));
            }
            *self.silence.lock() = self.is_member().then_some(sentence);
        }
    }

    /// What to do, as sentences.
    fn way(&self, state: u64) -> String {
        format!(
            "Nothing is lowered by itself. If the file is this key's and this chain's, it signs again from block {} on. If it is \
             not, because it is another chain's or damaged: make sure that no other node signs with this key, stop this node, \
             move the file away, and run `diemd start --i-know-that-no-other-node-signs {}` once, which makes one from what \
             the chain shows",
            state.saturating_add(1),
            hex::encode(self.address)
        )
    }

    /// Whether the key is among the validators, so that it should sign. Before the first block it may be.
    fn is_member(&self) -> bool {
        let Ok(snapshot) = self.app.snapshot(None) else { return true };
        let members = query::consensus_set(&snapshot.context());
        members.is_empty() || members.iter().any(|member| consensus_key::address(&member.consensus_key) == self.address)
    }
}
