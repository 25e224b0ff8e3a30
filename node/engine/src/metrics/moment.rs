//! The figures of a moment, which are asked for right before a scrape is answered.

use std::time::Duration;

use prometheus::Registry;

use super::figure::{Figure, Figures};

/// What is so at a moment, as far as the node knows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moment {
    /// The checks of `/readyz` by name: whether each is passed, where that is known.
    pub checks: Vec<(&'static str, Option<bool>)>,
    /// The number of connected peers.
    pub peers: Option<u32>,
    /// The number of validators in the set that consensus was last told.
    pub validators: Option<u64>,
    /// This node's own validator.
    pub own: Option<OwnValidator>,
    /// The time since the oldest day that is not settled could have been; zero where none could.
    pub settlement_lag: Option<Duration>,
    /// The rent of the closed day that is not settled, in VVV.
    pub unsettled_vvv: Option<f64>,
    /// The memory that the cache of rows takes.
    pub cache_bytes: Option<u64>,
    /// The memory that the tree of the state takes.
    pub tree_bytes: Option<u64>,
}

/// How this node's own validator stands by the chain's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnValidator {
    /// The power that consensus was last told; 0 for none.
    pub power: u64,
    /// The number of missed blocks of the last ones that are counted.
    pub missed: u32,
    /// The number of them that it may miss.
    pub may_miss: u32,
    /// Whether it is jailed, be it for ever.
    pub jailed: bool,
}

/// The gauges of what is so at a moment.
#[derive(Debug)]
pub(super) struct Shown {
    checks: Figures,
    peers: Figure,
    validators: Figure,
    power: Figure,
    missed: Figure,
    may_miss: Figure,
    jailed: Figure,
    settlement_lag: Figure,
    unsettled_vvv: Figure,
    cache_bytes: Figure,
    tree_bytes: Figure,
}

impl Shown {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let figure = |name: &str, help: &str| Figure::new(registry, name, help);
        Ok(Self {
            checks: Figures::new(registry, "diem_ready", "Whether a check of /readyz is passed", "check")?,
            peers: figure("diem_consensus_peers", "Nodes that this one is connected to")?,
            validators: figure("diem_consensus_validators", "Validators that make blocks now")?,
            power: figure("diem_validator_power", "Power of this node's validator; 0 where it makes no blocks")?,
            missed: figure(
                "diem_validator_missed_blocks",
                "Blocks of the last ones that are counted which this node's validator did not sign",
            )?,
            may_miss: figure("diem_validator_may_miss_blocks", "How many of them it may miss before it is jailed")?,
            jailed: figure("diem_validator_jailed", "1 while this node's validator is jailed")?,
            settlement_lag: figure(
                "diem_credits_settlement_lag_seconds",
                "Time since the oldest unsettled day could have been settled; 0 where none could",
            )?,
            unsettled_vvv: figure(
                "diem_credits_unsettled_vvv",
                "Rent of the closed day that is not settled, in VVV; 0 without one",
            )?,
            cache_bytes: figure("diem_store_cache_bytes", "Memory that the cache of rows takes")?,
            tree_bytes: figure("diem_store_tree_bytes", "Memory that the tree of the state takes")?,
        })
    }

    pub(super) fn set(&self, moment: &Moment) {
        for (name, passed) in &moment.checks {
            self.checks.set(name, passed.map(|passed| f64::from(u8::from(passed))));
        }
        self.peers.count(moment.peers.map(u64::from));
        self.validators.count(moment.validators);
        let own = moment.own.as_ref();
        self.power.count(own.map(|own| own.power));
        self.missed.count(own.map(|own| u64::from(own.missed)));
        self.may_miss.count(own.map(|own| u64::from(own.may_miss)));
        self.jailed.count(own.map(|own| u64::from(own.jailed)));
        self.settlement_lag.set(moment.settlement_lag.map(|lag| lag.as_secs_f64()));
        self.unsettled_vvv.set(moment.unsettled_vvv);
        self.cache_bytes.count(moment.cache_bytes);
        self.tree_bytes.count(moment.tree_bytes);
    }
}
