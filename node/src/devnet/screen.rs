//! What a devnet says: one screen, then one quiet line.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use diem_client::Client;
use diem_core::{Address, Amount, Denom};
use diem_genesis::presets::TEST_MNEMONIC;
use serde_json::json;

use super::{DevnetError, homes::Plan, wallet::Wallet};
use crate::{
    EngineKind,
    cli::output::{list, say},
    home::default_home,
};

/// Somebody with a balance.
pub(super) struct Person {
    name: String,
    address: Address,
    vvv: Amount,
}

/// What the people of the genesis do.
const ROLES: &[(&str, &str)] = &[
    ("alice", "stakes"),
    ("bob", "builds with AI"),
    ("carol", "provides compute"),
    ("dave", "bridges"),
    ("validator-1", "operates, lists providers"),
];

/// A word on the way there.
pub(super) fn note(text: &str) {
    say(text);
}

/// So many validators are ready.
pub(super) fn progress(ready: usize, all: usize) {
    if !io::stderr().is_terminal() {
        return;
    }
    let end = if ready == all { "\n" } else { "" };
    let mut stderr = io::stderr();
    // A terminal that is gone needs no progress.
    let _ = write!(stderr, "\rvalidators ready: {ready} of {all}{end}").and_then(|()| stderr.flush());
}

/// The end begins.
pub(super) fn stopping() {
    say("\nstopping");
}

/// The people with what they have now; what they had at genesis where the node does not answer.
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

/// What scripts read.
pub(super) fn ready_json(plan: &Plan, people: &[Person]) -> Result<String, DevnetError> {
    let nodes = plan.nodes.iter().map(|node| {
        let comet = (plan.engine == EngineKind::Comet).then(|| format!("http://{}", node.config.comet.rpc));
        let metrics = node.config.metrics.listen.0.map(|address| format!("http://{address}/metrics"));
        json!({ "home": node.home.root(), "api": node.api(), "comet_rpc": comet, "metrics": metrics })
    });
    let accounts = people.iter().map(|person| json!({ "name": person.name, "address": person.address }));
    let ready = json!({
        "chain_id": plan.genesis.chain_id,
        "genesis_hash": hex::encode(plan.genesis.hash()),
        "engine": plan.engine,
        "nodes": nodes.collect::<Vec<_>>(),
        "accounts": accounts.collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&ready).map_err(|error| DevnetError::Usage(error.to_string()))
}

/// The screen.
pub(super) fn show(plan: &Plan, wallet: &Wallet, people: &[Person], took: Duration) -> Result<(), DevnetError> {
    let text = text(plan, wallet, people, took);
    let mut stdout = io::stdout();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(DevnetError::io("standard output"))
}

fn text(plan: &Plan, wallet: &Wallet, people: &[Person], took: Duration) -> String {
    let rows = people.iter().map(|person| {
        let role = ROLES.iter().find(|(name, _)| *name == person.name).map_or("", |(_, role)| role);
        [person.name.clone(), person.address.to_string(), person.vvv.display(Denom::Vvv), role.to_string()]
    });
    let nodes = plan.nodes.iter().map(|node| {
        let comet =
            if plan.engine == EngineKind::Comet { format!("http://{}", node.config.comet.rpc) } else { "-".into() };
        let metrics = node.config.metrics.listen.0.map_or("-".into(), |address| format!("http://{address}/metrics"));
        [node.config.moniker.clone(), node.api(), comet, metrics]
    });
    let chain = if plan.continued { "continued; --fresh starts a new one" } else { "new" };
    let mut text = format!(
        "\n{chain_id} on {engine}, {chain}\ngenesis {hash}\nfolder  {dir}\n\n{people}\n\nkeys    {phrase}\n        \
         in {keys}; everyone knows them: never use them elsewhere\n\n{nodes}\n\ntry\n",
        chain_id = plan.genesis.chain_id,
        engine = plan.engine,
        hash = hex::encode(plan.genesis.hash()),
        dir = plan.dir.display(),
        people = list(["who", "address", "balance", "what for"], rows),
        phrase = TEST_MNEMONIC,
        keys = wallet.home.join("keys").display(),
        nodes = list(["node", "api", "cometbft rpc", "metrics"], nodes),
    );
    for line in to_try(plan, wallet) {
        text.push_str(&format!("  {line}\n"));
    }
    if !wallet.taken.is_empty() {
        let names = wallet.taken.join(", ");
        text.push_str(&format!(
            "\n  {names}: another key has this name there; set DIEM_HOME to an empty folder and start again\n"
        ));
    }
    text.push_str("\nno local Base yet: the bridge is off\n");
    text.push_str(&format!("\nready in {} s; Ctrl-C stops everything", seconds(took)));
    text
}

/// Three commands that work as they stand.
fn to_try(plan: &Plan, wallet: &Wallet) -> Vec<String> {
    let diemd = program();
    let home = if wallet.home == default_home() { String::new() } else { format!(" --home {}", wallet.home.display()) };
    let at = |at: usize| plan.nodes.get(at).or(plan.nodes.last()).map(|node| node.api()).unwrap_or_default();
    let node =
        |url: &str| if url == crate::cli::common::DEFAULT_NODE { String::new() } else { format!(" --node {url}") };
    let (first, last) = (node(&at(0)), node(&at(usize::MAX)));
    let genesis = plan.dir.join("genesis.json");
    let look = match plan.engine {
        EngineKind::Comet => {
            format!("{diemd} query account bob --verify --genesis {}{home}{last}", genesis.display())
        }
        EngineKind::Instant => {
            format!("curl -X POST {}/v1/dev/warp -H 'content-type: application/json' -d '{{\"by\":\"1d\"}}'", at(0))
        }
    };
    vec![
        format!("{diemd} demo{home}{first}"),
        format!("{diemd} tx transfer bob 12.5VVV --from alice --yes{home}{first}"),
        look,
    ]
}

/// How this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "diemd".into())
}

fn seconds(took: Duration) -> String {
    let tenths = took.as_millis() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// The quiet line.
pub(super) struct Status {
    terminal: bool,
    shown: bool,
    last: Option<(u64, Instant)>,
    pace: Option<Duration>,
}

impl Status {
    pub(super) fn new(terminal: bool) -> Self {
        Self { terminal, shown: false, last: None, pace: None }
    }

    /// Draws the line over the last one; where there is no terminal, nothing.
    pub(super) async fn draw(&mut self, clients: &[Client], running: usize) {
        if !self.terminal {
            return;
        }
        let mut height = None;
        for client in clients {
            height = client.status().await.ok().and_then(|status| status.latest).map(|head| head.height);
            if height.is_some() {
                break;
            }
        }
        let text = match height {
            Some(height) => format!("height {height}{} · {running} of {} running", self.pace(height), clients.len()),
            None => format!("no node answers · {running} of {} running", clients.len()),
        };
        let mut stdout = io::stdout();
        // A terminal that is gone needs no line.
        let _ = write!(stdout, "\r\x1b[2K{text}").and_then(|()| stdout.flush());
        self.shown = true;
    }

    /// Makes room for something else.
    pub(super) fn clear(&mut self) {
        if self.shown {
            let mut stdout = io::stdout();
            let _ = writeln!(stdout).and_then(|()| stdout.flush());
            self.shown = false;
        }
    }

    fn pace(&mut self, height: u64) -> String {
        match self.last {
            Some((before, when)) if height > before => {
                let blocks = u32::try_from(height.saturating_sub(before)).unwrap_or(u32::MAX);
                self.pace = when.elapsed().checked_div(blocks);
                self.last = Some((height, Instant::now()));
            }
            None => self.last = Some((height, Instant::now())),
            Some(_) => {}
        }
        self.pace.map(|pace| format!(" · {} s a block", seconds(pace))).unwrap_or_default()
    }
}
