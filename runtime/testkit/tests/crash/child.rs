//! The process that is killed: this test binary once more, told by its environment what to do.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU8, Ordering::SeqCst},
};

use diem_runtime::{App, Options};
use diem_store::WritePoint;

use crate::history::{History, Reference};

/// The place at which the child dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Point {
    BeforeFinalize,
    BetweenFinalizeAndCommit,
    BeforeWrite,
    AfterWrite,
    AfterCommit,
    BeforeRollbackWrite,
    AfterRollbackWrite,
    /// The child goes on until something outside ends it.
    Never,
}

impl Point {
    /// The places in the life of a block, in their order.
    pub(crate) const OF_A_BLOCK: [Self; 5] =
        [Self::BeforeFinalize, Self::BetweenFinalizeAndCommit, Self::BeforeWrite, Self::AfterWrite, Self::AfterCommit];
}

/// The task that a child is told.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Task {
    pub(crate) home: String,
    pub(crate) point: Point,
    pub(crate) height: u64,
    /// The child checks instead of running: it opens the home, checks it and goes on a little.
    pub(crate) only_check: bool,
}

impl Task {
    pub(crate) fn new(home: &Path, point: Point, height: u64) -> Self {
        Self { home: home.to_str().unwrap().into(), point, height, only_check: false }
    }
}

const VARIABLE: &str = "DIEM_CRASH_TEST_TASK";

/// A command that runs `task`; `wrapper` is a command that runs its arguments, or empty.
pub(crate) fn command(task: &Task, wrapper: &[&str]) -> Command {
    let me = std::env::current_exe().unwrap();
    let mut words: Vec<&str> = wrapper.to_vec();
    words.extend([me.to_str().unwrap(), "--exact", "a_child_does_its_task", "--nocapture", "--test-threads=1"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env(VARIABLE, serde_json::to_string(task).unwrap());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The task of this process, if it is a child.
pub(crate) fn task() -> Option<Task> {
    std::env::var(VARIABLE).ok().map(|text| serde_json::from_str(&text).unwrap())
}

/// Few heights are kept, so that undo rows are dropped while it runs.
pub(crate) fn options() -> Options {
    let store = diem_store::Options { ring: 3, on_write: Some(on_write), ..diem_store::Options::default() };
    Options { store, ..Options::default() }
}

/// The write point at which this process dies: 0 none, 1 before, 2 after.
static ARMED: AtomicU8 = AtomicU8::new(0);

fn on_write(point: WritePoint) {
    let number = if point == WritePoint::Before { 1 } else { 2 };
    if ARMED.load(SeqCst) == number {
        die();
    }
}

/// Ends this process as a power cut would: no destructor runs, and nothing is flushed.
fn die() {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
    std::process::abort();
}

/// Carries out the task of the child.
pub(crate) fn run(task: &Task) {
    let app = App::open(Path::new(&task.home), options()).unwrap_or_else(|error| panic!("{error}"));
    if task.only_check {
        let height = Reference::new().check_and_go_on(&app);
        return say(&format!("height {height}"));
    }
    let history = History::new();
    history.start(&app);
    while app.info().height < task.height {
        block(&app, &history, task);
        say(&format!("height {}", app.info().height));
    }
    match task.point {
        Point::BeforeRollbackWrite => ARMED.store(1, SeqCst),
        Point::AfterRollbackWrite => ARMED.store(2, SeqCst),
        _ => return,
    }
    app.rollback().unwrap();
}

fn block(app: &App, history: &History, task: &Task) {
    let here = app.info().height + 1 == task.height;
    let die_at = |point| {
        if here && task.point == point {
            die();
        }
    };
    die_at(Point::BeforeFinalize);
    history.finalize(app);
    die_at(Point::BetweenFinalizeAndCommit);
    match task.point {
        Point::BeforeWrite if here => ARMED.store(1, SeqCst),
        Point::AfterWrite if here => ARMED.store(2, SeqCst),
        _ => {}
    }
    app.commit(Vec::new()).unwrap_or_else(|fatal| panic!("{fatal}"));
    die_at(Point::AfterCommit);
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// The height in a line of a child.
pub(crate) fn height_in(line: &str) -> Option<u64> {
    // The harness may leave the start of its own line before ours.
    line.rsplit_once("height ").and_then(|(_, height)| height.trim().parse().ok())
}
