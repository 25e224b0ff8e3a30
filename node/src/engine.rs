//! What orders transactions into blocks, as the rest of the node sees it.
//!
//! HTTP, the command line and the tests talk to an [`Engine`] and never care which one it is.

use std::{fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use diem_core::Time;
use futures::future::BoxFuture;
use tendermint::{block::signed_header::SignedHeader, validator};

/// Which engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// CometBFT: the real one.
    Comet,
    /// Blocks made in process by one development key.
    Instant,
}

impl EngineKind {
    /// As it is written in configuration and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comet => "comet",
            Self::Instant => "instant",
        }
    }
}

/// As people and clients read it: `cometbft` or `instant (development)`.
impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comet => "cometbft",
            Self::Instant => "instant (development)",
        })
    }
}

/// For what [`Engine::submit`] waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The transactions were handed on.
    None,
    /// CheckTx has answered for each of them.
    Checked,
}

/// Why a transaction did not enter the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// CheckTx refuses it: a line of the table of errors.
    #[error("{log} ({codespace} {code})")]
    Rejected {
        /// Whose number it is.
        codespace: String,
        /// The number.
        code: u32,
        /// What is wrong, for people.
        log: String,
    },
    /// The same bytes are in the pool already.
    #[error("the transaction is waiting in the pool already")]
    Known,
    /// The pool has no room.
    #[error("the pool is full: send it again in some blocks' time")]
    Full,
    /// The engine cannot be reached.
    #[error("the engine does not answer: {0}")]
    Unavailable(String),
}

/// Why the engine could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine cannot be reached.
    #[error("the engine does not answer: {0}")]
    Unavailable(String),
    /// Not yet: the height is not committed, or was not within the caller's patience.
    #[error("height {asked} is not there yet: the latest is {latest}")]
    NotYet {
        /// What was asked for.
        asked: u64,
        /// The latest one.
        latest: u64,
    },
    /// No longer, or never.
    #[error("the engine does not have height {0}: it was pruned or never made here")]
    Gone(u64),
    /// A development command that cannot be carried out as things are.
    #[error("{0}")]
    Refused(String),
    /// A development command that asks for what there never is.
    #[error("{0}")]
    Invalid(String),
    /// The application failed; the node is about to stop.
    #[error("the node is stopping: {0}")]
    Fatal(String),
}

/// How consensus names a validator.
pub use diem_core::context::ConsensusAddress;

/// How other nodes find this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPeer {
    /// Its id, of its node key.
    pub id: String,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// `host:port` to which peers are told to connect, where that is another place.
    pub external: Option<String>,
}

/// How the engine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineStatus {
    /// Whether it still fetches old blocks.
    pub catching_up: bool,
    /// How many peers it has; `None` where there are no peers to have.
    pub peers: Option<u32>,
    /// The latest height that it knows.
    pub latest_height: u64,
}

/// What orders transactions into blocks.
pub trait Engine: Send + Sync + 'static {
    /// Which it is.
    fn kind(&self) -> EngineKind;

    /// Enters transactions into the pool; one answer for each, in order. Accepted means handed on, not committed.
    fn submit(&self, txs: Vec<Bytes>, wait: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>>;

    /// Waits, `patience` at the longest, until what was handed on before has been checked, so that a sender who did not
    /// wait for that finds its transactions counted. Returns at once where the engine cannot tell.
    fn checks_done(&self, _patience: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Header and commit of a committed height; waits for it at most `patience`. The commit of height H exists once
    /// the block of H is committed. An on-demand engine makes one empty block when asked for the height after its latest.
    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>>;

    /// The validators whose signatures count at `height`.
    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>>;

    /// The time that the next block would have if it were made now, as far as it can be foreseen.
    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>>;

    /// How it is doing, as far as this process knows: it is not waited for.
    ///
    /// # Errors
    /// It has not answered for a while, and since when.
    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>>;

    /// About how often blocks come by themselves; `None` while they come on demand only, so that a pause means nothing.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// The validators from whom a vote of the step was heard in which consensus waits, or of a later one: those that take
    /// part now. None where nobody votes. To know it takes more than a second.
    fn voters(&self) -> BoxFuture<'_, Result<Vec<ConsensusAddress>, EngineError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// How other nodes find this one; `None` where there are no others.
    fn own_peer(&self) -> Option<&OwnPeer> {
        None
    }

    /// What only a development engine can do.
    fn dev(&self) -> Option<&dyn DevControls> {
        None
    }
}

/// A named point to which [`DevControls::revert`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotId(#[serde(with = "diem_core::json::number")] pub u64);

/// Where [`DevControls::warp`] goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warp {
    /// So many milliseconds ahead of where the clock of the chain stands.
    By(u64),
    /// To this moment, which must not lie before the latest block.
    To(Time),
}

/// When the instant engine makes blocks on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockMode {
    /// When a transaction arrives.
    OnDemand,
    /// So often, empty or not.
    Every(Duration),
    /// Only when told by [`DevControls::mine`].
    Manual,
}

/// What a development engine does on command. Heights and times are those of the chain.
pub trait DevControls: Send + Sync {
    /// Makes `count` blocks; the height of the last.
    fn mine(&self, count: u64) -> BoxFuture<'_, Result<u64, EngineError>>;

    /// Moves the time of the next block forward; the time that it will have at least.
    fn warp(&self, warp: Warp) -> BoxFuture<'_, Result<Time, EngineError>>;

    /// Remembers the latest height so that [`Self::revert`] can return to it.
    fn snapshot(&self) -> BoxFuture<'_, Result<(SnapshotId, u64), EngineError>>;

    /// Returns state, index, pool and clock to a snapshot, which stays; later ones are gone. The height reached.
    fn revert(&self, id: SnapshotId) -> BoxFuture<'_, Result<u64, EngineError>>;

    /// Who is absent from the commits of the next `blocks` blocks (consensus addresses); none lets all sign again.
    fn absences(&self, absent: Vec<[u8; 20]>, blocks: u64) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Puts evidence of a double vote of `validator` into the next block.
    fn equivocation(&self, validator: [u8; 20]) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Changes when blocks are made.
    fn set_mode(&self, mode: BlockMode) -> BoxFuture<'_, Result<(), EngineError>>;
}
