//! The engine interface: what orders transactions into blocks, as the rest of the node sees it.
//!
//! HTTP, the command line and the tests talk to an [`Engine`] and never care which one it is.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use diem_core::{Time, tx::DecodeError};
use diem_types::Signed;
use futures::future::BoxFuture;
use tendermint::{block::signed_header::SignedHeader, validator};

/// The longest block time that can be set, in milliseconds: a day. Expiries, gaps and absences count blocks.
pub const MAX_BLOCK_TIME: u64 = 86_400_000;

/// The kind of engine that orders transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// CometBFT, the engine of every real chain.
    Comet,
    /// The instant engine: blocks are made in process by development keys.
    Instant,
}

impl EngineKind {
    /// The name of the engine as it is written in configuration and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Comet => "comet",
            Self::Instant => "instant",
        }
    }
}

/// The form for people and clients: `cometbft` or `instant (development)`.
impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comet => "cometbft",
            Self::Instant => "instant (development)",
        })
    }
}

/// A transaction on its way to the pool: its bytes, and what they were decoded to when they arrived.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The encoded transaction, as it goes on to CheckTx and into a block.
    pub bytes: Bytes,
    /// The same transaction decoded. CheckTx alone decides whether it may wait.
    pub tx: Arc<Signed>,
}

impl TryFrom<Bytes> for Incoming {
    type Error = DecodeError;

    fn try_from(bytes: Bytes) -> Result<Self, DecodeError> {
        Ok(Self { tx: Arc::new(Signed::decode(&bytes)?), bytes })
    }
}

/// The event that [`Engine::submit`] waits for before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The transactions were handed on to the engine.
    None,
    /// CheckTx has answered for each of the transactions.
    Checked,
}

/// The reason why a transaction did not enter the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// CheckTx refuses the transaction with a row of the table of errors.
    #[error("{log} ({codespace} {code})")]
    Rejected {
        /// The module or layer whose error it is; with `code` it names a row of the table of errors.
        codespace: String,
        /// The stable number of the error within its codespace.
        code: u32,
        /// The error text for people.
        log: String,
    },
    /// The same bytes are in the pool already.
    #[error("the transaction is waiting in the pool already")]
    Known,
    /// The pool has no room.
    #[error("the pool is full: send it again in some blocks' time")]
    Full,
    /// The engine cannot be reached; the text says why.
    #[error("the engine does not answer: {0}")]
    Unavailable(String),
}

/// The reason why the engine could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine cannot be reached; the text says why.
    #[error("the engine does not answer: {0}")]
    Unavailable(String),
    /// The height is not committed yet, or was not within the caller's patience.
    #[error("height {asked} is not there yet: the latest is {latest}")]
    NotYet {
        /// The height that was asked for.
        asked: u64,
        /// The latest committed height.
        latest: u64,
    },
    /// The height was pruned, or never had a block.
    #[error("the engine does not have height {0}: it was pruned or never made here")]
    Gone(u64),
    /// A development command cannot be carried out in the present state of the chain.
    #[error("{0}")]
    Refused(String),
    /// A development command has an argument that is never valid.
    #[error("{0}")]
    Invalid(String),
    /// The application failed; the node is about to stop.
    #[error("the node is stopping: {0}")]
    Fatal(String),
}

/// The address by which consensus names a validator.
pub use diem_core::context::ConsensusAddress;

/// The peer address of this node, by which other nodes connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPeer {
    /// The peer id, which is derived from the node key.
    pub id: String,
    /// The address on which the node listens for peers.
    pub listen: SocketAddr,
    /// The `host:port` that is announced to peers, where it differs from `listen`.
    pub external: Option<String>,
}

/// The health of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineStatus {
    /// Whether the engine still fetches old blocks from peers.
    pub catching_up: bool,
    /// The number of connected peers; `None` for an engine without a peer-to-peer network.
    pub peers: Option<u32>,
    /// The latest height that the engine knows.
    pub latest_height: u64,
}

/// A node that this one is connected to. Of its texts every one is what the other side says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedPeer {
    /// The peer id, which is derived from the node key of the other side.
    pub id: String,
    /// The `host:port` at which the other side listens, or its host alone where it names no port.
    pub address: String,
    /// The name that the other side gives itself.
    pub moniker: String,
    /// Whether this node has opened the connection.
    pub outbound: bool,
    /// The last height that the other side has shown to have; `None` while it shows none.
    pub height: Option<u64>,
    /// The moment of the connection, by the clock of this node.
    pub since: Time,
}

/// An engine: it orders transactions into blocks.
pub trait Engine: Send + Sync + 'static {
    /// The kind of this engine.
    fn kind(&self) -> EngineKind;

    /// Enters transactions into the pool and gives one answer for each, in order. `Ok` means handed on, not committed.
    fn submit(&self, txs: Vec<Incoming>, wait: Wait) -> BoxFuture<'_, Vec<Result<(), SubmitError>>>;

    /// Waits, `patience` at the longest, until what was handed on before has been checked, so that a sender who did not
    /// wait for that finds its transactions counted. Returns at once where the engine cannot tell.
    fn checks_done(&self, _patience: Duration) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Tells the engine that statements of validators wait in the application for a block
    /// ([`diem_runtime::App::offer_statement`]). An engine that makes blocks on demand makes one; others make theirs
    /// anyway.
    fn statements_wait(&self) {}

    /// Returns header and commit of a committed height and waits for it at most `patience`. The commit of height H
    /// exists once the block of H is committed. An on-demand engine makes one empty block when asked for the height
    /// after its latest.
    fn signed_header(&self, height: u64, patience: Duration) -> BoxFuture<'_, Result<SignedHeader, EngineError>>;

    /// The validators whose signatures count at `height`.
    fn validators(&self, height: u64) -> BoxFuture<'_, Result<validator::Set, EngineError>>;

    /// The time that the next block would have if it were made now, as far as it can be foreseen.
    fn next_block_time(&self) -> BoxFuture<'_, Result<Time, EngineError>>;

    /// Returns the health of the engine as this process last heard it, without waiting for the engine.
    ///
    /// # Errors
    /// The engine has not answered for a while; the error says since when.
    fn status(&self) -> BoxFuture<'_, Result<EngineStatus, EngineError>>;

    /// The version of the program that makes the blocks, as it said last; `None` where it has not answered yet, or is this
    /// process.
    fn version(&self) -> Option<String> {
        None
    }

    /// The usual time between blocks; `None` while blocks come on demand only, so that a pause means nothing.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// The validators that take part now: a vote of theirs was heard for the step in which consensus waits, or for a
    /// later one. The list is empty for an engine without votes. The call takes more than a second.
    fn voters(&self) -> BoxFuture<'_, Result<Vec<ConsensusAddress>, EngineError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The connected nodes, in the order of their ids; none for an engine without a peer-to-peer network.
    ///
    /// # Errors
    /// The engine does not answer.
    fn peers(&self) -> BoxFuture<'_, Result<Vec<ConnectedPeer>, EngineError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The peer address of this node; `None` for an engine without a peer-to-peer network.
    fn own_peer(&self) -> Option<&OwnPeer> {
        None
    }

    /// The remote signer that is away, as a text that says what is waited for; `None` where it is there or none is needed.
    fn missing_signer(&self) -> Option<String> {
        None
    }

    /// Why the key of this node, which is a validator's, signs nothing although it is there, as a text; `None` where it
    /// signs, or has nothing to sign.
    fn silent_key(&self) -> Option<String> {
        None
    }

    /// The address of the key that a remote signer signs with; `None` where there is none or it has not been heard of.
    fn signs_as(&self) -> Option<ConsensusAddress> {
        None
    }

    /// The commands of a development engine; `None` for any other.
    fn dev(&self) -> Option<&dyn DevControls> {
        None
    }
}

/// A named point to which [`DevControls::revert`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SnapshotId(#[serde(with = "diem_core::json::number")] pub u64);

/// The target of [`DevControls::warp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warp {
    /// The clock of the chain moves this many milliseconds ahead.
    By(u64),
    /// The clock of the chain moves to this moment, which must not lie before the latest block.
    To(Time),
}

/// The condition under which the instant engine makes blocks on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockMode {
    /// A block is made when a transaction arrives.
    OnDemand,
    /// A block is made once in each such interval, empty or not.
    Every(Duration),
    /// A block is made only on [`DevControls::mine`].
    Manual,
}

/// Another chain for development, whose clock and snapshots go along with those of the instant engine: the local Base. It
/// is told after the engine has done its part.
pub trait Companion: Send + Sync {
    /// Moves its clock ahead to this time, if it is behind.
    fn warp(&self, to: Time) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Marks its present state for [`Self::revert`].
    fn snapshot(&self, id: SnapshotId) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Goes back to a mark, which stays valid; later ones are dropped.
    fn revert(&self, id: SnapshotId) -> BoxFuture<'_, Result<(), EngineError>>;
}

/// The commands of a development engine. Heights and times are those of the chain.
pub trait DevControls: Send + Sync {
    /// Makes `count` blocks and returns the height of the last.
    fn mine(&self, count: u64) -> BoxFuture<'_, Result<u64, EngineError>>;

    /// Moves the time of the next block forward and returns the least time that it will have.
    fn warp(&self, warp: Warp) -> BoxFuture<'_, Result<Time, EngineError>>;

    /// Remembers the latest height so that [`Self::revert`] can return to it.
    fn snapshot(&self) -> BoxFuture<'_, Result<(SnapshotId, u64), EngineError>>;

    /// Returns state, index, pool and clock to a snapshot and answers with the height reached. The snapshot stays
    /// valid; later ones are dropped.
    fn revert(&self, id: SnapshotId) -> BoxFuture<'_, Result<u64, EngineError>>;

    /// Marks validators (consensus addresses) as absent from the commits of the next `blocks` blocks; an empty list
    /// lets all sign again.
    fn absences(&self, absent: Vec<[u8; 20]>, blocks: u64) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Puts evidence of a double vote of `validator` into the next block.
    fn equivocation(&self, validator: [u8; 20]) -> BoxFuture<'_, Result<(), EngineError>>;

    /// Changes when blocks are made.
    fn set_mode(&self, mode: BlockMode) -> BoxFuture<'_, Result<(), EngineError>>;
}
