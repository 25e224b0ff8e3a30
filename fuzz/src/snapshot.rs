//! The target for what peers send of a snapshot of the state.

use diem_store::state_sync::{MAX_CHUNK_BYTES, MAX_DEPTH, Manifest, check_chunk};

/// Manifests and chunks: a manifest that decodes has one encoding and folds to something; a chunk is taken or refused
/// at any place, and holds no more rows than there is room for.
pub fn state_snapshot(data: &[u8]) {
    match data {
        [0, manifest @ ..] => {
            let Ok(decoded) = Manifest::decode(manifest) else { return };
            assert_eq!(decoded.encode(), manifest, "two encodings of one manifest");
            assert_eq!(decoded.chunks().len(), 1 << decoded.depth());
            let _ = (decoded.app_hash(), decoded.hash(), decoded.rows());
        }
        [place, chunk @ ..] => {
            // The prefix of the chunk is that of its place: 01 is the only chunk of a tree that is not cut.
            let (depth, index) = ((place - 1) % (MAX_DEPTH + 1), usize::from(place / (MAX_DEPTH + 1)));
            if let Ok(rows) = check_chunk(chunk, depth, index) {
                assert!(rows <= MAX_CHUNK_BYTES / 8);
            }
        }
        [] => {}
    }
}
