//! A devnet of four validators on CometBFT: its screen, and the failures that it survives.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use diem_api::{State, Wait};
use diem_client::Client;
use diem_core::{Address, Amount};
use diem_host::ports;
use diem_testkit::TxBuilder;
use diem_types::GenesisDoc;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::{
    client::{commit, height, person, reach, root, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{Ended, diemd, processes_of, run, signal, wait, words},
    single::Single,
};

#[tokio::test(flavor = "multi_thread")]
async fn four_validators_show_themselves_and_survive() {
    let _turn = turn().await;
    let mut devnet = Devnet::that_jails_nobody();
    the_ready_file_says_what_there_is(&devnet);
    the_screen_has_commands_that_work(&devnet).await;
    a_second_devnet_in_the_folder_is_refused(&devnet);
    a_home_tells_how_its_validator_stands(&devnet).await;
    let returned = one_killed_under_load_returns(&devnet).await;
    all_killed_come_back(&mut devnet, returned).await;
    assert!(devnet.stop().success());
    assert_eq!(devnet.processes(), Vec::<u32>::new());
    an_ordinary_stop_alarms_nobody(&devnet);
}

fn an_ordinary_stop_alarms_nobody(devnet: &Devnet) {
    let mut kills = 0;
    for node in 0..4 {
        let log = fs::read_to_string(devnet.home(node).join("node.log")).unwrap();
        let (_, end) = log.rsplit_once("stopping").unwrap();
        assert!(end.contains("stopped"), "{end}");
        // One or the other CometBFT may need more than its grace period where the machine stands still meanwhile.
        let is_late = |line: &&str| line.contains("CometBFT did not stop within");
        kills += end.lines().filter(is_late).count();
        let alarms = end.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR"));
        assert_eq!(alarms.filter(|line| !is_late(line)).collect::<Vec<_>>(), [""; 0], "{end}");
    }
    assert!(kills < 3, "{kills} of 4 CometBFTs did not end when they were asked to");
}

fn the_ready_file_says_what_there_is(devnet: &Devnet) {
    let ready = &devnet.ready;
    assert_eq!(ready["chain_id"], "diem-local-dev-1");
    assert_eq!(ready["genesis_hash"], hex::encode(devnet.doc.hash()));
    assert_eq!(ready["engine"], "comet");
    assert_eq!(devnet.nodes(), 4);
    for (at, node) in ready["nodes"].as_array().unwrap().iter().enumerate() {
        assert_eq!(node["home"], devnet.home(at).to_str().unwrap());
        for key in ["api", "comet_rpc", "metrics"] {
            assert!(node[key].as_str().unwrap().starts_with("http://127.0.0.1:"), "{node}");
        }
        let peer = node["peer"].as_str().unwrap();
        assert!(peer.split_once('@').is_some_and(|(id, _)| id.len() == 40), "{node}");
        assert!(devnet.screen().contains(peer), "{peer} is not on the screen");
    }
    let accounts = ready["accounts"].as_array().unwrap();
    let names: Vec<&str> = accounts.iter().map(|account| account["name"].as_str().unwrap()).collect();
    let operators = ["validator-1", "validator-2", "validator-3", "validator-4"];
    assert_eq!(names, [&["alice", "bob", "carol", "dave"][..], &operators].concat());
    assert!(accounts.iter().all(|account| account["address"].as_str().unwrap().starts_with("diem1")));
}

async fn the_screen_has_commands_that_work(devnet: &Devnet) {
    let screen = devnet.screen();
    for part in
        ["diem-local-dev-1", "cometbft", "alice", "1000000 VVV", diem_genesis::presets::TEST_MNEMONIC, "ready in"]
    {
        assert!(screen.contains(part), "`{part}` is not on the screen:\n{screen}");
    }
    let diemd = env!("CARGO_BIN_EXE_diemd");
    let commands: Vec<&str> = screen.lines().filter_map(|line| line.trim().strip_prefix(diemd)).collect();
    assert!(commands.len() >= 2, "{screen}");
    for command in commands {
        let typed = command.to_owned();
        let output = tokio::task::spawn_blocking(move || run(&typed.split_whitespace().collect::<Vec<_>>()));
        let output = output.await.unwrap();
        assert!(output.status.success(), "{command}: {}", words(&output));
    }
}

fn a_second_devnet_in_the_folder_is_refused(devnet: &Devnet) {
    let mut command = devnet.command(&[]);
    command.arg("--ready-file").arg(devnet.dir().join("other.json"));
    // The flag may be given only once, so the first one is replaced.
    let mut args: Vec<_> = command.get_args().map(|arg| arg.to_owned()).collect();
    let at = args.iter().position(|arg| arg == "--ready-file").unwrap();
    args.drain(at..at + 2);
    let output = diemd().args(args).output().unwrap();
    assert!(!output.status.success());
    assert!(words(&output).contains("another devnet runs in"), "{}", words(&output));
}

async fn a_home_tells_how_its_validator_stands(devnet: &Devnet) {
    reach(&devnet.client(1), 4).await;
    let home = devnet.home(1);
    let status = ["validator", "status", "--verify", "--output", "json", "--home", home.to_str().unwrap()];
    let output = run(&status);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", words(&output)));
    assert_eq!(told["operator"], devnet.ready["accounts"][5]["address"], "{told}");
    assert_eq!((&told["standing"], &told["key_place"]), (&"active".into(), &"home".into()), "{told}");
    let signed = told["signing"]["last_signed"].as_u64().unwrap();
    assert!(signed > 0 && signed < told["height"].as_u64().unwrap(), "{told}");
    assert!(told["versions"]["cometbft"].as_str().unwrap().starts_with("0.38."), "{told}");
}

/// A watch of a validator, which asks another node than its own, and the file of its lines.
fn watch(devnet: &Devnet, validator: usize, node: usize) -> (Ended, PathBuf) {
    let lines = devnet.dir().join("watch.lines");
    let operator = devnet.ready["accounts"][4 + validator]["address"].as_str().unwrap();
    let mut command = diemd();
    command.args(["validator", "watch", operator, "--node", devnet.client(node).url()]).stdin(Stdio::null());
    let child = command.stdout(fs::File::create(&lines).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    (Ended(child), lines)
}

/// Sends dave's transfers to one node, each until it is accepted, until told to stop.
async fn load(client: Client, doc: GenesisDoc, stop: Arc<Notify>) {
    let dave = person(3);
    for nonce in nonce(&client).await.. {
        let tx = TxBuilder::transfer(&doc, &dave, nonce, Address([3; 20]), Amount::ONE).bytes();
        loop {
            let sent = client.submit(tx.to_vec(), Wait::Checked, Duration::from_secs(5)).await;
            tokio::select! {
                () = stop.notified() => return,
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            if sent.is_ok_and(|sent| matches!(sent.state, State::Checked | State::Committed)) {
                break;
            }
        }
    }
}

/// The number of dave's transfers that have landed, as that node sees it.
async fn nonce(client: &Client) -> u64 {
    client.account(&person(3).address, None, false).await.unwrap().nonce
}

/// Waits until one more transfer has landed than when this was called.
async fn one_lands(seen_by: &Client, when: &str) {
    let before = nonce(seen_by).await;
    until(when, async || (nonce(seen_by).await > before).then_some(())).await;
}

/// Kills a validator under load and starts it again; returns it.
async fn one_killed_under_load_returns(devnet: &Devnet) -> Single {
    let client = devnet.client(0);
    let stop = Arc::new(Notify::new());
    let sender = tokio::spawn(load(client.clone(), devnet.doc.clone(), Arc::clone(&stop)));
    let start = height(&client).await.unwrap();
    reach(&client, start + 2).await;
    let (_watch, lines) = watch(devnet, 2, 0);
    // Before and after the state that is waited for there may be others, such as a chain that stands for a while.
    let told = async |state: &str| {
        let state = format!(" {state} ");
        let is_last = |text: String| text.lines().last().is_some_and(|line| line.contains(&state));
        until(&state, async || is_last(fs::read_to_string(&lines).unwrap()).then_some(())).await;
    };
    told("ok").await;

    signal(devnet.pid(2), Signal::KILL);
    let at = height(&client).await.unwrap();
    one_lands(&client, "a transfer while one validator is dead").await;
    reach(&client, at + 4).await;
    assert!(height(&devnet.client(2)).await.is_none());
    told("missing").await;

    let returned = Single::start(&devnet.home(2), &[]);
    let goal = height(&client).await.unwrap();
    reach(&returned.client(), goal + 2).await;
    one_lands(&returned.client(), "a transfer after the return, at the one who returned").await;
    told("ok").await;
    stop.notify_one();
    sender.await.unwrap();
    let common = reach(&client, goal + 2).await.min(height(&returned.client()).await.unwrap());
    for height in [at, at + 1, at + 2, at + 3, common] {
        assert_eq!(root(&client, height).await, root(&returned.client(), height).await, "height {height}");
    }
    returned
}

async fn all_killed_come_back(devnet: &mut Devnet, returned: Single) {
    let client = devnet.client(0);
    let before = height(&client).await.unwrap();
    let remembered = root(&client, before).await;
    for node in [0, 1, 3] {
        signal(devnet.pid(node), Signal::KILL);
    }
    returned.kill();
    let (status, said) = devnet.ended();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("was ended by signal 9") && said.contains("all validators have ended"), "{said}");
    let folder = devnet.dir();
    until("the end of every CometBFT", async || processes_of(&folder).is_empty().then_some(())).await;

    devnet.again(&[]);
    let client = devnet.client(0);
    reach(&client, before + 2).await;
    for node in 0..4 {
        reach(&devnet.client(node), before).await;
        assert_eq!(root(&devnet.client(node), before).await, remembered);
    }
    let nonce = client.account(&person(2).address, None, false).await.unwrap().nonce;
    commit(&client, devnet.transfer(2, nonce, Address([4; 20]), 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_ends_with_the_code_of_the_node_that_ended_it() {
    let mut devnet = Devnet::start_with(EngineUnderTest::Comet, &["--validators", "1"]);
    reach(&devnet.client(0), 3).await;
    // No file of CometBFT may grow any more, as on a full disk.
    let comet = fs::read_to_string(devnet.home(0).join("cometbft/cometbft.pid")).unwrap();
    assert!(Command::new("prlimit").args(["--pid", comet.trim(), "--fsize=1"]).status().unwrap().success());
    let (status, said) = devnet.ended();
    assert_eq!(status.code(), Some(8), "{said}");
    assert!(said.contains("all validators have ended"), "{said}");
    // The next one ends before its chain is ready.
    fs::write(devnet.home(0).join("cometbft/data/priv_validator_state.json"), "").unwrap();
    let mut child = devnet.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(wait(&mut child).code(), Some(7));
}

#[test]
fn what_was_asked_for_must_fit_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("devnet");
    let refused = |args: &[&str]| {
        let output =
            run(&[&["devnet", "--dir", dir.to_str().unwrap(), "--home", dir.to_str().unwrap()], args].concat());
        assert_eq!(output.status.code(), Some(2), "{}", words(&output));
        words(&output)
    };
    assert!(refused(&["--validators", "0"]).contains("1 to 64 validators"));
    assert!(refused(&["--engine", "instant", "--validators", "2"]).contains("in one process"));
    assert!(refused(&["--chain-id", "diem-1"]).contains("needs a part -dev"));
    assert!(refused(&["--port-offset", "60000"]).contains("above 65535"));
    assert!(refused(&["--block-time", "soon"]).contains("`soon` is not a length of time"));
    assert!(!dir.exists(), "nothing is left of any of these");
    let ready = folder.path().join("nowhere/ready.json");
    assert!(refused(&["--ready-file", ready.to_str().unwrap()]).contains("there is no folder"));
    // A folder that is not a devnet's loses nothing.
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("precious"), "x").unwrap();
    fs::create_dir(dir.join("node1")).unwrap();
    fs::write(dir.join("devnet.json"), r#"{"engine":"comet","validators":4,"chain_id":"diem-local-dev-1"}"#).unwrap();
    let said = refused(&["--validators", "3"]);
    assert!(said.contains("of 4 validators") && said.contains("--fresh"), "{said}");
    assert!(dir.join("precious").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_port_is_named_before_anything_starts_and_fresh_forgets() {
    let mut devnet = Devnet::start(EngineUnderTest::Instant);
    let first = devnet.ready["genesis_hash"].clone();
    let api = devnet.ready["nodes"][0]["api"].as_str().unwrap().strip_prefix("http://").unwrap().to_string();
    assert!(devnet.stop().success());
    let taken = std::net::TcpListener::bind(&api).unwrap();
    let mut child = devnet.command(&[]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    assert_eq!(wait(&mut child).code(), Some(1));
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    let port = api.rsplit(':').next().unwrap();
    assert!(said.contains(&format!("port {port} on 127.0.0.1, for the HTTP API of validator 1")), "{said}");
    assert!(said.contains("--port-offset"), "{said}");
    // A new chain that cannot start takes nothing from the old one, and a folder that it would have made is not left.
    let kept = fs::read(devnet.dir().join("genesis.json")).unwrap();
    let other = devnet.dir().with_file_name("other");
    for args in [&["--fresh"][..], &["--dir", other.to_str().unwrap()]] {
        let mut all: Vec<String> = Vec::new();
        all.extend(devnet.command(&[]).get_args().map(|arg| arg.to_str().unwrap().to_owned()));
        if args[0] == "--dir" {
            let at = all.iter().position(|arg| arg == "--dir").unwrap();
            all.drain(at..at + 2);
        }
        all.extend(args.iter().map(ToString::to_string));
        let output = run(&all.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    }
    assert!(!other.exists());
    assert_eq!(fs::read(devnet.dir().join("genesis.json")).unwrap(), kept);
    ports::give_back(taken);
    devnet.again(&[]);
    assert_eq!(devnet.ready["genesis_hash"], first);
    assert!(devnet.stop().success());
    devnet.again(&["--fresh"]);
    assert_ne!(devnet.ready["genesis_hash"], first);
}
