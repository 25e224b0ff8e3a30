//! The chain: CometBFT, versions, the genesis of the nodes that are asked, peers, snapshots.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use diem_config::{Config, Period, Store, consensus_key};
use diem_core::development::is_development;
use diem_engine::EngineKind;
use diem_runtime::{App, Beginning};
use diem_store::state_sync::Shelf;
use diem_types::{APP_VERSION, ConsensusParams, GenesisDoc};
use tokio::{net::TcpStream, time::timeout};

use super::{Finding, PATIENCE, Patient, Weight};
use crate::archive;

/// A snapshot older than so many of its periods is of no use to who joins.
const OLD_PERIODS: u32 = 3;
/// The longest period of snapshots that a node chooses by itself.
const HOUR: Duration = Duration::from_secs(3_600);
const DAY_MS: u64 = 86_400_000;

pub(super) async fn examine(patient: &Patient<'_>, readable: bool, found: &mut Vec<Finding>) {
    let home = patient.home.root().display();
    if archive::is_unfinished(patient.home) {
        let what = format!("the chain in {home} was being replaced by an archive, which did not end");
        let todo = patient.command("snapshot restore ARCHIVE --again");
        found.push(Finding::stops("archive", what, "the node does not start on half a chain", todo));
    }
    // What runs has its state open.
    let held = if patient.runs { Ok(None) } else { App::held(&patient.home.data()) };
    match &held {
        Err(error) => {
            let todo = format!("use the diemd of that version, or join again: {}", patient.command("join URL --again"));
            found.push(Finding::stops("state", error, "this diemd does not open it", todo));
        }
        Ok(Some(_)) if patient.config.engine == EngineKind::Comet && readable => blocks(patient, found),
        Ok(_) => {}
    }
    let begun = patient.runs || !matches!(held, Ok(None));
    let genesis = genesis(patient, begun, found);
    nodes(patient, genesis.as_ref(), found).await;
    if patient.config.engine == EngineKind::Comet
        && let Some(genesis) = &genesis
    {
        young_validator(patient, &genesis.consensus, found);
        if !is_development(&genesis.chain_id) {
            left_headers(patient, &genesis.consensus, found);
        }
    }
    if patient.config.engine == EngineKind::Comet && readable {
        engine(patient.config, found);
        peers(patient, found).await;
    }
    snapshots(patient, found);
}

/// Looks whether CometBFT has the blocks of a state.
fn blocks(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let data = patient.home.comet().join("data");
    for database in ["blockstore.db", "state.db"].map(|name| data.join(name)).iter().filter(|folder| !folder.exists()) {
        let what = format!("{} is missing, and the home holds a state", database.display());
        let todo = format!(
            "restore data and cometbft/data from one backup, but never an older priv_validator_state.json, or fetch the chain \
             anew: {}",
            patient.command("reset")
        );
        found.push(Finding::stops("state", what, "CometBFT does not start without the blocks of the state", todo));
    }
}

fn genesis(patient: &Patient<'_>, begun: bool, found: &mut Vec<Finding>) -> Option<GenesisDoc> {
    let file = patient.home.genesis_file();
    if !file.exists() {
        let (weight, why) = match begun {
            true => (Weight::Advice, "the node runs, but cannot give it to others"),
            false => (Weight::Stops, "a chain begins with exactly its genesis"),
        };
        let what = format!("{} is missing", file.display());
        let todo = format!("fetch it from a node that you trust: curl NODE/v1/genesis > {}", file.display());
        found.push(Finding::new("genesis", weight, what, why, todo));
        return None;
    }
    match diem_genesis::load(&file, None) {
        Ok(doc) => Some(doc),
        Err(error) => {
            let todo = "fetch it again from a node that you trust: curl NODE/v1/genesis";
            found.push(Finding::stops("genesis", error, "a chain begins with exactly its genesis", todo));
            None
        }
    }
}

/// Compares genesis and version with those of other nodes.
async fn nodes(patient: &Patient<'_>, genesis: Option<&GenesisDoc>, found: &mut Vec<Finding>) {
    for node in patient.nodes {
        let Ok(Ok(status)) = timeout(PATIENCE, node.status()).await else {
            let what = format!("{} does not answer within {} s", node.url(), PATIENCE.as_secs());
            found.push(Finding::advice(
                "nodes",
                what,
                "nothing could be compared with it",
                "name another one with --url",
            ));
            continue;
        };
        if let Some(own) = genesis.map(GenesisDoc::hash)
            && own != status.genesis_hash.0
        {
            let what = format!(
                "the genesis of this home is {}, and {} has {}",
                hex::encode(own),
                node.url(),
                hex::encode(status.genesis_hash.0)
            );
            let todo = "make another home with the right one: diemd join URL --genesis-hash HASH --home ANOTHER";
            found.push(Finding::stops("genesis", what, "these are two chains", todo));
        }
        if status.app_version > APP_VERSION {
            let what = format!(
                "{} runs version {} of the state machine, and this diemd {APP_VERSION}",
                node.url(),
                status.app_version
            );
            found.push(Finding::stops(
                "version",
                what,
                "blocks of a later version are not understood",
                "install the diemd of that version",
            ));
        }
    }
}

/// Whether the key of this home is a validator's, while evidence counts about heights that the home has never had.
fn young_validator(patient: &Patient<'_>, consensus: &ConsensusParams, found: &mut Vec<Finding>) {
    // What cannot be read is told by the checks of keys and state.
    let Ok(Some(key)) = consensus_key::found_validator_key(&patient.home.comet()) else { return };
    let held = App::held_beginning(&patient.home.data(), &key.verifying_key().to_bytes());
    let Ok(Some(Beginning { info, began_at: Some(began), is_validator: true })) = held else { return };
    let until = began.saturating_add(consensus.evidence_max_age_blocks);
    if info.height >= until {
        return;
    }
    let what = format!(
        "the key of this home is a validator's, and its chain began by a snapshot of height {began}; evidence about blocks \
         before that counts up to height {until}, and this is {}",
        info.height
    );
    let why = "it cannot judge such evidence, and ends at a block that holds some";
    let all = patient.command("join URL --again --from-genesis");
    let todo =
        format!("let it have all blocks, which keeps its keys: {all}; or have another node with all blocks at hand");
    found.push(Finding::advice("young_validator", what, why, todo));
}

/// Whether blocks are pruned while evidence about them counts: CometBFT then keeps their headers, and removes them never.
fn left_headers(patient: &Patient<'_>, consensus: &ConsensusParams, found: &mut Vec<Finding>) {
    let Store { keep_blocks, keep_time, .. } = patient.config.store;
    let (blocks, kept) = (consensus.evidence_max_age_blocks, keep_time.0.map_or(0, |time| time.0));
    // It counts until a block is older by both.
    let by_blocks = blocks.saturating_mul(patient.config.comet.block_time.0);
    let counts = consensus.evidence_max_age_ms.max(by_blocks);
    if (keep_blocks == 0 && kept == 0) || keep_blocks >= blocks || kept > counts {
        return;
    }
    let days = |ms: u64| ms / DAY_MS;
    let what = format!(
        "blocks are pruned (store.keep_blocks {keep_blocks}, store.keep_time {keep_time}) while evidence about them counts, \
         for {blocks} blocks and for {} days",
        days(consensus.evidence_max_age_ms)
    );
    let why = "CometBFT keeps 640 bytes or more of each such block for ever";
    let longer = days(counts).saturating_add(2);
    let todo = patient.command(&format!("config set store.keep_time {longer}d"));
    found.push(Finding::advice("left_headers", what, why, todo));
}

/// Looks for CometBFT where a start does, and compiles nothing.
fn engine(config: &Config, found: &mut Vec<Finding>) {
    let named = Some(config.comet.binary.as_str()).filter(|binary| !binary.is_empty()).map(Path::new);
    if let Err(error) = diem_comet::look(named) {
        let todo = "install CometBFT as the sentence says, or name it with comet.binary";
        found.push(Finding::stops("cometbft", error, "the node makes no blocks without it", todo));
    }
}

async fn peers(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let comet = &patient.config.comet;
    let all: Vec<&String> = comet.peers.iter().chain(&comet.seeds).collect();
    let mut silent = Vec::new();
    for peer in &all {
        let address = peer.split_once('@').map_or(peer.as_str(), |(_, address)| address);
        if !matches!(timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_))) {
            silent.push(peer.as_str());
        }
    }
    if silent.is_empty() {
        return;
    }
    let what = format!("nobody listens at {} of {} peers: {}", silent.len(), all.len(), silent.join(", "));
    let todo = patient.command("config set comet.peers ID@HOST:PORT,...");
    let todo = format!("ask their operators, or name others: {todo}");
    if silent.len() == all.len() {
        found.push(Finding::stops("peers", what, "a node without peers hears of no block", todo));
    } else {
        found.push(Finding::advice("peers", what, "fewer peers are left than were meant", todo));
    }
}

/// Whether the newest snapshot is as young as the period promises, while the node runs.
fn snapshots(patient: &Patient<'_>, found: &mut Vec<Finding>) {
    let period = match patient.config.snapshot.every {
        Period::Off => return,
        Period::Every(length) => length.duration(),
        Period::Auto => HOUR,
    };
    let shelf = Shelf::look_at(&patient.home.data().join("snapshots"));
    let Some(newest) = shelf.heights().ok().and_then(|heights| heights.last().copied()).filter(|_| patient.runs) else {
        return;
    };
    let taken = fs::metadata(shelf.folder(newest)).and_then(|meta| meta.modified());
    let age = taken.ok().and_then(|taken| SystemTime::now().duration_since(taken).ok()).unwrap_or_default();
    if age > period.saturating_mul(OLD_PERIODS) {
        let what = format!("the newest snapshot, of height {newest}, is {} s old", age.as_secs());
        let why = "nodes cannot join by it once its header is older than validators answer for";
        found.push(Finding::advice("snapshots", what, why, "look for \"there is no snapshot\" in the log of the node"));
    }
}
