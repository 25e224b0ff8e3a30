//! The events of the bridge, as bytes. The rolling hash over them decides whether they are the contract's.

use std::ops::RangeInclusive;

use alloy_primitives::{B256, Bytes, U64, U256};
use alloy_sol_types::SolEvent as _;
use diem_bridge::{EventBytes, MAX_EVENTS, MAX_PAYLOAD_BYTES};
use diem_core::Address;
use serde::Deserialize;
use serde_json::json;

use crate::{Base, BaseError, contract::abi::DiemBridge::BridgeEvent, convert::to_alloy};

/// An event of the bridge and where it was found. Nothing of it is proven before it is folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEvent {
    /// The nonce of the event.
    pub nonce: u64,
    /// The number of the block that the endpoint gives for it.
    pub block: u64,
    /// The kind and payload that the contract logged under this nonce.
    pub event: EventBytes,
}

/// A log of any contract.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Log {
    pub(crate) address: alloy_primitives::Address,
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
    /// Absent in the logs of a block that is not made yet.
    block_number: Option<U64>,
}

impl Log {
    /// The event of the bridge in this log, if it is one.
    pub(crate) fn bridge_event(&self) -> Option<(u64, EventBytes)> {
        let topics = self.topics.iter().copied();
        let BridgeEvent { nonce, kind, payload } = BridgeEvent::decode_raw_log_validate(topics, &self.data).ok()?;
        Some((nonce, EventBytes { kind, payload: payload.to_vec() }))
    }
}

impl Base {
    /// The events of the bridge with these nonces among the blocks of these numbers, in ascending order. Those in other
    /// blocks are left out, and an endpoint may leave out any: whoever folds them finds out.
    ///
    /// At most [`MAX_EVENTS`] nonces are asked for at once, which bounds the answer; of more, the first are.
    ///
    /// # Errors
    /// [`BaseError::NotAnEndpoint`] if the answer is none to this question: another contract's log, another nonce,
    /// the same one twice, or a payload of more than [`MAX_PAYLOAD_BYTES`]; otherwise the endpoint did not answer.
    pub async fn events(
        &self,
        bridge: &Address,
        nonces: RangeInclusive<u64>,
        blocks: RangeInclusive<u64>,
    ) -> Result<Vec<FoundEvent>, BaseError> {
        const METHOD: &str = "eth_getLogs";
        let last = (*nonces.end()).min(nonces.start().saturating_add(MAX_EVENTS as u64).saturating_sub(1));
        let nonces = *nonces.start()..=last;
        let topics: Vec<B256> = nonces.clone().map(|nonce| U256::from(nonce).into()).collect();
        let filter = json!({
            "address": to_alloy(bridge),
            "topics": [BridgeEvent::SIGNATURE_HASH, topics],
            "fromBlock": U64::from(*blocks.start()),
            "toBlock": U64::from(*blocks.end()),
        });
        let logs: Vec<Log> = self.endpoint().ask(METHOD, json!([filter])).await?;
        let fault = |reason: &str| self.endpoint().fault(METHOD, reason.into());
        let mut found = Vec::with_capacity(logs.len().min(MAX_EVENTS));
        for log in &logs {
            let is_asked = log.address == to_alloy(bridge);
            let (nonce, event) =
                log.bridge_event().filter(|_| is_asked).ok_or_else(|| fault("a log is no event of the bridge"))?;
            let block = log.block_number.map(|number| number.to()).filter(|block| blocks.contains(block));
            let block = block.ok_or_else(|| fault("a log lies in a block that was not asked for"))?;
            if !nonces.contains(&nonce) || event.payload.len() > MAX_PAYLOAD_BYTES {
                return Err(fault("an event has a nonce that was not asked for, or too long a payload"));
            }
            found.push(FoundEvent { nonce, block, event });
        }
        found.sort_by_key(|event| event.nonce);
        let is_twice = found.windows(2).any(|pair| matches!(pair, [one, other] if one.nonce == other.nonce));
        if is_twice { Err(fault("an event is there twice")) } else { Ok(found) }
    }
}
