//! Seeds from a small snapshot, whole and cut, and from bytes that claim too much.

use diem_core::{Key, Value};
use diem_overlay::WriteSet;
use diem_store::{
    Options, Store,
    state_sync::{ROWS_PER_CHUNK, Shelf},
};

use super::{Seed, named};

/// A few rows that stay as they are, whatever becomes of the chain's.
fn rows() -> WriteSet {
    let key = |n: u32| Key::from_vec([&[1, 1][..], &n.to_be_bytes()].concat());
    let value = |n: u32| Value::from_vec(vec![u8::try_from(n % 7 + 1).unwrap(); n as usize % 9 + 1]);
    (0..24).map(|n| (key(n), Some(value(n)))).collect()
}

pub(super) fn all() -> Vec<Seed> {
    let store = Store::in_memory(Options::default());
    let snapshot = store.commit(store.stage(rows()).unwrap(), 7, 7, 1, Vec::new()).unwrap();
    let take = |rows_per_chunk| {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path(), rows_per_chunk).unwrap();
        let manifest = shelf.take(&snapshot, &false.into()).unwrap();
        (manifest.encode(), shelf.chunk(7, 0).unwrap().unwrap())
    };
    let ((whole, chunk), (cut, _)) = (take(ROWS_PER_CHUNK), take(3));
    let manifest = |bytes: &[u8]| [&[0], bytes].concat();
    let only_chunk = |bytes: &[u8]| [&[1], bytes].concat();
    let rows = lz4_flex::block::decompress_size_prepended(&chunk[1..]).unwrap();
    named(
        "state_snapshot",
        vec![
            ("manifest", manifest(&whole)),
            ("manifest-cut", manifest(&cut)),
            ("manifest-too-short", manifest(&cut[..cut.len() - 1])),
            ("chunk", only_chunk(&chunk)),
            ("chunk-plain", only_chunk(&[&[0], &rows[..]].concat())),
            ("chunk-of-another-place", [&[2], &chunk[..]].concat()),
            ("chunk-empty", only_chunk(&[0, 0, 0, 0, 0])),
            ("bomb", only_chunk(&[1, 255, 255, 255, 255, 31, 0, 1, 0, 255, 255, 255])),
            ("nothing", Vec::new()),
        ],
    )
}
