//! The screen of a devnet brings DIEM to Base by its own commands, the devnet goes on where it stopped, and it says why
//! where it has no Base.

use std::{path::Path, process::Output};

use diem_core::{Address, Amount, Denom};
use rustix::process::Signal;
use serde_json::Value;

use super::base::{account, arrives, contract};
use crate::support::{
    client::{commit, height, until},
    devnet::{Devnet, EngineUnderTest},
    network::turn,
    process::{diemd, processes_of, program, run, signal, words},
};

/// The most blocks from the sealing of a batch to its quorum, and from the one that attests a block of Base to the payment
/// of its burns, both included. Blocks of CometBFT do not wait for a signer or a watcher that has no share of a busy machine,
/// so there the bounds are so many times as wide.
const BLOCKS_TO_QUORUM: u64 = 5;
const BLOCKS_TO_PAYMENT: u64 = 3;
const WIDER_WITH_COMETBFT: u64 = 10;

/// The bound with the engine of this devnet.
async fn at_most(blocks: u64, devnet: &Devnet) -> u64 {
    let is_comet = devnet.client(0).status().await.unwrap().engine == "cometbft";
    if is_comet { WIDER_WITH_COMETBFT * blocks } else { blocks }
}

fn diem(whole: u128) -> Amount {
    Amount::new(whole * Amount::ONE.get())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_screen_bring_diem_to_base_with_cometbft() {
    let _turn = turn().await;
    the_screen_does_what_it_says(EngineUnderTest::Comet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_screen_bring_diem_to_base_with_the_instant_engine() {
    the_screen_does_what_it_says(EngineUnderTest::Instant).await;
}

async fn the_screen_does_what_it_says(engine: EngineUnderTest) {
    let Some(mut devnet) = Devnet::with_base(engine, &[]) else { return };
    let dave = account(3);
    let bridge = contract(&devnet).await;
    assert_eq!(bridge.balance_of(&dave).await.unwrap(), Amount::ZERO);

    let commands = bridge_commands(&devnet);
    let [out, list, status, back, supply] = &commands[..] else { panic!("{commands:#?}") };
    assert!(out.contains(&dave.to_hex()) && out.contains("bridge out 1DIEM"), "{out}");
    let sent = typed(out);
    assert!(words(&sent).contains("transfer 1: minted, seen on Base"), "{}", words(&sent));
    assert_eq!(bridge.balance_of(&dave).await.unwrap(), diem(1));
    assert!(text(&typed(list)).contains("dave"), "{}", text(&typed(list)));
    assert!(text(&typed(status)).lines().any(|line| line.starts_with("bridge") && line.ends_with("at work")));
    let shown: Value = serde_json::from_slice(&typed(&format!("{status} --output json")).stdout).unwrap();
    let minted = bridge.supply().await.unwrap();
    assert_eq!(shown["on_base"]["supply"]["amount"], minted.get().to_string());
    assert!(minted > diem(1), "the relayer has its fee");
    assert_eq!(shown["params"]["seal_wait_ms"], "2000");
    let one = text(&typed(&status.replace("bridge status", "bridge status 1")));
    assert!(one.contains("minted") && one.contains(&diem(1).display(Denom::Diem)), "{one}");
    has_its_quorum_soon(&devnet, 1).await;
    comes_home(&devnet, &bridge, back, supply).await;

    let before = devnet.ready["base"].clone();
    assert!(devnet.stop().success(), "{}", devnet.said());
    devnet.again(&[]);
    assert_eq!(devnet.ready["base"], before);
    assert!(typed(&out.replace("1DIEM", "2DIEM")).status.success());
    let half = Amount::new(Amount::ONE.get() / 2);
    arrives(&contract(&devnet).await, &dave, diem(2).checked_add(half).unwrap()).await;

    assert!(devnet.stop().success(), "{}", devnet.said());
    devnet.again(&["--fresh"]);
    assert_ne!(devnet.ready["base"]["bridge"], before["bridge"]);
    let bridge = contract(&devnet).await;
    assert_eq!(bridge.supply().await.unwrap(), Amount::ZERO);
    let old: Address = before["bridge"].as_str().unwrap().parse().unwrap();
    assert_eq!(bridge.base().code_hash(&old).await.unwrap(), None, "the old Base is forgotten");
}

/// Half of it is burned there and paid here, and the supply is proven.
async fn comes_home(devnet: &Devnet, bridge: &diem_base::Bridge, back: &str, supply: &str) {
    let before = diem_of_dave(devnet).await;
    let burned: Value = serde_json::from_slice(&typed(&format!("{back} --output json")).stdout).unwrap();
    let half = Amount::ONE.get() / 2;
    assert_eq!(bridge.balance_of(&account(3)).await.unwrap().get(), half);
    assert_eq!(diem_of_dave(devnet).await, before + half);
    let paid = burned["credit"]["paid"]["height"].as_u64().unwrap();
    let mut stated = paid;
    while !told(devnet, stated).await.contains("\"type\":\"attested\"") {
        stated = stated.checked_sub(1).expect("some block attests the burn");
    }
    let most = at_most(BLOCKS_TO_PAYMENT, devnet).await;
    assert!(paid < stated + most, "stated in block {stated}, paid in block {paid}");
    let proven = text(&typed(supply));
    assert!(proven.contains("covered: every nDIEM on Base has its DIEM in escrow here"), "{proven}");
    assert_eq!(proven.matches("holds").count(), 2, "{proven}");
}

async fn diem_of_dave(devnet: &Devnet) -> u128 {
    let api = devnet.ready["nodes"][0]["api"].as_str().unwrap();
    let accounts = devnet.ready["accounts"].as_array().unwrap();
    let dave = accounts.iter().find(|person| person["name"] == "dave").unwrap()["address"].as_str().unwrap();
    let answer: Value = reqwest::get(format!("{api}/v1/accounts/{dave}")).await.unwrap().json().await.unwrap();
    answer["diem"]["amount"].as_str().unwrap().parse().unwrap()
}

/// Everything that is told of a block.
async fn told(devnet: &Devnet, height: u64) -> String {
    let api = devnet.ready["nodes"][0]["api"].as_str().unwrap();
    reqwest::get(format!("{api}/v1/blocks/{height}")).await.unwrap().text().await.unwrap()
}

/// The commands of the screen that concern the bridge, as they stand.
fn bridge_commands(devnet: &Devnet) -> Vec<String> {
    let screen = devnet.screen();
    for named in ["rpc", "token", "bridge"] {
        assert!(screen.contains(devnet.ready["base"][named].as_str().unwrap()), "no {named}:\n{screen}");
    }
    let start = format!("{} bridge ", env!("CARGO_BIN_EXE_diemd"));
    let lines = screen.lines().map(str::trim).filter(|line| line.starts_with(&start));
    lines.map(str::to_owned).collect()
}

/// Types a command into a shell.
fn typed(command: &str) -> Output {
    let output = program(Path::new("bash")).args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", words(&output));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Checks that enough validators have signed a batch within some blocks after the one that sealed it.
async fn has_its_quorum_soon(devnet: &Devnet, batch: u64) {
    let api = devnet.ready["nodes"][0]["api"].as_str().unwrap();
    let at = async |height: u64| -> Option<Value> {
        let answer = reqwest::get(format!("{api}/v1/bridge/batches/{batch}?height={height}")).await.unwrap();
        if answer.status().is_success() { Some(answer.json().await.unwrap()) } else { None }
    };
    let latest = height(&devnet.client(0)).await.unwrap();
    let (mut sealed, mut quorum) = (None, None);
    for height in (1..=latest).rev() {
        let Some(found) = at(height).await else { break };
        sealed = Some(height);
        if found["signatures"]["is_enough"] == true {
            quorum = Some(height);
        }
    }
    let (sealed, quorum) = (sealed.unwrap(), quorum.unwrap());
    assert!(quorum <= sealed + at_most(BLOCKS_TO_QUORUM, devnet).await, "sealed at {sealed}, signed at {quorum}");
}

#[test]
fn a_devnet_without_a_base_says_why() {
    let asked = Devnet::start(EngineUnderTest::Instant);
    assert_eq!(why_off(&asked), "--no-base asks for none");
    drop(asked);
    let missing = Devnet::without_anvil(EngineUnderTest::Instant);
    let why = why_off(&missing);
    assert!(why.contains("is not installed, and npm") && why.contains("install Node.js"), "{why}");
}

/// The sentence of the screen by which a devnet without a Base says why.
fn why_off(devnet: &Devnet) -> String {
    assert_eq!(devnet.ready["base"], Value::Null);
    let screen = devnet.screen();
    assert!(!screen.contains("diemd bridge"), "{screen}");
    // The sentence may be in several lines.
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, why) = words.split_once("the bridge is off, without a local Base: ").unwrap();
    why.split_once(" ready in ").unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_ends_is_reported_and_the_chain_goes_on() {
    let Some(mut devnet) = Devnet::with_base(EngineUnderTest::Instant, &[]) else { return };
    let state = devnet.dir().join("base.json");
    let [anvil] = processes_of(&state)[..] else { panic!("{:?}", processes_of(&state)) };
    signal(anvil, Signal::KILL);
    until("the report", async || devnet.said().contains("the local Base was ended by signal 9").then_some(())).await;
    let paid = devnet.transfer(0, 0, Address([4; 20]), 1);
    commit(&devnet.client(0), paid).await;
    let before = devnet.ready["base"].clone();
    assert!(devnet.stop().success(), "{}", devnet.said());
    devnet.again(&[]);
    assert_eq!(devnet.ready["base"], before);
    assert_eq!(contract(&devnet).await.balance_of(&account(0)).await.unwrap(), Amount::ZERO);
}

#[test]
fn an_anvil_that_was_named_has_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, nowhere) = (folder.path().join("devnet"), folder.path().join("anvil"));
    let args = ["devnet", "--engine", "instant", "--anvil", nowhere.to_str().unwrap(), "--dir", dir.to_str().unwrap()];
    let refused = run(&args);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    assert!(words(&refused).contains(&format!("there is no file {}", nowhere.display())), "{}", words(&refused));
    assert!(!dir.exists());
    let both = diemd().args(args).arg("--no-base").output().unwrap();
    assert_eq!(both.status.code(), Some(2), "{}", words(&both));
}
