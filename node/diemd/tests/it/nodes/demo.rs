//! `diemd demo`, the smoke test of the whole. On CometBFT the test of the devnet's screen runs it.

use crate::support::{
    devnet::{Devnet, EngineUnderTest},
    process::{run, words},
};

#[test]
fn the_demo_plays_where_blocks_are_made_on_demand() {
    let Some(devnet) = Devnet::with_base(EngineUnderTest::Instant, &[]) else { return };
    let (wallet, node) = (devnet.wallet(), devnet.ready["nodes"][0]["api"].as_str().unwrap().to_owned());
    let base = devnet.ready["base"]["rpc"].as_str().unwrap();
    let played = run(&["demo", "--home", wallet.to_str().unwrap(), "--node", &node, "--base-rpc", base]);
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
}

#[test]
fn the_demo_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = run(&["demo", "--home", folder.path().to_str().unwrap(), "--node", "http://127.0.0.1:1"]);
    assert!(!nobody.status.success() && words(&nobody).contains("127.0.0.1:1"), "{}", words(&nobody));
}
