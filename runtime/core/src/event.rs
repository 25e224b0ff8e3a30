//! Events: reports of what happened, in the order in which it happened.

use borsh::BorshSerialize;

use crate::module::ModuleId;

/// The bytes that are reserved at first: the event of a transfer fits in them.
const USUAL_BYTES: usize = 64;

/// Collects the events of a transaction or a hook as borsh, each behind its module's byte. The composed event enum of
/// the runtime has those bytes as its discriminants, so the buffer is a sequence of that enum.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Events {
    bytes: Vec<u8>,
}

/// A place in [`Events`] to return to when what followed is undone.
#[derive(Debug, Clone, Copy)]
pub struct EventMark(usize);

impl Events {
    /// Adds `event` of `module`.
    pub fn emit(&mut self, module: ModuleId, event: &impl BorshSerialize) {
        // Most transactions report one event of about this size; growing step by step would allocate four times.
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(USUAL_BYTES);
        }
        self.bytes.push(module.0);
        #[expect(clippy::expect_used, reason = "a Vec takes every write, and events hold nothing unencodable")]
        event.serialize(&mut self.bytes).expect("an event encodes into memory");
    }

    /// Remembers the present end, for [`Events::rewind`].
    pub fn mark(&self) -> EventMark {
        EventMark(self.bytes.len())
    }

    /// Forgets what was emitted since `mark`.
    pub fn rewind(&mut self, mark: EventMark) {
        self.bytes.truncate(mark.0);
    }

    /// The events as borsh, one after the other, each behind its module's byte.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
