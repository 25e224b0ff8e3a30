//! Questions on the terminal whose answers nobody should see.
//!
//! The terminal edits the line and handles its own keys (Ctrl-C, Ctrl-Z, Ctrl-\) as ever; only its echo is off.
//! Whatever ends or stops this process meanwhile, the terminal is restored.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use futures::FutureExt as _;
use rustix::{
    process::{Signal, getpgrp, getpid, getsid, kill_process},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr},
};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::signals::Signals;

/// The exit code by which a shell knows an end by Ctrl-C.
const INTERRUPTED: i32 = 130;
/// The exit code by which a shell knows an end by Ctrl-\.
const QUIT: i32 = 131;

/// Asks on the terminal without showing what is typed.
///
/// # Errors
/// The terminal cannot be read or set.
pub fn ask(prompt: &str) -> io::Result<Zeroizing<String>> {
    watch()?;
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let shown = tcgetattr(&terminal)?;
    let question = Question { terminal: terminal.try_clone()?, shown, prompt: prompt.into() };
    {
        // The lock is held, so that a signal waits until it is known what there is to restore.
        let mut asked = open();
        let shown = question.show();
        if shown.is_err() {
            question.restore(OptionalActions::Now);
        }
        shown?;
        *asked = Some(question);
    }
    let answer = read_line(&mut terminal);
    if let Some(question) = open().take() {
        question.restore(OptionalActions::Now);
    }
    answer
}

/// Reads what is typed up to the end of the line. The bytes are wiped wherever they were.
fn read_line(terminal: &mut File) -> io::Result<Zeroizing<String>> {
    let (mut line, mut part) = (Zeroizing::new(Vec::with_capacity(4096)), Zeroizing::new([0; 256]));
    while line.last() != Some(&b'\n') {
        let read = match terminal.read(part.as_mut_slice()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        match part.get(..read) {
            Some(typed) if read > 0 => line.extend_from_slice(typed),
            _ => break,
        }
    }
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "nothing was typed"));
    }
    let text = std::str::from_utf8(&line).map_err(|_| io::Error::other("what was typed is no text"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// An open question, on a terminal whose echo is off.
struct Question {
    terminal: File,
    /// The settings of the terminal before the question.
    shown: Termios,
    prompt: String,
}

impl Question {
    /// Turns the echo off, and asks.
    fn show(&self) -> io::Result<()> {
        let mut hidden = self.shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&self.terminal, OptionalActions::Now, &hidden)?;
        (&self.terminal).write_all(self.prompt.as_bytes())
    }

    fn restore(&self, actions: OptionalActions) {
        // The error is dropped: a terminal that is gone shows nothing any more.
        let _ = tcsetattr(&self.terminal, actions, &self.shown);
    }
}

/// The question that is open, for the thread that hears the signals.
static OPEN: Mutex<Option<Question>> = Mutex::new(None);

fn open() -> MutexGuard<'static, Option<Question>> {
    // A poisoned lock is fine, because each change is one step.
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes every signal that ends or stops this process restore the terminal from now on: a process that is simply killed
/// turns no echo on again.
fn watch() -> io::Result<()> {
    static WATCHED: OnceLock<()> = OnceLock::new();
    if WATCHED.get().is_some() {
        return Ok(());
    }
    let (ready, heard) = std::sync::mpsc::channel();
    thread::Builder::new().name("terminal".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let (Ok(mut ends), Ok(mut quit)) = (Signals::listen(), signal(SignalKind::quit())) else { return };
            let Ok(mut stop) = signal(SignalKind::from_raw(Signal::TSTP.as_raw())) else { return };
            let Ok(mut continued) = signal(SignalKind::from_raw(Signal::CONT.as_raw())) else { return };
            let _ = ready.send(());
            loop {
                tokio::select! {
                    () = ends.any() => end(INTERRUPTED),
                    _ = quit.recv() => end(QUIT),
                    _ = stop.recv() => pause(&mut continued).await,
                }
            }
        });
    })?;
    // The sender is dropped where nobody can listen: then the echo is not turned off either.
    heard.recv().map_err(|_| io::Error::other("signals cannot be heard"))?;
    let _ = WATCHED.set(());
    Ok(())
}

/// Ends the process as the signal would have, with the terminal restored.
fn end(code: i32) -> ! {
    if let Some(question) = &*open() {
        // Text that was typed and not read is dropped with the process.
        question.restore(OptionalActions::Flush);
    }
    std::process::exit(code)
}

/// Stops the process as the signal would have, with the terminal restored, and asks again when it goes on.
async fn pause(continued: &mut tokio::signal::unix::Signal) {
    // In the session's own process group there is no shell that could continue it.
    if getsid(None).is_ok_and(|session| session == getpgrp()) {
        return;
    }
    // What continued the process after an earlier stop says nothing about this one.
    while continued.recv().now_or_never().flatten().is_some() {}
    if let Some(question) = &*open() {
        question.restore(OptionalActions::Now);
    }
    let _ = kill_process(getpid(), Signal::STOP);
    // The signal may stop this thread last, so it waits for the one that ends the stop before it hides anything again.
    continued.recv().await;
    if let Some(question) = &*open() {
        // Where the terminal is gone, the read that waits fails.
        let _ = question.show();
    }
}
