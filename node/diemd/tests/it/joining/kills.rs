//! A node that joins, and the one that serves it and takes snapshots all the while, are killed at random moments.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use diem_client::Client;
use diem_core::sha256;
use diem_runtime::{App, Options};
use diem_store::state_sync::{Shelf, verify};

use super::{Joiner, nothing_is_left, number};
use crate::support::{
    client::{answering, height, reach, root, until},
    devnet::trust_for_long,
    network::turn,
    ports::Ports,
    process::{run, words},
    single::{Single, add_accounts, change_genesis, comet_home},
};

/// Snapshots are taken all the time. So many are kept that one which was offered is there until it was restored.
const SERVING: [&str; 4] = ["--set", "snapshot.every=1s", "--set", "snapshot.keep=60"];

/// Who is killed, and when.
struct Kill {
    joiner: bool,
    server: bool,
    after: Duration,
}

impl Kill {
    /// The kill of a round: at any moment of `whole`, so that all of taking, serving, receiving and restoring is hit.
    fn of(seed: u32, round: u32, whole: Duration) -> Self {
        let random = sha256(&[&seed.to_be_bytes(), &round.to_be_bytes()]);
        let share = u32::from(u16::from_be_bytes([random[0], random[1]]));
        let who = random[2] % 3;
        Self { joiner: who != 0, server: who != 1, after: whole * share / u32::from(u16::MAX) }
    }
}

/// The snapshots that a killed node left have the roots of its chain.
async fn all_are_whole(server: &Single) {
    let shelf = Shelf::look_at(&server.home.join("data/snapshots"));
    let client = server.client();
    for at in shelf.heights().unwrap().into_iter().rev().take(3) {
        // The root of one that is not offered yet may belong to a block that was executed and not yet kept.
        let manifest = verify(&shelf.folder(at)).unwrap();
        assert_eq!(format!("\"{}\"", hex(&manifest.app_hash())), root(&client, at).await, "height {at}");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_killed_while_one_joins_the_other_go_on() {
    let _turn = turn().await;
    let (kills, accounts) = (number("JOIN_KILLS", 3), number("JOIN_ACCOUNTS", 5_000));
    let seed = number("JOIN_SEED", 20_261_130);
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    change_genesis(&home.join("genesis.json"), |doc| {
        trust_for_long(doc);
        add_accounts(doc, accounts);
    });
    let mut server = Some(Single::start(&home, &SERVING));
    let (api, client) = (server.as_ref().unwrap().api.clone(), server.as_ref().unwrap().client());
    until("two offered snapshots", async || (client.status().await.ok()?.snapshots.len() > 1).then_some(())).await;

    // The time of a whole join, nobody killed.
    let flags = ["--no-block-sync", "--patience", "300s"];
    let begun = Instant::now();
    let joiner = Joiner::join(&[&api], &flags);
    joiner.follows().await;
    let whole = begun.elapsed();
    assert!(joiner.stop().success());

    let mut hit = std::collections::BTreeMap::<&str, u32>::new();
    for round in 0..kills {
        let kill = Kill::of(seed, round, whole);
        let mut joiner = Joiner::join(&[&api], &flags);
        tokio::time::sleep(kill.after).await;
        let unfinished = unfinished(&home);
        if kill.server {
            server.take().unwrap().kill();
            *hit.entry(if unfinished { "while taking" } else { "between two snapshots" }).or_default() += 1;
        }
        if kill.joiner {
            joiner.node.take().unwrap().kill();
            *hit.entry(stage(&joiner)).or_default() += 1;
        }
        if server.is_none() {
            server = Some(Single::start(&home, &SERVING));
        }
        if kill.joiner {
            joiner.start();
        }
        joiner.follows().await;
        let goal = reach(&joiner.client(), answering(&client).await).await;
        assert_eq!(root(&joiner.client(), goal).await, root(&client, goal).await, "round {round}");
        all_are_whole(server.as_ref().unwrap()).await;
        nothing_is_left(&joiner.home()).await;
        let home = joiner.home();
        assert!(joiner.node.take().unwrap().stop().success(), "{}", joiner.log());
        let checked = run(&["check", "--home", home.to_str().unwrap()]);
        assert!(checked.status.success(), "round {round}: {}", words(&checked));
    }
    killed_before_its_first_block(&api, &client).await;
    println!("{kills} kills within {} ms each, seed {seed}: {hit:?}", whole.as_millis());
    assert!(server.unwrap().stop().success());
    let checked = run(&["check", "--home", home.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", words(&checked));
}

/// Joins and is killed as soon as its state is that of a snapshot, until one was killed before its first block: a kill that
/// comes later than meant, because this machine had something else to do, has nothing to show here.
async fn killed_after_its_snapshot(api: &str) -> Joiner {
    until("a kill between a snapshot and the first block", async || {
        let mut joiner = Joiner::join(&[api], &["--no-block-sync"]);
        while !joiner.log().contains("restored from a snapshot") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        joiner.node.take().unwrap().kill();
        let app = App::open(&joiner.home().join("data"), Options::default()).unwrap();
        (Some(app.info().height) == app.began_at()).then_some(joiner)
    })
    .await
}

/// CometBFT does not start with the state of a snapshot and no block after it.
async fn killed_before_its_first_block(api: &str, client: &Client) {
    let mut joiner = killed_after_its_snapshot(api).await;
    joiner.start();
    joiner.follows().await;
    let goal = reach(&joiner.client(), height(client).await.unwrap()).await;
    assert_eq!(root(&joiner.client(), goal).await, root(client, goal).await);
    assert!(joiner.log().contains("it begins anew"), "{}", joiner.log());
    let began = joiner.client().status().await.unwrap().began_at.unwrap();
    assert!(joiner.node.take().unwrap().stop().success());

    // It has no block below its first one to which it could be taken back.
    let held = App::held(&joiner.home().join("data")).unwrap().unwrap().height;
    let blocks = (held - began).to_string();
    let refused = run(&["rollback", "--home", joiner.home().to_str().unwrap(), "--blocks", &blocks, "--yes"]);
    let sentence = format!("this home began at {began} by a snapshot and has no block below {}", began + 1);
    assert!(!refused.status.success() && words(&refused).contains(&sentence), "{}", words(&refused));
    assert_eq!(App::held(&joiner.home().join("data")).unwrap().unwrap().height, held);
}

/// Whether a snapshot is being taken.
fn unfinished(home: &Path) -> bool {
    let names = fs::read_dir(home.join("data/snapshots")).into_iter().flatten().flatten();
    names.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|end| end == "tmp"))
}

/// How far a node had come that was killed.
fn stage(joiner: &Joiner) -> &'static str {
    let log = joiner.log();
    if log.contains("this node follows the chain") {
        "following"
    } else if log.contains("restored from a snapshot") {
        "after the snapshot"
    } else if fs::read_dir(joiner.home().join("data/restoring")).is_ok_and(|names| names.count() > 0) {
        "while restoring"
    } else {
        "before an offer"
    }
}
