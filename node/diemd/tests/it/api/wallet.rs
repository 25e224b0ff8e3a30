//! The wallet on the command line, as a script sees it: the standard output, standard error and exit code of the real
//! program.

use std::{path::Path, process::Stdio};

use diem_core::{Address, Amount, Denom};
use diem_engine::engine::BlockMode;
use diem_testkit::people::Person;
use serde_json::Value;

use super::running::{Running, start};
use crate::support::program::{self, Ran};

/// A home with the keys of the first people as `p0`, `p1`, ...; removed when dropped.
pub struct Wallet {
    home: tempfile::TempDir,
    node: String,
}

impl Wallet {
    fn new(node: &str) -> Self {
        Self { home: tempfile::tempdir().unwrap(), node: node.into() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs the program on another thread, so that the node of this process goes on.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "").await
    }

    /// Runs the program with this text on a pipe as its standard input.
    async fn run_with(&self, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = program::diemd(self.home.path(), &self.node);
        command.args(arguments).stdin(Stdio::piped());
        program::run(command, stdin).await
    }
}

/// A wallet that holds the keys of three people of the node, for its development chain.
pub async fn wallet_of(node: &Running) -> Wallet {
    let wallet = Wallet::new(&format!("http://{}", node.address));
    for number in 0..3u32 {
        let mut secret = [0x5e; 32];
        secret[..4].copy_from_slice(&number.to_be_bytes());
        let path = wallet.file("secret", &hex::encode(secret));
        let kind = if number == 2 { "ethereum" } else { "ed25519" };
        let name = format!("p{number}");
        let import = ["keys", "import", &name, "--kind", kind, "--secret-file", &path, "--plain-for", "test-dev"];
        let shown = wallet.run(&[&import[..], &["--output", "json"]].concat()).await.ok().json();
        assert_eq!(shown["address"], Person::new(number).address.to_string());
    }
    wallet
}

pub async fn vvv(node: &Running, address: Address) -> Amount {
    node.client.account(&address, None, false).await.unwrap().vvv.amount
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_by_name_is_in_a_block_when_the_command_ends() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    for from in ["p0", "p2"] {
        let before = vvv(&node, node.address_of(1)).await;
        let ran = wallet.run(&["tx", "transfer", "p1", "12.5VVV", "--from", from, "--yes", "--output", "json"]).await;
        let answer = ran.ok().json();
        assert_eq!(answer["state"], "committed");
        let (twelve_and_a_half, _) = Denom::parse_amount("12.5VVV").unwrap();
        assert_eq!(vvv(&node, node.address_of(1)).await, before.checked_add(twelve_and_a_half).unwrap());
        let hash = answer["hash"].as_str().unwrap();
        let found = wallet.run(&["query", "tx", hash]).await.ok();
        assert!(
            found.stdout.contains("Send 12.5 VVV to p1 (0x") && found.stdout.contains("succeeded"),
            "{}",
            found.stdout
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_how_far_a_transaction_came() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let send = |rest: &'static [&'static str]| {
        let wallet = &wallet;
        async move { wallet.run(&[&["tx", "transfer", "p1"], rest, &["--from", "p0", "--yes"]].concat()).await }
    };
    assert_eq!(send(&["1VVV"]).await.code, 0);
    let rejected = send(&["1VVV", "--nonce", "0"]).await;
    assert_eq!(rejected.code, 3, "{}", rejected.stderr);
    assert!(rejected.stderr.contains("nonce 0 was used before: the sender's next is 1"), "{}", rejected.stderr);
    // The pool would refuse the same amount of VVV.
    let failed = send(&["5000DIEM", "--no-preview"]).await;
    assert_eq!(failed.code, 4, "{}", failed.stderr);
    assert!(failed.stderr.contains("failed there") && failed.stderr.contains("insufficient_funds"));
    for usage in [&["1"][..], &["1EUR"], &["0VVV"], &["1VVV", "--max-fee", "1avvv"], &["1VVV", "--wait", "x"]] {
        let ran = send(usage).await;
        assert_eq!(ran.code, 2, "{usage:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "words go to stderr");
    }
    let stranger = wallet.run(&["tx", "transfer", "nobody", "1VVV", "--from", "p0", "--yes"]).await;
    assert_eq!(stranger.code, 2);
    assert!(stranger.stderr.contains("neither an address"), "{}", stranger.stderr);
    let unasked = wallet.run(&["tx", "transfer", "p1", "1VVV", "--from", "p0"]).await;
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("add --yes"), "{}", unasked.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_nobody_knows_has_its_own_exit_code() {
    let node = start(BlockMode::Manual).await;
    let wallet = wallet_of(&node).await;
    let ran = wallet.run(&["tx", "transfer", "p1", "1VVV", "--from", "p0", "--yes", "--timeout", "1"]).await;
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody knows yet") && ran.stderr.contains("query tx"), "{}", ran.stderr);
    let hash = ran.stdout.trim().to_owned();
    assert_eq!(wallet.run(&["query", "tx", &hash]).await.code, 5);
    diem_engine::Engine::dev(&*node.engine).unwrap().mine(1).await.unwrap();
    wallet.run(&["query", "tx", &hash]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_change_and_changes_nothing() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let root = node.app.info().root;
    let dry = |amount: &'static str| {
        let wallet = &wallet;
        async move {
            let arguments = ["tx", "transfer", "p1", amount, "--from", "p0", "--dry-run", "--output", "json"];
            wallet.run(&arguments).await
        }
    };
    let simulated = dry("100VVV").await.ok().json();
    assert_eq!(simulated["result"]["ok"], true);
    let of = |address: Address| {
        let changes = simulated["changes"].as_array().unwrap();
        let found = changes.iter().find(|change| change["account"] == address.to_string());
        found.unwrap()["after"]["amount"].as_str().unwrap().parse::<u128>().unwrap()
    };
    assert_eq!(of(node.address_of(1)), 1_100 * Amount::ONE.get());
    let fee = 900 * Amount::ONE.get() - of(node.address_of(0));
    let short = dry("1000VVV").await;
    assert_eq!(short.code, 1, "the fee is missing");
    assert!(short.stderr.contains("this would fail"), "{}", short.stderr);
    assert_eq!(node.app.info().root, root);
    let sent = ["tx", "transfer", "p1", "100VVV", "--from", "p0", "--yes", "--output", "json"];
    let sent = wallet.run(&sent).await.ok().json();
    assert_eq!(sent["tx"]["result"]["fee"]["amount"], fee.to_string(), "the fee is the one that was shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_signers_complete_a_transaction_file() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let make = ["tx", "multi-transfer", "p1=1VVV", "p2=2VVV", "--from", "p0", "--fee-payer", "p2", "--unsigned"];
    let unsigned = wallet.run(&make).await.ok();
    let path = wallet.file("tx.json", &unsigned.stdout);
    let early = wallet.run(&["tx", "broadcast", &path]).await;
    assert_eq!(early.code, 2);
    assert!(early.stderr.contains("the sender has not signed"), "{}", early.stderr);
    let stranger = wallet.run(&["tx", "sign", &path, "--from", "p1", "--yes"]).await;
    assert_eq!(stranger.code, 2, "{}", stranger.stderr);
    for signer in ["p2", "p0"] {
        let signed = wallet.run(&["tx", "sign", &path, "--from", signer, "--yes"]).await.ok();
        wallet.file("tx.json", &signed.stdout);
    }
    let shown = wallet.run(&["tx", "show", &path]).await.ok();
    assert!(shown.stdout.contains("good") && shown.stdout.contains("Send 1 VVV to"), "{}", shown.stdout);
    let payer = vvv(&node, node.address_of(2)).await;
    let sent = wallet.run(&["tx", "broadcast", &path, "--output", "json"]).await.ok().json();
    let fee: u128 = sent["tx"]["result"]["fee"]["amount"].as_str().unwrap().parse().unwrap();
    let expected = payer.get() + 2 * Amount::ONE.get() - fee;
    assert_eq!(vvv(&node, node.address_of(2)).await, Amount::new(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_goes_from_command_to_command_through_pipes() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let unsigned = wallet.run(&["tx", "transfer", "p1", "1VVV", "--from", "p0", "--unsigned"]).await.ok();
    let signed = wallet.run_with(&["tx", "sign", "-", "--from", "p0", "--yes"], &unsigned.stdout).await.ok();
    wallet.run_with(&["tx", "show", "-"], &signed.stdout).await.ok();
    let sent = wallet.run_with(&["tx", "broadcast", "-", "--output", "json"], &signed.stdout).await.ok().json();
    assert_eq!(sent["state"], "committed");
    let empty = wallet.run_with(&["tx", "broadcast", "-"], "").await;
    assert_eq!(empty.code, 2);
    assert!(empty.stderr.contains("this is no transaction"), "{}", empty.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_wait_is_told_where_to_look() {
    let node = start(BlockMode::Manual).await;
    let wallet = wallet_of(&node).await;
    for (nonce, wait) in [("0", "none"), ("1", "checked")] {
        let send = ["tx", "transfer", "p1", "1VVV", "--from", "p0", "--yes", "--nonce", nonce, "--wait", wait];
        let sent = wallet.run(&send).await.ok();
        let look = format!("`diemd query tx {} --node {}`", sent.stdout.trim(), wallet.node);
        assert!(sent.stderr.contains(&look), "{}", sent.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_verified_is_believed_and_what_is_not_is_refused() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let hash = hex::encode(node.doc.hash());
    let good = wallet.run(&["query", "account", "p0", "--verify", "--genesis-hash", &hash]).await.ok();
    assert!(good.stdout.contains("1000 VVV") && good.stdout.contains("more than 2/3"), "{}", good.stdout);
    let absent = format!("0x{}", "ab".repeat(20));
    let absent = ["query", "account", &absent, "--verify", "--genesis-hash", &hash, "--output", "json"];
    assert_eq!(wallet.run(&absent).await.ok().json()["verified"]["exists"], false);
    let other = wallet.run(&["query", "account", "p0", "--verify", "--genesis-hash", &"00".repeat(32)]).await;
    assert_eq!(other.code, 1);
    assert!(other.stderr.contains("not the trusted"), "{}", other.stderr);
    let none = wallet.run(&["query", "account", "p0", "--verify"]).await;
    assert_eq!(none.code, 2);
    assert!(none.stderr.contains("--genesis-hash"), "{}", none.stderr);
    // The genesis has the same name and other validators: the node is honest, but not for a client that trusts those.
    let mut other = node.doc.clone();
    for (seed, validator) in (98..).zip(&mut other.validators) {
        validator.public_key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes();
    }
    let path = wallet.file("other.json", &diem_genesis::to_json(&other));
    let refused = wallet.run(&["query", "account", "p0", "--verify", "--genesis", &path]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("other validators than the trusted ones"), "{}", refused.stderr);
    // The user verifies what they have just done.
    wallet.run(&["tx", "transfer", "p0", "2VVV", "--from", "p1", "--yes"]).await.ok();
    let good = wallet.run(&["query", "account", "p0", "--verify", "--genesis-hash", &hash]).await.ok();
    assert!(good.stdout.contains("1002 VVV"), "{}", good.stdout);
    let path = wallet.file("genesis.json", &diem_genesis::to_json(&node.doc));
    wallet.run(&["query", "account", "p0", "--verify"]).await.ok();
    wallet.run(&["query", "proof", "0100", "--verify", "--genesis", &path]).await.ok();
}

/// Starts a proxy between the wallet and the node, which adds a next nonce to every account.
async fn with_a_next_nonce(node: &Running, next: u64) -> (String, tokio::task::JoinHandle<std::io::Result<()>>) {
    let real = node.client.url().to_owned();
    let forward = move |request: axum::extract::Request| async move {
        let url = format!("{real}{}", request.uri());
        let answer = reqwest::Client::new().get(url).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        if request.uri().path().starts_with("/v1/accounts/") {
            answer["next_nonce"] = next.into();
        }
        axum::Json(answer)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = axum::serve(listener, axum::Router::new().fallback(forward));
    (url, tokio::spawn(server.into_future()))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_pool_is_no_part_of_what_is_verified() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let (url, server) = with_a_next_nonce(&node, 7).await;
    let ask = ["query", "account", "p0", "--node", &url];
    let told = wallet.run(&ask).await.ok();
    assert!(told.stdout.contains("7 after the 7 that wait"), "{}", told.stdout);
    let path = wallet.file("genesis.json", &diem_genesis::to_json(&node.doc));
    let verify = [&ask[..], &["--verify", "--genesis", &path]].concat();
    let proven = wallet.run(&verify).await.ok();
    assert!(proven.stdout.contains("more than 2/3") && !proven.stdout.contains("wait"), "{}", proven.stdout);
    let json = wallet.run(&[&verify[..], &["--output", "json"]].concat()).await.ok().json();
    assert_eq!((&json["nonce"], json.get("next_nonce")), (&0.into(), None));
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_a_table_and_json() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    for query in ["status", "account p0", "block", "blocks", "supply", "validators", "params", "errors"] {
        let arguments: Vec<&str> = ["query"].into_iter().chain(query.split(' ')).collect();
        let table = wallet.run(&arguments).await.ok();
        assert!(table.stdout.lines().count() >= 2 && !table.stdout.contains('\u{1b}'), "{query}: {}", table.stdout);
        wallet.run(&[&arguments[..], &["--output", "json"]].concat()).await.ok().json();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_there_is_told_with_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = Wallet::new(&free).run(&["query", "status"]).await;
    assert_eq!(ran.code, 1);
    for words in [free.as_str(), "start the node (`diemd start`, `systemctl start diemd`)", "diemd devnet", "--node"] {
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
    let ran = Wallet::new("localhost").run(&["query", "status"]).await;
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_keys_need_their_passphrase() {
    let node = start(BlockMode::OnDemand).await;
    let wallet = wallet_of(&node).await;
    let passphrase = wallet.file("passphrase", "correct horse\n");
    let added = ["keys", "add", "mine", "--passphrase-file", &passphrase, "--output", "json"];
    let added = wallet.run(&added).await.ok();
    let phrase = added.json()["phrase"].as_str().unwrap().to_owned();
    assert_eq!(phrase.split(' ').count(), 24);
    let address = added.json()["address"].as_str().unwrap().to_owned();
    let stored = std::fs::read_to_string(wallet.home.path().join("keys/mine.json")).unwrap();
    // Some words of phrases are names of the file's fields.
    let stands = |word: &&str| stored.replace(&format!("\"{word}\":"), "").contains(*word);
    assert_eq!(phrase.split(' ').filter(|word| word.len() > 5).find(stands), None);
    let shown = wallet.run(&["keys", "show", "mine"]).await.ok();
    assert!(shown.stdout.contains(&address) && !shown.stdout.contains("phrase"), "{}", shown.stdout);

    // The same phrase gives the same key elsewhere.
    let elsewhere = Wallet::new(&wallet.node);
    let words = elsewhere.file("words", &phrase);
    let secret = elsewhere.file("passphrase", "another one");
    let import = ["keys", "import", "copy", "--phrase-file", &words, "--passphrase-file", &secret, "--output", "json"];
    assert_eq!(elsewhere.run(&import).await.ok().json()["address"], address);
    let again = elsewhere.run(&import).await;
    assert_eq!(again.code, 2, "a name is never overwritten");
    assert!(again.stderr.contains("there is a key `copy` already"), "{}", again.stderr);

    wallet.run(&["tx", "transfer", "mine", "5VVV", "--from", "p0", "--yes"]).await.ok();
    let send = ["tx", "transfer", "p0", "1VVV", "--from", "mine", "--yes"];
    wallet.run(&[&send[..], &["--passphrase-file", &passphrase]].concat()).await.ok();
    let wrong = wallet.file("wrong", "incorrect horse");
    let refused = wallet.run(&[&send[..], &["--passphrase-file", &wrong]].concat()).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("wrong passphrase"), "{}", refused.stderr);
    let unasked = wallet.run(&send).await;
    assert_eq!(unasked.code, 2);
    assert!(unasked.stderr.contains("--passphrase-file"), "{}", unasked.stderr);

    let kept = wallet.run(&["keys", "delete", "mine"]).await;
    assert_eq!(kept.code, 2, "no terminal to ask on");
    wallet.run(&["keys", "delete", "mine", "--yes"]).await.ok();
    assert!(!Path::new(&wallet.home.path().join("keys/mine.json")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_keys_stay_on_development_chains() {
    let wallet = Wallet::new("http://127.0.0.1:1");
    let refused = wallet.run(&["keys", "add", "rich", "--plain-for", "diem-1"]).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("development chains only"), "{}", refused.stderr);
    let short = wallet.file("short", "1234567");
    let refused = wallet.run(&["keys", "add", "rich", "--passphrase-file", &short]).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("at least 8 characters"), "{}", refused.stderr);
}
