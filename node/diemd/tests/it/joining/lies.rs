//! Peers that lie about snapshots, each by its own lie, before a real CometBFT: each is named and dropped, and the node
//! joins by what the honest one has, or by all blocks where nobody is honest.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use diem_config::{Config, consensus_key};
use diem_runtime::{App, Options};
use diem_store::{
    state_sync::{ChunkEntry, FORMAT, Manifest, Shelf},
    tree::{SubtreeKind, SubtreeRoot},
};
use tendermint_proto::v0_38::abci::Snapshot;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{
    Joiner,
    liar::{Chunk, Liar},
    nothing_is_left,
};
use crate::support::{
    client::{PATIENCE, height, reach, root, until},
    devnet::Devnet,
    home::Home,
    network::turn,
    process::{run, words},
    single::Single,
};

/// A way to a peer that is closed until it is opened.
struct Gate {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Gate {
    async fn before(peer: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::<AtomicBool>::default());
        let opened = Arc::clone(&open);
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                if opened.load(SeqCst)
                    && let Ok(mut to) = TcpStream::connect(peer).await
                {
                    tokio::spawn(async move { copy_bidirectional(&mut from, &mut to).await });
                }
            }
        });
        Self { address, open, task }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A snapshot as peers offer it.
fn offered(manifest: &Manifest) -> Snapshot {
    Snapshot {
        height: manifest.height(),
        format: FORMAT,
        chunks: u32::try_from(manifest.chunks().len()).unwrap(),
        hash: Bytes::copy_from_slice(&manifest.hash()),
        metadata: manifest.encode().into(),
    }
}

/// A manifest of one chunk with this root.
fn manifest_of(height: u64, hash: [u8; 32], rows: u64) -> Manifest {
    Manifest::new(height, 0, vec![ChunkEntry { root: SubtreeRoot { kind: SubtreeKind::Inner, hash }, rows }]).unwrap()
}

/// An LZ4 block that says that it unpacks to almost 8 MiB, and does: of zeros.
fn bomb() -> Bytes {
    let length = (8 << 20) - 2_u32;
    let mut chunk = vec![1];
    chunk.extend(length.to_le_bytes());
    // A literal zero, then one match that goes on and on.
    chunk.extend([0x1f, 0, 1, 0]);
    chunk.extend(vec![0xff; length as usize / 255 - 1]);
    chunk.extend([0, 0]);
    chunk.into()
}

/// The lies about chunks, each with what is said of it; `None` where CometBFT asks somebody else by itself.
fn lies(good: &[u8], other: Vec<u8>) -> Vec<(Chunk, Option<&'static str>)> {
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let bytes = |bytes: Vec<u8>| Chunk::Bytes(bytes.into());
    vec![
        (bytes(flipped), Some("is wrong: ")),
        (bytes(other), Some("is wrong: ")),
        (bytes(vec![0; 15_900_000]), Some("more than the 8388608 of the longest chunk")),
        (Chunk::Bytes(bomb()), Some("is wrong: ")),
        (bytes(Vec::new()), None),
        (Chunk::Silence, None),
        (Chunk::Death, None),
    ]
}

/// The state of another chain: its root and the number of its rows.
fn another_chain() -> ([u8; 32], u64) {
    let app = App::in_memory(Options::default());
    let started = app.init_chain(&Home::new().genesis).unwrap();
    (started.root, 2)
}

fn peers_flag<'a>(peers: impl Iterator<Item = &'a diem_comet::Peer>) -> String {
    format!("comet.peers={}", peers.map(ToString::to_string).collect::<Vec<_>>().join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn lying_peers_are_named_and_dropped_and_an_honest_one_brings_the_snapshot() {
    let _turn = turn().await;
    let mut devnet = Devnet::of_long_trust(1, |_| {});
    assert!(devnet.stop().success());
    let home = devnet.home(0);
    // The only snapshot is the one that is asked for.
    let _ = fs::remove_dir_all(home.join("data/snapshots"));
    let honest = Single::start(&home, &["--set", "snapshot.every=off"]);
    let client = honest.client();
    until("a block", async || height(&client).await.filter(|height| *height > 2)).await;
    let taken = run(&["snapshot", "create", "--home", home.to_str().unwrap()]);
    assert!(taken.status.success(), "{}", words(&taken));
    let shelf = Shelf::look_at(&home.join("data/snapshots"));
    let at = *shelf.heights().unwrap().last().unwrap();
    let (manifest, good) = (shelf.manifest(at).unwrap(), shelf.chunk(at, 0).unwrap().unwrap());
    assert_eq!(manifest.chunks().len(), 1);
    reach(&client, at + 5).await;

    // Another snapshot of the same chain has other rows; that of another chain has another root.
    let other = run(&["snapshot", "create", "--home", home.to_str().unwrap()]);
    assert!(other.status.success(), "{}", words(&other));
    let later = *shelf.heights().unwrap().last().unwrap();
    assert!(later > at);
    let other = shelf.chunk(later, 0).unwrap().unwrap();
    fs::remove_dir_all(shelf.folder(later)).unwrap();
    let (root_of_another, rows) = another_chain();
    let mut flipped = manifest.app_hash();
    flipped[0] ^= 1;
    let false_manifests = [
        manifest_of(at + 1, flipped, manifest.rows()),
        manifest_of(at + 2, root_of_another, rows),
        manifest_of(at, root_of_another, rows),
    ];

    let lies = lies(&good, other);
    let empty = Chunk::Bytes(Bytes::new());
    let mut liars: Vec<Liar> =
        lies.iter().map(|(chunk, _)| Liar::start(&devnet.doc, &offered(&manifest), chunk.clone())).collect();
    let false_ones: Vec<Liar> =
        false_manifests.iter().map(|manifest| Liar::start(&devnet.doc, &offered(manifest), empty.clone())).collect();

    // With the liars alone, who are all asked, until the honest peer can be reached.
    let config = Config::load(&home.join("config.toml"), [], &[]).unwrap();
    let gate = Gate::before(config.comet.p2p).await;
    let id = consensus_key::node_key(&home.join("cometbft")).unwrap().id;
    let late = diem_comet::Peer { id: id.clone(), address: gate.address.to_string() };
    let all = || liars.iter().chain(&false_ones).map(|liar| &liar.peer);
    let flags = ["--no-block-sync", "--patience", "1h"];
    let joiner = Joiner::join_with(&[&honest.api], &flags, &["--set", &peers_flag(all().chain([&late]))]);
    // One that is silent costs CometBFT its whole time for a chunk, and who is asked next is chance.
    let began = Instant::now();
    while !liars.iter().all(|liar| liar.asked() > 0) {
        let log = joiner.log();
        assert!(!log.contains("the node stopped") && began.elapsed() < 4 * PATIENCE, "{log}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Chunks on their way are in the home, where the next start finds what is left of them.
    let chunks = joiner.home().join("cometbft/data/statesync");
    until("a folder of chunks in the home", async || fs::read_dir(&chunks).ok()?.next().map(|_| ())).await;
    gate.open.store(true, SeqCst);
    assert_eq!(joiner.follows().await, at);
    let goal = reach(&joiner.client(), height(&client).await.unwrap() + 2).await;
    assert_eq!(root(&joiner.client(), goal).await, root(&client, goal).await);
    let log = joiner.log();
    let looks = log.matches("CometBFT started").count();
    for (liar, (_, says)) in liars.iter().zip(&lies) {
        let Some(says) = says else {
            // One that sends nothing is named, whether it is silent, empty or gone: of the last, its connection may be all that
            // CometBFT says before it looks again.
            let is_told = |line: &str| {
                line.contains(&format!("peer {}", liar.peer.id)) && line.contains("chunk")
                    || line.contains(&liar.peer.id) && line.contains("Stopping peer for error")
            };
            assert!(log.lines().any(is_told), "{}: {log}", liar.peer.id);
            continue;
        };
        let named =
            log.lines().find(|line| line.contains("a chunk of the snapshot is wrong") && line.contains(&liar.peer.id));
        assert!(named.is_some_and(|line| line.contains(says)), "{says}: {log}");
        // CometBFT asks for a wrong chunk again before it drops the sender, so that the same one may be asked once more; and
        // where it was started anew to look again, so it may then.
        assert!(
            liar.asked() <= 4.max(2 * looks),
            "{says}: it is dropped, and was asked {} times in {looks}",
            liar.asked()
        );
    }
    // Where it took long, CometBFT was started anew to look again, and both were offered again.
    assert!(log.matches("an offered snapshot is refused: its chunks fold to").count() >= 2, "{log}");
    assert!(false_ones.iter().all(|liar| liar.asked() == 0));
    // That of the same height is not looked at while the one that more peers have is restored.
    for liar in &false_ones[..2] {
        assert!(
            log.lines().any(|line| line.contains("Snapshot sender rejected") && line.contains(&liar.peer.id)),
            "{log}"
        );
    }
    nothing_is_left(&joiner.home()).await;
    assert!(joiner.stop().success());

    // With nobody who is honest, it says so, and executes all blocks where that is not forbidden. The liar whose process
    // was killed is gone.
    liars.pop();
    fs::remove_dir_all(shelf.folder(at)).unwrap();
    let real = diem_comet::Peer { id, address: config.comet.p2p.to_string() };
    let all = || liars.iter().chain(&false_ones).map(|liar| &liar.peer).chain([&real]);
    let peers = peers_flag(all());
    let mut forbidden =
        Joiner::join_with(&[&honest.api], &["--no-block-sync", "--patience", "40s"], &["--set", &peers]);
    let mut allowed = Joiner::join_with(&[&honest.api], &["--patience", "40s"], &["--set", &peers]);
    let (status, said) = forbidden.node.take().unwrap().ended();
    assert!(!status.success() && said.contains("--no-block-sync forbids to execute all blocks instead"), "{said}");
    assert!(said.contains("this snapshot is given up, and the next one is looked for"), "{said}");
    // The next one is that of another chain at the very height of this chain's.
    let refused = format!("its chunks fold to {} instead", hex::encode(root_of_another));
    let is_refused = |line: &str| line.contains(&refused) && line.contains(&format!("height={at}"));
    assert!(said.lines().any(is_refused), "{said}");
    nothing_is_left(&forbidden.home()).await;
    let client = allowed.client();
    until("all blocks are executed", async || {
        assert!(!allowed.log().contains("the node stopped"), "{}", allowed.log());
        height(&client).await.filter(|height| *height > at)
    })
    .await;
    assert_eq!(client.status().await.unwrap().began_at, None);
    assert!(allowed.log().contains("all blocks are executed from the genesis instead"), "{}", allowed.log());
    nothing_is_left(&allowed.home()).await;
    assert!(allowed.node.take().unwrap().stop().success());
    assert!(honest.stop().success());
}
