//! The room that a node wants on the file systems of its home, by its settings.

use std::{fmt, path::Path};

use diem_config::Disk;
use diem_host::{
    disk::{FileSystem, Room, file_systems},
    home::Home,
};

/// The file systems on which parts of a home lie, each once: the state, its snapshots and CometBFT's data may each be a
/// mount, or a link to one.
pub(crate) fn of_home(home: &Home) -> Vec<FileSystem> {
    let (data, comet) = (home.data(), home.comet());
    let (snapshots, blocks) = (diem_runtime::snapshots::folder(&data), comet.join("data"));
    file_systems([home.root(), &data, &snapshots, &comet, &blocks])
}

/// The file system of a folder that may lie elsewhere, unless it is one of the home's.
pub(crate) fn beside_home(home: &Home, folder: &Path) -> Option<FileSystem> {
    let of_home = of_home(home);
    let folders = of_home.iter().map(|system| system.folder.as_path()).chain([folder]);
    file_systems(folders).into_iter().nth(of_home.len())
}

/// The sentence on the first file system of a home with less than `least` bytes free, where there is one.
pub(crate) fn without_room(home: &Home, limits: &Disk, least: u64) -> Option<String> {
    of_home(home).iter().find(|system| system.room.free < least).map(|system| no_room(system, limits))
}

/// The sentence on a file system that has less room than a node wants.
pub(crate) fn no_room(system: &FileSystem, limits: &Disk) -> String {
    format!(
        "there is no room for the node: the file system at {}, where {} lies, has {} free; a node stops below {} \
         (`disk.stop`) and starts with {}: make room and start again",
        system.mount_point().display(),
        system.folder.display(),
        Shown(system.room.free),
        Shown(limits.stop.0),
        Shown(limits.needed())
    )
}

/// How many bytes a file system has above those below which it is low, negative if it is.
pub(crate) fn above_low(room: Room, limits: &Disk) -> i128 {
    i128::from(room.free).saturating_sub(limits.low(room.size).into())
}

/// A number of bytes for people.
pub(crate) struct Shown(pub(crate) u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 >> 20 {
            0..10 => write!(f, "{} KiB", self.0 >> 10),
            mib => write!(f, "{mib} MiB"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use diem_config::{Bytes, Warn};

    use super::*;

    #[test]
    fn the_sentence_names_the_file_system_what_is_free_and_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        // No disk has so much room.
        let limits = Disk { warn: Warn::Auto, stop: Bytes(1 << 60) };
        let sentence = without_room(&home, &limits, limits.needed()).unwrap();
        let mount = of_home(&home).first().unwrap().mount_point();
        assert!(sentence.contains(&format!(
            "the file system at {}, where {}",
            mount.display(),
            folder.path().display()
        )));
        assert!(sentence.contains("MiB free; a node stops below 1099511627776 MiB (`disk.stop`)"), "{sentence}");
        assert!(sentence.contains("and starts with 2199023255552 MiB: make room and start again"), "{sentence}");
        assert_eq!(without_room(&home, &limits, 0), None);
        // A folder beside the home counts where it lies on another file system.
        assert_eq!(beside_home(&home, folder.path()), None);
        assert!(beside_home(&home, Path::new("/proc")).is_some_and(|system| system.folder == Path::new("/proc")));
        assert_eq!(Shown(3_000_000).to_string(), "2929 KiB");
    }
}
