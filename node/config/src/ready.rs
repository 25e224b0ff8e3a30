//! The limits of the checks of `/readyz`.

use serde::{Deserialize, Serialize};

use crate::Length;

/// The limits of the checks of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ready {
    /// The time without a block after which the node is not ready; it is at least that of 20 blocks.
    pub last_block: Length,
    /// The least number of peers, where the chain has several validators.
    pub peers: u32,
    /// The longest that a day may be unsettled after it could have been settled.
    pub settlement: Length,
    /// The least room on the disk, in MiB; 0: that of `disk.warn`.
    pub disk_mib: u64,
}

impl Default for Ready {
    fn default() -> Self {
        Self { last_block: Length(20_000), peers: 1, settlement: Length(3_600_000), disk_mib: 0 }
    }
}
