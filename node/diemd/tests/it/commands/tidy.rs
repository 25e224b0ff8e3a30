//! A wallet in untidy conditions: folders that are open to others, broken files, full disks, many commands at once.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::chain::Chain;
use crate::support::left_out::left_out;

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_open_to_others_is_no_place_for_keys() {
    let chain = Chain::start().await;
    let mode = |mode| fs::set_permissions(chain.home.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    for line in ["keys list", "keys show alice", "keys add new", "tx transfer bob 1VVV --from alice --yes"] {
        chain.fails(line, 2, "chmod go-w").await;
    }
    chain.run("query status").await.ok();
    mode(0o755);
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
    // Each file is checked by itself: keys, and what the wallet knows of chains and senders.
    let memory = format!("wallet/senders/{}.json", chain.address("alice"));
    let places =
        ["keys", "keys/alice.json", "wallet", "wallet/chains", "wallet/chains/diem-dev-1.json", "wallet/senders"];
    for place in places.into_iter().chain([memory.as_str()]) {
        let path = chain.home.path().join(place);
        let tidy = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(tidy.mode() | 0o066)).unwrap();
        let refused = chain.run("tx transfer bob 1VVV --from alice --yes").await;
        assert_eq!(refused.code, 2, "{place}: {}", refused.stderr);
        assert!(refused.stderr.contains(&format!("(chmod go-w {})", path.display())), "{place}: {}", refused.stderr);
        fs::set_permissions(&path, tidy).unwrap();
    }
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_somebody_else_is_not_used() {
    let chain = Chain::start().await;
    let key = chain.home.path().join("keys/alice.json");
    // Only root can give a file away.
    if std::os::unix::fs::chown(&key, Some(12_345), None).is_ok() {
        for line in
            ["keys show alice", "tx transfer bob 1VVV --from alice --yes", "tx transfer alice 1VVV --from bob --yes"]
        {
            chain.fails(line, 2, "keys/alice.json belongs to user 12345").await;
        }
        chain.run("tx transfer carol 1VVV --from bob --yes").await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_key_is_listed_with_its_fault_beside_the_others() {
    let chain = Chain::start().await;
    fs::write(chain.home.path().join("keys/broken.json"), "{").unwrap();
    let listed = chain.run("keys list").await;
    assert_eq!(listed.code, 1, "{}", listed.stderr);
    let row = listed.stdout.lines().find(|line| line.starts_with("broken")).unwrap();
    assert!(row.contains("this is not a key file"), "{row}");
    for name in ["alice", "validator-1"] {
        assert!(listed.stdout.contains(&chain.address(name)), "{}", listed.stdout);
    }
    let json = chain.run("keys list --output json").await.json();
    let broken = json.as_array().unwrap().iter().find(|line| line["name"] == "broken").unwrap();
    assert!(broken["error"].as_str().unwrap().contains("keys/broken.json"), "{broken}");
    // A command that needs another key goes on.
    chain.run("tx transfer bob 1VVV --from alice --yes").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_called_what_means_something_else() {
    let chain = Chain::start().await;
    let secret = chain.file("secret", &"5e".repeat(32));
    for name in ["today", "latest", "0xabc", &chain.address("bob"), "diem1x"] {
        let import = format!("keys import {name} --secret-file {secret} --plain-for x-dev");
        chain.fails(&import, 2, "cannot be a key's name").await;
        chain.fails(&format!("keys add {name} --plain-for x-dev"), 2, "cannot be a key's name").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_public_phrase_is_kept_only_where_its_address_tells_it() {
    let chain = Chain::start().await;
    let phrase = chain.file("phrase", diem_genesis::presets::TEST_MNEMONIC);
    let passphrase = chain.file("passphrase", "correct horse");
    let import = |name: &str, more: &str| format!("keys import {name} --phrase-file {phrase} {more}");
    let encrypted = format!("--passphrase-file {passphrase}");
    chain.fails(&import("far", &format!("--index 100 {encrypted}")), 2, "everybody knows this phrase").await;
    chain.fails(&import("far", &format!("--path m/0'/7' {encrypted}")), 2, "everybody knows this phrase").await;
    chain.run(&import("near", &format!("--index 99 {encrypted}"))).await.ok();
    chain.run(&import("far", "--index 100 --plain-for x-dev")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_marks_the_order_of_bytes_is_no_part_of_a_passphrase() {
    let chain = Chain::start().await;
    let secret = chain.file("secret", &format!("\u{feff}{}", "5e".repeat(32)));
    let marked = chain.file("marked", "\u{feff}correct horse\r\n");
    let bare = chain.file("bare", "correct horse");
    let other = chain.file("other", "another horse");
    chain.run(&format!("keys import own --secret-file {secret} --passphrase-file {marked}")).await.ok();
    let payer = chain.file("secret", &"5f".repeat(32));
    chain.run(&format!("keys import payer --secret-file {payer} --passphrase-file {other}")).await.ok();
    chain.run("tx multi-transfer own=5VVV payer=5VVV --from alice --yes").await.ok();
    chain.run(&format!("tx transfer bob 1VVV --from own --passphrase-file {bare} --yes")).await.ok();
    // One passphrase file serves two keys: the error says which of them it does not open.
    let both = "tx transfer bob 1VVV --from own --fee-payer payer --yes --passphrase-file";
    chain.fails(&format!("{both} {bare}"), 2, "key `payer`: wrong passphrase").await;
    chain.fails(&format!("{both} {other}"), 2, "key `own`: wrong passphrase").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_of_one_sender_at_the_same_time_take_turns() {
    let chain = Chain::start().await;
    let line = |number: u32| format!("tx transfer carol 1VVV --memo {number} --from alice --yes --output json");
    let lines: Vec<String> = (0..20).map(line).collect();
    let ran = futures::future::join_all(lines.iter().map(|line| chain.run(line))).await;
    let mut nonces: Vec<u64> =
        ran.into_iter().map(|ran| ran.ok().json()["tx"]["tx"]["nonce"].as_u64().unwrap()).collect();
    nonces.sort_unstable();
    assert_eq!(nonces, (0..20).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_told_where_the_answer_cannot_be_written() {
    let chain = Chain::start().await;
    let full = || Stdio::from(fs::File::options().write(true).open("/dev/full").unwrap());
    for form in ["table", "json"] {
        let sent = chain.run_to(&format!("tx transfer bob 1VVV --from alice --yes --output {form}"), full()).await;
        assert_eq!(sent.code, 9, "{}", sent.stderr);
        assert!(sent.stderr.contains("is committed in block"), "{}", sent.stderr);
        assert!(sent.stderr.contains("could not be written"), "{}", sent.stderr);
    }
    let line = "tx transfer bob 999999999DIEM --from alice --yes --no-preview";
    let failed = chain.run_to(line, full()).await;
    assert_eq!(failed.code, 4, "{}", failed.stderr);
    assert!(failed.stderr.contains("could not be written"), "{}", failed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_fail_is_not_sent_unless_nobody_asks() {
    let chain = Chain::start().await;
    let nonce = || async { chain.query("account alice").await["nonce"].as_u64().unwrap() };
    for line in [
        "tx transfer bob 999999999VVV --from alice --yes",
        "tx transfer bob 999999999DIEM --from alice --yes",
        "tx unjail --from alice --yes",
        "tx unstake 5VVV --validator validator-1 --from alice --yes",
    ] {
        chain.fails(line, 3, "this would fail").await;
        assert_eq!(nonce().await, 0, "{line}");
    }
    // A transaction from a file is refused too, whoever signed it.
    let unsigned = chain.run("tx transfer bob 999999999DIEM --from alice --unsigned").await.ok().stdout;
    let file = chain.file("fails.json", &unsigned);
    let signed = chain.file("fails.json", &chain.run(&format!("tx sign {file} --from alice --yes")).await.ok().stdout);
    for sure in ["", "--yes"] {
        chain.fails(&format!("tx broadcast {signed} {sure}"), 3, "this would fail").await;
        assert_eq!(nonce().await, 0);
    }
    chain.fails(&format!("tx broadcast {signed} --yes --no-preview"), 4, "its fee is paid").await;
    assert_eq!(nonce().await, 1);
    chain.fails("tx transfer bob 999999999DIEM --from alice --yes --no-preview", 4, "its fee is paid").await;
    assert_eq!(nonce().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_this_machine_is_asked_without_a_proxy() {
    let chain = Chain::start().await;
    let nobody = "http://127.0.0.1:9";
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"] {
        chain.run_with("query status", &[(name, nobody)]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_certificates_speaks_http() {
    let chain = Chain::start().await;
    let none = [("SSL_CERT_FILE", "/nowhere/at/all"), ("SSL_CERT_DIR", "/nowhere/either")];
    chain.run_with("query status", &none).await.ok();
    let refused = chain.run_with("query status --node https://node.example", &none).await;
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for words in ["https://node.example", "ca-certificates", "SSL_CERT_FILE"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("is not the URL"), "{}", refused.stderr);
}

/// A shell on a terminal of its own, with the text of its screen.
struct Screen {
    script: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    text: String,
}

impl Screen {
    /// Runs these commands in a shell there; `None` where there is no `script` to make a terminal.
    fn run(commands: &str) -> Option<Self> {
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", commands, "/dev/null"]).env("SHELL", "/bin/sh");
        let Ok(mut script) = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
            left_out("terminal", "there is no `script` (util-linux) here: the terminal was not tried");
            return None;
        };
        let (stdin, stdout) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        Some(Self { script, stdin, stdout, text: String::new() })
    }

    /// Reads on until these words are there; returns the text before them.
    fn until(&mut self, words: &str) -> String {
        let mut part = [0; 256];
        while !self.text.contains(words) {
            let read = self.stdout.read(&mut part).unwrap();
            assert_ne!(read, 0, "no {words}: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&part[..read]));
        }
        let (before, after) = self.text.split_once(words).map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        self.text = after;
        before
    }

    fn keys(&mut self, keys: &str) {
        self.stdin.write_all(keys.as_bytes()).unwrap();
        self.stdin.flush().unwrap();
    }

    /// Reads the rest when the shell has ended.
    fn rest(mut self) -> String {
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        drop(self.stdin);
        self.script.wait().unwrap();
        self.text + &String::from_utf8_lossy(&rest)
    }
}

/// Whether `stty -a` says that the terminal shows what is typed.
fn shows_what_is_typed(stty: &str) -> bool {
    stty.split_whitespace().any(|word| word == "echo")
}

#[test]
fn a_terminal_shows_again_what_is_typed_whatever_ends_a_question() {
    let diemd = env!("CARGO_BIN_EXE_diemd");
    // Each case has a key of the terminal, or a signal from elsewhere, and the exit code by which a shell knows it.
    for (key, signal, code) in
        [("\x03", "", "130"), ("\x1c", "", "131"), ("", "INT", "130"), ("", "TERM", "130"), ("", "QUIT", "131")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (home, asks) = (folder.path().join("home"), folder.path().join("asks"));
        fs::create_dir(&home).unwrap();
        let add = format!("{diemd} keys add new --home {}", home.display());
        // The signal comes once the question is there.
        let wait = format!("until [ -e {} ]; do sleep 0.1; done", asks.display());
        let kill = if signal.is_empty() { String::new() } else { format!("({wait}; pkill -{signal} -P $$ diemd) &") };
        // The shell outlives the key, which goes to both.
        let commands = format!("trap : INT QUIT; {kill} {add}; echo code=$?; stty -a");
        let Some(mut screen) = Screen::run(&commands) else { return };
        screen.until("new passphrase for `new`: ");
        fs::write(asks, "").unwrap();
        screen.keys(key);
        screen.until("code=");
        let after = screen.rest();
        assert!(after.starts_with(code), "{signal}{key:?}: {after}");
        assert!(shows_what_is_typed(&after), "{signal}{key:?}: {after}");
    }
}

#[test]
fn a_question_that_is_stopped_shows_what_is_typed_and_goes_on_in_the_foreground() {
    let home = tempfile::tempdir().unwrap();
    let add = format!("{} keys add new --home {}", env!("CARGO_BIN_EXE_diemd"), home.path().display());
    let commands = format!("set -m; {add}; echo stopped; stty -a; echo seen; fg; echo code=$?; stty -a");
    let Some(mut screen) = Screen::run(&commands) else { return };
    screen.until("new passphrase for `new`: ");
    screen.keys("\x1a");
    screen.until("stopped");
    let stopped = screen.until("seen");
    assert!(shows_what_is_typed(&stopped), "{stopped}");
    screen.until("new passphrase for `new`: ");
    screen.keys("correct horse\n");
    screen.until("the same again: ");
    screen.keys("correct horse\n");
    let said = screen.until("code=");
    // Its two words may both be among those of the phrase, but not one beside the other.
    assert!(!said.contains("correct horse"), "{said}");
    let after = screen.rest();
    assert!(after.starts_with('0'), "{said}{after}");
    assert!(shows_what_is_typed(&after), "{after}");
}
