//! A day is closed, settled and paid exactly once: when the node is killed in the block that does it, and when the
//! chain stands still for three days with vouchers outstanding.

mod halt;
mod history;
mod scene;

use std::{os::unix::process::ExitStatusExt, path::Path};

use diem_runtime::App;
use history::{CLOSE, History, LAST, Reference, SETTLE};
use tempfile::TempDir;

use crate::child::{self, Point, Task, command, height_in, options};

const SIGKILL: i32 = 9;

#[test]
fn a_child_does_its_task() {
    child::do_task::<History>();
}

/// Runs a node until it kills itself; returns the last height that it reported.
fn killed(home: &Path, point: Point, height: u64) -> u64 {
    let output = command::<History>(&Task::new(home, point, height), &[]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(SIGKILL), "{point:?} of {height}: {words}");
    String::from_utf8_lossy(&output.stdout).lines().filter_map(height_in).next_back().unwrap_or(0)
}

#[test]
fn killed_in_the_block_that_closes_or_settles_a_day_it_does_so_once() {
    for height in [CLOSE, SETTLE] {
        for point in Point::OF_A_BLOCK {
            let home = TempDir::new().unwrap();
            assert_eq!(killed(home.path(), point, height), height - 1);
            let app = App::open(home.path(), options()).unwrap_or_else(|error| panic!("{error}"));
            let written = matches!(point, Point::AfterWrite | Point::AfterCommit);
            assert_eq!(app.info().height, if written { height } else { height - 1 }, "{point:?} of {height}");
            let mut reference = Reference::new();
            while app.info().height < LAST {
                reference.check_and_go_on(&app);
            }
            history::assert_settled_once(&app);
        }
    }
}
