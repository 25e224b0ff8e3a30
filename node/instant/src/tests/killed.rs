//! An engine that is killed before or after a write goes on with what was written last.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::AtomicU8,
};

use diem_store::WritePoint;

use super::*;

/// The write point at which the "process" ends: 0 is none, 1 before the write, 2 after it.
static CRASH: AtomicU8 = AtomicU8::new(0);

fn crash(point: WritePoint) {
    let wanted = match point {
        WritePoint::Before => 1,
        WritePoint::After => 2,
    };
    if CRASH.load(Ordering::SeqCst) == wanted {
        panic!("the test ends the process here");
    }
}

#[test]
fn whatever_was_written_last_is_where_a_killed_engine_goes_on() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let mut options = options();
        options.store.on_write = Some(crash);
        rig.try_open(App::open(folder.path(), options).unwrap()).unwrap()
    };
    let mut nonce = 0;
    for (round, point) in [1u8, 2, 1, 2].into_iter().enumerate() {
        let mut producer = open();
        let (height, root) = (producer.height(), producer.app().info().root);
        submit(&mut producer, rig.transfer(0, nonce, 1, 1)).unwrap();
        CRASH.store(point, Ordering::SeqCst);
        let died = catch_unwind(AssertUnwindSafe(|| producer.make_block(true))).is_err();
        CRASH.store(0, Ordering::SeqCst);
        assert!(died);
        drop(producer);
        let producer = open();
        let written = u64::from(point == 2);
        assert_eq!(producer.height(), height + written, "round {round}");
        assert_eq!(producer.app().info().root == root, written == 0);
        nonce += written;
        producer.app().check_invariants().unwrap();
    }
    // A kill in the middle of a revert leaves a height in between, which is as good as any.
    let mut producer = open();
    let (id, height) = producer.snapshot();
    for _ in 0..3 {
        producer.make_block(true).unwrap();
    }
    CRASH.store(2, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| producer.revert(id))).is_err());
    CRASH.store(0, Ordering::SeqCst);
    drop(producer);
    let mut producer = open();
    assert_eq!(producer.height(), height + 2);
    producer.make_block(true).unwrap();
}
