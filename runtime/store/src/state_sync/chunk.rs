//! The bytes of a chunk: one byte for the form, then borsh of `[(key, value)]`, as it is (form 0) or as one LZ4 block
//! behind its length, u32 little-endian (form 1).

use std::borrow::Cow;

use rayon::prelude::*;
use thiserror::Error;

use super::MAX_CHUNK_BYTES;
use crate::tree::{Change, subtree_of};

/// The form byte of rows as they are.
const PLAIN: u8 = 0;

/// The form byte of an LZ4 block.
const LZ4: u8 = 1;

/// A byte of LZ4 stands for at most this many.
const LZ4_MOST: usize = 255;

/// The bytes that borsh puts before each key and each value, and before all rows.
pub(super) const LENGTH: usize = size_of::<u32>();

/// Why bytes are not the chunk that they should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// There is nothing, not even a form.
    #[error("it is empty")]
    Empty,
    /// It is longer than any chunk.
    #[error("it has {0} bytes, more than the {MAX_CHUNK_BYTES} of the longest chunk")]
    TooLong(usize),
    /// It says that it unpacks to more than any chunk, or than its bytes can.
    #[error("it would unpack to {0} bytes, more than a chunk of its size may have")]
    Unpacked(usize),
    /// The first byte names no form.
    #[error("its form {0} is unknown")]
    Form(u8),
    /// The LZ4 block is damaged, or unpacks to another length than it says.
    #[error("its compression is damaged")]
    Lz4,
    /// The rows end early or go on.
    #[error("its rows do not decode")]
    Rows,
    /// A key is not greater than the one before.
    #[error("its keys are not in strictly ascending order")]
    Order,
    /// A row of another chunk.
    #[error("it holds a row of another chunk")]
    Foreign,
}

/// A row inside a chunk.
pub(super) type RowRef<'a> = (&'a [u8], &'a [u8]);

/// The bytes that a row takes inside a chunk.
pub(super) fn row_bytes(key: &[u8], value: &[u8]) -> usize {
    key.len().saturating_add(value.len()).saturating_add(2 * LENGTH)
}

/// Appends a row as it stands inside a chunk. Rows are shorter than 4 GB: a chunk is, which holds them.
pub(super) fn push_row(to: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        to.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        to.extend(part);
    }
}

/// Splits the first row off; `None` if the bytes end inside it.
pub(super) fn next_row<'a>(from: &mut &'a [u8]) -> Option<RowRef<'a>> {
    let mut rest = *from;
    let row = (next_part(&mut rest)?, next_part(&mut rest)?);
    *from = rest;
    Some(row)
}

fn next_part<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_first_chunk::<LENGTH>()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *from = rest;
    Some(part)
}

/// A chunk of these rows, packed where that makes it shorter. `plain` has at most [`MAX_CHUNK_BYTES`] less the form byte.
pub(super) fn pack(plain: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(plain);
    let (form, length, body) = match u32::try_from(plain.len()) {
        Ok(length) if packed.len().saturating_add(LENGTH) < plain.len() => {
            (LZ4, &length.to_le_bytes()[..], &packed[..])
        }
        _ => (PLAIN, &[][..], plain),
    };
    [&[form], length, body].concat()
}

/// The rows of a chunk before they are split. Nothing is allocated for a length that a chunk cannot have.
pub(super) fn unpack(chunk: &[u8]) -> Result<Cow<'_, [u8]>, ChunkError> {
    if chunk.len() > MAX_CHUNK_BYTES {
        return Err(ChunkError::TooLong(chunk.len()));
    }
    match chunk.split_first().ok_or(ChunkError::Empty)? {
        (&PLAIN, plain) => Ok(Cow::Borrowed(plain)),
        (&LZ4, packed) => {
            let (length, block) = packed.split_first_chunk::<LENGTH>().ok_or(ChunkError::Lz4)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length >= MAX_CHUNK_BYTES || length > block.len().saturating_mul(LZ4_MOST) {
                return Err(ChunkError::Unpacked(length));
            }
            let mut plain = vec![0; length];
            match lz4_flex::block::decompress_into(block, &mut plain) {
                Ok(unpacked) if unpacked == length => Ok(Cow::Owned(plain)),
                _ => Err(ChunkError::Lz4),
            }
        }
        (form, _) => Err(ChunkError::Form(*form)),
    }
}

/// Splits unpacked rows, whose keys must ascend strictly.
pub(super) fn rows(plain: &[u8]) -> Result<Vec<RowRef<'_>>, ChunkError> {
    let (count, mut rest) = plain.split_first_chunk::<LENGTH>().ok_or(ChunkError::Rows)?;
    let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(usize::MAX);
    if count > rest.len() / (2 * LENGTH) {
        return Err(ChunkError::Rows);
    }
    let mut rows: Vec<RowRef<'_>> = Vec::with_capacity(count);
    for _ in 0..count {
        let row = next_row(&mut rest).ok_or(ChunkError::Rows)?;
        if rows.last().is_some_and(|before| before.0 >= row.0) {
            return Err(ChunkError::Order);
        }
        rows.push(row);
    }
    if rest.is_empty() { Ok(rows) } else { Err(ChunkError::Rows) }
}

/// Hashes rows, all of which must belong to subtree `index` at `depth`.
pub(super) fn hash_rows(rows: &[RowRef<'_>], depth: u8, index: usize) -> Result<Vec<Change>, ChunkError> {
    let hash = |(key, value): &RowRef<'_>| {
        let change = Change::new(key, Some(value));
        if subtree_of(change.key_hash(), depth) == index { Ok(change) } else { Err(ChunkError::Foreign) }
    };
    rows.par_iter().with_min_len(1024).map(hash).collect()
}

/// Checks all that can be said of a chunk's bytes without the manifest, for chunk `index` of a snapshot of `depth`; it
/// returns the number of rows.
///
/// # Errors
/// [`ChunkError`].
pub fn check(chunk: &[u8], depth: u8, index: usize) -> Result<usize, ChunkError> {
    let plain = unpack(chunk)?;
    let rows = rows(&plain)?;
    Ok(hash_rows(&rows, depth, index)?.len())
}
