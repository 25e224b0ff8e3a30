//! The disk of a node that prunes all along does not grow, and `diemd prune` makes another one as small.
//!
//! `PRUNE_BLOCKS=20000` is the full size. Two nodes follow one chain: its validator prunes, the other keeps all.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use diem_api::Wait;
use diem_client::Client;
use diem_config::{Config, consensus_key};
use diem_core::{Address, Amount};
use diem_testkit::TxBuilder;
use diem_types::GenesisDoc;

use super::{json, lowest_of_cometbft, prune, stores};
use crate::support::{
    client::{height, person, until},
    network::turn,
    ports::Ports,
    single::{Single, comet_home},
};

/// The transfers of each batch that is handed in, one batch after the other.
const BATCH: u64 = 20;
/// The blocks between two samples of the disk.
const BETWEEN: u64 = 25;
/// The time from a block to the next: the node that keeps all must follow the other one, whose old blocks go.
const BLOCK_TIME: &str = "60ms";

/// The size of the test.
struct Size {
    blocks: u64,
    keep: u64,
    /// The blocks after which the disk is looked at first.
    early: u64,
    /// The samples of which the disk after a number of blocks is the median. Databases rewrite their files now and then,
    /// so that one sample is anywhere between two such moments.
    samples: u64,
    is_full: bool,
}

fn size() -> Size {
    match std::env::var("PRUNE_BLOCKS").ok().map(|text| text.parse::<u64>().unwrap()) {
        Some(blocks) => Size { blocks, keep: blocks / 20, early: blocks / 5, samples: 15, is_full: true },
        None => Size { blocks: 450, keep: 120, early: 200, samples: 5, is_full: false },
    }
}

/// A chain with one validator whose evidence does not count for longer than blocks are kept.
fn genesis(folder: &Path) -> PathBuf {
    let text = format!(
        "chain_id = \"diem-prune-dev-1\"\ngenesis_time = \"now\"\n\n[consensus]\nevidence_max_age_blocks = 50\n\
         evidence_max_age = \"2s\"\n\n[staking]\nunbonding = \"2s\"\n\n[[accounts]]\nname = \"alice\"\n\
         address = \"{}\"\nbalances = [\"10000000VVV\"]\n",
        person(0).address
    );
    let file = folder.join("genesis.toml");
    std::fs::write(&file, text).unwrap();
    file
}

/// The setting that names the node of a home as a peer.
fn peer(home: &Path) -> String {
    let id = consensus_key::node_key(&home.join("cometbft")).unwrap().id;
    let p2p = Config::load(&home.join("config.toml"), [], &[]).unwrap().comet.p2p;
    format!("comet.peers={id}@{p2p}")
}

/// Hands in transfers until it is aborted, each batch when the one before is in a block. What the pool does not take is
/// tried again with the nonce that the node expects then.
async fn transfers(client: Client, doc: GenesisDoc) {
    let alice = person(0);
    loop {
        let Ok(account) = client.account(&alice.address, None, false).await else { continue };
        let mut nonce = account.next_nonce.unwrap_or(account.nonce);
        loop {
            let tx = |nonce| TxBuilder::transfer(&doc, &alice, nonce, Address([0x51; 20]), Amount::new(1_000_000));
            let txs: Vec<Vec<u8>> = (nonce..nonce + BATCH).map(|nonce| tx(nonce).bytes().to_vec()).collect();
            if client.submit_batch(&txs, Wait::Committed, Duration::from_secs(30)).await.is_err() {
                break;
            }
            nonce += BATCH;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The median of the bytes of a home, over a time in which blocks come.
async fn disk(home: &Path, client: &Client, from: u64, samples: u64) -> u64 {
    let mut found = Vec::new();
    for sample in 0..samples {
        reach_slowly(client, from + sample * BETWEEN).await;
        found.push(stores(home));
    }
    found.sort_unstable();
    println!("from block {from}: {found:?} bytes");
    found[found.len() / 2]
}

/// Waits for a height, for as long as new ones come.
async fn reach_slowly(client: &Client, wanted: u64) {
    let mut last = 0;
    while last < wanted {
        last = until("another block", async || height(client).await.filter(|height| *height > last)).await;
    }
}

/// The milliseconds from each block to the next, the oldest first, over the last blocks of a node.
async fn intervals(client: &Client, blocks: u64) -> Vec<u64> {
    let (mut times, mut after) = (Vec::new(), None::<String>);
    while (times.len() as u64) < blocks {
        let page = client.blocks(after.as_deref(), 100).await.unwrap();
        times.extend(page.items.iter().map(|block| block.time.millis()));
        after = page.answer.next;
        if after.is_none() {
            break;
        }
    }
    // The first block has the time of the genesis.
    times.windows(2).rev().skip(1).map(|pair| pair[0] - pair[1]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_prunes_does_not_grow_and_pruning_at_once_makes_another_as_small() {
    let _turn = turn().await;
    let Size { blocks, keep, early, samples, is_full } = size();
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Ports::claim(), Ports::claim());
    let file = genesis(folder.path());
    let (pruning, _) = comet_home(&folder.path().join("one"), &one, ["--genesis", file.to_str().unwrap()]);
    let json_file = pruning.join("genesis.json");
    let (keeping, _) = comet_home(&folder.path().join("two"), &two, ["--genesis", json_file.to_str().unwrap()]);
    let doc = diem_genesis::load(&json_file, None).unwrap();
    let kept = format!("store.keep_blocks={keep}");
    let flags = ["--set", "snapshot.every=off", "--block-time", BLOCK_TIME, "--log-level", "warn"];
    // The one that keeps all waits for the other, which calls it at once: a node that is late for the first blocks never
    // gets them, once they are pruned.
    let second = Single::start(&keeping, &[&flags[..], &["--set", &peer(&pruning)]].concat());
    lowest_of_cometbft(&keeping).await;
    let first = Single::start(&pruning, &[&flags[..], &["--set", &kept, "--set", &peer(&keeping)]].concat());
    let (client, follower) = (first.client(), second.client());
    let load = tokio::spawn(transfers(first.client(), doc));

    let early_bytes = disk(&pruning, &client, early, samples).await;
    let whole_early = stores(&keeping);
    let late_bytes = disk(&pruning, &client, blocks, samples).await;
    let intervals = intervals(&follower, u64::MAX).await;
    load.abort();
    reach_slowly(&follower, blocks).await;
    let whole = stores(&keeping);
    assert!(first.stop().success() && second.stop().success());
    // Nothing is pruned before there are more blocks than are kept.
    let (before, after) = intervals.split_at(usize::try_from(keep).unwrap());
    let [before, after] = [before, after].map(|part| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        (sorted[sorted.len() / 2], sorted[sorted.len() * 999 / 1_000], *sorted.last().unwrap())
    });
    println!(
        "ms from block to block, median, 99.9th and longest: {before:?} before anything is pruned, then {after:?}"
    );

    // What was written while it ran is compared with what was written at once, in the same state of their files.
    let all_along = stores(&pruning);
    let keep = keep.to_string();
    let pruned = json(&prune(&keeping, &["--keep-blocks", &keep]));
    let at_once = pruned["bytes_after"].as_u64().unwrap();
    println!(
        "pruning: {early_bytes} bytes after {early} blocks, {late_bytes} after {blocks}, {all_along} stopped; \
         keeping: {whole_early} and {whole} bytes, {at_once} once pruned"
    );
    assert!(whole > whole_early && whole > all_along, "a node that keeps all grows");
    assert!(at_once * 10 <= all_along * 13, "{at_once} bytes, and {all_along} where it was pruned all along");
    if is_full {
        assert!(late_bytes * 10 <= early_bytes * 12, "{early_bytes} bytes after {early} blocks, then {late_bytes}");
        let is_quiet = |(median, _, longest): (u64, u64, u64)| longest <= 3 * median;
        if is_quiet(before) {
            assert!(is_quiet(after), "a block came later than three times the median: {after:?} ms");
        } else {
            println!("this machine is too busy to tell whether pruning makes blocks late: {before:?} ms before it");
        }
    }
}
