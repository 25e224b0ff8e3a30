//! The metrics of signer, watcher and relayer. Their names are `diem_bridge_<what>_<unit>`.

use std::sync::Once;

pub use prometheus::Registry;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

use crate::{faults::Fault, health::Health};

/// The counters of signer, watcher and relayer.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    signed: IntCounter,
    waiting: IntGauge,
    refused: IntGauge,
    keys: IntGauge,
    faults: IntGaugeVec,
    relayed: IntCounterVec,
    pending: IntGauge,
    balance: IntGauge,
    /// What the watcher says; it is exported only where one runs.
    watcher: WatcherMetrics,
    watcher_is_there: Once,
    /// How the bridge stands; it is exported once the bridge is at work.
    health: HealthMetrics,
    health_is_known: Once,
    /// Set once the balance is known; only then it is exported.
    balance_is_known: Once,
    /// The same for the batches.
    pending_is_known: Once,
}

impl Metrics {
    /// Registers everything with `registry`.
    ///
    /// # Errors
    /// The registry has metrics of these names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: registry.clone(),
            signed: IntCounter::new(
                "diem_bridge_signed_statements_total",
                "Statements that the bridge keys of this node have signed since it started",
            )?,
            waiting: IntGauge::new(
                "diem_bridge_waiting_statements",
                "Statements of this node's keys that the chain wants and does not hold yet",
            )?,
            refused: IntGauge::new(
                "diem_bridge_refused_statements",
                "Those of them that the signer does not sign now; diem_bridge_present_faults says why",
            )?,
            keys: IntGauge::new("diem_bridge_signer_keys", "Bridge keys of this home that can be read")?,
            faults: IntGaugeVec::new(
                Opts::new(
                    "diem_bridge_present_faults",
                    "1 while something is wrong with signer, watcher or relayer, by kind",
                ),
                &["fault"],
            )?,
            relayed: IntCounterVec::new(
                Opts::new("diem_bridge_relayed_txs_total", "Transactions on Base that this node's relayer has sent"),
                &["what"],
            )?,
            pending: IntGauge::new(
                "diem_bridge_unrelayed_batches",
                "Open batches that enough validators have signed and that Base has not executed",
            )?,
            balance: IntGauge::new("diem_bridge_relayer_balance_gwei", "What the relayer's account has on Base")?,
            watcher: WatcherMetrics::new()?,
            watcher_is_there: Once::new(),
            health: HealthMetrics::new()?,
            health_is_known: Once::new(),
            balance_is_known: Once::new(),
            pending_is_known: Once::new(),
        };
        registry.register(Box::new(metrics.signed.clone()))?;
        for gauge in [&metrics.waiting, &metrics.refused, &metrics.keys] {
            registry.register(Box::new(gauge.clone()))?;
        }
        registry.register(Box::new(metrics.faults.clone()))?;
        registry.register(Box::new(metrics.relayed.clone()))?;
        for fault in Fault::ALL {
            metrics.fault(fault.name(), false);
        }
        Ok(metrics)
    }

    pub(crate) fn signed(&self, statements: usize) {
        self.signed.inc_by(statements as u64);
    }

    pub(crate) fn refused(&self, statements: usize) {
        self.refused.set(to_i64(statements as u64));
    }

    pub(crate) fn waiting(&self, statements: usize) {
        self.waiting.set(to_i64(statements as u64));
    }

    pub(crate) fn keys(&self, keys: usize) {
        self.keys.set(to_i64(keys as u64));
    }

    pub(crate) fn fault(&self, name: &str, is_there: bool) {
        self.faults.with_label_values(&[name]).set(i64::from(is_there));
    }

    pub(crate) fn relayed(&self, what: &str) {
        self.relayed.with_label_values(&[what]).inc();
    }

    /// Sets the balance of the relayer's account, in wei. Before it is known, no metric says one.
    pub(crate) fn balance(&self, wei: u128) {
        const GWEI: u128 = 1_000_000_000;
        // A registration fails only if there is a metric of that name already, which no other part makes.
        self.balance_is_known.call_once(|| drop(self.registry.register(Box::new(self.balance.clone()))));
        self.balance.set(i64::try_from(wei / GWEI).unwrap_or(i64::MAX));
    }

    /// The metrics of the watcher. Without one no metric says anything of it.
    pub(crate) fn watcher(&self) -> &WatcherMetrics {
        // As above, no other part makes metrics of these names.
        self.watcher_is_there.call_once(|| self.watcher.register(&self.registry));
        &self.watcher
    }

    /// Shows how the bridge stands by the chain's state. Before it is at work, no metric says anything of it.
    pub(crate) fn health(&self, health: &Health) {
        self.health_is_known.call_once(|| self.health.register(&self.registry));
        self.health.set(health);
    }

    /// Sets the number of batches that could be sent to Base now. Without a relayer no metric says one.
    pub(crate) fn unrelayed(&self, batches: usize) {
        self.pending_is_known.call_once(|| drop(self.registry.register(Box::new(self.pending.clone()))));
        self.pending.set(to_i64(batches as u64));
    }
}

/// What the watcher says of Base.
#[derive(Debug)]
pub(crate) struct WatcherMetrics {
    refused: IntGauge,
    proofs: IntGauge,
    finalized: IntGauge,
    chunks: IntCounter,
}

impl WatcherMetrics {
    fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            refused: IntGauge::new(
                "diem_bridge_refused_endpoints",
                "Endpoints of Base that do not count now; the log says why",
            )?,
            proofs: IntGauge::new(
                "diem_bridge_kept_proofs",
                "Proofs of blocks of Base that wait for their block to be final",
            )?,
            finalized: IntGauge::new(
                "diem_bridge_final_blocks",
                "Number of the newest block of Base that enough endpoints call final",
            )?,
            chunks: IntCounter::new(
                "diem_bridge_found_chunks_total",
                "Chunks of events of Base that this node has found for the chain since it started",
            )?,
        })
    }

    fn register(&self, registry: &Registry) {
        for gauge in [&self.refused, &self.proofs, &self.finalized] {
            drop(registry.register(Box::new(gauge.clone())));
        }
        drop(registry.register(Box::new(self.chunks.clone())));
    }

    pub(crate) fn refused(&self, endpoints: usize) {
        self.refused.set(to_i64(endpoints as u64));
    }

    pub(crate) fn proofs(&self, kept: usize) {
        self.proofs.set(to_i64(kept as u64));
    }

    pub(crate) fn finalized(&self, number: u64) {
        self.finalized.set(to_i64(number));
    }

    pub(crate) fn chunk(&self) {
        self.chunks.inc();
    }
}

/// How the bridge stands by the chain's state.
#[derive(Debug)]
struct HealthMetrics {
    attested: IntGauge,
    attested_age: IntGauge,
    set_age: IntGauge,
    max_set_age: IntGauge,
    disputed: IntGauge,
    batch_age: IntGauge,
    halts: IntGauge,
}

impl HealthMetrics {
    fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            attested: IntGauge::new(
                "diem_bridge_attested_blocks",
                "Number of the newest block of Base that validators have attested; 0 before the first",
            )?,
            attested_age: IntGauge::new(
                "diem_bridge_attested_age_seconds",
                "Age of that block by the clock of the chain; before the first, the age of the installed set",
            )?,
            set_age: IntGauge::new(
                "diem_bridge_set_age_seconds",
                "Age of the validator set that is installed on Base, by the clock of the chain",
            )?,
            max_set_age: IntGauge::new(
                "diem_bridge_max_set_age_seconds",
                "Age above which Base mints nothing with a validator set",
            )?,
            disputed: IntGauge::new(
                "diem_bridge_disputed_blocks",
                "Blocks of Base of which validators have stated different contents of late",
            )?,
            batch_age: IntGauge::new(
                "diem_bridge_oldest_batch_age_seconds",
                "Time since the oldest signed batch was sealed that the chain does not know to be executed; 0 without one",
            )?,
            halts: IntGauge::new("diem_bridge_present_halts", "1 while a breach has halted the bridge")?,
        })
    }

    const fn all(&self) -> [&IntGauge; 7] {
        [
            &self.attested,
            &self.attested_age,
            &self.set_age,
            &self.max_set_age,
            &self.disputed,
            &self.batch_age,
            &self.halts,
        ]
    }

    fn register(&self, registry: &Registry) {
        for gauge in self.all() {
            drop(registry.register(Box::new(gauge.clone())));
        }
    }

    fn set(&self, health: &Health) {
        let Health { attested, attested_age, set_age, max_set_age, disputed, batch_age, is_halted } = *health;
        self.attested.set(to_i64(attested.unwrap_or_default()));
        self.attested_age.set(to_i64(attested_age));
        self.set_age.set(to_i64(set_age));
        self.max_set_age.set(to_i64(max_set_age));
        self.disputed.set(to_i64(disputed as u64));
        self.batch_age.set(to_i64(batch_age));
        self.halts.set(i64::from(is_halted));
    }
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A bridge with which nothing is wrong.
    const SOUND: Health = Health {
        attested: Some(5),
        attested_age: 900,
        set_age: 60,
        max_set_age: 432_000,
        disputed: 0,
        batch_age: 0,
        is_halted: false,
    };

    /// The names of all metrics of a node whose bridge is at work, with a watcher and a relayer, and the values of their
    /// labels.
    pub(crate) fn exported() -> (Vec<String>, Vec<String>) {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        metrics.relayed("batch");
        metrics.balance(1);
        metrics.unrelayed(0);
        metrics.watcher();
        metrics.health(&SOUND);
        let families = registry.gather();
        let labels = families.iter().flat_map(|family| family.get_metric()).flat_map(|metric| metric.get_label());
        let values = labels.map(|label| label.value().to_owned()).collect();
        (families.iter().map(|family| family.name().to_owned()).collect(), values)
    }

    #[test]
    fn every_name_says_what_and_unit_and_what_is_not_known_is_absent() {
        let registry = Registry::new();
        let metrics = Metrics::new(&registry).unwrap();
        metrics.relayed("batch");
        let names = |registry: &Registry| -> Vec<String> {
            registry.gather().iter().map(|family| family.name().to_owned()).collect()
        };
        let known = names(&registry).len();
        metrics.balance(5_000_000_000);
        metrics.unrelayed(1);
        assert_eq!(names(&registry).len(), known + 2);
        metrics.watcher().chunk();
        assert_eq!(names(&registry).len(), known + 6);
        metrics.health(&SOUND);
        assert_eq!(names(&registry).len(), known + 13);
        for family in registry.gather() {
            let name = family.name().strip_prefix("diem_bridge_").unwrap();
            let is_counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
            assert_eq!(is_counter, name.ends_with("_total"), "{name}");
            let unit = name.trim_end_matches("_total").rsplit('_').next().unwrap();
            assert!(
                [
                    "statements",
                    "keys",
                    "faults",
                    "halts",
                    "txs",
                    "batches",
                    "gwei",
                    "endpoints",
                    "proofs",
                    "blocks",
                    "chunks",
                    "seconds"
                ]
                .contains(&unit),
                "{name}"
            );
            assert!(!family.help().is_empty(), "{name}");
        }
    }
}
