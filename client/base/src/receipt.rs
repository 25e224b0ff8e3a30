//! What a transaction did.

use alloy_primitives::U64;
use diem_bridge::{BaseEvent, EventBytes};
use diem_core::Address;
use serde::Deserialize;

use crate::events::Log;

/// An event of the bridge, as its log gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// The number of the event.
    pub nonce: u64,
    /// The event.
    pub event: BaseEvent,
}

/// A transaction that is in a block and did what it was sent for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The hash of the transaction.
    pub hash: [u8; 32],
    /// The number of the block that it is in.
    pub block: u64,
    /// The gas that it used.
    pub gas_used: u64,
    /// The events of the contract that was called, in order.
    pub events: Vec<Logged>,
}

/// The fields of a receipt that are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptFields {
    pub(crate) block_number: U64,
    pub(crate) gas_used: U64,
    pub(crate) status: U64,
    logs: Vec<Log>,
}

impl ReceiptFields {
    /// The events of a contract among the logs. What is not an event of the bridge is another contract's business.
    pub(crate) fn events(&self, contract: &Address) -> Vec<Logged> {
        let logs = self.logs.iter().filter(|log| log.address.0.0 == contract.0);
        let events = logs.filter_map(Log::bridge_event);
        let known = |(nonce, event): (u64, EventBytes)| {
            Some(Logged { nonce, event: BaseEvent::decode(event.kind, &event.payload).ok()? })
        };
        events.filter_map(known).collect()
    }
}
