//! Manifests that are none.

use diem_core::proof::EMPTY_HASH;
use diem_store::state_sync::{ChunkEntry, MAX_MANIFEST_BYTES, Manifest, ManifestError};
use diem_store::tree::{SubtreeKind, SubtreeRoot};

use super::{HEIGHT, Home, commit, key, write_set};

/// Bytes before the chunks: height, depth, their number.
const HEAD: usize = 8 + 1 + 4;

/// Bytes of an entry: root, kind, rows.
const ENTRY: usize = 32 + 1 + 8;

fn bytes() -> Vec<u8> {
    let bytes = Home::with_rows(300).take(5).manifest.encode();
    assert_eq!(bytes.len(), HEAD + 64 * ENTRY);
    bytes
}

fn error(bytes: &[u8]) -> ManifestError {
    Manifest::decode(bytes).unwrap_err()
}

#[test]
fn a_manifest_has_one_encoding_and_its_hash_is_of_that() {
    let manifest = Home::with_rows(300).take(5).manifest;
    let bytes = manifest.encode();
    assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
    assert_eq!(manifest.hash(), diem_core::sha256(&[&bytes]));
    assert_eq!(bytes[..HEAD], [&HEIGHT.to_le_bytes()[..], &[6], &64u32.to_le_bytes()].concat());
}

/// Root and manifest were computed by a few lines of Python from the written definition.
#[test]
fn the_manifest_of_known_rows_is_the_one_that_another_language_computes() {
    let home = Home::empty();
    let value = |n: u32| vec![u8::try_from(n % 7 + 1).unwrap(); n as usize % 9 + 1];
    commit(&home.store, HEIGHT, write_set((0..24).map(|n| (key(n), Some(value(n))))));
    let taken = home.take(3);
    let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let root = "7f7805d640b8a8b2cb497d0bc6d2fdff72a1f91c24d21c3590dbfb7394231598";
    assert_eq!((taken.manifest.depth(), hex(taken.manifest.app_hash()).as_str()), (3, root));
    assert_eq!(hex(taken.manifest.hash()), "5243e58e59e47ea430d85e89c596f75039962869be80bb28c8f96f9f599fd6d6");
}

#[test]
fn the_largest_manifest_fits_into_what_carries_it() {
    let entry = ChunkEntry { root: SubtreeRoot { kind: SubtreeKind::Inner, hash: [1; 32] }, rows: 9 };
    let largest = Manifest::new(1, 16, vec![entry; 1 << 16]).unwrap().encode();
    assert!(largest.len() <= MAX_MANIFEST_BYTES);
    assert!(Manifest::decode(&largest).is_ok());
    assert_eq!(error(&vec![0; MAX_MANIFEST_BYTES + 1]), ManifestError::TooLong(MAX_MANIFEST_BYTES + 1));
}

#[test]
fn a_manifest_that_ends_early_goes_on_or_lists_another_number_is_refused() {
    let bytes = bytes();
    for length in [0, 1, HEAD - 1, HEAD, HEAD + 1, bytes.len() - 1] {
        assert!(matches!(error(&bytes[..length]), ManifestError::Malformed(_)), "{length}");
    }
    assert!(matches!(error(&[&bytes[..], &[0]].concat()), ManifestError::Malformed(_)));
    let with = |at: usize, patch: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        bytes
    };
    assert_eq!(error(&with(8, &[5])), ManifestError::Count { depth: 5, chunks: 64 });
    assert_eq!(error(&with(8, &[17])), ManifestError::TooDeep(17));
    assert_eq!(error(&with(8, &[255])), ManifestError::TooDeep(255));
    assert_eq!(error(&with(0, &[0; 8])), ManifestError::NoHeight);
    assert!(matches!(error(&with(9, &u32::MAX.to_le_bytes())), ManifestError::Malformed(_)));
    assert_eq!(error(&with(HEAD + ENTRY + 32, &[3])), ManifestError::Chunk(1), "a kind that there is not");
}

#[test]
fn root_kind_and_rows_of_a_chunk_must_fit_together() {
    let entry = |kind, hash, rows| ChunkEntry { root: SubtreeRoot { kind, hash }, rows };
    use SubtreeKind::{Empty, Inner, Leaf};
    let good = [entry(Empty, EMPTY_HASH, 0), entry(Leaf, [1; 32], 1), entry(Inner, [1; 32], 2)];
    let bad = [
        entry(Empty, [1; 32], 0),
        entry(Empty, EMPTY_HASH, 1),
        entry(Leaf, EMPTY_HASH, 1),
        entry(Leaf, [1; 32], 0),
        entry(Leaf, [1; 32], 2),
        entry(Inner, EMPTY_HASH, 2),
        entry(Inner, [1; 32], 1),
        entry(Inner, [1; 32], 0),
    ];
    assert!(good.iter().all(|entry| Manifest::new(1, 0, vec![*entry]).is_ok()));
    assert!(bad.iter().all(|entry| Manifest::new(1, 0, vec![*entry]) == Err(ManifestError::Chunk(0))));
}

#[test]
fn any_change_of_a_root_changes_what_the_manifest_folds_to() {
    let manifest = Home::with_rows(300).take(5).manifest;
    for index in 0..64 {
        let mut chunks = manifest.chunks().to_vec();
        if chunks[index].root.kind == SubtreeKind::Empty {
            continue;
        }
        chunks[index].root.hash[31] ^= 1;
        let other = Manifest::new(HEIGHT, 6, chunks).unwrap();
        assert_ne!(other.app_hash(), manifest.app_hash());
    }
}
