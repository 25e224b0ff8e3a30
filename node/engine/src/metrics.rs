//! The metrics of the node for Prometheus. Their names are `diem_<module>_<what>_<unit>`.
#![allow(clippy::float_arithmetic, reason = "Prometheus counts in floats; nothing here reaches the chain")]

use std::{
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use diem_types::TxResult;
use diem_types::error_info;
use prometheus::{
    Encoder as _, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// The buckets of the time that a block takes, in seconds.
const BLOCK_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// The buckets of the time that a request takes, in seconds. A `wait=committed` lasts as long as a block.
const HTTP_SECONDS: &[f64] = &[0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The counters of the node. They are cheap to count with, from any thread.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    data: Option<PathBuf>,
    height: IntGauge,
    block_time: Gauge,
    block_age: Gauge,
    txs: IntCounter,
    failed: IntCounter,
    execute: Histogram,
    commit: Histogram,
    accepted: IntCounter,
    rejected: IntCounterVec,
    pool: IntGauge,
    /// Set once the pool's size is known; only then is it exported.
    pool_is_known: Once,
    http: IntCounterVec,
    http_seconds: HistogramVec,
    panics: IntCounter,
    bytes: IntGauge,
    lost_lines: IntCounter,
    rows: IntGauge,
    max_rows: IntGauge,
}

impl Metrics {
    /// Registers everything with `registry`; `data` is the folder whose size is shown.
    ///
    /// # Errors
    /// The registry has metrics of these names already.
    pub fn new(registry: Registry, data: Option<&Path>) -> Result<Self, prometheus::Error> {
        let seconds = |name: &str, help: &str, buckets: &[f64]| HistogramOpts::new(name, help).buckets(buckets.into());
        let metrics = Self {
            data: data.map(Path::to_path_buf),
            height: IntGauge::new("diem_chain_height_blocks", "The last committed height")?,
            block_time: Gauge::new(
                "diem_chain_block_time_seconds",
                "The time of the last committed block, since 1970",
            )?,
            block_age: Gauge::new("diem_chain_block_age_seconds", "How long ago that was")?,
            txs: IntCounter::new("diem_chain_txs_total", "Transactions in blocks since the node started")?,
            failed: IntCounter::new("diem_chain_failed_txs_total", "Those of them that failed there")?,
            execute: Histogram::with_opts(seconds("diem_chain_execute_seconds", "Executing a block", BLOCK_SECONDS))?,
            commit: Histogram::with_opts(seconds("diem_chain_commit_seconds", "Writing a block", BLOCK_SECONDS))?,
            accepted: IntCounter::new("diem_mempool_accepted_txs_total", "Transactions that CheckTx let in")?,
            rejected: IntCounterVec::new(
                Opts::new("diem_mempool_rejected_txs_total", "Transactions that CheckTx refused, by error"),
                &["codespace", "error"],
            )?,
            pool: IntGauge::new("diem_mempool_waiting_txs", "Transactions in the pool")?,
            pool_is_known: Once::new(),
            http: IntCounterVec::new(
                Opts::new("diem_http_requests_total", "Requests by route and status"),
                &["route", "status"],
            )?,
            http_seconds: HistogramVec::new(
                seconds("diem_http_request_seconds", "Answering a request, by route", HTTP_SECONDS),
                &["route"],
            )?,
            panics: IntCounter::new("diem_http_panics_total", "Requests whose handler panicked")?,
            bytes: IntGauge::new("diem_store_disk_bytes", "What the data folder takes on disk")?,
            rows: IntGauge::new("diem_store_rows", "The rows of the state, which the node holds in memory")?,
            max_rows: IntGauge::new(
                "diem_store_max_rows",
                "How many there may be: above nine tenths of them nothing makes new ones",
            )?,
            lost_lines: IntCounter::new(
                "diem_log_lost_lines_total",
                "Lines of the log that nobody took, or whose disk was full",
            )?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        let counters = [&self.txs, &self.failed, &self.accepted, &self.panics, &self.lost_lines];
        counters.into_iter().try_for_each(|metric| self.registry.register(Box::new(metric.clone())))?;
        let gauges = [&self.height, &self.bytes, &self.rows, &self.max_rows];
        gauges.into_iter().try_for_each(|metric| self.registry.register(Box::new(metric.clone())))?;
        let gauges = [&self.block_time, &self.block_age];
        gauges.into_iter().try_for_each(|metric| self.registry.register(Box::new(metric.clone())))?;
        let vectors = [&self.rejected, &self.http];
        vectors.into_iter().try_for_each(|metric| self.registry.register(Box::new(metric.clone())))?;
        let histograms = [&self.execute, &self.commit];
        histograms.into_iter().try_for_each(|metric| self.registry.register(Box::new(metric.clone())))?;
        self.registry.register(Box::new(self.http_seconds.clone()))
    }

    /// The registry, in which parts of the node beside the chain register metrics of their own.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Sets the committed height and the time of its block, in milliseconds since 1970.
    pub fn at_height(&self, height: u64, time_ms: u64) {
        self.height.set(to_i64(height));
        self.block_time.set(Duration::from_millis(time_ms).as_secs_f64());
    }

    /// Sets the number of rows of the committed state, and the most that it may have.
    pub fn state_of(&self, rows: u64, max_rows: u64) {
        self.rows.set(to_i64(rows));
        self.max_rows.set(to_i64(max_rows));
    }

    /// Counts a block that was executed in the time `took`, and its transactions.
    pub fn executed(&self, results: &[TxResult], took: Duration) {
        self.execute.observe(took.as_secs_f64());
        self.txs.inc_by(results.len() as u64);
        self.failed.inc_by(results.iter().filter(|result| result.code != 0).count() as u64);
    }

    /// Counts a block that was written in the time `took`.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// Counts the verdict of CheckTx on a new transaction.
    pub fn checked(&self, result: &TxResult) {
        if result.code == 0 {
            return self.accepted.inc();
        }
        let name = error_info(&result.codespace, result.code).map_or("unknown", |info| info.name);
        self.rejected.with_label_values(&[result.codespace.as_str(), name]).inc();
    }

    /// Sets the number of transactions that wait in the pool. A node that never calls this, because its pool is
    /// elsewhere, exports no such metric.
    pub fn waiting(&self, txs: usize) {
        // The registration fails only if there is a metric of that name already, which `new` would have found.
        self.pool_is_known.call_once(|| drop(self.registry.register(Box::new(self.pool.clone()))));
        self.pool.set(to_i64(txs as u64));
    }

    /// Counts an answered request. `route` is the pattern, never the path, or there would be a series for each address.
    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        self.http.with_label_values(&[route, status.to_string().as_str()]).inc();
        self.http_seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Counts a request whose handler panicked.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Renders all metrics in Prometheus' text format.
    ///
    /// # Errors
    /// A metric cannot be written as text, which no metric of this program does.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let block_time = self.block_time.get();
        self.block_age.set(if block_time > 0.0 { (now - block_time).max(0.0) } else { 0.0 });
        self.lost_lines.inc_by(diem_host::outlet::lost().saturating_sub(self.lost_lines.get()));
        if let Some(data) = &self.data {
            self.bytes.set(to_i64(folder_bytes(data)));
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The size of all files below a folder, in bytes. Files come and go meanwhile, so one that cannot be read counts 0.
fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.fold(0, |sum: u64, entry| {
        let bytes = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        };
        sum.saturating_add(bytes)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_name_says_module_what_and_unit() {
        let metrics = Metrics::new(Registry::new(), None).unwrap();
        metrics.checked(&TxResult { code: 12, codespace: "chain".into(), ..TxResult::default() });
        metrics.answered("/v1/status", 200, Duration::from_millis(1));
        for family in metrics.registry.gather() {
            let parts: Vec<&str> = family.name().split('_').collect();
            assert!(parts.len() >= 3 && parts[0] == "diem", "{}", family.name());
            assert!(["chain", "mempool", "http", "store", "log"].contains(&parts[1]), "{}", family.name());
            // `promtool check metrics` demands that a total is a counter and a counter is a total.
            let is_counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
            let (name, total) = match family.name().strip_suffix("_total") {
                Some(name) => (name, true),
                None => (family.name(), false),
            };
            assert_eq!(is_counter, total, "{}", family.name());
            let unit = name.rsplit('_').next().unwrap();
            assert!(
                ["blocks", "seconds", "txs", "requests", "bytes", "panics", "lines", "rows"].contains(&unit),
                "{}",
                family.name()
            );
            assert!(!family.help().is_empty(), "{}", family.name());
        }
    }

    #[test]
    fn a_pool_that_nobody_told_of_is_absent() {
        let metrics = Metrics::new(Registry::new(), None).unwrap();
        assert!(!metrics.render().unwrap().contains("diem_mempool_waiting_txs"));
        for waiting in [0, 3] {
            metrics.waiting(waiting);
            assert!(metrics.render().unwrap().contains(&format!("diem_mempool_waiting_txs {waiting}\n")));
        }
    }

    #[test]
    fn what_happened_is_in_the_text() {
        let metrics = Metrics::new(Registry::new(), None).unwrap();
        metrics.at_height(7, 1_500);
        metrics.state_of(5, 9);
        let failed = TxResult { code: 1, ..TxResult::default() };
        metrics.executed(&[TxResult::default(), failed], Duration::from_millis(3));
        metrics.checked(&TxResult { code: 12, codespace: "chain".into(), ..TxResult::default() });
        let text = metrics.render().unwrap();
        for line in [
            "diem_chain_height_blocks 7",
            "diem_chain_block_time_seconds 1.5",
            "diem_chain_txs_total 2",
            "diem_chain_failed_txs_total 1",
            "diem_store_rows 5",
            "diem_store_max_rows 9",
            "diem_chain_execute_seconds_count 1",
            "diem_mempool_rejected_txs_total{codespace=\"chain\",error=\"expired\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
