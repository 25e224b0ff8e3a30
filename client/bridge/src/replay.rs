//! Replay by hand: the events up to an attested block of Base are fetched, folded to the hash that validators attested,
//! and handed in from the last to the first.

use anyhow::anyhow;
use clap::Args;
use diem_api::{At, Bridge, BridgeReplay, BridgeStage, MissingEvents};
use diem_base::{Base, FoundEvent};
use diem_bridge::{Chunk, EventBytes, MAX_EVENTS, Msg, fold};
use diem_cli::{
    Failure,
    common::Common,
    failure::{failed, usage},
    output::say,
    tx::{Make, Wallet},
};
use diem_types::Call;

use crate::base::{contract, deployed, on_base};

/// The blocks of Base in which events are looked for with one question. Many endpoints answer no more than 10,000.
const BLOCKS_AT_ONCE: u64 = 5_000;
/// The most events that are fetched. All of them are held in memory, some 100 bytes each.
const MOST_EVENTS: u64 = 1_000_000;

#[derive(Debug, Args)]
pub(crate) struct ReplayCommand {
    /// URL of an endpoint of Base that has the events. It is believed nothing: the chain has their hash.
    #[arg(long, env = "DIEM_BASE_RPC", value_name = "URL")]
    base_rpc: String,
    #[command(flatten)]
    make: Make,
}

impl ReplayCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<(), Failure> {
        let wallet = Wallet::open(common).await?;
        let bridge = wallet.client.bridge().await?;
        let replay = bridge.progress.replay.as_ref().ok_or_else(|| nothing(&bridge))?;
        let missing = replay.missing.as_ref().ok_or_else(|| nothing(&bridge))?;
        say(&format!(
            "events {} to {} of Base are missing, of block {} that is attested",
            missing.first, missing.last, replay.target.number
        ));
        let contract = contract(&self.base_rpc, &bridge).await?;
        let events = fetch(&contract, &bridge, replay, missing).await?;
        let chunks = chunks(bridge.base.rolling_hash.0, missing, events)?;
        let count = chunks.len();
        for (place, chunk) in (1_u64..).zip(chunks) {
            say(&format!("transaction {place} of {count}: events {} to {}", chunk.first, chunk.last()));
            wallet.send(&self.make, Call::Bridge(Msg::Replay { chunk })).await?;
        }
        Ok(())
    }
}

fn nothing(bridge: &Bridge) -> Failure {
    if bridge.stage != BridgeStage::AtWork {
        let step = bridge.next_step.as_deref().unwrap_or("its contract is not known");
        return usage(anyhow!("there is no bridge at work, so no event of Base is attested: {step}"));
    }
    let why = match &bridge.progress.replay {
        Some(replay) => format!(
            "all {} events up to block {} of Base are proven, and the next blocks apply them",
            replay.events, replay.target.number
        ),
        None if bridge.progress.attested.is_none() => "no block of Base is attested yet".to_owned(),
        None => "every event of what is attested is applied".to_owned(),
    };
    usage(anyhow!("no events are missing: {why}"))
}

/// The missing events in ascending order, as the endpoint gives them.
async fn fetch(
    contract: &diem_base::Bridge,
    bridge: &At<Bridge>,
    replay: &BridgeReplay,
    missing: &MissingEvents,
) -> Result<Vec<EventBytes>, Failure> {
    let MissingEvents { first, last, .. } = *missing;
    if last.saturating_sub(first) >= MOST_EVENTS {
        return Err(failed(anyhow!("events {first} to {last} are more than this command fetches, {MOST_EVENTS}")));
    }
    let applied = bridge.progress.applied.as_ref().map(|applied| applied.number);
    let mut from = applied.map_or(deployed(bridge)?.deploy_block, |number| number.saturating_add(1));
    let (mut found, mut next) = (Vec::new(), first);
    while from <= replay.target.number && next <= last {
        let to = replay.target.number.min(from.saturating_add(BLOCKS_AT_ONCE).saturating_sub(1));
        let page = page(contract, contract.base(), next..=last, from..=to).await?;
        let is_full = page.len() >= MAX_EVENTS;
        for FoundEvent { nonce, event, .. } in page {
            if nonce != next {
                return Err(left_out(next));
            }
            found.push(event);
            next = next.saturating_add(1);
        }
        // A full page may have more behind it in the same blocks.
        if !is_full {
            from = to.saturating_add(1);
        }
    }
    if next <= last { Err(left_out(next)) } else { Ok(found) }
}

async fn page(
    contract: &diem_base::Bridge,
    base: &Base,
    nonces: std::ops::RangeInclusive<u64>,
    blocks: std::ops::RangeInclusive<u64>,
) -> Result<Vec<FoundEvent>, Failure> {
    base.events(contract.address(), nonces, blocks).await.map_err(on_base)
}

fn left_out(nonce: u64) -> Failure {
    failed(anyhow!("the endpoint shows no event {nonce} of the bridge, which Base has: ask another with --base-rpc"))
}

/// The events in chunks, the last first, if they fold from the hash that was applied to the one that was attested.
fn chunks(applied: [u8; 32], missing: &MissingEvents, events: Vec<EventBytes>) -> Result<Vec<Chunk>, Failure> {
    let (mut chunks, mut hash, mut nonce) = (Vec::new(), applied, missing.first);
    for events in events.chunks(MAX_EVENTS) {
        chunks.push(Chunk { first: nonce, before: hash, events: events.to_vec() });
        for event in events {
            hash = fold(&hash, nonce, event.kind, &event.payload);
            nonce = nonce.saturating_add(1);
        }
    }
    if hash != missing.hash.0 {
        return Err(failed(anyhow!(
            "the events of this endpoint are not those that validators attested: ask another with --base-rpc. Nothing was \
             sent"
        )));
    }
    chunks.reverse();
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    use diem_api::Hash;

    use super::*;

    fn events(count: usize) -> Vec<EventBytes> {
        (0..count).map(|number| EventBytes { kind: 1, payload: number.to_be_bytes().to_vec() }).collect()
    }

    fn missing(events: &[EventBytes]) -> MissingEvents {
        let hash = (11..).zip(events).fold([7; 32], |hash, (nonce, one)| fold(&hash, nonce, one.kind, &one.payload));
        MissingEvents { first: 11, last: 10 + events.len() as u64, hash: Hash(hash) }
    }

    #[test]
    fn events_are_cut_into_chunks_that_prove_themselves_from_the_last_to_the_first() {
        let events = events(450);
        let missing = missing(&events);
        let chunks = chunks([7; 32], &missing, events.clone()).unwrap();
        let mut frontier = (missing.last, missing.hash.0);
        for chunk in &chunks {
            assert!(chunk.validate().is_ok());
            assert_eq!((chunk.last(), chunk.hash()), frontier);
            frontier = (chunk.first - 1, chunk.before);
        }
        assert_eq!((chunks.len(), frontier), (3, (10, [7; 32])));
    }

    #[test]
    fn events_that_were_not_attested_are_refused_before_anything_is_sent() {
        let mut other = events(3);
        let missing = missing(&other);
        other[1].payload[0] ^= 1;
        let error = chunks([7; 32], &missing, other).unwrap_err().error.to_string();
        assert!(error.contains("not those that validators attested"), "{error}");
    }
}
