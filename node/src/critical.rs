//! Threads without which there is no node. If one of them panics the process ends: half a node is worse than none.
//!
//! A panic while a request is answered, on any other thread, ends that request only.

use std::{io, panic, process, thread};

/// The exit code after a panic on a critical thread, sysexits' EX_SOFTWARE.
const EXIT_CODE: i32 = 70;
/// How the names of critical threads begin. The system shows 15 bytes of a name.
const PREFIX: &str = "diem-";

/// Starts a critical thread. `name` should have at most ten letters.
///
/// # Errors
/// The system starts no more threads.
pub fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    thread::Builder::new().name(format!("{PREFIX}{name}")).spawn(run)
}

/// Makes a panic on a critical thread, or on the first thread, end the process after it was reported. Called once, by
/// a process that is a node.
pub fn end_process_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        let current = thread::current();
        let name = current.name().unwrap_or_default();
        if name == "main" || name.starts_with(PREFIX) {
            tracing::error!(thread = name, "this node cannot go on after a panic here: it stops; start it again");
            process::exit(EXIT_CODE);
        }
    }));
}
