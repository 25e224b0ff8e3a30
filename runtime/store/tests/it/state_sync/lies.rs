//! Chunks that are not what the manifest says: each is told with its sender, and asked for again.

use diem_store::state_sync::{ChunkError, MAX_CHUNK_BYTES, WrongChunk, WrongReason};

use super::{HEIGHT, Home, Taken, assert_same};

/// The rows of a chunk as they are, not packed.
fn plain(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    [vec![0], borsh::to_vec(&rows.to_vec()).unwrap()].concat()
}

fn rows_of(chunk: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = match chunk[0] {
        0 => chunk[1..].to_vec(),
        _ => lz4_flex::block::decompress_size_prepended(&chunk[1..]).unwrap(),
    };
    borsh::from_slice(&rows).unwrap()
}

/// A chunk of form 1 that says that it unpacks to `length` bytes.
fn packed(length: u32, block: &[u8]) -> Vec<u8> {
    [&[1], &length.to_le_bytes()[..], block].concat()
}

fn scene() -> (Home, Taken) {
    let original = Home::with_rows(400);
    let taken = original.take(100);
    assert_eq!(taken.manifest.depth(), 2);
    (original, taken)
}

/// Restores with `lie` in place of chunk 1 at first, and returns what was told of it.
fn restore_with(lie: Vec<u8>, original: &Home, taken: &Taken) -> WrongReason {
    let home = Home::empty();
    let mut restore = home.store.restore(taken.manifest.clone(), vec![]).unwrap();
    let mut wrong: Vec<WrongChunk> = Vec::new();
    for index in 0..4 {
        let (chunk, sender) = if index == 1 { (lie.clone(), "liar") } else { (taken.chunk(index), "honest") };
        let applied = restore.apply(index, chunk, sender).unwrap();
        assert!(!applied.is_complete);
        wrong.extend(applied.wrong);
    }
    // The last answer comes after all of them were judged, and an earlier one where it was judged before.
    let [WrongChunk { index: 1, sender, reason }] = &wrong[..] else { panic!("{wrong:?}") };
    assert_eq!(sender, "liar");
    let applied = restore.apply(1, taken.chunk(1), "honest").unwrap();
    assert!(applied.is_complete && applied.wrong.is_empty());
    home.store.adopt(restore, super::TIME_MS, super::APP_VERSION).unwrap();
    assert_same(&original.store, &home.store);
    reason.clone()
}

#[test]
fn a_chunk_with_any_bit_flipped_is_told() {
    let (original, taken) = scene();
    for original_chunk in [taken.chunk(1), plain(&rows_of(&taken.chunk(1)))] {
        for at in (0..original_chunk.len()).step_by(original_chunk.len() / 11) {
            let mut chunk = original_chunk.clone();
            chunk[at] ^= 1 << (at % 8);
            if rows_of_is_the_same(&chunk, &original_chunk) {
                continue;
            }
            restore_with(chunk, &original, &taken);
        }
    }
}

/// LZ4 has several ways to say the same.
fn rows_of_is_the_same(chunk: &[u8], original: &[u8]) -> bool {
    chunk[0] == 1
        && lz4_flex::block::decompress_size_prepended(&chunk[1..])
            .is_ok_and(|rows| plain(&rows_of(original))[1..] == rows)
}

#[test]
fn a_chunk_is_taken_in_either_form() {
    let (original, taken) = scene();
    let home = Home::empty();
    let mut restore = home.store.restore(taken.manifest.clone(), vec![]).unwrap();
    for index in 0..4 {
        let chunk = taken.chunk(index);
        assert_eq!(chunk[0], 1, "the writer packs");
        let plain = plain(&rows_of(&chunk));
        assert!(plain.len() > chunk.len());
        assert_eq!(restore.apply(index, plain, "old").unwrap().wrong, vec![]);
    }
    home.store.adopt(restore, super::TIME_MS, super::APP_VERSION).unwrap();
    assert_same(&original.store, &home.store);
}

#[test]
fn chunks_that_are_no_chunks_are_told() {
    let (original, taken) = scene();
    let reason = |lie: Vec<u8>| match restore_with(lie, &original, &taken) {
        WrongReason::Chunk(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(reason(vec![]), ChunkError::Empty);
    assert_eq!(reason(vec![2, 0, 0, 0, 0]), ChunkError::Form(2));
    assert_eq!(reason(vec![0; MAX_CHUNK_BYTES + 1]), ChunkError::TooLong(MAX_CHUNK_BYTES + 1));
    assert_eq!(reason(vec![0]), ChunkError::Rows);
    assert_eq!(reason(vec![0, 255, 255, 255, 255]), ChunkError::Rows, "four billion rows in no bytes");
    assert_eq!(reason(vec![1]), ChunkError::Lz4);
    let mut long = taken.chunk(1);
    long.push(0);
    assert!(matches!(reason(long), ChunkError::Lz4));
    let mut long = plain(&rows_of(&taken.chunk(1)));
    long.push(0);
    assert_eq!(reason(long), ChunkError::Rows);
}

#[test]
fn a_chunk_that_would_unpack_without_end_is_told_before_anything_is_allocated() {
    let (original, taken) = scene();
    let reason = |lie| restore_with(lie, &original, &taken);
    let unpacked = |length: usize| WrongReason::Chunk(ChunkError::Unpacked(length));
    let four_gib = u32::MAX;
    assert_eq!(reason(packed(four_gib, &[0; 100])), unpacked(four_gib as usize));
    assert_eq!(reason(packed(1 << 23, &vec![0; 1 << 20])), unpacked(1 << 23));
    assert_eq!(reason(packed(26_000, &[0; 100])), unpacked(26_000), "a hundred bytes cannot be that many");
    // A real bomb: 64 MiB of zeros in a block that says that it has a megabyte.
    let bomb = lz4_flex::block::compress(&vec![0; 64 << 20]);
    assert!(bomb.len() < 300_000);
    assert_eq!(reason(packed(1 << 20, &bomb)), WrongReason::Chunk(ChunkError::Lz4));
    assert_eq!(reason(packed(64 << 20, &bomb)), unpacked(64 << 20));
    // One that says more than it has.
    let little = lz4_flex::block::compress(&[0; 1000]);
    assert_eq!(reason(packed(1001, &little)), WrongReason::Chunk(ChunkError::Lz4));
}

#[test]
fn rows_out_of_order_twice_missing_or_of_another_chunk_are_told() {
    let (original, taken) = scene();
    let rows = rows_of(&taken.chunk(1));
    let reason = |rows: &[(Vec<u8>, Vec<u8>)]| restore_with(plain(rows), &original, &taken);
    let count = rows.len();
    let mut swapped = rows.clone();
    swapped.swap(3, 4);
    assert_eq!(reason(&swapped), WrongReason::Chunk(ChunkError::Order));
    let mut twice = rows.clone();
    twice[4] = twice[3].clone();
    assert_eq!(reason(&twice), WrongReason::Chunk(ChunkError::Order));
    let expected = count as u64;
    assert_eq!(reason(&rows[1..]), WrongReason::Rows { expected, found: expected - 1 });
    assert_eq!(reason(&[]), WrongReason::Rows { expected, found: 0 });
    let mut foreign = rows.clone();
    foreign[0] = rows_of(&taken.chunk(2))[0].clone();
    foreign.sort();
    assert_eq!(reason(&foreign), WrongReason::Chunk(ChunkError::Foreign));
    let mut changed = rows.clone();
    changed[9].1[0] ^= 1;
    assert_eq!(reason(&changed), WrongReason::Root);
    let mut empty_value = rows;
    empty_value[9].1.clear();
    assert_eq!(reason(&empty_value), WrongReason::Root);
}

#[test]
fn a_chunk_of_another_place_or_of_another_snapshot_is_told() {
    let (original, taken) = scene();
    assert!(!matches!(restore_with(taken.chunk(2), &original, &taken), WrongReason::Root));
    let other = Home::with_rows(401).take(100);
    let other_chunk = other.shelf.chunk(HEIGHT, 1).unwrap().unwrap();
    restore_with(other_chunk, &original, &taken);
}

#[test]
fn many_wrong_chunks_at_once_are_all_told() {
    let original = Home::with_rows(300);
    let (taken, home) = (original.take(5), Home::empty());
    let mut restore = home.store.restore(taken.manifest.clone(), vec![]).unwrap();
    let mut wrong = Vec::new();
    for index in 0..64 {
        wrong.extend(restore.apply(index, vec![7], &format!("liar {index}")).unwrap().wrong);
    }
    // The rest is told with later answers; there is no chunk 64, so these ask for nothing else.
    while wrong.len() < 64 {
        wrong.extend(restore.apply(64, vec![], "").unwrap().wrong);
        std::thread::yield_now();
    }
    wrong.sort_by_key(|wrong| wrong.index);
    assert!(wrong.iter().enumerate().all(|(n, wrong)| wrong.index == n && wrong.sender == format!("liar {n}")));
    assert!(taken.apply_all(&mut restore).is_complete);
    drop(restore);
    home.assert_nothing_is_left();
}
