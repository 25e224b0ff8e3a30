//! The metrics of the node for Prometheus. Their names are `diem_<module>_<what>_<unit>`, as `promtool check metrics`
//! accepts them; there are at most 600 series, whatever clients send.
//!
//! What happens is counted when it happens. What is so at a moment is asked for right before a scrape is answered
//! ([`Moment`]), and what takes long to find out is read at intervals ([`Metrics::disk`]): a scrape walks no folder. A
//! figure that the node does not know is absent.
#![allow(clippy::float_arithmetic, reason = "Prometheus counts in floats; nothing here reaches the chain")]

mod figure;
mod http;
mod moment;
mod process;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use diem_core::{
    ModuleError as _,
    context::{ConsensusAddress, Vote},
};
use diem_types::{APP_VERSION, ChainError, TxResult, error_info};
use parking_lot::Mutex;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use figure::{Figure, Figures};
use http::Http;
use process::Process;

pub use http::{Open, Panics, Refusal, RequestKind};
pub use moment::{Moment, OwnValidator};

/// The buckets of the time that a block takes, in seconds.
const BLOCK_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// The buckets of the time that a call of CometBFT takes, in seconds.
const CALL_SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 2.5];

/// The counters of the node. They are cheap to count with, from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    height: Figure,
    block_time: Figure,
    block_age: Figure,
    txs: IntCounter,
    failed: IntCounter,
    execute: Histogram,
    commit: Histogram,
    rounds: Figure,
    failed_hooks: IntCounterVec,
    accepted: IntCounter,
    rejected: IntCounterVec,
    pool: Figure,
    http: Http,
    rows: Figure,
    max_rows: Figure,
    lost_lines: IntCounter,
    disk_free: Figure,
    disk_size: Figure,
    disk_warn: Figure,
    disk_stop: Figure,
    disk_used: Figures,
    snapshot_height: Figure,
    snapshot_seconds: Figure,
    snapshot_age: Figure,
    snapshot_period: Figure,
    comet_restarts: IntCounterVec,
    calls: HistogramVec,
    shown: moment::Shown,
    signed_height: Figure,
    elsewhere: Figure,
    process: Process,
    known: Mutex<Known>,
}

/// What later figures are made from.
#[derive(Debug, Default)]
struct Known {
    /// The time of the last committed block.
    block_time: Option<Duration>,
    /// The time of the block of the newest snapshot.
    snapshot_time: Option<Duration>,
    /// The address of this node's own validator key.
    own: Option<ConsensusAddress>,
    disk: Option<Disk>,
}

/// A reading of the disk that the home lies on; of several, of the one that is closest to being low.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// The bytes that this process may still write.
    pub free: u64,
    /// The size of the file system in bytes.
    pub size: u64,
    /// The free bytes below which it is low; 0: it never is.
    pub low: u64,
}

/// A snapshot that others can join by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestSnapshot {
    /// Its height.
    pub height: u64,
    /// The time of its block, in milliseconds since 1970, where it is known.
    pub time_ms: Option<u64>,
    /// The time that taking it has lasted, where this process has taken it.
    pub took: Option<Duration>,
}

impl Metrics {
    /// Registers everything with `registry`.
    ///
    /// # Errors
    /// The registry has metrics of these names already.
    pub fn new(registry: Registry) -> Result<Self, prometheus::Error> {
        let figure = |name: &str, help: &str| Figure::new(&registry, name, help);
        let counter = |name: &str, help: &str| registered(&registry, IntCounter::new(name, help)?);
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let block = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(BLOCK_SECONDS.into());
            registered(&registry, Histogram::with_opts(options)?)
        };
        let calls = HistogramOpts::new(
            "diem_abci_call_seconds",
            "Answering a call of CometBFT, by method; PrepareProposal waits for the time of its block",
        );
        let build = Opts::new("diem_build_info", "Always 1; its labels say which program this is");
        let build = registered(&registry, IntGaugeVec::new(build, &["version", "app_version"])?)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), APP_VERSION.to_string().as_str()]).set(1);
        let failed_hooks =
            counters("diem_hooks_failed_total", "Steps of a block that failed and ran again", &["hook"])?;
        Ok(Self {
            height: figure("diem_chain_height_blocks", "The last committed height")?,
            block_time: figure("diem_chain_block_time_seconds", "The time of the last committed block, since 1970")?,
            block_age: figure("diem_chain_block_age_seconds", "How long ago that was")?,
            txs: counter("diem_chain_txs_total", "Transactions in blocks since the node started")?,
            failed: counter("diem_chain_failed_txs_total", "Those of them that failed there")?,
            execute: block("diem_chain_execute_seconds", "Executing a block")?,
            commit: block("diem_chain_commit_seconds", "Writing a block")?,
            rounds: figure("diem_consensus_rounds", "Rounds that the last commit took; 1 is the usual number")?,
            failed_hooks,
            accepted: counter("diem_mempool_accepted_txs_total", "Transactions that CheckTx let in")?,
            rejected: counters(
                "diem_mempool_rejected_txs_total",
                "Transactions that CheckTx refused, by error; errors of modules are counted together",
                &["codespace", "error"],
            )?,
            pool: figure("diem_mempool_waiting_txs", "Transactions in the pool")?,
            http: Http::new(&registry)?,
            rows: figure("diem_store_rows", "The rows of the state, which the node holds in memory")?,
            max_rows: figure(
                "diem_store_max_rows",
                "How many there may be: above nine tenths of them nothing makes new ones",
            )?,
            lost_lines: counter(
                "diem_log_lost_lines_total",
                "Lines of the log that nobody took, or whose disk was full",
            )?,
            disk_free: figure(
                "diem_disk_free_bytes",
                "Room that the node may still use on its disk; of several on the one that is closest to being low",
            )?,
            disk_size: figure("diem_disk_size_bytes", "Size of that disk")?,
            disk_warn: figure("diem_disk_warn_bytes", "Room below which that disk is low, by disk.warn")?,
            disk_stop: figure(
                "diem_disk_stop_bytes",
                "Room below which the node stops, by disk.stop; 0 where it never does",
            )?,
            disk_used: Figures::new(
                &registry,
                "diem_disk_used_bytes",
                "What parts of the home take on disk, read once a minute",
                "part",
            )?,
            snapshot_height: figure("diem_snapshot_height", "Height of the newest snapshot")?,
            snapshot_seconds: figure(
                "diem_snapshot_seconds",
                "How long taking it lasted, if this process has taken it",
            )?,
            snapshot_age: figure("diem_snapshot_age_seconds", "Age of the block that it was taken of")?,
            snapshot_period: figure(
                "diem_snapshot_period_seconds",
                "Time of blocks from one snapshot to the next; absent where none are taken",
            )?,
            comet_restarts: counters(
                "diem_comet_restarts_total",
                "Times that CometBFT ended by itself and was started again",
                &[],
            )?,
            calls: registered(&registry, HistogramVec::new(calls.buckets(CALL_SECONDS.into()), &["method"])?)?,
            shown: moment::Shown::new(&registry)?,
            signed_height: figure(
                "diem_validator_signed_height",
                "The highest height whose commit has a signature of this node's validator key",
            )?,
            elsewhere: figure(
                "diem_validator_signs_elsewhere",
                "1 where a block has a signature of this node's validator key that its signing state does not know",
            )?,
            process: Process::new(&registry)?,
            known: Mutex::default(),
            registry,
        })
    }

    /// The registry, in which parts of the node beside the chain register metrics of their own.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sets the committed height and the time of its block, in milliseconds since 1970.
    pub fn at_height(&self, height: u64, time_ms: u64) {
        let time = Duration::from_millis(time_ms);
        self.height.count(Some(height));
        self.block_time.set(Some(time.as_secs_f64()));
        self.known.lock().block_time = Some(time);
    }

    /// Sets the number of rows of the committed state, and the most that it may have.
    pub fn state_of(&self, rows: u64, max_rows: u64) {
        self.rows.count(Some(rows));
        self.max_rows.count(Some(max_rows));
    }

    /// Counts a block that was executed in the time `took`, and its transactions.
    pub fn executed(&self, results: &[TxResult], took: Duration) {
        self.execute.observe(took.as_secs_f64());
        self.txs.inc_by(results.len() as u64);
        self.failed.inc_by(results.iter().filter(|result| result.code != 0).count() as u64);
    }

    /// The number of transactions in blocks since the node started.
    pub fn txs(&self) -> u64 {
        self.txs.get()
    }

    /// Counts a block that was written in the time `took`.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Names the steps of a block whose failures will be counted, so that each begins at 0.
    pub fn counts_hooks<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        names.into_iter().for_each(|name| drop(self.failed_hooks.with_label_values(&[name])));
    }

    /// Counts a step of a block that failed and runs again in the next one.
    pub fn hook_failed(&self, name: &str) {
        self.failed_hooks.with_label_values(&[name]).inc();
    }

    /// Sets the number of rounds that the last commit took.
    pub fn took_rounds(&self, rounds: u64) {
        self.rounds.count(Some(rounds));
    }

    /// Names this node's own validator key, and the highest height that it is known to have signed.
    pub fn watch_validator(&self, address: ConsensusAddress, signed: u64) {
        self.known.lock().own = Some(address);
        self.signed_height.count((signed > 0).then_some(signed));
        self.elsewhere.count(Some(0));
    }

    /// Looks for a vote of this node's own validator among those of a commit.
    pub fn voted(&self, height: u64, votes: &[Vote]) {
        let Some(own) = self.known.lock().own else { return };
        if votes.iter().any(|vote| vote.signed && vote.validator == own) {
            self.signed_height.count(Some(height));
        }
    }

    /// Says that a signature of this node's own validator key was made elsewhere.
    pub fn signs_elsewhere(&self) {
        self.elsewhere.count(Some(1));
    }

    /// Counts the verdict of CheckTx on a new transaction. Whoever sends transactions chooses the errors, so those of
    /// modules are counted together.
    pub fn checked(&self, result: &TxResult) {
        if result.code == 0 {
            return self.accepted.inc();
        }
        let known = error_info(&result.codespace, result.code);
        let (codespace, name) = match known {
            Some(info) if result.codespace == ChainError::CODESPACE => (ChainError::CODESPACE, info.name),
            Some(_) => ("modules", "any"),
            None => ("unknown", "any"),
        };
        self.rejected.with_label_values(&[codespace, name]).inc();
    }

    /// Sets the number of transactions that wait in the pool. A node that never calls this, because its pool is
    /// elsewhere, exports no such metric.
    pub fn waiting(&self, txs: usize) {
        self.pool.count(Some(txs as u64));
    }

    /// Counts an answered request. `route` is the pattern, never the path, or there would be a series for each address.
    pub fn answered(&self, route: &str, kind: RequestKind, status: u16, took: Duration) {
        self.http.answered(route, kind, status, took);
    }

    /// Counts a request that was refused because of a limit.
    pub fn refused(&self, reason: Refusal) {
        self.http.refused(reason);
    }

    /// Counts a request whose handler panicked.
    pub fn panicked(&self) {
        self.http.panics.inc();
    }

    /// A handle that counts panics.
    pub fn panics(&self) -> Panics {
        Panics(self.http.panics.clone())
    }

    /// Counts a connection to the API until the answer is dropped.
    pub fn connection(&self) -> Open {
        Open::of(&self.http.connections)
    }

    /// Counts a stream of events until the answer is dropped.
    pub fn stream(&self) -> Open {
        Open::of(&self.http.streams)
    }

    /// Says that this node supervises a CometBFT, whose restarts count from 0.
    pub fn supervises(&self) {
        self.comet_restarts.with_label_values::<&str>(&[]);
    }

    /// Counts that CometBFT ended by itself and is started again.
    pub fn comet_restarted(&self) {
        self.comet_restarts.with_label_values::<&str>(&[]).inc();
    }

    /// Counts a call of CometBFT that was answered in the time `took`.
    pub fn called(&self, method: &str, took: Duration) {
        self.calls.with_label_values(&[method]).observe(took.as_secs_f64());
    }

    /// Sets how much room there is on the disk; `None` where the system does not tell.
    pub fn disk(&self, disk: Option<Disk>) {
        self.disk_free.count(disk.as_ref().map(|disk| disk.free));
        self.disk_size.count(disk.as_ref().map(|disk| disk.size));
        self.disk_warn.count(disk.as_ref().map(|disk| disk.low).filter(|low| *low > 0));
        self.known.lock().disk = disk;
    }

    /// Sets the free bytes below which the node stops; 0: it never does.
    pub fn disk_stops_below(&self, bytes: u64) {
        self.disk_stop.count(Some(bytes));
    }

    /// The last reading of the disk.
    pub fn last_disk(&self) -> Option<Disk> {
        self.known.lock().disk
    }

    /// Sets what a part of the home takes on disk; `None` where it cannot be read.
    pub fn disk_used(&self, part: &str, bytes: Option<u64>) {
        self.disk_used.set(part, bytes.map(|bytes| bytes as f64));
    }

    /// Sets the newest snapshot; `None` where there is none.
    pub fn snapshot(&self, newest: Option<NewestSnapshot>) {
        self.snapshot_height.count(newest.map(|newest| newest.height));
        self.snapshot_seconds.set(newest.and_then(|newest| newest.took).map(|took| took.as_secs_f64()));
        self.known.lock().snapshot_time = newest.and_then(|newest| newest.time_ms).map(Duration::from_millis);
    }

    /// Sets the period of snapshots; `None` where this node takes none.
    pub fn snapshot_period(&self, period: Option<Duration>) {
        self.snapshot_period.set(period.map(|period| period.as_secs_f64()));
    }

    /// Sets what is so at this moment; a scrape follows.
    pub fn moment(&self, moment: &Moment) {
        self.shown.set(moment);
    }

    /// Renders all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// A metric cannot be written as text, which no metric of this program does.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = |then: Option<Duration>| then.map(|then| now.saturating_sub(then).as_secs_f64());
        let Known { block_time, snapshot_time, .. } = *self.known.lock();
        self.block_age.set(age(block_time));
        self.snapshot_age.set(age(snapshot_time));
        self.lost_lines.inc_by(diem_host::outlet::lost().saturating_sub(self.lost_lines.get()));
        self.process.look();
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Registers a metric and gives it back.
fn registered<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
