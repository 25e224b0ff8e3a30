//! The server of the control socket: operators of this node, and nobody else, have it do something.
//!
//! The socket lies in a folder that only its owner may enter, has mode 0600, and is closed for other users even where
//! somebody opens both. What a mistaken program can take is bounded: connections, the length of a line, and time.

use std::{io, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc, time::Duration};

use diem_comet::abci::remove_socket;
use diem_config::Length;
use diem_engine::{Commits, Node};
use diem_host::home::Home;
use diem_runtime::snapshots::Outcome;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Interest},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::oneshot,
    task::JoinSet,
    time::timeout,
};

use super::{
    logging::Level,
    stopping::{Stop, ask_to_end},
};
use crate::control::{self, Answer, LONGEST, Peer, Request, Taken};

/// The most connections at once.
const CONNECTIONS: usize = 16;
/// The longest line of a request, in bytes with its end.
const MAX_LINE: u64 = 4_096;
/// The time in which a line must come, and in which an answer must be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// The interval between looks at whether somebody who waits is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The pause after a connection could not be accepted, because files or memory are short.
const PAUSE: Duration = Duration::from_millis(100);

/// The listening socket. Dropping it removes the file.
pub(super) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// What requests are done with.
pub(super) struct Parts {
    pub(super) node: Arc<Node>,
    pub(super) commits: Arc<Commits>,
    pub(super) level: Level,
    /// Asks the node to end in order.
    pub(super) ask: Stop,
    /// The time for which the node then still answers.
    pub(super) drain: Length,
}

impl Control {
    /// Listens at the socket of this home. A file that an earlier process left is replaced, since the home has one
    /// process at a time.
    ///
    /// # Errors
    /// The folder is another user's, or the system refuses the socket.
    pub(super) fn listen(home: &Home) -> io::Result<Self> {
        let path = control::path(home)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let control = Self { listener, path };
        std::fs::set_permissions(&control.path, std::fs::Permissions::from_mode(0o600))?;
        Ok(control)
    }

    /// Serves until `stopped` completes. Requests that wait then are given up.
    ///
    /// # Errors
    /// None; the form is that of the node's servers.
    pub(super) async fn serve(self, parts: Parts, stopped: impl Future<Output = ()>) -> io::Result<()> {
        let parts = Arc::new(parts);
        let mut connections = JoinSet::new();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stopped => return Ok(()),
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Ok((stream, _)) if !is_own(&stream) => {}
                Ok((stream, _)) if connections.len() >= CONNECTIONS => refuse(&stream),
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&parts)))),
                Err(error) => {
                    tracing::warn!(%error, "a connection to the control socket is lost");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        remove_socket(&self.path);
    }
}

/// Whether the other side is this user, or root, whom no mode keeps out.
fn is_own(stream: &UnixStream) -> bool {
    let own = rustix::process::getuid().as_raw();
    stream.peer_cred().is_ok_and(|other| [own, 0].contains(&other.uid()))
}

/// Tells a connection that there are too many. The few bytes fit into what the system holds for it.
fn refuse(stream: &UnixStream) {
    let answer = Answer::Error(format!("there are {CONNECTIONS} connections to this socket already: try again later"));
    let _ = stream.try_write(line_of(&answer).as_bytes());
}

fn line_of(answer: &Answer) -> String {
    #[expect(clippy::expect_used, reason = "names, numbers and text are JSON")]
    let text = serde_json::to_string(answer).expect("an answer is JSON");
    format!("{text}\n")
}

/// Answers one request after the other until the other side ends, or says nothing for too long.
async fn connection(stream: UnixStream, parts: Arc<Parts>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let request = match timeout(PATIENCE, next_line(&mut read)).await {
            Ok(Ok(Some(line))) => Request::read(&line).map_err(|reason| (reason, true)),
            Ok(Err(reason)) => Err((reason, false)),
            Ok(Ok(None)) | Err(_) => return,
        };
        let (answer, goes_on) = match request {
            Ok(request) => (parts.answer(request, &write).await, true),
            Err((reason, goes_on)) => (Answer::Error(reason), goes_on),
        };
        let sent = timeout(PATIENCE, write.write_all(line_of(&answer).as_bytes())).await;
        if let Answer::Stops { .. } = answer {
            // The answer is on its way before anything ends.
            ask_to_end(&parts.ask);
        }
        if !goes_on || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// The next line without its end; `None` where there is no other. The error says what is wrong with it.
async fn next_line(read: &mut BufReader<OwnedReadHalf>) -> Result<Option<Vec<u8>>, String> {
    let mut line = Vec::new();
    let found = read.take(MAX_LINE).read_until(b'\n', &mut line).await;
    found.map_err(|error| format!("the line cannot be read: {error}"))?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if (line.len() as u64).saturating_add(1) >= MAX_LINE => {
            Err(format!("the line is longer than the {MAX_LINE} bytes that a request may have"))
        }
        // The last line need not have an end.
        Some(last) => {
            line.push(last);
            Ok(Some(line))
        }
    }
}

impl Parts {
    async fn answer(&self, request: Request, asker: &OwnedWriteHalf) -> Answer {
        match request {
            Request::SnapshotCreate => self.create(asker).await.unwrap_or_else(Answer::Error),
            Request::SnapshotList => {
                Answer::Offered(self.node.app.list_snapshots().iter().map(|offered| offered.height).collect())
            }
            Request::Peers => match self.node.engine.peers().await {
                Ok(peers) => Answer::Peers(peers.into_iter().map(Peer::from).collect()),
                Err(error) => Answer::Error(error.to_string()),
            },
            Request::Level(filter) => match filter.map_or(Ok(()), |filter| self.level.set(&filter)) {
                Ok(()) => Answer::Level(self.level.get()),
                Err(error) => Answer::Error(error.to_string()),
            },
            // Who asks again waits for nothing.
            Request::Drain => Answer::Stops { drain_ms: if self.ask.borrow().is_some() { 0 } else { self.drain.0 } },
        }
    }

    /// Has a snapshot of the next height taken at which no other one is, and waits for it as long as the asker is there.
    async fn create(&self, asker: &OwnedWriteHalf) -> Result<Answer, String> {
        let taker = self.commits.snapshots().ok_or("this node takes no snapshots")?;
        let (tell, told) = oneshot::channel::<Outcome>();
        let waits = Arc::new(());
        // Whoever asked may have gone meanwhile.
        taker.ask(&waits, move |outcome| drop(tell.send(outcome)));
        let outcome = tokio::select! {
            outcome = timeout(LONGEST, told) => outcome,
            () = gone(asker) => return Err("the asker has gone".into()),
        };
        let manifest = match outcome {
            Ok(Ok(outcome)) => outcome?,
            Ok(Err(_)) => return Err("the snapshot was not taken, and the log says why".into()),
            Err(_) => {
                return Err(format!("there is no snapshot after {} s: is the chain making blocks?", LONGEST.as_secs()));
            }
        };
        let (height, chunks, rows) = (manifest.height(), manifest.chunks().len(), manifest.rows());
        Ok(Answer::Snapshot(Taken { height, chunks, rows, app_hash: manifest.app_hash() }))
    }
}

/// Completes when the other side has closed. One that only has nothing more to ask, and still reads, has not.
async fn gone(asker: &OwnedWriteHalf) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if asker.ready(Interest::WRITABLE).await.is_ok_and(|ready| ready.is_write_closed()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn the_socket_is_its_owners_and_goes_with_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("x".repeat(120)));
        home.create().unwrap();
        for _ in 0..2 {
            let control = Control::listen(&home).unwrap();
            let path = control.path.clone();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            // A process that is killed leaves the file, which is no obstacle.
            std::mem::forget(control);
            drop(Control::listen(&home).unwrap());
            assert!(!path.exists());
        }
    }
}
