//! Listening: CometBFT follows the chain with a key that nobody knows, until it is known that nobody else signs with the
//! key of this home.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_engine::origin::Origin;
use diem_runtime::App;
use diem_staking::query;

use super::{Guard, Signing, peers};
use crate::{follow::look, rpc::Rpc};

/// The interval between looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The interval between lines of the log about what is still missing.
const SAY_EVERY: Duration = Duration::from_secs(30);
/// The longest wait for CometBFT's status.
const PATIENCE: Duration = Duration::from_secs(2);
/// The number of peers that must have shown where they stand.
const WITNESSES: usize = 2;

/// What ended the listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many blocks came without a signature of the key.
    Blocks(u64),
    /// No block came, while so many peers stood at this node's height.
    Still {
        /// The length of the silence.
        lasted: Duration,
        /// The peers that have shown that they stand there.
        peers: usize,
    },
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocks(blocks) => write!(f, "{blocks} blocks of others came without a signature of this node's key"),
            Self::Still { lasted, peers } => {
                write!(f, "no block came for {} s, and {peers} connected peers stand at this height", lasted.as_secs())
            }
        }
    }
}

/// A node that listens.
pub(crate) struct Listener {
    pub(crate) app: Arc<App>,
    pub(crate) guard: Arc<Guard>,
    pub(crate) rpc: Rpc,
    /// The least time between two blocks: silence is longer.
    pub(crate) block_time: Duration,
    /// The ids of the nodes that this one knows.
    pub(crate) known: BTreeSet<String>,
    /// The first height of the chain, and the number of its validators there.
    first: u64,
    first_members: usize,
    blocks: u64,
    still: Duration,
}

/// What was seen so far.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// The height at which this node had caught up.
    live: Option<u64>,
    /// The last committed height.
    height: u64,
    /// The moment since when enough peers are known to stand at this height, and their number.
    shown: Option<(Instant, usize)>,
    /// The number of peers that stand there now, and the number that must.
    peers: (usize, usize),
}

impl Listener {
    /// A listener with the settings of `signing`.
    pub(crate) fn new(
        signing: &Signing,
        origin: &Origin,
        app: Arc<App>,
        guard: Arc<Guard>,
        rpc: Rpc,
        block_time: Duration,
        known: BTreeSet<String>,
    ) -> Self {
        let (first, first_members) = match origin {
            Origin::Genesis { doc, .. } => (doc.initial_height, doc.validators.len()),
            Origin::Begun { .. } => (0, 0),
        };
        let (blocks, still) = (signing.listen, signing.listen_still);
        Self { app, guard, rpc, block_time, known, first, first_members, blocks, still }
    }

    /// Listens until one of the two ends is there.
    pub(crate) async fn run(&self) -> Heard {
        let mut progress = Progress { live: None, height: self.app.info().height, shown: None, peers: (0, 0) };
        let mut said = Instant::now();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(heard) = self.look(&mut progress).await {
                return heard;
            }
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                let Progress { height, peers: (here, needed), .. } = progress;
                tracing::info!(
                    height,
                    "this node still listens and does not sign: {here} of the {needed} peers that it needs stand at its height"
                );
            }
        }
    }

    async fn look(&self, progress: &mut Progress) -> Option<Heard> {
        // The status is asked for before the height, so that no block is counted that this node has fetched.
        let status = look(&self.rpc, PATIENCE).await.ok()?.status;
        let height = self.app.info().height;
        if progress.live.is_none() && !status.catching_up {
            progress.live = Some(height);
            self.guard.is_live(height);
        }
        if progress.height != height {
            (progress.height, progress.shown) = (height, None);
        }
        // A block brings the commit of the one before: those of later heights than `live` were made while it listened.
        if let Some(live) = progress.live
            && height > live.saturating_add(self.blocks)
        {
            return Some(Heard::Blocks(self.blocks));
        }
        let standing = peers::connected(&self.rpc).await.ok()?;
        let next = height.saturating_add(1).max(self.first);
        let here = standing.iter().filter(|peer| peer.height == next).count();
        let connected = standing.into_iter().map(|peer| peer.id).filter(|id| !id.is_empty());
        // Before a snapshot is restored nothing is known of the chain, and to start CometBFT anew would lose what it has fetched.
        let needed = self.needed(connected.collect())?;
        progress.peers = (here, needed);
        if here >= needed {
            progress.shown.get_or_insert((Instant::now(), here));
        }
        let lasted = self.still.saturating_add(self.block_time);
        let (since, peers) = progress.shown?;
        (since.elapsed() >= lasted).then_some(Heard::Still { lasted, peers })
    }

    /// The number of peers that must stand at this node's height: none where the set has one member, since nobody else
    /// makes blocks there; one where only one is known. `None` where the set is not known yet.
    fn needed(&self, connected: BTreeSet<String>) -> Option<usize> {
        let members = match self.app.snapshot(None) {
            Ok(snapshot) if snapshot.height() > 0 => query::consensus_set(&snapshot.context()).len(),
            _ => self.first_members,
        };
        match members {
            0 => None,
            1 => Some(0),
            _ => Some(self.known.union(&connected).count().clamp(1, WITNESSES)),
        }
    }
}
