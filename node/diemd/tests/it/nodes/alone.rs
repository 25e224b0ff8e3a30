//! A node of CometBFT by itself: what it reads of its genesis when it starts again, and what it logs while it waits for
//! others.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use diem_bank::{Msg, Output};
use diem_client::{ClientError, verify::VerifyError};
use diem_core::{Address, Amount, Denom};
use diem_testkit::TxBuilder;
use diem_types::{Call, GenesisDoc};
use rustix::process::Signal;

use crate::support::{
    client::{commit, height, person, reach, until},
    devnet::{Devnet, EngineUnderTest},
    ports::Ports,
    process::{processes_of, run, signal, words},
    single::{Single, add_accounts, change_genesis, comet_home},
};

/// Finds the last line of a node's log with these words.
async fn line(node: &Single, words: &str) -> String {
    let log = node.home.join("node.log");
    let find = async || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().rev().find(|line| line.contains(words)).map(str::to_owned)
    };
    until(words, find).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_has_begun_needs_no_genesis_and_still_refuses_another_chains() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let genesis = home.join("genesis.json");
    let doc = diem_genesis::load(&genesis, None).unwrap();
    let text = fs::read_to_string(&genesis).unwrap();
    let node = Single::start(&home, &[]);
    let begun = reach(&node.client(), 2).await;
    assert!(node.stop().success());
    // CometBFT's genesis names the chain and holds no state.
    let of_comet = fs::read_to_string(home.join("cometbft/config/genesis.json")).unwrap();
    assert!(of_comet.contains(&hex::encode(doc.hash())) && !of_comet.contains("accounts"), "{of_comet}");

    // This is another chain of the same name and length, with the date of the right file.
    let date = fs::metadata(&genesis).unwrap().modified().unwrap();
    let other = GenesisDoc { genesis_time: diem_core::Time(doc.genesis_time.0 - 1), ..doc.clone() };
    fs::write(&genesis, diem_genesis::to_json(&other)).unwrap();
    fs::File::options().write(true).open(&genesis).unwrap().set_modified(date).unwrap();
    let refused = run(&["start", "--home", home.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let said = words(&refused);
    assert!(said.contains(&hex::encode(doc.hash())) && said.contains(&hex::encode(other.hash())), "{said}");

    // Without the file the node goes on, because it reads nothing of it.
    fs::remove_file(&genesis).unwrap();
    let node = Single::start(&home, &[]);
    let gone_on = reach(&node.client(), begun + 2).await;
    let nothing = node.client().genesis().await.unwrap_err();
    assert!(matches!(&nothing, ClientError::Refused { status: 404, .. }), "{nothing}");
    assert!(node.stop().success());
    // The node also starts with the right file again.
    fs::write(&genesis, text).unwrap();
    let node = Single::start(&home, &[]);
    reach(&node.client(), gone_on + 1).await;
    assert_eq!(node.client().genesis().await.unwrap().hash(), doc.hash());
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_four_says_how_much_power_it_has_and_who_is_missing() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, made) = comet_home(folder.path(), &ports, ["--preset", "localnet"]);
    let node = Single::start(&home, &["--set", "log.standstill=1s"]);
    let first = line(&node, "this node's key is one of several").await;
    assert!(first.contains("power=14800") && first.contains("total=44800"), "{first}");
    for other in ["validator-2", "validator-3", "validator-4"] {
        assert!(first.contains(other), "{first}");
    }
    assert!(!first.contains("validator-1"), "{first}");
    line(&node, "no other node is named in comet.peers or comet.seeds").await;
    // The line is repeated, with the time that has passed.
    let second = line(&node, "no block for").await;
    for part in ["power=14800", "present=14800", "total=44800", "height=0", "missing:", "validator-4"] {
        assert!(second.contains(part), "`{part}` is not in {second}");
    }
    // The id of the node is on every screen.
    let id = made["node_id"].as_str().unwrap();
    let running = line(&node, "running").await;
    assert!(running.contains(id), "{running}");
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_stops_in_the_middle_of_a_height_is_missing() {
    let mut devnet = Devnet::start_with(EngineUnderTest::Comet, &["--validators", "2"]);
    // The first node is started again with a shorter interval of the line.
    signal(devnet.pid(0), Signal::TERM);
    let first = devnet.home(0);
    until("the first has ended", async || processes_of(&first).is_empty().then_some(())).await;
    let node = Single::start(&first, &["--set", "log.standstill=2s"]);
    let log = || fs::read_to_string(first.join("node.log")).unwrap();
    // The kill is repeated, so that the second node stops in more than one place of a height.
    for _ in 0..2 {
        let reached = height(&node.client()).await.unwrap_or(0);
        reach(&node.client(), reached + 2).await;
        let before = log().len();
        let comet = fs::read_to_string(devnet.home(1).join("cometbft/cometbft.pid")).unwrap().trim().parse().unwrap();
        signal(comet, Signal::STOP);
        // A line before may tell of a chain that was slow while both were there.
        until("who is missing is told", async || {
            let is_told = |line: &str| {
                ["no block for", "present=14800 total=24800", "missing: \"validator-2\""]
                    .iter()
                    .all(|part| line.contains(part))
            };
            log()[before..].lines().any(is_told).then_some(())
        })
        .await;
        let stood = height(&node.client()).await.unwrap();
        signal(comet, Signal::CONT);
        reach(&node.client(), stood + 1).await;
    }
    assert!(node.stop().success());
    devnet.kill();
}

/// Makes a home whose chain starts so long from now; returns it with that time as text.
fn starts_in(folder: &Path, ports: &Ports, time: Duration) -> (PathBuf, String) {
    let (home, _) = comet_home(folder, ports, ["--preset", "dev"]);
    let begins = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + time;
    let begins = diem_core::Time(u64::try_from(begins.as_millis()).unwrap());
    change_genesis(&home.join("genesis.json"), |doc| doc.genesis_time = begins);
    (home, begins.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_waits_for_the_genesis_time_before_it_misses_anybody() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    // This time does not come while the test looks, however slow the machine is.
    let (home, start) = starts_in(&folder.path().join("later"), &ports, Duration::from_secs(3_600));
    let node = Single::start(&home, &["--set", "log.standstill=1s"]);
    let ready = until("an answer", async || node.client().ready().await.ok()).await;
    assert_eq!(ready.reasons.len(), 1, "CometBFT, which is silent until then, is no reason: {ready:?}");
    assert!(ready.reasons[0].text.contains(&start), "{ready:?}");
    let status = node.client().status().await;
    let told = match &status {
        Ok(status) => status.trouble.clone().unwrap(),
        Err(error) => error.refusal().unwrap().message.clone(),
    };
    assert!(told.contains(&start), "{told}");
    line(&node, &format!("the chain starts at {start}")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let log = fs::read_to_string(home.join("node.log")).unwrap();
    assert!(!log.contains("no block for"), "{log}");
    assert!(node.stop().success());
    // This one comes.
    let (home, _) = starts_in(&folder.path().join("soon"), &ports, Duration::from_secs(10));
    let node = Single::start(&home, &[]);
    reach(&node.client(), 2).await;
    assert!(node.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_makes_blocks_alone_says_so_and_is_found_by_its_id() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, made) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let node = Single::start(&home, &["--set", "comet.external_address=127.0.0.7:26656"]);
    reach(&node.client(), 1).await;
    line(&node, "it makes blocks alone").await;
    let peer = node.client().status().await.unwrap().peer.unwrap();
    assert_eq!((peer.id.as_str(), peer.port), (made["node_id"].as_str().unwrap(), 26_656 + ports.offset));
    assert_eq!(peer.address.as_deref(), Some("127.0.0.7:26656"));
    let url = node.api.clone();
    let shown = tokio::task::spawn_blocking(move || run(&["query", "status", "--node", &url])).await.unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains(&format!("{}@127.0.0.7:26656", peer.id)), "{shown}");
    assert!(node.stop().success());
    let log = fs::read_to_string(home.join("node.log")).unwrap();
    assert!(!log.contains("no block for"), "{log}");
}

/// Two chains of one name, made one after the other by `devnet --fresh`, have the same validators: a header of one is
/// signed as that of the other would be.
#[tokio::test(flavor = "multi_thread")]
async fn a_former_chain_of_the_same_name_is_told_from_this_one() {
    let mut devnet = Devnet::start(EngineUnderTest::Instant);
    let (old, old_trust) = (devnet.doc.clone(), devnet.trust());
    let kept = devnet.wallet().join("old.json");
    fs::copy(devnet.home(0).join("genesis.json"), &kept).unwrap();
    assert!(devnet.stop().success());
    devnet.again(&["--fresh"]);
    assert_ne!(devnet.doc.hash(), old.hash());
    let both = [hex::encode(old.hash()), hex::encode(devnet.doc.hash())];

    let url = devnet.client(0).url().to_owned();
    let verify = |genesis: &std::path::Path, what: &[&str]| {
        let genesis = genesis.to_str().unwrap();
        run(&[&["query"], what, &["--verify", "--genesis", genesis, "--node", &url]].concat())
    };
    let address = "0x0000000000000000000000000000000000000001";
    for what in [&["account", address][..], &["proof", "0000"], &["proof", "0100"]] {
        let refused = verify(&kept, what);
        assert_eq!(refused.status.code(), Some(1), "{what:?}");
        let said = words(&refused);
        assert!(both.iter().all(|hash| said.contains(hash)), "{what:?}: {said}");
        let good = verify(&devnet.home(0).join("genesis.json"), what);
        assert!(good.status.success(), "{what:?}: {}", words(&good));
    }
    // The library refuses the same.
    let mut light = diem_client::LightClient::new(devnet.client(0), old_trust);
    let error = light.account(&address.parse().unwrap(), None).await.unwrap_err();
    assert!(
        matches!(&error, diem_client::LightError::Verify(VerifyError::OtherGenesis { got, trusted })
            if [trusted, got] == [&both[0], &both[1]]),
        "{error}"
    );
    // The hash of another chain's genesis is compared before that.
    let other = run(&["query", "account", address, "--verify", "--genesis-hash", &both[0], "--node", &url]);
    assert!(both.iter().all(|hash| words(&other).contains(hash)), "{}", words(&other));
    assert!(devnet.stop().success());
}

/// The peak memory of a process, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Starts a node again and stops it when it is ready; returns its peak memory by then, and how long it took.
async fn started_again(home: &std::path::Path) -> (u64, std::time::Duration) {
    let begun = std::time::Instant::now();
    let node = Single::start(home, &[]);
    until("ready", async || node.client().ready().await.ok().filter(|ready| ready.ready)).await;
    let found = (peak_kib(node.pid()), begun.elapsed());
    assert!(node.stop().success());
    found
}

/// With `DIEM_TEST_GENESIS_ACCOUNTS=1000000` the genesis has 155 MB, and the figures that are printed mean something.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_takes_what_its_store_takes_however_large_the_genesis_was() {
    let accounts = std::env::var("DIEM_TEST_GENESIS_ACCOUNTS").map_or(20_000, |text| text.parse::<u32>().unwrap());
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let genesis = home.join("genesis.json");
    change_genesis(&genesis, |doc| add_accounts(doc, accounts));
    let bytes = fs::metadata(&genesis).unwrap().len();
    let node = Single::start(&home, &[]);
    reach(&node.client(), 2).await;
    let first = peak_kib(node.pid());
    assert!(node.stop().success());
    let (with, time_with) = started_again(&home).await;
    fs::remove_file(&genesis).unwrap();
    let (without, time_without) = started_again(&home).await;
    println!(
        "{accounts} accounts, {bytes} bytes of genesis: the first start had {first} KiB at the most, one with the file {with} \
         KiB in {time_with:?}, one without it {without} KiB in {time_without:?}"
    );
    assert!(with.saturating_mul(10) <= without.saturating_mul(13), "{with} KiB with the file, {without} without");
    // The other store has the same size, and its genesis was small.
    let same = store_filled_by_payments(accounts).await;
    println!("a store of {accounts} accounts that were paid: {same} KiB");
    assert!(with.saturating_mul(10) <= same.saturating_mul(13), "{with} KiB, and {same} with a store of the same size");
}

/// The peak memory of a start with this many accounts, which were paid in blocks.
async fn store_filled_by_payments(accounts: u32) -> u64 {
    const AT_ONCE: u32 = 1_000;
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let (home, _) = comet_home(folder.path(), &ports, ["--preset", "dev"]);
    let doc = diem_genesis::load(&home.join("genesis.json"), None).unwrap();
    let (node, sender) = (Single::start(&home, &["--block-time", "0s"]), person(0));
    reach(&node.client(), 1).await;
    for nonce in 0..accounts.div_ceil(AT_ONCE) {
        let output = |number: u32| {
            let mut to = [0x77; 20];
            to[..4].copy_from_slice(&(nonce * AT_ONCE + number).to_be_bytes());
            Output { to: Address(to), amount: Amount::new(Amount::ONE.get() / 100) }
        };
        let outputs = (0..AT_ONCE).map(output).collect();
        let call = Call::Bank(Msg::MultiTransfer { denom: Denom::Vvv, outputs });
        commit(&node.client(), TxBuilder::new(&doc, &sender, nonce.into(), vec![call]).bytes()).await;
    }
    assert!(node.stop().success());
    started_again(&home).await.0
}
