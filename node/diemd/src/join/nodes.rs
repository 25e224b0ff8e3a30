//! What the nodes behind the URLs show of a block, compared with each other.
//!
//! CometBFT's light client judges headers by their signatures, and compares those of its servers. It says little of who was
//! wrong, and does not look at proposer priorities at all, which no hash covers: a node that has others takes the proposals
//! of its peers for forged. So each block is looked at here first. A node whose block does not hold, or whose priorities
//! most others contradict, is named in the log, and another node speaks in its place. So it is with one that does not answer:
//! CometBFT waits ten seconds for a header, and gives up all snapshots where one of its servers has none.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use diem_api::LightBlock;
use diem_client::{
    Client, ClientError,
    verify::{Trust, VerifyError, header_hash, header_time},
};
use diem_core::Time;
use diem_host::clock::wall_clock;
use diem_types::GenesisDoc;
use futures::future::join_all;
use parking_lot::Mutex;

/// The longest wait for one node, less than CometBFT waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time for which a node that did not answer is not asked again, so that it does not hold up the others each time.
const AGAIN: Duration = Duration::from_secs(20);

/// The nodes that do not answer, by their numbers, each since it was asked last. All servers of a node share them.
pub(crate) type Silent = Arc<Mutex<BTreeMap<usize, Instant>>>;

/// The nodes, of which one speaks and the others are compared with it.
pub(crate) struct Nodes {
    clients: Vec<Client>,
    silent: Silent,
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

/// What a node says to a question.
enum Answer<T> {
    Given(T),
    /// It answers that there is nothing.
    Refused,
    /// It does not answer in time, or with nonsense.
    Silent,
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
    pub(crate) fn new(
        clients: Vec<Client>,
        speaks: usize,
        silent: Silent,
        genesis: Arc<GenesisDoc>,
        period: Duration,
    ) -> Self {
        Self { clients, silent, genesis, period, speaks: Mutex::new(speaks) }
    }

    fn speaker(&self) -> Result<(usize, &Client), String> {
        let at = *self.speaks.lock();
        let client = self.clients.get(at).ok_or("none of the nodes shows blocks that hold")?;
        Ok((at, client))
    }

    /// The newest height of the node that speaks, or of another one where that one does not answer.
    pub(crate) async fn latest(&self) -> Result<u64, String> {
        for _ in 0..self.clients.len() {
            let (at, client) = self.speaker()?;
            match self.answer(at, client.status()).await {
                Answer::Given(status) => {
                    return status.latest.map(|head| head.height).ok_or_else(|| "the chain has no block yet".into());
                }
                Answer::Refused | Answer::Silent => self.pass_on(at),
            }
        }
        Err("none of the nodes answers".into())
    }

    /// What each of the nodes shows of a height, as part of a sentence.
    pub(crate) async fn compared(&self, height: u64) -> String {
        let mut shown = Vec::new();
        for (client, block) in self.clients.iter().zip(self.ask_all(height).await) {
            let hash = match block {
                Answer::Given(block) => {
                    header_hash(&block).map_or_else(|_| "a header that does not hold".into(), hex::encode)
                }
                Answer::Refused | Answer::Silent => "nothing".into(),
            };
            shown.push(format!("{} shows {hash}", client.url()));
        }
        shown.join(", ")
    }

    /// Asks all nodes for a block at once.
    async fn ask_all(&self, height: u64) -> Vec<Answer<LightBlock>> {
        let clients = self.clients.iter().enumerate();
        join_all(clients.map(|(at, client)| self.answer(at, client.light_block(height)))).await
    }

    /// What a node answers within the time that there is for it. One that was silent is left alone for a while, and whether it
    /// answers is said when that changes.
    async fn answer<T>(&self, at: usize, asked: impl Future<Output = Result<T, ClientError>>) -> Answer<T> {
        if self.silent.lock().get(&at).is_some_and(|since| since.elapsed() < AGAIN) {
            return Answer::Silent;
        }
        let reason = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => {
                self.is_heard(at);
                return Answer::Given(answer);
            }
            Ok(Err(ClientError::Refused { .. })) => {
                self.is_heard(at);
                return Answer::Refused;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        if self.silent.lock().insert(at, Instant::now()).is_none() {
            tracing::warn!(
                "{} does not answer ({reason}): what the other nodes show is not compared with it",
                self.clients.get(at).map_or("a node", Client::url)
            );
        }
        Answer::Silent
    }

    fn is_heard(&self, at: usize) {
        if self.silent.lock().remove(&at).is_some() {
            tracing::info!("{} answers again", self.clients.get(at).map_or("a node", Client::url));
        }
    }

    /// A block as the node shows it that speaks, or another one where that one is wrong or silent.
    pub(crate) async fn block(&self, height: u64) -> Result<LightBlock, Unshown> {
        let shown = self.ask_all(height).await;
        for _ in 0..self.clients.len() {
            let (at, client) = self.speaker().map_err(Unshown::Because)?;
            let block = match shown.get(at) {
                Some(Answer::Given(block)) => block,
                Some(Answer::Refused) => return Err(Unshown::NotThere),
                Some(Answer::Silent) | None => {
                    self.pass_on(at);
                    continue;
                }
            };
            match self.judge(block) {
                Ok(()) => {}
                Err(wrong) => {
                    tracing::error!("what {} shows of block {height} does not hold: {wrong}", client.url());
                    self.pass_on(at);
                    continue;
                }
            }
            if self.is_outvoted(at, block, &shown).map_err(Unshown::Because)? {
                self.pass_on(at);
                continue;
            }
            return Ok(block.clone());
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
    fn is_outvoted(&self, at: usize, block: &LightBlock, shown: &[Answer<LightBlock>]) -> Result<bool, String> {
        let (height, Some(own)) = (block.height, self.clients.get(at)) else { return Ok(false) };
        let (mut with, mut against) = (1_usize, Vec::new());
        let others = self.clients.iter().zip(shown).enumerate().filter(|(place, _)| *place != at);
        for (_, (other, shown)) in others {
            // Who has no such block, or one that does not hold, has no say.
            let Answer::Given(shown) = shown else { continue };
            if self.judge(shown).is_err() {
                continue;
            }
            if header_hash(shown).ok() != header_hash(block).ok() {
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
