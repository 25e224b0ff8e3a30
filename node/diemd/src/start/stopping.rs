//! Why a running node ends, and in which steps: who asks for it, the time for which it still answers, and what is told to
//! its parts.

use std::{future::Future, io, sync::Arc, time::Duration};

use diem_engine::{Engine, metrics::Metrics};
use diem_host::{critical, signals::Signals};
use diem_http::health::Health;
use tokio::{sync::watch, task::JoinHandle};

/// The reason for which a node ends, once there is one. One such channel asks the node to end in order, and another tells
/// its parts that it does.
pub(super) type Stop = watch::Sender<Option<Reason>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    Asked,
    /// The height is there after which it was told to halt.
    Halted(u64),
    Fatal(String),
    /// Its disk has less room than it needs to go on.
    NoRoom(String),
    Unsafe(String),
}

/// The least time for which a node that halts stays with its peers. They may need its votes and its copy of the last block,
/// since others halt at the same height.
const LINGER: Duration = Duration::from_secs(5);

/// The time for which a node that ends for this reason still answers, where its configuration says `drain`.
pub(super) async fn time_to_drain(reason: &Reason, drain: Duration, engine: &dyn Engine) -> Duration {
    let has_peers = || async { engine.status().await.is_ok_and(|status| status.peers.is_some_and(|peers| peers > 0)) };
    match reason {
        Reason::Halted(_) if drain < LINGER && has_peers().await => LINGER,
        Reason::Halted(_) | Reason::Asked => drain,
        Reason::Fatal(_) | Reason::NoRoom(_) | Reason::Unsafe(_) => Duration::ZERO,
    }
}

/// Gives a reason. The first one is kept, because later ones follow from it.
pub(super) fn tell(stop: &Stop, reason: Reason) {
    stop.send_if_modified(|told| {
        let first = told.is_none();
        told.get_or_insert(reason);
        first
    });
}

/// Asks a node to end in order, on its operator's word. Asked again it wakes [`drain`], which then waits no longer.
pub(super) fn ask_to_end(ask: &Stop) {
    ask.send_modify(|told| {
        told.get_or_insert(Reason::Asked);
    });
}

/// What a part of the node calls when it cannot go on: it logs the failure and stops the node.
pub(super) fn on_fatal(stop: &Stop) -> Arc<dyn Fn(&str) + Send + Sync> {
    let stop = stop.clone();
    Arc::new(move |reason| {
        tracing::error!("{reason}");
        tell(&stop, Reason::Fatal(reason.into()));
    })
}

/// What the watch of the disk calls when there is no room to go on: the node stops in order and at once. A failure that was
/// told first is taken as one of the disk, because a write may have failed before the watch looked.
pub(super) fn on_no_room(stop: &Stop) -> impl Fn(&str) + Send + use<> {
    let stop = stop.clone();
    move |reason| {
        tracing::error!("{reason}");
        stop.send_if_modified(|told| {
            let is_cause = matches!(told, None | Some(Reason::Fatal(_)));
            if is_cause {
                *told = Some(Reason::NoRoom(reason.into()));
            }
            is_cause
        });
    }
}

/// What is called when this node's key may sign twice, before the failure that ends it.
pub(super) fn on_unsafe(stop: &Stop, metrics: &Arc<Metrics>) -> Arc<dyn Fn(&str) + Send + Sync> {
    let (stop, metrics) = (stop.clone(), Arc::clone(metrics));
    Arc::new(move |reason| {
        metrics.signs_elsewhere();
        tell(&stop, Reason::Unsafe(reason.into()));
    })
}

/// Runs a server that ends when the node is told to stop. If it ends before, or in a panic, the node ends too: a node
/// that nobody can ask is half a node.
pub(super) fn serve(
    stop: &Stop,
    what: &'static str,
    server: impl Future<Output = io::Result<()>> + Send + 'static,
) -> JoinHandle<()> {
    let stop = stop.clone();
    critical::spawn_task(async move {
        let outcome = server.await;
        let why = outcome.err().map_or_else(|| "it gave no reason".into(), |error| error.to_string());
        tell(&stop, Reason::Fatal(format!("{what} has ended: {why}")));
    })
}

/// Completes with the reason when there is one.
pub(super) async fn wait(mut stop: watch::Receiver<Option<Reason>>) -> Reason {
    // An error says that the sender is gone, and with it the node.
    let told = stop.wait_for(Option::is_some).await;
    told.ok().and_then(|told| told.clone()).unwrap_or(Reason::Asked)
}

/// Completes when the metrics need not be served any more: when the node is told to stop, and, where its key signs
/// elsewhere, when they were read once more after that, so that an alert says why the node is gone.
pub(super) async fn last_scrape(stop: watch::Receiver<Option<Reason>>, health: Arc<Health>) {
    if let Reason::Unsafe(_) = wait(stop).await {
        health.last_scrape().await;
    }
}

/// Waits until somebody asks the node to end, by a signal or by `ask`, or until a part of it has failed.
pub(super) async fn asked_to_end(stop: &Stop, ask: &Stop, signals: &mut Signals) -> Reason {
    tokio::select! {
        () = signals.any() => Reason::Asked,
        reason = wait(ask.subscribe()) => reason,
        reason = wait(stop.subscribe()) => reason,
    }
}

/// Lets the time pass in which a node that ends in order still answers, so that balancers and probes see that it is going,
/// and then tells all its parts. A second signal or a second word by `ask` ends that time, and so does a failure. Returns
/// the reason for which the node ends.
pub(super) async fn drain(reason: Reason, time: Duration, stop: &Stop, ask: &Stop, signals: &mut Signals) -> Reason {
    if !time.is_zero() {
        // Whoever asks from now on, of whatever was asked first, asks again.
        let mut again = ask.subscribe();
        tell(ask, reason.clone());
        again.mark_unchanged();
        tracing::info!("stopping in {} ms: /readyz says so, and requests are still answered", time.as_millis());
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = signals.any() => tracing::info!("asked again: stopping now"),
            _ = again.changed() => tracing::info!("asked again: stopping now"),
            _ = wait(stop.subscribe()) => {}
        }
    }
    tell(stop, reason);
    wait(stop.subscribe()).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_before_the_node_stops_the_node() {
        let stop = Stop::new(None);
        serve(&stop, "the HTTP API", async { Err(io::Error::other("there are no more threads")) }).await.unwrap();
        let reason = Reason::Fatal("the HTTP API has ended: there are no more threads".into());
        assert_eq!(*stop.borrow(), Some(reason));
        // A server that ends because the node stops is no failure.
        let stop = Stop::new(Some(Reason::Asked));
        serve(&stop, "the HTTP API", async { Ok(()) }).await.unwrap();
        assert_eq!(*stop.borrow(), Some(Reason::Asked));
    }

    #[tokio::test]
    async fn a_failure_ends_the_drain_and_is_the_reason_for_the_end() {
        let (stop, hour) = (Stop::new(None), Duration::from_secs(3_600));
        let mut signals = Signals::listen().unwrap();
        let soon = Duration::from_millis(10);
        let ask = Stop::new(None);
        assert_eq!(drain(Reason::Halted(7), soon, &stop, &ask, &mut signals).await, Reason::Halted(7));
        let stop = Stop::new(None);
        let failed = on_fatal(&stop);
        let (reason, ()) = tokio::join!(drain(Reason::Asked, hour, &stop, &ask, &mut signals), async {
            tokio::task::yield_now().await;
            failed("the disk is gone");
            failed("and so is the rest");
        });
        assert_eq!(reason, Reason::Fatal("the disk is gone".into()));
    }

    #[tokio::test]
    async fn who_asks_again_ends_the_drain_whoever_asked_first() {
        let hour = Duration::from_secs(3_600);
        let mut signals = Signals::listen().unwrap();
        // The first word came by a signal, or by the control socket.
        for ask in [Stop::new(None), Stop::new(Some(Reason::Asked))] {
            let stop = Stop::new(None);
            let both = async {
                tokio::join!(drain(Reason::Asked, hour, &stop, &ask, &mut signals), async {
                    tokio::task::yield_now().await;
                    assert_eq!(*ask.borrow(), Some(Reason::Asked), "the node is known to be ending");
                    ask_to_end(&ask);
                })
            };
            assert_eq!(tokio::time::timeout(Duration::from_secs(60), both).await.unwrap(), (Reason::Asked, ()));
        }
    }
}
