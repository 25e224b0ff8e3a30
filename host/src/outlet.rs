//! Output to standard error and standard output that never blocks: its reader may be slow, gone, or a full disk.
//!
//! What only reports must never hold up what works. A line is put into a bounded queue and written by a thread of its
//! own, so that its producer never waits and never fails. A line that finds the queue full, or that cannot be written,
//! is dropped and counted; once lines get through again, one says how many are missing.
//!
//! A node and a devnet begin with [`detach`]. Other commands write to standard error directly, so that their messages
//! keep their place between their data, and ignore write errors.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::{AsFd as _, BorrowedFd},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::critical;

/// The most bytes that wait in a queue.
const MAX_WAITING: usize = 4 * 1024 * 1024;
/// The longest time that a process that ends waits for its last lines to be read.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// The pause before a retry while a non-blocking descriptor has no room.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(10);

static ERR: OnceLock<Outlet> = OnceLock::new();
static OUT: OnceLock<Outlet> = OnceLock::new();
static FILE: OnceLock<Outlet> = OnceLock::new();

/// Makes all later output on standard error and standard output non-blocking for its producer. It is called once by a
/// process that has more to do than to report; a second call changes nothing.
///
/// # Errors
/// The system has no more descriptors or threads.
pub fn detach() -> io::Result<()> {
    attach(&ERR, "stderr", io::stderr().as_fd(), say_lost)?;
    attach(&OUT, "stdout", io::stdout().as_fd(), |_| {})
}

fn attach(place: &OnceLock<Outlet>, name: &str, fd: BorrowedFd<'_>, recovered: fn(u64)) -> io::Result<()> {
    if place.get().is_none() {
        // The outlet has a descriptor of its own: the lock of `io::stderr` would be held for as long as a write waits.
        let outlet = Outlet::start(name, File::from(fd.try_clone_to_owned()?), recovered)?;
        // Of two outlets that are made at once, either will do.
        let _ = place.set(outlet);
    }
    Ok(())
}

/// Has the lines of the log written to `file` too, which may block and fail as it likes: a line that it refuses is lost there,
/// and counted. It is called once; a second call changes nothing.
///
/// # Errors
/// The system has no more threads.
pub fn log_to(file: impl Write + Send + 'static) -> io::Result<()> {
    if FILE.get().is_none() {
        // Standard error has the lines that the file lacks.
        let _ = FILE.set(Outlet::start("logfile", file, say_lost)?);
    }
    Ok(())
}

fn say_lost(lines: u64) {
    tracing::warn!(lines, "so many lines before this one were lost: nobody took them, or their disk was full");
}

/// Writes text to standard error.
pub fn err(text: &str) {
    match ERR.get() {
        Some(outlet) => outlet.put(text.as_bytes()),
        // The error is dropped: whoever closed standard error wants no text.
        None => drop(io::stderr().write_all(text.as_bytes())),
    }
}

/// Writes text that only reports to standard output. Data that somebody asked for is written directly: there a failure
/// is an error.
pub fn out(text: &str) {
    match OUT.get() {
        Some(outlet) => outlet.put(text.as_bytes()),
        None => {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        }
    }
}

/// Waits at most `patience` until the lines so far are written, so that text on the other stream comes after them.
pub fn settle(patience: Duration) {
    let started = Instant::now();
    for outlet in [&ERR, &OUT, &FILE].into_iter().filter_map(OnceLock::get) {
        outlet.settle(patience.saturating_sub(started.elapsed()));
    }
}

/// Waits a moment until the last lines are written. It is called right before the process ends.
pub fn finish() {
    settle(LAST_PATIENCE);
}

/// Whether everything on standard output was written: a status line that shows the present need not wait in the queue.
pub fn out_is_read() -> bool {
    OUT.get().is_none_or(|outlet| outlet.settle(Duration::ZERO))
}

/// The failure of the last line of standard output, where it could not be written; it is told once.
pub fn out_failure() -> Option<io::Error> {
    OUT.get().and_then(|outlet| outlet.0.queue.lock().failure.take())
}

/// The number of lines of standard error, and of the file of the log, that were dropped since the process began.
pub fn lost() -> u64 {
    [&ERR, &FILE].into_iter().filter_map(OnceLock::get).map(Outlet::lost).fold(0, u64::saturating_add)
}

/// Standard error, and the file of the log if there is one, as a writer for the log that never waits and never fails.
#[derive(Debug, Clone, Copy)]
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match ERR.get() {
            Some(outlet) => outlet.put(bytes),
            None => drop(io::stderr().write_all(bytes)),
        }
        if let Some(file) = FILE.get() {
            file.put(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue before one descriptor.
struct Outlet(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signalled when a line was put in.
    filled: Condvar,
    /// Signalled when every line was written or dropped.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// Whether a line has been taken out and is being written.
    writing: bool,
    /// The number of lines that were ever dropped, and the number of those that were reported.
    lost: u64,
    told: u64,
    /// The failure of the last line, where it could not be written.
    failure: Option<io::Error>,
}

impl Outlet {
    /// Starts a thread that writes to `to` and ends with the process. `recovered` is told how many lines were lost when
    /// one gets through again; it may put lines itself.
    fn start(name: &str, to: impl Write + Send + 'static, recovered: fn(u64)) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let queue = Arc::clone(&shared);
        critical::spawn(name, move || queue.write_all(to, recovered))?;
        Ok(Self(shared))
    }

    /// Puts a line into the queue, or drops it if too many bytes wait.
    fn put(&self, line: &[u8]) {
        let mut queue = self.0.queue.lock();
        let bytes = queue.bytes.saturating_add(line.len());
        if bytes > MAX_WAITING {
            queue.lost = queue.lost.saturating_add(1);
            return;
        }
        queue.bytes = bytes;
        queue.lines.push_back(line.into());
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Waits until every line was written or dropped; `false` if that takes longer than `patience`.
    fn settle(&self, patience: Duration) -> bool {
        let deadline = Instant::now().checked_add(patience);
        let mut queue = self.0.queue.lock();
        while queue.writing || !queue.lines.is_empty() {
            let Some(deadline) = deadline else { return false };
            if self.0.emptied.wait_until(&mut queue, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    fn lost(&self) -> u64 {
        self.0.queue.lock().lost
    }
}

impl Shared {
    fn write_all(&self, mut to: impl Write, recovered: fn(u64)) {
        // Set when the last line broke off: the next one must not go on in it.
        let mut torn = false;
        loop {
            let line = self.take();
            let written =
                if torn { write(&mut to, b"\n").and_then(|()| write(&mut to, &line)) } else { write(&mut to, &line) };
            let is_written = written.is_ok();
            let missing = {
                let mut queue = self.queue.lock();
                queue.writing = false;
                match written {
                    Ok(()) => (torn, queue.failure) = (false, None),
                    Err(Broken { begun, error }) => {
                        torn |= begun;
                        queue.lost = queue.lost.saturating_add(1);
                        queue.failure = Some(error);
                    }
                }
                let missing = queue.lost.saturating_sub(queue.told);
                if is_written {
                    queue.told = queue.lost;
                }
                if queue.lines.is_empty() {
                    self.emptied.notify_all();
                }
                missing
            };
            if is_written && missing > 0 {
                recovered(missing);
            }
        }
    }

    /// Takes the next line; waits for one.
    fn take(&self) -> Box<[u8]> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                queue.bytes = queue.bytes.saturating_sub(line.len());
                queue.writing = true;
                return line;
            }
            self.filled.wait(&mut queue);
        }
    }
}

/// A line that was not written.
struct Broken {
    /// Whether some of it was.
    begun: bool,
    error: io::Error,
}

/// Writes all of `bytes`.
fn write(to: &mut impl Write, bytes: &[u8]) -> Result<(), Broken> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let broken = |error| Broken { begun: rest.len() < bytes.len(), error };
        match to.write(rest) {
            Ok(0) => return Err(broken(io::ErrorKind::WriteZero.into())),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another process that shares the descriptor has made it non-blocking.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(NO_ROOM_PAUSE),
            Err(error) => return Err(broken(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// The number of bytes to take of the next write, or the error that refuses it.
    type Order = Result<usize, io::ErrorKind>;

    /// A reader that takes bytes when it is told to, or refuses them.
    struct Reader {
        orders: Receiver<Order>,
        got: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let most = self.orders.recv().unwrap_or(Ok(usize::MAX))?;
            let taken = bytes.get(..most).unwrap_or(bytes);
            self.got.lock().extend_from_slice(taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn outlet(recovered: fn(u64)) -> (Outlet, Sender<Order>, Arc<Mutex<Vec<u8>>>) {
        let (order, orders) = channel();
        let got = Arc::new(Mutex::new(Vec::new()));
        let reader = Reader { orders, got: Arc::clone(&got) };
        (Outlet::start("test", reader, recovered).unwrap(), order, got)
    }

    #[test]
    fn nobody_waits_for_a_reader_who_stalls_and_what_is_lost_is_counted_and_told() {
        static TOLD: AtomicU64 = AtomicU64::new(0);
        let (outlet, order, got) = outlet(|lines| {
            TOLD.fetch_add(lines, Ordering::SeqCst);
        });
        let line = vec![b'x'; 1024 * 1024];
        for _ in 0..10 {
            outlet.put(&line);
        }
        assert!(!outlet.settle(Duration::from_millis(1)));
        // Four lines wait, and perhaps one more is being written.
        let lost = outlet.lost();
        assert!(matches!(lost, 5 | 6), "{lost}");
        drop(order);
        assert!(outlet.settle(PATIENCE));
        assert_eq!(got.lock().len() as u64, (10 - lost) * (1 << 20));
        let told = Instant::now();
        while TOLD.load(Ordering::SeqCst) < lost {
            assert!(told.elapsed() < PATIENCE, "nobody was told");
        }
        assert_eq!(TOLD.load(Ordering::SeqCst), lost);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_dropped_and_the_next_one_begins_anew() {
        let (outlet, order, got) = outlet(|_| {});
        for text in ["first\n", "second\n", "third\n", "fourth\n"] {
            outlet.put(text.as_bytes());
        }
        let (full, all) = (Err(io::ErrorKind::StorageFull), Ok(usize::MAX));
        // The second line breaks off, the third finds no room for a line end, and the fourth gets through.
        for step in [all, Ok(3), full, full, all, Err(io::ErrorKind::Interrupted), Err(io::ErrorKind::WouldBlock), all]
        {
            order.send(step).unwrap();
        }
        assert!(outlet.settle(PATIENCE));
        assert_eq!(String::from_utf8_lossy(&got.lock()), "first\nsec\nfourth\n");
        assert_eq!(outlet.lost(), 2);
        assert!(outlet.0.queue.lock().failure.is_none(), "the last line is there");
    }

    #[test]
    fn a_reader_who_is_gone_costs_nothing() {
        let (outlet, order, _) = outlet(|_| {});
        for _ in 0..100 {
            order.send(Err(io::ErrorKind::BrokenPipe)).unwrap();
            outlet.put(b"x\n");
        }
        assert!(outlet.settle(PATIENCE));
        assert_eq!(outlet.lost(), 100);
        let failure = outlet.0.queue.lock().failure.take();
        assert_eq!(failure.map(|error| error.kind()), Some(io::ErrorKind::BrokenPipe));
    }
}
