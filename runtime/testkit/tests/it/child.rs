//! The process that is killed: this test binary once more, told by its environment what to do.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU8, Ordering::SeqCst},
};

use diem_runtime::{App, Options};
use diem_store::WritePoint;

/// A history of blocks that a child lives and its parent knows: the height alone decides what is in a block.
pub(crate) trait History {
    /// The test in which a child does its task, as the harness names it.
    const CHILD: &'static str;

    /// The history before its first block.
    fn new() -> Self;

    /// Starts the chain if it has not started, as consensus would.
    fn start(&self, app: &App);

    /// Finalizes the next block; gives back its root.
    fn finalize(&self, app: &App) -> [u8; 32];

    /// Compares an application with this history, goes on a little, and says at which height it was.
    fn check_and_go_on(app: &App) -> u64;
}

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

/// A command that runs `task` of a history; `wrapper` is a command that runs its arguments, or empty.
pub(crate) fn command<H: History>(task: &Task, wrapper: &[&str]) -> Command {
    let me = std::env::current_exe().unwrap();
    let mut words: Vec<&str> = wrapper.to_vec();
    words.extend([me.to_str().unwrap(), "--exact", H::CHILD, "--nocapture", "--test-threads=1"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env(VARIABLE, serde_json::to_string(task).unwrap());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
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

/// Does the task of this process, if it is a child.
pub(crate) fn do_task<H: History>() {
    let Ok(task) = std::env::var(VARIABLE) else { return };
    run::<H>(&serde_json::from_str(&task).unwrap());
}

fn run<H: History>(task: &Task) {
    let app = App::open(Path::new(&task.home), options()).unwrap_or_else(|error| panic!("{error}"));
    if task.only_check {
        let height = H::check_and_go_on(&app);
        return say(&format!("height {height}"));
    }
    let history = H::new();
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

fn block(app: &App, history: &impl History, task: &Task) {
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
