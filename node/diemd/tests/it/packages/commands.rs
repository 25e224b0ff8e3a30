//! `diemd healthz`, `diemd completions` and `diemd man`.

use std::{collections::BTreeSet, fs, path::Path};

use clap::CommandFactory as _;
use diem_node::cli::Cli;
use serde_json::Value;

use crate::support::{
    client::until,
    ports::Ports,
    process::{diemd, run, words},
    single::{Single, comet_home, instant_home},
};

fn healthz(home: &Path, more: &[&str]) -> (i32, String) {
    let ran = run(&[&["healthz", "--home", home.to_str().unwrap()], more].concat());
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), words(&ran));
    (ran.status.code().unwrap(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_healthy_while_it_answers_and_ready_while_it_can_serve() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let (code, said) = healthz(&home, &[]);
    assert!(code == 1 && said.contains("the node is not well: no node answers at"), "{said}");

    let node = Single::start(&home, &[]);
    until("health", async || (healthz(&home, &[]).0 == 0).then_some(())).await;
    until("readiness", async || (healthz(&home, &["--ready"]).0 == 0).then_some(())).await;
    assert_eq!(healthz(&home, &[]).1, "healthy\n");
    let json = |more: &[&str]| {
        let ran = run(&[&["healthz", "--home", home.to_str().unwrap(), "--output", "json"], more].concat());
        (ran.status.code().unwrap(), serde_json::from_slice::<Value>(&ran.stdout).unwrap())
    };
    assert_eq!(json(&[]), (0, serde_json::json!({ "healthy": true })));
    let (code, told) = json(&["--ready"]);
    assert_eq!((code, &told["ready"], &told["checks"]["last_block"]), (0, &true.into(), &"ok".into()), "{told}");
    // The command finds the address as the node does: in the environment before the file, and it may be named.
    let api = node.api.trim_start_matches("http://");
    let elsewhere = |variable: &str, more: &[&str]| {
        let mut command = diemd();
        command.args(["healthz", "--home", home.to_str().unwrap()]).args(more);
        command.env("DIEM_API_LISTEN", variable).output().unwrap().status.code()
    };
    assert_eq!(elsewhere("127.0.0.1:1", &[]), Some(1));
    assert_eq!(elsewhere("127.0.0.1:1", &["--api", api]), Some(0));
    let port = api.rsplit_once(':').unwrap().1;
    assert_eq!(elsewhere(&format!("0.0.0.0:{port}"), &[]), Some(0), "a server on all addresses is asked on loopback");
    assert!(node.stop().success());
    let (code, told) = json(&["--ready"]);
    assert!(code == 1 && told["error"]["message"].as_str().unwrap().starts_with("the node is not well: "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_waits_for_others_is_healthy_and_says_why_it_is_not_ready() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "localnet"]);
    let node = Single::start(&home, &[]);
    until("health", async || (healthz(&home, &[]).0 == 0).then_some(())).await;
    let (code, said) = healthz(&home, &["--ready"]);
    assert!(code == 1 && said.contains("is not ready: ") && !said.contains("does not say why"), "{said}");
    assert!(node.stop().success());
}

#[test]
fn a_home_without_a_node_is_a_failure_with_the_code_that_containers_know() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = healthz(&folder.path().join("none"), &[]);
    assert!(code == 1 && said.contains("diemd init"), "{said}");
    fs::write(folder.path().join("config.toml"), "[api]\nlisten = 7\n").unwrap();
    assert_eq!(healthz(folder.path(), &[]).0, 1);
}

/// The names of the manual pages of a command and of all below it.
fn pages(command: &clap::Command, name: &str, found: &mut BTreeSet<String>) {
    found.insert(format!("{name}.1"));
    for one in command.get_subcommands().filter(|one| one.get_name() != "help" && !one.is_hide_set()) {
        pages(one, &format!("{name}-{}", one.get_name()), found);
    }
}

#[test]
fn completions_and_manual_pages_know_every_command_and_are_the_same_twice() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let once = run(&["completions", shell]);
        assert!(once.status.success(), "{}", words(&once));
        let text = String::from_utf8(once.stdout.clone()).unwrap();
        for word in ["create-validator", "healthz", "import-key", "home"] {
            assert!(text.contains(word), "{shell} does not complete {word}");
        }
        assert_eq!(run(&["completions", shell]).stdout, once.stdout);
    }
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str| {
        let into = folder.path().join(name);
        let ran = run(&["man", "--dir", into.to_str().unwrap()]);
        assert!(ran.status.success(), "{}", words(&ran));
        let pages = fs::read_dir(&into).unwrap().map(|page| page.unwrap().path());
        pages.map(|page| (page.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&page).unwrap())).collect()
    };
    let [once, again]: [std::collections::BTreeMap<String, Vec<u8>>; 2] = [written("once"), written("again")];
    assert!(once == again);
    let mut expected = BTreeSet::new();
    pages(&Cli::command(), "diemd", &mut expected);
    assert_eq!(once.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(String::from_utf8_lossy(&once["diemd-tx-transfer.1"]).contains(".TH"), "it is a manual page");
    assert_eq!(run(&["man"]).stdout, once["diemd.1"]);
}
