//! What is counted of the HTTP API. Every label has a bounded set of values, whatever clients send.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The buckets of the time that a request takes, in seconds. A `wait=committed` lasts as long as a block.
const SECONDS: &[f64] = &[0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0];

/// The reason why the API refuses a request that another time or from another client it would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As many connections are open as it takes.
    Connections,
    /// As many reads wait as it takes.
    Reads,
    /// As many simulations wait as it takes.
    Simulations,
    /// As many streams of events are open as it takes.
    Streams,
    /// As many submissions are on their way as it takes, or their bytes take as much memory.
    Submissions,
    /// The request did not arrive in time.
    Timeout,
    /// The body is larger than what is read.
    TooLarge,
    /// A page of another site has made the request on loopback.
    WrongHost,
    /// The client has as many connections, or has asked for as much lately, as one client may.
    Client,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Connections,
        Self::Reads,
        Self::Simulations,
        Self::Streams,
        Self::Submissions,
        Self::Timeout,
        Self::TooLarge,
        Self::WrongHost,
        Self::Client,
    ];

    /// The value of the label `reason`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Reads => "reads",
            Self::Simulations => "simulations",
            Self::Streams => "streams",
            Self::Submissions => "submissions",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::WrongHost => "wrong_host",
            Self::Client => "client",
        }
    }
}

/// The kind of a request, by which its time is counted: the time of each route apart would be a thousand series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// A command of a development engine.
    Dev,
    /// A question for monitoring.
    Probe,
    /// A proof or a light block.
    Proof,
    /// Any other read.
    Read,
    /// A simulation.
    Simulation,
    /// The beginning of a stream of events.
    Stream,
    /// A submission of transactions, which may wait for their block.
    Submission,
    /// A request for a path that there is not.
    Unknown,
}

impl RequestKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Dev,
        Self::Probe,
        Self::Proof,
        Self::Read,
        Self::Simulation,
        Self::Stream,
        Self::Submission,
        Self::Unknown,
    ];

    /// The value of the label `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Probe => "probe",
            Self::Proof => "proof",
            Self::Read => "read",
            Self::Simulation => "simulation",
            Self::Stream => "stream",
            Self::Submission => "submission",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that is open, and counted until this is dropped.
#[derive(Debug)]
pub struct Open(IntGauge);

impl Open {
    pub(super) fn of(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The counters of the API.
#[derive(Debug)]
pub(super) struct Http {
    requests: IntCounterVec,
    seconds: HistogramVec,
    refused: IntCounterVec,
    pub(super) panics: IntCounter,
    pub(super) connections: IntGauge,
    pub(super) streams: IntGauge,
}

impl Http {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let http = Self {
            requests: IntCounterVec::new(
                Opts::new("diem_http_requests_total", "Requests by route and class of their status, such as 2xx"),
                &["route", "status"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new("diem_http_request_seconds", "Answering a request, by kind").buckets(SECONDS.into()),
                &["kind"],
            )?,
            refused: IntCounterVec::new(
                Opts::new("diem_http_refused_total", "Requests that were refused because of a limit, by reason"),
                &["reason"],
            )?,
            panics: IntCounter::new("diem_http_panics_total", "Requests whose handler panicked")?,
            connections: IntGauge::new("diem_http_connections", "Connections to the API that are open")?,
            streams: IntGauge::new("diem_http_streams", "Streams of events that are open")?,
        };
        for vector in [&http.requests, &http.refused] {
            registry.register(Box::new(vector.clone()))?;
        }
        registry.register(Box::new(http.seconds.clone()))?;
        registry.register(Box::new(http.panics.clone()))?;
        for gauge in [&http.connections, &http.streams] {
            registry.register(Box::new(gauge.clone()))?;
        }
        // A counter that appears with its first count shows Prometheus no increase.
        for reason in Refusal::ALL {
            http.refused.with_label_values(&[reason.name()]);
        }
        Ok(http)
    }

    /// Counts an answered request of a route.
    pub(super) fn answered(&self, route: &str, kind: RequestKind, status: u16, took: Duration) {
        self.requests.with_label_values(&[route, class(status)]).inc();
        self.seconds_of(kind).observe(took.as_secs_f64());
    }

    fn seconds_of(&self, kind: RequestKind) -> Histogram {
        self.seconds.with_label_values(&[kind.name()])
    }

    pub(super) fn refused(&self, reason: Refusal) {
        self.refused.with_label_values(&[reason.name()]).inc();
    }
}

/// The class of a status. Each status apart would be several times as many series.
const fn class(status: u16) -> &'static str {
    match status {
        ..400 => "2xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

/// A handle that counts panics, for threads that know nothing else of the metrics.
#[derive(Debug, Clone)]
pub struct Panics(pub(super) IntCounter);

impl Panics {
    /// Counts a request whose handler panicked.
    pub fn count(&self) {
        self.0.inc();
    }
}
