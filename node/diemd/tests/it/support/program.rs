//! The real program, run to its end beside a node of this process.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// The result of a command.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.stdout, self.stderr))
    }
}

/// The program with the wallet of `home`, which asks the node at `node`; nothing else is in its environment.
pub fn diemd(home: &Path, node: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diemd"));
    command.env_clear().env("DIEM_HOME", home).env("DIEM_NODE", node);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command on another thread, so that the node of this process goes on, with this text as its standard input if
/// that is piped.
pub async fn run(mut command: Command, stdin: &str) -> Ran {
    let stdin = stdin.to_owned();
    let whole = move || {
        let mut child = command.spawn().unwrap();
        if let Some(mut pipe) = child.stdin.take() {
            // A command that does not read it may have ended before.
            let _ = pipe.write_all(stdin.as_bytes());
        }
        child.wait_with_output().unwrap()
    };
    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(whole).await.unwrap();
    Ran {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
