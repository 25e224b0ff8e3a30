//! Every screen at 80 columns, with long names and large amounts: no line is longer, and no number is broken.

use std::{collections::BTreeSet, process::Command as Process};

use clap::{Command, CommandFactory as _};
use diem_genesis::presets::bridge_secret;
use diem_node::cli::Cli;

use super::{bridge_home::follow, chain::Chain, validators::new_home};
use crate::support::{bridge::state_newest_set, far_side::FarSide, program::Ran};

const COLUMNS: usize = 80;
/// A name of the greatest length that the chain takes, with one word that fits no column.
const MONIKER: &str = "Müller-Lüdenscheidt_Rechenzentrumsbetriebsgesellschaft & Sons";
const ENDPOINT: &str = "https://inference.a-provider-with-a-long-name.example/v1/openai/compatible/endpoint/eu-central";

/// The commands that show no screen of their own here, with the reason.
const ELSEWHERE: [(&str, &str); 11] = [
    ("start", "it runs until it is stopped"),
    ("devnet", "its screen is looked at where devnets are tried"),
    ("demo", "its screen is looked at where devnets are tried"),
    ("doctor", "its findings are sentences, which are looked at where set-ups are broken"),
    ("check", "it needs the home of a node that ran"),
    ("validator watch", "it runs until it is stopped, and its picture is looked at on a terminal"),
    ("rollback", "it needs the home of a node that ran"),
    ("prune", "it needs the home of a node that ran"),
    ("genesis export", "it needs the home of a node that ran, and prints a file"),
    ("genesis text", "it prints a file"),
    ("completions", "it prints a script for a shell"),
];

/// Collects the commands of a tree that have no subcommands, each by its words.
fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        let path = format!("{path} {}", one.get_name()).trim().to_owned();
        if one.has_subcommands() { leaves(one, &path, found) } else { found.push(path) }
    }
}

/// The numbers among the words of a screen, as they stand there.
fn numbers(screen: &str) -> BTreeSet<&str> {
    let words = screen.split_whitespace().map(|word| word.trim_end_matches([',', ';', ':']));
    words.filter(|word| word.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit())).collect()
}

/// The words of a line, with the long name inserted.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').map(|word| if word == "MONIKER" { MONIKER } else { word }).collect()
}

/// The screens that are checked, in the order in which their commands run.
struct Screens {
    chain: Chain,
    seen: BTreeSet<String>,
    leaves: Vec<String>,
}

impl Screens {
    async fn run(&self, words: &[&str], columns: &str) -> Ran {
        let width = [("COLUMNS", columns)];
        let width = if columns.is_empty() { &[][..] } else { &width };
        self.chain.run_words_with(words.iter().copied(), width).await
    }

    /// Checks the screen of a command that succeeds.
    async fn look(&mut self, line: &str) {
        let ran = self.look_at(line).await.ok();
        assert!(!ran.stdout.trim().is_empty(), "`{line}` shows nothing");
        // A query shows the same where there is room enough: nothing is broken, and every shortened cell is marked. A
        // proof of the latest state makes a block, after which some of it is different.
        if !line.starts_with("query ") || line.contains("--verify") {
            return;
        }
        let wide = self.run(&words(line), "").await.ok().stdout;
        let whole = numbers(&wide);
        for number in numbers(&ran.stdout) {
            let is_rounded = |begin: &str| whole.iter().any(|number| number.starts_with(begin));
            let is_whole = whole.contains(number) || number.strip_suffix('…').is_some_and(is_rounded);
            assert!(is_whole, "`{line}` breaks {number}\n{}\n{wide}", ran.stdout);
        }
    }

    /// Checks the screen of a command, however it ends: an error has to fit as well.
    async fn look_at(&mut self, line: &str) -> Ran {
        let leaf = self.leaves.iter().find(|leaf| format!("{line} ").starts_with(&format!("{leaf} ")));
        self.seen.insert(leaf.unwrap_or_else(|| panic!("`{line}` is no command")).clone());
        let ran = self.run(&words(line), "80").await;
        // A file for the next command is data, and a URL is followed by clicking on it, so neither is wrapped.
        let data = if ran.stdout.starts_with('{') { "" } else { &ran.stdout };
        for text in data.lines().chain(ran.stderr.lines()).filter(|text| text.chars().count() > COLUMNS) {
            assert!(text.contains("://"), "`{line}`: {} columns\n{text}\n{data}", text.chars().count());
        }
        ran
    }

    async fn all(&mut self, lines: &[&str]) {
        for line in lines {
            self.look(line).await;
        }
    }
}

const FROM: &str = "--validator validator-1 --from alice --yes";
const AMOUNT: &str = "1234567.123456789012345678VVV";

/// Looks at the screens of keys, curves and genesis files.
async fn files(screens: &mut Screens) {
    let (secret, genesis) = (screens.chain.file("secret", &"5e".repeat(32)), screens.chain.path("genesis.json"));
    let phrase = screens.chain.file("phrase", "test test test test test test test test test test test junk");
    let quotes = screens.chain.file(
        "quotes.json",
        "{\"curve\": {\"base\": \"90000000000000000000\", \"power\": \"2000000000000000000\", \"target\": \
         \"38000000000000000000000\", \"step\": \"500000000000000000000\", \"steps\": 256}, \"quotes\": []}",
    );
    screens.all(&["keys add new --plain-for x-dev", "keys list", "keys show alice"]).await;
    for line in [
        format!("keys import own --secret-file {secret} --plain-for x-dev"),
        format!("keys import other --phrase-file {phrase} --plain-for x-dev"),
        "keys delete new --yes".into(),
        format!("curve table --file {quotes}"),
        "curve quote --supply 127000DIEM --lock 123456789012VVV".into(),
        format!("genesis show {genesis}"),
        format!("genesis hash {genesis}"),
        format!("genesis validate {genesis}"),
        format!("init --genesis {genesis} --home {}", screens.chain.path("second-home")),
    ] {
        screens.look(&line).await;
    }
    let (home, key) = (screens.chain.path("second-home"), screens.chain.path("validator.json"));
    let passphrase = screens.chain.file("passphrase", "correct horse\n");
    for verb in ["export-key", "import-key"] {
        screens.look(&format!("validator {verb} {key} --home {home} --passphrase-file {passphrase}")).await;
    }
    screens.look(&format!("reset --home {home} --yes")).await;
    // No node runs in this home, which is said; what a running one shows is looked at where nodes are restarted.
    for verb in ["peers", "log level", "drain"] {
        assert_eq!(screens.look_at(&format!("{verb} --home {home}")).await.code, 1);
    }
    configuration(screens).await;
}

/// Looks at the screens of the configuration of the home that was made.
async fn configuration(screens: &mut Screens) {
    let home = screens.chain.path("second-home");
    let peer = "0123456789abcdef0123456789abcdef01234567@sentry-1.a-provider-with-a-long-name.example:26656";
    for line in ["show", "show --origin", "get comet.p2p", &format!("role validator --sentries {peer},{peer}"), "check"]
    {
        screens.look(&format!("config {line} --home {home}")).await;
    }
    screens.look_at(&format!("man --dir {}", screens.chain.path("pages"))).await.ok();
    // CometBFT takes names in ASCII only.
    for line in ["set moniker Mueller-Luedenscheidt_Rechenzentrumsbetriebsgesellschaft-and-Sons", "migrate"] {
        screens.look_at(&format!("config {line} --home {home}")).await.ok();
    }
}

/// Looks at the screens of transactions that move and stake VVV, mint and burn.
async fn payments_and_stake(screens: &mut Screens) {
    for line in [
        format!("tx edit-validator --moniker MONIKER --website {ENDPOINT} --from validator-1 --yes"),
        format!("tx transfer bob {AMOUNT} --from alice --yes"),
        format!("tx transfer bob {AMOUNT} --from alice --yes -v"),
        format!("tx transfer bob {AMOUNT} --from alice --dry-run"),
        format!("tx transfer 0x{} {AMOUNT} --from alice --yes", "ab".repeat(20)),
        "tx multi-transfer bob=1.123456789VVV carol=2.123456789VVV dave=3.123456789VVV --from alice --yes".into(),
        format!("tx stake 98765432.123456789012345678VVV {FROM}"),
        format!("tx mint 87654321.123456789012345678VVV {FROM}"),
        format!("tx mint-exact 0.123456789012345678DIEM --max-lock 9000000VVV {FROM}"),
        format!("tx burn 1.123456789012345678DIEM {FROM}"),
        format!("tx unstake {AMOUNT} {FROM}"),
        format!("tx claim {FROM}"),
        "tx stake-diem 30000.123456789012345678DIEM --beneficiary bob --from alice --yes".into(),
        "tx stake-diem 1234.123456789012345678DIEM --from alice --yes".into(),
        "tx unstake-diem 10.123456789012345678DIEM --beneficiary bob --from alice --yes".into(),
        "tx unstake-diem 11.123456789012345678DIEM --from alice --yes".into(),
        "tx cancel-unstake-diem 0 --from alice --yes".into(),
    ] {
        screens.look(&line).await;
    }
}

/// Looks at the screens of providers, and of credit that is allocated, spent, sold and settled.
async fn credit_and_providers(screens: &mut Screens, home: &str) {
    let sheet = "[[models]]\nmodel = \"a-model-with-a-name-of-some-length-70b-instruct\"\ninput_token = \"0.000000123456789\"\n\
                 output_token = \"123.123456789\"\nlong_context = { threshold = 131072, multiplier = \"1.5\" }\n";
    let (sheet, voucher) = (screens.chain.file("sheet.toml", sheet), screens.chain.path("voucher.json"));
    for line in [
        format!("tx register-provider --bond {AMOUNT} --endpoint {ENDPOINT} --moniker MONIKER --from dave --yes"),
        "tx edit-provider --moniker MONIKER --from dave --yes".into(),
        format!("tx add-bond {AMOUNT} --from dave --yes"),
        format!("tx publish-prices {sheet} --from dave --yes"),
        "tx list-provider dave --from validator-1 --yes".into(),
        "tx allocate 12345.123456789012345678 --provider carol --from bob --yes".into(),
        "tx allocate 1234.123456789012345678 --provider dave --from bob --yes".into(),
        "tx grant --key agent --last-day 99999999 --limit carol=123.123456789 --limit dave=0.000000123456 --from bob --yes"
            .into(),
        "tx spend 1.123456789012345678 --provider carol --reference image --from bob --yes".into(),
        "tx gift 100.123456789012345678 --to dave --from bob --yes".into(),
        "tx offer 123.123456789012345678 --price 1234.123456789012345678VVV --from bob --yes".into(),
        "tx buy 1.5 --seller bob --max-price 2000VVV --from dave --yes".into(),
        "query offers".into(),
        format!("voucher sign 1234.123456789012345678 --requests 1000000 --provider carol --from bob --out {voucher} --yes"),
        format!("voucher show {voucher}"),
        format!("tx settle {voucher} --from carol --yes"),
        format!("tx settle {voucher} --from carol --yes --no-preview"),
        "query vouchers bob --provider carol".into(),
        format!("validator prove --home {home} --operator erin"),
    ] {
        screens.look(&line).await;
    }
}

/// Looks at the screens of transactions in files, and of what takes back what was done before.
async fn files_of_transactions(screens: &mut Screens, home: &str) {
    let [unsigned, proof] = ["tx.json", "proof.json"].map(|name| screens.chain.path(name));
    let make = "tx transfer bob 1.5VVV --from alice --memo MONIKER --unsigned";
    let file = screens.run(&make.split(' ').collect::<Vec<_>>(), "").await.ok().stdout;
    screens.chain.file("tx.json", &file);
    let proof_text = screens.chain.run(&format!("validator prove --home {home} --operator erin")).await.ok().stdout;
    screens.chain.file("proof.json", &proof_text);
    screens.chain.run("tx transfer erin 5000VVV --from alice --yes").await.ok();
    for line in [
        format!("tx show {unsigned}"),
        format!("tx show {unsigned} --bytes"),
        format!("tx sign {unsigned} --from alice --yes"),
        format!(
            "tx create-validator --proof {proof} --moniker MONIKER --self-stake 1000.123456789VVV --from erin --yes"
        ),
        format!("tx rotate-bridge-key --proof {proof} --from erin --yes --dry-run"),
        "tx restake 1234.123456789VVV --validator validator-1 --to erin --from alice --yes".into(),
        "tx revoke --key agent --from bob --yes".into(),
        "tx withdraw-offer --from bob --yes".into(),
        "tx cancel-unstake 0 --from alice --yes".into(),
        format!("tx unstake {AMOUNT} {FROM}"),
    ] {
        screens.look_at(&line).await;
    }
}

/// Looks at the screens of the bridge; those that need Base end with an error here.
async fn the_bridge(screens: &mut Screens) {
    let place = "0xBcd4042DE499D14e55001CcbB24a551F3b954096";
    let authority = "--from validator-1 --yes";
    screens.all(&["bridge status", "bridge list"]).await;
    for line in [
        format!("bridge prepare --guardian {place} {authority}"),
        format!("bridge activate --deploy-block 123456789012 {authority} -v"),
        format!("bridge out 1.123456789012345678DIEM --to {place} --from dave --yes -v"),
        "bridge bump-fee 1 0.012345678901234567DIEM --from dave --yes".into(),
        "bridge status".into(),
        "bridge status 1".into(),
        "bridge list".into(),
        "bridge cancel 1 --from dave --yes".into(),
        format!("bridge params set min_fee=0.000123456789012345DIEM {authority} -v"),
        format!("bridge admin unpause {authority}"),
        format!("bridge admin limits 1234.123456789012345678DIEM 12.34% {authority}"),
        format!("bridge admin resolve 18446744073709551615 --release {authority}"),
        format!("bridge admin guardian {place} {authority}"),
        format!("bridge admin move {place} {authority}"),
    ] {
        screens.look(&line).await;
    }
    what_came_back(screens).await;
    let nowhere = "--base-rpc http://127.0.0.1:1 --key dave --yes";
    for line in [
        format!("bridge deploy {nowhere}"),
        format!("bridge relay 1 {nowhere}"),
        format!("bridge release 18446744073709551615 {nowhere}"),
        format!("bridge back 0.123456789012345678DIEM --to alice {nowhere}"),
        "bridge replay --base-rpc http://127.0.0.1:1 --from alice --yes".into(),
        "bridge pause sign --bridge-key nowhere.json --from alice --yes".into(),
        format!("bridge pause send {nowhere}"),
        format!("bridge pause guardian {nowhere}"),
        "bridge check-endpoint http://127.0.0.1:1".into(),
        "bridge resume --from validator-1 --yes".into(),
        "bridge submit nowhere.json --from alice --yes".into(),
        "bridge evidence nowhere.json --from alice --yes".into(),
    ] {
        screens.look_at(&line).await;
    }
}

/// Looks at the screens of what came back, of what waits on Base, and of what was lost and paid in.
async fn what_came_back(screens: &mut Screens) {
    let units = |text: &str| text.parse::<diem_core::Amount>().unwrap();
    let chain = &screens.chain;
    state_newest_set(chain.app(), &[bridge_secret(1)]);
    chain.mine(1).await;
    chain.run("bridge params set credit_capacity=10DIEM seal_wait_ms=1800000 --from validator-1 --yes").await.ok();
    let place = "0xBcd4042DE499D14e55001CcbB24a551F3b954096";
    for amount in ["2.123456789012345678DIEM", "3DIEM"] {
        chain.run(&format!("bridge out {amount} --to {place} --from dave --yes")).await.ok();
    }
    chain.pass(3_600_000).await;
    chain.mine(1).await;
    let (mut far, alice) = (FarSide::of(chain.app()), chain.address("alice").parse().unwrap());
    far.execute(chain.app(), 1, &[(1, 1)]);
    far.burn(alice, units("0.123456789012345678"));
    far.burn(alice, units("1.123456789012345678"));
    far.forge(units("1.123456789012345678"));
    follow(chain, &mut far).await;
    screens
        .all(&["bridge status", "bridge status 2", "bridge status 3", "bridge list --burns", "bridge list --queue"])
        .await;
    screens.look_at("bridge verify-supply").await;
    screens.look("bridge resume --from validator-1 --yes").await;
    screens.chain.mine(2).await;
    screens.all(&["bridge status --burn 1", "bridge status --event 4", "bridge status --event 123456789012"]).await;
    screens.look("bridge hold 2 --from validator-1 --yes").await;
    screens.look("bridge cover 1.123456789012345678DIEM --from dave --yes").await;
    screens.chain.mine(2).await;
    screens.look("bridge verify-supply").await;
}

async fn queries(screens: &mut Screens) {
    let hash =
        screens.chain.tx(&format!("transfer bob {AMOUNT} --from alice")).await["hash"].as_str().unwrap().to_owned();
    screens.all(&["query account alice", "query account erin", "query positions alice", "query unstaking alice"]).await;
    screens.all(&["query locks alice", "query rewards alice", "query validators", "query validator validator-1"]).await;
    screens
        .all(&["query diem-stakes alice", "query unstaking-diem alice", "query grants bob", "query credit bob"])
        .await;
    screens.all(&["query providers", "query provider dave", "query day", "query days", "query supply"]).await;
    screens.all(&["query rate", "query quote 500VVV", "query quote 1DIEM", "query curve", "query emission"]).await;
    screens.all(&["query emission --schedule", "query rent", "query status", "query blocks", "query consensus"]).await;
    screens.all(&["query params", "query errors", "query block latest"]).await;
    screens.all(&["validator status validator-1", "validator status erin"]).await;
    screens.look(&format!("query tx {hash}")).await;
    screens.look(&format!("query proof {}", "01".repeat(30))).await;
    screens.look("query account alice --verify").await;
}

/// Looks at the screens of what is due, and of what ends.
async fn what_is_due(screens: &mut Screens) {
    // Everything that is due by now is collected.
    screens.chain.pass(Chain::day_ms()).await;
    screens.chain.pass(2 * Chain::day_ms()).await;
    screens.look("query day").await;
    for line in [
        "tx collect 1 --from alice --yes",
        "tx collect-tranche 1 --from alice --yes",
        "tx unjail --from erin --yes",
        "tx delist-provider dave --from validator-1 --yes",
        "tx deregister --from dave --yes",
        "tx broadcast nowhere.json --yes",
        "keys forget-chain diem-dev-1",
        "join http://127.0.0.1:1 --home joined --no-start",
        "snapshot list --home nowhere",
        "snapshot create --home nowhere",
        "snapshot restore nowhere.tar --home nowhere",
        "snapshot verify nowhere.tar",
        "healthz --home nowhere",
    ] {
        screens.look_at(line).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_screen_fits_a_terminal_of_80_columns() {
    let rich = |genesis: String| genesis.replace("\"1000000VVV\"", "\"123456789.123456789012345678VVV\"");
    let chain = Chain::start_with(rich).await;
    let mut leaves_found = Vec::new();
    leaves(&Cli::command(), "", &mut leaves_found);
    let home = new_home(&chain);
    let mut screens = Screens { chain, seen: BTreeSet::new(), leaves: leaves_found };
    files(&mut screens).await;
    payments_and_stake(&mut screens).await;
    credit_and_providers(&mut screens, &home).await;
    files_of_transactions(&mut screens, &home).await;
    the_bridge(&mut screens).await;
    queries(&mut screens).await;
    what_is_due(&mut screens).await;
    let known = |leaf: &&String| screens.seen.contains(*leaf) || ELSEWHERE.iter().any(|(path, _)| path == leaf);
    let forgotten: Vec<&String> = screens.leaves.iter().filter(|leaf| !known(leaf)).collect();
    assert!(forgotten.is_empty(), "the screens of these commands are looked at nowhere: {forgotten:?}");
}

#[test]
fn every_page_of_help_fits_a_terminal_of_80_columns() {
    let mut pages = Vec::new();
    leaves(&Cli::command(), "", &mut pages);
    for path in pages.iter().map(String::as_str).chain(["", "tx", "query", "keys", "genesis", "curve", "voucher"]) {
        let mut help = Process::new(env!("CARGO_BIN_EXE_diemd"));
        let page = help.args(path.split_whitespace()).arg("--help").env("COLUMNS", "80").output().unwrap();
        let page = String::from_utf8(page.stdout).unwrap();
        // An example is typed as it stands.
        let is_long = |line: &&str| line.chars().count() > COLUMNS && !line.contains("diemd ");
        assert_eq!(page.lines().find(is_long), None, "`{path} --help`\n{page}");
    }
}
