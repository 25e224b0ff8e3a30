//! The pulse of a thread without which there is no node. It beats while the thread moves, so that others see when one
//! hangs: on a lock, on a disk that answers no more, or because somebody stopped it.
//!
//! A panic ends the process by itself ([`crate::critical`]); what hangs is told to the service manager by silence, which
//! then starts the node again.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The longest that a thread which only waits may sleep between two beats.
pub const BEAT: Duration = Duration::from_secs(1);

static PULSES: Mutex<BTreeMap<u64, Arc<Shared>>> = Mutex::new(BTreeMap::new());
static NUMBERS: AtomicU64 = AtomicU64::new(0);
/// The moment from which beats are counted.
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

struct Shared {
    name: String,
    /// The time of the last beat, in milliseconds since [`BEGAN`].
    last: AtomicU64,
}

/// A pulse, which belongs to one thread or task and ends when it is dropped.
pub struct Pulse {
    number: u64,
    shared: Arc<Shared>,
}

/// The pulse that has not beaten for the longest time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slowest {
    /// The name under which it was started.
    pub name: String,
    /// The time since its last beat.
    pub silent: Duration,
}

impl Pulse {
    /// Starts a pulse, with its first beat.
    pub fn start(name: impl Into<String>) -> Self {
        let shared = Arc::new(Shared { name: name.into(), last: AtomicU64::new(now()) });
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        PULSES.lock().insert(number, Arc::clone(&shared));
        Self { number, shared }
    }

    /// Says that the thread moves.
    pub fn beat(&self) {
        self.shared.last.store(now(), Ordering::Relaxed);
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        PULSES.lock().remove(&self.number);
    }
}

/// The slowest pulse of this process; `None` where there is none.
pub fn slowest() -> Option<Slowest> {
    let now = now();
    let pulses = PULSES.lock();
    let oldest = pulses.values().min_by_key(|pulse| pulse.last.load(Ordering::Relaxed))?;
    let silent = Duration::from_millis(now.saturating_sub(oldest.last.load(Ordering::Relaxed)));
    Some(Slowest { name: oldest.name.clone(), silent })
}

fn now() -> u64 {
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_slowest_is_the_one_that_has_not_beaten_and_an_ended_one_counts_no_more() {
        assert_eq!(slowest(), None);
        let (first, second) = (Pulse::start("first"), Pulse::start("second"));
        std::thread::sleep(Duration::from_millis(20));
        second.beat();
        let slow = slowest().unwrap();
        assert!(slow.name == "first" && slow.silent >= Duration::from_millis(20), "{slow:?}");
        std::thread::sleep(Duration::from_millis(20));
        first.beat();
        assert_eq!(slowest().unwrap().name, "second");
        drop(second);
        assert_eq!(slowest().unwrap().name, "first");
        drop(first);
        assert_eq!(slowest(), None);
    }
}
