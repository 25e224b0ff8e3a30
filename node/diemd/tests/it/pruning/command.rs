//! `diemd prune` on stopped homes of both engines.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    time::Duration,
};

use diem_client::Client;
use diem_core::sha256;
use serde_json::Value;

use super::{get, json, lowest_of_cometbft, prune, stores};
use crate::support::{
    client::{height, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{diemd, run, words},
    single::Single,
};

/// The blocks of the chains that are pruned, and the number of them that is kept.
const BLOCKS: u64 = 250;
const KEEP: u64 = 100;

/// The hashes of keys, signing state and settings.
fn own_files(home: &Path) -> BTreeMap<String, [u8; 32]> {
    let names = [
        "config.toml",
        "genesis.json",
        "cometbft/config/priv_validator_key.json",
        "cometbft/config/node_key.json",
        "cometbft/config/genesis.json",
        "cometbft/data/priv_validator_state.json",
        "bridge_key.json",
    ];
    let hash = |name: &&str| Some((String::from(*name), sha256(&[&fs::read(home.join(name)).ok()?])));
    names.iter().filter_map(hash).collect()
}

/// What `diemd check` finds in a stopped home, whose state must hold together.
fn checked(home: &Path) -> Value {
    json(&run(&["check", "--output", "json", "--home", home.to_str().unwrap()]))
}

/// Starts a node that makes blocks as fast as it can and takes no snapshot, and waits until it has enough of them.
async fn with_blocks(home: &Path, engine: EngineUnderTest) -> (Single, Client) {
    // One that was taken when the chain was made would keep all blocks.
    let _ = fs::remove_dir_all(home.join("data/snapshots"));
    let mut args = vec!["--set", "snapshot.every=off"];
    args.extend(match engine {
        EngineUnderTest::Comet => ["--block-time", "0s"],
        EngineUnderTest::Instant => ["--block-time", "5ms"],
    });
    let node = Single::start(home, &args);
    let client = node.client();
    until("the blocks", async || height(&client).await.filter(|height| *height >= BLOCKS)).await;
    (node, client)
}

/// Checks that what stands in blocks from `first` on is found, and that the answer for those below says where they begin.
async fn is_pruned_to(api: &str, first: u64) {
    for path in ["blocks", "light"] {
        let (status, answer) = get(&format!("{api}/v1/{path}/{first}")).await;
        assert_eq!(status, 200, "{path}: {answer}");
        for gone in [1, first - 1] {
            let (status, answer) = get(&format!("{api}/v1/{path}/{gone}")).await;
            let message = answer["error"]["message"].as_str().unwrap();
            assert_eq!((status, &answer["error"]["name"]), (410, &"pruned".into()), "{path}: {answer}");
            assert!(message.ends_with(&format!("the first block of this node is {first}")), "{message}");
        }
    }
    let (status, answer) = get(&format!("{api}/v1/events?from={}", first - 1)).await;
    assert_eq!((status, &answer["error"]["name"]), (410, &"pruned".into()), "{answer}");
    let (status, answer) = get(&format!("{api}/v1/tx/{}", "00".repeat(32))).await;
    assert_eq!((status, &answer["error"]["name"]), (404, &"not_found".into()), "{answer}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("this node has blocks from {first} on only")), "{message}");
}

async fn a_stopped_home_is_pruned_and_goes_on(engine: EngineUnderTest) {
    let devnet = Devnet::of_one(engine);
    let home = devnet.home(0);
    let said = prune(&home, &[]);
    assert!(!said.status.success() && words(&said).contains("say what to keep by --keep-blocks"), "{}", words(&said));
    let (node, _) = with_blocks(&home, engine).await;
    let keep = KEEP.to_string();
    let said = prune(&home, &["--keep-blocks", &keep]);
    assert!(!said.status.success() && words(&said).contains("in use"), "{}", words(&said));
    assert!(node.stop().success());
    // However many blocks it made until it stopped, the last one is kept.
    let before = checked(&home);

    let (own, bytes) = (own_files(&home), stores(&home));
    let pruned = json(&prune(&home, &["--keep-blocks", &keep]));
    let (first, last) = (pruned["first_block"].as_u64().unwrap(), pruned["height"].as_u64().unwrap());
    assert_eq!((own_files(&home), first), (own.clone(), last - KEEP));
    assert_eq!(pruned["bytes_before"].as_u64(), Some(bytes));
    assert_eq!(pruned["bytes_after"].as_u64(), Some(stores(&home)));
    assert!(!home.join("run/prune").exists());
    assert_eq!(checked(&home), before);
    // What is gone is gone: the second time nothing happens, and nothing breaks.
    let again = json(&prune(&home, &["--keep-blocks", &keep]));
    assert_eq!(
        (&again["first_block"], &again["height"], &again["app_hash"]),
        (&first.into(), &last.into(), &pruned["app_hash"])
    );
    assert_eq!(own_files(&home), own);

    let node = Single::start(&home, &["--set", "snapshot.every=off"]);
    let client = node.client();
    until("the first answer", async || client.status().await.ok()).await;
    if engine == EngineUnderTest::Comet {
        assert_eq!(lowest_of_cometbft(&home).await, first);
        reach(&client, last + 3).await;
    }
    is_pruned_to(&node.api, first).await;
    assert_eq!(before["height"], last);
    assert!(root(&client, last).await.contains(before["app_hash"].as_str().unwrap()), "{before}");
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_home_of_cometbft_is_pruned_and_goes_on_with_its_keys() {
    let _turn = turn().await;
    a_stopped_home_is_pruned_and_goes_on(EngineUnderTest::Comet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_home_of_the_development_engine_is_pruned_and_goes_on() {
    a_stopped_home_is_pruned_and_goes_on(EngineUnderTest::Instant).await;
}

/// A node that began to prune by its configuration answers the same way, and its CometBFT has the same first block.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_node_prunes_both_stores_to_one_height() {
    let _turn = turn().await;
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let home = devnet.home(0);
    let (node, _) = with_blocks(&home, EngineUnderTest::Comet).await;
    assert!(node.stop().success());
    let keep = ["--set", "snapshot.every=off", "--set", "store.keep_blocks=100"];
    let node = Single::start(&home, &keep);
    let client = node.client();
    // Blocks go on meanwhile, so the first one is asked before and after.
    until("both first blocks", async || {
        let latest = height(&client).await?;
        let lowest = lowest_of_cometbft(&home).await;
        (lowest >= latest - 101 && lowest <= latest).then_some(())
    })
    .await;
    assert!(node.stop().success());
    let node = Single::start(&home, &["--set", "snapshot.every=off", "--set", "comet.block_time=1h"]);
    let client = node.client();
    until("the first answer", async || client.status().await.ok()).await;
    let first = lowest_of_cometbft(&home).await;
    is_pruned_to(&node.api, first).await;
    assert!(node.stop().success());
}

/// The line after which CometBFT's state is taken back and its last block executed again.
const BEGINS: &str = "CometBFT's databases";

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_prunes_a_home_goes_on_and_can_be_pruned_again() {
    let _turn = turn().await;
    let devnet = Devnet::of_one(EngineUnderTest::Comet);
    let home = devnet.home(0);
    let (node, _) = with_blocks(&home, EngineUnderTest::Comet).await;
    assert!(node.stop().success());
    let line = ["prune", "--home", home.to_str().unwrap(), "--keep-blocks", "100"];
    for pause in [0, 40, 120, 300] {
        let own = own_files(&home);
        let mut child =
            diemd().args(line).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains(BEGINS)), "it ended before");
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(own_files(&home), own, "killed after {pause} ms");
        let node = Single::start(&home, &["--set", "snapshot.every=off"]);
        let client = node.client();
        let last = until("the first answer", async || height(&client).await).await;
        reach(&client, last + 2).await;
        assert!(node.stop().success());
    }
    let pruned = json(&prune(&home, &["--keep-blocks", "100"]));
    assert_eq!(pruned["first_block"].as_u64().unwrap() + KEEP, pruned["height"].as_u64().unwrap());
    checked(&home);
}

#[test]
fn a_home_without_a_block_has_nothing_to_prune() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    assert!(run(&["init", "--home", home.to_str().unwrap()]).status.success());
    let said = prune(&home, &["--keep-blocks", "10"]);
    assert!(!said.status.success() && words(&said).contains("no block was committed"), "{}", words(&said));
    let said = prune(&folder.path().join("none"), &["--keep-blocks", "10"]);
    assert!(!said.status.success() && words(&said).contains("diemd init"), "{}", words(&said));
}
