//! Blocks that are removed: by `diemd prune`, and by a node that prunes all along.

mod command;
mod growth;

use std::{fs, io, path::Path, process::Output};

use diem_config::Config;
use serde_json::Value;

use crate::support::{
    client::until,
    process::{run, words},
};

/// Runs `diemd prune` with these arguments on a home.
fn prune(home: &Path, args: &[&str]) -> Output {
    let mut line = vec!["prune", "--home", home.to_str().unwrap(), "--output", "json"];
    line.extend(args);
    run(&line)
}

/// The JSON that a command printed, which must have gone well.
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", words(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The answer to a `GET` of a path: its status and its body.
async fn get(url: &str) -> (u16, Value) {
    let answer = reqwest::get(url).await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

/// The lowest block that the CometBFT of a running home has, once it answers.
async fn lowest_of_cometbft(home: &Path) -> u64 {
    until("CometBFT's answer", async || asked_of_cometbft(home).await).await
}

async fn asked_of_cometbft(home: &Path) -> Option<u64> {
    let config = Config::load(&home.join("config.toml"), [], &[]).unwrap();
    let answer = reqwest::get(format!("http://{}/status", config.comet.rpc)).await.ok()?;
    let status: Value = serde_json::from_str(&answer.text().await.ok()?).ok()?;
    status["result"]["sync_info"]["earliest_block_height"].as_str()?.parse().ok()
}

/// The bytes of the files below a folder. A running node removes some meanwhile.
fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let of = |entry: io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_dir() { bytes(&path) } else { fs::metadata(&path).map_or(0, |found| found.len()) }
    };
    entries.map(of).sum()
}

/// The bytes of both stores of a home.
fn stores(home: &Path) -> u64 {
    bytes(&home.join("data")) + bytes(&home.join("cometbft/data"))
}
