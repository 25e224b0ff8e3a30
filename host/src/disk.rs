//! The room on the disk on which a folder lies.

use std::path::Path;

/// The room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The bytes that this user may still write.
    pub free: u64,
    /// The bytes of the whole file system.
    pub size: u64,
}

/// The room on the disk on which `folder` lies; `None` where the system does not tell.
pub fn room(folder: &Path) -> Option<Room> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Some(Room { free: bytes(disk.f_bavail), size: bytes(disk.f_blocks) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_there_has_room_and_one_that_is_not_has_none() {
        let folder = std::env::temp_dir();
        assert!(room(&folder).is_some_and(|room| room.free <= room.size && room.size > 0));
        assert_eq!(room(&folder.join("there/is/no/such/folder")), None);
    }
}
