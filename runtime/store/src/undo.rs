//! Undo rows: what a height changed, so that it can be taken back.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::storage::{Key, Value};

use crate::rows::{Meta, UndoRow};
use crate::snapshot::Snapshot;
use diem_overlay::WriteSet;

/// The meta row before a height, and the value before of every key that the height wrote.
#[derive(BorshSerialize, BorshDeserialize)]
struct Undo<R> {
    meta: Meta,
    rows: R,
}

/// About the bytes that a row takes, to allocate them at once.
const ROW_BYTES: usize = 100;

/// The undo row of the height after `base`, which makes `writes`; `None` if there is nothing below to go back to.
pub(crate) fn encode(base: &Snapshot, writes: &WriteSet) -> Option<UndoRow> {
    let meta = base.meta()?;
    let old = base.get_all(writes.rows());
    let rows: Vec<(&[u8], Option<&[u8]>)> =
        writes.rows().iter().zip(&old).map(|((key, _), old)| (key.as_slice(), old.as_deref())).collect();
    let mut bytes = Vec::with_capacity(rows.len().saturating_mul(ROW_BYTES));
    #[expect(clippy::expect_used, reason = "writing to memory fails only for a row of more than 4 GB")]
    Undo { meta, rows }.serialize(&mut bytes).expect("rows are shorter than 4 GB");
    Some(UndoRow { height: meta.height.saturating_add(1), bytes })
}

/// The meta row before, and the writes that go back.
pub(crate) fn decode(bytes: &[u8]) -> std::io::Result<(Meta, WriteSet)> {
    type Rows = Vec<(Vec<u8>, Option<Vec<u8>>)>;
    let undo: Undo<Rows> = borsh::from_slice(bytes)?;
    let rows = undo.rows.into_iter();
    Ok((undo.meta, rows.map(|(key, value)| (Key::from_vec(key), value.map(Value::from_vec))).collect()))
}
