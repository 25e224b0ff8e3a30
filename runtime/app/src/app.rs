//! The application: what an engine holds.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Weak},
};

use bytes::Bytes;
use diem_bank as bank;
use diem_core::{
    Address, CallError, Fatal, StateRead,
    chain::{IDENTITY, Identity},
};
use diem_index::Index;
use diem_overlay::WriteSet;
use diem_store::{
    Held, Snapshot, Store, StoreError,
    state_sync::{ROWS_PER_CHUNK, Shelf},
};
use diem_types::{APP_VERSION, ChainError, ConsensusParams, GasParams, Signed, TxResult};
use parking_lot::{Mutex, RwLock};

use crate::{
    ante, chain,
    hooks::Hooks,
    mempool::{Mempool, Waits},
    pending::{Consensus, PendingGenesis},
    pruning::Keep,
    signatures::Signatures,
    snapshots::{Progress, Snapshots},
    votes::Votes,
};

/// The longest vote extension that is accepted, in bytes. It is a constant of consensus.
pub const MAX_VOTE_EXTENSION_BYTES: usize = 1_024;

/// Settings of an application. None of them can change a result.
#[derive(Clone)]
pub struct Options {
    /// The settings of the store.
    pub store: diem_store::Options,
    /// The number of transactions whose good signatures are remembered, and of statements whose verdicts are.
    pub remembered_signatures: usize,
    /// The blocks that are kept, here and by CometBFT.
    pub keep: Keep,
    /// The most rows in a chunk of a snapshot, on average. All nodes of a chain have the default; tests need fewer.
    pub rows_per_chunk: u64,
    /// The bytes that a snapshot leaves free on its disk; the store has a least number of its own.
    pub snapshots_leave: u64,
    /// The steps of a block. Tests put failing ones here; every node runs the default.
    pub hooks: Hooks,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            store: diem_store::Options::default(),
            remembered_signatures: 400_000,
            keep: Keep::default(),
            rows_per_chunk: ROWS_PER_CHUNK,
            snapshots_leave: 0,
            hooks: Hooks::default(),
        }
    }
}

/// The state machine of the chain. It is shared between threads: consensus calls come one after the other, all others
/// at any time. Queries wait for none of them. What looks into the pool (checks, next nonces, and dry runs of
/// transactions that do not follow the committed nonce) waits for a commit under way, which holds the pool over its
/// synced write.
///
/// Lock order, against deadlocks: `consensus`, `mempool`, the store's writer, `chain` or `genesis`, the store's ring,
/// those of `votes`. Whoever holds one takes only later ones.
pub struct App {
    pub(crate) store: Store,
    pub(crate) hooks: Hooks,
    pub(crate) keep: Keep,
    pub(crate) consensus: Mutex<Consensus>,
    pub(crate) mempool: Mutex<Mempool>,
    pub(crate) signatures: Signatures,
    pub(crate) votes: Votes,
    /// The snapshots beside the store; none where it is in memory.
    pub(crate) snapshots: Option<Snapshots>,
    pub(crate) restoring: Mutex<Weak<Progress>>,
    /// The hashes of the manifests of snapshots that were given up: no peer brought their chunks.
    pub(crate) given_up: Mutex<BTreeSet<[u8; 32]>>,
    pub(crate) chain: RwLock<Option<Arc<Identity>>>,
    pub(crate) genesis: RwLock<Option<Arc<PendingGenesis>>>,
}

/// The identity of the state that the application holds on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The last committed height; 0 before the first commit.
    pub height: u64,
    /// The state root after that height.
    pub root: [u8; 32],
    /// The version of the state machine that computed it; before the first commit, that of this binary, with which
    /// alone it starts a chain.
    pub app_version: u64,
}

impl Info {
    const fn of(held: &Held) -> Self {
        Self { height: held.meta.height, root: held.meta.root, app_version: held.meta.app_version }
    }
}

/// How a state on disk began, and whether a key signs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// The identity of the state.
    pub info: Info,
    /// The height of the snapshot with which it began; `None` if all blocks were executed.
    pub began_at: Option<u64>,
    /// Whether the key is one of a validator that consensus was told.
    pub is_validator: bool,
}

/// The state that the next block stands on.
pub(crate) enum Base {
    Committed(Snapshot),
    Genesis(Arc<PendingGenesis>),
}

/// A state to execute a block on.
#[derive(Clone, Copy)]
pub(crate) struct Below<'a> {
    pub(crate) state: &'a dyn StateRead,
    /// The number of its rows.
    pub(crate) rows: u64,
}

impl Base {
    /// The number of rows, which decides whether the next block may make more.
    pub(crate) fn rows(&self) -> u64 {
        match self {
            Self::Committed(snapshot) => snapshot.row_count(),
            Self::Genesis(genesis) => genesis.rows,
        }
    }

    /// The state on which the next block is executed.
    pub(crate) fn below(&self) -> Below<'_> {
        Below { state: self.state(), rows: self.rows() }
    }

    pub(crate) fn state(&self) -> &dyn StateRead {
        match self {
            Self::Committed(snapshot) => snapshot,
            Self::Genesis(genesis) => &genesis.state,
        }
    }
}

/// The settings of a store that knows the index of this application.
fn with_index(options: diem_store::Options) -> diem_store::Options {
    diem_store::Options { index: diem_index::LAYOUT, ..options }
}

impl App {
    /// Opens the store in the folder `data` and takes its lock.
    ///
    /// # Errors
    /// Another process holds it, the disk refuses, the rows are of another version of the state machine, or the rows
    /// and the recorded root disagree.
    pub fn open(data: &Path, options: Options) -> Result<Self, StoreError> {
        // This only reads, and comes first: opening for use replays RocksDB's log, which changes files of a home that
        // is refused.
        Self::held(data)?;
        let store = Store::open(data, with_index(options.store))?;
        let shelf =
            Shelf::open(&crate::snapshots::folder(data), options.rows_per_chunk)?.leaving(options.snapshots_leave);
        Ok(Self::with_store(store, Some(Snapshots::new(shelf)), options))
    }

    /// Reads all rows in the folder `data`, whose files may be damaged. Nothing is created, changed or locked.
    ///
    /// # Errors
    /// A file is not what was written.
    pub fn check_files(data: &Path) -> Result<(), StoreError> {
        Store::check_files(data)
    }

    /// The identity of the state in the folder `data`, without opening it for use: nothing is created, changed or
    /// locked. `None` before the first commit.
    ///
    /// # Errors
    /// The rows are of another version of the state machine, or cannot be read.
    pub fn held(data: &Path) -> Result<Option<Info>, StoreError> {
        Ok(Self::judge(data, &[])?.map(|held| Info::of(&held)))
    }

    /// How the state in the folder `data` began, and whether consensus has a validator with this key, as [`Self::held`] reads
    /// it. `None` before the first commit.
    ///
    /// # Errors
    /// The rows are of another version of the state machine, or cannot be read.
    pub fn held_beginning(data: &Path, consensus_key: &[u8; 32]) -> Result<Option<Beginning>, StoreError> {
        let held = Self::judge(data, &[&diem_staking::member_key(consensus_key)])?;
        Ok(held.map(|held| Beginning {
            info: Info::of(&held),
            began_at: held.began_at,
            is_validator: held.rows.iter().any(Option::is_some),
        }))
    }

    /// The identity of the chain in the folder `data`, as [`Self::held`] reads it. `None` before the first commit.
    ///
    /// # Errors
    /// The rows are of another version of the state machine, or cannot be read.
    pub fn held_chain(data: &Path) -> Result<Option<Identity>, StoreError> {
        let held = Self::judge(data, &[&IDENTITY.key()])?;
        let identity = held.and_then(|held| held.rows.into_iter().next().flatten());
        Ok(identity.map(|row| IDENTITY.decode(&row)))
    }

    /// The last commit in the folder `data` with the rows of these keys, whose bytes only this version decodes.
    fn judge(data: &Path, keys: &[&[u8]]) -> Result<Option<Held>, StoreError> {
        let held = Store::held(data, keys)?;
        if let Some(held) = &held {
            held.meta.check_version(data, APP_VERSION)?;
        }
        Ok(held)
    }

    /// Makes an application on a store in memory, for tests.
    pub fn in_memory(options: Options) -> Self {
        Self::with_store(Store::in_memory(with_index(options.store)), None, options)
    }

    fn with_store(store: Store, snapshots: Option<Snapshots>, options: Options) -> Self {
        let chain = IDENTITY.get(&store.latest()).map(Arc::new);
        Self {
            store,
            hooks: options.hooks,
            keep: options.keep,
            consensus: Mutex::default(),
            mempool: Mutex::default(),
            signatures: Signatures::new(options.remembered_signatures),
            votes: Votes::default(),
            snapshots,
            restoring: Mutex::default(),
            given_up: Mutex::default(),
            chain: RwLock::new(chain),
            genesis: RwLock::new(None),
        }
    }

    /// The identity of the state on disk. It only reads: anyone may ask CometBFT to ask.
    pub fn info(&self) -> Info {
        match self.store.meta() {
            Some(meta) => Info { height: meta.height, root: meta.root, app_version: meta.app_version },
            None => Info { height: 0, root: self.store.latest().root(), app_version: APP_VERSION },
        }
    }

    /// The identity of this chain; `None` before InitChain.
    pub fn chain(&self) -> Option<Arc<Identity>> {
        self.chain.read().clone()
    }

    /// The store, for pinning heights and for measuring.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The blocks and transactions that this node keeps to be found.
    pub const fn index(&self) -> Index<'_> {
        Index::new(&self.store)
    }

    /// The steps of a block.
    pub const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// The number of rows of the last committed state, or of the genesis before the first commit, and the bound on it.
    pub fn state_size(&self) -> (u64, diem_types::ChainParams) {
        let base = self.base();
        (base.rows(), chain::params(base.state()))
    }

    /// The parameters of gas in the last committed state.
    pub fn gas_params(&self) -> GasParams {
        chain::gas(self.base().state())
    }

    /// The parameters of consensus in the last committed state, or in the genesis before the first commit.
    pub fn consensus_params(&self) -> ConsensusParams {
        chain::consensus(self.base().state())
    }

    pub(crate) fn base(&self) -> Base {
        match &*self.genesis.read() {
            Some(genesis) => Base::Genesis(Arc::clone(genesis)),
            None => Base::Committed(self.store.latest()),
        }
    }

    pub(crate) fn known_chain(&self) -> Result<Arc<Identity>, Fatal> {
        self.chain().ok_or_else(|| Fatal("no chain: InitChain must come before the first block".into()))
    }

    /// Whether a transaction may wait in the mempool: signature, nonce, expiry, fee, stateless validation. It counts
    /// as pending until the next commit, so that the sender's next nonce is accepted after it.
    pub fn check_tx(&self, bytes: &[u8]) -> TxResult {
        let checked = self.signatures.decode(bytes).map_err(CallError::from);
        match checked.and_then(|tx| self.check_decoded(&tx)) {
            Ok(result) => result,
            Err(error) => TxResult::refused(error),
        }
    }

    fn check_decoded(&self, tx: &Signed) -> Result<TxResult, CallError> {
        tx.tx.calls.iter().try_for_each(|call| call.message().validate())?;
        let chain = self.chain().ok_or(ChainError::NotStarted)?;
        // Lock order: the pool's lock comes before the read of the state. A commit clears the pool after it swapped the
        // state, so what is checked here never stands on an older state than the pool's.
        let mut mempool = self.mempool.lock();
        let base = self.base();
        let height = match &base {
            Base::Committed(snapshot) => snapshot.height().saturating_add(1),
            Base::Genesis(_) => chain.initial_height,
        };
        let checked = ante::check_static(tx, &chain, &chain::gas(base.state()), height);
        let checked = checked.and_then(|cost| ante::check_sender(base.state(), tx).map(|()| cost));
        let admitted = checked.and_then(|cost| Ok((cost, mempool.admit(base.state(), tx, cost.fee, height)?)));
        let (cost, waits) = admitted.inspect_err(|_| mempool.refused(base.state(), tx))?;
        drop(mempool);
        // It may be in the next block: what it holds is verified before that block is. What waits behind a gap pays
        // nothing for as long as it does, so nothing of it is verified.
        if waits == Waits::InTurn {
            self.signatures.learn_waiting(tx);
        }
        Ok(TxResult { gas_wanted: cost.gas, fee: cost.fee, ..TxResult::default() })
    }

    /// The nonce of the next transaction that `sender` can send: that of the last committed state, and beyond it those
    /// that wait in the pool one after the other. Nothing behind a gap counts: the first nonce that is missing is
    /// returned.
    ///
    /// It is what this node's pool knows now, and cannot be proven: a transaction that waits may be dropped, and
    /// another node may know of others. It waits for a commit under way, as a check does.
    pub fn next_nonce(&self, sender: &Address) -> u64 {
        // The lock is taken first, for the reason given at a check.
        let mempool = self.mempool.lock();
        mempool.next(sender, bank::nonce(self.base().state(), sender))
    }

    /// Decodes transactions and verifies their signatures, in parallel batches, and remembers the good ones, so that
    /// the checks and the block that follow do neither again. It is for whoever takes in many transactions at once.
    pub fn verify_signatures(&self, txs: &[Bytes]) -> Vec<Result<Arc<Signed>, CallError>> {
        self.signatures.decode_all(txs).into_iter().map(|tx| tx.map_err(CallError::from)).collect()
    }

    /// Forgets a finalized block that was not committed, and what waited in the pool: the engine that held both is
    /// gone.
    pub fn drop_pending(&self) {
        self.consensus.lock().forget();
        self.mempool.lock().clear();
    }

    /// Checks what must be true of the last committed state. It walks all of it.
    ///
    /// # Errors
    /// Names the invariant that does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        crate::modules::check_invariants(&self.store.latest())
    }

    /// The genesis rows that go into the first commit.
    pub(crate) fn genesis_writes(&self) -> WriteSet {
        self.genesis.read().as_ref().map(|genesis| genesis.state.writes().clone()).unwrap_or_default()
    }
}
