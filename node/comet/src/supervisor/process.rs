//! The child as a process: it is started so that it dies with us, asked to end before it is killed, and found again
//! after a crash.

use std::{
    io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use diem_host::{child, service};
use rustix::process::Signal;

use crate::config::StateSync;

/// The interval at which an ending process is polled.
const TICK: Duration = Duration::from_millis(20);

/// Starts CometBFT. The kernel kills it when the thread that calls this ends.
pub(super) fn spawn(binary: &Path, home: &Path) -> io::Result<Child> {
    let mut command = Command::new(binary);
    command.arg("start").arg("--home").arg(home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // CometBFT 0.38.25 reads `temp_dir` of its section `statesync` and does not use it: chunks on their way go to the folder
    // for temporary files, and stay there when it is killed. The folder in the home is there while it looks for snapshots.
    let chunks = StateSync::folder(home);
    if chunks.is_dir() {
        command.env("TMPDIR", chunks);
    }
    child::die_with_thread(&mut command);
    service::conceal(&mut command);
    command.spawn()
}

/// Asks a child to end, and kills it after `grace`. CometBFT may hang on a polite request when the application is gone
/// already.
pub(super) fn stop(child: &mut Child, grace: Duration) {
    if !child::stop(child, grace) && !grace.is_zero() {
        tracing::warn!("CometBFT did not stop within {} ms and was killed", grace.as_millis());
    }
}

/// Ends the CometBFT of an earlier run that `pid_file` names, if it still runs for this home.
///
/// # Errors
/// The id of the process, if it does not end.
pub(crate) fn end_leftover(pid_file: &Path, home: &Path, grace: Duration) -> Result<(), u32> {
    let Some(pid) = std::fs::read_to_string(pid_file).ok().and_then(|text| text.trim().parse().ok()) else {
        return Ok(());
    };
    if is_ours(pid, home) {
        tracing::warn!(pid, "CometBFT of an earlier run is still there and is ended");
        child::signal(pid, Signal::TERM);
        if !gone_within(pid, home, grace) {
            child::signal(pid, Signal::KILL);
            if !gone_within(pid, home, Duration::from_secs(10)) {
                return Err(pid);
            }
        }
    }
    let _ = std::fs::remove_file(pid_file);
    Ok(())
}

fn gone_within(pid: u32, home: &Path, patience: Duration) -> bool {
    let asked = Instant::now();
    while is_ours(pid, home) {
        if asked.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(TICK);
    }
    true
}

/// Whether `pid` is a CometBFT that was started on this home: process ids are reused, and a process of somebody else
/// must live. A process that has ended and waits to be collected has no command line, so it never matches.
fn is_ours(pid: u32, home: &Path) -> bool {
    let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
        return false;
    };
    let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    arguments.windows(3).any(|three| three == [b"start".as_slice(), b"--home", home.as_os_str().as_bytes()])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Starts a child that looks like CometBFT on `home` from outside.
    fn lookalike(home: &Path, body: &str) -> Child {
        let file = home.join("comet");
        std::fs::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        loop {
            match spawn(&file, home) {
                // The child of another test still holds the file open for writing.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => std::thread::sleep(TICK),
                child => return child.unwrap(),
            }
        }
    }

    fn wait_for_word(child: &mut Child) {
        use std::io::Read as _;
        let mut word = [0u8; 3];
        child.stdout.take().unwrap().read_exact(&mut word).unwrap();
    }

    #[test]
    fn a_leftover_is_ended_even_if_it_does_not_listen() {
        let home = tempfile::tempdir().unwrap();
        let mut child = lookalike(home.path(), "trap '' TERM; echo up; while :; do /bin/sleep 0.1; done");
        wait_for_word(&mut child);
        let pid_file = home.path().join("pid");
        std::fs::write(&pid_file, child.id().to_string()).unwrap();
        // The thread collects the child when it ends; in the case that is tested, its real parent died long ago.
        let collector = std::thread::spawn(move || child.wait().unwrap());
        end_leftover(&pid_file, home.path(), Duration::from_millis(200)).unwrap();
        assert!(!collector.join().unwrap().success());
        assert!(!pid_file.exists());
    }

    #[test]
    fn a_stranger_with_the_same_number_lives() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut child = lookalike(other.path(), "echo up; while :; do /bin/sleep 0.1; done");
        wait_for_word(&mut child);
        let pid_file = home.path().join("pid");
        std::fs::write(&pid_file, child.id().to_string()).unwrap();
        end_leftover(&pid_file, home.path(), Duration::from_secs(5)).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "the stranger was ended");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn garbage_in_the_pid_file_names_nobody() {
        let home = tempfile::tempdir().unwrap();
        let pid_file = home.path().join("pid");
        for text in ["", "x", "-1", "0", "4294967295"] {
            std::fs::write(&pid_file, text).unwrap();
            end_leftover(&pid_file, home.path(), Duration::from_secs(1)).unwrap();
        }
    }
}
