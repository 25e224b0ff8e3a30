//! Real faults of real nodes, seen by a real Prometheus: each alert fires, and resolves when the fault is over.

use std::{fs, net::SocketAddr, num::NonZeroU64, path::Path};

use diem_api::{State, Wait};
use diem_client::Client;
use diem_core::keys::SecretKey;
use diem_genesis::presets;
use diem_staking as staking;
use diem_testkit::{Person, TxBuilder};
use diem_types::Call;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{files::queries, prometheus::Prometheus, tools};
use crate::support::{
    client::{height, reach, until},
    devnet::Devnet,
    disk::SmallDisk,
    files::copy,
    line::Line,
    network::turn,
    ports::Ports,
    process::signal,
    single::{Single, comet_home, instant_home},
};

/// The validator to which most happens.
const VICTIM: usize = 3;
/// The streams that an API takes.
const STREAMS: usize = 256;

fn comet_pid(home: &Path) -> Option<u32> {
    fs::read_to_string(home.join("cometbft/cometbft.pid")).ok()?.trim().parse().ok()
}

/// The port of the metrics of a node of a devnet.
fn port(devnet: &Devnet, node: usize) -> u16 {
    let url = devnet.ready["nodes"][node]["metrics"].as_str().unwrap();
    url.strip_prefix("http://127.0.0.1:").unwrap().strip_suffix("/metrics").unwrap().parse().unwrap()
}

/// The port of the metrics of a node's CometBFT.
fn comet_port(home: &Path) -> u16 {
    let config: toml::Table = toml::from_str(&fs::read_to_string(home.join("config.toml")).unwrap()).unwrap();
    config["comet"]["metrics"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// Of CometBFT's series those of single peers are dropped.
async fn without_peers(prometheus: &Prometheus, port: u16) {
    let all = reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap();
    assert!(all.contains("peer_id="), "CometBFT has none any more, so that nothing need be dropped");
    until("CometBFT is read", async || (prometheus.series("cometbft_consensus_height").await == 4).then_some(())).await;
    assert_eq!(prometheus.series("{peer_id!=\"\"}").await, 0);
}

/// The account that operates the victim.
fn operator() -> Person {
    let key = SecretKey::ed25519(&presets::operator_secret(VICTIM + 1));
    Person { address: key.address(), key }
}

/// The number of blocks that the victim has missed, and whether it is jailed, as others see it.
async fn missed(client: &Client) -> Option<(u32, bool)> {
    let all = client.validators().await.ok()?.answer.items;
    let found = all.into_iter().find(|validator| validator.operator == operator().address)?;
    Some((found.missed, found.standing == diem_api::ValidatorStanding::Jailed))
}

/// It waits for some thirty alerts of a real Prometheus, minutes of them, so that it is one of the long proofs: `make soak
/// ARGS=alerts`. The disk, the defects and promtool's tests of all rules are in `make test`.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_chain_of_four_are_told_and_end() {
    if std::env::var_os("ALERT_FAULTS").is_none() {
        println!("skipped: `make soak ARGS=alerts` makes these faults");
        return;
    }
    let Some(tools) = tools() else { return };
    let _turn = turn().await;
    let devnet = Devnet::changed(|doc| {
        // A validator may miss 20 blocks, and days are short.
        let params = &mut doc.app.staking.params;
        (params.signed_window, params.min_signed_bps, params.jail_ms) = (40, 5_000, 5_000);
        doc.app.epoch_ms = NonZeroU64::new(15_000).unwrap();
    });
    let of_twin = Ports::claim();
    let ports: Vec<u16> = (0..4).map(|node| port(&devnet, node)).collect();
    let twin_port = 9_464 + of_twin.offset;
    let follower = Follower::start(&devnet).await;
    let of_comet: Vec<u16> = (0..4).map(|node| comet_port(&devnet.home(node))).collect();
    let prometheus = Prometheus::start(&tools, &[&ports[..], &[twin_port, follower.port()]].concat(), &of_comet).await;
    let client = devnet.client(0);
    without_peers(&prometheus, of_comet[0]).await;

    // With four good nodes nobody is called, and every panel of the dashboard has something to show.
    for (title, expr) in queries() {
        until(&format!("data for `{title}`: {expr}"), async || (prometheus.series(&expr).await > 0).then_some(()))
            .await;
    }
    let called = prometheus.firing().await;
    assert!(ports.iter().all(|port| !called.iter().any(|alert| alert.ends_with(&port.to_string()))), "{called:?}");

    // Snapshots, which are taken every few seconds here, find their folder gone, beside all that follows.
    let shelf = diem_runtime::snapshots::folder(&devnet.home(1).join("data"));
    let away = shelf.with_extension("away");
    fs::rename(&shelf, &away).unwrap();
    fs::write(&shelf, "").unwrap();

    cut_off(&prometheus, &devnet, follower).await;
    refusing(&prometheus, &devnet, ports[0]).await;
    restarting(&prometheus, &devnet).await;
    frozen(&prometheus, &devnet, &client).await;
    prometheus.fires("DiemSnapshotOld", ports[1]).await;
    fs::remove_file(&shelf).unwrap();
    fs::rename(&away, &shelf).unwrap();
    prometheus.resolves("DiemSnapshotOld", ports[1]).await;
    let mut nodes = alone(&prometheus, &devnet, &ports).await;
    elsewhere(&prometheus, &devnet, &of_twin, &mut nodes).await;
    drop(prometheus);
    for node in nodes {
        assert!(node.stop().success());
    }
}

/// A full node that reaches the chain by one line only.
struct Follower {
    node: Single,
    /// The ports of the node, and the second p2p port for the line to its only peer.
    ports: Ports,
    peer: SocketAddr,
    line: Line,
    _folder: TempDir,
}

impl Follower {
    async fn start(devnet: &Devnet) -> Self {
        let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
        let genesis = devnet.dir().join("genesis.json");
        let (home, _) = comet_home(folder.path(), &ports, ["--genesis", genesis.to_str().unwrap()]);
        let (id, peer) = devnet.ready["nodes"][0]["peer"].as_str().unwrap().split_once('@').unwrap();
        let (peer, at) = (peer.parse().unwrap(), Self::end_of_line(&ports));
        let line = Line::lay(at, peer).await;
        let only = format!("comet.peers={id}@{at}");
        // It asks nobody for other addresses, and takes nobody who has heard of its own.
        let settings = ["--set", &only, "--set", "comet.pex=false", "--set", "comet.max_inbound=0"];
        let node = Single::start(&home, &settings);
        Self { node, ports, peer, line, _folder: folder }
    }

    fn end_of_line(ports: &Ports) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 26_756 + ports.offset))
    }

    /// The port of its metrics.
    fn port(&self) -> u16 {
        9_464 + self.ports.offset
    }
}

/// A full node is cut off from its peers while the others go on: it is behind until it reaches them again.
async fn cut_off(prometheus: &Prometheus, devnet: &Devnet, follower: Follower) {
    let (port, at, chain) = (follower.port(), Follower::end_of_line(&follower.ports), devnet.client(0));
    let Follower { node, ports: _ports, peer, line, _folder } = follower;
    let client = node.client();
    let behind = async || {
        let firing = prometheus.firing().await;
        firing.into_iter().filter(|alert| alert.starts_with("DiemBehind")).collect::<Vec<_>>()
    };
    let here = reach(&chain, 1).await;
    reach(&client, here).await;
    for alert in ["DiemBehind", "DiemNoPeers"] {
        prometheus.resolves(alert, port).await;
    }

    drop(line);
    prometheus.fires("DiemNoPeers", port).await;
    let stands = height(&client).await.unwrap();
    prometheus.fires("DiemBehind", port).await;
    // The others make blocks, which it does not get.
    assert_eq!(behind().await.len(), 1);
    let goes_on = reach(&chain, stands + 10).await;
    assert_eq!(height(&client).await, Some(stands));

    let _line = Line::lay(at, peer).await;
    reach(&client, goes_on).await;
    for alert in ["DiemBehind", "DiemNoPeers"] {
        prometheus.resolves(alert, port).await;
    }
    assert!(node.stop().success());
}

/// The API of a node has as many streams as it takes.
async fn refusing(prometheus: &Prometheus, devnet: &Devnet, port: u16) {
    let address = devnet.ready["nodes"][0]["api"].as_str().unwrap().strip_prefix("http://").unwrap();
    let open = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        (stream, head == *b"HTTP/1.1 200")
    };
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let (stream, good) = open().await;
        assert!(good);
        streams.push(stream);
    }
    let asking = async {
        loop {
            assert!(!open().await.1, "one more than there may be");
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = prometheus.fires("DiemApiRefusing", port) => {}
    }
    drop(streams);
    prometheus.resolves("DiemApiRefusing", port).await;
}

/// CometBFT is killed five times. Between two kills the validator follows its chain again, so that it is not jailed for
/// what it missed in all of them together.
async fn restarting(prometheus: &Prometheus, devnet: &Devnet) {
    let (home, client) = (devnet.home(VICTIM), devnet.client(VICTIM));
    for _ in 0..5 {
        let pid = until("CometBFT runs", async || comet_pid(&home)).await;
        signal(pid, Signal::KILL);
        until("another CometBFT", async || comet_pid(&home).filter(|next| *next != pid)).await;
        let before = reach(&devnet.client(0), 1).await;
        reach(&client, before + 5).await;
    }
    prometheus.fires("DiemCometRestarting", port(devnet, VICTIM)).await;
    prometheus.resolves("DiemCometRestarting", port(devnet, VICTIM)).await;
}

/// The CometBFT of a validator is frozen: first for some blocks, and then until the validator is jailed.
async fn frozen(prometheus: &Prometheus, devnet: &Devnet, client: &Client) {
    let (home, port) = (devnet.home(VICTIM), port(devnet, VICTIM));
    prometheus.resolves("DiemMissingBlocks", port).await;
    let freeze = || {
        let pid = comet_pid(&home).unwrap();
        signal(pid, Signal::STOP);
        pid
    };
    let pid = freeze();
    let quarter =
        until("a quarter is missed", async || missed(client).await.filter(|(missed, out)| *missed >= 8 || *out));
    assert!(!quarter.await.1, "it is jailed before it was frozen");
    signal(pid, Signal::CONT);
    prometheus.fires("DiemMissingBlocks", port).await;
    prometheus.resolves("DiemMissingBlocks", port).await;

    let pid = freeze();
    until("the jail", async || missed(client).await.filter(|(_, jailed)| *jailed)).await;
    // A node that hears nothing does not know that it is jailed; it knows that it is behind.
    prometheus.fires("DiemBehind", port).await;
    signal(pid, Signal::CONT);
    prometheus.fires("DiemJailed", port).await;
    prometheus.resolves("DiemBehind", port).await;
    let unjail = async || {
        let client = devnet.client(0);
        let nonce = client.account(&operator().address, None, false).await.unwrap().next_nonce.unwrap();
        TxBuilder::new(&devnet.doc, &operator(), nonce, vec![Call::Staking(staking::Msg::Unjail)]).bytes()
    };
    until("the jail is over", async || {
        let wait = std::time::Duration::from_secs(30);
        let submitted = client.submit(unjail().await.to_vec(), Wait::Committed, wait).await.ok()?;
        (submitted.state == State::Committed && submitted.error.is_none()).then_some(())
    })
    .await;
    prometheus.resolves("DiemJailed", port).await;
}

/// Three of four nodes are killed: they are down, and the fourth is alone on a chain that stands, over the end of a day.
async fn alone(prometheus: &Prometheus, devnet: &Devnet, ports: &[u16]) -> Vec<Single> {
    for node in 1..4 {
        signal(devnet.pid(node), Signal::KILL);
    }
    for port in &ports[1..] {
        prometheus.fires("DiemDown", *port).await;
    }
    for alert in ["DiemNoPeers", "DiemBehind", "DiemSettlementLate"] {
        prometheus.fires(alert, ports[0]).await;
    }
    let nodes = (1..4).map(|node| Single::start(&devnet.home(node), &[])).collect();
    for port in &ports[1..] {
        prometheus.resolves("DiemDown", *port).await;
    }
    for alert in ["DiemNoPeers", "DiemBehind", "DiemSettlementLate"] {
        prometheus.resolves(alert, ports[0]).await;
    }
    nodes
}

/// A copy of a validator's home is started beside it: it sees what it has not signed, and is read once more before it
/// ends.
async fn elsewhere(prometheus: &Prometheus, devnet: &Devnet, ports: &Ports, nodes: &mut Vec<Single>) {
    let home = devnet.home(VICTIM);
    let folder = tempfile::tempdir().unwrap();
    let twin = folder.path().join("home");
    assert!(nodes.pop().unwrap().stop().success());
    copy(&home, &twin);
    fs::remove_file(twin.join("cometbft/config/node_key.json")).unwrap();
    nodes.push(Single::start(&home, &[]));
    let client = nodes.last().unwrap().client();
    until("the original signs again", async || missed(&client).await.filter(|(missed, _)| *missed == 0)).await;
    let flags = ports.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let twin = Single::start(&twin, &flags);
    prometheus.fires("DiemSigningElsewhere", 9_464 + ports.offset).await;
    let (status, said) = twin.ended();
    assert_eq!(status.code(), Some(7), "{said}");
    prometheus.resolves("DiemSigningElsewhere", 9_464 + ports.offset).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_is_told_until_there_is_room() {
    let Some(tools) = tools() else { return };
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let made = instant_home(folder.path(), &ports);
    let at = folder.path().join("disk");
    fs::create_dir(&at).unwrap();
    let Some(mut disk) = SmallDisk::mount(&at, "128m") else { return };
    assert_eq!(disk.run(&format!("cp -a '{}' '{}'", made.display(), at.display())), Some(0));
    let home = at.join("home");
    let (log, settings) = (folder.path().join("node.log"), "--set disk.warn=16MiB --set disk.stop=1MiB");
    disk.start(&home, &format!("--set instant.blocks=1s {settings}"), &log);
    let port = 9_464 + ports.offset;
    let prometheus = Prometheus::start(&tools, &[port], &[]).await;
    until("the node is read", async || (prometheus.series("diem_disk_free_bytes").await > 0).then_some(())).await;
    prometheus.resolves("DiemDiskLow", port).await;
    let ready = async || {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/readyz?need=disk")).await.unwrap();
        answer.status().is_success()
    };
    assert!(ready().await);
    let filler = at.join("filler");
    // It goes on filling: what has filled in the last seconds is all that the second alert knows.
    let mut left = 8_192;
    let wanted = ["DiemDiskLow", "DiemDiskFullSoon"].map(|alert| format!("{alert} 127.0.0.1:{port}"));
    until("both alerts", async || {
        left = (left - 4).max(4_096);
        disk.leave(&filler, left);
        let called = prometheus.firing().await;
        wanted.iter().all(|alert| called.contains(alert)).then_some(())
    })
    .await;
    assert!(!ready().await);
    assert_eq!(disk.run(&format!("rm '{}'", filler.display())), Some(0));
    prometheus.resolves("DiemDiskLow", port).await;
    prometheus.resolves("DiemDiskFullSoon", port).await;
    assert!(ready().await);
    assert_eq!(disk.run("kill $node"), Some(0));
    let (code, _) = disk.ended().await;
    assert_eq!(code, Some(0));
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!((said.matches("the disk is low").count(), said.matches("has room again").count()), (1, 1), "{said}");
}
