//! Failures of parts that do not end the process, and ends that must be explained: CometBFT that fails, hangs or has
//! lost its data, a full disk, a terminal that closes.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use diem_client::Client;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{
    client::{answering, height, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    disk::SmallDisk,
    load::Load,
    ports::Ports,
    process::{run, signal, wait},
    single::{Single, instant_home},
};

/// The deadline of a question about the node's health, ten times the second within which it is answered.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);

fn comet_pid(home: &Path) -> u32 {
    fs::read_to_string(home.join("cometbft/cometbft.pid")).unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_do_not_wait_for_a_cometbft_that_hangs_and_say_since_when_it_is_silent() {
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let home = devnet.home(0);
    let node = Single::start(&home, &[]);
    reach(&node.client(), 2).await;
    until("readiness", async || node.client().ready().await.ok().filter(|ready| ready.ready)).await;

    signal(comet_pid(&home), Signal::STOP);
    let http = reqwest::Client::builder().timeout(PROBE_DEADLINE).build().unwrap();
    // A machine that stands still meanwhile makes one answer late, and not each.
    let ask = async |path: &str| {
        until(&format!("an answer to {path} in time"), async || {
            http.get(format!("{}{path}", node.api)).send().await.ok()?.text().await.ok()
        })
        .await
    };
    for path in ["/readyz", "/v1/status", "/v1/clock"] {
        ask(path).await;
    }
    until("the silence is told", async || ask("/readyz").await.contains("CometBFT is silent for").then_some(())).await;
    let status = node.client().status().await.unwrap();
    let trouble = status.trouble.unwrap();
    assert!(trouble.contains("CometBFT is silent for") && trouble.contains(", since 2"), "{trouble}");
    assert_eq!((status.catching_up, status.peers), (None, None));
    assert!(status.latest.is_some(), "what the node has itself is shown");
    let clock = ask("/v1/clock").await;
    assert!(clock.contains("CometBFT is silent for"), "{clock}");
    commands_say_that_it_is_silent(&home);

    signal(comet_pid(&home), Signal::CONT);
    until("readiness", async || node.client().ready().await.ok().filter(|ready| ready.ready)).await;
    assert_eq!(node.client().status().await.unwrap().trouble, None);
    let status = run(&["validator", "status", "--home", home.to_str().unwrap()]);
    assert!(status.status.success() && !told(&status).contains("silent"), "{}", told(&status));
    assert!(node.stop().success());
}

/// What a command has printed.
fn told(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Checks that nobody takes what a node with a silent engine knows of a validator for the present.
fn commands_say_that_it_is_silent(home: &Path) {
    let validator = |words: &[&str]| run(&[&["validator"], words, &["--home", home.to_str().unwrap()]].concat());
    let table = validator(&["status"]);
    assert!(table.status.success(), "what was asked for is told");
    let line = told(&table).lines().find(|line| line.starts_with("not current")).map(str::to_owned).unwrap();
    assert!(line.contains("CometBFT is silent for") && line.contains(", since 2"), "{line}");
    let json: Value = serde_json::from_slice(&validator(&["status", "--output", "json"]).stdout).unwrap();
    assert!(json["trouble"].as_str().unwrap().contains("CometBFT is silent for"), "{json}");
    let watch = validator(&["watch", "--once"]);
    let line = told(&watch);
    assert_eq!(watch.status.code(), Some(1), "{line}");
    assert!(line.contains(" behind (was ok)") && line.contains("CometBFT is silent for"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_terminal_goes_stops_in_order() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let client = Client::new(&node_api(&home)).unwrap();
    let log = home.join("node.log");
    // Whoever runs the tests may ignore the signal themselves, and children inherit that.
    let start = |how: &str| {
        let mut command = Command::new("env");
        command.args([how, env!("CARGO_BIN_EXE_diemd"), "start", "--home"]).arg(&home).stdin(Stdio::null());
        command.stderr(File::create(&log).unwrap()).spawn().unwrap()
    };
    let mut child = start("--default-signal=HUP");
    reach(&client, 1).await;
    signal(child.id(), Signal::HUP);
    assert!(wait(&mut child).success());
    assert!(fs::read_to_string(&log).unwrap().contains("stopped"));

    // A process that is started with the signal ignored, as by nohup, lives on.
    let mut child = start("--ignore-signal=HUP");
    reach(&client, 1).await;
    signal(child.id(), Signal::HUP);
    // The request was sent after the signal, and this is its answer.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(height(&client).await.is_some());
    signal(child.id(), Signal::TERM);
    assert!(wait(&mut child).success());
}

fn node_api(home: &Path) -> String {
    let config: toml::Table = toml::from_str(&fs::read_to_string(home.join("config.toml")).unwrap()).unwrap();
    format!("http://{}", config["api"]["listen"].as_str().unwrap())
}

/// The log of a node's last run, and its exit code.
fn last_run(home: &Path) -> (Option<i32>, String) {
    let before = fs::read_to_string(home.join("node.log")).unwrap_or_default().len();
    let (status, said) = Single::start(home, &[]).ended();
    (status.code(), said[before..].to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_were_lost_damaged_or_made_unwritable_are_named_with_what_to_do() {
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let home = devnet.home(0);
    let data = home.join("cometbft/data");
    let backup = home.join("backup");
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&data, &backup);
    for lost in [&["blockstore.db", "state.db", "cs.wal"][..], &["blockstore.db"], &["state.db"]] {
        copy(&backup, &data);
        for name in lost {
            fs::remove_dir_all(data.join(name)).unwrap();
        }
        let (code, said) = last_run(&home);
        assert_eq!(code, Some(1), "{lost:?}: {said}");
        let end = said.lines().last().unwrap();
        assert!(end.contains("its blocks and the application's state do not fit together"), "{lost:?}: {said}");
        assert!(end.contains("its last words: ") && !end.contains("goroutine") && !end.contains(".go:"), "{end}");
        assert_eq!(said.matches("CometBFT started").count(), 1, "another start changes nothing: {said}");
    }
    for damaged in ["blockstore.db", "state.db", "evidence.db"] {
        copy(&backup, &data);
        for file in fs::read_dir(data.join(damaged)).unwrap() {
            let path = file.unwrap().path();
            let length = usize::try_from(path.metadata().unwrap().len()).unwrap();
            fs::write(path, "damage ".repeat(length / 7 + 1)).unwrap();
        }
        let (code, said) = last_run(&home);
        assert_eq!(code, Some(1), "{damaged}: {said}");
        let end = said.lines().last().unwrap();
        assert!(end.contains("one of its databases is damaged"), "{damaged}: {said}");
        assert!(end.contains("its last words: ") && !end.contains("goroutine"), "{damaged}: {end}");
        assert_eq!(said.matches("CometBFT started").count(), 1, "another start changes nothing: {said}");
    }
    copy(&backup, &data);
    for text in ["", "{}"] {
        fs::write(data.join("priv_validator_state.json"), text).unwrap();
        let (code, said) = last_run(&home);
        assert_eq!(code, Some(7));
        assert!(said.contains("may sign twice and be punished") && !said.contains("CometBFT started"), "{said}");
    }
    copy(&backup, &data);
    // No file of CometBFT may grow any more, which its log of consensus meets first.
    let node = Single::start(&home, &[]);
    reach(&node.client(), 3).await;
    let comet = comet_pid(&home).to_string();
    assert!(Command::new("prlimit").args(["--pid", &comet, "--fsize=1"]).status().unwrap().success());
    let (status, said) = node.ended();
    assert_eq!(status.code(), Some(8), "{said}");
    assert!(said.lines().last().unwrap().contains("raise its size limit, and start again"), "{said}");
    let node = Single::start(&home, &[]);
    reach(&node.client(), 3).await;
    assert!(node.stop().success());
}

/// The room of the small disks on which a node is low, and on which it stops; it starts with twice the latter.
/// A home that was copied or mounted listens before it signs, here for as short as it can.
const ROOM: &str = "--set disk.warn=24MiB --set disk.stop=8MiB --set signing.listen_still=1s";

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_stops_a_node_under_load_in_order_and_room_starts_it_again() {
    let devnet = Arc::new(Devnet::of_one(EngineUnderTest::Comet));
    let (folder, api) = (tempfile::tempdir().unwrap(), node_api(&devnet.home(0)));
    let Some(mut disk) = SmallDisk::mount(folder.path(), "256m") else { return };
    let (home, filler) = (folder.path().join("home"), folder.path().join("filler"));
    let log = devnet.dir().join("small-disk.log");
    let said = || fs::read_to_string(&log).unwrap();
    let told = |sentence: &str| said().lines().last().unwrap_or_default().contains(sentence);
    assert_eq!(disk.run(&format!("cp -a '{}' '{}'", devnet.home(0).display(), home.display())), Some(0));
    disk.start(&home, ROOM, &log);
    let client = Client::new(&api).unwrap();
    answering(&client).await;
    let load = Load::start(&devnet);
    let before = reach(&client, height(&client).await.unwrap() + 3).await;
    let remembered = root(&client, before).await;

    disk.leave(&filler, 20 << 10);
    until("the warning", async || said().contains("the disk is low").then_some(())).await;
    let low = async || {
        let answer = reqwest::get(format!("{api}/readyz?need=disk")).await.ok()?;
        (answer.status().as_u16() == 503).then_some(())
    };
    until("a node that is not ready", low).await;
    disk.leave(&filler, 7 << 10);
    let (code, mut disk) = disk.ended().await;
    assert_eq!(code, Some(8), "{}", said());
    let sentence = format!(
        "there is no room for the node: the file system at {0}, where {0}/home lies, has ",
        folder.path().display()
    );
    let rest = "; a node stops below 8192 KiB (`disk.stop`) and starts with 16 MiB: make room and start again";
    assert!(told(&sentence) && told(rest), "{}", said());
    // Nothing failed: it was warned of once, and ended as when it is asked to.
    assert_eq!(said().matches("the disk is low").count(), 1, "{}", said());
    assert!(said().contains("CometBFT stopped") && said().contains("stopped"), "{}", said());
    for failure in ["CONSENSUS FAILURE", "no space left", "CometBFT ended"] {
        assert!(!said().contains(failure), "{failure}: {}", said());
    }

    // It does not start with less than twice the room below which it stops.
    assert_eq!(disk.run(&format!("rm '{}'", filler.display())), Some(0));
    disk.leave(&filler, 12 << 10);
    let starts = said().matches("CometBFT started").count();
    disk.start(&home, ROOM, &log);
    let (code, mut disk) = disk.ended().await;
    assert_eq!(code, Some(8), "{}", said());
    assert!(told(&sentence) && told(rest) && said().matches("CometBFT started").count() == starts, "{}", said());

    assert_eq!(disk.run(&format!("rm '{}'", filler.display())), Some(0));
    disk.start(&home, ROOM, &log);
    reach(&client, before + 3).await;
    assert_eq!(root(&client, before).await, remembered);
    assert!(load.stop().await > 0, "{}", said());
    disk.run("kill $node");
    assert_eq!(disk.ended().await.0, Some(0), "{}", said());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_filled_at_once_ends_a_node_with_the_same_sentence_whoever_meets_its_end() {
    // The part that lies on the small disk: all of the home, what CometBFT writes to, or what this program does.
    for part in ["", "cometbft/data", "data"] {
        let devnet = Arc::new(Devnet::of_one(EngineUnderTest::Comet));
        let home = devnet.home(0);
        let small = if part.is_empty() { home.clone() } else { home.join(part) };
        let log = devnet.dir().join("small-disk.log");
        let said = || fs::read_to_string(&log).unwrap();
        let kept = devnet.dir().join("kept");
        assert!(Command::new("cp").arg("-a").args([&small, &kept]).status().unwrap().success());
        let Some(mut disk) = SmallDisk::mount(&small, "160m") else { return };
        assert_eq!(disk.run(&format!("cp -a '{}/.' '{}'", kept.display(), small.display())), Some(0));
        disk.start(&home, ROOM, &log);
        let client = Client::new(&node_api(&home)).unwrap();
        answering(&client).await;
        let load = Load::start(&devnet);
        let before = reach(&client, height(&client).await.unwrap() + 3).await;
        let remembered = root(&client, before).await;

        let filler = small.join("filler");
        disk.fill(&filler);
        let (code, mut disk) = disk.ended().await;
        assert_eq!(code, Some(8), "`{part}`: {}", said());
        let sentence = format!("the file system at {}, where ", small.display());
        let told = || said().lines().last().unwrap_or_default().contains(&sentence);
        assert!(told(), "`{part}`: {}", said());
        let pid = fs::read_to_string(disk.seen(&home.join("cometbft/cometbft.pid")));
        assert!(pid.is_err(), "CometBFT was stopped: {pid:?}");

        // Without any room it does not start, and damages nothing.
        disk.fill(&small.join("more"));
        disk.start(&home, ROOM, &log);
        let (code, mut disk) = disk.ended().await;
        assert!(code == Some(8) && told(), "`{part}`: {}", said());

        assert_eq!(disk.run(&format!("cd '{}' && rm filler more", small.display())), Some(0));
        disk.start(&home, ROOM, &log);
        reach(&client, before + 3).await;
        assert_eq!(root(&client, before).await, remembered, "`{part}`");
        load.stop().await;
        disk.run("kill $node");
        assert_eq!(disk.ended().await.0, Some(0), "`{part}`: {}", said());
    }
}

/// Without the watch of the disk a write fails, and whoever has met it says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_a_node_that_does_not_watch_it_and_whose_cometbft_was_told_to_log_nothing() {
    let settings = "--set disk.stop=off --set comet.log_level=none --set signing.listen_still=1s";
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let (folder, api) = (tempfile::tempdir().unwrap(), node_api(&devnet.home(0)));
    let Some(mut disk) = SmallDisk::mount(folder.path(), "100m") else { return };
    let (home, log) = (folder.path().join("home"), devnet.dir().join("small-disk.log"));
    let said = || fs::read_to_string(&log).unwrap();
    assert_eq!(disk.run(&format!("cp -a '{}' '{}'", devnet.home(0).display(), home.display())), Some(0));
    disk.start(&home, settings, &log);
    let client = Client::new(&api).unwrap();
    let before = reach(&client, 3).await;
    let remembered = root(&client, before).await;

    disk.fill(&home.join("filler"));
    let (code, mut disk) = disk.ended().await;
    assert_eq!(code, Some(8), "{}", said());
    let last = said().lines().last().unwrap().to_owned();
    assert!(last.contains("the disk is full") || last.contains("no space left for"), "{}", said());
    let pid = fs::read_to_string(disk.seen(&home.join("cometbft/cometbft.pid")));
    assert!(pid.is_err(), "CometBFT was stopped: {pid:?}");

    // Without any room the node does not start, and damages nothing.
    disk.fill(&home.join("more"));
    disk.start(&home, settings, &log);
    let (code, mut disk) = disk.ended().await;
    assert_eq!(code, Some(8), "{}", said());

    assert_eq!(disk.run(&format!("cd '{}' && rm filler more", home.display())), Some(0));
    disk.start(&home, settings, &log);
    reach(&client, before + 2).await;
    assert_eq!(root(&client, before).await, remembered);
    disk.run("kill $node");
    assert_eq!(disk.ended().await.0, Some(0), "{}", said());
}
