//! Writes over something readable: how a transaction, a block or a mempool sees state that is not committed.

use diem_core::storage::{Key, StateRead, StateWrite, Value};

use crate::writes::{Row, WriteSet};

/// Writes over `base`. Dropping it forgets them; [`Overlay::into_writes`] keeps them.
pub struct Overlay<'a> {
    base: &'a dyn StateRead,
    writes: WriteSet,
}

impl<'a> Overlay<'a> {
    /// An overlay without writes.
    pub fn new(base: &'a dyn StateRead) -> Overlay<'a> {
        Overlay::with_writes(base, WriteSet::new())
    }

    /// Goes on with earlier writes, without copying them.
    pub fn with_writes(base: &'a dyn StateRead, writes: WriteSet) -> Overlay<'a> {
        Overlay { base, writes }
    }

    /// The writes so far.
    pub fn writes(&self) -> &WriteSet {
        &self.writes
    }

    /// Ends the overlay and returns its writes.
    pub fn into_writes(self) -> WriteSet {
        self.writes
    }

    /// Merges the writes of an overlay that stood on this one.
    pub fn apply(&mut self, writes: WriteSet) {
        self.writes.merge(writes);
    }

    /// Merges the rows of the base, page by page, with the written rows `own` of the same range.
    fn merge(
        &self,
        own: &mut dyn Iterator<Item = &Row>,
        start: &[u8],
        end: Option<&[u8]>,
        limit: usize,
    ) -> Vec<(Key, Value)> {
        let mut own = own.peekable();
        if own.peek().is_none() {
            return self.base.range(start, end, limit);
        }
        let mut out = Vec::new();
        let mut from = Key::from_slice(start);
        let mut page_len = limit;
        loop {
            let page = self.base.range(&from, end, page_len);
            let last_page = page.len() < page_len;
            if let Some((key, _)) = page.last() {
                from = Key::from_slice(key);
                from.push(0);
            }
            for (key, value) in page {
                while out.len() < limit
                    && let Some((own_key, written)) = own.next_if(|(own_key, _)| *own_key < key)
                {
                    push(&mut out, own_key, written);
                }
                match own.next_if(|(own_key, _)| *own_key == key) {
                    Some((_, written)) => push(&mut out, &key, written),
                    None => out.push((key, value)),
                }
                if out.len() >= limit {
                    out.truncate(limit);
                    return out;
                }
            }
            if last_page {
                for (key, written) in own {
                    if out.len() >= limit {
                        break;
                    }
                    push(&mut out, key, written);
                }
                return out;
            }
            // Many rows of the page were removed above it, so pages become larger: a drained queue stays cheap.
            page_len = page_len.saturating_mul(2);
        }
    }
}

fn push(out: &mut Vec<(Key, Value)>, key: &Key, written: &Option<Value>) {
    if let Some(value) = written {
        out.push((key.clone(), Value::from_slice(value)));
    }
}

impl StateRead for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Option<Value> {
        match self.writes.get(key) {
            Some(written) => written.map(|value| Value::from_slice(value)),
            None => self.base.get(key),
        }
    }

    fn range(&self, start: &[u8], end: Option<&[u8]>, limit: usize) -> Vec<(Key, Value)> {
        if limit == 0 {
            return Vec::new();
        }
        self.writes.scan(start, end, |own| self.merge(own, start, end, limit))
    }
}

impl StateWrite for Overlay<'_> {
    fn set(&mut self, key: &[u8], value: Value) {
        self.writes.insert(key, Some(value));
    }

    fn remove(&mut self, key: &[u8]) {
        self.writes.insert(key, None);
    }
}
