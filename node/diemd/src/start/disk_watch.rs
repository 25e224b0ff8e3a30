//! The watch of the disk: it warns once where the room gets low, and stops the node in order before a write fails.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use diem_config::{Config, Disk as Limits};
use diem_engine::metrics::{Disk, Metrics};
use diem_host::{critical, disk::FileSystem, home::Home};

use super::{StartError, log_file};
use crate::disk::{self, Shown};

/// The interval at which the room is read. A disk that is filled by others at a gigabyte a second is noticed before
/// `disk.stop` is used up, and a question costs microseconds.
const TICK: Duration = Duration::from_secs(1);
/// A disk that was low is so until it has this part of that room more, so that one at the limit does not fill the log.
const MORE: u64 = 20;

/// Refuses the start where a file system of the home has less room than a start needs.
///
/// # Errors
/// [`StartError::NoRoom`].
pub(super) fn check(home: &Home, limits: &Limits) -> Result<(), StartError> {
    disk::without_room(home, limits, limits.needed()).map_or(Ok(()), |sentence| Err(StartError::NoRoom(sentence)))
}

/// The sentence on a file system of the home that has less room than a node needs to run, where there is one.
pub(super) fn without_room(home: &Home, limits: &Limits) -> Option<String> {
    disk::without_room(home, limits, limits.stop.0)
}

/// The reason why a node has ended, told as one of its disk where that has no room: whichever of this process and
/// CometBFT met the end of it first, and however it took it, its operator reads the same.
pub(super) fn explained(error: StartError, home: &Home, limits: &Limits) -> StartError {
    let may_come_of_it = matches!(error, StartError::Fatal(_)) || error.is_full_disk();
    match without_room(home, limits).filter(|_| may_come_of_it) {
        Some(sentence) => StartError::NoRoom(sentence),
        None => error,
    }
}

/// Watches the disk of a home until the metrics are dropped, and calls `on_no_room` with a sentence when there is less
/// than the node needs to run. Where the file of the log lies on another one, that is watched too and never stops the node.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(
    home: &Home,
    config: &Config,
    metrics: &Arc<Metrics>,
    on_no_room: impl Fn(&str) + Send + 'static,
) -> io::Result<()> {
    metrics.disk_stops_below(config.disk.stop.0);
    let mut watch = Watch { limits: config.disk.clone(), low: BTreeSet::new(), told: false };
    let (log, file_size) = (log_file::path(&config.log, home), config.log.file_size.0);
    let (home, metrics): (Home, Weak<Metrics>) = (home.clone(), Arc::downgrade(metrics));
    let run = move || {
        while let Some(metrics) = metrics.upgrade() {
            let systems = disk::of_home(&home);
            metrics.disk(watch.tightest(&systems));
            if let Some(sentence) = watch.look(&systems) {
                on_no_room(&sentence);
            }
            let folder = log.as_deref().and_then(Path::parent);
            if let Some(system) = folder.and_then(|folder| disk::beside_home(&home, folder)) {
                watch.look_at_log(&system, file_size);
            }
            drop(metrics);
            std::thread::sleep(TICK);
        }
    };
    critical::spawn("disk", run).map(drop)
}

struct Watch {
    limits: Limits,
    /// The folders of the file systems that were told to be low.
    low: BTreeSet<PathBuf>,
    /// Whether the node was told to stop.
    told: bool,
}

impl Watch {
    /// The file system that is closest to being low, as the metrics show it.
    fn tightest(&self, systems: &[FileSystem]) -> Option<Disk> {
        let tightest =
            systems.iter().map(|system| system.room).min_by_key(|room| disk::above_low(*room, &self.limits))?;
        Some(Disk { free: tightest.free, size: tightest.size, low: self.limits.low(tightest.size) })
    }

    /// Logs each change between low and well, and returns the sentence of a disk that stops the node, once.
    fn look(&mut self, systems: &[FileSystem]) -> Option<String> {
        for system in systems {
            let low = self.limits.low(system.room.size);
            if self.gets_low(system, low) {
                let stop = Some(self.limits.stop.0).filter(|stop| *stop > 0);
                tracing::warn!(
                    "the disk is low: the file system at {}, where {} lies, has {} free, and less than {} is low \
                     (`disk.warn`){}",
                    system.mount_point().display(),
                    system.folder.display(),
                    Shown(system.room.free),
                    Shown(low),
                    stop.map_or_else(String::new, |stop| format!("; below {} the node stops", Shown(stop)))
                );
            }
        }
        let full = systems.iter().find(|system| system.room.free < self.limits.stop.0 && !self.told)?;
        self.told = true;
        Some(disk::no_room(full, &self.limits))
    }

    /// Logs each change between low and well of the file system of the log, which is low where a file of it may not find room.
    fn look_at_log(&mut self, system: &FileSystem, file_size: u64) {
        if self.gets_low(system, file_size) {
            tracing::warn!(
                "the disk of the log is low: the file system at {}, where `log.file` lies, has {} free, and a file of the log takes \
                 up to {} (`log.file_size`); the node goes on without lines that find no room",
                system.mount_point().display(),
                Shown(system.room.free),
                Shown(file_size)
            );
        }
    }

    /// Whether a file system has become low, which it is with less than that many bytes; that it is well again is logged.
    fn gets_low(&mut self, system: &FileSystem, low: u64) -> bool {
        let free = system.room.free;
        if free < low {
            return self.low.insert(system.folder.clone());
        }
        if free >= low.saturating_add(low / MORE) && self.low.remove(&system.folder) {
            let mount = system.mount_point();
            tracing::info!("the file system at {} has room again: {} are free", mount.display(), Shown(free));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use diem_config::{Bytes, Warn};
    use diem_host::disk::{Room, file_systems};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn limits() -> Limits {
        Limits { warn: Warn::Below(Bytes(100 * MIB)), stop: Bytes(10 * MIB) }
    }

    fn with(free: u64) -> Vec<FileSystem> {
        let folder = std::env::temp_dir();
        let mut systems = file_systems([folder.as_path()]);
        systems.first_mut().unwrap().room = Room { free: free * MIB, size: 1_000 * MIB };
        systems
    }

    #[test]
    fn a_low_disk_is_told_when_it_gets_low_and_the_stop_once() {
        let mut watch = Watch { limits: limits(), low: BTreeSet::new(), told: false };
        // At the limit the state does not change back and forth.
        for (free, low) in [(200, 0), (99, 1), (101, 1), (98, 1), (105, 0), (50, 1)] {
            assert_eq!(watch.look(&with(free)), None, "{free}");
            assert_eq!(watch.low.len(), low, "{free}");
        }
        let sentence = watch.look(&with(9)).unwrap();
        assert!(sentence.contains("has 9216 KiB free; a node stops below 10 MiB"), "{sentence}");
        assert_eq!(watch.look(&with(8)), None, "once");
    }

    #[test]
    fn the_disk_of_the_log_is_told_by_what_a_file_of_it_takes_and_stops_nothing() {
        let mut watch = Watch { limits: limits(), low: BTreeSet::new(), told: false };
        for (free, low) in [(40, 0), (31, 1), (9, 1), (40, 0)] {
            let system = with(free).remove(0);
            watch.look_at_log(&system, 32 * MIB);
            assert_eq!((watch.low.len(), watch.told), (low, false), "{free}");
        }
    }

    #[test]
    fn the_metrics_show_the_disk_that_is_closest_to_being_low() {
        let watch = Watch { limits: limits(), low: BTreeSet::new(), told: false };
        let two = [with(500), with(120)].concat();
        assert_eq!(watch.tightest(&two), Some(Disk { free: 120 * MIB, size: 1_000 * MIB, low: 100 * MIB }));
        assert_eq!(watch.tightest(&[]), None);
    }

    #[test]
    fn an_end_is_one_of_the_disk_where_there_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let full = Limits { warn: Warn::Auto, stop: Bytes(1 << 60) };
        let fatal = || StartError::Fatal("CometBFT ended: killed by signal 7, without a word".into());
        let error = explained(fatal(), &home, &full);
        assert!(matches!(&error, StartError::NoRoom(_)) && error.is_full_disk(), "{error}");
        let other = StartError::Unsafe("signing is not safe".into());
        assert!(explained(other, &home, &full).is_unsafe(), "a key that signs elsewhere matters more");
        let roomy = Limits { warn: Warn::Auto, stop: Bytes(1) };
        assert!(matches!(explained(fatal(), &home, &roomy), StartError::Fatal(_)));
        assert!(matches!(check(&home, &full), Err(StartError::NoRoom(_))));
        check(&home, &roomy).unwrap();
    }
}
