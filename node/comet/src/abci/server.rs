//! The ABCI server: it serves the application to CometBFT with a thread for each connection, requests answered in
//! order.
//!
//! Answers are buffered and sent when consensus asks for a flush, when no further request is waiting, or when the
//! buffer is full. CometBFT pipelines CheckTx, and one write for each answer would be the slowest part of it.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use diem_core::Fatal;
use diem_host::{
    critical,
    pulse::{BEAT, Pulse},
};
use parking_lot::{Condvar, Mutex};
use prost::Message as _;
use tendermint_proto::v0_38::abci::{Request, RequestFlush, Response, ResponseException, request, response};

use super::{address::Address, frames::Frames};

/// The size of the answer buffer in bytes: answers are sent at the latest when this many have come together.
const FLUSH_BYTES: usize = 256 * 1024;
/// The most requests that are decoded before the first of them is answered.
const MAX_RUN: usize = 256;
/// The interval between looks at whether a request is held no longer.
const HELD: Duration = Duration::from_millis(20);

/// A handler of requests. One clone serves one connection.
pub trait Handler: Send + Clone + 'static {
    /// Announces requests that arrived together, right before they are answered one by one.
    fn upcoming(&self, requests: &[Request]);

    /// Answers a request; `None` if its kind is unknown.
    fn handle(&self, request: Request) -> Option<Response>;

    /// Whether a request gets no answer: its connection waits until CometBFT is told to end, and closes then.
    fn holds(&self, _request: &Request) -> bool {
        false
    }

    /// Called when the last connection has ended; the next one waits until this returns.
    fn idle(&self);
}

/// A callback with a sentence, for a request that cannot be answered after which the node must not go on. The
/// connection is closed without an answer.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// A running server. Dropping it leaves it running; [`Server::stop`] ends it.
pub struct Server {
    address: Address,
    live: Arc<Live>,
    acceptor: Option<JoinHandle<()>>,
}

/// The state that the threads of a server share.
struct Live {
    stopping: AtomicBool,
    /// Set while CometBFT is ending: requests that are held have waited long enough.
    ending: AtomicBool,
    connections: Mutex<BTreeMap<u64, Stream>>,
    changed: Condvar,
}

impl Server {
    /// Listens on `address` and serves every connection with `handler`. A stale socket file is replaced: the lock on
    /// the home guarantees that nobody else uses it.
    ///
    /// # Errors
    /// The server cannot listen on the address.
    pub fn start<H: Handler>(address: Address, max_frame: usize, handler: H, on_fatal: OnFatal) -> io::Result<Self> {
        let listener = Listener::bind(&address)?;
        let address = listener.address(address)?;
        let live = Arc::new(Live {
            stopping: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            connections: Mutex::default(),
            changed: Condvar::new(),
        });
        let acceptor = Acceptor { listener, live: Arc::clone(&live), max_frame, on_fatal };
        let acceptor = Some(critical::spawn("abci", move || acceptor.run(&handler))?);
        Ok(Self { address, live, acceptor })
    }

    /// The address on which it listens, with the port that was found for port 0.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.live.connections.lock().len()
    }

    /// A handle with which others wait for the connections to end.
    pub fn connection_watch(&self) -> ConnectionWatch {
        ConnectionWatch(Arc::clone(&self.live))
    }

    /// Closes every connection and stops listening.
    pub fn stop(mut self) {
        self.live.stopping.store(true, Ordering::SeqCst);
        for stream in self.live.connections.lock().values() {
            stream.shutdown();
        }
        // A connection wakes the acceptor, which then sees `stopping`.
        let woken = match &self.address {
            Address::Unix(path) => UnixStream::connect(path).map(drop),
            Address::Tcp(address) => TcpStream::connect(address).map(drop),
        };
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken.is_ok())
            && acceptor.join().is_err()
        {
            tracing::error!("the thread that accepts ABCI connections panicked");
        }
        self.connection_watch().wait_idle(Duration::from_secs(5));
        self.address.remove();
    }
}

/// A handle that sees whether any connection is open.
#[derive(Clone)]
pub struct ConnectionWatch(Arc<Live>);

impl ConnectionWatch {
    /// Waits until no connection is open; `false` if that takes longer than `patience`.
    pub fn wait_idle(&self, patience: Duration) -> bool {
        let deadline = Instant::now().checked_add(patience);
        let mut connections = self.0.connections.lock();
        while !connections.is_empty() {
            let Some(deadline) = deadline else { return false };
            if self.0.changed.wait_until(&mut connections, deadline).timed_out() {
                return connections.is_empty();
            }
        }
        true
    }

    /// Has requests that are held wait while CometBFT runs, and no longer once it is told to end.
    pub(crate) fn hold_requests(&self, hold: bool) {
        self.0.ending.store(!hold, Ordering::SeqCst);
    }

    /// Ends every connection that is open now.
    pub fn close_all(&self) {
        for stream in self.0.connections.lock().values() {
            stream.shutdown();
        }
    }
}

struct Acceptor {
    listener: Listener,
    live: Arc<Live>,
    max_frame: usize,
    on_fatal: OnFatal,
}

impl Acceptor {
    fn run<H: Handler>(self, handler: &H) {
        let mut number = 0u64;
        loop {
            let stream = self.listener.accept();
            if self.live.stopping.load(Ordering::SeqCst) {
                return;
            }
            number = number.wrapping_add(1);
            if let Err(error) = stream.and_then(|stream| self.serve(number, stream, handler.clone())) {
                tracing::warn!(%error, "an ABCI connection could not be served");
                // The process is out of descriptors or threads: the pause lets open connections end before the retry.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn serve<H: Handler>(&self, number: u64, stream: Stream, handler: H) -> io::Result<()> {
        let registered = Registered { number, live: Arc::clone(&self.live), handler };
        stream.wake_every(BEAT)?;
        self.live.connections.lock().insert(number, stream.try_clone()?);
        let mut connection = Connection {
            frames: Frames::new(self.max_frame),
            out: Vec::new(),
            stream,
            on_fatal: Arc::clone(&self.on_fatal),
            live: Arc::clone(&self.live),
            pulse: Pulse::start(format!(
                "the thread of ABCI connection {number}, on which CometBFT has blocks executed"
            )),
        };
        std::thread::Builder::new().name(format!("abci-{number}")).spawn(move || {
            match connection.run(&registered.handler) {
                Ok(()) | Err(End::Held) => tracing::debug!(number, "ABCI connection closed"),
                Err(error) => tracing::warn!(number, %error, "ABCI connection ended"),
            }
            connection.stream.shutdown();
            drop(registered);
        })?;
        Ok(())
    }
}

/// Keeps a connection on the list for as long as it is served.
struct Registered<H: Handler> {
    number: u64,
    live: Arc<Live>,
    handler: H,
}

impl<H: Handler> Drop for Registered<H> {
    fn drop(&mut self) {
        let mut connections = self.live.connections.lock();
        connections.remove(&self.number);
        // The lock is still held: whoever sees an empty list, and whoever connects next, sees it after `idle`. By the
        // lock order it comes before the locks of the application, which `idle` takes.
        if connections.is_empty() {
            self.handler.idle();
        }
        self.live.changed.notify_all();
    }
}

struct Connection {
    frames: Frames,
    out: Vec<u8>,
    stream: Stream,
    on_fatal: OnFatal,
    live: Arc<Live>,
    /// It beats with every request, and while none comes.
    pulse: Pulse,
}

/// The reason why a connection ended, where its peer did not simply leave.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the peer sent what is not ABCI 2.0: {0}")]
    Malformed(String),
    #[error("{0}")]
    Fatal(String),
    /// A request was held until CometBFT ended.
    #[error("a request was not to be answered")]
    Held,
}

impl Connection {
    fn run<H: Handler>(&mut self, handler: &H) -> Result<(), End> {
        loop {
            let (requests, malformed) = self.waiting();
            let none = requests.is_empty();
            if requests.len() > 1 {
                self.guarded(|| handler.upcoming(&requests))?;
            }
            for request in requests {
                self.answer(handler, request)?;
            }
            if let Some(reason) = malformed {
                return self.refuse(reason);
            }
            if none {
                self.flush()?;
                if self.next_bytes()? == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Reads what comes next; returns the number of bytes, 0 at the end of the stream.
    fn next_bytes(&mut self) -> io::Result<usize> {
        loop {
            self.pulse.beat();
            match self.frames.fill(&mut self.stream) {
                // Nothing has come for the time of a beat.
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                other => return other,
            }
        }
    }

    /// Takes every request that has arrived, up to [`MAX_RUN`], and the error of the one after.
    fn waiting(&mut self) -> (Vec<Request>, Option<String>) {
        let mut requests = Vec::new();
        while requests.len() < MAX_RUN {
            match self.frames.next() {
                Ok(Some(frame)) => match Request::decode(frame) {
                    Ok(request) => requests.push(request),
                    Err(error) => return (requests, Some(error.to_string())),
                },
                Ok(None) => break,
                Err(error) => return (requests, Some(error.to_string())),
            }
        }
        (requests, None)
    }

    fn answer<H: Handler>(&mut self, handler: &H, request: Request) -> Result<(), End> {
        self.pulse.beat();
        if handler.holds(&request) {
            self.flush()?;
            return Err(self.hold());
        }
        let flush = matches!(request.value, Some(request::Value::Flush(RequestFlush {})));
        match self.guarded(|| handler.handle(request))? {
            Some(response) => self.push(&response),
            None => return self.refuse("a request of no known kind".into()),
        }
        if flush || self.out.len() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Waits until CometBFT is told to end. A connection that closes before would end it by itself, with a panic.
    fn hold(&self) -> End {
        while ![&self.live.ending, &self.live.stopping].iter().any(|end| end.load(Ordering::SeqCst)) {
            self.pulse.beat();
            std::thread::sleep(HELD);
        }
        End::Held
    }

    /// Runs a part of the application. A panic that unwinds out of it means that this node must not go on.
    fn guarded<T>(&self, run: impl FnOnce() -> T) -> Result<T, End> {
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
            let sentence = match panic.downcast::<Fatal>() {
                Ok(fatal) => fatal.to_string(),
                Err(panic) => format!("a defect in the application: {}", panic_text(&*panic)),
            };
            (self.on_fatal)(&sentence);
            End::Fatal(sentence)
        })
    }

    fn refuse(&mut self, reason: String) -> Result<(), End> {
        let error = format!("this is not ABCI 2.0: {reason}");
        self.push(&Response { value: Some(response::Value::Exception(ResponseException { error })) });
        self.flush()?;
        Err(End::Malformed(reason))
    }

    fn push(&mut self, response: &Response) {
        if let Err(error) = response.encode_length_delimited(&mut self.out) {
            tracing::error!(%error, "an answer does not fit into memory");
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out)?;
            self.out.clear();
            self.out.shrink_to(FLUSH_BYTES.saturating_mul(2));
        }
        Ok(())
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it says nothing about itself")
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix(path) => match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(Self::Unix(UnixListener::bind(path)?)),
            },
            Address::Tcp(address) => Ok(Self::Tcp(TcpListener::bind(address)?)),
        }
    }

    fn address(&self, asked: Address) -> io::Result<Address> {
        match self {
            Self::Unix(_) => Ok(asked),
            Self::Tcp(listener) => Ok(Address::Tcp(listener.local_addr()?)),
        }
    }

    fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept()?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Unix(stream) => stream.try_clone().map(Self::Unix),
            Self::Tcp(stream) => stream.try_clone().map(Self::Tcp),
        }
    }

    /// Has a read that waits return after this time with an error that says so.
    fn wake_every(&self, time: Duration) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.set_read_timeout(Some(time)),
            Self::Tcp(stream) => stream.set_read_timeout(Some(time)),
        }
    }

    /// Shuts down both directions; blocked reads of other threads return.
    fn shutdown(&self) {
        // An error means that it is not connected any more, which is what is wanted.
        let _ = match self {
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write(buffer),
            Self::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => stream.flush(),
            Self::Tcp(stream) => stream.flush(),
        }
    }
}
