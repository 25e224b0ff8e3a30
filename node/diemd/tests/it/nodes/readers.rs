//! A node whose reports nobody reads, or whose log is on a full disk, works all the same.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Stdio},
};

use diem_client::Client;
use rustix::{io::ioctl_fionread, process::Signal};

use crate::support::{
    client::{height, reach, until},
    devnet::{Devnet, EngineUnderTest},
    disk::SmallDisk,
    ports::Ports,
    process::{diemd, full_pipe, signal, wait, words},
    single::{Single, instant_home},
};

/// A number of bytes that is more than any line of the log, and less than what a pipe holds.
const NEARLY_FULL: u64 = 32 * 1024;

fn full_disk() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// The number of lost lines of the log, as the node's metrics report it.
async fn lost(metrics: &str) -> Option<u64> {
    let text = reqwest::get(format!("http://{metrics}/metrics")).await.ok()?.text().await.ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("diem_log_lost_lines_total "))?;
    line.parse().ok()
}

/// Checks that blocks go on, the node is ready, and Ctrl-C ends it in order.
async fn it_works(node: Single) {
    let client = node.client();
    let from = reach(&client, 1).await;
    reach(&client, from + 5).await;
    until("readiness", async || client.ready().await.ok().filter(|ready| ready.ready)).await;
    assert!(node.stop_by(Signal::INT).success());
}

async fn a_full_disk(home: &Path, chatty: &[&str]) {
    let node = Single::start_telling(home, chatty, full_disk());
    reach(&node.client(), 2).await;
    let config = std::fs::read_to_string(home.join("config.toml")).unwrap();
    let config: toml::Table = toml::from_str(&config).unwrap();
    let metrics = config["metrics"]["listen"].as_str().unwrap();
    until("lost lines in the metrics", async || lost(metrics).await.filter(|lost| *lost > 0)).await;
    it_works(node).await;
}

async fn a_reader_who_leaves(home: &Path, chatty: &[&str]) {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let node = Single::start_telling(home, chatty, writer);
    reader.read_exact(&mut [0; 20]).unwrap();
    drop(reader);
    it_works(node).await;
}

async fn a_reader_who_stalls(home: &Path, chatty: &[&str]) {
    let (reader, writer) = std::io::pipe().unwrap();
    let node = Single::start_telling(home, chatty, writer);
    until("a full pipe", async || (ioctl_fionread(&reader).unwrap() > NEARLY_FULL).then_some(())).await;
    // The log lines of these blocks no longer fit.
    let from = reach(&node.client(), 1).await;
    reach(&node.client(), from + 50).await;
    it_works(node).await;
}

/// The file of the log stays within its bounds, and one that cannot be written is said once and missed by nobody.
async fn a_file(home: &Path, chatty: &[&str]) {
    let bounded = ["--set", "log.file=kept.log", "--set", "log.file_size=64KiB", "--set", "log.files=3"];
    let node = Single::start_telling(home, &[chatty, &bounded].concat(), Stdio::null());
    until("a third file", async || home.join("kept.log.2").exists().then_some(())).await;
    it_works(node).await;
    for (number, name) in ["kept.log.2", "kept.log.1", "kept.log"].into_iter().enumerate() {
        let (path, text) = (home.join(name), fs::read_to_string(home.join(name)).unwrap());
        assert!(text.len() <= 64 * 1024 && !text.contains('\x1b'), "{name}: {}", text.len());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(number < 2 || text.ends_with('\n'), "the last line is whole");
    }
    assert!(!home.join("kept.log.3").exists());
    let node = Single::start(home, &["--block-time", "5ms", "--set", "log.file=missing/node.log"]);
    it_works(node).await;
    let said = fs::read_to_string(home.join("node.log")).unwrap();
    assert_eq!(said.matches("missing/node.log cannot be written").count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_works_whatever_becomes_of_the_readers_of_its_log() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let chatty = ["--block-time", "5ms", "--log-level", "trace"];
    a_full_disk(&home, &chatty).await;
    a_reader_who_leaves(&home, &chatty).await;
    a_reader_who_stalls(&home, &chatty).await;
    a_file(&home, &chatty).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_file_lies_on_a_small_disk_warns_and_goes_on() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, small) = (instant_home(folder.path(), &ports), folder.path().join("small"));
    fs::create_dir(&small).unwrap();
    let Some(mut disk) = SmallDisk::mount(&small, "8m") else { return };
    let log = folder.path().join("log");
    let said = || fs::read_to_string(&log).unwrap_or_default();
    disk.start(&home, &format!("--set log.file='{}'", small.join("node.log").display()), &log);
    let sentence = format!("the disk of the log is low: the file system at {}, where `log.file` lies", small.display());
    until("the warning", async || said().contains(&sentence).then_some(())).await;
    reach(&Client::new(&format!("http://127.0.0.1:{}", 1_317 + ports.offset)).unwrap(), 1).await;
    assert_eq!(disk.run("kill $node"), Some(0));
    let (code, disk) = disk.ended().await;
    assert_eq!((code, said().matches(&sentence).count()), (Some(0), 1), "{}", said());
    assert!(fs::read_to_string(disk.seen(&small.join("node.log"))).unwrap().contains("stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn so_does_one_with_cometbft() {
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let chatty = ["--block-time", "0s", "--log-level", "trace", "--set", "comet.log_level=*:debug"];
    a_full_disk(&devnet.home(0), &chatty).await;
    a_reader_who_leaves(&devnet.home(0), &chatty).await;
    a_reader_who_stalls(&devnet.home(0), &chatty).await;
}

fn ended(mut child: Child) -> Option<i32> {
    wait(&mut child).code()
}

#[test]
fn a_command_whose_words_nobody_takes_ends_with_its_own_exit_code() {
    let nowhere = tempfile::tempdir().unwrap();
    let start = ["start", "--home", nowhere.path().to_str().unwrap()];
    let query = ["query", "status", "--node", "http://127.0.0.1:9"];
    for (args, code) in [(&start[..], 2), (&query, 1)] {
        let child = diemd().args(args).stdin(Stdio::null()).stderr(full_disk()).spawn().unwrap();
        assert_eq!(ended(child), Some(code), "{args:?}");
    }
    // Even the last sentence of a node does not wait for its reader.
    let (_reader, stalled) = full_pipe();
    let child = diemd().args(start).stdin(Stdio::null()).stderr(stalled).spawn().unwrap();
    assert_eq!(ended(child), Some(2));
    // Data that somebody asked for is no report, so its loss is an error.
    let output = diemd().args(["curve", "rate", "--help"]).stdout(full_disk()).stderr(Stdio::piped()).output().unwrap();
    assert_ne!(output.status.code(), Some(101), "{}", words(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_whose_screen_nobody_sees_works() {
    let devnet = Devnet::prepared(EngineUnderTest::Instant);
    let (_out, stalled_out) = full_pipe();
    let (_err, stalled_err) = full_pipe();
    let stdio: [(Stdio, Stdio); 2] =
        [(full_disk().into(), full_disk().into()), (stalled_out.into(), stalled_err.into())];
    for (stdout, stderr) in stdio {
        let _ = std::fs::remove_file(devnet.ready_file());
        let mut child = devnet.command(&[]).stdout(stdout).stderr(stderr).spawn().unwrap();
        let ready = until("a ready devnet", async || std::fs::read_to_string(devnet.ready_file()).ok()).await;
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let client = diem_client::Client::new(ready["nodes"][0]["api"].as_str().unwrap()).unwrap();
        until("an answer", async || height(&client).await).await;
        signal(child.id(), Signal::INT);
        assert!(wait(&mut child).success());
    }
}
