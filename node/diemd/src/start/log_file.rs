//! The file of the log: of bounded size, and followed by a bounded number of older ones.
//!
//! It is written on a thread of its own, behind a queue. Whatever becomes of it, the node goes on: a line that it cannot take
//! is lost here and counted, and standard error has it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use diem_config::Log;
use diem_host::{home::Home, outlet};
use rustix::fs::OFlags;

/// The owner reads and writes the file, and his group, as that of those who look after logs, reads it.
const MODE: u32 = 0o640;
/// The pause after a failure before the file is opened again.
const REST: Duration = Duration::from_secs(10);
/// The interval at which it is looked whether the path still leads to the open file: another program such as logrotate may have
/// moved, removed or emptied it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Has the log written to the file that the configuration names, if it names one: relative to the home. A file that cannot be
/// written is said, and tried again.
pub(super) fn start(log: &Log, home: &Home) {
    let Some(path) = path(log, home) else { return };
    let file = Rotating::new(path, log.file_size.0, log.files);
    if let Err(error) = outlet::log_to(file) {
        tracing::warn!(
            "log.file: the log is not written to a file, because the system gives no thread for it: {error}"
        );
    }
}

/// The path of the file that the configuration names, if it names one.
pub(super) fn path(log: &Log, home: &Home) -> Option<PathBuf> {
    (!log.file.is_empty()).then(|| home.root().join(&log.file))
}

/// A file that is renamed to `FILE.1` when it is full, `FILE.1` to `FILE.2`, and so on; the oldest is removed.
struct Rotating {
    path: PathBuf,
    /// The size in bytes that no file exceeds, unless by its only line.
    most: u64,
    /// The number of files, the one that is written among them.
    files: usize,
    open: Option<Open>,
    /// The moment of the last failure, until something was written again.
    failed: Option<Instant>,
}

struct Open {
    file: File,
    size: u64,
    /// The moment of the last look at its path.
    looked: Instant,
}

impl Open {
    /// Looks, from time to time, at what the path leads to; `false` where that is another file than this one, or none.
    fn is_still_at(&mut self, path: &Path) -> bool {
        if self.looked.elapsed() < LOOK_EVERY {
            return true;
        }
        self.looked = Instant::now();
        let (Ok(there), Ok(own)) = (fs::metadata(path), self.file.metadata()) else { return false };
        self.size = own.len();
        (there.dev(), there.ino()) == (own.dev(), own.ino())
    }
}

impl Rotating {
    const fn new(path: PathBuf, most: u64, files: usize) -> Self {
        Self { path, most, files, open: None, failed: None }
    }

    /// Writes a whole line.
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let bytes = line.len() as u64;
        let most = self.most;
        let is_full = |open: &Open| open.size > 0 && open.size.saturating_add(bytes) > most;
        // A file of before this start may be full already.
        if self.opened().is_ok_and(|open| is_full(open)) {
            self.rotate()?;
        }
        let open = self.opened()?;
        let begun = open.size;
        open.size = open.size.saturating_add(bytes);
        open.file.write_all(line).inspect_err(|_| {
            // What was written of the line goes, so that the next one begins a line.
            if open.file.set_len(begun).is_ok() {
                open.size = begun;
            }
        })
    }

    fn opened(&mut self) -> io::Result<&mut Open> {
        self.open.take_if(|open| !open.is_still_at(&self.path));
        match &mut self.open {
            Some(open) => Ok(open),
            place => Ok(place.insert(open(&self.path)?)),
        }
    }

    /// Moves every file on by one. Where they cannot be moved, the present one is emptied: a bound that is kept is worth more
    /// than lines that are old.
    fn rotate(&mut self) -> io::Result<()> {
        let moved = (1..self.files).rev().try_for_each(|number| {
            match fs::rename(self.numbered(number.saturating_sub(1)), self.numbered(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        });
        let Some(open) = &mut self.open else { return moved };
        if moved.is_ok() && self.files > 1 {
            self.open = None;
            return Ok(());
        }
        open.file.set_len(0)?;
        open.size = 0;
        Ok(())
    }

    /// The path of a file by its age: 0 is the one that is written.
    fn numbered(&self, number: usize) -> PathBuf {
        match number {
            0 => self.path.clone(),
            _ => PathBuf::from(format!("{}.{number}", self.path.display())),
        }
    }
}

/// Opens the file for what is added at its end. A pipe or a device is refused, and none is waited for.
fn open(path: &Path) -> io::Result<Open> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().append(true).create(true).mode(MODE).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no ordinary file"));
    }
    Ok(Open { file, size: metadata.len(), looked: Instant::now() })
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(failed) = self.failed
            && failed.elapsed() < REST
        {
            return Err(io::ErrorKind::Other.into());
        }
        let result = self.put(line);
        match &result {
            Ok(()) => self.failed = None,
            Err(error) => {
                // A disk that is full stays full for a while, and one line says so.
                self.open = None;
                let path = self.path.display();
                if self.failed.replace(Instant::now()).is_none() {
                    tracing::warn!("log.file: {path} cannot be written, and standard error alone has the log: {error}");
                }
            }
        }
        result.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_files_stay_below_their_size_and_their_number_and_no_line_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        let mut log = Rotating::new(path.clone(), 1_000, 3);
        for number in 0..500 {
            log.write_all(format!("line {number:05}\n").as_bytes()).unwrap();
        }
        assert_eq!(names(folder.path()), ["node.log", "node.log.1", "node.log.2"]);
        let mut lines = Vec::new();
        for name in ["node.log.2", "node.log.1", "node.log"] {
            let text = fs::read_to_string(folder.path().join(name)).unwrap();
            assert!(text.len() <= 1_000, "{name}");
            lines.extend(text.lines().map(str::to_owned));
        }
        let expected: Vec<String> = (500 - lines.len()..500).map(|number| format!("line {number:05}")).collect();
        assert_eq!(lines, expected);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        // A line that is larger than a file stands alone in one, and the next start goes on where this one ended.
        log.write_all(&[b'x'; 2_000]).unwrap();
        drop(log);
        let mut log = Rotating::new(path.clone(), 1_000, 3);
        log.write_all(b"again\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "again\n");
        assert_eq!(fs::metadata(folder.path().join("node.log.1")).unwrap().len(), 2_000);
        log.write_all(b"and again\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "again\nand again\n");
    }

    #[test]
    fn one_file_is_emptied_and_so_is_one_that_cannot_be_moved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.log");
        let write = |files| {
            let mut log = Rotating::new(path.clone(), 100, files);
            (0..100).for_each(|_| log.write_all(b"0123456789\n").unwrap());
            assert!(fs::metadata(&path).unwrap().len() <= 100);
        };
        write(1);
        assert_eq!(names(folder.path()), ["node.log"]);
        // A folder stands where the older file should come.
        fs::create_dir_all(folder.path().join("node.log.1/x")).unwrap();
        write(2);
        assert_eq!(names(folder.path()), ["node.log", "node.log.1"]);
    }

    #[test]
    fn a_file_that_another_program_moves_removes_or_empties_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("node.log"), folder.path().join("moved"));
        let mut log = Rotating::new(path.clone(), 100, 3);
        // The next look is due.
        let write = |log: &mut Rotating, line: &[u8]| {
            if let Some(open) = &mut log.open {
                open.looked = open.looked.checked_sub(LOOK_EVERY).unwrap();
            }
            log.write_all(line).unwrap();
        };
        write(&mut log, b"first\n");
        fs::rename(&path, &moved).unwrap();
        write(&mut log, b"second\n");
        assert_eq!(fs::read_to_string(&moved).unwrap(), "first\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "second\n");
        fs::remove_file(&path).unwrap();
        write(&mut log, b"third\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "third\n");
        // What was emptied has room again.
        write(&mut log, &[b'x'; 90]);
        File::create(&path).unwrap();
        write(&mut log, b"fourth, which is longer than ten bytes\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "fourth, which is longer than ten bytes\n");
        assert_eq!(names(folder.path()), ["moved", "node.log"]);
    }

    #[test]
    fn what_cannot_be_written_is_an_error_at_once_and_is_tried_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let full = folder.path().join("full");
        symlink("/dev/full", &full).unwrap();
        for path in [full, folder.path().into(), folder.path().join("missing/node.log")] {
            let mut log = Rotating::new(path, 1_000, 3);
            for _ in 0..3 {
                log.write_all(b"x\n").unwrap_err();
            }
            assert!(log.failed.is_some_and(|failed| failed.elapsed() < REST));
        }
        let path = folder.path().join("later/node.log");
        let mut log = Rotating::new(path.clone(), 1_000, 3);
        log.write_all(b"lost\n").unwrap_err();
        fs::create_dir(folder.path().join("later")).unwrap();
        log.failed = log.failed.and_then(|failed| failed.checked_sub(REST));
        log.write_all(b"written\n").unwrap();
        assert_eq!((fs::read_to_string(path).unwrap().as_str(), log.failed), ("written\n", None));
    }
}
