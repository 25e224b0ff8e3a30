//! A node of the `dev` preset in this process, with days of an hour that only the test moves on, and the real program
//! beside it with the keys of the preset's people.

use std::{
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use diem_core::{Amount, Denom, Time, keys::KeyKind};
use diem_engine::{
    Engine as _,
    engine::{BlockMode, Warp},
};
use diem_genesis::{
    GenesisFile,
    presets::{self, TEST_MNEMONIC, person_path},
};
use diem_runtime::App;
use diem_wallet::{KeyFile, KeyStore, Secret, derive};
use ed25519_dalek::SigningKey;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::support::{
    instant::{InstantNode, Start},
    program::{self, Ran},
};

/// The length of a day in milliseconds: an hour, which no test lasts.
const DAY_MS: u64 = 3_600_000;
/// The grace period in which a closed day takes vouchers, in milliseconds.
const GRACE_MS: u64 = 600_000;

/// A running chain with a wallet, which ends when dropped.
pub struct Chain {
    node: InstantNode,
    pub home: tempfile::TempDir,
    url: String,
}

/// The preset with longer days, so that none ends where no test wants it to.
fn genesis(change: impl FnOnce(String) -> String) -> diem_types::GenesisDoc {
    let mut text = change(presets::DEV.to_owned());
    for (short, long) in [
        ("epoch = \"30s\"", "epoch = \"1h\""),
        ("\nunbonding = \"2m\"", "\nunbonding = \"2h\""),
        ("cooldown = \"30s\"", "cooldown = \"1h\""),
        ("grace = \"5s\"", "grace = \"10m\""),
        ("provider_unbonding = \"2m\"", "provider_unbonding = \"2h\""),
    ] {
        assert!(text.contains(short), "the preset has no {short}");
        text = text.replace(short, long);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    GenesisFile::parse(&text, "dev").unwrap().resolve(Some(Time(now.try_into().unwrap()))).unwrap()
}

impl Chain {
    /// Starts a chain at the begin of a day, with its first blocks made.
    pub async fn start() -> Self {
        Self::start_with(|genesis| genesis).await
    }

    /// Starts a chain with a changed text of its genesis.
    pub async fn start_with(change: impl FnOnce(String) -> String) -> Self {
        let doc = genesis(change);
        let home = tempfile::tempdir().unwrap();
        fill_wallet(&home, &doc.chain_id);
        let start = Start {
            doc: &doc,
            keys: vec![SigningKey::from_bytes(&presets::validator_secret(1))],
            mode: BlockMode::OnDemand,
            clock: diem_host::clock::wall_clock(),
            http: diem_http::Options::default(),
        };
        let node = InstantNode::start(home.path(), start, |engine| engine).await;
        let chain = Self { url: node.url(), node, home };
        chain.mine(2).await;
        chain.next_day().await;
        chain
    }

    /// The application of the node.
    pub fn app(&self) -> &App {
        &self.node.app
    }

    /// Makes so many empty blocks.
    pub async fn mine(&self, blocks: u64) {
        self.node.engine.dev().unwrap().mine(blocks).await.unwrap();
    }

    /// Puts evidence of a double vote of this validator into the next block.
    pub async fn double_vote(&self, consensus_address: &str) {
        let address = hex::decode(consensus_address).unwrap().try_into().unwrap();
        self.node.engine.dev().unwrap().equivocation(address).await.unwrap();
        self.mine(1).await;
    }

    /// Moves the clock on and makes a block there.
    pub async fn pass(&self, millis: u64) {
        self.node.engine.dev().unwrap().warp(Warp::By(millis)).await.unwrap();
        self.mine(1).await;
    }

    /// Moves the clock on without a block, as time passes where nobody sends anything.
    pub async fn idle(&self, millis: u64) {
        self.node.engine.dev().unwrap().warp(Warp::By(millis)).await.unwrap();
    }

    /// The number of the open day.
    pub async fn today(&self) -> u64 {
        self.query("day today").await["day"].as_u64().unwrap()
    }

    /// Ends the open day, lets its grace pass and opens the next one.
    pub async fn next_day(&self) {
        let closes = self.query("day today").await["closes_at"]["time"].as_str().unwrap().to_owned();
        self.node.engine.dev().unwrap().warp(Warp::To(Time::parse_rfc3339(&closes).unwrap())).await.unwrap();
        self.mine(1).await;
        self.pass(GRACE_MS + 1_000).await;
    }

    /// The length of a day.
    pub const fn day_ms() -> u64 {
        DAY_MS
    }

    /// Writes a file into the wallet's home and returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Writes a file with the genesis that would start a chain from the latest state.
    pub fn export(&self) -> String {
        let latest = Time(self.node.app.store().meta().unwrap().time_ms);
        self.file("export.json", &diem_genesis::to_json(&self.node.app.export(latest).unwrap()))
    }

    /// A path in the wallet's home.
    pub fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// Runs `diemd` with words that have no spaces in them.
    pub async fn run(&self, line: &str) -> Ran {
        self.run_words(line.split_whitespace()).await
    }

    /// Runs `diemd` with these words.
    pub async fn run_words(&self, words: impl IntoIterator<Item = &str>) -> Ran {
        self.ran(words, &[], Stdio::piped()).await
    }

    /// Runs `diemd` with these words and more in the environment.
    pub async fn run_words_with(&self, words: impl IntoIterator<Item = &str>, environment: &[(&str, &str)]) -> Ran {
        self.ran(words, environment, Stdio::piped()).await
    }

    /// Runs as [`Self::run`] does, with more in the environment.
    pub async fn run_with(&self, line: &str, environment: &[(&str, &str)]) -> Ran {
        self.ran(line.split_whitespace(), environment, Stdio::piped()).await
    }

    /// Runs as [`Self::run`] does, with stdout led somewhere else.
    pub async fn run_to(&self, line: &str, stdout: Stdio) -> Ran {
        self.ran(line.split_whitespace(), &[], stdout).await
    }

    async fn ran(&self, words: impl IntoIterator<Item = &str>, environment: &[(&str, &str)], stdout: Stdio) -> Ran {
        let mut command = program::diemd(self.home.path(), &self.url);
        command.args(words).envs(environment.iter().copied()).stdout(stdout);
        program::run(command, "").await
    }

    /// The URL of the node.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a transaction that succeeds; returns the block's answer. Its dry run says the same before, and changes
    /// nothing.
    pub async fn tx(&self, line: &str) -> Value {
        let dry = self.run(&format!("tx {line} --dry-run --output json")).await;
        assert_eq!(dry.code, 0, "{line}: {}\n{}", dry.stdout, dry.stderr);
        assert!(dry.stderr.contains("nothing was sent"), "{line}: {}", dry.stderr);
        let ran = self.run(&format!("tx {line} --yes --output json")).await;
        assert_eq!(ran.code, 0, "{line}: {}\n{}", ran.stdout, ran.stderr);
        let (dry, answer) = (dry.json(), ran.json());
        assert_eq!(answer["state"], "committed", "{line}");
        let result = &answer["tx"]["result"];
        assert_eq!(dry["result"]["fee"], result["fee"], "{line}");
        assert_eq!(kinds(&dry["result"]), kinds(result), "{line}");
        answer["tx"].clone()
    }

    /// Runs a query; its table is printed without an error too.
    pub async fn query(&self, line: &str) -> Value {
        let table = self.run(&format!("query {line}")).await;
        assert_eq!(table.code, 0, "{line}: {}", table.stderr);
        assert!(!table.stdout.trim().is_empty(), "{line}");
        self.query_json(line).await
    }

    /// Runs a query with JSON output.
    pub async fn query_json(&self, line: &str) -> Value {
        self.run(&format!("query {line} --output json")).await.ok().json()
    }

    /// The blocks from `first` on, as people read them.
    pub async fn blocks_from(&self, first: u64) -> String {
        let last = self.query("status").await["latest"]["height"].as_u64().unwrap();
        let mut text = String::new();
        for height in first..=last {
            text += &self.run(&format!("query block {height}")).await.ok().stdout;
        }
        text
    }

    /// Runs a command that must fail, with this exit code and these words in its error.
    pub async fn fails(&self, line: &str, code: i32, words: &str) {
        let ran = self.run(line).await;
        let said = format!("{line}: exit {}\n{}{}", ran.code, ran.stdout, ran.stderr);
        assert_eq!(ran.code, code, "{said}");
        assert!(ran.stderr.contains(words), "{said}");
    }

    /// The address of a key of the wallet.
    pub fn address(&self, name: &str) -> String {
        KeyStore::of_home(self.home.path()).get(name).unwrap().address.to_string()
    }
}

fn kinds(result: &Value) -> Vec<Value> {
    result["events"].as_array().unwrap().iter().map(|event| event["event"]["type"].clone()).collect()
}

/// Puts the keys of the preset's people, and that of its first validator's operator, into the wallet of a home.
pub fn fill_wallet(home: &tempfile::TempDir, chain_id: &str) {
    let store = KeyStore::of_home(home.path());
    let phrase = derive::parse_phrase(TEST_MNEMONIC).unwrap();
    let add = |name: &str, secret: Secret| store.add(name, &KeyFile::plain(&secret, None, chain_id).unwrap()).unwrap();
    for (number, name) in (0..).zip(["alice", "bob", "carol", "dave", "agent", "erin"]) {
        add(name, derive::derive(&phrase, KeyKind::Ed25519, &person_path(number)).unwrap());
    }
    let operator = Zeroizing::new(presets::operator_secret(1));
    add("validator-1", Secret::new(KeyKind::Ed25519, operator).unwrap());
}

/// Finds the event of that kind in a block's answer to a transaction.
pub fn event(tx: &Value, kind: &str) -> Value {
    let events = tx["result"]["events"].as_array().unwrap();
    let found = events.iter().find(|event| event["event"]["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {events:?}"))["event"].clone()
}

/// Reads the base units of an amount of the API.
pub fn units(value: &Value) -> u128 {
    let text = value["amount"].as_str().or_else(|| value.as_str());
    text.unwrap_or_else(|| panic!("{value} is no amount")).parse().unwrap()
}

/// Converts a decimal number to base units.
pub fn whole(text: &str) -> u128 {
    text.parse::<Amount>().unwrap().get()
}

/// Converts an amount with its unit to base units.
pub fn coins(text: &str) -> u128 {
    Denom::parse_amount(text).unwrap().0.get()
}
