//! Joining a chain by the HTTP API of its nodes: what is trusted, where snapshots are, and how far the node is.
//!
//! ```text
//! plan          what the nodes behind the URLs say: genesis, trust, peers
//! light_server  headers for CometBFT's light client, one server for each URL
//! nodes         what the nodes behind the URLs show of a block, compared with each other
//! sight         how far they are meanwhile, and which blocks they have
//! pace          rate and time left
//! watch         progress, and the way on where no snapshot comes
//! ```

mod light_server;
mod nodes;
mod pace;
mod plan;
mod sight;
mod watch;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use diem_client::Client;
use diem_comet::StateSync;
use diem_core::Time;
use diem_engine::origin::Origin;
use diem_host::{
    clock::wall_clock,
    home::{Home, HomeError},
};
use serde::{Deserialize, Serialize};

pub(crate) use plan::{Join, Plan};
pub(crate) use watch::{Outcome, watch};

use light_server::{Fork, LightServer};
use nodes::{Nodes, Silent};

/// The name of the note in the home.
const NOTE: &str = "join.json";

/// How this home joins its chain. `diemd join` writes it. Every start reads it: until the node has a block, all of it, and
/// then by which nodes it catches up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// The URLs of the nodes whose headers are compared.
    pub(crate) urls: Vec<String>,
    /// The height of the block that is trusted.
    pub(crate) trust_height: u64,
    /// The hash of its header.
    #[serde(with = "hex::serde")]
    pub(crate) trust_hash: [u8; 32],
    /// The time of its header; 0 where an earlier program wrote the note.
    #[serde(default = "unknown_time")]
    pub(crate) trust_time: Time,
    /// Why it is trusted, as a sentence.
    pub(crate) trust_reason: String,
    /// The age up to which a header is trusted, in seconds.
    pub(crate) trust_seconds: u64,
    /// Whether a snapshot is asked for; otherwise all blocks are executed.
    pub(crate) state_sync: bool,
    /// Whether all blocks are executed where no snapshot comes.
    pub(crate) block_sync: bool,
    /// The time without another right chunk, in seconds, after which a snapshot is given up.
    #[serde(default = "default_patience")]
    pub(crate) patience_seconds: u64,
    /// The file that is written when this node follows the chain.
    pub(crate) ready_file: Option<PathBuf>,
}

/// The patience of a home that was made before it could be chosen, in seconds.
const fn default_patience() -> u64 {
    120
}

/// The time of a trusted block whose time is not known.
const fn unknown_time() -> Time {
    Time(0)
}

/// Why a node cannot join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The note cannot be read or written.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The note is none.
    #[error("{path} does not say how this home joins ({reason}): `diemd join` writes it anew")]
    Note {
        /// The path of the note.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// Nobody answers any more for the block that the home trusts.
    #[error(
        "this home trusts block {height} of {time}, and validators do not answer any more for what they signed then: \
         `diemd join URL... --again` begins with a newer one, and keeps keys and signing state"
    )]
    Expired {
        /// The height of the block.
        height: u64,
        /// The time of its header.
        time: Time,
    },
    /// No server of headers can be started.
    #[error("headers cannot be served to CometBFT on this machine: {0}")]
    Serve(#[from] std::io::Error),
    /// A URL is none.
    #[error(transparent)]
    Url(#[from] diem_client::ClientError),
}

impl Note {
    fn path(home: &Home) -> PathBuf {
        home.root().join(NOTE)
    }

    /// The note of a home; `None` if it does not join.
    pub(crate) fn read(home: &Home) -> Result<Option<Self>, JoinError> {
        let path = Self::path(home);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(HomeError::io(&path, error).into()),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| JoinError::Note { path, reason: error.to_string() })
    }

    /// Whether the trusted block is older than validators answer for.
    fn is_expired(&self) -> bool {
        let age = wall_clock()().saturating_sub(self.trust_time.millis());
        self.trust_time != unknown_time() && age / 1_000 >= self.trust_seconds
    }

    pub(crate) fn write(&self, home: &Home) -> Result<(), HomeError> {
        #[expect(clippy::expect_used, reason = "names, numbers and hex are JSON")]
        let text = serde_json::to_string_pretty(self).expect("a note is JSON");
        home.write(&Self::path(home), &text)
    }
}

/// Removes the file that tells others that a node follows its chain, which an earlier run has left.
///
/// # Errors
/// The disk refuses.
pub(crate) fn forget_ready(file: &Path) -> Result<(), HomeError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(HomeError::io(file, error)),
        _ => Ok(()),
    }
}

/// A node that joins: the servers of headers live as long as it does.
pub(crate) struct Joining {
    pub(crate) note: Note,
    /// The address of this node's own API.
    pub(crate) api: SocketAddr,
    /// The nodes that it joins by.
    clients: Vec<Client>,
    /// The height of the chain's first block.
    first: u64,
    servers: Vec<LightServer>,
    fork: Fork,
}

impl Joining {
    /// Gets ready to join, where the home has a note. One that has a block already only catches up. Nothing is asked of the
    /// network.
    ///
    /// # Errors
    /// [`JoinError`] says what to do.
    pub(crate) async fn prepare(home: &Home, origin: &Origin, api: SocketAddr) -> Result<Option<Self>, JoinError> {
        let Some(mut note) = Note::read(home)? else { return Ok(None) };
        let clients: Vec<Client> = note.urls.iter().map(|url| Client::new(url)).collect::<Result<_, _>>()?;
        let (mut servers, fork) = (Vec::new(), Fork::default());
        let Origin::Genesis { doc, .. } = origin else {
            note.state_sync = false;
            return Ok(Some(Self { note, api, clients, first: 0, servers, fork }));
        };
        if note.state_sync && note.is_expired() {
            let expired = JoinError::Expired { height: note.trust_height, time: note.trust_time };
            if !note.block_sync {
                return Err(expired);
            }
            tracing::warn!("{expired}. Without it all blocks are executed from the genesis, which takes longer");
            note.state_sync = false;
        }
        if note.state_sync {
            let silent = Silent::default();
            for own in 0..clients.len() {
                let period = Duration::from_secs(note.trust_seconds);
                let nodes = Nodes::new(clients.clone(), own, Arc::clone(&silent), Arc::clone(doc), period);
                servers.push(LightServer::start(nodes, diem_comet::consensus_params(doc), Arc::clone(&fork)).await?);
            }
        }
        Ok(Some(Self { note, api, clients, first: doc.initial_height, servers, fork }))
    }

    /// What CometBFT is told, if it asks for snapshots.
    pub(crate) fn state_sync(&self) -> Option<StateSync> {
        let mut servers: Vec<_> = self.servers.iter().map(|server| server.address).collect();
        // CometBFT wants two servers to compare. With one URL there is nothing to compare, which the command says.
        if let [only] = servers[..] {
            servers.push(only);
        }
        let note = &self.note;
        let period = Duration::from_secs(note.trust_seconds);
        (!servers.is_empty()).then_some(StateSync { servers, height: note.trust_height, hash: note.trust_hash, period })
    }
}
