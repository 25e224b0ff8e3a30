//! The application killed at every write point of a block, at any moment, with a torn log, and with a full disk. Each
//! time it comes back at the height before or after, with the root of an uninterrupted run, and goes on as if nothing
//! had happened.

mod history;

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use diem_runtime::App;
use history::{History, Reference};
use tempfile::TempDir;

use crate::child::{self, Point, Task, command, height_in, options};

const SIGKILL: i32 = 9;

#[test]
fn a_child_does_its_task() {
    child::do_task::<History>();
}

fn run(task: &Task, wrapper: &[&str]) -> Output {
    command::<History>(task, wrapper).output().unwrap()
}

fn reopen(home: &Path) -> App {
    App::open(home, options()).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a child that must be killed by its own hand.
fn run_to_its_death(task: &Task) {
    let output = run(task, &[]);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(SIGKILL), "{task:?}: {words}");
}

#[test]
fn killed_at_every_point_of_a_block_it_comes_back_with_the_same_root() {
    let mut reference = Reference::new();
    // The first block writes genesis too; the seventh drops an undo row.
    for height in [1, 2, 7] {
        for point in Point::OF_A_BLOCK {
            let home = TempDir::new().unwrap();
            run_to_its_death(&Task::new(home.path(), point, height));
            let written = matches!(point, Point::AfterWrite | Point::AfterCommit);
            let found = reference.check_and_go_on(&reopen(home.path()));
            assert_eq!(found, if written { height } else { height - 1 }, "{point:?} of {height}");
        }
    }
}

#[test]
fn killed_while_it_rolls_back_it_has_rolled_back_or_not() {
    let mut reference = Reference::new();
    for (point, expected) in [(Point::BeforeRollbackWrite, 5), (Point::AfterRollbackWrite, 4)] {
        let home = TempDir::new().unwrap();
        run_to_its_death(&Task::new(home.path(), point, 5));
        assert_eq!(reference.check_and_go_on(&reopen(home.path())), expected, "{point:?}");
    }
}

#[test]
fn killed_again_and_again_at_any_moment_it_never_loses_what_it_reported() {
    let home = TempDir::new().unwrap();
    let mut reference = Reference::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut committed = 0;
    for round in 0..25 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(round);
        let (lines, wait) = ((random >> 33) % 6, Duration::from_micros((random >> 40) % 6_000));
        let mut child = command::<History>(&Task::new(home.path(), Point::Never, u64::MAX), &[]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let reported = out.by_ref().filter_map(|line| height_in(&line));
        let reported = reported.take(usize::try_from(lines).unwrap() + 1).last().expect("the child makes blocks");
        std::thread::sleep(wait);
        child.kill().unwrap();
        child.wait().unwrap();
        let reported = out.filter_map(|line| height_in(&line)).last().unwrap_or(reported);
        assert!(reported > committed);
        let found = reference.check_and_go_on(&reopen(home.path()));
        // Between the commit and its report there is a moment.
        assert!((reported..=reported + 1).contains(&found), "reported {reported}, found {found}");
        committed = found + 3;
    }
}

#[test]
fn a_log_torn_anywhere_gives_a_whole_height() {
    let home = TempDir::new().unwrap();
    run_to_its_death(&Task::new(home.path(), Point::AfterCommit, 6));
    let log = newest_log(home.path());
    let bytes = fs::read(home.path().join(&log)).unwrap();
    let mut reference = Reference::new();
    let mut reopen_with = |bytes: &[u8]| {
        let copy = TempDir::new().unwrap();
        copy_folder(home.path(), copy.path());
        fs::write(copy.path().join(&log), bytes).unwrap();
        reference.check_and_go_on(&reopen(copy.path()))
    };
    assert_eq!(reopen_with(&bytes), 6);
    for lost in [1, 10, 100, 5_000] {
        assert_eq!(reopen_with(&bytes[..bytes.len() - lost]), 5, "{lost} bytes lost at the end");
        // A disk may have made the file long and not filled it.
        let mut holed = bytes.clone();
        holed[bytes.len() - lost..].fill(0);
        let expected = if holed == bytes { 6 } else { 5 };
        assert_eq!(reopen_with(&holed), expected, "{lost} bytes of zeros at the end");
    }
    let mut before = 0;
    for part in 0..=24 {
        let height = reopen_with(&bytes[..bytes.len() * part / 24]);
        assert!(height >= before, "more of the log gives less of the chain");
        before = height;
    }
    assert_eq!(before, 6);
}

/// The log that RocksDB writes last, relative to the home.
fn newest_log(home: &Path) -> PathBuf {
    let rows = fs::read_dir(home.join("rows")).unwrap().map(|entry| entry.unwrap().path());
    let logs = rows.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let newest = logs.max().expect("a log");
    newest.strip_prefix(home).unwrap().to_path_buf()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &to);
        } else {
            fs::copy(path, to).unwrap();
        }
    }
}

/// Runs its arguments with a limit on the size of files, in blocks of 512 bytes, and without the signal that would
/// otherwise end the process before it can say why.
const FILE_LIMIT: &str = "trap '' 25; ulimit -f \"$1\"; shift; exec \"$@\"";

fn last_report(output: &Output) -> u64 {
    String::from_utf8_lossy(&output.stdout).lines().filter_map(height_in).next_back().unwrap_or(0)
}

fn assert_says_that_the_disk_is_full(output: &Output) {
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.status.signal().is_none(), "{:?}: {words}", output.status);
    assert!(words.contains("no space left for") && words.contains("then start the node again"), "{words}");
}

#[test]
fn a_file_that_may_not_grow_stops_it_with_a_sentence_and_nothing_is_lost() {
    let home = TempDir::new().unwrap();
    let task = Task::new(home.path(), Point::Never, u64::MAX);
    let output = run(&task, &["sh", "-c", FILE_LIMIT, "sh", "2000"]);
    assert_says_that_the_disk_is_full(&output);
    let reported = last_report(&output);
    assert!(reported > 5, "some blocks fit");
    assert_eq!(Reference::new().check_and_go_on(&reopen(home.path())), reported);
}

#[test]
fn a_home_without_any_room_is_refused_with_a_sentence() {
    let home = TempDir::new().unwrap();
    let task = Task::new(home.path(), Point::Never, 1);
    assert_says_that_the_disk_is_full(&run(&task, &["sh", "-c", FILE_LIMIT, "sh", "0"]));
    assert_eq!(Reference::new().check_and_go_on(&reopen(home.path())), 0);
}

/// Mounts a small file system of its own, runs its arguments there until it is full, makes it larger and runs them
/// again to check. Everything is gone with the process.
const SMALL_DISK: &str = "
home=$1; shift
mount -t tmpfs -o size=4m tmpfs \"$home\" || exit 99
\"$@\" >&2 && exit 98
mount -o remount,size=64m tmpfs \"$home\" || exit 97
DIEM_CRASH_TEST_TASK=$CHECK exec \"$@\"
";

#[test]
fn a_full_disk_stops_it_with_a_sentence_and_nothing_is_lost() {
    let alone = ["unshare", "--user", "--map-root-user", "--mount"];
    let may_mount = std::process::Command::new(alone[0]).args(&alone[1..]).arg("true").output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        return eprintln!("skipped: this machine lets nobody mount a file system of his own");
    }
    let home = TempDir::new().unwrap();
    let task = Task::new(home.path(), Point::Never, u64::MAX);
    let wrapper = [&alone[..], &["sh", "-c", SMALL_DISK, "sh", &task.home]].concat();
    let check = Task { only_check: true, ..Task::new(home.path(), Point::Never, 0) };
    let output =
        command::<History>(&task, &wrapper).env("CHECK", serde_json::to_string(&check).unwrap()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {words}", output.status);
    assert!(words.contains("no space left for"), "{words}");
    let reported = words.lines().filter_map(height_in).next_back().unwrap_or(0);
    assert!(reported > 5, "some blocks fit: {words}");
    assert_eq!(last_report(&output), reported);
}
