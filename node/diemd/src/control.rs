//! The control socket of a running node, as it is spoken: one request a line, one answer a line, both JSON.
//!
//! ```text
//! {"request":"snapshot_create"}   {"snapshot":{"height":7,"chunks":1,"rows":61,"app_hash":"..."}}
//! {"request":"snapshot_list"}     {"offered":[100]}
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

use diem_comet::abci::socket_of_home;
use diem_host::home::Home;
use serde::{Deserialize, Serialize};

/// The name of the socket.
const NAME: &str = "control.sock";
/// The longest line of an answer, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

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
}

/// What a node is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Takes a snapshot of the next height.
    SnapshotCreate,
    /// Lists the heights of the snapshots that are offered to others.
    SnapshotList,
}

impl Request {
    /// All requests.
    pub(crate) const ALL: [Self; 2] = [Self::SnapshotCreate, Self::SnapshotList];

    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::SnapshotCreate => "snapshot_create",
            Self::SnapshotList => "snapshot_list",
        }
    }

    /// The longest time until the answer.
    const fn patience(self) -> Duration {
        match self {
            Self::SnapshotCreate => LONGEST.saturating_add(SOON),
            Self::SnapshotList => SOON,
        }
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
    /// Why the request is not done, as a sentence.
    Error(String),
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
pub(crate) fn ask(home: &Home, request: Request) -> Result<Answer, AskError> {
    let mut stream = match UnixStream::connect(path(home)?) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NotRunning(home.root().to_path_buf()));
        }
        connected => connected?,
    };
    stream.set_read_timeout(Some(request.patience()))?;
    stream.set_write_timeout(Some(SOON))?;
    let line = serde_json::to_string(&Line { request: request.name().into() }).map_err(io::Error::from)?;
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
