//! The unit of systemd: what it says, what systemd says of it, and a node that runs under its restrictions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use diem_client::Client;
use rustix::process::Signal;

use crate::support::{
    client::{person, reach, until},
    left_out::{left_out, say},
    ports::Ports,
    process::{Ended, diemd, signal, wait, words},
    single::comet_home,
};

/// The most that systemd's own measure of exposure may be, in tenths.
const MOST_EXPOSURE: u32 = 20;

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("docker/systemd/diemd.service")
}

/// The values of a setting of the unit, in order.
fn values(name: &str) -> Vec<String> {
    let text = fs::read_to_string(unit()).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('=')).filter(|(key, _)| *key == name);
    lines.map(|(_, value)| value.to_owned()).collect()
}

#[test]
fn the_unit_says_when_a_node_is_started_again_and_how_long_its_stop_may_take() {
    for (name, value) in [
        ("Type", "notify"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "2 6 7"),
        ("TimeoutStopSec", "60"),
        ("WatchdogSec", "60"),
        ("StartLimitIntervalSec", "0"),
        ("User", "diem"),
        ("ExecStart", "/usr/local/bin/diemd start"),
    ] {
        assert_eq!(values(name), [value], "{name}");
    }
    // A node that takes as long as it may to end is not killed: after the drain come the servers, CometBFT and the store, each
    // with 5 s at the most.
    let most = diem_config::LONGEST_DRAIN / 1_000 + 3 * 5;
    assert!(values("TimeoutStopSec")[0].parse::<u64>().unwrap() > most, "{most}");
    // The codes that another start does not help are those of the command line, of a halt and of unsafe signing.
    use diem_cli::Exit;
    assert_eq!([Exit::Usage, Exit::Halted, Exit::Signing].map(|exit| exit as u8), [2, 6, 7]);
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_little_that_it_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let analyze = |arguments: &[&str]| {
        let output = Command::new("systemd-analyze").args(arguments).arg("--no-pager").output();
        match output {
            Ok(output) => Some(output),
            Err(error) => {
                left_out("systemd-analyze", format!("systemd-analyze is not installed here ({error})"));
                None
            }
        }
    };
    // The program stands elsewhere in a test.
    let file = folder.path().join("diemd.service");
    let text = fs::read_to_string(unit()).unwrap().replace("/usr/local/bin/diemd", env!("CARGO_BIN_EXE_diemd"));
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let Some(verified) = analyze(&["verify", "--man=no", file]) else { return };
    assert!(verified.status.success() && words(&verified).is_empty(), "{}", words(&verified));
    let threshold = format!("--threshold={MOST_EXPOSURE}");
    let judged = analyze(&["security", "--offline=true", &threshold, file]).unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_runs_under_the_restrictions_of_the_unit() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/packages/restricted.py");
    let log = folder.path().join("node.log");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "python3", "-B"]).arg(script).arg(unit()).arg(&home);
    command.arg(diemd().get_program()).arg("start").arg("--home").arg(&home);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DIEM_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log).unwrap());
    let Ok(child) = command.spawn() else {
        left_out("mounts", "there is no unshare here");
        return;
    };
    let mut node = Ended(child);
    let said = || fs::read_to_string(&log).unwrap();
    let client = Client::new(&format!("http://127.0.0.1:{}", 1_317 + ports.offset)).unwrap();
    let answers = until("the first answer, or the reason why there is none", async || {
        if let Some(status) = node.0.try_wait().unwrap() {
            return Some(Err(status.code()));
        }
        client.status().await.ok().map(Ok)
    });
    if let Err(code) = answers.await {
        let said = said();
        // unshare itself ends with 1 where the kernel lets nobody have a namespace.
        let is_missing = code == Some(77) || said.contains("unshare failed");
        assert!(is_missing, "the node has ended with {code:?}\n{said}");
        say(&format!("this machine cannot restrict a process as the unit does: {said}"));
        return;
    }
    reach(&client, 3).await;
    client.account(&person(0).address, None, false).await.unwrap();
    // The restrictions hold: the file system is read-only, there is a filter, and nothing can gain privileges.
    let status = fs::read_to_string(format!("/proc/{}/status", node.0.id())).unwrap();
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.contains(line), "{line}\n{status}");
    }
    let mounts = fs::read_to_string(format!("/proc/{}/mounts", node.0.id())).unwrap();
    let root = mounts.lines().rfind(|line| line.split(' ').nth(1) == Some("/")).unwrap();
    assert!(root.split(' ').nth(3).unwrap().split(',').any(|option| option == "ro"), "{root}");
    signal(node.0.id(), Signal::TERM);
    let ended = wait(&mut node.0);
    assert!(ended.success(), "{ended}\n{}", said());
    let said = said();
    for trouble in ["ERROR", "panicked", "Operation not permitted", "os error 1)"] {
        assert!(!said.contains(trouble), "{trouble}\n{said}");
    }
}
