//! `diemd validator watch`: its lines, its picture on a terminal, its command, and its end.

use std::{
    fs::{self, File},
    io::Read as _,
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use diem_core::Time;
use diem_engine::{
    Engine as _,
    engine::{BlockMode, Warp},
};
use diem_genesis::presets;
use diem_staking::consensus_address;
use diem_wallet::{KeyFile, KeyStore, Secret};
use ed25519_dalek::SigningKey;
use nix::pty::{Winsize, openpty};
use rustix::process::Signal;
use zeroize::Zeroizing;

use super::chain::fill_wallet;
use crate::support::{
    client::{reach, until},
    instant::{InstantNode, Start},
    ports::Ports,
    process::{self, Ended, signal, wait},
    program,
    proxy::Proxy,
    single::{Single, instant_home},
};

/// The validator that is watched, of four.
const NUMBER: usize = 4;

/// A chain of four validators in this process that makes blocks when it is told to.
struct Four {
    node: InstantNode,
    home: tempfile::TempDir,
}

impl Four {
    async fn start() -> Self {
        let doc = presets::preset("localnet").unwrap().unwrap();
        let now = (diem_host::clock::wall_clock())();
        let doc = doc.resolve(Some(Time(now))).unwrap();
        let home = tempfile::tempdir().unwrap();
        fill_wallet(&home, &doc.chain_id);
        let operator = Secret::new(diem_core::keys::KeyKind::Ed25519, Zeroizing::new(presets::operator_secret(NUMBER)));
        let operator = KeyFile::plain(&operator.unwrap(), None, &doc.chain_id).unwrap();
        KeyStore::of_home(home.path()).add("watched", &operator).unwrap();
        let start = Start {
            doc: &doc,
            keys: (1..=4).map(|number| SigningKey::from_bytes(&presets::validator_secret(number))).collect(),
            mode: BlockMode::OnDemand,
            clock: diem_host::clock::wall_clock(),
            http: diem_http::Options::default(),
        };
        let node = InstantNode::start(home.path(), start, |engine| engine).await;
        let four = Self { node, home };
        four.mine(30).await;
        four
    }

    async fn mine(&self, blocks: u64) {
        self.node.engine.dev().unwrap().mine(blocks).await.unwrap();
    }

    /// Has the watched validator miss the next blocks.
    async fn miss(&self, blocks: u64) {
        let key = SigningKey::from_bytes(&presets::validator_secret(NUMBER)).verifying_key().to_bytes();
        self.node.engine.dev().unwrap().absences(vec![consensus_address(&key)], blocks).await.unwrap();
        self.mine(blocks).await;
    }

    /// Lets the watched validator come back; no block tells yet whether it signs.
    async fn unjail(&self) {
        let dev = self.node.engine.dev().unwrap();
        dev.absences(Vec::new(), 1).await.unwrap();
        dev.warp(Warp::By(3_600_000)).await.unwrap();
        self.mine(1).await;
        let mut command = program::diemd(self.home.path(), &self.node.url());
        command.args(["tx", "unjail", "--from", "watched", "--yes"]);
        program::run(command, "").await.ok();
    }

    fn watch(&self, node: &str, more: &[&str]) -> Command {
        let mut command = program::diemd(self.home.path(), node);
        command.args(["validator", "watch", "watched"]).args(more);
        command
    }
}

/// A watch that runs, with what it has written so far.
struct Watching {
    child: Ended,
    written: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Watching {
    /// Starts a watch whose output is a pipe.
    fn piped(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = OwnedFd::from(child.stdout.take().unwrap());
        Self::reading(child, out)
    }

    /// Starts a watch on a terminal of this size.
    fn on_terminal(mut command: Command, columns: u16, rows: u16) -> Self {
        let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        command.stdin(pty.slave.try_clone().unwrap()).stdout(pty.slave.try_clone().unwrap()).stderr(pty.slave);
        let child = command.spawn().unwrap();
        // The terminal ends when nobody holds its other side any more.
        drop(command);
        Self::reading(child, pty.master)
    }

    fn reading(child: Child, from: OwnedFd) -> Self {
        let written = Arc::default();
        let reader = collect(from, Arc::clone(&written));
        Self { child: Ended(child), written, reader }
    }

    fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    async fn shows(&self, words: &str) {
        until(words, async || self.written().contains(words).then_some(())).await;
    }

    /// Ends the watch as Ctrl-C does; its exit code and all that it has written.
    async fn end(mut self) -> (Option<i32>, String) {
        signal(self.child.0.id(), Signal::INT);
        let code = wait(&mut self.child.0).code();
        // What it wrote last is read a moment later, where a terminal hands it on.
        until("the end of what it writes", async || self.reader.is_finished().then_some(())).await;
        (code, self.written())
    }
}

/// Reads everything that comes, on a thread that ends with it.
fn collect(from: OwnedFd, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    let mut from = File::from(from);
    std::thread::spawn(move || {
        let mut part = [0; 4_096];
        // A terminal without anybody on its other side answers with an error.
        while let Ok(read) = from.read(&mut part)
            && read > 0
        {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..read]));
        }
    })
}

/// The lines that a command of a watch has written into a file.
fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Checks that a watch which looks once ends with 1 in this state.
async fn ends_at_once(four: &Four, state: &str) {
    let once = program::run(four.watch(&four.node.url(), &["--once", "--output", "json"]), "").await;
    assert_eq!((once.code, &once.json()["state"]), (1, &state.into()), "{}", once.stderr);
    assert!(once.stderr.contains(&format!("the watch ended in the state {state}")), "{}", once.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_a_line_and_runs_the_command_once() {
    let four = Four::start().await;
    let file = four.home.path().join("changes");
    let exec = format!("echo $VALIDATOR_WAS $VALIDATOR_STATE ${{VALIDATOR_OPERATOR:+known}} >> {}", file.display());
    let url = four.node.url();
    let watching = Watching::piped(four.watch(&url, &["--exec", &exec]));
    watching.shows(" ok at height ").await;
    four.miss(2).await;
    four.mine(1).await;
    watching.shows(" missing (was ok)").await;
    four.miss(60).await;
    watching.shows(" jailed (was missing)").await;
    // One that ends while somebody should be alarmed says so by its exit code, also where it looks once.
    ends_at_once(&four, "jailed").await;
    four.unjail().await;
    watching.shows(" new (was jailed)").await;
    ends_at_once(&four, "new").await;
    four.mine(15).await;
    watching.shows(" ok (was new)").await;
    until("the commands", async || (lines(&file).len() >= 4).then_some(())).await;
    // Another commission is a line, and no change of state.
    let mut command = program::diemd(four.home.path(), &url);
    command.args(["tx", "edit-validator", "--commission", "4.5%", "--from", "watched", "--yes"]);
    program::run(command, "").await.ok();
    watching.shows("4.5% from day").await;
    // More looks change nothing.
    four.mine(3).await;
    let height = four.node.app.info().height.to_string();
    let again = Watching::piped(four.watch(&url, &[]));
    again.shows(&height).await;
    assert_eq!(again.end().await.0, Some(0));
    let (code, written) = watching.end().await;
    assert_eq!(code, Some(0), "{written}");
    let changes = ["ok missing known", "missing jailed known", "jailed new known", "new ok known"];
    assert_eq!(lines(&file), changes, "{written}");
    assert!(!written.contains('\x1b'), "{written:?}");
    assert!(written.lines().all(|line| line.contains("missed ") && line.contains("commission ")), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_is_an_alarm_that_ends_when_it_is_back() {
    let (folder, ports) = (tempfile::tempdir().unwrap(), Ports::claim());
    let home = instant_home(folder.path(), &ports);
    let file = folder.path().join("changes");
    let node = Single::start(&home, &["--block-time", "200ms"]);
    // Before the second block nobody has signed one.
    reach(&node.client(), 3).await;
    let operator = node.client().validators().await.unwrap().answer.items[0].operator.to_string();
    // The URL is that of the home's node. A command that does not end is killed with the watch, and what it started too.
    let exec = format!("echo $VALIDATOR_WAS $VALIDATOR_STATE >> {}; sleep 1{}", file.display(), std::process::id());
    let watch = |more: &[&str]| {
        let mut command = process::diemd();
        command.args(["validator", "watch", &operator, "--home"]).arg(&home).args(more).stdin(Stdio::null());
        command
    };
    let watching = Watching::piped(watch(&["--exec", &exec]));
    watching.shows(" ok at height ").await;
    node.kill();
    watching.shows(" down (was ok)").await;
    until("the command", async || (lines(&file) == ["ok down"]).then_some(())).await;
    let once = watch(&["--once"]).output().unwrap();
    assert_eq!(once.status.code(), Some(1), "{once:?}");
    assert!(String::from_utf8_lossy(&once.stdout).contains("down (was ok): no node answers at"), "{once:?}");
    // The command of before still runs, and the watch goes on all the same.
    let node = Single::start(&home, &[]);
    watching.shows(" ok (was down)").await;
    let sleeper = format!("sleep 1{}", std::process::id());
    let sleepers = || process::processes_of(Path::new(&sleeper.replace(' ', "\0")));
    assert!(!sleepers().is_empty());
    let (code, written) = watching.end().await;
    assert_eq!(code, Some(0), "{written}");
    until("the end of the command", async || sleepers().is_empty().then_some(())).await;
    // The second change has waited for the first command, unless that was killed because it took too long.
    assert_eq!(lines(&file)[0], "ok down");
    assert!(lines(&file).len() <= 2, "{:?}", lines(&file));
    // At the usual level the log has a line every ten seconds, and none for a block.
    let log = || fs::read_to_string(home.join("node.log")).unwrap();
    until("a line of the log", async || log().contains("in step with the chain").then_some(())).await;
    assert!(!log().contains("committed"), "{}", log());
    assert!(node.stop().success());
}

/// What a terminal shows that knows the few codes which a watch uses.
fn shown(written: &str, columns: usize) -> Vec<String> {
    let (mut screen, mut row, mut column) = (vec![Vec::<char>::new()], 0_usize, 0_usize);
    let mut rest = written.chars();
    while let Some(next) = rest.next() {
        match next {
            '\r' => column = 0,
            '\n' => (row, column) = (row + 1, column),
            '\x1b' => {
                assert_eq!(rest.next(), Some('['));
                let code = code(&mut rest);
                match code.strip_suffix('A') {
                    Some(up) => row -= up.parse::<usize>().unwrap(),
                    None if code == "J" => {
                        screen.truncate(row + 1);
                        screen[row].truncate(column);
                    }
                    None => assert!(code.ends_with('m') || code.starts_with("?25"), "{code:?}"),
                }
            }
            letter => {
                while screen.len() <= row {
                    screen.push(Vec::new());
                }
                let length = column.max(screen[row].len());
                screen[row].resize(length, ' ');
                match screen[row].get_mut(column) {
                    Some(place) => *place = letter,
                    None => screen[row].push(letter),
                }
                column += 1;
                assert!(column <= columns, "wider than {columns}: {}", screen[row].iter().collect::<String>());
            }
        }
        while screen.len() <= row {
            screen.push(Vec::new());
        }
    }
    screen.into_iter().map(|line| line.into_iter().collect()).collect()
}

/// The letters of a code up to the one that ends it.
fn code(letters: &mut impl Iterator<Item = char>) -> String {
    let mut code = String::new();
    while !code.ends_with(|last: char| last.is_ascii_alphabetic()) {
        code.push(letters.next().unwrap());
    }
    code
}

fn with_term(mut command: Command, environment: &[(&str, &str)]) -> Command {
    command.env("TERM", "xterm").envs(environment.iter().copied());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_gets_one_picture_that_is_drawn_over() {
    let four = Four::start().await;
    let url = four.node.url();
    // A name that no chain takes comes from a node that lies.
    let name = "x\x1b[31m\u{202e}\nok since";
    let lying = Proxy::before(&url, move |path, answer| {
        if path.starts_with("/v1/validators/") && answer.get("moniker").is_some() {
            answer["moniker"] = name.into();
        }
    })
    .await;
    for (columns, rows) in [(80, 40), (50, 60)] {
        let watching = Watching::on_terminal(with_term(four.watch(&lying.url, &[]), &[]), columns, rows);
        watching.shows("Ctrl-C ends the watch").await;
        let height = four.node.app.info().height;
        four.miss(1).await;
        four.mine(2).await;
        watching.shows("missing since").await;
        watching.shows(&format!("to {}: ", height + 2)).await;
        let (code, written) = watching.end().await;
        assert_eq!(code, Some(1), "{written}");
        // The cursor is hidden once, and is back at the end.
        assert_eq!((written.matches("\x1b[?25l").count(), written.matches("\x1b[?25h").count()), (1, 1), "{written:?}");
        assert!(written.rfind("\x1b[?25h") > written.rfind("Ctrl-C ends the watch"), "{written:?}");
        let screen = shown(&written, columns.into());
        let count = |words: &str| screen.iter().filter(|line| line.contains(words)).count();
        assert_eq!(
            (count("Ctrl-C ends the watch"), count("missing since"), count("ok since")),
            (1, 1, 1),
            "{screen:#?}"
        );
        assert_eq!(count(r"\u{1b}[31m"), 1, "{screen:#?}");
        let marks: String =
            screen.iter().filter(|line| line.starts_with(['.', 'X'])).flat_map(|line| line.chars()).collect();
        let marks = marks.replace(' ', "");
        assert!(marks.len() >= 30 && marks.ends_with("X.."), "{screen:#?}");
        // It signs again, for the next round.
        four.mine(12).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_cannot_draw_or_should_not_gets_lines() {
    let four = Four::start().await;
    let url = four.node.url();
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let watching = Watching::on_terminal(with_term(four.watch(&url, &[]), &[environment]), 80, 24);
        watching.shows(" ok at height ").await;
        let (code, written) = watching.end().await;
        assert_eq!((code, written.contains('\x1b')), (Some(0), false), "{written:?}");
        assert_eq!(written.lines().count(), 1, "{written:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_whose_lines_cannot_be_written_says_so_and_runs_its_command_all_the_same() {
    let four = Four::start().await;
    let (url, file) = (four.node.url(), four.home.path().join("changes"));
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let (said, heard) = (four.home.path().join("said"), || fs::read_to_string(four.home.path().join("said")).unwrap());
    let start = |more: &[&str], stdout: Stdio| {
        let stderr = File::create(&said).unwrap();
        Ended(four.watch(&url, more).stdout(stdout).stderr(stderr).spawn().unwrap())
    };
    let unwritten = "the watch cannot be written to standard output: No space left on device";
    // One that only shows is of no use then; whoever has read enough and goes is no failure.
    for more in [&[][..], &["--once"], &["--output", "json"]] {
        let code = wait(&mut start(more, full().into()).0).code();
        assert!(code == Some(1) && heard().contains(unwritten), "{more:?}: {code:?} {}", heard());
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!((wait(&mut start(&[], writer.into()).0).code(), heard().as_str()), (Some(0), ""));
    // One that alarms somebody goes on.
    let mut watching = start(&["--exec", &format!("echo $VALIDATOR_STATE >> {}", file.display())], full().into());
    until("the sentence", async || heard().contains(unwritten).then_some(())).await;
    four.miss(2).await;
    four.mine(1).await;
    until("the command", async || (lines(&file) == ["missing"]).then_some(())).await;
    signal(watching.0.id(), Signal::INT);
    assert_eq!(wait(&mut watching.0).code(), Some(1));
    assert!(heard().contains("the command still runs at each change"), "{}", heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_cannot_begin_says_why() {
    let four = Four::start().await;
    for (words, sentence) in
        [(["validator", "watch", "nobody"], "`nobody` is neither"), (["validator", "watch", "bob"], "no validator")]
    {
        let mut command = program::diemd(four.home.path(), &four.node.url());
        command.args(words);
        let ran = program::run(command, "").await;
        assert!(ran.code != 0 && ran.stderr.contains(sentence), "{}", ran.stderr);
    }
}
