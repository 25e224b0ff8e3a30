//! The signer: after each commit it signs what the state wants of its keys and the chain does not hold yet.
//!
//! It never signs two contents under one number, whatever it is told: what was signed is on disk before it leaves, and
//! is repeated from there. For a contract that this version would not have created it signs nothing at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_bridge::{Checkpoint, Domain, OutboundKind, Statement, attesting, booking, state};
use diem_core::{Address, StateRead, keys::EthereumKey};
use diem_engine::Engine;
use diem_runtime::App;
use tokio::sync::watch;

use crate::{
    Desk, Keys, MemoryError, Metrics, contract,
    faults::{Fault, Faults},
    keys::Found,
    memory::{Entry, Memory, Recall, Slot},
    stating::{self, Owed},
    watcher::choose,
};

/// The most statements that a key owes at once. The rest follows when these are in a block.
const OWED: usize = 32;
/// The usual interval at which key files are read anew, and at which an endpoint is asked again for the contract.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The signer of a node.
pub struct Signer {
    app: Arc<App>,
    keys: Keys,
    found: Found,
    found_at: Option<Instant>,
    is_keyless_said: bool,
    memory: Memory,
    again_after: Duration,
    reverts: bool,
    base_rpc: Option<String>,
    /// The domain whose contract was proven.
    proven: Option<Domain>,
    /// The domain whose contract an endpoint has shown.
    seen: Option<Domain>,
    /// The domain whose contract it still has to show.
    unseen: Option<Domain>,
    looked_at: Option<Instant>,
    desk: Option<Arc<Desk>>,
    /// The height that was last seen.
    height: u64,
    patience: Duration,
    /// The last block of Base that each operator has stated, and since when it was seen to be the last.
    last_stated: BTreeMap<Address, (u64, Instant)>,
    faults: Faults,
    metrics: Arc<Metrics>,
}

/// What the signer's task watches besides the application.
#[derive(Clone)]
pub struct Watch {
    /// The committed height.
    pub commits: watch::Receiver<u64>,
    /// The engine, which is told when statements wait for a block.
    pub engine: Arc<dyn Engine>,
}

impl Signer {
    /// The signer of these keys, with the memory in that file.
    ///
    /// # Errors
    /// The memory cannot be read: nothing is signed without it.
    pub fn new(app: Arc<App>, keys: Keys, memory: &Path, metrics: Arc<Metrics>) -> Result<Self, MemoryError> {
        let memory = Memory::open(memory).inspect_err(|_| metrics.fault(Fault::Memory.name(), true))?;
        Ok(Self {
            app,
            keys,
            found: Found::default(),
            found_at: None,
            is_keyless_said: false,
            memory,
            again_after: AGAIN_AFTER,
            reverts: false,
            base_rpc: None,
            proven: None,
            seen: None,
            unseen: None,
            looked_at: None,
            desk: None,
            height: 0,
            patience: Duration::MAX,
            last_stated: BTreeMap::new(),
            faults: Faults::new(Arc::clone(&metrics)),
            metrics,
        })
    }

    /// Key files are read anew, and an endpoint that did not show the contract is asked again, this often.
    #[must_use]
    pub const fn again_after(mut self, interval: Duration) -> Self {
        self.again_after = interval;
        self
    }

    /// The chain may go back, as that of the development engine does: what a state that is gone asked for is
    /// forgotten where the state asks for something else.
    #[must_use]
    pub const fn on_a_chain_that_reverts(mut self) -> Self {
        self.reverts = true;
        self
    }

    /// An endpoint of Base has to show the contract before anything is signed for it.
    #[must_use]
    pub fn that_looks_at(mut self, base_rpc: &str) -> Self {
        self.base_rpc = Some(base_rpc.into());
        self
    }

    /// A watcher lays down what is final on Base. An operator whose last statement was not attested for so long states
    /// the newest final block.
    #[must_use]
    pub fn that_heeds(mut self, desk: Arc<Desk>, patience: Duration) -> Self {
        (self.desk, self.patience) = (Some(desk), patience);
        self
    }

    /// Signs after each commit, and whenever the watcher has something new, until the node ends.
    ///
    /// # Errors
    /// The signer panicked.
    pub async fn run(mut self, mut watch: Watch) -> Result<(), String> {
        loop {
            watch.commits.mark_unchanged();
            self = tokio::task::spawn_blocking(move || {
                self.round();
                self
            })
            .await
            .map_err(|panic| panic.to_string())?;
            if self.app.has_waiting_statements() {
                watch.engine.statements_wait();
            }
            if self.look().await {
                continue;
            }
            let desk = self.desk.clone();
            let laid_down = async {
                match desk {
                    Some(desk) => desk.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = watch.commits.changed() => if changed.is_err() { return Ok(()) },
                () = laid_down => {}
                () = tokio::time::sleep(self.again_after) => {}
            }
        }
    }

    /// Signs what the last committed state wants, hands it on to the next block, and prepares the next vote's extension.
    pub fn round(&mut self) {
        self.find_keys();
        let state = self.app.store().latest();
        self.unseen = None;
        if let Some(desk) = self.desk.as_ref().filter(|_| self.reverts && state.height() < self.height) {
            desk.clear();
        }
        self.height = state.height();
        let statements = match state::domain(&state) {
            Some(domain) if !self.is_stopped() => self.statements(&state, state.height(), &domain),
            _ => Vec::new(),
        };
        self.note_stated(&state);
        // Votes take the first of them, and repeat them until the chain holds them.
        self.app.set_extension(&statements);
        for statement in &statements {
            if let Err(error) = self.app.offer_statement(statement) {
                // Most often it waits already. If the state has moved on, the next round knows.
                tracing::trace!("a statement is not taken: {error}");
            }
        }
    }

    /// The reason why the signer refuses something, if it does.
    pub fn refusal(&self) -> Option<&str> {
        [Fault::Reorg, Fault::Contract, Fault::ContractUnseen, Fault::Content, Fault::Memory]
            .into_iter()
            .find_map(|fault| self.faults.text(fault))
    }

    /// Tells the watcher what was stated of Base, so that it notices if that changes.
    fn note_stated(&self, state: &dyn StateRead) {
        let (Some(desk), Some(domain)) = (&self.desk, state::domain(state)) else { return };
        let separator = domain.separator();
        let stated = self.memory.checkpoints(&separator);
        let stated: BTreeSet<(u64, [u8; 32])> =
            stated.map(|(_, checkpoint, _)| (checkpoint.number, checkpoint.block_hash)).collect();
        desk.note_stated(separator, stated.into_iter().collect());
    }

    /// Whether Base has changed below what was final, until an operator has looked at it.
    fn is_stopped(&mut self) -> bool {
        match self.desk.as_ref().and_then(|desk| desk.stopped()) {
            Some(reason) => self.faults.raise(Fault::Reorg, reason),
            None => self.faults.clear(Fault::Reorg),
        }
        self.faults.text(Fault::Reorg).is_some()
    }

    fn find_keys(&mut self) {
        if self.found_at.is_some_and(|at| at.elapsed() < self.again_after) {
            return;
        }
        self.found = self.keys.find();
        self.found_at = Some(Instant::now());
        self.metrics.keys(self.found.keys.len());
        if self.found.faults.is_empty() {
            self.faults.clear(Fault::KeyFile);
        } else {
            self.faults.raise(Fault::KeyFile, self.found.faults.join("; "));
        }
    }

    /// Whether the contract of this domain may be signed for. It is proven once: what was signed for it before was
    /// proven then.
    fn is_proven(&mut self, state: &dyn StateRead, domain: &Domain) -> bool {
        if self.proven != Some(*domain) && !self.memory.knows(&domain.separator()) {
            if let Err(reason) = contract::prove(state) {
                self.faults.raise(Fault::Contract, reason);
                return false;
            }
            if self.base_rpc.is_some() && self.seen != Some(*domain) {
                self.unseen = Some(*domain);
                return false;
            }
            let bridge = domain.bridge.to_hex();
            tracing::info!(bridge, "the contract on Base is the one of this version: it is signed for");
        }
        self.faults.clear(Fault::Contract);
        self.proven = Some(*domain);
        true
    }

    /// Asks the endpoint for a contract that is proven and was not seen yet. Returns whether it was seen just now.
    async fn look(&mut self) -> bool {
        let is_soon = self.looked_at.is_some_and(|at| at.elapsed() < self.again_after);
        let Some((domain, url)) = self.unseen.zip(self.base_rpc.as_deref()).filter(|_| !is_soon) else { return false };
        self.looked_at = Some(Instant::now());
        match contract::see(url, &domain).await {
            Ok(()) => {
                self.faults.clear(Fault::ContractUnseen);
                self.seen = Some(domain);
                true
            }
            Err(reason) => {
                self.faults.raise(Fault::ContractUnseen, reason);
                false
            }
        }
    }

    /// What the state wants of the keys of this home: the first of each key, then the second, so that no key waits for
    /// another.
    fn owed(&mut self, state: &dyn StateRead, domain: &Domain) -> Vec<(usize, Owed)> {
        if self.found.keys.is_empty() && !std::mem::replace(&mut self.is_keyless_said, true) {
            tracing::warn!(
                "the bridge is at work and this home has no bridge key: it signs nothing for the bridge; if it is a \
                 validator's, put its bridge_key.json there, which is taken up without a restart"
            );
        }
        let mut owed: Vec<(usize, usize, Owed)> = Vec::new();
        let addresses: Vec<Address> = self.found.keys.iter().map(|(address, _)| *address).collect();
        for (key, address) in addresses.iter().enumerate() {
            let of_base = self.owed_of_base(state, domain, address).into_iter();
            let outbound = booking::owed_by(state, address, OWED).into_iter();
            let outbound = outbound.map(|(kind, nonce)| Owed::Outbound(kind, nonce));
            owed.extend(of_base.chain(outbound).enumerate().map(|(rank, what)| (rank, key, what)));
        }
        owed.sort_by_key(|(rank, key, _)| (*rank, *key));
        owed.into_iter().map(|(_, key, what)| (key, what)).collect()
    }

    /// What a key should state of Base: a pause that the watcher asks for, and the blocks that are final and due. Those
    /// that were stated and are not in a block yet are repeated.
    fn owed_of_base(&mut self, state: &dyn StateRead, domain: &Domain, address: &Address) -> Vec<Owed> {
        let Some(desk) = self.desk.clone() else { return Vec::new() };
        let separator = domain.separator();
        let pause = desk.pause(&separator).filter(|nonce| stating::owes_pause(state, address, *nonce));
        let pause = pause.map(|nonce| Owed::Outbound(OutboundKind::Pause, nonce));
        let (Some(bounds), Some(operator)) = (attesting::bounds(state), stating::operator(state, address)) else {
            return pause.into_iter().collect();
        };
        let signed = self.memory.checkpoints(&separator).filter(|(key, ..)| key == address);
        let signed: Vec<Checkpoint> = signed.map(|(_, checkpoint, _)| checkpoint).collect();
        let stated = attesting::stated_by(state, &operator);
        let waits = signed.iter().filter(|old| bounds.has(old.number) && !stated.contains(&old.number));
        let mut blocks: Vec<Checkpoint> = waits.copied().collect();
        let own_last = stated.iter().copied().chain(signed.iter().map(|old| old.number)).max();
        let has_waited = self.has_waited(operator, own_last);
        let finals = desk.finals(&separator);
        blocks.extend(choose::to_state(&bounds, &attesting::named(state), &finals, own_last, has_waited));
        blocks.extend(stating::late(state, &operator, &finals));
        pause.into_iter().chain(blocks.into_iter().map(Owed::Block)).take(OWED).collect()
    }

    /// Whether the last statement of an operator has waited long enough for those of the others.
    fn has_waited(&mut self, operator: Address, own_last: Option<u64>) -> bool {
        let Some(own_last) = own_last else { return false };
        let last = self.last_stated.entry(operator).or_insert_with(|| (own_last, Instant::now()));
        if last.0 != own_last {
            *last = (own_last, Instant::now());
        }
        last.1.elapsed() >= self.patience
    }

    /// The statements that the state wants of the keys of this home, as far as they may be made.
    fn statements(&mut self, state: &dyn StateRead, height: u64, domain: &Domain) -> Vec<Statement> {
        let owed = self.owed(state, domain);
        self.metrics.waiting(owed.len());
        if owed.is_empty() || !self.is_proven(state, domain) {
            self.metrics.refused(owed.len());
            return Vec::new();
        }
        let (mut statements, mut new, mut refused) = (Vec::with_capacity(owed.len()), Vec::new(), Vec::new());
        for (key, owed) in owed {
            let Some(key) = self.found.keys.get(key) else { continue };
            match self.signature(state, height, domain, key, &owed) {
                Ok((slot, entry, is_new)) => {
                    statements.push(owed.statement(&entry));
                    new.extend(is_new.then_some((slot, entry)));
                }
                Err(reason) => refused.push(reason),
            }
        }
        self.metrics.refused(refused.len());
        match refused.into_iter().next() {
            Some(reason) => self.faults.raise(Fault::Content, reason),
            None => self.faults.clear(Fault::Content),
        }
        // Nothing leaves before it is on disk.
        if let Err(error) = self.memory.remember(&new) {
            self.faults.raise(Fault::Memory, error.to_string());
            return Vec::new();
        }
        self.faults.clear(Fault::Memory);
        self.metrics.signed(new.len());
        statements
    }

    /// The signature of a key under what the state wants, from memory or made now; the last field says which.
    fn signature(
        &self,
        state: &dyn StateRead,
        height: u64,
        domain: &Domain,
        (address, key): &(Address, EthereumKey),
        owed: &Owed,
    ) -> Result<(Slot, Entry, bool), String> {
        let digest = owed.digest(state, domain).ok_or("the state does not want what it owes")?;
        let slot = Slot { domain: domain.separator(), key: *address, kind: owed.kind(), nonce: owed.number() };
        let refuse = |why: &str| {
            let (key, digest) = (address.to_hex(), hex::encode(digest));
            Err(format!(
                "key {key} should sign {digest} as {owed}, {why}: it does not sign, because two contents under one \
                 number cost the validator its stake; compare this node's state with others'"
            ))
        };
        match self.memory.recall(&slot) {
            Recall::Signed(entry) if entry.digest == digest => return Ok((slot, entry, false)),
            Recall::Signed(entry) if !self.is_gone(&entry) => {
                return refuse(&format!("and it has signed {} at height {}", hex::encode(entry.digest), entry.height));
            }
            Recall::TooOld => return refuse("which is so far below its last that it may have signed another content"),
            Recall::Signed(_) | Recall::Nothing => {}
        }
        let root = self.root_at(height).unwrap_or_default();
        let (signature, checkpoint) = (key.sign(&digest), owed.checkpoint());
        Ok((slot, Entry { digest, signature, height, root, checkpoint }, true))
    }

    /// Whether the state that asked for this is no longer one of the chain's.
    fn is_gone(&self, entry: &Entry) -> bool {
        // No revert reaches a block that is not kept any more.
        self.reverts && !self.app.is_pruned(entry.height) && self.root_at(entry.height) != Some(entry.root)
    }

    fn root_at(&self, height: u64) -> Option<[u8; 32]> {
        self.app.index().block(height).map(|block| block.root)
    }
}
