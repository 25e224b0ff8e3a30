//! The player of the demo: it runs commands as a person would, and shows them.

use std::{
    io::IsTerminal as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::anyhow;
use diem_cli::{
    Exit, Failure,
    common::{Common, DEFAULT_NODE, block_on},
    failure::failed,
    layout,
    output::width,
};
use diem_client::Client;
use diem_core::{Amount, Time};
use diem_host::{home::private_folder, outlet};
use serde_json::Value;

/// The time without a block after which the chain counts as one that makes them on demand only.
const STANDSTILL: Duration = Duration::from_secs(3);
/// The indent of the commands of a step and their output.
const INDENT: &str = "    ";
/// The longest wait of the demo.
const LONGEST: Duration = Duration::from_secs(300);

/// A player, which runs and shows commands.
pub(super) struct Player {
    program: PathBuf,
    client: Client,
    /// The options `--node` and `--home`, where they are not the defaults.
    place: Vec<String>,
    started: Instant,
    steps: u32,
    /// The folder of files that commands hand to each other.
    folder: PathBuf,
    /// Whether the chain's clock can be moved.
    can_warp: bool,
}

impl Player {
    /// Makes a player; `can_warp` says that the node has the development engine, whose clock can be moved.
    pub(super) fn new(common: &Common, can_warp: bool) -> Result<Self, Failure> {
        let mut place = Vec::new();
        if common.node != DEFAULT_NODE {
            place.extend(["--node".into(), common.node.clone()]);
        }
        if let Some(home) = &common.home {
            place.extend(["--home".into(), home.display().to_string()]);
        }
        let program = std::env::current_exe().map_err(failed)?;
        let folder = common.home().root().join("demo");
        private_folder(&folder).map_err(failed)?;
        let client = common.client()?;
        Ok(Self { program, client, place, started: Instant::now(), steps: 0, folder, can_warp })
    }

    /// Shows a text before the first act.
    pub(super) fn say(&self, words: &str) {
        print(&layout::wrapped(words, width()));
    }

    /// The path of a file of the demo.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Shows the title of the next act.
    pub(super) fn act(&self, title: &str) {
        print(&format!("\n== {title} =="));
    }

    /// Shows what a step is about.
    pub(super) fn step(&mut self, words: &str) {
        self.steps = self.steps.saturating_add(1);
        // The number stands before the words, also where these take two lines.
        let step = vec![format!("{:>2}", self.steps), words.to_owned()];
        print(&format!("\n{}", layout::named(&[step], width())));
    }

    /// Shows the result of a step.
    pub(super) fn result(&self, words: &str) {
        let room = width().map(|width| width.saturating_sub(INDENT.len()));
        for line in layout::wrapped(words, room).lines() {
            print(format!("{INDENT}{line}").trim_end());
        }
    }

    /// Sends a transaction; returns the block's answer.
    pub(super) fn tx(&self, args: &[&str]) -> Result<Value, Failure> {
        let args = [args, &["--yes"]].concat();
        self.show(&args);
        let answer = self.run(&[&args[..], &["--output", "json"]].concat())?;
        let answer: Value = serde_json::from_str(&answer).map_err(failed)?;
        let height = answer.pointer("/tx/height").and_then(Value::as_u64).unwrap_or_default();
        let fee = answer.pointer("/tx/result/fee/display").and_then(Value::as_str).unwrap_or("?");
        self.result(&format!("in block {height}, for a fee of {fee}"));
        Ok(answer)
    }

    /// Runs a command and shows what it prints.
    pub(super) fn see(&self, args: &[&str]) -> Result<(), Failure> {
        self.show(args);
        let text = self.run(args)?;
        self.result(text.trim_end());
        Ok(())
    }

    fn show(&self, args: &[&str]) {
        let words = args.iter().copied().chain(self.place.iter().map(String::as_str)).map(quoted);
        let words: Vec<String> = ["$", "diemd"].map(String::from).into_iter().chain(words).collect();
        print(&layout::command(&words, INDENT, width()));
    }

    fn run(&self, args: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.args(args).args(&self.place).stdin(Stdio::null());
        if let Some(width) = width() {
            // Its output is indented, so that its width is smaller.
            command.env("COLUMNS", width.saturating_sub(INDENT.len()).to_string());
        }
        let output = command.output().map_err(failed)?;
        if output.status.success() {
            return String::from_utf8(output.stdout).map_err(failed);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().last().unwrap_or("it said nothing").trim_start_matches("diemd: ").to_owned();
        Err(Failure { exit: Exit::Failed, error: anyhow!("step {} failed: {why}", self.steps) })
    }

    /// Waits until enough is left of a day for the steps that belong to one; returns the day. On a chain whose days are
    /// too long to wait for, any moment is good enough.
    pub(super) fn fresh_day(&mut self, needed: Duration, patience: Duration) -> Result<u64, Failure> {
        let clock = self.clock()?;
        if clock.left >= needed || clock.length > patience {
            return Ok(clock.day);
        }
        self.step("The day is almost over; the next one is long enough for what follows");
        self.wait("the day closes", clock.closes_at, async |client| {
            Ok(client.today(None).await?.answer.day > clock.day)
        })?;
        Ok(self.clock()?.day)
    }

    /// Waits until a day is settled; `false` if that is further away than `patience`.
    pub(super) fn wait_for_settlement(&mut self, day: u64, patience: Duration) -> Result<bool, Failure> {
        let clock = self.clock()?;
        if clock.left > patience {
            return Ok(false);
        }
        self.step(&format!("Day {day} closes; a grace later, when the last vouchers are in, it is settled"));
        let closed = async |client: &Client| Ok(client.day(day, None).await?.answer.closed_at.is_some());
        self.wait("the day closes", clock.closes_at, closed)?;
        let settled = async |client: &Client| Ok(client.day(day, None).await?.answer.settled_at.is_some());
        // A day that is settled already has no such moment any more.
        let today = block_on(async { Ok(self.client.today(None).await?) })?;
        let after = today.answer.settles_after.map_or(today.time, |moment| moment.time);
        self.wait("the day is settled", after, settled)?;
        Ok(true)
    }

    fn clock(&self) -> Result<Clock, Failure> {
        let today = block_on(async { Ok(self.client.today(None).await?) })?;
        let until =
            |from: Time| Duration::from_millis(today.answer.closes_at.time.millis().saturating_sub(from.millis()));
        Ok(Clock {
            day: today.answer.day,
            length: until(today.answer.opened_at.time),
            left: until(today.time),
            closes_at: today.answer.closes_at.time,
        })
    }

    /// Waits for an event that comes some time after `moment` of the chain's clock, and counts down to it. The
    /// development engine moves its clock there instead; where blocks are made on demand, small payments make them.
    fn wait(
        &self,
        what: &str,
        moment: Time,
        done: impl AsyncFn(&Client) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let mut last = (0, Instant::now());
        let countdown = Countdown::new(what, moment);
        if self.can_warp {
            self.result("the development engine moves its clock there");
            block_on(async { Ok(self.client.warp_to(Time(moment.millis().saturating_add(1))).await?) })?;
        }
        while !block_on(done(&self.client))? {
            let head = block_on(async { Ok(self.client.status().await?) })?.latest;
            let height = head.as_ref().map_or(0, |head| head.height);
            countdown.draw(head.map(|head| head.time));
            if height != last.0 {
                last = (height, Instant::now());
            } else if last.1.elapsed() > STANDSTILL {
                self.run(&["tx", "transfer", "bob", "1avvv", "--from", "bob", "--yes"])?;
            }
            if started.elapsed() > LONGEST {
                return Err(failed(anyhow!("nothing happened for {} s at height {height}", LONGEST.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        Ok(())
    }

    /// Shows the end of the play.
    pub(super) fn end(&self) {
        print(&format!("\n{} steps in {} s.", self.steps, self.started.elapsed().as_secs()));
    }
}

/// The chain's clock and the day that it is in.
struct Clock {
    day: u64,
    length: Duration,
    left: Duration,
    closes_at: Time,
}

/// A countdown line, shown on a terminal only and cleared when the wait is over.
struct Countdown<'a> {
    what: &'a str,
    moment: Time,
    terminal: bool,
}

impl<'a> Countdown<'a> {
    fn new(what: &'a str, moment: Time) -> Self {
        Self { what, moment, terminal: std::io::stdout().is_terminal() }
    }

    fn draw(&self, now: Option<Time>) {
        let left = now.map_or(0, |now| self.moment.millis().saturating_sub(now.millis())).div_ceil(1_000);
        let text = if left > 0 { format!("{} in {left} s", self.what) } else { format!("{} now", self.what) };
        self.write(&format!("{INDENT}{text}"));
    }

    fn write(&self, text: &str) {
        if self.terminal {
            outlet::out(&format!("\r\x1b[2K{text}"));
        }
    }
}

impl Drop for Countdown<'_> {
    fn drop(&mut self) {
        self.write("");
    }
}

/// Quotes a word that a shell would split: `'one image'`.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,".contains(c));
    if plain { word.into() } else { format!("'{word}'") }
}

/// Finds the event of a module in an answer of `tx`.
pub(super) fn event(answer: &Value, module: &str, kind: &str) -> Result<Value, Failure> {
    let events = answer.pointer("/tx/result/events").and_then(Value::as_array);
    let is_it = |event: &&Value| event["module"] == module && event["event"]["type"] == kind;
    let found = events.and_then(|events| events.iter().find(is_it));
    found.map(|event| event["event"].clone()).ok_or_else(|| failed(anyhow!("the block reports no {module} {kind}")))
}

/// Reads a field that holds base units.
pub(super) fn units(value: &Value, field: &str) -> Result<Amount, Failure> {
    let units = value[field]["amount"].as_str().and_then(|text| text.parse().ok());
    units.map(Amount::new).ok_or_else(|| failed(anyhow!("the block reports no {field}")))
}

fn print(line: &str) {
    outlet::out(&format!("{line}\n"));
}
