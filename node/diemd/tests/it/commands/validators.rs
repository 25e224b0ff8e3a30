//! The commands of a validator.

use std::process::Command;

use serde_json::Value;

use super::chain::{Chain, units, whole};

/// Makes a home of the chain with keys of its own.
pub fn new_home(chain: &Chain) -> String {
    let (home, genesis) = (chain.path("dave-home"), chain.path("genesis.json"));
    let init = ["init", "--engine", "comet", "--genesis", &genesis, "--home", &home];
    let made = Command::new(env!("CARGO_BIN_EXE_diemd")).args(init).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_is_made_from_a_proof_edited_jailed_and_brought_back() {
    let chain = Chain::start().await;
    let home = new_home(&chain);
    let proof = chain.run(&format!("validator prove --home {home} --operator dave")).await.ok().stdout;
    let file = chain.file("proof.json", &proof);
    let create = format!("tx create-validator --proof {file} --moniker Dave --self-stake 1000VVV");
    chain.fails(&format!("{create} --from bob --yes"), 2, "is a proof for").await;
    let broken = chain.file("broken.json", &proof.replace(&chain.address("dave"), &chain.address("bob")));
    chain
        .fails(
            &format!("tx create-validator --proof {broken} --moniker B --self-stake 1000VVV --from bob"),
            2,
            "this is no key proof: the proof of the keys does not hold: the signature does not fit what it should sign",
        )
        .await;
    chain
        .fails(&format!("{create} --commission 25% --from dave --dry-run"), 2, "`--max-commission`, which is 20%")
        .await;
    chain
        .tx(&format!(
            "create-validator --proof {file} --moniker Dave --self-stake 1000VVV --commission 7.5% --from dave"
        ))
        .await;

    let proof: Value = serde_json::from_str(&proof).unwrap();
    let dave = chain.query("validator dave").await;
    assert_eq!((&dave["moniker"], &dave["public_key"]), (&"Dave".into(), &proof["consensus_key"]));
    assert_eq!((units(&dave["self_stake"]), &dave["commission"]["today_bps"]), (whole("1000"), &750.into()));
    assert_eq!(chain.query("validators").await["items"].as_array().unwrap().len(), 2);

    // The name and the website change together on the chain; what is not named stays.
    chain.tx("edit-validator --website https://dave.example --from dave").await;
    chain.tx("edit-validator --commission 8% --from dave").await;
    let dave = chain.query("validator dave").await;
    assert_eq!((&dave["moniker"], &dave["website"]), (&"Dave".into(), &"https://dave.example".into()));
    assert_eq!(dave["commission"]["next"]["bps"], 800);
    chain.tx("restake 500VVV --validator dave --to validator-1 --from dave").await;
    assert_eq!(chain.query("unstaking dave").await["items"][0]["moved_to"], chain.address("validator-1"));
    chain.tx("stake 500VVV --validator dave --from dave").await;

    let rotate = chain.run(&format!("validator prove --home {home} --operator dave --new-bridge-key")).await.ok();
    assert!(rotate.stderr.contains("the old bridge key is kept in"), "{}", rotate.stderr);
    assert_ne!(rotate.json()["bridge_address"], proof["bridge_address"]);
    let file = chain.file("rotate.json", &rotate.stdout);
    chain.tx(&format!("rotate-bridge-key --proof {file} --from dave")).await;
    assert_eq!(chain.query("validator dave").await["bridge_address"], rotate.json()["bridge_address"]);

    // Nobody signs with dave's key here: after half of the window he is jailed.
    chain.fails("tx unjail --from dave --dry-run", 1, "this would fail").await;
    chain.mine(60).await;
    assert_eq!(chain.query("validator dave").await["standing"], "jailed");
    chain.pass(120_000).await;
    let unjailed = chain.run("tx unjail --from dave --yes").await.ok().stdout;
    assert!(unjailed.contains("makes blocks again as soon as its stake suffices"), "{unjailed}");
    assert_ne!(chain.query("validator dave").await["standing"], "jailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_needs_a_home_and_a_name() {
    let chain = Chain::start().await;
    let nowhere = chain.path("nowhere");
    chain.fails(&format!("validator prove --home {nowhere} --operator dave"), 2, "`diemd init` makes one").await;
    let home = new_home(&chain);
    chain.fails(&format!("validator prove --home {home} --operator nobody"), 2, "`nobody` is neither").await;
}
