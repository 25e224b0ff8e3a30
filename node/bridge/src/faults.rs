//! What is wrong now. Each kind of fault is logged when it comes and then at long intervals, and stands in the metrics
//! as long as it lasts.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::Metrics;

/// The interval at which a fault that lasts is logged again.
const REPEATED_AFTER: Duration = Duration::from_secs(600);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A key file cannot be used.
    KeyFile,
    /// The contract that the chain names is none that this version would create.
    Contract,
    /// The endpoint does not show the contract.
    ContractUnseen,
    /// What was signed cannot be remembered.
    Memory,
    /// The state asks for another content than the one that was signed.
    Content,
    /// The relayer's endpoint of Base does not answer, or not as one of this network does.
    Endpoint,
    /// The relayer's account has little ETH, or none.
    Funds,
    /// The contract refused what the relayer tried, or a transaction failed.
    Sending,
    /// An endpoint of the watcher is refused.
    RefusedEndpoint,
    /// Too few endpoints agree for anything to be final.
    NoQuorum,
    /// No endpoint proves young blocks.
    Proofs,
    /// The contract on Base has not the code that it was created with.
    Code,
    /// No endpoint gives the events that were attested.
    Events,
    /// Base has changed below what was final: the signer is stopped.
    Reorg,
    /// Young blocks of Base show what this chain never caused.
    EarlyAlarm,
}

impl Fault {
    /// All of them, so that each has a series from the start.
    pub(crate) const ALL: [Self; 15] = [
        Self::KeyFile,
        Self::Contract,
        Self::ContractUnseen,
        Self::Memory,
        Self::Content,
        Self::Endpoint,
        Self::Funds,
        Self::Sending,
        Self::RefusedEndpoint,
        Self::NoQuorum,
        Self::Proofs,
        Self::Code,
        Self::Events,
        Self::Reorg,
        Self::EarlyAlarm,
    ];

    /// The name in the metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KeyFile => "key_file",
            Self::Contract => "contract",
            Self::ContractUnseen => "contract_unseen",
            Self::Memory => "memory",
            Self::Content => "content",
            Self::Endpoint => "endpoint",
            Self::Funds => "funds",
            Self::Sending => "sending",
            Self::RefusedEndpoint => "refused_endpoint",
            Self::NoQuorum => "no_quorum",
            Self::Proofs => "proofs",
            Self::Code => "code",
            Self::Events => "events",
            Self::Reorg => "reorg",
            Self::EarlyAlarm => "early_alarm",
        }
    }
}

/// What was logged of a fault.
struct Said {
    kind: String,
    text: String,
    at: Instant,
}

/// The faults that last.
pub(crate) struct Faults {
    said: BTreeMap<Fault, Said>,
    metrics: Arc<Metrics>,
}

impl Faults {
    pub(crate) const fn new(metrics: Arc<Metrics>) -> Self {
        Self { said: BTreeMap::new(), metrics }
    }

    /// A fault is there. It is logged unless the same was said lately.
    pub(crate) fn raise(&mut self, fault: Fault, text: String) {
        self.raise_kind(fault, &text.clone(), text);
    }

    /// A fault is there whose text has numbers that change. It is logged unless one of the same kind was lately.
    pub(crate) fn raise_kind(&mut self, fault: Fault, kind: &str, text: String) {
        self.metrics.fault(fault.name(), true);
        let is_said = self.said.get(&fault).is_some_and(|said| said.kind == kind && said.at.elapsed() < REPEATED_AFTER);
        if !is_said {
            tracing::error!(fault = fault.name(), "bridge: {text}");
            self.said.insert(fault, Said { kind: kind.to_owned(), text, at: Instant::now() });
        }
    }

    /// A fault is over, if it was there.
    pub(crate) fn clear(&mut self, fault: Fault) {
        self.metrics.fault(fault.name(), false);
        if self.said.remove(&fault).is_some() {
            tracing::info!(fault = fault.name(), "bridge: this is mended");
        }
    }

    /// The last text of a fault that lasts.
    pub(crate) fn text(&self, fault: Fault) -> Option<&str> {
        self.said.get(&fault).map(|said| said.text.as_str())
    }
}
