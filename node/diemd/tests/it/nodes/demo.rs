//! `diemd demo`, the smoke test of the whole, by the line that the devnet's screen prints. On CometBFT the test of the
//! devnet's screen runs it.

use std::path::Path;

use diem_base::{Call, Sender};

use crate::{
    bridge::base::{contract, key},
    support::{
        devnet::{Devnet, EngineUnderTest},
        process::{program, run, words},
    },
};

/// The account of the phrase that may pause the devnet's Base.
const GUARDIAN: u32 = 9;

/// The command of the screen that begins with these words.
fn printed(devnet: &Devnet, words: &str) -> String {
    let screen = devnet.screen();
    let start = format!("{} {words}", env!("CARGO_BIN_EXE_diemd"));
    let line = screen.lines().map(str::trim).find(|line| line.starts_with(&start));
    line.unwrap_or_else(|| panic!("no line `{start}`:\n{screen}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_demo_plays_where_blocks_are_made_on_demand() {
    let Some(devnet) = Devnet::with_base(EngineUnderTest::Instant, &[]) else { return };
    let base = devnet.ready["base"]["rpc"].as_str().unwrap();
    let line = printed(&devnet, "demo");
    assert!(line.contains(&format!("--base-rpc {base}")), "{line}");
    // Where Base is not, that is said before anything is played.
    let lost = program(Path::new("bash")).args(["-c", &line.replace(base, "http://127.0.0.1:1")]).output().unwrap();
    assert_eq!(lost.status.code(), Some(2), "{}", words(&lost));
    assert!(
        lost.stdout.is_empty() && words(&lost).contains("Name that of this devnet with --base-rpc"),
        "{}",
        words(&lost)
    );
    let played = program(Path::new("bash")).args(["-c", &line]).output().unwrap();
    let screen = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{}\n{screen}", words(&played));
    // Every step is a command, and its result is the chain's own answer.
    for part in [
        "$ diemd tx stake ",
        "$ diemd tx mint ",
        "$ diemd voucher sign ",
        "$ diemd tx settle ",
        "$ diemd tx buy ",
        "$ diemd tx burn ",
        "$ diemd bridge out ",
        "$ diemd bridge back ",
        "$ diemd bridge verify-supply ",
    ] {
        assert!(screen.contains(part), "`{part}` is not played:\n{screen}");
    }
    assert!(screen.contains("2 credit for 0.02 VVV"), "{screen}");
    assert!(screen.contains("covered: every nDIEM on Base has its DIEM in escrow here"), "{screen}");
    assert!(screen.contains("steps in "), "{screen}");
    // The blocks from the finality of the burn to its credit are shown.
    let paid = screen.lines().find(|line| line.trim().starts_with("paid here")).unwrap();
    assert!(paid.contains("blocks after Base called its block final"), "{paid}");
    knows_what_relaying_costs(&devnet).await;
    says_why_it_waits(&devnet).await;
}

/// The node that relayed the demo's batch tells what that cost.
async fn knows_what_relaying_costs(devnet: &Devnet) {
    let fee = devnet.client(0).bridge_fee().await.unwrap();
    assert_eq!((fee.l1_fee, fee.l1_oracle, &fee.fee), (0, false, &None));
    assert_eq!(fee.wei, (fee.l2_gas * fee.gas_price).div_ceil(fee.transfers));
    let shown = format!("{} wei a transfer, seen by the node's relayer", fee.wei);
    let out = printed(devnet, "bridge out").replace(" --yes", " --dry-run");
    let out = program(Path::new("bash")).args(["-c", &out]).output().unwrap();
    assert!(words(&out).contains(&shown), "{}", words(&out));
}

/// While Base is paused a transfer is followed for a time only, and the reason is told.
async fn says_why_it_waits(devnet: &Devnet) {
    let bridge = contract(devnet).await;
    let guardian = Sender::new(bridge.base().clone(), key(GUARDIAN));
    guardian.send(&bridge, &Call::pause_by_guardian()).await.unwrap();
    let sent = program(Path::new("bash")).args(["-c", &printed(devnet, "bridge out")]).output().unwrap();
    assert_eq!(sent.status.code(), Some(5), "{}", words(&sent));
    let last = words(&sent).lines().last().unwrap().to_owned();
    for part in ["it takes longer than usual: transfer ", "minting is paused until ", "Next: ", "do not send it again"]
    {
        assert!(last.contains(part), "no `{part}`: {last}");
    }
}

#[test]
fn the_demo_says_why_it_leaves_base_out() {
    let devnet = Devnet::start(EngineUnderTest::Instant);
    let line = printed(&devnet, "demo");
    assert!(!line.contains("--base-rpc"), "{line}");
    let played = program(Path::new("bash")).args(["-c", &line]).output().unwrap();
    let screen = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{}\n{screen}", words(&played));
    assert!(screen.contains("has no bridge at work") && screen.contains("`--no-base`"), "{screen}");
    assert!(!screen.contains("Node.js"), "{screen}");
}

#[test]
fn the_demo_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = run(&["demo", "--home", folder.path().to_str().unwrap(), "--node", "http://127.0.0.1:1"]);
    assert!(!nobody.status.success() && words(&nobody).contains("127.0.0.1:1"), "{}", words(&nobody));
}
