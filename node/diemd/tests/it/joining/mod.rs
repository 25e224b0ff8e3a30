//! Nodes join a running chain by the HTTP API of its nodes alone.

mod again;
mod disk;
mod evidence;
mod headers;
mod kills;
mod liar;
mod lies;
mod pruned;
mod servers;
mod ways;

use std::{fs, path::Path, process::ExitStatus, sync::Arc, time::Instant};

use diem_api::BlockId;
use diem_client::{Client, LightClient};
use diem_config::Config;
use diem_core::{Address, Amount};

use crate::support::{
    client::{answering, commit, height, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    load::Load,
    network::turn,
    ports::Ports,
    process::{run, words},
    single::{Single, add_accounts},
};

/// A number that a soak makes larger by this variable.
fn number(variable: &str, small: u32) -> u32 {
    std::env::var(variable).map_or(small, |text| text.parse().unwrap())
}

/// A node that joins, with ports of its own.
struct Joiner {
    node: Option<Single>,
    folder: tempfile::TempDir,
    ports: Ports,
}

impl Joiner {
    /// Joins the chain of these nodes, with these further flags.
    fn join(urls: &[&str], flags: &[&str]) -> Self {
        Self::join_with(urls, flags, &[])
    }

    /// Joins the chain of these nodes, with these further flags, and starts with further settings.
    fn join_with(urls: &[&str], flags: &[&str], settings: &[&str]) -> Self {
        let mut joiner = Self::prepared(urls, flags);
        joiner.start_with(settings);
        joiner
    }

    /// Makes a home that joins the chain of these nodes once it is started.
    fn prepared(urls: &[&str], flags: &[&str]) -> Self {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
        let home = folder.path().join("home");
        let mut line = vec!["join", "--home", home.to_str().unwrap(), "--no-start", "--yes"];
        line.extend(urls.iter().chain(flags));
        let joined = run(&line);
        assert!(joined.status.success(), "{}", words(&joined));
        Self { node: None, folder, ports }
    }

    fn start(&mut self) {
        self.start_with(&[]);
    }

    fn start_with(&mut self, more: &[&str]) {
        let own = self.ports.flags();
        let flags: Vec<&str> = own.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let mut node = Single::start(&self.home(), &flags);
        let mut config = Config::default();
        config.move_ports(self.ports.offset).unwrap();
        node.api = format!("http://{}", config.api.listen);
        self.node = Some(node);
    }

    fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    /// Begins anew from a newer snapshot, with the files in [`OWN_FILES`] as they are.
    fn join_again(&mut self, urls: &[&str]) {
        let (home, before) = (self.home(), own_files(&self.home()));
        let mut line = vec!["join", "--home", home.to_str().unwrap(), "--no-start", "--yes", "--again"];
        line.extend(urls);
        let again = run(&line);
        assert!(again.status.success(), "{}", words(&again));
        assert!(!home.join("data").exists());
        assert_eq!(own_files(&home), before);
        self.start();
    }

    /// Waits until the node follows its chain, and returns the height with which it began.
    async fn follows(&self) -> u64 {
        self.has_a_block().await;
        self.client().status().await.unwrap().began_at.unwrap()
    }

    /// Waits until the node has committed a block.
    async fn has_a_block(&self) {
        let client = self.client();
        until("the joined node's first block", async || {
            assert!(!self.log().contains("the node stopped"), "{}", self.log());
            height(&client).await.filter(|height| *height > 0)
        })
        .await;
    }

    fn stop(mut self) -> ExitStatus {
        self.node.take().unwrap().stop()
    }

    fn client(&self) -> Client {
        self.node.as_ref().unwrap().client()
    }

    fn log(&self) -> String {
        log(&self.home())
    }
}

impl Drop for Joiner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            println!("--- the node that joins\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

/// The files of a home that a new beginning keeps.
const OWN_FILES: [&str; 4] = [
    "cometbft/config/priv_validator_key.json",
    "cometbft/config/node_key.json",
    "cometbft/data/priv_validator_state.json",
    "config.toml",
];

fn own_files(home: &Path) -> [Vec<u8>; 4] {
    OWN_FILES.map(|file| fs::read(home.join(file)).unwrap())
}

/// Waits until the folders of a home are empty in which parts of a snapshot lie while it is restored.
async fn nothing_is_left(home: &Path) {
    let is_empty = |folder: &str| fs::read_dir(home.join(folder)).map_or(0, Iterator::count) == 0;
    until("an end without anything of a snapshot", async || {
        ["data/restoring", "cometbft/data/statesync"].into_iter().all(is_empty).then_some(())
    })
    .await;
}

fn log(home: &Path) -> String {
    fs::read_to_string(home.join("node.log")).unwrap_or_default()
}

/// The URL of a node of the devnet.
fn url(devnet: &Devnet, node: usize) -> &str {
    devnet.ready["nodes"][node]["api"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_by_a_snapshot_another_by_all_blocks_and_both_follow() {
    let _turn = turn().await;
    let accounts = number("JOIN_ACCOUNTS", 500);
    let devnet = Arc::new(Devnet::of_long_trust(4, |doc| add_accounts(doc, accounts)));
    let first = devnet.client(0);
    answering(&first).await;
    let load = Load::start(&devnet);
    let sent_at = commit(&first, devnet.transfer(0, 0, Address([0x51; 20]), 1)).await.tx.unwrap().height;
    for node in 0..2 {
        let client = devnet.client(node);
        until("a snapshot of a later height", async || {
            let newest = client.status().await.unwrap().snapshots.first().copied();
            (newest > Some(sent_at)).then_some(())
        })
        .await;
    }

    // A block that is not the chain's is refused before anything is made.
    let nowhere = tempfile::tempdir().unwrap();
    let home = nowhere.path().join("home");
    let trust = format!("1:{}", "00".repeat(32));
    let lied = run(&["join", url(&devnet, 0), "--trust", &trust, "--home", home.to_str().unwrap(), "--no-start"]);
    assert!(words(&lied).contains("different headers of block 1") && !home.exists(), "{}", words(&lied));

    let quick = Joiner::join(&[url(&devnet, 0), url(&devnet, 1)], &["--no-block-sync"]);
    let whole = Joiner::join(&[url(&devnet, 2)], &["--from-genesis"]);
    let clients = [quick.client(), whole.client()];
    let goal = height(&first).await.unwrap() + 5;
    let begun = Instant::now();
    for (client, joiner) in clients.iter().zip([&quick, &whole]) {
        joiner.has_a_block().await;
        reach(client, goal).await;
        println!("one of two that joined at once followed after {} s", begun.elapsed().as_secs());
    }
    let began = clients[0].status().await.unwrap().began_at.unwrap();
    assert!(began > sent_at, "{began}");
    assert_eq!(clients[1].status().await.unwrap().began_at, None);

    // The block after the snapshot is the first whose transactions the joined node can show. Where this machine was too
    // slow to fill that one, it is the first that has some.
    let last = reach(&clients[0], began + 1).await;
    let mut shown = None;
    for at in began + 1..=last {
        let block = first.block(BlockId::Height(at), None).await.unwrap();
        shown = shown.or(block.txs.items.first().map(|tx| (tx.hash, at)));
    }
    let (hash, at) = shown.expect("there is load");
    assert_eq!(clients[0].transaction(&hash).await.unwrap().height, at);
    let transfers = load.stop().await;
    println!("{transfers} transfers were committed meanwhile");
    assert!(transfers > 0);

    // What happens now is found by both, with the same roots.
    let new = commit(&first, devnet.transfer(0, 1, Address([0x52; 20]), 2)).await;
    let after = new.tx.unwrap().height;
    for client in &clients {
        reach(client, after + 1).await;
        assert_eq!(root(client, after).await, root(&first, after).await);
        assert_eq!(client.transaction(&new.hash).await.unwrap().height, after);
        // Both prove it to somebody who trusts the genesis alone.
        let mut light = LightClient::new((*client).clone(), devnet.trust());
        let (_, proven) = light.account(&Address([0x52; 20]), None).await.unwrap();
        assert!(proven.exists && proven.account.vvv.get() == 2 * Amount::ONE.get(), "{proven:?}");
        assert_eq!(client.account(&Address([0x51; 20]), None, false).await.unwrap().vvv.amount, Amount::ONE);
    }
    // Whose turn it is to propose came along, so that the proposals of others are taken.
    for joiner in [&quick, &whole] {
        assert!(!joiner.log().contains("invalid proposal signature"), "{}", joiner.log());
    }
    begins_again_with_the_same_keys(&devnet, quick).await;
    let mut whole = whole;
    assert!(whole.node.take().unwrap().stop().success());
    let checked = run(&["check", "--home", whole.home().to_str().unwrap()]);
    assert!(checked.status.success(), "{}", words(&checked));
}

/// A home that has a chain is left alone, or begun anew with the keys and the signing state that it has.
async fn begins_again_with_the_same_keys(devnet: &Devnet, mut joiner: Joiner) {
    assert!(joiner.node.take().unwrap().stop().success());
    let checked = run(&["check", "--home", joiner.home().to_str().unwrap()]);
    assert!(checked.status.success(), "{}", words(&checked));
    let (home, before) = (joiner.home(), own_files(&joiner.home()));
    let line = ["join", url(devnet, 0), url(devnet, 1), "--home", home.to_str().unwrap(), "--no-start", "--yes"];
    let refused = run(&line);
    assert!(words(&refused).contains("--again begins anew"), "{}", words(&refused));
    assert!(home.join("data").exists());
    joiner.join_again(&[url(devnet, 0), url(devnet, 1)]);
    joiner.has_a_block().await;
    assert_eq!(own_files(&home)[..2], before[..2]);
    assert!(joiner.node.take().unwrap().stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_nodes_do_not_agree_on_is_said_and_nothing_is_made() {
    let _turn = turn().await;
    let (one, other) = (
        Devnet::start_with(EngineUnderTest::Instant, &["--validators", "1"]),
        Devnet::start_with(EngineUnderTest::Instant, &["--validators", "1", "--chain-id", "other-dev-1"]),
    );
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let refused = |more: &[&str]| {
        let mut line = vec!["join", "--home", home.to_str().unwrap(), "--no-start", "--yes"];
        line.extend(more);
        let ran = run(&line);
        assert!(!ran.status.success(), "{}", words(&ran));
        assert!(!home.exists(), "{}", words(&ran));
        words(&ran)
    };
    let (first, second) = (url(&one, 0), url(&other, 0));
    let zeros = "00".repeat(32);
    assert!(refused(&[first, second]).contains("these are different chains"));
    assert!(refused(&[first, "--genesis-hash", &zeros]).contains("--genesis-hash has"));
    assert!(refused(&[first, "--trust", "7"]).contains("write it as HEIGHT:HASH"));
    assert!(refused(&[first]).contains("it runs the development engine"));
    let dead = refused(&["http://127.0.0.1:1"]);
    assert!(dead.contains("no node answers at http://127.0.0.1:1") && !dead.contains("--node"), "{dead}");
    assert!(refused(&["nowhere"]).contains("is not the URL of a node"));
    assert_eq!(run(&["join", "nowhere", "--home", home.to_str().unwrap()]).status.code(), Some(2));
}
