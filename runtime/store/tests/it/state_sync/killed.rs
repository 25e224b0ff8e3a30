//! A restore that is killed before or after any of its writes: the next start begins anew, or has it all.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use diem_store::{Options, Store, WritePoint};

use super::{Home, TIME_MS, assert_same};

/// The home of the child, and the number of the moment at which it dies.
const HOME: &str = "DIEM_RESTORE_TEST_HOME";
const MOMENT: &str = "DIEM_RESTORE_TEST_MOMENT";

const CHILD: &str = "state_sync::killed::child_restores_until_it_dies";

static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);

fn die(_: WritePoint) {
    if LEFT.fetch_sub(1, SeqCst) == 0 {
        std::process::abort();
    }
}

#[test]
fn killed_at_every_write_the_next_start_begins_anew_or_has_it_all() {
    let original = Home::with_rows(300);
    let taken = original.take(100);
    assert_eq!(taken.manifest.depth(), 2);
    let (mut empty, mut whole) = (0, 0);
    for moment in 0.. {
        let home = tempfile::tempdir().unwrap();
        let output = Command::new("sh")
            .args(["-c", "ulimit -c 0; exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", CHILD])
            .env(HOME, home.path())
            .env(MOMENT, moment.to_string())
            .output()
            .unwrap();
        let is_over = output.status.success();
        assert!(is_over || moment < 100, "{}", String::from_utf8_lossy(&output.stderr));
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
    let Some(path) = std::env::var_os(HOME).map(PathBuf::from) else { return };
    let taken = Home::with_rows(300).take(100);
    let store = Store::open(&path, Options { on_write: Some(die), ..Options::default() }).unwrap();
    LEFT.store(std::env::var(MOMENT).unwrap().parse().unwrap(), SeqCst);
    let mut restore = store.restore(taken.manifest.clone(), vec![]).unwrap();
    taken.apply_all(&mut restore);
    store.adopt(restore, TIME_MS, super::APP_VERSION).unwrap();
}
