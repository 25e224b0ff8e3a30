//! What the nodes behind the URLs show of a block, compared with each other.
//!
//! CometBFT's light client judges headers by their signatures, and compares those of its servers. It says little of who was
//! wrong, and does not look at proposer priorities at all, which no hash covers: a node that has others takes the proposals
//! of its peers for forged. So each block is looked at here first. A node whose block does not hold, or whose priorities
//! most others contradict, is named in the log, and another node speaks in its place.

use std::{sync::Arc, time::Duration};

use diem_api::LightBlock;
use diem_client::{
    Client, ClientError,
    verify::{Trust, VerifyError, header_hash, header_time},
};
use diem_core::Time;
use diem_host::clock::wall_clock;
use diem_types::GenesisDoc;
use parking_lot::Mutex;

/// The nodes, of which one speaks and the others are compared with it.
pub(crate) struct Nodes {
    clients: Vec<Client>,
    genesis: Arc<GenesisDoc>,
    period: Duration,
    /// The number of the node that speaks.
    speaks: Mutex<usize>,
}

/// Why there is no block to show.
pub(crate) enum Unshown {
    /// The node has no block of this height.
    NotThere,
    /// The sentence says why.
    Because(String),
}

/// Why what a node shows is of no use.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error(transparent)]
    Unproven(#[from] VerifyError),
    #[error("it is of {0}, which is longer ago than validators answer for what they sign")]
    Expired(Time),
}

impl Nodes {
    /// These nodes, of which number `speaks` is asked first. Headers are of use up to the age of `period`.
    pub(crate) fn new(clients: Vec<Client>, speaks: usize, genesis: Arc<GenesisDoc>, period: Duration) -> Self {
        Self { clients, genesis, period, speaks: Mutex::new(speaks) }
    }

    fn speaker(&self) -> Result<(usize, &Client), String> {
        let at = *self.speaks.lock();
        let client = self.clients.get(at).ok_or("none of the nodes shows blocks that hold")?;
        Ok((at, client))
    }

    /// The newest height of the node that speaks.
    pub(crate) async fn latest(&self) -> Result<u64, String> {
        let (_, client) = self.speaker()?;
        let status = client.status().await.map_err(|error| error.to_string())?;
        status.latest.map(|head| head.height).ok_or_else(|| "the chain has no block yet".into())
    }

    /// What each of the nodes shows of a height, as part of a sentence.
    pub(crate) async fn compared(&self, height: u64) -> String {
        let mut shown = Vec::new();
        for client in &self.clients {
            let hash = match client.light_block(height).await {
                Ok(block) => header_hash(&block).map_or_else(|_| "a header that does not hold".into(), hex::encode),
                Err(_) => "nothing".into(),
            };
            shown.push(format!("{} shows {hash}", client.url()));
        }
        shown.join(", ")
    }

    /// A block as the node shows it that speaks, or another one where that one is wrong.
    pub(crate) async fn block(&self, height: u64) -> Result<LightBlock, Unshown> {
        for _ in 0..self.clients.len() {
            let (at, client) = self.speaker().map_err(Unshown::Because)?;
            let block = match client.light_block(height).await {
                Ok(block) => block,
                Err(ClientError::Refused { .. }) => return Err(Unshown::NotThere),
                Err(error) => return Err(Unshown::Because(error.to_string())),
            };
            match self.judge(&block) {
                Ok(()) => {}
                Err(wrong) => {
                    tracing::error!("what {} shows of block {height} does not hold: {wrong}", client.url());
                    self.pass_on(at);
                    continue;
                }
            }
            if self.is_outvoted(at, &block).await.map_err(Unshown::Because)? {
                self.pass_on(at);
                continue;
            }
            return Ok(block);
        }
        Err(Unshown::Because(format!("no node shows a block {height} that holds")))
    }

    /// Has another node speak from now on.
    fn pass_on(&self, from: usize) {
        let mut speaks = self.speaks.lock();
        if *speaks == from {
            *speaks = from.saturating_add(1).checked_rem(self.clients.len()).unwrap_or_default();
        }
    }

    /// Whether a block holds by itself: signatures of its own validators, and young enough. Whether these are the chain's,
    /// the light client finds out.
    fn judge(&self, block: &LightBlock) -> Result<(), Wrong> {
        Trust::from_header(&self.genesis, header_hash(block)?, block)?;
        let time = header_time(block)?;
        let age = Duration::from_millis(wall_clock()().saturating_sub(time.millis()));
        if age > self.period { Err(Wrong::Expired(time)) } else { Ok(()) }
    }

    /// Compares what a node shows with what the others show. More than half of those that show the same header must show the
    /// same priorities.
    ///
    /// # Errors
    /// As many say this as say that.
    async fn is_outvoted(&self, at: usize, block: &LightBlock) -> Result<bool, String> {
        let (height, Some(own)) = (block.height, self.clients.get(at)) else { return Ok(false) };
        let (mut with, mut against) = (1_usize, Vec::new());
        for (_, other) in self.clients.iter().enumerate().filter(|(place, _)| *place != at) {
            // Who has no such block, or one that does not hold, has no say.
            let Ok(shown) = other.light_block(height).await else { continue };
            if self.judge(&shown).is_err() {
                continue;
            }
            if header_hash(&shown).ok() != header_hash(block).ok() {
                tracing::error!(
                    "{} and {} show different headers of block {height}, both signed: one of them lies or is on another fork",
                    own.url(),
                    other.url()
                );
            } else if shown.validators == block.validators && shown.next_validators == block.next_validators {
                with = with.saturating_add(1);
            } else {
                against.push(other.url());
            }
        }
        if against.is_empty() {
            return Ok(false);
        }
        let others = against.join(" and ");
        let said = format!("{} and {others} show different proposer priorities of block {height}", own.url());
        match against.len().cmp(&with) {
            std::cmp::Ordering::Less => Ok(false),
            std::cmp::Ordering::Greater => {
                tracing::error!("{said}: most others contradict {}, which is not asked any more", own.url());
                Ok(true)
            }
            std::cmp::Ordering::Equal => {
                let sentence = format!("{said}, and no hash covers them: name a third node to join by");
                tracing::error!("{sentence}");
                Err(sentence)
            }
        }
    }
}
