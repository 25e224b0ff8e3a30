//! How an empty node takes a snapshot from others. Nothing that they say is believed: the manifest must fold to the app
//! hash that a light client verified, each chunk must fit the manifest, and the rows must be of this node's own chain.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use diem_core::{
    BlockInfo, Key,
    chain::{IDENTITY, Identity},
};
use diem_store::{
    Snapshot, StoreError,
    state_sync::{FORMAT, Manifest, ManifestError, Restore, WrongChunk},
};
use diem_types::APP_VERSION;

use super::SnapshotInfo;
use crate::{App, chain::LAST_BLOCK, pending::Consensus};

/// The answer to OfferSnapshot, as ABCI names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferVerdict {
    /// Chunks may come.
    Accept,
    /// No snapshot can be restored.
    Abort,
    /// Another snapshot may do.
    Reject,
    /// Another format may do.
    RejectFormat,
    /// Whoever offers this lies, so none of his is taken.
    RejectSender,
}

/// Why an offered snapshot is refused.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// The snapshot is of a form that this node does not know.
    #[error("its format is {0}, and this node knows format {FORMAT} only")]
    Format(u32),
    /// The manifest does not decode.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Height, number of chunks or hash are not those of the manifest.
    #[error("its {0} is not that of its manifest")]
    Description(&'static str),
    /// The roots of the chunks do not fold to the app hash.
    #[error("its chunks fold to {found} instead of the app hash {expected}")]
    AppHash {
        /// The app hash that a light client verified, in hex.
        expected: String,
        /// The root over the chunks, in hex.
        found: String,
    },
    /// Nobody could bring its chunks.
    #[error("it was given up before, since no peer brought right chunks of it")]
    GivenUp,
    /// This home has a chain, or its disk refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OfferError {
    /// The answer to consensus.
    pub const fn verdict(&self) -> OfferVerdict {
        match self {
            Self::Format(_) => OfferVerdict::RejectFormat,
            Self::GivenUp => OfferVerdict::Reject,
            Self::Manifest(_) | Self::Description(_) | Self::AppHash { .. } => OfferVerdict::RejectSender,
            Self::Store(_) => OfferVerdict::Abort,
        }
    }
}

/// The result in an answer to ApplySnapshotChunk, as ABCI names it. A chunk that must come again is accepted and asked
/// for, as are others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkVerdict {
    /// The chunk is taken.
    Accept,
    /// No snapshot was offered before, with the reason for the log.
    Abort(String),
    /// The snapshot is of no use, with the reason for the log. Nothing of it is left.
    RejectSnapshot(String),
}

/// The answer to ApplySnapshotChunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkAnswer {
    /// The result.
    pub verdict: ChunkVerdict,
    /// The chunks that turned out to be wrong: they are asked for again, their senders rejected, and the reasons are for
    /// the log.
    pub wrong: Vec<WrongChunk>,
    /// The height that this node now has, after the last chunk.
    pub restored: Option<u64>,
}

impl ChunkAnswer {
    /// The chunks to fetch again.
    pub fn refetch_chunks(&self) -> Vec<u32> {
        self.wrong.iter().filter_map(|wrong| u32::try_from(wrong.index).ok()).collect()
    }

    /// The peers from which nothing is taken any more.
    pub fn reject_senders(&self) -> Vec<String> {
        let mut senders: Vec<String> = self.wrong.iter().map(|wrong| wrong.sender.clone()).collect();
        senders.retain(|sender| !sender.is_empty());
        senders.sort_unstable();
        senders.dedup();
        senders
    }
}

/// A snapshot on its way into the store, and the chain that it must be of.
pub(crate) struct Restoring {
    restore: Restore,
    own: Identity,
    progress: Arc<Progress>,
}

/// The numbers of the chunks that were found right and wrong, and of all: for whoever must not wait for consensus. It ends with
/// the restore.
pub(crate) struct Progress {
    right: AtomicUsize,
    wrong: AtomicUsize,
    all: usize,
}

/// How far the restoring of a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreProgress {
    /// The number of chunks that were found right.
    pub right: usize,
    /// How often a chunk was wrong.
    pub wrong: usize,
    /// The number of all chunks.
    pub all: usize,
}

impl App {
    /// Judges a snapshot that peers offer, and makes ready to take its chunks. `app_hash` is the state root of that
    /// height as consensus verified it, and `own` this node's chain, by its genesis. A snapshot that was being
    /// restored is given up.
    ///
    /// # Errors
    /// [`OfferError`]; its verdict is the answer.
    pub fn offer_snapshot(&self, offer: &SnapshotInfo, app_hash: &[u8], own: &Identity) -> Result<(), OfferError> {
        let mut consensus = self.consensus.lock();
        consensus.restoring = None;
        let manifest = judge(offer, app_hash)?;
        if self.given_up.lock().contains(&manifest.hash()) {
            return Err(OfferError::GivenUp);
        }
        let wanted = [IDENTITY.key(), LAST_BLOCK.key()].map(|key| Key::from_slice(&key)).into();
        let progress = Arc::new(Progress {
            right: AtomicUsize::default(),
            wrong: AtomicUsize::default(),
            all: manifest.chunks().len(),
        });
        let restore = self.store.restore(manifest, wanted)?;
        *self.restoring.lock() = Arc::downgrade(&progress);
        consensus.restoring = Some(Restoring { restore, own: own.clone(), progress });
        Ok(())
    }

    /// Takes a chunk of the accepted snapshot from `sender`. Chunks are worked on behind, so the answer tells of
    /// earlier ones; the answer to the last one comes when the rows are checked and written, and from then on this
    /// application is at the snapshot's height.
    ///
    /// # Errors
    /// The disk refuses: this node must stop. The next start begins with an empty store.
    pub fn apply_chunk(&self, index: u32, chunk: Bytes, sender: &str) -> Result<ChunkAnswer, StoreError> {
        let mut consensus = self.consensus.lock();
        let answer = |verdict, wrong| ChunkAnswer { verdict, wrong, restored: None };
        let Some(restoring) = &mut consensus.restoring else {
            return Ok(answer(ChunkVerdict::Abort("no snapshot was offered before this chunk".into()), Vec::new()));
        };
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let applied = restoring.restore.apply(index, chunk, sender);
        restoring.progress.right.store(restoring.restore.progress().0, Relaxed);
        let progress = Arc::clone(&restoring.progress);
        let applied = applied.inspect_err(|_| consensus.restoring = None)?;
        progress.wrong.fetch_add(applied.wrong.len(), Relaxed);
        if !applied.is_complete {
            return Ok(answer(ChunkVerdict::Accept, applied.wrong));
        }
        match self.adopt(&mut consensus)? {
            Ok(snapshot) => {
                let restored = Some(snapshot.height());
                Ok(ChunkAnswer { verdict: ChunkVerdict::Accept, wrong: applied.wrong, restored })
            }
            Err(reason) => Ok(answer(ChunkVerdict::RejectSnapshot(reason), applied.wrong)),
        }
    }

    /// Gives up the snapshot that is being restored: nothing of it is left, and it is refused from now on.
    pub fn give_up_restoring(&self) {
        if let Some(given_up) = self.consensus.lock().restoring.take() {
            self.given_up.lock().insert(given_up.restore.manifest().hash());
        }
    }

    /// How far the restoring of a snapshot is, while there is one. It waits for nobody.
    pub fn restoring(&self) -> Option<RestoreProgress> {
        let progress = self.restoring.lock().upgrade()?;
        let (right, wrong) = (progress.right.load(Relaxed), progress.wrong.load(Relaxed));
        Some(RestoreProgress { right, wrong, all: progress.all })
    }

    /// Makes the restored rows this application's state. The inner error says why they cannot be.
    fn adopt(&self, consensus: &mut Consensus) -> Result<Result<Snapshot, String>, StoreError> {
        let Some(Restoring { restore, own, progress: _progress }) = consensus.restoring.take() else {
            return Ok(Err("no snapshot is being restored".into()));
        };
        let last = match check_rows(&restore, &own) {
            Ok(last) => last,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut mempool = self.mempool.lock();
        let snapshot = match self.store.adopt(restore, last.time.millis(), APP_VERSION) {
            Err(error @ (StoreError::RootMismatch { .. } | StoreError::NotEmpty { .. })) => {
                return Ok(Err(error.to_string()));
            }
            adopted => adopted?,
        };
        *self.chain.write() = IDENTITY.get(&snapshot).map(Arc::new);
        *self.genesis.write() = None;
        mempool.clear();
        self.votes.clear();
        consensus.forget();
        Ok(Ok(snapshot))
    }
}

fn judge(offer: &SnapshotInfo, app_hash: &[u8]) -> Result<Manifest, OfferError> {
    if offer.format != FORMAT {
        return Err(OfferError::Format(offer.format));
    }
    let manifest = Manifest::decode(&offer.metadata)?;
    if offer.height != manifest.height() {
        return Err(OfferError::Description("height"));
    }
    if usize::try_from(offer.chunks) != Ok(manifest.chunks().len()) {
        return Err(OfferError::Description("number of chunks"));
    }
    if offer.hash != manifest.hash()[..] {
        return Err(OfferError::Description("hash"));
    }
    let found = manifest.app_hash();
    if found[..] != *app_hash {
        return Err(OfferError::AppHash { expected: hex::encode(app_hash), found: hex::encode(found) });
    }
    Ok(manifest)
}

/// Checks that the rows are of this node's own chain, of the manifest's height, and of this version of the state
/// machine; gives back the last block.
fn check_rows(restore: &Restore, own: &Identity) -> Result<BlockInfo, String> {
    let row = |key: &[u8], what: &str| restore.row(key).ok_or_else(|| format!("the snapshot has no row of the {what}"));
    // The rows are those of the app hash, but perhaps of a version that writes them otherwise.
    let identity: Identity = borsh::from_slice(&row(&IDENTITY.key(), "chain")?)
        .map_err(|_| "the snapshot's row of the chain is of another version of the state machine".to_owned())?;
    if (&identity.chain_id, identity.genesis_hash) != (&own.chain_id, own.genesis_hash) {
        return Err(format!(
            "the snapshot is of chain `{}` with genesis {}, and this node's genesis is {} of `{}`",
            identity.chain_id,
            hex::encode(identity.genesis_hash),
            hex::encode(own.genesis_hash),
            own.chain_id
        ));
    }
    if identity.app_version != APP_VERSION {
        return Err(format!(
            "the snapshot is of version {} of the state machine, and this diemd computes version {APP_VERSION}: \
             join with a diemd of that version",
            identity.app_version
        ));
    }
    let last: BlockInfo = borsh::from_slice(&row(&LAST_BLOCK.key(), "last block")?)
        .map_err(|_| "the snapshot's row of the last block is of another version of the state machine".to_owned())?;
    match restore.manifest().height() {
        height if height == last.height => Ok(last),
        height => {
            Err(format!("the snapshot is offered as height {height}, and its rows are of height {}", last.height))
        }
    }
}
