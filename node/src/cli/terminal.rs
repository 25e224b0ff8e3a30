//! Asking on the terminal for what nobody should see.

use std::{fs::File, io::IsTerminal as _, sync::OnceLock, thread};

use anyhow::anyhow;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{Failure, failure::usage};
use crate::signals::Signals;

/// How a shell calls the end by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// Asks on the terminal without showing what is typed.
pub(super) fn ask_secret(prompt: &str, instead: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(usage(anyhow!("there is no terminal to ask on: give {instead}")));
    }
    let unreadable = |error: std::io::Error| usage(anyhow!("the terminal cannot be read: {error}"));
    restore_when_interrupted().map_err(unreadable)?;
    match rpassword::prompt_password(prompt) {
        Ok(answer) => Ok(Zeroizing::new(answer)),
        // The prompt has read Ctrl-C and sent this process the signal of it, which is on its way.
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => loop {
            thread::park();
        },
        Err(error) => Err(unreadable(error)),
    }
}

/// From now on a signal that ends this process leaves the terminal as it is at this moment: a prompt for a secret turns
/// its echo off, and a process that is simply ended turns nothing on again.
fn restore_when_interrupted() -> std::io::Result<()> {
    static WATCHED: OnceLock<()> = OnceLock::new();
    if WATCHED.get().is_some() {
        return Ok(());
    }
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let (ready, heard) = std::sync::mpsc::channel();
    thread::Builder::new().name("terminal".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(mut signals) = Signals::listen() else { return };
            let _ = ready.send(());
            signals.any().await;
        });
        restore(&terminal, &before);
    })?;
    // The sender is dropped where nobody can listen: then the echo is not turned off either.
    heard.recv().map_err(|_| std::io::Error::other("signals cannot be heard"))?;
    let _ = WATCHED.set(());
    Ok(())
}

/// Ends the process as the signal would have, with the terminal as it was.
fn restore(terminal: &File, before: &Termios) -> ! {
    // What is typed and not read is gone with the process.
    let _ = tcsetattr(terminal, OptionalActions::Flush, before);
    std::process::exit(INTERRUPTED)
}
