//! Snapshots that a running node takes on demand, and archives of stopped homes.

mod archives;
mod control;
mod hostile;
mod young;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use diem_api::Wait;
use diem_client::Client;
use diem_core::{Address, sha256};
use serde_json::Value;

use crate::support::{
    client::{height, person, until},
    devnet::Devnet,
    process::{run, words},
    single::Single,
};

/// The account that transfers of these tests go to.
const RECIPIENT: Address = Address([0x51; 20]);

/// Runs `diemd snapshot` with these arguments on a home.
fn snapshot(home: &Path, args: &[&str]) -> Output {
    let mut line = vec!["snapshot"];
    line.extend(args);
    line.extend(["--home", home.to_str().unwrap(), "--output", "json"]);
    run(&line)
}

/// The JSON that a command printed, which must have gone well.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", words(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a command that failed said; where it prints JSON, it has printed nothing but that.
fn refused(output: &Output) -> String {
    assert!(!output.status.success());
    if !output.stdout.is_empty() {
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(told["error"]["message"].is_string() && told["exit"] == output.status.code().unwrap(), "{told}");
    }
    words(output)
}

/// Starts the first node of a devnet that was stopped, and waits until it answers.
async fn started(home: &Path) -> (Single, Client) {
    // No other snapshot comes between, and a restored home does not listen for a minute.
    let node = Single::start(home, &["--set", "snapshot.every=off", "--set", "signing.listen_still=1s"]);
    let client = node.client();
    until("the first answer", async || client.status().await.ok()).await;
    (node, client)
}

/// Commits a transfer; the development engine makes a block for it. CometBFT may not take any yet.
async fn block(devnet: &Devnet, client: &Client) -> u64 {
    until("a committed transfer", async || {
        let account = client.account(&person(0).address, None, false).await.ok()?;
        let tx = devnet.transfer(0, account.next_nonce.unwrap_or(account.nonce), RECIPIENT, 1);
        let sent = client.submit(tx.to_vec(), Wait::Committed, Duration::from_secs(60)).await.ok()?;
        Some(sent.tx?.height)
    })
    .await
}

/// The hashes of all files below a folder.
fn hashes(folder: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                let hash = sha256(&[&fs::read(&path).unwrap()]);
                found.insert(path, hash);
            }
        }
    }
    found
}

/// The hashes of the files of a home that are its own: keys, signing state, settings.
fn own_files(home: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    let mut files = hashes(home);
    files.retain(|path, _| {
        let path = path.strip_prefix(home).unwrap();
        let is_chain = path.starts_with("data")
            || path.starts_with("cometbft/data") && !path.ends_with("priv_validator_state.json");
        !is_chain && !path.starts_with("run") && !path.ends_with("node.log")
    });
    assert!(files.contains_key(&home.join("config.toml")));
    let of_cometbft = ["config/priv_validator_key.json", "config/node_key.json", "data/priv_validator_state.json"];
    let is_cometbft = home.join("cometbft/data/blockstore.db").exists();
    for own in of_cometbft.iter().filter(|_| is_cometbft) {
        assert!(files.contains_key(&home.join("cometbft").join(own)), "{own} is missing");
    }
    files
}

/// Waits until the node has committed this height.
async fn at_least(client: &Client, wanted: u64) {
    until("the height", async || height(client).await.filter(|height| *height >= wanted)).await;
}
