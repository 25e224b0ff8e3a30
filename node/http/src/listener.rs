//! The connections: their number, the time for the head of a request, and the time that an answer waits for its reader
//! are bounded.

use std::{
    collections::BTreeMap,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use diem_engine::metrics::{Metrics, Open, Refusal};
use hyper::{
    Request,
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
};

use super::{
    clients::{Client, Clients, Connected},
    error::Failure,
    local::Side,
    refusal::Explained,
    write_timeout::WriteTimeout,
};

/// The most bytes that a connection has sent and nobody has read yet, and so the most of the head of a request.
const MAX_BUFFER: usize = 64 * 1024;
/// The number of files that the process should be able to open: connections, and as many again for the store and the
/// engine.
const FILES: u64 = 4_096;
/// The pause before a retry when the system has no room for another connection.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest that an answer waits for a reader that reads nothing of it.
const READER_PATIENCE: Duration = Duration::from_secs(30);

/// The limits of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most connections that are served the whole API.
    connections: usize,
    /// The most connections beyond them, for one monitoring request each.
    probes: usize,
    /// The longest that a connection may take for the head of a request.
    patience: Duration,
    /// The same time for the connections beyond.
    probe_patience: Duration,
    /// The longest that an answer waits for a reader that reads nothing of it; a slow reader that reads something is
    /// served.
    reader_patience: Duration,
}

impl Limits {
    /// The usual limits, or fewer connections where the system allows this process few open files even when asked for
    /// more.
    pub(super) fn of_system() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
        if limit.current.is_some_and(|current| current < wanted) {
            // If the system refuses, the limit that it has is read below.
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
        }
        let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
        // The other half is for the store and the engine.
        let connections = files.map_or(1_024, |files| (files / 2).clamp(1, 1_024));
        let (patience, probe_patience) = (Duration::from_secs(10), Duration::from_secs(2));
        Self { connections, probes: 32, patience, probe_patience, reader_patience: READER_PATIENCE }
    }
}

/// A slot for a connection, which is released on drop.
struct Slot {
    _permit: OwnedSemaphorePermit,
    /// Whether the slot is beyond those that are served the whole API.
    beyond: bool,
    /// Counts the connection that has the slot.
    _open: Option<Open>,
    /// Counts it among those of its client.
    _client: Option<Connected>,
}

/// The connections that have asked for nothing yet, in the order in which they were opened. The first of them ends where a
/// newcomer finds no slot: otherwise a health check would wait behind everybody who opens connections and says nothing.
#[derive(Default)]
struct Silent {
    opened: AtomicU64,
    all: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
}

impl Silent {
    /// Adds a connection; the receiver is told when it is to end.
    fn add(self: &Arc<Self>) -> (Newcomer, oneshot::Receiver<()>) {
        let (end, ended) = oneshot::channel();
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        self.all.lock().insert(number, end);
        (Newcomer { silent: Arc::clone(self), number }, ended)
    }

    /// Ends the connection that has been silent for longest; `false` if there is none.
    fn end_first(&self) -> bool {
        let first = self.all.lock().pop_first();
        first.is_some_and(|(_, end)| end.send(()).is_ok())
    }
}

/// A connection that counts as silent until it asks for something or is dropped.
struct Newcomer {
    silent: Arc<Silent>,
    number: u64,
}

impl Newcomer {
    fn asks(&self) {
        self.silent.all.lock().remove(&self.number);
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.asks();
    }
}

/// What connections are served.
pub(super) struct Services {
    /// The whole API.
    pub(super) all: Router,
    /// What is served beyond the limit of connections.
    pub(super) probes: Router,
    /// What each client has taken.
    pub(super) clients: Arc<Clients>,
}

/// Serves the whole API until `stopping` becomes true, and then until all requests under way are answered. Connections
/// beyond the limit are served the probes, one request each; if there are too many of these too, the one that has asked for
/// nothing for longest is closed, and where all have asked, the next one waits to be accepted. A client that has too many
/// connections gets an error on each further one.
pub(super) async fn serve(
    listener: TcpListener,
    limits: Limits,
    services: Services,
    metrics: Arc<Metrics>,
    mut stopping: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let beyond = Arc::new(Semaphore::new(limits.probes));
    let silent = Arc::<Silent>::default();
    loop {
        let next = async {
            let stream = accept(&listener).await;
            if slots.available_permits() == 0 && beyond.available_permits() == 0 && silent.end_first() {
                metrics.refused(Refusal::Connections);
            }
            (stream, slot(&slots, &beyond).await)
        };
        let (stream, slot) = tokio::select! {
            (stream, Some(slot)) = next => (stream, slot),
            () = stopped(&mut stopping) => break,
        };
        let client = stream.peer_addr().ok().and_then(|address| Client::of(address.ip()));
        let (client, refused) = match client.map(|client| services.clients.connect(client)) {
            None => (None, None),
            Some(Ok(connected)) => (Some(connected), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let app = match refused {
            Some(error) => {
                metrics.refused(Refusal::Client);
                Router::new().fallback(move || std::future::ready(Failure::from(error.clone())))
            }
            None if slot.beyond => services.probes.clone(),
            None => services.all.clone(),
        };
        let slot = Slot { _open: Some(metrics.connection()), _client: client, ..slot };
        tokio::spawn(connection(stream, app, limits, slot, silent.add(), stopping.clone()));
    }
    drop(listener);
    for (slots, all) in [(slots, limits.connections), (beyond, limits.probes)] {
        // All slots are free when the last connection has ended.
        let _ = slots.acquire_many(u32::try_from(all).unwrap_or(u32::MAX)).await;
    }
}

/// Completes when the server stops, or when the sender of `stopping` is dropped.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// Takes the first slot that is free; never `None` as long as the semaphores are open, which is always.
async fn slot(slots: &Arc<Semaphore>, beyond: &Arc<Semaphore>) -> Option<Slot> {
    let (permit, beyond) = tokio::select! {
        biased;
        permit = slots.clone().acquire_owned() => (permit, false),
        permit = beyond.clone().acquire_owned() => (permit, true),
    };
    permit.ok().map(|permit| Slot { _permit: permit, beyond, _open: None, _client: None })
}

async fn connection(
    stream: TcpStream,
    app: Router,
    limits: Limits,
    slot: Slot,
    (newcomer, ended): (Newcomer, oneshot::Receiver<()>),
    mut stopping: watch::Receiver<bool>,
) {
    // Nagle's algorithm is off, because an answer is small and someone waits for it.
    let _ = stream.set_nodelay(true);
    let side = Side::of(&stream);
    let stream = Explained::new(WriteTimeout::new(stream, limits.reader_patience));
    let patience = if slot.beyond { limits.probe_patience } else { limits.patience };
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(MAX_BUFFER).keep_alive(!slot.beyond);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        newcomer.asks();
        request.extensions_mut().insert(ConnectInfo(side));
        app.call(request)
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // The way in which a connection ends concerns its peer only.
    tokio::select! {
        _ = connection.as_mut() => return,
        // A newcomer takes its slot. The error says that it has asked for something.
        Ok(()) = ended => return,
        () = stopped(&mut stopping) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        task::JoinHandle,
    };

    use super::*;
    use crate::clients::ClientLimits;

    const LONG: Duration = Duration::from_secs(60);

    struct Server {
        address: std::net::SocketAddr,
        metrics: Arc<Metrics>,
        stop: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    async fn start(connections: usize, probes: usize, patience: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let limits =
            Limits { connections, probes, patience, probe_patience: patience, reader_patience: READER_PATIENCE };
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "late"
        };
        let app = Router::new().route("/", get(|| async { "all" })).route("/slow", get(slow));
        let some = Router::new().route("/", get(|| async { "some" }).post(|_: bytes::Bytes| async { "read" }));
        let metrics = Arc::new(Metrics::new(prometheus::Registry::new()).unwrap());
        let services = Services { all: app, probes: some, clients: Clients::new(ClientLimits::default()) };
        let task = tokio::spawn(serve(listener, limits, services, Arc::clone(&metrics), stopping));
        Server { address, metrics, stop, task }
    }

    impl Server {
        async fn send(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }

        async fn ask(&self, path: &str) -> String {
            rest(self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await).await
        }
    }

    /// Reads what comes until the server closes the connection.
    async fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(LONG, stream.read_to_end(&mut bytes)).await.unwrap();
        // What comes after the end of a connection is answered by a reset.
        assert!(
            read.as_ref().map_or_else(|error| error.kind() == io::ErrorKind::ConnectionReset, |_| true),
            "{read:?}"
        );
        String::from_utf8(bytes).unwrap()
    }

    /// Opens a connection that has a slot, as its first answer shows, and keeps it with half of a second request.
    async fn hold(server: &Server) -> (TcpStream, String) {
        let mut stream = server.send("GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT").await;
        let mut answer = vec![0; 1024];
        let length = tokio::time::timeout(LONG, stream.read(&mut answer)).await.unwrap().unwrap();
        (stream, String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for() {
        let server = start(4, 1, Duration::from_millis(100)).await;
        for half in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
            let said = rest(server.send(half).await).await;
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 408"), "{half}: {said}");
        }
        // A second such connection is refused as well.
        let said = rest(hold(&server).await.0).await;
        assert!(!said.contains("all"), "{said}");
        // One that comes whole is answered, unless this machine stands still between two of its steps.
        let answered = async { while !server.ask("/").await.ends_with("all") {} };
        tokio::time::timeout(LONG, answered).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_in_the_shape_of_every_error() {
        let server = start(4, 1, LONG).await;
        let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(120_000));
        let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: 1\r\n".repeat(150));
        for (request, status, name) in [
            ("NONSENSE\r\n\r\n", "400 Bad Request", "bad_request"),
            ("GET / HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n", "400 Bad Request", "bad_request"),
            (&large, "431 Request Header Fields Too Large", "head_too_large"),
            (&many, "431 Request Header Fields Too Large", "head_too_large"),
            // The bad request stands behind one that is answered.
            ("GET / HTTP/1.1\r\nhost: x\r\n\r\nNONSENSE\r\n\r\n", "400 Bad Request", "bad_request"),
        ] {
            let said = rest(server.send(request).await).await;
            let (before, refused) = said.split_at(said.rfind("HTTP/1.1 ").unwrap());
            assert_eq!(before.ends_with("all"), request.starts_with("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), "{said}");
            assert!(refused.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{said}");
            let body = refused.split_once("\r\n\r\n").unwrap().1;
            let reply: diem_api::ErrorReply = serde_json::from_str(body).unwrap();
            assert_eq!(reply.error.name, name);
        }
    }

    #[tokio::test]
    async fn beyond_the_limit_there_are_probes_and_then_waiting() {
        let server = start(2, 1, LONG).await;
        let (first, said) = hold(&server).await;
        assert!(said.ends_with("all"), "{said}");
        let second = hold(&server).await;
        assert!(server.ask("/").await.ends_with("some"));
        // Each gets one request: half of another is not waited for, so that the slot is free again.
        let (third, said) = hold(&server).await;
        assert!(said.contains("some") && said.contains("connection: close"), "{said}");
        drop(third);
        assert!(server.ask("/").await.ends_with("some"));
        drop(first);
        while !server.ask("/").await.ends_with("all") {}
        drop(second);
    }

    #[tokio::test]
    async fn who_waits_to_be_accepted_is_served_when_another_leaves() {
        let server = start(1, 1, LONG).await;
        let (held, _) = hold(&server).await;
        // The connection takes the slot beyond, as the answer shows, and sends no body.
        let head = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
        let mut silent = server.send(head).await;
        assert!(silent.read(&mut [0; 256]).await.unwrap() > 0);
        let waiting = server.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        drop(held);
        assert!(rest(waiting).await.ends_with("all"));
        drop(silent);
    }

    #[tokio::test]
    async fn who_asks_for_nothing_makes_room_for_who_does_and_that_is_counted() {
        let server = start(3, 2, LONG).await;
        // One slot is taken by somebody who has asked.
        let (held, said) = hold(&server).await;
        assert!(said.ends_with("all"), "{said}");
        let mut silent = Vec::new();
        for number in 0..20 {
            silent.push(server.send(if number % 2 == 0 { "" } else { "GET / HT" }).await);
        }
        for _ in 0..3 {
            let said = server.ask("/").await;
            assert!(said.ends_with("all") || said.ends_with("some"), "{said}");
        }
        // Those that came first have made room for the others, and nobody else has.
        assert_eq!(rest(silent.remove(0)).await, "");
        let text = server.metrics.render().unwrap();
        let line = text.lines().find(|line| line.starts_with("diem_http_refused_total{reason=\"connections\"}"));
        let closed: u32 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!((17..=19).contains(&closed), "{closed}");
        let mut held = held;
        held.write_all(b"TP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(rest(held).await.ends_with("all"));
    }

    #[tokio::test]
    async fn stopping_answers_what_is_under_way_and_ends_the_rest() {
        let server = start(8, 1, LONG).await;
        let (idle, _) = hold(&server).await;
        let silent = server.send("").await;
        drop(idle);
        let slow = server.send("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        while server.ask("/").await.is_empty() {}
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.stop.send_replace(true);
        assert!(rest(slow).await.ends_with("late"));
        assert_eq!(rest(silent).await, "");
        tokio::time::timeout(LONG, server.task).await.unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    }
}
