//! Threads and tasks without which there is no node. If one of them panics, the process ends: half a node is worse than
//! none.
//!
//! A panic while a request is answered, on any other thread or in any other task, ends that request only.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    cell::Cell,
    future::Future,
    io, panic,
    pin::Pin,
    process,
    task::{Context, Poll},
    thread,
};

use tokio::task::JoinHandle;

use crate::outlet;

thread_local! {
    /// Whether this thread polls a critical task right now.
    static IN_CRITICAL_TASK: Cell<bool> = const { Cell::new(false) };
}

/// The exit code after a panic on a critical thread: EX_SOFTWARE of sysexits.
const EXIT_CODE: i32 = 70;
/// The prefix of the names of critical threads. The system shows 15 bytes of a name.
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

/// Starts a critical task on the current tokio runtime. What it spawns itself is not critical by that.
pub fn spawn_task<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(Critical(Box::pin(task)))
}

/// A critical task. It marks the thread that polls it, because a task runs on any thread of the runtime, whose name
/// says nothing.
struct Critical<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Future for Critical<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        /// Restores the mark on drop, and so also after a panic that the process survives.
        struct Marked(bool);
        impl Drop for Marked {
            fn drop(&mut self) {
                IN_CRITICAL_TASK.set(self.0);
            }
        }
        let _marked = Marked(IN_CRITICAL_TASK.replace(true));
        self.0.as_mut().poll(context)
    }
}

/// Installs the panic hook of a node: a panic on a critical thread, in a critical task or on the first thread ends the
/// process after it was reported. It is called once, by a process that is a node.
///
/// The hook of the standard library writes to standard error itself and waits for whoever reads it, so this one
/// replaces it: a report that nobody reads must not keep half a node alive.
pub fn end_process_on_panic() {
    panic::set_hook(Box::new(|info| {
        let current = thread::current();
        let name = current.name().unwrap_or("unnamed");
        report(name, info);
        if name == "main" || name.starts_with(PREFIX) || IN_CRITICAL_TASK.get() {
            tracing::error!(thread = name, "this node cannot go on after a panic here: it stops; start it again");
            outlet::finish();
            process::exit(EXIT_CODE);
        }
    }));
}

/// Reports where and why a thread panicked, with a backtrace where the environment asks for one.
fn report(thread: &str, info: &panic::PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("it says nothing about itself");
    let place = info.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
    let mut text = format!("thread `{thread}` panicked at {place}: {message}");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        text.push_str(&format!("\n{backtrace}"));
    }
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{text}");
    } else {
        // A panic is reported even where the log is off.
        outlet::err(&format!("{text}\n"));
    }
}
