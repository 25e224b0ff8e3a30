//! Machines of a network of their own for tests: network namespaces with cables between them.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use super::left_out::left_out;

/// A shell in namespaces of its own, where nothing of this machine's network can be reached; all that it started ends
/// with it.
pub struct Hosts {
    shell: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Hosts {
    /// Makes hosts of these names and a cable for each pair, whose ends have the two addresses; `None`, and a line that
    /// says so, where the kernel does not let a test have networks of its own.
    pub fn new(names: &[&str], cables: &[[(&str, &str); 2]]) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--map-root-user", "--pid", "--mount-proc", "--fork", "--kill-child", "bash"]);
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let orders = shell.stdin.take().unwrap();
        let answers = BufReader::new(shell.stdout.take().unwrap());
        let mut hosts = Self { shell, orders, answers };
        let mut made = "command -v ip >/dev/null && command -v curl >/dev/null || exit 1\n".to_owned();
        for name in names {
            // The namespace is there as long as a process is in it, and from the moment on at which that has it.
            let _ = writeln!(made, "unshare --net sleep infinity & {name}=$!");
            let _ = writeln!(
                made,
                "until found=$(readlink /proc/${name}/ns/net) && [ \"$found\" != \"$(readlink /proc/self/ns/net)\" ]; do \
                 kill -0 ${name} || exit 1; sleep 0.05; done"
            );
            let _ = writeln!(made, "nsenter --net=/proc/${name}/ns/net ip link set lo up || exit 1");
        }
        for (number, ends) in cables.iter().enumerate() {
            let [one, other] = ["a", "b"].map(|end| format!("cable{number}{end}"));
            let _ = writeln!(made, "ip link add {one} type veth peer name {other} || exit 1");
            for ((name, address), device) in ends.iter().zip([one, other]) {
                let _ = writeln!(made, "ip link set {device} netns ${name} || exit 1");
                let at = format!("nsenter --net=/proc/${name}/ns/net ip");
                let _ =
                    writeln!(made, "{at} addr add {address}/24 dev {device} && {at} link set {device} up || exit 1");
            }
        }
        if hosts.run(&made).map(|(code, _)| code) != Some(0) {
            let why = "this machine does not let a test have networks of its own, or has no `ip` or `curl`";
            left_out("networks", why);
            return None;
        }
        Some(hosts)
    }

    /// Runs lines to their end; returns the exit code and what they printed.
    pub fn run(&mut self, lines: &str) -> Option<(i32, String)> {
        writeln!(self.orders, "{lines}\ncode=$?; echo; echo \"rc $code\"").ok()?;
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(code) = line.trim().strip_prefix("rc ") {
                return Some((code.parse().ok()?, printed));
            }
            printed.push_str(&line);
        }
    }

    /// Starts a node on a host; its standard error is added to the file `node.log` of its home.
    pub fn start(&mut self, host: &str, home: &std::path::Path) {
        let (diemd, home) = (env!("CARGO_BIN_EXE_diemd"), home.display());
        let line = format!(
            "nsenter --net=/proc/${host}/ns/net '{diemd}' start --home '{home}' 2>>'{home}/node.log' >/dev/null & \
             node_{host}=$!"
        );
        assert!(self.run(&line).is_some());
    }

    /// Sends a signal to the node of a host and waits until it ended; returns its exit code.
    pub fn end(&mut self, host: &str, signal: &str) -> i32 {
        let ended = self.run(&format!("kill -{signal} $node_{host}; wait $node_{host} 2>/dev/null; echo $?")).unwrap();
        ended.1.trim().parse().unwrap()
    }

    /// What a server of a host answers at its loopback address; `None` while there is none.
    pub fn get(&mut self, host: &str, port: u16, path: &str) -> Option<Value> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let (_, answer) = self.run(&format!("nsenter --net=/proc/${host}/ns/net curl -s -m 5 '{url}'"))?;
        serde_json::from_str(&answer).ok()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
