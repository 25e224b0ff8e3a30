//! The watcher: it looks at Base through several endpoints, keeps proofs of young blocks until they are final, and lays
//! down what may be stated.
//!
//! ```text
//! choose     what is looked at and what is stated: numbers alone
//! proofs     the kept proofs
//! trail      the events up to an attested block, in the chunks that the chain takes
//! alarm      what a young block shows that this chain never caused
//! judging    the judgement of young blocks by the chain's state
//! desk       where the signer finds what may be signed, and the stop after a reorg below finality
//! ```
//!
//! It believes a proof because it proves itself, and that a block is one of the chain because enough endpoints agree on
//! its hash. It fails closed: where they do not agree, nothing is stated.

mod alarm;
pub(crate) mod choose;
mod desk;
mod judging;
mod proofs;
mod rounds;
mod trail;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_base::{Base, CodeHashes, Quorum, code_hashes};
use diem_bridge::{
    Domain,
    state::{contract, domain},
};
use diem_engine::Engine;
use diem_host::home::HomeError;
use diem_runtime::App;
use diem_store::Snapshot;

pub use desk::Desk;

use crate::{
    Metrics, Watch,
    faults::{Fault, Faults},
};
use alarm::Alarm;
use proofs::Proofs;
use trail::{Search, Trail};

/// The longest pause after rounds in which nothing could be asked.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The settings of a watcher.
#[derive(Debug, Clone)]
pub struct Watching {
    /// The URLs of the endpoints of Base, one to three.
    pub endpoints: Vec<String>,
    /// The least age of a block that is stated, by this node's clock; zero for a local Base.
    pub min_age: Duration,
    /// The interval at which Base is looked at.
    pub look_every: Duration,
    /// The time for which an endpoint that did wrong is not believed.
    pub refuse_for: Duration,
    /// Whether the early alarm asks for a pause of minting.
    pub pause_on_alarm: bool,
    /// Whether Base and the chain may go back together, as those of the development engine do.
    pub reverts: bool,
}

/// The watcher of a node.
pub struct Watcher {
    app: Arc<App>,
    /// The engine beside it; a test may do without.
    engine: Option<Arc<dyn Engine>>,
    desk: Arc<Desk>,
    settings: Watching,
    proofs: Proofs,
    /// What belongs to the contract that the state names.
    scene: Option<Scene>,
    /// The height that was last seen: a chain for development may go back.
    height: u64,
    faults: Faults,
    metrics: Arc<Metrics>,
}

/// What the watcher knows of one contract.
struct Scene {
    domain: Domain,
    codes: CodeHashes,
    quorum: Quorum,
    /// The newest number that enough endpoints called final.
    finalized: Option<u64>,
    /// The number of times that the proof of a block was asked for in vain.
    failures: BTreeMap<u64, u8>,
    alarm: Alarm,
    /// The endpoints that gave the kept proofs, by the numbers of their blocks.
    taken: BTreeMap<u64, Taken>,
    search: Option<Search>,
    trail: Option<Trail>,
    /// The rounds so far. They decide which endpoint is asked first for events.
    rounds: u64,
}

/// Where a proof came from.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// The place of the endpoint.
    place: usize,
    /// Whether enough endpoints have the hash of the block. Before that the header may be made up.
    is_confirmed: bool,
}

impl Scene {
    /// The endpoints that answer. The number decides which of them is the first, so that each is asked at some time.
    fn bases(&self, number: u64) -> Vec<(usize, Base)> {
        let mut bases = self.quorum.answering();
        if let Some(first) = number.checked_rem(bases.len() as u64).and_then(|first| usize::try_from(first).ok()) {
            bases.rotate_left(first);
        }
        bases
    }
}

impl Watcher {
    /// A watcher that keeps proofs in this folder and lays down on this desk what may be signed.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn new(
        app: Arc<App>,
        desk: Arc<Desk>,
        settings: Watching,
        folder: &Path,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HomeError> {
        let proofs = Proofs::open(folder)?;
        let faults = Faults::new(Arc::clone(&metrics));
        Ok(Self { app, engine: None, desk, settings, proofs, scene: None, height: 0, faults, metrics })
    }

    /// Looks at Base until the node ends.
    ///
    /// # Errors
    /// The endpoints of the configuration are none. Whatever else goes wrong is a fault in log and metrics, and is tried
    /// again.
    pub async fn run(mut self, watch: Watch) -> Result<(), String> {
        self.engine = Some(Arc::clone(&watch.engine));
        if self.settings.endpoints.len() == 1 {
            tracing::warn!(
                "one endpoint of Base is believed alone, because the configuration names no other: that is for \
                 development; name three of different operators in `bridge.endpoints`"
            );
        }
        let mut pause = self.settings.look_every;
        loop {
            let began = Instant::now();
            let has_answer = self.round().await?;
            pause = if has_answer { self.settings.look_every } else { pause.saturating_mul(2).min(LONGEST_PAUSE) };
            if watch.commits.has_changed().is_err() {
                return Ok(());
            }
            tokio::time::sleep(pause.saturating_sub(began.elapsed())).await;
        }
    }

    /// Looks at Base once. Returns whether anybody answered.
    ///
    /// # Errors
    /// The endpoints of the configuration are none.
    pub async fn round(&mut self) -> Result<bool, String> {
        let state = self.app.store().latest();
        self.meet(&state)?;
        let Some(mut scene) = self.scene.take() else { return Ok(true) };
        let has_answer = self.look(&mut scene, &state).await;
        self.scene = Some(scene);
        Ok(has_answer)
    }

    /// Takes up the contract that the state names.
    fn meet(&mut self, state: &Snapshot) -> Result<(), String> {
        let has_reverted = state.height() < self.height;
        self.height = state.height();
        let Some((domain, terms)) = domain(state).zip(contract(state)) else {
            self.scene = None;
            return Ok(());
        };
        if let Some(scene) = self.scene.as_mut().filter(|scene| scene.domain == domain) {
            if has_reverted && self.settings.reverts {
                scene.quorum.forget_marks();
                (scene.finalized, scene.alarm) = (None, Alarm::default());
                (scene.search, scene.trail) = (None, None);
                scene.taken.clear();
                self.proofs.numbers().into_iter().for_each(|number| self.proofs.drop(number));
            }
            return Ok(());
        }
        let quorum = Quorum::new(&self.settings.endpoints, domain.base_chain_id).map_err(|error| error.to_string())?;
        let (quorum, codes) = (quorum.refusing_for(self.settings.refuse_for), code_hashes(&domain, terms.max_set_age));
        let (alarm, failures) = (Alarm::default(), BTreeMap::new());
        self.scene = Some(Scene {
            domain,
            codes,
            quorum,
            finalized: None,
            failures,
            alarm,
            taken: BTreeMap::new(),
            search: None,
            trail: None,
            rounds: 0,
        });
        Ok(())
    }

    /// The reason why something on Base is refused, if it is.
    pub fn refusal(&self) -> Option<&str> {
        let faults = [
            Fault::Reorg,
            Fault::EarlyAlarm,
            Fault::Code,
            Fault::NoQuorum,
            Fault::RefusedEndpoint,
            Fault::Proofs,
            Fault::Events,
        ];
        faults.into_iter().find_map(|fault| self.faults.text(fault))
    }
}
