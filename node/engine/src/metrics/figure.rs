//! Gauges that are exported only while their value is known.

use prometheus::{GaugeVec, Opts, Registry};

/// A gauge that is exported only while its value is known: a 0 that nobody has measured would hide a fault.
#[derive(Debug)]
pub(super) struct Figure(GaugeVec);

impl Figure {
    /// Registers the gauge, which has no value yet.
    pub(super) fn new(registry: &Registry, name: &str, help: &str) -> Result<Self, prometheus::Error> {
        // A family without a series is not exported, so the series is made with the first value.
        let gauge = GaugeVec::new(Opts::new(name, help), &[])?;
        registry.register(Box::new(gauge.clone()))?;
        Ok(Self(gauge))
    }

    /// Sets the value; `None` says that it is not known any more.
    pub(super) fn set(&self, value: Option<f64>) {
        match value {
            Some(value) => self.0.with_label_values::<&str>(&[]).set(value),
            None => self.0.reset(),
        }
    }

    /// Sets a value that counts something.
    pub(super) fn count(&self, value: Option<u64>) {
        self.set(value.map(|value| value as f64));
    }
}

/// Gauges of one name, one for each value of a label, each exported only while its value is known.
#[derive(Debug)]
pub(super) struct Figures(GaugeVec);

impl Figures {
    /// Registers the gauges, which have no value yet.
    pub(super) fn new(registry: &Registry, name: &str, help: &str, label: &str) -> Result<Self, prometheus::Error> {
        let gauges = GaugeVec::new(Opts::new(name, help), &[label])?;
        registry.register(Box::new(gauges.clone()))?;
        Ok(Self(gauges))
    }

    /// Sets the value of one; `None` says that it is not known any more.
    pub(super) fn set(&self, label: &str, value: Option<f64>) {
        match value {
            Some(value) => self.0.with_label_values(&[label]).set(value),
            // An error says that it was not known before either.
            None => drop(self.0.remove_label_values(&[label])),
        }
    }
}
