//! Nodes whose peers have pruned what they need: they are told what to do, before they begin where that is possible, and
//! wait for what may come.

use std::fs;

use diem_client::{Client, verify::header_hash};

use super::{Joiner, nothing_is_left};
use crate::support::{
    client::{height, reach, root, until},
    devnet::Devnet,
    network::turn,
    process::{run, words},
    single::Single,
};

/// The height and the hash of the last block of a node, as an operator names it.
async fn point(client: &Client) -> String {
    let height = height(client).await.unwrap() - 1;
    format!("{height}:{}", hex::encode(header_hash(&client.light_block(height).await.unwrap()).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_peers_have_pruned_what_it_needs_is_told_and_waits_for_a_snapshot() {
    let _turn = turn().await;
    let mut devnet = Devnet::of_long_trust(1, |_| {});
    assert!(devnet.stop().success());
    let home = devnet.home(0);
    let settings = ["--set", "snapshot.every=off", "--set", "comet.block_time=0ms"];
    let whole = Single::start(&home, &settings);
    let client = whole.client();
    reach(&client, 110).await;
    assert_eq!(client.status().await.unwrap().first_block, Some(1));
    let trusted = point(&client).await;
    // Two homes are made while all blocks are there, and are started when they are gone.
    let by_blocks = Joiner::prepared(&[&whole.api], &["--from-genesis"]);
    let files = tempfile::tempdir().unwrap();
    let ready = files.path().join("ready.json");
    let flags = ["--trust", &trusted, "--patience", "10s", "--ready-file", ready.to_str().unwrap()];
    let by_snapshot = Joiner::prepared(&[&whole.api], &flags);
    // The file of an earlier run, which the start removes.
    fs::write(&ready, "old").unwrap();
    // One node by two URLs is one node.
    let twice = files.path().join("twice");
    let by_name = whole.api.replace("127.0.0.1", "localhost");
    let line = ["join", &whole.api, &by_name, "--home", twice.to_str().unwrap(), "--no-start", "--yes"];
    let said = words(&run(&line));
    assert!(said.contains(&format!("{by_name} and {} lead to one node", whole.api)), "{said}");
    assert!(said.contains("one node alone cannot be compared with others"), "{said}");
    let last = reach(&client, 140).await;
    assert!(whole.stop().success());
    let _ = fs::remove_dir_all(home.join("data/snapshots"));
    let pruned = run(&["prune", "--home", home.to_str().unwrap(), "--keep-blocks", "30"]);
    assert!(pruned.status.success() && words(&pruned).contains("`diemd rollback` can undo"), "{}", words(&pruned));
    let pruning = Single::start(&home, &settings);
    let client = pruning.client();
    reach(&client, last + 2).await;
    let first = client.status().await.unwrap().first_block.unwrap();
    assert!(first > 1, "{first}");

    // A newcomer is told before anything is made.
    let nowhere = tempfile::tempdir().unwrap();
    let new_home = nowhere.path().join("home");
    let refused = |more: &[&str]| {
        let mut line = vec!["join", &pruning.api, "--home", new_home.to_str().unwrap(), "--no-start", "--yes"];
        line.extend(more);
        let refused = run(&line);
        assert!(refused.status.code() == Some(1) && !new_home.exists(), "{}", words(&refused));
        words(&refused)
    };
    let sentence = format!("no node that you named has block 1 any more: the lowest is {first}, of {}", pruning.api);
    for flags in [&[][..], &["--from-genesis"]] {
        let said = refused(flags);
        assert!(said.contains(&sentence) && said.contains("None of them offers a snapshot either"), "{said}");
    }

    // The homes that were made before wait, and say for what.
    let (mut by_blocks, mut by_snapshot) = (by_blocks, by_snapshot);
    for joiner in [&mut by_blocks, &mut by_snapshot] {
        joiner.start();
    }
    let sentence = format!("no node that this one joins by has block 1: the lowest is {first}, of {}", pruning.api);
    for joiner in [&by_blocks, &by_snapshot] {
        until("the sentence", async || joiner.log().contains(&sentence).then_some(())).await;
    }
    assert!(!ready.exists());
    let log = by_snapshot.log();
    assert!(log.contains("and all blocks cannot be executed instead") && log.contains("Name an archive node"), "{log}");

    // A snapshot comes, which one of them takes by itself, and the other where it is told to.
    let taken = run(&["snapshot", "create", "--home", home.to_str().unwrap()]);
    assert!(taken.status.success(), "{}", words(&taken));
    let began = by_snapshot.follows().await;
    assert!(began > first, "{began}");
    until("the ready file", async || fs::read_to_string(&ready).ok().filter(|text| text.contains("began_at"))).await;
    assert!(refused(&["--from-genesis"]).contains("Join by the snapshot that they offer, without --from-genesis"));
    assert!(!by_blocks.log().contains("the node stopped"), "{}", by_blocks.log());
    assert!(by_blocks.node.take().unwrap().stop().success());
    // A node that was away catches up, and says how far it is. From here on blocks come slowly.
    assert!(by_snapshot.node.take().unwrap().stop().success());
    let goal = height(&client).await.unwrap() + 300;
    reach(&client, goal).await;
    assert!(pruning.stop().success());
    let pruning = Single::start(&home, &settings[..2]);
    let client = pruning.client();
    reach(&client, goal + 2).await;
    let before = by_snapshot.log().len();
    by_snapshot.start();
    let said = || by_snapshot.log()[before..].to_owned();
    until("the end of catching up", async || said().contains("this node follows the chain").then_some(())).await;
    println!("{}", said().lines().filter(|line| line.contains("catches up")).collect::<Vec<_>>().join("\n"));

    // The block that the other home trusts is not there any more; where validators of the genesis still sign, that is no
    // matter.
    by_blocks.join_again(&[&pruning.api]);
    assert_eq!(by_blocks.follows().await, began);
    let goal = reach(&by_blocks.client(), goal).await;
    assert_eq!(root(&by_blocks.client(), goal).await, root(&client, goal).await);
    nothing_is_left(&by_snapshot.home()).await;
    for joiner in [by_blocks, by_snapshot] {
        assert!(joiner.stop().success());
    }
    assert!(pruning.stop().success());
}
