//! A key moves to another machine and back, and a home begins anew with the key that it has.

use std::{fs, path::Path, process::Output};

use serde_json::Value;

use super::{Four, LAST, Log, address, log, signed, state_file, votes::votes_of};
use crate::support::{
    client::{height, until},
    ports::Ports,
    process::{run, words},
    single::Single,
};

const KEY: &str = "cometbft/config/priv_validator_key.json";

/// Runs `diemd validator` with a passphrase file.
fn validator(verb: &str, file: &Path, home: &Path) -> Output {
    let passphrase = home.parent().unwrap().join("passphrase");
    fs::write(&passphrase, "correct horse\n").unwrap();
    let args = ["validator", verb, file.to_str().unwrap(), "--home", home.to_str().unwrap()];
    run(&[&args[..], &["--passphrase-file", passphrase.to_str().unwrap(), "--output", "json"]].concat())
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", words(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(output: &Output, because: &str) {
    assert!(!output.status.success() && words(output).contains(because), "{}", words(output));
}

/// The heights above `from` that a key has signed, as a stopped peer has heard.
fn heard(peer: &Path, address: &[u8; 20], from: u64) -> usize {
    votes_of(peer, address).iter().filter(|vote| vote.height > from).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_moves_with_its_signing_state_and_signs_in_one_place() {
    let mut four = Four::start().await;
    let (home, folder) = (four.home(LAST), tempfile::tempdir().unwrap());
    let (own, file) = (address(&home), folder.path().join("validator.json"));
    four.signs_above(LAST, signed(&home)).await;
    refused(&validator("export-key", &file, &home), "in use by process");
    refused(&run(&["reset", "--yes", "--home", home.to_str().unwrap()]), "in use by process");
    four.stop_one(LAST);
    let moved = done(&validator("export-key", &file, &home));
    let last = signed(&home);
    assert_eq!((&moved["address"], &moved["signed_height"]), (&hex::encode(own).into(), &last.into()));
    assert!(!home.join(KEY).exists());
    refused(&validator("export-key", &folder.path().join("again.json"), &home), "was exported to");

    // The home goes on as a full node, and follows the others without a vote.
    let log = Log::from_now(&home);
    four.start_one(LAST, &[]);
    let goal = four.others_make(5).await;
    let client = four.client(LAST);
    until("it follows", async || height(&client).await.filter(|height| *height >= goal)).await;
    assert!(log.text().contains("the key of this home was exported"), "{}", log.text());
    four.stop_one(LAST);
    assert!(!home.join(KEY).exists(), "no key is made in its place");
    assert_eq!(votes_of(&home, &own).iter().filter(|vote| vote.own && vote.height > last).count(), 0);

    // The other machine has a fresh home with a key of its own, which never signed.
    let new = folder.path().join("new");
    let genesis = home.join("genesis.json");
    let peers = peers_of(&home);
    let made = run(&["init", "--genesis", genesis.to_str().unwrap(), "--home", new.to_str().unwrap(), "--set", &peers]);
    assert!(made.status.success(), "{}", words(&made));
    let fresh = address(&new);
    done(&validator("import-key", &file, &new));
    assert_eq!((address(&new), signed(&new)), (own, last));
    assert!(new.join(format!("cometbft/config/priv_validator_key-{}.json", &hex::encode(fresh)[..12])).exists());
    let ports = Ports::claim();
    let flags = [ports.flags(), vec!["--set=signing.listen=3".into()]].concat();
    let node = Single::start(&new, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    until("it signs where it is now", async || (signed(&new) > last).then_some(())).await;
    assert!(super::log(&new).contains("this node signs from now on"), "{}", super::log(&new));

    // What the file says is old by now: back in the first home it is refused.
    done(&validator("import-key", &file, &home));
    four.others_make(3).await;
    // It listens until it has heard the other machine, however slow that is.
    super::refused(&home, &["--set", "signing.listen=1000"]);
    assert_eq!(votes_of(&home, &own).iter().filter(|vote| vote.own && vote.height > last).count(), 0);
    assert!(node.stop().success());
    four.stop();
    assert!(heard(&four.home(0), &own, last) > 0);
}

#[test]
fn a_key_that_came_into_a_home_after_the_export_of_its_own_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let [home, other] = ["home", "other"].map(|name| folder.path().join(name));
    let genesis = home.join("genesis.json");
    for (home, chain) in [(&home, ["--preset", "dev"]), (&other, ["--genesis", genesis.to_str().unwrap()])] {
        let made = run(&[&["init", "--home", home.to_str().unwrap()], &chain[..]].concat());
        assert!(made.status.success(), "{}", words(&made));
    }
    assert_ne!(address(&home), address(&other));
    let (own, file, key) = (address(&home), folder.path().join("validator.json"), home.join(KEY));
    done(&validator("export-key", &file, &home));
    // The key is put into this home by hand, as from a backup.
    fs::copy(other.join(KEY), &key).unwrap();
    let before = fs::read(&key).unwrap();
    let said = validator("import-key", &file, &home);
    assert_eq!(said.status.code(), Some(2), "{}", words(&said));
    refused(&said, &format!("holds the key {}", hex::encode(address(&other))));
    refused(&said, "move it to a safe place");
    assert_eq!(fs::read(&key).unwrap(), before);
    assert!(home.join("validator_exported.json").exists(), "it still signs nothing");
    fs::rename(&key, folder.path().join("kept.json")).unwrap();
    done(&validator("import-key", &file, &home));
    assert_eq!(address(&home), own);
}

/// The setting that names the peers of a home.
fn peers_of(home: &Path) -> String {
    let config = diem_config::Config::load(&home.join("config.toml"), [], &[]).unwrap();
    format!("comet.peers={}", config.comet.peers.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_reset_keeps_keys_and_signing_state_and_fetches_its_chain_again() {
    const KEPT: [&str; 6] = [
        KEY,
        "cometbft/data/priv_validator_state.json",
        "cometbft/config/node_key.json",
        "bridge_key.json",
        "config.toml",
        "genesis.json",
    ];
    let mut four = Four::start().await;
    let home = four.home(LAST);
    four.signs_above(LAST, signed(&home)).await;
    four.stop_one(LAST);
    let kept = |home: &Path| KEPT.map(|file| fs::read(home.join(file)).unwrap());
    let (before, last) = (kept(&home), signed(&home));
    let reset = done(&run(&["reset", "--yes", "--home", home.to_str().unwrap(), "--output", "json"]));
    for name in KEPT {
        assert!(reset["kept"].as_array().unwrap().contains(&name.into()), "{reset}");
    }
    assert!(kept(&home) == before && !home.join("data").exists());
    let left: Vec<_> = fs::read_dir(home.join("cometbft/data")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [state_file(&home)]);

    let log_from_here = Log::from_now(&home);
    four.start_one(LAST, &["--set", "signing.listen=3"]);
    four.signs_above(LAST, last).await;
    assert!(log_from_here.text().contains("this node listens before it signs"), "{}", log(&home));
    let goal = four.others_make(2).await;
    let client = four.client(LAST);
    until("it follows", async || height(&client).await.filter(|height| *height >= goal)).await;
    four.stop();
}
