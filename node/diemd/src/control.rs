//! The control socket of a running node, as it is spoken: one request a line, one answer a line, both JSON.
//!
//! ```text
//! {"request":"snapshot_create"}   {"snapshot":{"height":7,"chunks":1,"rows":61,"app_hash":"..."}}
//! {"request":"snapshot_list"}     {"offered":[100]}
//! {"request":"peers"}             {"peers":[{"id":"...","address":"10.0.0.7:26656","moniker":"one",...}]}
//! {"request":"level"}             {"level":"info"}
//! {"request":"level","filter":"info,diem_comet=debug"}   the same, once it is set
//! {"request":"drain"}             {"stops":{"drain_ms":10000}}, and then the node ends as SIGTERM ends it; asked again, at once
//! anything else                   {"error":"a sentence"}
//! ```
//!
//! [`crate::start`] serves it, and commands of operators ask. It is `run/control.sock` in the home.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use diem_comet::abci::{find_socket, socket_of_home};
use diem_core::Time;
use diem_engine::engine::ConnectedPeer;
use diem_host::home::Home;
use serde::{Deserialize, Serialize};

/// The name of the socket.
const NAME: &str = "control.sock";
/// The longest line of an answer, in bytes.
const MAX_ANSWER: u64 = 32 << 20;

/// The longest time that a node works on a request: it waits for the next block, and then takes the snapshot.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);
/// The time that an answer may take which waits for nothing, or come late after [`LONGEST`].
const SOON: Duration = Duration::from_secs(10);

/// A line that is sent to the node.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    /// The name of the request.
    pub(crate) request: String,
    /// The filter of the log that is to be set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<String>,
}

/// What a node is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Takes a snapshot of the next height.
    SnapshotCreate,
    /// Lists the heights of the snapshots that are offered to others.
    SnapshotList,
    /// Lists the connected nodes.
    Peers,
    /// Sets the filter of the log, where one is given, and shows it.
    Level(Option<String>),
    /// Ends in order.
    Drain,
}

impl Request {
    /// One request of each name.
    const ALL: [Self; 5] = [Self::SnapshotCreate, Self::SnapshotList, Self::Peers, Self::Level(None), Self::Drain];

    /// The name on the wire.
    const fn name(&self) -> &'static str {
        match self {
            Self::SnapshotCreate => "snapshot_create",
            Self::SnapshotList => "snapshot_list",
            Self::Peers => "peers",
            Self::Level(_) => "level",
            Self::Drain => "drain",
        }
    }

    /// The longest time until the answer.
    const fn patience(&self) -> Duration {
        match self {
            Self::SnapshotCreate => LONGEST.saturating_add(SOON),
            Self::SnapshotList | Self::Peers | Self::Level(_) | Self::Drain => SOON,
        }
    }

    /// Reads a line without its end.
    ///
    /// # Errors
    /// The sentence says why it is no request, and which there are.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        let known = || format!("this node knows {}", Self::ALL.each_ref().map(Self::name).join(", "));
        let Line { request, filter } = serde_json::from_slice(line).map_err(|error| {
            format!("the line is no request such as {{\"request\":\"peers\"}} ({error}): {}", known())
        })?;
        let found = Self::ALL.into_iter().find(|known| known.name() == request);
        match (found, filter) {
            (Some(Self::Level(_)), filter) => Ok(Self::Level(filter)),
            (Some(found), None) => Ok(found),
            (Some(found), Some(_)) => Err(format!("`{}` takes no filter, as `level` does", found.name())),
            (None, _) => Err(format!("there is no such request here: {}", known())),
        }
    }

    /// The line of this request.
    fn line(&self) -> Line {
        let filter = match self {
            Self::Level(filter) => filter.clone(),
            _ => None,
        };
        Line { request: self.name().into(), filter }
    }
}

/// The answer of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The snapshot that was taken.
    Snapshot(Taken),
    /// The heights of the snapshots that are offered, the newest first.
    Offered(Vec<u64>),
    /// The connected nodes, in the order of their ids.
    Peers(Vec<Peer>),
    /// The filter of the log.
    Level(String),
    /// The node ends.
    Stops {
        /// The time for which it still answers, in milliseconds.
        drain_ms: u64,
    },
    /// Why the request is not done, as a sentence.
    Error(String),
}

/// A node that this one is connected to. All its texts are its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) id: String,
    /// The `host:port` at which it listens.
    pub(crate) address: String,
    pub(crate) moniker: String,
    pub(crate) direction: Direction,
    /// The last height that it has shown to have.
    pub(crate) height: Option<u64>,
    /// The moment of the connection.
    pub(crate) since: Time,
}

/// Which side has opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// The other side.
    Inbound,
    /// This node.
    Outbound,
}

impl From<ConnectedPeer> for Peer {
    fn from(peer: ConnectedPeer) -> Self {
        let ConnectedPeer { id, address, moniker, outbound, height, since } = peer;
        let direction = if outbound { Direction::Outbound } else { Direction::Inbound };
        Self { id, address, moniker, direction, height, since }
    }
}

/// A snapshot that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// The height of its rows.
    pub(crate) height: u64,
    /// The number of its chunks.
    pub(crate) chunks: usize,
    /// The number of its rows.
    pub(crate) rows: u64,
    /// The root of its rows.
    #[serde(with = "hex::serde")]
    pub(crate) app_hash: [u8; 32],
}

/// Why a node did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// No node runs in this home.
    #[error("no node runs in {0}: start it with `diemd start --home {0}`")]
    NotRunning(PathBuf),
    /// The connection failed.
    #[error("the node does not answer at its control socket: {0}")]
    Io(#[from] io::Error),
    /// The answer is none that this program knows.
    #[error("the node answers what this diemd does not understand ({0}): use the diemd that the node runs")]
    Answer(String),
    /// The node says why not.
    #[error("{0}")]
    Refused(String),
}

/// The path of the socket. Its folder is made.
///
/// # Errors
/// The folder cannot be made, or is another user's.
pub(crate) fn path(home: &Home) -> io::Result<PathBuf> {
    socket_of_home(home.root(), NAME)
}

/// Asks the node that runs in this home, and waits for its answer, which is never [`Answer::Error`].
///
/// # Errors
/// [`AskError`].
pub(crate) fn ask(home: &Home, request: &Request) -> Result<Answer, AskError> {
    let mut stream = match UnixStream::connect(find_socket(home.root(), NAME)?) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NotRunning(home.root().to_path_buf()));
        }
        connected => connected?,
    };
    stream.set_read_timeout(Some(request.patience()))?;
    stream.set_write_timeout(Some(SOON))?;
    let line = serde_json::to_string(&request.line()).map_err(io::Error::from)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(MAX_ANSWER)).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(AskError::Refused("the node stopped before it answered".into()));
    }
    match serde_json::from_str(&answer).map_err(|error| AskError::Answer(error.to_string()))? {
        Answer::Error(reason) => Err(AskError::Refused(reason)),
        answer => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_no_request_is_answered_with_a_sentence() {
        for request in Request::ALL.into_iter().chain([Request::Level(Some("info".into()))]) {
            let line = serde_json::to_vec(&request.line()).unwrap();
            assert_eq!(Request::read(&line), Ok(request));
        }
        const KNOWN: &str = "this node knows snapshot_create, snapshot_list, peers, level, drain";
        for (line, says) in [
            (&b"\xff\xfe"[..], "the line is no request"),
            (b"\xff\xfe", KNOWN),
            (br#"{"request":"halt"}"#, KNOWN),
            (br#"{"request":"snapshot_list","more":1}"#, "unknown field"),
            (br#"{"request":"peers","filter":"info"}"#, "`peers` takes no filter"),
            (br#"{"request":"level","filter":7}"#, "the line is no request"),
            (b"[]", "the line is no request"),
            (b"", KNOWN),
        ] {
            let reason = Request::read(line).unwrap_err();
            assert!(reason.contains(says), "{reason}");
        }
    }
}
