//! The node on real CometBFT: blocks, transfers, proofs, kills.

mod block_time;
mod late;

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use diem_comet::{Launch, LaunchError, Settings, Timing, abci::Address};
use diem_core::{Amount, proof};
use diem_engine::engine::{Engine as _, EngineError, Incoming, SubmitError, Wait};
use diem_runtime::{App, Options};
use diem_testkit::people;
use diem_types::GenesisDoc;

use crate::support::{
    self,
    home::{Home, PATIENCE, binary, until, vvv},
    process::Ended,
    recorder,
};

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Whether a process runs; a zombie, which waits to be collected, does not.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

/// Decodes transactions as the batcher of the API does.
fn incoming(txs: &[Bytes]) -> Vec<Incoming> {
    txs.iter().map(|tx| tx.clone().try_into().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_commits_a_transfer_and_the_state_is_proven_by_its_headers() {
    let home = Home::new();
    let node = home.start();
    let engine = Arc::clone(&node.running.engine);
    engine.ready(PATIENCE).await.unwrap();
    node.reach(2).await;
    let people = people(4);

    // Anyone may ask CometBFT to ask the application about itself, so somebody does it all the time.
    let asking = tokio::spawn(keep_asking(home.settings.rpc));
    // One call has two hundred transactions of one sender; then come answers of every kind.
    let txs: Vec<Bytes> = (0..200).map(|nonce| home.transfer(&people[0], nonce)).collect();
    let answers = engine.submit(incoming(&txs), Wait::Checked).await;
    assert_eq!(answers, vec![Ok(()); 200]);
    let mut forged = txs[1].to_vec();
    *forged.iter_mut().rev().nth(1).unwrap() ^= 1;
    let again = engine.submit(incoming(&[txs[0].clone(), forged.into()]), Wait::Checked).await;
    assert_eq!(again[0], Err(SubmitError::Known));
    assert!(matches!(&again[1], Err(SubmitError::Rejected { code: 6, codespace, .. }) if codespace == "chain"));
    let third: Vec<Bytes> = (0..50).map(|nonce| home.transfer(&people[2], nonce)).collect();
    assert_eq!(engine.submit(incoming(&third), Wait::None).await, vec![Ok(()); 50]);
    until("all transfers committed", || vvv(&node.app, &people[1]) == Amount::ONE.checked_mul(1_250).unwrap()).await;
    let stored = node.app.index().transaction(&diem_core::tx::tx_hash(&txs[199])).unwrap();
    assert_eq!(stored.result.code, 0);
    asking.abort();
    match asking.await {
        Err(stopped) => assert!(stopped.is_cancelled(), "{stopped}"),
        Ok(never) => match never {},
    }

    // The root after a block stands in the next header, which the genesis validators sign.
    let height = node.app.info().height;
    let snapshot = node.app.snapshot(Some(height)).unwrap();
    let signed = engine.signed_header(height + 1, PATIENCE).await.unwrap();
    let root = snapshot.root();
    assert_eq!(signed.header.app_hash.as_bytes(), root);
    let set = engine.validators(height + 1).await.unwrap();
    assert_eq!(set.hash(), signed.header.validators_hash);
    assert_eq!(set.validators()[0].pub_key.to_bytes(), home.genesis.validators[0].public_key);
    assert_eq!(signed.header.version.app, diem_types::APP_VERSION);
    let key = [&[1u8, 0][..], &people[0].address.0].concat();
    let (value, ics) = snapshot.prove(&key);
    proof::verify(&root, &key, value.as_deref(), &ics).unwrap();

    let ahead = engine.signed_header(height + 100_000, Duration::ZERO).await.unwrap_err();
    assert!(matches!(ahead, EngineError::NotYet { asked, latest } if asked > latest && latest >= height), "{ahead}");
    let status = engine.status().await.unwrap();
    assert!(!status.catching_up && status.latest_height >= height && status.peers == Some(0), "{status:?}");
    assert_eq!(node.app.chain().unwrap().genesis_hash, home.genesis.hash());
    node.stop().await;
}

/// Calls `/abci_info` again and again, and expects an answer each time.
async fn keep_asking(rpc: SocketAddr) -> std::convert::Infallible {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let version = format!("\"app_version\":\"{}\"", diem_types::APP_VERSION);
    loop {
        let mut stream = tokio::net::TcpStream::connect(rpc).await.unwrap();
        stream.write_all(b"GET /abci_info HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("\"data\":\"diem\"") && answer.contains(&version), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_the_next_nonce_is_never_refused_while_blocks_come_and_go() {
    let home = Home::new();
    let node = home.start();
    node.running.engine.ready(PATIENCE).await.unwrap();
    node.reach(1).await;
    let alice = &people(1)[0];
    // The test covers at least five commits, each with a recheck of what waits after it.
    let (first, mut nonce) = (node.app.info().height, 0);
    while node.app.info().height < first + 5 || nonce < 100 {
        assert_eq!(node.app.next_nonce(&alice.address), nonce);
        let sent = node.running.engine.submit(incoming(&[home.transfer(alice, nonce)]), Wait::Checked).await;
        assert_eq!(sent, [Ok(())], "nonce {nonce}");
        nonce += 1;
        // Where blocks are slow, the account's balance has to last for five of them.
        if nonce > 100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let committed = || diem_bank::nonce(&node.app.snapshot(None).unwrap(), &alice.address);
    until("all of them in blocks", || committed() == nonce).await;
    assert_eq!(node.app.next_nonce(&alice.address), nonce);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_the_next_block_is_foreseen_to_the_millisecond() {
    let home = Home::new();
    let node = home.start();
    let engine = Arc::clone(&node.running.engine);
    engine.ready(PATIENCE).await.unwrap();
    node.reach(2).await;
    for _ in 0..5 {
        let before = node.app.info().height;
        let foreseen = engine.next_block_time().await.unwrap();
        // Blocks come while the time is asked for: at some moment of that, the answer was that of the next block.
        let after = node.app.info().height;
        node.reach(after + 2).await;
        let times: Vec<_> =
            (before + 1..=after + 2).map(|height| node.app.index().block(height).unwrap().time).collect();
        assert!(times.contains(&foreseen), "{foreseen} is none of {times:?}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cometbft_killed_is_started_again_and_catches_up() {
    let home = Home::new();
    let node = home.start();
    node.reach(3).await;
    let before = node.running.status().pid.unwrap();
    kill(before);
    until("a new CometBFT", || node.running.status().pid.is_some_and(|pid| pid != before)).await;
    let height = node.app.info().height;
    node.reach(height + 3).await;
    assert_eq!(node.running.status().restarts, 1);
    let people = people(1);
    let tx = home.transfer(&people[0], 0);
    node.running.engine.ready(PATIENCE).await.unwrap();
    assert_eq!(node.running.engine.submit(incoming(std::slice::from_ref(&tx)), Wait::Checked).await, [Ok(())]);
    until("the transfer", || node.app.index().transaction(&diem_core::tx::tx_hash(&tx)).is_some()).await;
    node.app.check_invariants().unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_in_order_and_starts_where_it_was() {
    let home = Home::new();
    let node = home.start();
    node.reach(3).await;
    let pid = node.running.status().pid.unwrap();
    let app = Arc::downgrade(&node.app);
    node.stop().await;
    assert!(!runs(pid));
    assert!(!diem_comet::pid_file(&home.comet()).exists());
    until("the application is let go", || app.strong_count() == 0).await;

    let node = home.start();
    let height = node.app.info().height;
    assert!(height >= 3);
    node.reach(height + 2).await;
    node.stop().await;
}

/// The variable with the home of the process that plays the node; without it the test below does nothing.
const CHILD: &str = "COMET_TEST_CHILD";
/// The variable with the write and the side of it at which that process kills itself: `Before 3`.
const DIE: &str = "COMET_TEST_DIE";

/// Kills this process, as the kernel would, at the write that [`DIE`] names.
fn die_at(point: diem_store::WritePoint) {
    static WRITES: AtomicUsize = AtomicUsize::new(0);
    let number = match point {
        diem_store::WritePoint::Before => WRITES.fetch_add(1, Ordering::SeqCst) + 1,
        diem_store::WritePoint::After => WRITES.load(Ordering::SeqCst),
    };
    if std::env::var(DIE).is_ok_and(|die| die == format!("{point:?} {number}")) {
        kill(std::process::id());
        std::thread::sleep(PATIENCE);
    }
}

/// This is no test of its own: `killing_the_node_ends_its_cometbft` starts and kills this process.
#[test]
fn child_node() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let (folder, runtime) = (PathBuf::from(folder), tokio::runtime::Runtime::new().unwrap());
    let _inside = runtime.enter();
    let genesis: GenesisDoc = serde_json::from_slice(&std::fs::read(folder.join("genesis")).unwrap()).unwrap();
    let rpc = std::fs::read_to_string(folder.join("rpc")).unwrap().parse().unwrap();
    let p2p = std::fs::read_to_string(folder.join("p2p")).unwrap().parse().unwrap();
    let mut settings = Settings::new("child", Address::of_home(&folder).unwrap());
    (settings.rpc, settings.p2p, settings.metrics) = (rpc, p2p, None);
    settings.timing = Timing { commit: Duration::from_millis(50), ..Timing::default() };
    let store = diem_store::Options { on_write: Some(die_at), ..diem_store::Options::default() };
    let app = Arc::new(App::open(&folder.join("data"), Options { store, ..Options::default() }).unwrap());
    let commits = support::commits(&app);
    let running = Launch {
        home: folder.join("comet"),
        binary: binary(),
        origin: genesis.into(),
        settings,
        app: Arc::clone(&app),
        commits: Arc::clone(&commits),
        signing: diem_comet::Signing::new(folder.join("run")),
        on_fatal: diem_comet::abci::end_process(),
    };
    let _running = running.start().unwrap();
    let mut heights = commits.subscribe();
    runtime.block_on(heights.wait_for(|height| *height >= 3)).unwrap();
    std::fs::write(folder.join("up"), "").unwrap();
    std::thread::sleep(PATIENCE);
}

impl Home {
    /// Starts the node of this home in a process of its own, which dies at `die` if that is given.
    fn child(&self, die: &str) -> Ended {
        let folder = self.folder.path();
        std::fs::write(folder.join("genesis"), serde_json::to_vec(&self.genesis).unwrap()).unwrap();
        std::fs::write(folder.join("rpc"), self.settings.rpc.to_string()).unwrap();
        std::fs::write(folder.join("p2p"), self.settings.p2p.to_string()).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "comet_engine::child_node"]).env(CHILD, folder).env(DIE, die).stdin(Stdio::null());
        Ended(command.spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        std::fs::read_to_string(diem_comet::pid_file(&self.comet())).unwrap().trim().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_node_ends_its_cometbft_and_the_next_start_goes_on() {
    let home = Home::new();
    let mut child = home.child("");
    until("the child is up", || home.folder.path().join("up").exists()).await;
    let pid = home.pid();
    assert!(runs(pid));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    until("CometBFT leaves", || !runs(pid)).await;

    let node = home.start();
    let height = node.app.info().height;
    assert!(height >= 3, "{height}");
    node.reach(height + 2).await;
    node.app.check_invariants().unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_on_either_side_of_a_write_the_node_goes_on_with_the_root_that_its_headers_say() {
    for (die, height) in [("Before 1", 0), ("After 1", 1), ("Before 3", 2), ("After 3", 3)] {
        let home = Home::new();
        let mut child = home.child(die);
        until("the child dies", || child.0.try_wait().unwrap().is_some()).await;
        let pid = home.pid();
        until("CometBFT leaves", || !runs(pid)).await;

        let node = home.start();
        assert_eq!(node.app.info().height, height, "{die}");
        node.reach(5).await;
        node.running.engine.ready(PATIENCE).await.unwrap();
        for height in 1..=4 {
            let header = node.running.engine.signed_header(height + 1, PATIENCE).await.unwrap().header;
            assert_eq!(
                header.app_hash.as_bytes(),
                node.app.index().block(height).unwrap().root,
                "{die}, block {height}"
            );
        }
        node.app.check_invariants().unwrap();
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_a_sentence_and_leaves_nothing_running() {
    let home = Home::new();
    let _taken = TcpListener::bind(home.settings.rpc).unwrap();
    let app = Arc::new(App::in_memory(Options::default()));
    let launch = home.launch(Arc::clone(&app), support::commits(&app), recorder().0);
    let Err(error) = launch.start() else { panic!("it started") };
    assert!(matches!(error, LaunchError::Supervisor(_)));
    let error = error.to_string();
    assert!(error.contains(&home.settings.rpc.port().to_string()) && error.contains("`comet.rpc`"), "{error}");
    assert!(!diem_comet::pid_file(&home.comet()).exists());
    assert_eq!(Arc::strong_count(&app), 1, "the socket is closed");
}

fn script(folder: &Path, body: &str) -> PathBuf {
    let file = folder.join("fake-comet");
    std::fs::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn another_chains_home_is_refused() {
    let home = Home::new();
    home.start().stop().await;
    let mut other = home.genesis.clone();
    other.chain_id = "other-dev".into();
    let app = Arc::new(App::in_memory(Options::default()));
    let launch = Launch { origin: other.into(), ..home.launch(Arc::clone(&app), support::commits(&app), recorder().0) };
    let Err(error) = launch.start() else { panic!("it started") };
    assert!(error.to_string().contains("genesis of another chain"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cometbft_that_never_stays_is_given_up_with_its_last_words() {
    let home = Home::new();
    let fake = script(home.folder.path(), "echo 'ERROR: bind: address already in use' >&2; exit 3");
    let app = Arc::new(App::in_memory(Options::default()));
    let (on_fatal, said) = recorder();
    let launch = Launch { binary: fake, ..home.launch(Arc::clone(&app), support::commits(&app), on_fatal) };
    let running = launch.start().unwrap();
    until("it is given up", || !said.lock().is_empty()).await;
    let sentence = said.lock().join("");
    for part in ["6 times in a row", "exit code 3", "one of its ports is taken"] {
        assert!(sentence.contains(part), "{sentence}");
    }
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn consensus_that_fails_in_a_process_that_lives_is_an_end_and_not_started_again() {
    let home = Home::new();
    // CometBFT logs the line like this, with a stack that is longer than what is shown of a line.
    let line = format!(
        r#"{{"_msg":"CONSENSUS FAILURE!!!","err":"failed to write to WAL: no space left on device","level":"error","module":"consensus","stack":"{}"}}"#,
        "goroutine 1 ".repeat(500)
    );
    std::fs::write(home.folder.path().join("line"), line).unwrap();
    let body = format!("echo $$ >> '{0}/pids'; cat '{0}/line'; echo; exec sleep 600", home.folder.path().display());
    let fake = script(home.folder.path(), &body);
    let app = Arc::new(App::in_memory(Options::default()));
    let (on_fatal, said) = recorder();
    let launch = Launch { binary: fake, ..home.launch(Arc::clone(&app), support::commits(&app), on_fatal) };
    let running = launch.start().unwrap();
    until("the node is told", || !said.lock().is_empty()).await;
    let sentence = said.lock().join("");
    assert!(sentence.contains("consensus has failed: the disk is full"), "{sentence}");
    assert!(sentence.contains("failed to write to WAL") && !sentence.contains("goroutine"), "{sentence}");
    let pids = std::fs::read_to_string(home.folder.path().join("pids")).unwrap();
    let pids: Vec<u32> = pids.lines().map(|pid| pid.parse().unwrap()).collect();
    assert!(matches!(&pids[..], [pid] if !runs(*pid)), "it was stopped, and not started again: {pids:?}");
    tokio::task::spawn_blocking(move || running.stop()).await.unwrap();
}
