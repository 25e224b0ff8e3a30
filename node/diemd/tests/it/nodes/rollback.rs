//! The last blocks of a home are undone, and the node goes on to the same states.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use diem_client::Client;
use rustix::process::Signal;

use super::otherwise::Otherwise;
use crate::support::{
    client::{commit, height, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    ports::Ports,
    process::{processes_of, run, signal, words},
    single::{Single, comet_home, instant_home},
};

/// What a rollback never touches: keys, signing state, address book.
fn kept(home: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let names = [
        "cometbft/config/priv_validator_key.json",
        "cometbft/config/node_key.json",
        "cometbft/data/priv_validator_state.json",
        "cometbft/config/addrbook.json",
        "bridge_key.json",
        "config.toml",
        "genesis.json",
    ];
    names.iter().map(|name| home.join(name)).map(|path| (path.clone(), fs::read(path).ok())).collect()
}

/// Rolls a home back, which has to succeed, and returns the height and the app hash of now.
fn rolled_back(home: &Path, flags: &[&str]) -> (u64, String) {
    let before = kept(home);
    let mut line = vec!["rollback", "--yes", "--output", "json", "--home", home.to_str().unwrap()];
    line.extend(flags);
    let ran = run(&line);
    assert!(ran.status.success(), "{}", words(&ran));
    assert!(kept(home) == before, "a rollback changes no key and no signing state");
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    (answer["height"].as_u64().unwrap(), answer["app_hash"].as_str().unwrap().to_owned())
}

fn refused(home: &Path, flags: &[&str]) -> String {
    let mut line = vec!["rollback", "--yes", "--home", home.to_str().unwrap()];
    line.extend(flags);
    let ran = run(&line);
    assert!(!ran.status.success(), "{}", words(&ran));
    words(&ran)
}

/// The last height in a home whose node is stopped.
fn height_of(home: &Path) -> u64 {
    let checked = run(&["check", "--output", "json", "--home", home.to_str().unwrap()]);
    serde_json::from_slice::<serde_json::Value>(&checked.stdout).unwrap()["height"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_undone_and_executed_again_by_its_only_validator() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    assert!(refused(&home, &[]).contains("there is nothing to undo"));
    let node = Single::start(&home, &[]);
    reach(&node.client(), 5).await;
    assert!(refused(&home, &[]).contains("is in use"), "{}", refused(&home, &[]));
    assert!(node.stop().success());
    let last = height_of(&home);

    assert!(refused(&home, &["--hard"]).contains("the only validator of its chain"));
    assert!(refused(&home, &["--blocks", "2"]).contains("the only validator of its chain"));
    let too_deep = refused(&home, &["--blocks", "1000"]);
    let deepest = too_deep
        .split_once(&format!("from height {last} to "))
        .and_then(|(_, rest)| rest.split_once(" and no further"));
    // It is 1, unless there are more heights by now than are kept.
    assert!(deepest.is_some_and(|(height, _)| (1..last).contains(&height.parse().unwrap())), "{too_deep}");
    assert_eq!(height_of(&home), last, "nothing was undone");

    let (now, hash) = rolled_back(&home, &[]);
    assert_eq!((now, height_of(&home)), (last - 1, last - 1));
    // A second time there is nothing more that is sure to come again: CometBFT has the block, and waits for its execution.
    assert_eq!(rolled_back(&home, &[]), (now, hash.clone()));
    let node = Single::start(&home, &[]);
    reach(&node.client(), last + 2).await;
    assert!(root(&node.client(), now).await.contains(&hash));
    assert!(node.stop().success());

    // Whoever is killed between CometBFT and the application starts, or runs the command again.
    let engine = diem_comet::find(None, &|_| ()).unwrap().path;
    let last = height_of(&home);
    let half = || {
        let ran = Command::new(&engine).arg("rollback").arg("--home").arg(home.join("cometbft")).output().unwrap();
        assert!(ran.status.success(), "{}", words(&ran));
    };
    half();
    assert_eq!(rolled_back(&home, &[]).0, last - 1);
    let node = Single::start(&home, &[]);
    reach(&node.client(), last + 1).await;
    assert!(node.stop().success());
    let last = height_of(&home);
    half();
    let node = Single::start(&home, &[]);
    reach(&node.client(), last + 2).await;
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_removed_and_fetched_anew_by_one_of_four() {
    let _turn = turn().await;
    let mut devnet = Devnet::start(EngineUnderTest::Comet);
    let (client, home) = (devnet.client(0), devnet.home(2));
    commit(&client, devnet.transfer(0, 0, diem_core::Address([7; 20]), 1)).await;
    reach(&client, 8).await;
    signal(devnet.pid(2), Signal::TERM);
    until("the end of one node", async || processes_of(&home).is_empty().then_some(())).await;
    let last = height_of(&home);
    let (now, hash) = rolled_back(&home, &["--blocks", "5"]);
    assert_eq!(now, last - 5);
    assert!(root(&client, now).await.contains(&hash), "the state of then is that of the others");
    // One height more by itself, after CometBFT alone went back one: the application follows over both.
    let engine = diem_comet::find(None, &|_| ()).unwrap().path;
    let half = ["rollback", "--hard", "--home", home.join("cometbft").to_str().unwrap()].map(str::to_owned);
    assert!(Command::new(&engine).args(half).output().unwrap().status.success());
    assert_eq!((height_of(&home), rolled_back(&home, &["--hard"]).0), (last - 5, last - 7));
    let node = Single::start(&home, &[]);
    let goal = height(&client).await.unwrap() + 3;
    reach(&node.client(), goal).await;
    reach(&client, goal).await;
    for height in [now, last, goal] {
        assert_eq!(root(&node.client(), height).await, root(&client, height).await, "height {height}");
    }
    assert!(node.stop().success());
    undone_after_a_defect(&client, &home).await;
    devnet.kill();
}

/// A program with a defect computes another state after one block, and can take no later one. Undone, the block is executed
/// again by a program without it, and the node is back on the chain of the others.
async fn undone_after_a_defect(client: &Client, home: &Path) {
    let defective = Otherwise::start(home);
    let goal = height(client).await.unwrap() + 3;
    until("the defective node on the chain", async || (defective.app.info().height >= goal).then_some(())).await;
    defective.err_once();
    let (wrong, reason) = until("the end of its consensus", async || defective.halted()).await;
    assert!(reason.contains("this node computes another state than the network"), "{reason}");
    assert_eq!(defective.app.info().height, wrong, "no later block is taken");
    let other = hex::encode(defective.app.info().root);
    reach(client, wrong + 3).await;
    assert!(!root(client, wrong).await.contains(&other));
    tokio::task::block_in_place(|| defective.stop());

    // The right program alone does not help: the state of before is there. It says so, while it catches up already.
    let from = fs::read_to_string(home.join("node.log")).unwrap().len();
    let (status, log) = Single::start(home, &[]).ended();
    assert!(status.code() == Some(1) && log[from..].contains("this node computes another state"), "{}", &log[from..]);
    assert!(log[from..].contains("`diemd rollback`"), "{}", &log[from..]);
    let (now, hash) = rolled_back(home, &[]);
    assert_eq!(now, wrong - 1);
    assert!(root(client, now).await.contains(&hash));
    let node = Single::start(home, &[]);
    let goal = height(client).await.unwrap() + 3;
    reach(&node.client(), goal).await;
    reach(client, goal).await;
    for height in [wrong, goal] {
        assert_eq!(root(&node.client(), height).await, root(client, height).await, "height {height}");
    }
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_instant_engine_made_is_taken_back_by_a_running_node() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let node = Single::start(&home, &["--block-time", "5ms"]);
    reach(&node.client(), 3).await;
    assert!(node.stop().success());
    assert!(refused(&home, &[]).contains("POST /v1/dev/revert"));
}
