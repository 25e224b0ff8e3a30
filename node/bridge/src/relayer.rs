//! The relayer: it sends to Base what enough validators have signed, pays the gas and gets the fees.
//!
//! It keeps nothing on disk. What is to be done follows from committed state and from the contract, which executes each
//! thing once: after a kill the relayer reads both anew, so that nothing is minted twice and nothing is forgotten. What
//! an endpoint says is never trusted further than a transaction that the contract judges.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use diem_base::{Base, BaseBlock, BaseError, Bridge, Sender, Terms};
use diem_bridge::{Domain, UNTIL_UNPAUSE, state};
use diem_core::{Address, Amount, Time, keys::EthereumKey};
use diem_engine::relay_cost::RelayCosts;
use diem_runtime::App;
use tokio::sync::watch;

use crate::{
    Keys, Metrics,
    cost::Cost,
    faults::{Fault, Faults},
    plan::{Item, OnBase, Step, has_news, plan, proposal},
};

/// The interval at which it is looked whether the chain went back while something is sent.
const GLANCE_EVERY: Duration = Duration::from_millis(50);
/// The interval at which the relayer looks without a commit.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The interval at which Base is asked although the state has no news, for the balance and for sets.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// The time after which it is asked again whether a batch was really executed: an endpoint may lie.
const BELIEVED_FOR: Duration = Duration::from_secs(600);
/// The first pause after a failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The most transactions of one round.
const ROUND: usize = 64;
const GWEI: u128 = 1_000_000_000;

/// The settings of a relayer.
#[derive(Debug, Clone)]
pub struct Relaying {
    /// The URL of an endpoint of Base.
    pub base_rpc: String,
    /// The time for which it leaves a thing to whose turn it is.
    pub out_of_turn: Duration,
    /// The highest price of a unit of gas, in gwei.
    pub max_gas_gwei: u64,
    /// The balance below which log and metrics say so, in gwei.
    pub low_balance_gwei: u64,
    /// The price of one ETH in adiem, by which costs are told in DIEM; `None` tells them in wei alone.
    pub adiem_per_eth: Option<Amount>,
    /// The place where it lays down what relaying costs.
    pub costs: RelayCosts,
}

/// The relayer of a node.
pub struct Relayer {
    app: Arc<App>,
    keys: Keys,
    account: EthereumKey,
    settings: Relaying,
    connection: Option<Connection>,
    /// The height that was last seen: a chain for development may go back.
    height: u64,
    /// The contract when Base was last asked, and when that was.
    last: Option<(OnBase, Instant)>,
    /// Batches that Base says it has executed, by nonce and digest, and when it said so.
    executed: BTreeMap<(u64, [u8; 32]), Instant>,
    /// A block of Base in or before which all of `executed` are: if Base takes it back, they are asked about again.
    executed_by: Option<BaseBlock>,
    /// When it was last looked whether Base still has that block.
    looked_back: Instant,
    /// When each thing was first seen that could be sent.
    since: BTreeMap<Item, Instant>,
    /// The failures of each thing in a row, and when it is tried again.
    failures: BTreeMap<Item, (u32, Instant)>,
    /// The failures of the endpoint in a row, and when it is asked again.
    silent: Option<(u32, Instant)>,
    cost: Cost,
    faults: Faults,
    metrics: Arc<Metrics>,
}

struct Connection {
    domain: Domain,
    bridge: Bridge,
    sender: Sender,
}

impl Relayer {
    /// The relayer that pays from this account. The turns of the bridge keys are its own turns.
    pub fn new(app: Arc<App>, keys: Keys, account: EthereumKey, settings: Relaying, metrics: Arc<Metrics>) -> Self {
        let address = account.address().to_hex();
        tracing::info!(account = address, "relays to Base: the account pays for gas and gets the fees");
        let cost = Cost::new(settings.adiem_per_eth, settings.costs.clone());
        Self {
            app,
            keys,
            account,
            settings,
            cost,
            connection: None,
            height: 0,
            last: None,
            executed: BTreeMap::new(),
            executed_by: None,
            looked_back: Instant::now(),
            since: BTreeMap::new(),
            failures: BTreeMap::new(),
            silent: None,
            faults: Faults::new(Arc::clone(&metrics)),
            metrics,
        }
    }

    /// Relays after each commit, and at intervals, until the node ends.
    ///
    /// # Errors
    /// None: what goes wrong is a fault in log and metrics, and is tried again.
    pub async fn run(mut self, mut commits: watch::Receiver<u64>) -> Result<(), String> {
        loop {
            commits.mark_unchanged();
            self.round().await;
            tokio::select! {
                changed = commits.changed() => if changed.is_err() { return Ok(()) },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Sends whatever can be sent now and is this relayer's to send.
    pub async fn round(&mut self) {
        if self.silent.is_some_and(|(_, until)| Instant::now() < until) {
            return;
        }
        match self.look_and_send().await {
            Ok(()) => {
                self.silent = None;
                self.faults.clear(Fault::Endpoint);
            }
            Err(error) => {
                let failures = self.silent.map_or(0, |(failures, _)| failures);
                self.silent = Some((failures.saturating_add(1), pause(failures)));
                self.connection = None;
                self.faults.raise_kind(Fault::Endpoint, &kind(&error), error.to_string());
            }
        }
    }

    async fn look_and_send(&mut self) -> Result<(), BaseError> {
        self.look_back().await?;
        if self.has_news() { self.send_all().await } else { Ok(()) }
    }

    /// Forgets what was executed if Base took it back. An endpoint that has no such block yet is behind another one of
    /// the same name, which says nothing.
    async fn look_back(&mut self) -> Result<(), BaseError> {
        let (Some(block), Some(Connection { bridge, .. })) = (self.executed_by, &self.connection) else {
            return Ok(());
        };
        if self.executed.is_empty() || self.looked_back.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked_back = Instant::now();
        if bridge.base().hash_of(block.number).await?.is_some_and(|hash| hash != block.hash) {
            tracing::info!(block = block.number, "Base took a block back: it is asked again what was executed");
            (self.last, self.executed, self.executed_by) = (None, BTreeMap::new(), None);
        }
        Ok(())
    }

    /// Whether Base should be asked at all.
    fn has_news(&mut self) -> bool {
        self.executed.retain(|_, at| at.elapsed() < BELIEVED_FOR);
        let state = self.app.store().latest();
        if state.height() < self.height {
            // What was sent for a state that is gone says nothing about this one.
            (self.last, self.executed) = (None, BTreeMap::new());
        }
        self.height = state.height();
        if state::domain(&state).is_none() {
            return false;
        }
        let is_fresh = self.last.is_some_and(|(_, at)| at.elapsed() < ASK_EVERY);
        let executed = &self.executed;
        let is_done = |nonce: u64, digest: &[u8; 32]| executed.contains_key(&(nonce, *digest));
        !is_fresh || has_news(&state, self.last.as_ref().map(|(last, _)| last), &is_done)
    }

    /// Sends one thing after the other. Each changes Base, so that the next is chosen anew.
    async fn send_all(&mut self) -> Result<(), BaseError> {
        for _ in 0..ROUND {
            self.connect().await?;
            let base = self.ask().await?;
            let Some(step) = self.next(base).await? else { return Ok(()) };
            self.send(step).await?;
        }
        Ok(())
    }

    /// Connects to the network and the contract that the state names.
    async fn connect(&mut self) -> Result<(), BaseError> {
        let Some(domain) = state::domain(&self.app.store().latest()) else { return Ok(()) };
        if self.connection.as_ref().is_some_and(|connection| connection.domain == domain) {
            return Ok(());
        }
        let base = Base::connect(&self.settings.base_rpc, domain.base_chain_id).await?;
        let terms =
            Terms { max_price: u128::from(self.settings.max_gas_gwei).saturating_mul(GWEI), ..Terms::default() };
        let sender = Sender::new(base.clone(), self.account.clone()).with_terms(terms);
        self.connection = Some(Connection { domain, bridge: Bridge::new(base, domain.bridge), sender });
        (self.last, self.executed) = (None, BTreeMap::new());
        Ok(())
    }

    /// Reads the contract, and looks whether the account can still pay.
    async fn ask(&mut self) -> Result<Option<OnBase>, BaseError> {
        let Some(Connection { bridge, sender, .. }) = &self.connection else { return Ok(None) };
        let (contract, minting) = (bridge.state().await?, bridge.pause_state().await?);
        let base = OnBase {
            set: contract.set_nonce,
            set_created_at: contract.set_created_at,
            is_active: contract.active,
            admin_nonce: bridge.admin_nonce().await?,
            pause_nonce: minting.pause_nonce,
            is_paused: minting.paused_until == UNTIL_UNPAUSE,
            now: bridge.base().latest().await?.timestamp,
        };
        let (balance, low) = (bridge.base().balance(sender.address()).await?, self.settings.low_balance_gwei);
        self.last = Some((base, Instant::now()));
        self.metrics.balance(balance);
        self.cost.look(bridge).await;
        if balance / GWEI < u128::from(low) {
            let (account, gwei) = (sender.address().to_hex(), balance / GWEI);
            let text =
                format!("the relayer's account {account} has {gwei} gwei on Base, less than {low}: send it some ETH");
            self.faults.raise_kind(Fault::Funds, "low", text);
        } else {
            self.faults.clear(Fault::Funds);
        }
        Ok(Some(base))
    }

    /// The next thing that this relayer should send.
    async fn next(&mut self, base: Option<OnBase>) -> Result<Option<Step>, BaseError> {
        let Some(base) = base else { return Ok(None) };
        let (steps, own) = self.plan(base).await;
        let now = Instant::now();
        let batches = steps.iter().filter(|step| matches!(step.item, Item::Batch(_))).count();
        self.metrics.unrelayed(batches);
        let known: BTreeSet<Item> = steps.iter().flat_map(|step| step.turns.iter().map(|(item, _)| *item)).collect();
        self.since.retain(|item, _| known.contains(item));
        self.failures.retain(|item, _| known.contains(item));
        for item in known {
            self.since.entry(item).or_insert(now);
        }
        if self.failures.is_empty() {
            self.faults.clear(Fault::Sending);
        }
        for step in steps {
            let is_later = self.failures.get(&step.item).is_some_and(|(_, again)| now < *again);
            if !is_later && self.is_mine(&step, &own) && !self.is_executed(&step).await? {
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// What the contract would take, and the addresses whose turns are this relayer's. Both read state and files, which
    /// holds up no other task.
    async fn plan(&self, base: OnBase) -> (Vec<Step>, Vec<Address>) {
        let (app, keys) = (Arc::clone(&self.app), self.keys.clone());
        let executed: BTreeSet<(u64, [u8; 32])> = self.executed.keys().copied().collect();
        let work = move || {
            let state = app.store().latest();
            let time = Time(state.time_ms());
            let is_done = |nonce: u64, digest: &[u8; 32]| executed.contains(&(nonce, *digest));
            let mut steps: Vec<Step> = proposal(&state, time, &base).into_iter().collect();
            steps.extend(plan(&state, time, &base, &is_done));
            (steps, keys.find().keys.into_iter().map(|(address, _)| address).collect())
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

    /// Whether it is this relayer's turn, or whoever's turn it was has not sent it for long.
    fn is_mine(&self, step: &Step, own: &[Address]) -> bool {
        step.turns.iter().any(|(item, turn)| {
            let is_own = turn.is_some_and(|turn| own.contains(&turn));
            let waited = self.since.get(item).map(Instant::elapsed).unwrap_or_default();
            is_own || waited >= self.settings.out_of_turn
        })
    }

    /// Whether a batch was executed already, as the contract says; it is remembered for a while.
    async fn is_executed(&mut self, step: &Step) -> Result<bool, BaseError> {
        let (Item::Batch(nonce), Some(Connection { bridge, .. })) = (step.item, &self.connection) else {
            return Ok(false);
        };
        let is_executed = bridge.executed(nonce).await?;
        if is_executed {
            let by = bridge.base().latest().await?;
            self.remember_executed(nonce, by);
        }
        Ok(is_executed)
    }

    /// Remembers that a batch was executed in this block of Base or in an earlier one.
    fn remember_executed(&mut self, nonce: u64, by: BaseBlock) {
        self.executed_by = Some(by);
        let state = self.app.store().latest();
        if let Some(digest) = diem_bridge::booking::wanted_digest(&state, diem_bridge::OutboundKind::Batch, nonce) {
            self.executed.insert((nonce, digest), Instant::now());
        }
    }

    /// Sends one thing and waits until it is in a block of Base. The error is one of the endpoint alone: a thing that
    /// fails is tried again later, and others go on.
    async fn send(&mut self, step: Step) -> Result<(), BaseError> {
        let Some(Connection { bridge, sender, .. }) = &self.connection else { return Ok(()) };
        let sent = tokio::select! {
            sent = sender.send(bridge, &step.call) => sent,
            () = went_back(&self.app, self.height) => {
                tracing::info!("{} is forgotten: the chain went back, and no longer has it", step.item);
                return Ok(());
            }
        };
        match sent {
            Ok(receipt) => {
                let (block, tx) = (receipt.block, format!("0x{}", hex::encode(receipt.hash)));
                tracing::info!(block, gas = receipt.gas_used, tx, "{} is on Base", step.item);
                self.metrics.relayed(step.item.kind());
                self.failures.remove(&step.item);
                if let Item::Batch(nonce) = step.item {
                    let batch = state::open_batch(&self.app.store().latest(), nonce);
                    let transfers = batch.map_or(1, |batch| batch.transfers.len());
                    self.cost.sent(step.call, receipt.gas_used, transfers);
                    let by = bridge.base().latest().await?;
                    self.remember_executed(nonce, by);
                }
                Ok(())
            }
            Err(error) if is_of_endpoint(&error) => Err(error),
            Err(error) => {
                let failures = self.failures.get(&step.item).map_or(0, |(failures, _)| *failures);
                self.failures.insert(step.item, (failures.saturating_add(1), pause(failures)));
                self.report(&step, failures, &error);
                Ok(())
            }
        }
    }

    fn report(&mut self, step: &Step, failures: u32, error: &BaseError) {
        let text = format!("{} cannot be sent to Base: {error}", step.item);
        match error {
            // Another relayer was faster, most often; whether that is so shows when it is tried again. A proposed set is
            // tried until its time has come.
            BaseError::Reverted(_) | BaseError::Failed { .. } | BaseError::NonceTaken { .. } if failures == 0 => {
                tracing::debug!("{text}");
            }
            BaseError::Reverted(_) if matches!(step.item, Item::Proposal(_)) => tracing::debug!("{text}"),
            error => self.faults.raise_kind(Fault::Sending, &kind(error), text),
        }
    }
}

/// Ends once the chain is below this height, as after a revert of a development chain. What was sent for the state that is
/// gone would otherwise be sent again as soon as Base goes back too.
async fn went_back(app: &App, height: u64) {
    while app.store().latest().height() >= height {
        tokio::time::sleep(GLANCE_EVERY).await;
    }
}

/// The moment at which something is tried again after so many failures before.
fn pause(failures: u32) -> Instant {
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
    let now = Instant::now();
    now.checked_add(pause).unwrap_or(now)
}

/// Whether the endpoint is to blame, and not what was sent.
const fn is_of_endpoint(error: &BaseError) -> bool {
    matches!(
        error,
        BaseError::Url(_)
            | BaseError::Certificates { .. }
            | BaseError::Unreachable { .. }
            | BaseError::Lost { .. }
            | BaseError::NotAnEndpoint { .. }
            | BaseError::Refused { .. }
            | BaseError::WrongChain { .. }
            | BaseError::NotTheContract { .. }
    )
}

/// The kind of an error, whose text may have numbers that change.
fn kind(error: &BaseError) -> String {
    match error.refusal() {
        Some(refusal) => refusal.name.to_owned(),
        None => format!("{:?}", std::mem::discriminant(error)),
    }
}
