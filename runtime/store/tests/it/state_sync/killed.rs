//! A taking or a restore that is killed before or after any of its writes: the next start begins anew, or has it all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use diem_store::state_sync::{Shelf, verify};
use diem_store::{Options, Store, WritePoint};

use super::{HEIGHT, Home, TIME_MS, assert_same};

/// The home of the child, and the number of the moment at which it dies.
const HOME: &str = "DIEM_RESTORE_TEST_HOME";
const MOMENT: &str = "DIEM_RESTORE_TEST_MOMENT";

const RESTORES: &str = "state_sync::killed::child_restores_until_it_dies";
const TAKES: &str = "state_sync::killed::child_takes_until_it_dies";

static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);

fn die(_: WritePoint) {
    if LEFT.fetch_sub(1, SeqCst) == 0 {
        std::process::abort();
    }
}

/// Runs a child in this folder that dies at this moment; returns whether it came to its end before.
fn is_over(child: &str, home: &Path, moment: u64) -> bool {
    let output = Command::new("sh")
        .args(["-c", "ulimit -c 0; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", child])
        .env(HOME, home)
        .env(MOMENT, moment.to_string())
        .output()
        .unwrap();
    let is_over = output.status.success();
    assert!(is_over || moment < 100, "{}", String::from_utf8_lossy(&output.stderr));
    is_over
}

/// The folder that the parent gave, and from here on the writes are counted.
fn given() -> Option<PathBuf> {
    let path = std::env::var_os(HOME).map(PathBuf::from)?;
    LEFT.store(std::env::var(MOMENT).unwrap().parse().unwrap(), SeqCst);
    Some(path)
}

#[test]
fn killed_at_every_write_the_next_start_begins_anew_or_has_it_all() {
    let original = Home::with_rows(300);
    let taken = original.take(100);
    assert_eq!(taken.manifest.depth(), 2);
    let (mut empty, mut whole) = (0, 0);
    for moment in 0.. {
        let home = tempfile::tempdir().unwrap();
        let is_over = is_over(RESTORES, home.path(), moment);
        let store = Store::open(home.path(), Options::default()).unwrap();
        let restored = Home { store, folder: home };
        if restored.store.meta().is_some() {
            assert_same(&original.store, &restored.store);
            assert_same(&original.store, &restored.reopen().store);
            whole += 1;
        } else {
            let restored = restored.assert_nothing_is_left();
            taken.restore_into(&restored);
            assert_same(&original.store, &restored.store);
            empty += 1;
        }
        if is_over {
            break;
        }
    }
    // The note, four chunks, one file, the database, the meta row: before and after each. The last of all is whole.
    assert_eq!((empty, whole), (15, 2));
}

#[test]
#[ignore = "run by the other test in a process of its own"]
fn child_restores_until_it_dies() {
    let taken = Home::with_rows(300).take(100);
    let Some(path) = given() else { return };
    let store = Store::open(&path, Options { on_write: Some(die), ..Options::default() }).unwrap();
    let mut restore = store.restore(taken.manifest.clone(), vec![]).unwrap();
    taken.apply_all(&mut restore);
    store.adopt(restore, TIME_MS, super::APP_VERSION).unwrap();
}

#[test]
fn a_taking_that_is_killed_at_every_write_left_nothing_or_all_of_a_snapshot() {
    let home = Home::with_rows(300);
    let expected = home.take(100).manifest;
    assert_eq!(expected.depth(), 2);
    let (mut nothing, mut whole) = (0, 0);
    for moment in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshots");
        let is_over = is_over(TAKES, &path, moment);
        let shelf = Shelf::open(&path, 100).unwrap();
        if shelf.heights().unwrap().is_empty() {
            assert!(fs::read_dir(&path).map_or(true, |mut left| left.next().is_none()), "moment {moment}");
            assert_eq!(shelf.take(&home.store.latest(), &AtomicBool::new(false)).unwrap(), expected);
            nothing += 1;
        } else {
            whole += 1;
        }
        assert_eq!(shelf.heights().unwrap(), [HEIGHT]);
        assert_eq!(verify(&shelf.folder(HEIGHT)).unwrap(), expected, "moment {moment}");
        if is_over {
            break;
        }
    }
    // The folder, the rows of four chunks, these packed and removed, the manifest with a sync before and after, the name
    // and its sync: before and after each. From the name on it is whole.
    assert_eq!((nothing, whole), (33, 4));
}

#[test]
#[ignore = "run by the other test in a process of its own"]
fn child_takes_until_it_dies() {
    let home = Home::with_rows(300);
    let Some(path) = given() else { return };
    let shelf = Shelf::open(&path, 100).unwrap().telling(Some(die));
    shelf.take(&home.store.latest(), &AtomicBool::new(false)).unwrap();
}
