//! The settings of the guard against signing twice.

use serde::{Deserialize, Serialize};

use crate::Length;

/// The settings of the guard against signing twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// The number of blocks without its own signature for which a node listens before it signs.
    pub listen: u64,
    /// The time for which it listens where no block comes, once peers have shown that they stand at its height.
    pub listen_still: Length,
}

impl Default for Signing {
    fn default() -> Self {
        Self { listen: 10, listen_still: Length(60_000) }
    }
}
