//! CometBFT's write-ahead log of consensus, of which it keeps a gigabyte in pieces of 10 MB.
//!
//! It reads only what comes behind the end of the last height: the messages of the height that was interrupted. Pieces
//! before that are no use to anybody, and a node that prunes its blocks removes them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use prost::Message;
use tokio::sync::watch;

/// The number of newest pieces with the end of a height that stay, with all pieces between and above them. One would do;
/// the other is a margin.
const KEPT: usize = 2;
/// The number of blocks after which it is looked for pieces again.
const EVERY: u64 = 256;
/// The bytes of a record before its message: checksum and length.
const HEAD: usize = 8;

/// A record of the log, as far as it matters here (`tendermint.consensus.TimedWALMessage`).
#[derive(Clone, PartialEq, Message)]
struct Timed {
    #[prost(message, optional, tag = "2")]
    message: Option<Logged>,
}

#[derive(Clone, PartialEq, Message)]
struct Logged {
    #[prost(message, optional, tag = "4")]
    end_height: Option<EndHeight>,
}

#[derive(Clone, PartialEq, Message)]
struct EndHeight {
    #[prost(int64, tag = "1")]
    height: i64,
}

/// Removes the pieces of the log that no start of CometBFT reads, and returns their number. It may run or not.
///
/// # Errors
/// The disk refuses.
pub fn trim(home: &Path) -> io::Result<usize> {
    let folder = home.join("data/cs.wal");
    let mut pieces = pieces(&folder)?;
    let mut ends = usize::from(ends_a_height(&folder.join("wal"))?);
    while ends < KEPT {
        // The newest is the last.
        let Some((_, piece)) = pieces.pop() else { return Ok(0) };
        ends = ends.saturating_add(usize::from(ends_a_height(&piece)?));
    }
    // The oldest goes first, so that what is left has no gap wherever this ends.
    pieces.iter().try_for_each(|(_, piece)| fs::remove_file(piece))?;
    Ok(pieces.len())
}

/// The pieces that are full, by their numbers; the one that is being written is called `wal`.
fn pieces(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("wal."));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether the end of a height is among the records of a piece. What cannot be read ends none: CometBFT may be writing it.
fn ends_a_height(piece: &Path) -> io::Result<bool> {
    let bytes = match fs::read(piece) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        bytes => bytes?,
    };
    let mut rest = bytes.as_slice();
    while let Some((head, behind)) = rest.split_at_checked(HEAD) {
        let length = head.last_chunk().map_or(0, |length| u32::from_be_bytes(*length));
        let Some((record, next)) = behind.split_at_checked(usize::try_from(length).unwrap_or(usize::MAX)) else {
            return Ok(false);
        };
        let Ok(Timed { message }) = Timed::decode(record) else { return Ok(false) };
        if message.is_some_and(|message| message.end_height.is_some()) {
            return Ok(true);
        }
        rest = next;
    }
    Ok(false)
}

/// Trims the log of the CometBFT home `home` now and then, until the node ends.
pub(crate) async fn trim_on(home: PathBuf, mut heights: watch::Receiver<u64>) {
    let mut next = 0;
    // An error says that the node has stopped.
    while let Ok(height) = heights.wait_for(|height| *height >= next).await.map(|height| *height) {
        let home = home.clone();
        match tokio::task::spawn_blocking(move || trim(&home)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(removed)) => tracing::debug!(removed, "old pieces of CometBFT's log of consensus are removed"),
            Ok(Err(error)) => tracing::warn!(%error, "old pieces of CometBFT's log of consensus stay"),
            Err(_) => return,
        }
        next = height.saturating_add(EVERY);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn record(end_height: Option<i64>) -> Vec<u8> {
        let end_height = end_height.map(|height| EndHeight { height });
        let message = Timed { message: Some(Logged { end_height }) }.encode_to_vec();
        let mut record = vec![0; 4];
        record.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        record.extend_from_slice(&message);
        record
    }

    /// A log of these pieces, the last of which is being written; each says whether a height ends in it.
    fn log(pieces: &[bool]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data/cs.wal");
        fs::create_dir_all(&folder).unwrap();
        for (number, ends) in pieces.iter().enumerate() {
            let mut bytes = record(None);
            bytes.extend(ends.then(|| record(Some(7))).into_iter().flatten());
            bytes.extend(record(None));
            let is_last = pieces.get(number.saturating_add(1)).is_none();
            let name = if is_last { "wal".to_owned() } else { format!("wal.{number:03}") };
            fs::write(folder.join(name), bytes).unwrap();
        }
        home
    }

    fn left(home: &tempfile::TempDir) -> Vec<String> {
        let names = fs::read_dir(home.path().join("data/cs.wal")).unwrap();
        let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn pieces_before_the_last_two_ends_of_heights_go() {
        let home = log(&[true, true, true, true]);
        assert_eq!((trim(home.path()).unwrap(), left(&home)), (2, vec!["wal".into(), "wal.002".into()]));
        assert_eq!(trim(home.path()).unwrap(), 0);
    }

    #[test]
    fn a_height_that_fills_many_pieces_keeps_them_all() {
        let home = log(&[true, true, true, false, false, false]);
        assert_eq!(trim(home.path()).unwrap(), 1);
        assert_eq!(left(&home), ["wal", "wal.001", "wal.002", "wal.003", "wal.004"]);
    }

    #[test]
    fn a_piece_that_cannot_be_read_ends_no_height() {
        let home = log(&[true, true, true]);
        let torn = home.path().join("data/cs.wal/wal");
        let mut bytes = record(None);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 99, 1]);
        fs::write(&torn, bytes).unwrap();
        assert_eq!((trim(home.path()).unwrap(), left(&home).len()), (0, 3));
        assert_eq!(trim(tempfile::tempdir().unwrap().path()).unwrap(), 0, "a home without a log has nothing to trim");
    }
}
