//! Opening what another process uses, what is damaged, what cannot be written, and what a crash left behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use diem_core::storage::{Key, StateRead, Value};
use diem_overlay::WriteSet;
use diem_store::{IndexOp, Options, Store, StoreError, WritePoint};

/// The home of a child process; without it the tests that are children do nothing.
const HOME: &str = "DIEM_STORE_TEST_HOME";

fn rows(height: u64) -> WriteSet {
    let value = height.to_be_bytes().repeat(20);
    (0..100u8).map(|n| (Key::from_slice(&[1, 1, n]), Some(Value::from_slice(&value)))).collect()
}

fn commit(store: &Store, height: u64) -> Result<[u8; 32], StoreError> {
    let index = vec![IndexOp::Put { key: Key::from_slice(&height.to_be_bytes()), value: vec![1; 20_000] }];
    store.commit(store.stage(rows(height)).unwrap(), height, 0, 0, index).map(|snapshot| snapshot.root())
}

/// Runs one of the ignored tests below in a process of its own, with a shell's help if `prelude` is given.
fn child(test: &str, home: &Path, prelude: &str) -> Output {
    let exe = std::env::current_exe().unwrap();
    Command::new("sh")
        .args(["-c", &format!("{prelude} exec \"$0\" \"$@\"")])
        .arg(exe)
        .args(["--ignored", "--exact", "--nocapture", &format!("opening::{test}")])
        .env(HOME, home)
        .output()
        .unwrap()
}

fn home() -> Option<PathBuf> {
    std::env::var_os(HOME).map(PathBuf::from)
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

#[test]
fn rows_between_two_blocks_are_kept_and_change_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), Options::default()).unwrap();
    let key = Key::from_slice(b"between");
    let put = |value: &[u8]| [IndexOp::Put { key: key.clone(), value: value.to_vec() }];
    assert!(matches!(store.write_index(&put(b"early")), Err(StoreError::NoBlock)));
    let root = commit(&store, 7).unwrap();
    let before = store.latest();
    store.write_index(&put(b"one")).unwrap();
    assert_eq!((store.index_get(&key), before.index_get(&key)), (Some(b"one".to_vec()), None));
    assert_eq!((store.latest().height(), store.latest().root()), (7, root));
    commit(&store, 8).unwrap();
    store.rollback(Vec::new()).unwrap();
    store.write_index(&put(b"two")).unwrap();
    drop((store, before));
    let store = Store::open(home.path(), Options::default()).unwrap();
    assert_eq!(store.index_get(&key), Some(b"two".to_vec()));
    assert_eq!((store.latest().height(), store.latest().root()), (7, root));
    commit(&store, 8).unwrap();
}

#[test]
fn one_folder_belongs_to_one_process() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), Options::default()).unwrap();
    let error = Store::open(home.path(), Options::default()).err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    let output = child("child_opens", home.path(), "");
    assert!(said(&output).contains("in use by another process"), "{}", said(&output));
    drop(store);
    let output = child("child_opens", home.path(), "");
    assert!(said(&output).contains("opened at None"), "{}", said(&output));
}

#[test]
#[ignore = "run by other tests in a process of its own"]
fn child_opens() {
    let Some(home) = home() else { return };
    match Store::open(&home, Options::default()) {
        Ok(store) => println!("opened at {:?}", store.meta().map(|meta| meta.height)),
        Err(error) => println!("{error}"),
    }
}

#[test]
fn rows_that_do_not_match_their_root_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), Options::default()).unwrap();
    commit(&store, 1).unwrap();
    drop(store);
    let families = ["default", "state", "undo", "index"];
    let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), home.path().join("rows"), families).unwrap();
    db.delete_cf(db.cf_handle("state").unwrap(), [1, 1, 50]).unwrap();
    drop(db);
    let error = Store::open(home.path(), Options::default()).err().unwrap();
    assert!(matches!(error, StoreError::RootMismatch { height: 1, .. }), "{error}");
    assert!(error.to_string().contains("restore a snapshot"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("store"), Options::default()).err().unwrap();
    assert!(error.to_string().contains("file/store"), "{error}");
}

#[test]
fn a_damaged_file_is_told() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), Options::default()).unwrap();
    commit(&store, 1).unwrap();
    drop(store);
    std::fs::write(home.path().join("rows/CURRENT"), "nonsense").unwrap();
    let error = Store::open(home.path(), Options::default()).err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

/// A file size limit fails writes the way a full disk does; the process must survive and say so.
#[test]
fn a_full_disk_poisons_the_store_with_a_clear_error() {
    let home = tempfile::tempdir().unwrap();
    let output = child("child_fills_the_disk", home.path(), "trap '' XFSZ; ulimit -f 4000;");
    let said = said(&output);
    assert!(said.contains("no space left for"), "{said}");
    assert!(said.contains("then: an earlier write failed; restart the node"), "{said}");
    // With space again the store opens at the last height that was answered.
    let last: u64 = said.split("last ").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let store = Store::open(home.path(), Options::default()).unwrap();
    assert_eq!(store.meta().unwrap().height, last);
    commit(&store, last + 1).unwrap();
}

#[test]
#[ignore = "run by other tests in a process of its own"]
fn child_fills_the_disk() {
    let Some(home) = home() else { return };
    let store = Store::open(&home, Options::default()).unwrap();
    for height in 1..=1000 {
        if let Err(error) = commit(&store, height) {
            let again = commit(&store, height).err().unwrap();
            println!("last {} first: {error} then: {again}", height - 1);
            assert_eq!(store.latest().height(), height - 1);
            assert_eq!(store.latest().get(&[1, 1, 1]).unwrap()[..8], (height - 1).to_be_bytes());
            return;
        }
    }
    println!("nothing failed");
}

/// Mounting needs a namespace of its own, which some machines do not give.
#[test]
fn a_read_only_disk_is_told() {
    let home = tempfile::tempdir().unwrap();
    let exe = std::env::current_exe().unwrap();
    let mount = "mount -t tmpfs -o ro none \"$DIEM_STORE_TEST_HOME\" || exit 99;";
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", &format!("{mount} exec \"$0\" \"$@\"")])
        .arg(exe)
        .args(["--ignored", "--exact", "--nocapture", "opening::child_opens"])
        .env(HOME, home.path())
        .output();
    match output {
        Ok(output) if output.status.success() => assert!(said(&output).contains("read-only"), "{}", said(&output)),
        _ => println!("skipped: this machine does not let a test mount a read-only disk"),
    }
}

#[test]
fn killed_before_or_after_the_write_the_store_opens_with_the_right_root() {
    let reference = Store::in_memory(Options::default());
    let roots: Vec<[u8; 32]> = (1..=6).map(|height| commit(&reference, height).unwrap()).collect();
    for (test, height) in [("child_dies_before_its_fourth_write", 3), ("child_dies_after_its_fourth_write", 4)] {
        let home = tempfile::tempdir().unwrap();
        let output = child(test, home.path(), "ulimit -c 0;");
        assert!(!output.status.success(), "{}", said(&output));
        let store = Store::open(home.path(), Options::default()).unwrap();
        let meta = store.meta().unwrap();
        assert_eq!((meta.height, meta.root), (height, roots[height as usize - 1]));
        for next in height + 1..=6 {
            assert_eq!(commit(&store, next).unwrap(), roots[next as usize - 1]);
        }
        assert_eq!(store.rollback(vec![]).unwrap().root, roots[4]);
    }
}

static WRITES: AtomicU64 = AtomicU64::new(0);

fn die(point: WritePoint, at: WritePoint) {
    if point == at && WRITES.fetch_add(1, SeqCst) == 3 {
        std::process::abort();
    }
}

fn commit_until_death(on_write: fn(WritePoint)) {
    let Some(home) = home() else { return };
    let store = Store::open(&home, Options { on_write: Some(on_write), ..Options::default() }).unwrap();
    for height in 1..=6 {
        commit(&store, height).unwrap();
    }
}

#[test]
#[ignore = "run by other tests in a process of its own"]
fn child_dies_before_its_fourth_write() {
    commit_until_death(|point| die(point, WritePoint::Before));
}

#[test]
#[ignore = "run by other tests in a process of its own"]
fn child_dies_after_its_fourth_write() {
    commit_until_death(|point| die(point, WritePoint::After));
}
