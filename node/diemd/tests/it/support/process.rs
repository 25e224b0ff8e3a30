//! The program as a process: how it is started, told to end, and found.

use std::{
    fs,
    io::{PipeReader, PipeWriter, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, Signal, kill_process},
};

use super::client::PATIENCE;

/// The program under test. It reads no setting of the shell that runs the test, where the size of a test is a variable
/// of the same prefix.
pub fn diemd() -> Command {
    program(Path::new(env!("CARGO_BIN_EXE_diemd")))
}

/// A program like [`diemd`] that stands elsewhere.
pub fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DIEM_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end.
pub fn run(args: &[&str]) -> Output {
    diemd().args(args).stdin(Stdio::null()).output().unwrap()
}

/// The standard error of a command.
pub fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits for a process, and kills it when the patience is over.
pub fn wait(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("process {} does not end", child.id());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The process id in a home's pid file.
pub fn pid_of(home: &Path) -> u32 {
    fs::read_to_string(home.join("run/diemd.pid")).unwrap().trim().parse().unwrap()
}

/// The ids of running processes with `folder` in their command line.
pub fn processes_of(folder: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()) {
            found.push(pid);
        }
    }
    found
}

/// Makes a pipe that is full, and whose reader reads nothing.
pub fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 4_096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// A child process that is killed on drop, whatever becomes of the test.
pub struct Ended(pub Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
