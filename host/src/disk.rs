//! The file systems on which folders lie, and the room on them.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The bytes that this user may still write.
    pub free: u64,
    /// The bytes of the whole file system.
    pub size: u64,
}

/// The room on the file system on which `folder` lies; `None` where the system does not tell.
pub fn room(folder: &Path) -> Option<Room> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Some(Room { free: bytes(disk.f_bavail), size: bytes(disk.f_blocks) })
}

/// A file system on which folders of a program lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// The first of the folders that lies on it.
    pub folder: PathBuf,
    /// The room on it.
    pub room: Room,
    device: u64,
}

impl FileSystem {
    /// Where it is mounted, as far as the folder's own path leads there.
    pub fn mount_point(&self) -> PathBuf {
        let folder = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let inside = folder.ancestors().take_while(|above| device(above) == Some(self.device));
        inside.last().unwrap_or(&folder).to_path_buf()
    }
}

/// The file systems on which these folders lie, each once and in the order of the folders. A folder that is not there, or
/// whose file system does not tell its room, is left out; symbolic links are followed.
pub fn file_systems<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Vec<FileSystem> {
    let mut found: Vec<FileSystem> = Vec::new();
    for folder in folders {
        let Some(device) = device(folder).filter(|device| found.iter().all(|other| other.device != *device)) else {
            continue;
        };
        found.extend(room(folder).map(|room| FileSystem { folder: folder.to_path_buf(), room, device }));
    }
    found
}

fn device(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|metadata| metadata.dev())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_folder_that_is_there_has_room_and_one_that_is_not_has_none() {
        let folder = std::env::temp_dir();
        assert!(room(&folder).is_some_and(|room| room.free <= room.size && room.size > 0));
        assert_eq!(room(&folder.join("there/is/no/such/folder")), None);
    }

    #[test]
    fn a_file_system_is_told_once_also_where_a_link_leads_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, link) = (folder.path().join("inside"), folder.path().join("link"));
        fs::create_dir(&inside).unwrap();
        std::os::unix::fs::symlink("/proc", &link).unwrap();
        let missing = folder.path().join("missing");
        let found = file_systems([missing.as_path(), folder.path(), &inside, &link]);
        assert_eq!(found.iter().map(|system| &*system.folder).collect::<Vec<_>>(), [folder.path(), &link]);
        let mount = found.first().unwrap().mount_point();
        assert!(folder.path().canonicalize().unwrap().starts_with(&mount), "{}", mount.display());
        assert_eq!(found.last().unwrap().mount_point(), Path::new("/proc"));
    }
}
