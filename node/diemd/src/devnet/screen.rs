//! The output of a devnet: one screen, then one quiet status line.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use diem_api::Head;
use diem_cli::{
    common::DEFAULT_NODE,
    layout::{command, wrapped},
    output::{fields, list_in_full, say, width},
};
use diem_client::Client;
use diem_core::{Address, Amount, Denom};
use diem_engine::{EngineKind, engine::BlockMode};
use diem_genesis::presets::TEST_MNEMONIC;
use diem_host::{home::default_home, outlet};
use serde_json::json;

use super::{
    DevnetError,
    base::{Bridge, CHAIN_ID, account_of, usual_base},
    homes::{NodePlan, Plan},
    wallet::{BRIDGES, ON_BASE, Wallet},
};

/// The longest time that text on one stream waits for earlier text on the other; where nobody reads, it is written
/// after that.
const ORDER_PATIENCE: Duration = Duration::from_millis(100);
/// The window over which the pace of blocks is measured.
const PACE_WINDOW: Duration = Duration::from_secs(20);
/// The most that the chain's clock and this machine's may differ over that time, unless somebody moved the former.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);
/// The time without a block, beside a multiple of the usual pace, after which the line says so.
const STANDING: Duration = Duration::from_secs(5);
const STANDING_BLOCKS: u32 = 5;

/// A person of the genesis with a balance.
pub(super) struct Person {
    name: String,
    address: Address,
    vvv: Amount,
}

/// The roles of the people of the genesis, for the reader.
const ROLES: &[(&str, &str)] = &[
    ("alice", "stakes"),
    ("bob", "uses AI"),
    ("carol", "serves AI"),
    ("dave", "bridges"),
    ("validator-1", "operates"),
];

/// Reports a step of the start.
pub(super) fn note(text: &str) {
    outlet::settle(ORDER_PATIENCE);
    say(text);
}

/// Reports how many validators are ready.
pub(super) fn progress(ready: usize, all: usize) {
    if !io::stderr().is_terminal() {
        return;
    }
    let end = if ready == all { "\n" } else { "" };
    outlet::err(&format!("\rvalidators ready: {ready} of {all}{end}"));
}

/// Reports that the devnet stops.
pub(super) fn stopping() {
    note("\nstopping");
}

/// The people with their present balances; those of the genesis where the node does not answer.
pub(super) async fn people(plan: &Plan, client: Option<&Client>) -> Vec<Person> {
    let mut people = Vec::new();
    for person in &plan.file.accounts {
        let Some(name) = person.name.clone() else { continue };
        let genesis = plan.genesis.app.bank.accounts.get(&person.address).map(|row| row.vvv).unwrap_or_default();
        let account = match client {
            Some(client) => client.account(&person.address, None, false).await.ok(),
            None => None,
        };
        let vvv = account.map_or(genesis, |account| account.vvv.amount);
        people.push(Person { name, address: person.address, vvv });
    }
    people
}

/// The JSON of the ready file, which scripts read.
pub(super) fn ready_json(plan: &Plan, people: &[Person], bridge: Option<&Bridge>) -> Result<String, DevnetError> {
    let nodes = plan.nodes.iter().map(|node| {
        let comet = (plan.engine == EngineKind::Comet).then(|| format!("http://{}", node.config.comet.rpc));
        let metrics = node.config.metrics.listen.0.map(|address| format!("http://{address}/metrics"));
        let peer = node.peer()?;
        Ok(json!({ "home": node.home.root(), "api": node.api(), "comet_rpc": comet, "metrics": metrics, "peer": peer }))
    });
    let nodes = nodes.collect::<Result<Vec<_>, DevnetError>>()?;
    let accounts = people.iter().map(|person| json!({ "name": person.name, "address": person.address }));
    let ready = json!({
        "chain_id": plan.genesis.chain_id,
        "genesis_hash": hex::encode(plan.genesis.hash()),
        "engine": plan.engine,
        "nodes": nodes,
        "accounts": accounts.collect::<Vec<_>>(),
        "base": bridge.map(|bridge| json!({
            "rpc": bridge.rpc,
            "chain_id": CHAIN_ID,
            "token": bridge.token.to_hex(),
            "bridge": bridge.bridge.to_hex(),
        })),
    });
    serde_json::to_string_pretty(&ready).map_err(|error| DevnetError::Usage(error.to_string()))
}

/// Shows the screen once the chain is ready.
pub(super) fn show(
    plan: &Plan,
    wallet: &Wallet,
    people: &[Person],
    bridge: &Result<Bridge, String>,
    took: Duration,
) -> Result<(), DevnetError> {
    let text = text(plan, wallet, people, bridge, took)?;
    outlet::settle(ORDER_PATIENCE);
    outlet::out(&format!("{text}\n"));
    Ok(())
}

fn text(
    plan: &Plan,
    wallet: &Wallet,
    people: &[Person],
    bridge: &Result<Bridge, String>,
    took: Duration,
) -> Result<String, DevnetError> {
    let rows = people.iter().map(|person| {
        let role = ROLES.iter().find(|(name, _)| *name == person.name).map_or("", |(_, role)| role);
        [person.name.clone(), person.address.to_string(), person.vvv.display(Denom::Vvv), role.to_string()]
    });
    let nodes = plan.nodes.iter().map(|node| {
        let comet =
            if plan.engine == EngineKind::Comet { format!("http://{}", node.config.comet.rpc) } else { "-".into() };
        let metrics = node.config.metrics.listen.0.map_or("-".into(), |address| address.to_string());
        [node.config.moniker.clone(), node.api(), comet, metrics]
    });
    let chain = if plan.continued { "continued; --fresh starts a new one" } else { "new" };
    let mut text = format!("\n{} on {}, {chain}\n", plan.genesis.chain_id, plan.engine);
    text.push_str(&fields([
        ("genesis", hex::encode(plan.genesis.hash())),
        ("folder", plan.dir.display().to_string()),
        ("keys", wallet.home.join("keys").display().to_string()),
        ("phrase", format!("{TEST_MNEMONIC}; everyone knows it: never use its keys elsewhere")),
    ]));
    text.push_str(&format!(
        "\n\n{}\n\n{}\n\ntry\n",
        list_in_full(["name", "address", "balance", "role"], rows),
        list_in_full(["node", "api", "cometbft rpc", "metrics"], nodes),
    ));
    for words in to_try(plan, wallet, bridge.as_ref().ok()) {
        text.push_str(&format!("{}\n", command(&words, "  ", width())));
    }
    let peers = plan.nodes.iter().filter_map(|node| node.peer().transpose()).collect::<Result<Vec<_>, _>>()?;
    if !peers.is_empty() {
        text.push_str(&format!("\npeers for another node's comet.peers\n  {}\n", peers.join("\n  ")));
    }
    if !wallet.taken.is_empty() {
        let names = wallet.taken.join(", ");
        let said =
            format!("\n{names}: another key has this name there; set DIEM_HOME to an empty folder and start again\n");
        text.push_str(&wrapped(&said, width()));
    }
    match bridge {
        Ok(bridge) => text.push_str(&to_base(plan, wallet, bridge)?),
        Err(why) => text.push_str(&wrapped(&format!("\nthe bridge is off, without a local Base: {why}\n"), width())),
    }
    text.push_str(&format!("\nready in {} s; Ctrl-C stops everything", seconds(took)));
    Ok(text)
}

/// A command of this program against a node, as it stands.
fn ours(words: &[&str], wallet: &Wallet, url: &str) -> Vec<String> {
    let mut place = Vec::new();
    if wallet.home != default_home() {
        place.extend(["--home".into(), wallet.home.display().to_string()]);
    }
    if url != DEFAULT_NODE {
        place.extend(["--node".into(), url.to_owned()]);
    }
    let words = words.iter().map(ToString::to_string);
    std::iter::once(program()).chain(words).chain(place).collect()
}

/// The local Base, and the commands by which DIEM goes there.
fn to_base(plan: &Plan, wallet: &Wallet, bridge: &Bridge) -> Result<String, DevnetError> {
    let node = plan.nodes.first().map(NodePlan::api).unwrap_or_default();
    let place = fields([
        ("rpc", format!("{} (anvil, chain id {CHAIN_ID}, the same phrase)", bridge.rpc)),
        ("token", bridge.token.to_hex()),
        ("bridge", bridge.bridge.to_hex()),
    ]);
    let mut text = format!("\nlocal Base\n{place}\n\nDIEM to Base and to dave's account there\n");
    let to = account_of(plan, BRIDGES)?.map(|account| account.to_hex()).unwrap_or_default();
    let out =
        ["bridge", "out", "1DIEM", "--to", &to, "--from", BRIDGES, "--base-rpc", &bridge.rpc, "--follow", "--yes"];
    let status = ["bridge", "status", "--base-rpc", &bridge.rpc];
    let list = ["bridge", "list"];
    for words in [&out[..], &list, &status] {
        text.push_str(&format!("{}\n", command(&ours(words, wallet, &node), "  ", width())));
    }
    text.push_str("\nDIEM back from Base, once its block is final there, and the proof that every nDIEM is covered\n");
    let key = ON_BASE;
    let back =
        ["bridge", "back", "0.5DIEM", "--to", BRIDGES, "--key", key, "--base-rpc", &bridge.rpc, "--follow", "--yes"];
    let genesis = genesis_file(plan);
    let supply = ["bridge", "verify-supply", "--base-rpc", &bridge.rpc, "--genesis", &genesis];
    for words in [&back[..], &supply] {
        text.push_str(&format!("{}\n", command(&ours(words, wallet, &node), "  ", width())));
    }
    Ok(text)
}

fn genesis_file(plan: &Plan) -> String {
    plan.dir.join("genesis.json").display().to_string()
}

/// Three commands to try, which work exactly as they stand.
fn to_try(plan: &Plan, wallet: &Wallet, bridge: Option<&Bridge>) -> Vec<Vec<String>> {
    let at = |at: usize| plan.nodes.get(at).or(plan.nodes.last()).map(|node| node.api()).unwrap_or_default();
    let (first, last) = (at(0), at(usize::MAX));
    let look = match plan.engine {
        EngineKind::Comet => {
            ours(&["query", "account", "bob", "--verify", "--genesis", &genesis_file(plan)], wallet, &last)
        }
        EngineKind::Instant => {
            let url = format!("{first}/v1/dev/warp");
            ["curl", "-X", "POST", &url, "-H", "'content-type: application/json'", "-d", "'{\"by\":\"1d\"}'"]
                .map(String::from)
                .to_vec()
        }
    };
    let pay = ["tx", "transfer", "bob", "12.5VVV", "--from", "alice", "--yes"];
    let mut demo = vec!["demo"];
    let base = bridge.map(|bridge| bridge.rpc.as_str()).filter(|rpc| *rpc != usual_base());
    demo.extend(base.into_iter().flat_map(|rpc| ["--base-rpc", rpc]));
    vec![ours(&demo, wallet, &first), ours(&pay, wallet, &first), look]
}

/// The name by which this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "diemd".into())
}

fn seconds(took: Duration) -> String {
    let tenths = took.as_millis() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The status line.
pub(super) struct Status {
    terminal: bool,
    shown: bool,
    pace: Pace,
}

impl Status {
    pub(super) fn new(terminal: bool, plan: &Plan) -> Self {
        let blocks = plan.nodes.first().map(|node| node.config.instant.blocks.0);
        let timed = plan.engine == EngineKind::Comet || matches!(blocks, Some(BlockMode::Every(_)));
        Self { terminal, shown: false, pace: Pace { timed, seen: VecDeque::new() } }
    }

    /// Draws the line over the last one; draws nothing where there is no terminal or nobody has read the last one.
    pub(super) async fn draw(&mut self, clients: &[Client], running: usize) {
        if !self.terminal {
            return;
        }
        let mut latest = None;
        for client in clients {
            latest = client.status().await.ok().and_then(|status| status.latest);
            if latest.is_some() {
                break;
            }
        }
        let all = clients.len();
        let text = match latest {
            Some(head) => format!("height {}{} · {running} of {all} running", head.height, self.pace.after(&head)),
            None => format!("no node answers · {running} of {all} running"),
        };
        if outlet::out_is_read() {
            outlet::out(&format!("\r\x1b[2K{text}"));
            self.shown = true;
        }
    }

    /// Clears the line to make room for other output.
    pub(super) fn clear(&mut self) {
        if self.shown {
            outlet::out("\n");
            self.shown = false;
        }
    }
}

/// The measured pace of blocks, and since when none came.
struct Pace {
    /// Whether blocks come by themselves, so that a pause means something.
    timed: bool,
    seen: VecDeque<Seen>,
}

/// A height, when it was first seen here, and the time in its header.
#[derive(Clone, Copy)]
struct Seen {
    height: u64,
    at: Instant,
    time_ms: u64,
}

impl Pace {
    fn after(&mut self, head: &Head) -> String {
        self.text(Seen { height: head.height, at: Instant::now(), time_ms: head.time.millis() })
    }

    /// The text about blocks for the status line, after the chain was seen in this state.
    fn text(&mut self, now: Seen) -> String {
        let last = self.seen.back().copied();
        if last.is_some_and(|last| now.height < last.height) {
            // Somebody took the chain back.
            self.seen.clear();
        }
        if last.is_none_or(|last| now.height != last.height) {
            self.seen.push_back(now);
        }
        let old = |seen: &Seen| now.at.saturating_duration_since(seen.at) > PACE_WINDOW;
        // The first two stay, so that slow blocks have a pace as well.
        while self.seen.len() > 2 && self.seen.front().is_some_and(old) {
            self.seen.pop_front();
        }
        let (Some(first), Some(last)) = (self.seen.front(), self.seen.back()) else { return String::new() };
        let pace = measured(first, last);
        let still = now.at.saturating_duration_since(last.at);
        if self.timed && still > STANDING.max(pace.unwrap_or_default().saturating_mul(STANDING_BLOCKS)) {
            return format!(" · no block for {} s", still.as_secs());
        }
        pace.map(|pace| format!(" · {} s a block", hundredths(pace))).unwrap_or_default()
    }
}

/// The time of a block between two heights: by their headers, which are exact, unless the chain's clock was moved.
fn measured(first: &Seen, last: &Seen) -> Option<Duration> {
    let here = last.at.saturating_duration_since(first.at);
    let headers = Duration::from_millis(last.time_ms.saturating_sub(first.time_ms));
    let took = if headers.abs_diff(here) <= CLOCK_TOLERANCE { headers } else { here };
    took.checked_div(u32::try_from(last.height.saturating_sub(first.height)).ok()?)
}

/// The duration in seconds with two digits, rounded.
fn hundredths(time: Duration) -> String {
    let hundredths = time.as_millis().saturating_add(5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)]

    use super::*;

    /// The text of the line when every second the chain is at the next height of this list, with blocks of `block_ms`.
    fn lines(timed: bool, block_ms: u64, heights: &[u64]) -> Vec<String> {
        let (mut pace, start) = (Pace { timed, seen: VecDeque::new() }, Instant::now());
        let seen = (0..).zip(heights).map(|(second, height)| Seen {
            height: *height,
            at: start + Duration::from_secs(second),
            time_ms: height * block_ms,
        });
        seen.map(|now| pace.text(now)).collect()
    }

    #[test]
    fn the_pace_is_measured_and_not_rounded_to_how_often_it_is_looked_at() {
        let heights: Vec<u64> = (0..60).map(|second| second * 1_000 / 745).collect();
        let shown = lines(true, 745, &heights);
        assert_eq!(shown[0], "");
        assert!(shown[2..].iter().all(|line| line == " · 0.75 s a block"), "{shown:?}");
    }

    #[test]
    fn a_standing_chain_is_said_and_its_pace_is_not() {
        let heights = [1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5];
        let shown = lines(true, 1_000, &heights);
        assert_eq!(shown[8], " · 1.00 s a block");
        assert_eq!(shown[9], " · no block for 6 s");
        assert_eq!(shown[11], " · no block for 8 s");
        assert!(shown[12].contains("s a block"), "{shown:?}");
        // Where blocks come on demand, a pause is no fault.
        assert!(lines(false, 1_000, &heights).iter().all(|line| !line.contains("no block")));
    }

    #[test]
    fn a_clock_that_was_moved_does_not_count() {
        // Blocks come every second, and each is an hour later by the chain's clock.
        assert_eq!(lines(true, 3_600_000, &[1, 2, 3]).last().unwrap(), " · 1.00 s a block");
        // After a step back the measurement begins anew.
        assert_eq!(lines(true, 1_000, &[8, 9, 3]).last().unwrap(), "");
    }
}
