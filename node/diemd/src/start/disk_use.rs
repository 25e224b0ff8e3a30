//! What the parts of a home take on the disk, for the metrics: a scrape walks no folder.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use diem_engine::metrics::Metrics;
use diem_host::home::Home;

/// The interval at which the thread looks whether the node still runs.
const TICK: Duration = Duration::from_secs(5);
/// The interval at which the parts are measured.
const PARTS: Duration = Duration::from_secs(60);
/// The most of its time that the thread spends measuring: a hundredth.
const REST: u32 = 100;

/// Has the parts of a home measured at intervals, until the metrics are dropped.
///
/// # Errors
/// The system gives no thread.
pub(super) fn start(home: &Home, metrics: &Arc<Metrics>) -> io::Result<()> {
    let data = home.data();
    let snapshots = diem_runtime::snapshots::folder(&data);
    let parts = [("state", data), ("snapshots", snapshots.clone()), ("comet", home.comet())];
    let reader = Reader { snapshots, parts, metrics: Arc::downgrade(metrics) };
    // It stands for nothing that must not end, so that it may be no critical thread.
    std::thread::Builder::new().name("disk-use".into()).spawn(move || reader.run()).map(drop)
}

struct Reader {
    snapshots: PathBuf,
    parts: [(&'static str, PathBuf); 3],
    metrics: Weak<Metrics>,
}

impl Reader {
    fn run(self) {
        let mut measure_at = Instant::now();
        while let Some(metrics) = self.metrics.upgrade() {
            let begun = Instant::now();
            if begun >= measure_at {
                for (part, folder) in &self.parts {
                    // Where the snapshots lie inside the state's folder, they are counted once.
                    metrics.disk_used(part, folder_bytes(folder, &self.snapshots).ok());
                }
                let pause = begun.elapsed().saturating_mul(REST).max(PARTS);
                measure_at = begun.checked_add(pause).unwrap_or(begun);
            }
            drop(metrics);
            std::thread::sleep(TICK);
        }
    }
}

/// The size of all files below a folder but for what lies below `apart`, in bytes. Files come and go meanwhile, so one
/// that cannot be read counts 0.
///
/// # Errors
/// The folder itself cannot be read.
fn folder_bytes(folder: &Path, apart: &Path) -> io::Result<u64> {
    let mut bytes = 0u64;
    for entry in std::fs::read_dir(folder)?.flatten() {
        let more = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() && entry.path() == apart => 0,
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path(), apart).unwrap_or_default(),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        };
        bytes = bytes.saturating_add(more);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn a_part_is_measured_without_what_is_measured_apart() {
        let folder = tempfile::tempdir().unwrap();
        let (rows, apart) = (folder.path().join("rows"), folder.path().join("snapshots"));
        for part in [&rows, &apart] {
            fs::create_dir(part).unwrap();
            fs::write(part.join("file"), [0; 1_000]).unwrap();
        }
        fs::write(folder.path().join("file"), [0; 10]).unwrap();
        assert_eq!(folder_bytes(folder.path(), &apart).unwrap(), 1_010);
        assert_eq!(folder_bytes(&apart, &apart).unwrap(), 1_000);
        folder_bytes(&folder.path().join("missing"), &apart).unwrap_err();
    }
}
