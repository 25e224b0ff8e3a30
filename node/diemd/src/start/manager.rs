//! What the service manager hears: that the node answers, that it stops, and, while nothing in it hangs, that it lives.

use std::time::Duration;

use diem_host::{
    pulse::{self, Slowest},
    service,
};
use tokio::{sync::watch, task::JoinHandle};

/// The part of the watchdog's time for which a pulse may be still: what comes after it is silence.
const STILL: u32 = 2;
/// The number of words to the service manager within the time of its watchdog.
const WORDS: u32 = 8;
/// The interval at which the line for people is written where nobody watches.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The task that speaks to the service manager until the node stops.
pub(super) struct Manager(JoinHandle<()>);

impl Manager {
    /// Says that the node answers. From then on the service manager hears that it lives, as long as the threads that commit
    /// blocks, the supervisor of CometBFT and CometBFT itself move. Must be called on a tokio runtime.
    pub(super) fn greet(heights: watch::Receiver<u64>) -> Self {
        service::ready(&line(&heights));
        Self(tokio::spawn(speak(heights, service::watchdog())))
    }

    /// Says that the node stops. It is then ended by the time that a stop may take.
    pub(super) fn stop(self) {
        self.0.abort();
        service::stopping();
    }
}

fn line(heights: &watch::Receiver<u64>) -> String {
    match *heights.borrow() {
        0 => "waiting for the first block".into(),
        height => format!("at height {height}"),
    }
}

async fn speak(heights: watch::Receiver<u64>, watchdog: Option<Duration>) {
    let Some(time) = watchdog else {
        loop {
            tokio::time::sleep(LINE_EVERY).await;
            service::status(&line(&heights));
        }
    };
    let mut hung = false;
    loop {
        tokio::time::sleep(part(time, WORDS)).await;
        let hanging = hanging(time);
        match &hanging {
            None => service::alive(&line(&heights)),
            Some(Slowest { name, silent }) => {
                if !hung {
                    tracing::error!(
                        "{name} has not moved for {} s: the service manager hears nothing until it does, and may start \
                         this node again",
                        silent.as_secs()
                    );
                }
                // Of several that hang, the one that hangs longest may go on before the others.
                service::status(&format!("{name} does not move"));
            }
        }
        if hung && hanging.is_none() {
            tracing::warn!("everything moves again");
        }
        hung = hanging.is_some();
    }
}

/// The slowest pulse, where it has been still for too long.
fn hanging(watchdog: Duration) -> Option<Slowest> {
    pulse::slowest().filter(|slowest| slowest.silent > part(watchdog, STILL))
}

fn part(time: Duration, of: u32) -> Duration {
    time.checked_div(of).unwrap_or(time)
}
