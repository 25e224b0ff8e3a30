//! Logs, with their lies.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256, hex};
use serde_json::{Value, json};

use crate::{
    Lie,
    answer::Teller,
    json::{bytes, flipped, number, small},
    seeded,
    upstream::Stop,
    view::Place,
};

/// The most blocks of one answer whose logs get the hash that the victim is to see.
const MOST_BLOCKS: usize = 1_024;
/// Where the payload of an event of the bridge begins in its data: after the kind, the offset and the length.
const PAYLOAD: usize = 96;

impl Teller<'_> {
    /// The answer to `eth_getLogs`.
    pub(crate) async fn logs(&self, mut params: Vec<Value>) -> Result<Value, Stop> {
        let Some((from, to)) = self.range(params.first_mut()).await? else { return Ok(json!([])) };
        if let (true, Some(filter)) = (self.lies.about(to).any(|lie| *lie == Lie::MoveLogs), params.first_mut()) {
            (filter["fromBlock"], filter["toBlock"]) = (small(0), small(self.head().await?.shown));
        }
        let truth = self.shared.upstream.ask("eth_getLogs", &params).await?;
        let Value::Array(mut logs) = truth else { return Ok(truth) };
        let head = self.head().await?;
        // A lie is about a block of the answer; one that adds logs, about the last block that was asked for.
        for lie in self.lies.about(to) {
            let is_meant = |log: &Value| {
                let block = number(&log["blockNumber"]).unwrap_or_default();
                self.lies.about(block).any(|about| about == lie)
            };
            let before = logs.clone();
            match lie {
                Lie::DropLogs(one_in) => logs.retain(|log| !(is_meant(log) && self.is_dropped(log, *one_in))),
                Lie::DelayLogs(blocks) => {
                    let seen = head.shown.saturating_sub(*blocks);
                    logs.retain(|log| !(is_meant(log) && number(&log["blockNumber"]) > Some(seen)));
                }
                Lie::DuplicateLogs => {
                    let twice = logs.into_iter().flat_map(|log| vec![log.clone(); if is_meant(&log) { 2 } else { 1 }]);
                    logs = twice.collect();
                }
                Lie::ReorderLogs => {
                    let first = logs.iter().position(is_meant).unwrap_or(logs.len());
                    if let Some(meant) = logs.get_mut(first..) {
                        meant.reverse();
                    }
                }
                Lie::MoveLogs => logs.iter_mut().for_each(|log| log["blockNumber"] = small(from)),
                Lie::ForgeLogs => {
                    logs.iter_mut().filter(|log| is_meant(log)).for_each(|log| forge(log, self.shared.seed));
                }
                Lie::InventLogs => logs.push(self.invented(logs.last(), params.first(), to)),
                Lie::ForgeState(forgery) => {
                    let filter = params.first().cloned().unwrap_or_default();
                    self.add_logs(&mut logs, forgery, &filter, (from, to)).await?;
                }
                _ => continue,
            }
            if logs != before {
                self.told(lie);
            }
        }
        self.show_hashes(&mut logs).await?;
        Ok(Value::Array(logs))
    }

    /// Names the blocks in a filter as the victim is to see them, and gives the first and the last; `None` if the victim
    /// is to know none of them yet.
    async fn range(&self, filter: Option<&mut Value>) -> Result<Option<(u64, u64)>, Stop> {
        let Some(filter) = filter.filter(|filter| filter.is_object()) else { return Ok(Some((0, 0))) };
        if let Some(hash) = filter["blockHash"].as_str().and_then(|hash| hash.parse::<B256>().ok()) {
            let place = self.by_hash(hash);
            if let Place::Hash(truth) = place {
                filter["blockHash"] = bytes(truth);
            }
            let Some(block) = self.number_of(&place).await? else { return Ok(Some((0, 0))) };
            return Ok((!self.is_hidden(block).await?).then_some((block, block)));
        }
        let shown = self.head().await?.shown;
        let from = self.bound(filter, "fromBlock").await?;
        let mut to = self.bound(filter, "toBlock").await?;
        if self.is_hidden(to).await? {
            if from > shown {
                return Ok(None);
            }
            filter["toBlock"] = small(shown);
            to = shown;
        }
        Ok(Some((from, to)))
    }

    /// One end of a range of blocks, named in the filter by its number.
    async fn bound(&self, filter: &mut Value, name: &str) -> Result<u64, Stop> {
        match self.resolve(filter.get(name)).await? {
            Place::Number(number) => {
                filter[name] = small(number);
                Ok(number)
            }
            Place::Hash(_) | Place::AsAsked => Ok(self.head().await?.shown),
        }
    }

    fn is_dropped(&self, log: &Value, one_in: u64) -> bool {
        let at = |field: &str| number(&log[field]).unwrap_or_default();
        let label = format!("drop {}", at("logIndex"));
        seeded::number(self.shared.seed, &label, at("blockNumber")).checked_rem(one_in).unwrap_or_default() == 0
    }

    /// A log that never was: the next one after the last, or the first that passes the filter.
    fn invented(&self, last: Option<&Value>, filter: Option<&Value>, block: u64) -> Value {
        if let Some(last) = last {
            let mut log = last.clone();
            let index = number(&log["logIndex"]).unwrap_or_default();
            log["logIndex"] = small(index.saturating_add(1));
            if let Some(topic) = log["topics"].get_mut(1) {
                let next: U256 = topic.as_str().and_then(|text| text.parse().ok()).unwrap_or_default();
                *topic = bytes(next.wrapping_add(U256::from(1)).to_be_bytes::<32>());
            }
            return log;
        }
        let one_of = |value: &Value| match value {
            Value::Array(any) => any.first().cloned().unwrap_or_default(),
            one => one.clone(),
        };
        let random = |label: &str| bytes(seeded::hash(self.shared.seed, label, block));
        let filter = filter.cloned().unwrap_or_default();
        let topics: Vec<_> = filter["topics"].as_array().into_iter().flatten().map(one_of).collect();
        let topic = |topic: Value| if topic.is_null() { random("topic") } else { topic };
        let address = Some(one_of(&filter["address"])).filter(|address| !address.is_null());
        json!({
            "address": address.unwrap_or_else(|| bytes(alloy_primitives::Address::ZERO)),
            "topics": topics.into_iter().map(topic).collect::<Vec<_>>(),
            "data": random("data"),
            "blockHash": random("block"),
            "blockNumber": small(block),
            "transactionHash": random("transaction"),
            "transactionIndex": "0x0",
            "logIndex": "0x0",
            "removed": false,
        })
    }

    /// Puts the hashes that the victim is to see into the logs, where a lie changes those of blocks.
    async fn show_hashes(&self, logs: &mut [Value]) -> Result<(), Stop> {
        if !self.hashes_are_forged() {
            return Ok(());
        }
        let mut hashes = BTreeMap::new();
        for log in logs {
            let Some(block) = number(&log["blockNumber"]) else { continue };
            if !hashes.contains_key(&block) && hashes.len() < MOST_BLOCKS {
                hashes.insert(block, self.told_hash(block).await?);
            }
            if let Some(hash) = hashes.get(&block).filter(|hash| !hash.is_null()) {
                log["blockHash"] = hash.clone();
            }
        }
        Ok(())
    }
}

/// Changes a bit of a log's data, in an event of the bridge of its payload; without data, of its last topic.
fn forge(log: &mut Value, seed: u64) {
    let block = number(&log["blockNumber"]).unwrap_or_default();
    let by = seeded::byte(seed, "log", block);
    let mut data = log["data"].as_str().and_then(|data| hex::decode(data).ok()).unwrap_or_default();
    let place = if data.len() > PAYLOAD { PAYLOAD } else { data.len().saturating_sub(1) };
    if let Some(byte) = data.get_mut(place) {
        *byte ^= by;
        log["data"] = bytes(data);
    } else if let Some(topic) = log["topics"].as_array_mut().and_then(|topics| topics.last_mut()) {
        *topic = flipped(topic.as_str().unwrap_or_default(), by);
    }
}
