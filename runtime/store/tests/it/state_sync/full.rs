//! A disk that fills in the middle of a taking, after there was room enough when it began.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use diem_store::state_sync::{Shelf, TakeError, verify};
use diem_store::{Options, Store};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{HEIGHT, commit, key, value, write_set};

/// The folder of the child.
const HOME: &str = "DIEM_FULL_TEST_HOME";

/// A limit of the size of files fails writes the way a full disk does. It holds for a whole process, so a child has it.
#[test]
fn a_disk_that_fills_while_a_snapshot_is_taken_leaves_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 8; exec \"$0\" \"$@\" | cat"])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "state_sync::full::child_takes_without_room"])
        .env(HOME, home.path())
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(said.contains("no space left for") && said.contains("taken afterwards"), "{said}");
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_takes_without_room() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else { return };
    let store = Store::in_memory(Options::default());
    commit(&store, HEIGHT, write_set((0..3_000).map(|n| (key(n), Some(value(n))))));
    let shelf = Shelf::open(&home, 1_000).unwrap();
    let take = || shelf.take(&store.latest(), &AtomicBool::new(false));
    let Err(TakeError::Store(error)) = take() else { panic!("the chunks are larger than a file may be") };
    println!("{error}");
    assert_eq!((shelf.heights().unwrap(), fs::read_dir(&home).unwrap().count()), (vec![], 0));
    setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    let taken = take().unwrap();
    assert_eq!(verify(&shelf.folder(HEIGHT)).unwrap(), taken);
    println!("taken afterwards");
}
