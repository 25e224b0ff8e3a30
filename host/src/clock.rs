//! The clock of this machine.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A clock, in milliseconds since 1970. It is a function, so that a test can give one of its own.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The clock of this machine.
pub fn wall_clock() -> Clock {
    Arc::new(now)
}

/// Milliseconds since 1970 by the clock of this machine.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
