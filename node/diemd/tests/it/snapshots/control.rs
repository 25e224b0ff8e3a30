//! The control socket of a running node.

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
};

use super::{at_least, block, json, refused, snapshot, started};
use crate::support::{
    client::{PATIENCE, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::run,
    single::Single,
};

fn connect(home: &Path) -> UnixStream {
    let stream = UnixStream::connect(home.join("run/control.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes, which the node need not take, and reads a line, which is empty where the node has left.
fn asked(stream: &mut UnixStream, bytes: &[u8]) -> String {
    let _ = stream.write_all(bytes);
    let mut line = String::new();
    let read = BufReader::new(stream).read_line(&mut line);
    assert!(read.as_ref().map_or_else(|error| error.kind() == ErrorKind::ConnectionReset, |_| true), "{read:?}");
    line
}

const LIST: &[u8] = b"{\"request\":\"snapshot_list\"}\n";

/// The number of connections that are served at once.
const MOST: usize = 16;

/// Whether a connection to a node without snapshots is one of those that are served.
fn is_served(stream: &mut UnixStream) -> bool {
    asked(stream, LIST) == "{\"offered\":[]}\n"
}

async fn a_running_node_takes_a_snapshot_of_the_next_height(engine: EngineUnderTest) {
    let devnet = Devnet::of_one(engine);
    let home = devnet.home(0);
    assert_eq!(json(&snapshot(&home, &["list"]))["running"], false);
    let (node, client) = started(&home).await;
    let socket = home.join("run/control.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(home.join("run")).unwrap().permissions().mode() & 0o777, 0o700);

    let before = block(&devnet, &client).await;
    let creating = std::thread::spawn({
        let home = home.clone();
        move || snapshot(&home, &["create"])
    });
    while !creating.is_finished() {
        block(&devnet, &client).await;
    }
    let made = json(&creating.join().unwrap())["snapshot"].clone();
    let height = made["height"].as_u64().unwrap();
    assert!(height > before, "{made}");
    assert!(made["rows"].as_u64() > Some(0) && made["chunks"] == 1, "{made}");
    assert!(Path::new(made["folder"].as_str().unwrap()).is_dir());
    assert_eq!(root(&client, height).await, format!("{}", made["app_hash"]));

    // It is offered once two more headers are there, and verified beside the running node.
    while super::height(&client).await < Some(height + 2) {
        block(&devnet, &client).await;
    }
    let listed = json(&snapshot(&home, &["list"]));
    let row = &listed["snapshots"].as_array().unwrap().iter().find(|row| row["height"] == height).unwrap().clone();
    assert_eq!((&row["offered"], &row["app_hash"], &row["rows"]), (&true.into(), &made["app_hash"], &made["rows"]));
    assert!(row["bytes"].as_u64() > Some(100) && listed["running"] == true, "{listed}");
    let verified = json(&snapshot(&home, &["verify", &height.to_string()]));
    assert_eq!((&verified["app_hash"], &verified["header"]), (&made["app_hash"], &(height + 1).into()));

    // An archive is of a stopped home.
    let archive = home.join("x.tar");
    let said = refused(&snapshot(&home, &["create", archive.to_str().unwrap()]));
    assert!(said.contains("An archive is of a stopped home") && !archive.exists(), "{said}");
    assert!(node.stop().success());
    assert!(!socket.exists());
    let listed = json(&snapshot(&home, &["list"]));
    assert_eq!((&listed["running"], &listed["snapshots"][0]["offered"]), (&false.into(), &false.into()));
    let table = run(&["snapshot", "list", "--home", home.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("no, the node is stopped"));

    // What was flipped is found.
    let chunk = Path::new(made["folder"].as_str().unwrap()).join("00000");
    let mut bytes = fs::read(&chunk).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&chunk, bytes).unwrap();
    let said = refused(&snapshot(&home, &["verify", &height.to_string()]));
    assert!(said.contains("chunk 0 is wrong"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_node_of_cometbft_takes_a_snapshot_when_it_is_asked() {
    let _turn = turn().await;
    a_running_node_takes_a_snapshot_of_the_next_height(EngineUnderTest::Comet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_node_of_the_development_engine_takes_a_snapshot_when_it_is_asked() {
    a_running_node_takes_a_snapshot_of_the_next_height(EngineUnderTest::Instant).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_socket_is_answered_and_takes_nothing() {
    let devnet = Devnet::of_one(EngineUnderTest::Instant);
    let home = devnet.home(0);
    // No snapshot is due by itself.
    let node = Single::start(&home, &["--set", "snapshot.every=off"]);
    let client = node.client();
    at_least(&client, 1).await;

    let mut stream = connect(&home);
    assert_eq!(asked(&mut stream, LIST), "{\"offered\":[]}\n");
    for (garbage, says) in [
        (&b"\xff\x00\n"[..], "the line is no request"),
        (b"\n", "the line is no request"),
        (b"{\"request\":\"halt\"}\n", "this node knows snapshot_create, snapshot_list"),
        (b"{\"request\":7}\n", "the line is no request"),
        (&[&b"[".repeat(4_000)[..], b"\n"].concat(), "the line is no request"),
    ] {
        let answer = asked(&mut stream, garbage);
        assert!(answer.starts_with("{\"error\":") && answer.contains(says), "{answer}");
    }
    assert_eq!(asked(&mut stream, LIST), "{\"offered\":[]}\n", "the connection goes on");

    // A line that does not end costs its sender the connection.
    let answer = asked(&mut stream, &vec![b'x'; 1 << 20]);
    assert!(answer.contains("the line is longer than the 4096 bytes"), "{answer}");
    let ended = stream.read(&mut [0; 16]);
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");

    // Of many connections the first sixteen are served, and whoever leaves makes room. One that says nothing for ten seconds
    // has left, which on a slow machine may come too early.
    let idle = until("sixteen that are served, and nobody else", async || {
        let mut idle: Vec<UnixStream> = (0..MOST).map(|_| connect(&home)).collect();
        if !idle.iter_mut().all(is_served) {
            return None;
        }
        let answers: Vec<String> = (0..100).map(|_| asked(&mut connect(&home), LIST)).collect();
        let are_refused = answers.iter().all(|answer| answer.contains("16 connections"));
        (are_refused && idle.iter_mut().all(is_served)).then_some(idle)
    })
    .await;
    drop(idle);
    until("room", async || is_served(&mut connect(&home)).then_some(())).await;

    // Whoever asks for a snapshot and leaves gets none: this engine makes no block by itself. While fifteen others stay, the
    // end of that one is what makes room.
    until("the end of who left", async || {
        let mut idle: Vec<UnixStream> = (1..MOST).map(|_| connect(&home)).collect();
        let mut leaving = connect(&home);
        leaving.write_all(b"{\"request\":\"snapshot_create\"}\n").unwrap();
        let was_full = idle.iter_mut().all(is_served) && !is_served(&mut connect(&home));
        drop(leaving);
        until("room", async || is_served(&mut connect(&home)).then_some(())).await;
        (was_full && idle.iter_mut().all(is_served)).then_some(())
    })
    .await;
    for _ in 0..3 {
        block(&devnet, &client).await;
    }
    assert_eq!(asked(&mut connect(&home), LIST), "{\"offered\":[]}\n");

    // The level of the log changes while the node runs, and what is none leaves it as it is.
    let ask = |bytes: &[u8]| asked(&mut connect(&home), bytes);
    assert_eq!(ask(b"{\"request\":\"level\"}\n"), "{\"level\":\"info\"}\n");
    let answer = ask(b"{\"request\":\"level\",\"filter\":\"loud\"}\n");
    assert!(answer.contains("`loud` is no level: write off, error, warn"), "{answer}");
    let finest = "info,diem_instant=debug";
    let set = format!("{{\"request\":\"level\",\"filter\":\"{finest}\"}}\n");
    assert_eq!(ask(set.as_bytes()), format!("{{\"level\":\"{finest}\"}}\n"));
    let log = || fs::read_to_string(home.join("node.log")).unwrap();
    assert!(!log().contains(" DEBUG "), "{}", log());
    block(&devnet, &client).await;
    // The log is written beside the work of the node.
    until("the finer lines", async || log().contains(" DEBUG ").then_some(())).await;
    assert!(log().contains("the level of the log changes"), "{}", log());
    assert_eq!(ask(b"{\"request\":\"peers\"}\n"), "{\"peers\":[]}\n", "this engine has none");

    // Whoever has the node end is answered first, and one that still waits does not hold up the end.
    let mut waiting = connect(&home);
    waiting.write_all(b"{\"request\":\"snapshot_create\"}\n").unwrap();
    assert_eq!(ask(b"{\"request\":\"drain\"}\n"), "{\"stops\":{\"drain_ms\":0}}\n");
    assert!(node.ended().0.success());
    let mut answer = String::new();
    let _ = waiting.read_to_string(&mut answer);
    assert_eq!(answer, "");
}
