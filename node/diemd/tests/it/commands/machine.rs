//! Machines on which something is not as usual: no home directory, a clock that is wrong.

use std::{
    fs,
    process::{Command, Output, Stdio},
};

use diem_api::Status;
use diem_core::Time;
use diem_host::clock;

use crate::support::{
    client::reach,
    left_out::{left_out, say},
    ports::Ports,
    process::words,
    proxy::Proxy,
    single::{Single, instant_home},
};

/// The user who is given to commands that run without being in the system's list of users.
const STRANGER: &str = "54321";

/// Runs a command with nothing in its environment but these variables.
fn run_with(environment: &[(&str, &str)], line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_diemd"));
    command.env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command.args(line.split(' ')).output().unwrap()
}

/// The home directory of this user by the system's list.
fn listed_home() -> Option<String> {
    let (own, list) = (rustix::process::getuid().as_raw().to_string(), fs::read_to_string("/etc/passwd").ok()?);
    let mut lines = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.get(2) == Some(&own.as_str())).map(|fields| fields[5].to_owned())
}

#[test]
fn without_home_in_the_environment_the_home_directory_is_that_of_the_list_of_users() {
    let Some(listed) = listed_home() else {
        say(&"this user is not in the list of users");
        return;
    };
    for environment in [&[][..], &[("HOME", "")]] {
        let ran = run_with(environment, "query account nobody");
        assert_eq!(ran.status.code(), Some(2), "{}", words(&ran));
        assert!(words(&ran).contains(&format!("a key in {listed}/.diem/keys")), "{}", words(&ran));
    }
}

#[test]
fn a_home_directory_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing can be made below a file.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let home = file.join("home");
    let home = home.to_str().unwrap();
    for (line, code, sentence) in [
        ("keys add alice --plain-for x-dev", 2, "file/home/.diem"),
        ("init --preset localnet", 2, "file/home/.diem"),
        ("start", 2, "file/home/.diem is not the home of a node: make one with `diemd init --home "),
        ("healthz", 1, "file/home/.diem/config.toml: "),
        ("validator status", 1, "no node answers at http://127.0.0.1:1317"),
        ("doctor", 1, ""),
    ] {
        let ran = run_with(&[("HOME", home)], line);
        let said = words(&ran);
        assert_eq!(ran.status.code(), Some(code), "`{line}`: {said}");
        assert!(said.contains(sentence) && !said.contains("panicked"), "`{line}`: {said}");
    }
}

#[test]
fn a_user_without_a_home_directory_has_to_name_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let as_stranger = |line: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", &format!("--map-user={STRANGER}"), env!("CARGO_BIN_EXE_diemd")]);
        command.args(line.split(' ')).env_clear().env("PATH", "/usr/bin:/bin").current_dir(folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    };
    let version = as_stranger("--version");
    if !version.status.success() {
        left_out("users", format!("this machine lets no test be another user: {}", words(&version)));
        return;
    }
    for line in ["keys list", "query status", "start", "healthz", "validator watch --once", "doctor", "peers"] {
        let ran = as_stranger(line);
        assert_eq!(ran.status.code(), Some(2), "`{line}`: {}", words(&ran));
        let sentence =
            "this user has no home directory, and so no ~/.diem: name a folder with `--home`, or in DIEM_HOME";
        assert!(words(&ran).contains(sentence), "`{line}`: {}", words(&ran));
    }
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was made where it stood");
    for line in ["keys list --home .", "curve quote --supply 1000DIEM --lock 1VVV", "completions bash"] {
        let ran = as_stranger(line);
        assert!(ran.status.success(), "`{line}`: {}", words(&ran));
    }
}

/// Runs a command against a node whose last block is of another time than it is, as for a machine whose clock is wrong.
async fn with_clock_off(node: &Single, by_ms: i64, line: &str) -> String {
    let proxy = Proxy::before(&node.api, move |path, answer| {
        if path == "/v1/status" {
            let mut status: Status = serde_json::from_value(answer.clone()).unwrap();
            status.engine = "cometbft".into();
            if let Some(head) = &mut status.latest {
                head.time = Time(clock::now().checked_add_signed(-by_ms).unwrap());
            }
            *answer = serde_json::to_value(status).unwrap();
        }
    })
    .await;
    let (home, line) = (node.home.to_str().unwrap().to_owned(), format!("{line} --node {}", proxy.url));
    let ran = tokio::task::spawn_blocking(move || run_with(&[("DIEM_HOME", &home)], &line)).await.unwrap();
    assert!(ran.status.success(), "{}", words(&ran));
    String::from_utf8_lossy(&ran.stdout).into_owned() + &words(&ran)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_two_minutes_off_is_said_by_who_asks_how_a_node_stands() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let node = Single::start(&instant_home(folder.path(), &ports), &["--block-time", "200ms"]);
    reach(&node.client(), 3).await;
    let operator = node.client().validators().await.unwrap().answer.items[0].operator;
    for line in ["query status".to_owned(), format!("validator status {operator}")] {
        let ahead = with_clock_off(&node, 120_000, &line).await;
        assert!(ahead.contains("the chain stands, or this clock is wrong"), "`{line}`: {ahead}");
        let behind = with_clock_off(&node, -120_500, &line).await;
        assert!(behind.contains("this machine's clock is 120 s behind that of the chain"), "`{line}`: {behind}");
        let right = with_clock_off(&node, 500, &line).await;
        assert!(!right.contains("clock"), "`{line}`: {right}");
    }
    assert!(node.stop().success());
}
