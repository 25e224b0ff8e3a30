//! A join from two nodes at once that offer the same snapshot, one with packed chunks and one with plain ones, as nodes of
//! different releases do.

use std::{fs, path::Path, sync::atomic::AtomicBool};

use diem_config::consensus_key;
use diem_runtime::{App, Options};
use diem_store::state_sync::Shelf;

use super::{Joiner, nothing_is_left};
use crate::support::{
    client::{height, reach, root, until},
    devnet::Devnet,
    network::turn,
    process::{run, words},
    single::Single,
};

/// The rows of a chunk on average: so few that even a small state has many chunks.
const ROWS_PER_CHUNK: u64 = 4;

/// The first byte of a packed and of a plain chunk.
const PACKED: u8 = 1;
const PLAIN: u8 = 0;

/// Writes the chunks of a snapshot anew without compression, and returns how many it were.
fn unpack_all(folder: &Path) -> usize {
    let mut unpacked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() == "manifest" {
            continue;
        }
        let chunk = fs::read(&path).unwrap();
        if chunk[0] == PACKED {
            // The length comes first, in the form that this library expects.
            let plain = lz4_flex::block::decompress_size_prepended(&chunk[1..]).unwrap();
            fs::write(&path, [&[PLAIN], &plain[..]].concat()).unwrap();
            unpacked += 1;
        }
    }
    unpacked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_from_two_that_pack_differently_at_once() {
    let _turn = turn().await;
    let mut devnet = Devnet::of_long_trust(2, |_| {});
    reach(&devnet.client(0), 3).await;
    assert!(devnet.stop().success());
    let homes = [devnet.home(0), devnet.home(1)];
    let shelves = [0, 1].map(|node: usize| {
        let folder = homes[node].join("data/snapshots");
        let _ = fs::remove_dir_all(&folder);
        Shelf::open(&folder, ROWS_PER_CHUNK).unwrap()
    });
    // The lower of both heights, since a node drops a snapshot of a height that it has yet to commit.
    let apps = homes.each_ref().map(|home| App::open(&home.join("data"), Options::default()).unwrap());
    let lower = usize::from(apps[1].info().height < apps[0].info().height);
    let state = apps[lower].store().latest();
    let manifest = shelves[lower].take(&state, &AtomicBool::new(false)).unwrap();
    let at = manifest.height();
    drop((state, apps));
    let chunks = manifest.chunks().len();
    assert!(chunks >= 16, "{chunks}");
    fs::create_dir_all(shelves[1 - lower].folder(at)).unwrap();
    for entry in fs::read_dir(shelves[lower].folder(at)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), shelves[1 - lower].folder(at).join(entry.file_name())).unwrap();
    }
    assert!(unpack_all(&shelves[1].folder(at)) > 0);
    for home in &homes {
        let verified = run(&["snapshot", "verify", &at.to_string(), "--home", home.to_str().unwrap()]);
        assert!(verified.status.success(), "{}", words(&verified));
    }

    // Their logs tell whom they were asked by for a chunk.
    let flags =
        "--set snapshot.every=off --log-level info,cometbft=trace --set comet.log_level=statesync:debug,*:error";
    let flags: Vec<&str> = flags.split(' ').collect();
    let nodes = homes.each_ref().map(|home| Single::start(home, &flags));
    let first = nodes[0].client();
    reach(&first, at + 3).await;
    // Who is connected to one of them alone when it begins asks that one, and another node joins.
    until("a join from both", async || {
        let joiner = Joiner::join(&[&nodes[0].api, &nodes[1].api], &["--no-block-sync"]);
        assert_eq!(joiner.follows().await, at);
        let goal = reach(&joiner.client(), height(&first).await.unwrap() + 1).await;
        reach(&first, goal + 1).await;
        assert_eq!(root(&joiner.client(), goal).await, root(&first, goal).await);
        let asker = consensus_key::node_key(&joiner.home().join("cometbft")).unwrap().id;
        let asked = nodes.each_ref().map(|node| {
            let log = fs::read_to_string(node.home.join("node.log")).unwrap();
            log.lines().filter(|line| line.contains("Received chunk request") && line.contains(&asker)).count()
        });
        assert!(!joiner.log().contains("a chunk of the snapshot is wrong"), "{}", joiner.log());
        nothing_is_left(&joiner.home()).await;
        assert!(joiner.stop().success());
        println!("of {chunks} chunks each node was asked for {asked:?}");
        asked.iter().all(|asked| *asked > 0).then_some(())
    })
    .await;
    for node in nodes {
        assert!(node.stop().success());
    }
}
