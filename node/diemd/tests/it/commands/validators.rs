//! The commands of a validator.

use std::process::Command;

use diem_types::APP_VERSION;
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

/// How dave's validator stands: the status agrees with the chain in everything, read and proven, asked by its name and by the
/// key of its home.
async fn status(chain: &Chain, home: &str) -> Value {
    let told = chain.run("validator status dave --output json").await.ok().json();
    let of_chain = chain.query_json("validator dave").await;
    let genesis = chain.path("genesis.json");
    let by_home = chain.run(&format!("validator status --home {home} --output json")).await.ok().json();
    let proven =
        chain.run(&format!("validator status dave --verify --genesis {genesis} --output json")).await.ok().json();
    assert!(proven["verified"]["root"].is_string(), "{proven}");
    for (name, value) in of_chain.as_object().unwrap() {
        let shown = [&told, &by_home, &proven].map(|status| &status[name.as_str()]);
        // The proof of the latest state makes a block, after which one more may be missed.
        let moves =
            ["height", "time", "epoch", "missed", "staked", "self_stake", "commission"].contains(&name.as_str());
        assert!(name == "epoch" || (shown[0] == value && shown[1] == value), "{name}: {value} and {shown:?}");
        assert!(moves || shown[2] == value, "{name}: {value} and {}", shown[2]);
    }
    let place = |status: &Value| status["key_place"].as_str().unwrap().to_owned();
    assert_eq!((place(&told), place(&by_home)), ("elsewhere".into(), "home".into()));
    told
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
    // Nobody has seen it sign yet, and its node has not made any block.
    let told = status(&chain, &home).await;
    assert_eq!((&told["signing"]["last_signed"], &told["versions"]["cometbft"]), (&Value::Null, &Value::Null));
    assert_eq!((&told["bridge_key_pending"], &told["versions"]["app"]), (&false.into(), &APP_VERSION.into()));
    chain
        .fails(
            &format!("validator status --home {home} --genesis-hash {}", "00".repeat(32)),
            2,
            "with --verify: add it",
        )
        .await;
    chain.fails("validator status bob", 1, "no validator").await;
    let other = chain.path("other-home");
    let init = format!("init --genesis {} --home {other}", chain.path("genesis.json"));
    chain.run(&init).await.ok();
    chain.fails(&format!("validator status --home {other}"), 2, "no validator of this chain has the key of").await;

    // The name and the website change together on the chain; what is not named stays.
    chain.tx("edit-validator --website https://dave.example --from dave").await;
    chain.tx("edit-validator --commission 8% --from dave").await;
    let dave = chain.query("validator dave").await;
    assert_eq!((&dave["moniker"], &dave["website"]), (&"Dave".into(), &"https://dave.example".into()));
    assert_eq!(dave["commission"]["next"]["bps"], 800);
    assert_eq!(status(&chain, &home).await["commission"]["next"]["bps"], 800);
    let table = chain.run("validator status dave").await.ok().stdout;
    assert!(table.contains("7.5%, 8% from day"), "{table}");
    chain.tx("restake 500VVV --validator dave --to validator-1 --from dave").await;
    assert_eq!(chain.query("unstaking dave").await["items"][0]["moved_to"], chain.address("validator-1"));
    chain.tx("stake 500VVV --validator dave --from dave").await;

    let rotate = chain.run(&format!("validator prove --home {home} --operator dave --new-bridge-key")).await.ok();
    assert!(rotate.stderr.contains("the old bridge key is kept in"), "{}", rotate.stderr);
    assert_ne!(rotate.json()["bridge_address"], proof["bridge_address"]);
    let file = chain.file("rotate.json", &rotate.stdout);
    chain.tx(&format!("rotate-bridge-key --proof {file} --from dave")).await;
    assert_eq!(chain.query("validator dave").await["bridge_address"], rotate.json()["bridge_address"]);

    assert_eq!(status(&chain, &home).await["bridge_address"], rotate.json()["bridge_address"]);

    // Nobody signs with dave's key here: after half of the window he is jailed.
    chain.mine(5).await;
    let told = status(&chain, &home).await;
    let missed: Vec<u64> = serde_json::from_value(told["signing"]["missed"].clone()).unwrap();
    let to = told["signing"]["to"].as_u64().unwrap();
    assert!(missed.ends_with(&[to - 1, to]) && missed.len() as u64 == told["missed"].as_u64().unwrap(), "{told}");
    chain.fails("tx unjail --from dave --dry-run", 1, "this would fail").await;
    chain.mine(60).await;
    assert_eq!(chain.query("validator dave").await["standing"], "jailed");
    let told = status(&chain, &home).await;
    assert!(told["jailed_until"]["time"].is_string() && told["signing"]["to"].is_null(), "{told}");
    let table = chain.run("validator status dave").await.ok().stdout;
    assert!(table.contains("jailed until") && table.contains("then `diemd tx unjail`"), "{table}");
    chain.pass(120_000).await;
    let unjailed = chain.run("tx unjail --from dave --yes").await.ok().stdout;
    assert!(unjailed.contains("makes blocks again as soon as its stake suffices"), "{unjailed}");
    assert_ne!(chain.query("validator dave").await["standing"], "jailed");
    let told = status(&chain, &home).await;
    assert_eq!((&told["jailed_until"], &told["missed"]), (&Value::Null, &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_needs_a_home_and_a_name() {
    let chain = Chain::start().await;
    let nowhere = chain.path("nowhere");
    chain.fails(&format!("validator prove --home {nowhere} --operator dave"), 2, "`diemd init` makes one").await;
    let home = new_home(&chain);
    chain.fails(&format!("validator prove --home {home} --operator nobody"), 2, "`nobody` is neither").await;
}
