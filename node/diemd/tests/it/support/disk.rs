//! A small disk for tests of what happens when it fills.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{left_out::left_out, stopping::END};

/// A shell in a mount namespace of its own, with a small disk mounted on a folder.
pub struct SmallDisk {
    shell: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl SmallDisk {
    /// Mounts a disk of this size; `None`, and a line that says so, where the kernel does not let a test have mounts of
    /// its own.
    pub fn mount(at: &Path, size: &str) -> Option<Self> {
        let mounted = Self::mounted(at, size);
        if mounted.is_none() {
            left_out("mounts", "this machine does not let a test have mounts of its own");
        }
        mounted
    }

    fn mounted(at: &Path, size: &str) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().ok()?;
        let orders = shell.stdin.take().unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        let mut disk = Self { shell, orders, answers };
        let mounted = disk.run(&format!("mount -t tmpfs -o size={size} tmpfs '{}'", at.display()));
        (mounted == Some(0)).then_some(disk)
    }

    /// A path on this disk as this process, which has other mounts, can read it.
    pub fn seen(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.shell.id(), path.display()))
    }

    /// Starts a node on this disk, which ends with it; its standard error is added to `log`.
    pub fn start(&mut self, home: &Path, flags: &str, log: &Path) {
        let (home, log) = (home.display(), log.display());
        let diemd = env!("CARGO_BIN_EXE_diemd");
        let line =
            format!("'{diemd}' start --home '{home}' --die-with-parent $$ {flags} 2>>'{log}' >/dev/null & node=$!");
        assert_eq!(self.run(&line), Some(0));
    }

    /// Waits until the node ends that was started last, and returns its exit code; whoever meets a full disk has a
    /// bounded time for it.
    pub async fn ended(mut self) -> (Option<i32>, Self) {
        let ended = tokio::task::spawn_blocking(move || (self.run("wait $node"), self));
        tokio::time::timeout(10 * END, ended).await.expect("the node ends in time").unwrap()
    }

    /// Takes all room that is left, by a file of this name.
    pub fn fill(&mut self, file: &Path) {
        assert_eq!(self.run(&format!("dd if=/dev/zero of='{}' bs=4k 2>/dev/null", file.display())), Some(1));
    }

    /// Takes room until so many KiB are left, by a file of this name on the disk, which grows.
    pub fn leave(&mut self, file: &Path, kib: u32) {
        let file = file.display();
        let taken = format!(
            ": >> '{file}'; more=$(($(df -k --output=avail '{file}' | tail -1) - {kib})); \
             [ $more -le 0 ] || head -c ${{more}}K /dev/zero >> '{file}'"
        );
        assert_eq!(self.run(&taken), Some(0));
    }

    /// Runs a line to its end; returns its exit code.
    pub fn run(&mut self, line: &str) -> Option<i32> {
        writeln!(self.orders, "{line}\necho \"rc $?\"").ok()?;
        loop {
            let mut answer = String::new();
            if self.answers.read_line(&mut answer).ok()? == 0 {
                return None;
            }
            if let Some(code) = answer.trim().strip_prefix("rc ") {
                return code.parse().ok();
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
