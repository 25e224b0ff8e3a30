//! Pruning the node's index, a little with each block or all at once.

use super::{Store, Writer};
use crate::error::StoreError;
use crate::pruning::Floor;

/// The number of heights by which the floor rises until what is below it leaves the disk: often enough that little of it
/// is kept, and seldom enough that a commit hardly ever does it.
const DROP_EVERY: u64 = 64;

impl Store {
    /// The floor of the node's index: rows that blocks below it have written are gone.
    pub fn floor(&self) -> Floor {
        self.backend.pruning().floor()
    }

    /// Has the next commit raise the floor of the node's index, in the same batch. A floor that is not above the present
    /// one changes nothing. The rows of the block of [`Store::undoes_to`] are needed after a rollback to it.
    pub fn raise_floor(&self, floor: Floor) {
        let higher = Some(floor).filter(|floor| floor.height > self.floor().height);
        self.writer.lock().next_floor = higher;
    }

    /// Raises the floor at once, and removes everything below it from the disk. It rewrites the files of all rows, which
    /// takes as long as copying them and, for that time, as much room again.
    ///
    /// Errors: failures to write, as [`Store::commit`].
    pub fn prune(&self, floor: Floor) -> Result<(), StoreError> {
        let mut writer = self.writer.lock();
        writer.check()?;
        let floor =
            Floor { height: floor.height.max(self.floor().height), time_ms: floor.time_ms.max(self.floor().time_ms) };
        let pruned = self.options.around(|| self.backend.prune(floor));
        writer.note(pruned)?;
        writer.dropped = floor.height;
        Ok(())
    }

    /// Hides what is below the floor that a commit has written, and now and then lets it leave the disk.
    pub(super) fn after_raise(&self, writer: &mut Writer, floor: Floor) -> Result<(), StoreError> {
        self.backend.pruning().hide_below(floor);
        if floor.height.saturating_sub(writer.dropped) < DROP_EVERY {
            return Ok(());
        }
        let dropped = self.options.around(|| self.backend.drop_below(floor));
        writer.note(dropped)?;
        writer.dropped = floor.height;
        Ok(())
    }
}
