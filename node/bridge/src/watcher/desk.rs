//! What the watcher lays before the signer, and the stop that both heed.

use std::path::{Path, PathBuf};

use diem_bridge::Checkpoint;
use diem_host::home::{HomeError, write_whole};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// The place where the watcher lays down what the signer may sign. It is empty after each start.
#[derive(Debug)]
pub struct Desk {
    board: Mutex<Board>,
    changed: Notify,
    stop: PathBuf,
}

#[derive(Debug, Default)]
struct Board {
    /// The number of times that everything was thrown away.
    epoch: u64,
    /// The separator of the contract's domain that all of it is about.
    domain: [u8; 32],
    /// The blocks that are final and proven, ascending.
    finals: Vec<Checkpoint>,
    /// The nonce of a pause that should be signed.
    pause: Option<u64>,
    /// The numbers and hashes of the blocks that this node's keys have stated.
    stated: Vec<(u64, [u8; 32])>,
}

/// A block of Base that is final and was stated otherwise: the content of the file that stops the signer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reorg {
    /// The number of the block.
    pub(crate) number: u64,
    /// The hash that this node has stated.
    #[serde(with = "hex::serde")]
    pub(crate) stated: [u8; 32],
    /// The hash that enough endpoints call final now.
    #[serde(with = "hex::serde")]
    pub(crate) found: [u8; 32],
    /// Whether an operator has found that Base did change: the signer goes on, and the blocks up to this one are not
    /// compared any more.
    #[serde(default)]
    pub(crate) accepted: bool,
}

impl Desk {
    /// An empty desk. The file at `stop`, once it is there, stops the signer until an operator takes it away.
    pub fn new(stop: &Path) -> Self {
        Self { board: Mutex::default(), changed: Notify::new(), stop: stop.into() }
    }

    /// Takes down what this node's keys have stated of Base, as their memory has it.
    pub(crate) fn note_stated(&self, domain: [u8; 32], stated: Vec<(u64, [u8; 32])>) {
        self.about(domain).stated = stated;
    }

    /// The numbers and hashes of the blocks that this node's keys have stated.
    pub(crate) fn stated(&self, domain: &[u8; 32]) -> Vec<(u64, [u8; 32])> {
        let board = self.board.lock();
        if board.domain == *domain { board.stated.clone() } else { Vec::new() }
    }

    /// The board, which is empty if what lies there is about another domain.
    fn about(&self, domain: [u8; 32]) -> MutexGuard<'_, Board> {
        let mut board = self.board.lock();
        if board.domain != domain {
            *board = Board { domain, epoch: board.epoch, ..Board::default() };
        }
        board
    }

    /// Throws away what lies there: the chain for development has gone back, and Base with it.
    pub(crate) fn clear(&self) {
        let mut board = self.board.lock();
        *board = Board { epoch: board.epoch.wrapping_add(1), ..Board::default() };
    }

    /// The number that tells whether everything was thrown away meanwhile.
    pub(crate) fn epoch(&self) -> u64 {
        self.board.lock().epoch
    }

    /// Lays down all blocks that are final and proven, if nothing was thrown away since this epoch was read.
    pub(crate) fn lay(&self, epoch: u64, domain: [u8; 32], finals: Vec<Checkpoint>) {
        let mut board = self.about(domain);
        if board.epoch == epoch && board.finals != finals {
            board.finals = finals;
            self.changed.notify_one();
        }
    }

    /// The blocks of this domain that are final and proven.
    pub(crate) fn finals(&self, domain: &[u8; 32]) -> Vec<Checkpoint> {
        let board = self.board.lock();
        if board.domain == *domain { board.finals.clone() } else { Vec::new() }
    }

    /// Asks for a pause of minting.
    pub(crate) fn ask_for_pause(&self, domain: [u8; 32], nonce: u64) {
        let mut board = self.about(domain);
        if board.pause.replace(nonce) != Some(nonce) {
            self.changed.notify_one();
        }
    }

    /// The nonce of the pause that should be signed in this domain.
    pub(crate) fn pause(&self, domain: &[u8; 32]) -> Option<u64> {
        let board = self.board.lock();
        board.pause.filter(|_| board.domain == *domain)
    }

    /// Waits until something new lies there.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Stops the signer, also after a restart.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn stop(&self, reorg: &Reorg) -> Result<(), HomeError> {
        #[expect(clippy::expect_used, reason = "a number and hex are JSON")]
        let text = serde_json::to_string_pretty(reorg).expect("a record is JSON");
        write_whole(&self.stop, &text)
    }

    /// Why the signer is stopped, as a sentence; `None` if it is not. A file that cannot be read stops it too.
    pub(crate) fn stopped(&self) -> Option<String> {
        let path = self.stop.display();
        let what = match self.read_stop()? {
            Ok(Reorg { accepted: true, .. }) => return None,
            Ok(Reorg { number, stated, found, .. }) => format!(
                "Base has changed below its finality: this node has stated block {number} as 0x{}, and enough endpoints \
                 call 0x{} final",
                hex::encode(stated),
                hex::encode(found)
            ),
            Err(reason) => format!("what stopped it cannot be read ({reason})"),
        };
        Some(format!(
            "{what}: nothing is signed for the bridge; find out with the other validators which is right; if the \
             endpoints lied, replace them and remove {path}; if Base did change, write true for `accepted` there"
        ))
    }

    /// The number of the block up to which an operator has accepted that Base did change.
    pub(crate) fn accepted(&self) -> Option<u64> {
        let reorg = self.read_stop()?.ok()?;
        reorg.accepted.then_some(reorg.number)
    }

    fn read_stop(&self) -> Option<Result<Reorg, String>> {
        match std::fs::read(&self.stop) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(error.to_string())),
            Ok(bytes) => Some(serde_json::from_slice(&bytes).map_err(|error| error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stop_outlives_the_process_until_somebody_removes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stopped.json");
        let desk = Desk::new(&path);
        assert_eq!(desk.stopped(), None);
        let reorg = Reorg { number: 600, stated: [1; 32], found: [2; 32], accepted: false };
        desk.stop(&reorg).unwrap();
        let again = Desk::new(&path);
        let reason = again.stopped().unwrap();
        assert!(reason.contains("block 600") && reason.contains("stopped.json"), "{reason}");
        assert_eq!(again.accepted(), None);
        again.stop(&Reorg { accepted: true, ..reorg }).unwrap();
        assert_eq!((again.stopped(), again.accepted()), (None, Some(600)));
        std::fs::write(&path, "{").unwrap();
        assert!(again.stopped().unwrap().contains("cannot be read"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(again.stopped(), None);
    }

    #[test]
    fn what_was_laid_down_for_one_contract_is_nothing_to_another() {
        let desk = Desk::new(Path::new("/nowhere"));
        desk.ask_for_pause([1; 32], 3);
        assert_eq!((desk.pause(&[1; 32]), desk.pause(&[2; 32])), (Some(3), None));
        desk.lay(0, [2; 32], Vec::new());
        assert_eq!(desk.pause(&[1; 32]), None);
    }

    #[test]
    fn what_was_seen_before_the_chain_went_back_is_not_laid_down_after_it() {
        let desk = Desk::new(Path::new("/nowhere"));
        let (block_hash, rolling_hash, supply) = ([1; 32], [2; 32], diem_core::Amount::ZERO);
        let block = Checkpoint { number: 5, block_hash, timestamp: 1, event_nonce: 0, rolling_hash, supply };
        let epoch = desk.epoch();
        desk.lay(epoch, [3; 32], vec![block]);
        assert_eq!(desk.finals(&[3; 32]), [block]);
        desk.clear();
        desk.lay(epoch, [3; 32], vec![block]);
        assert_eq!(desk.finals(&[3; 32]), []);
        desk.lay(desk.epoch(), [3; 32], vec![block]);
        assert_eq!(desk.finals(&[3; 32]), [block]);
    }
}
