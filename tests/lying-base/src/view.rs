//! Which block is the newest, and which is final, as a victim is to see it.

use alloy_primitives::B256;
use serde_json::{Value, json};

use crate::{
    Lie,
    answer::Teller,
    json::{bytes, number, small},
    upstream::Stop,
};

/// The newest block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    /// The true one.
    pub(crate) real: u64,
    /// The one that the victim is to see.
    pub(crate) shown: u64,
}

/// The block that a question names.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// By its number.
    Number(u64),
    /// By its true hash.
    Hash(B256),
    /// By something that the upstream has to understand.
    AsAsked,
}

impl Place {
    /// The parameter that names it; `None` leaves the one that was given.
    pub(crate) fn parameter(&self) -> Option<Value> {
        match self {
            Self::Number(number) => Some(small(*number)),
            Self::Hash(hash) => Some(json!({"blockHash": bytes(hash)})),
            Self::AsAsked => None,
        }
    }
}

impl Teller<'_> {
    /// The true number of the newest block.
    pub(crate) async fn real_head(&self) -> Result<u64, Stop> {
        Ok(self.head().await?.real)
    }

    /// The newest block; all parts of an answer see the same.
    pub(crate) async fn head(&self) -> Result<Head, Stop> {
        self.head.get_or_try_init(|| self.find_head()).await.copied()
    }

    async fn find_head(&self) -> Result<Head, Stop> {
        let real = number(&self.shared.upstream.ask("eth_blockNumber", &[]).await?).unwrap_or_default();
        let mut shown = real;
        for lie in self.lies.about(real) {
            match lie {
                Lie::LagBlocks(blocks) => shown = shown.saturating_sub(*blocks),
                Lie::LagSeconds(seconds) => shown = shown.min(self.older(real, *seconds).await?),
                _ => continue,
            }
            self.told(lie);
        }
        Ok(Head { real, shown })
    }

    /// The number of the block that is final.
    async fn finalized(&self) -> Result<u64, Stop> {
        let head = self.head().await?;
        let truth = match self.lies.finality {
            Some(blocks) => head.real.saturating_sub(blocks),
            None => self.number_at("finalized").await?.unwrap_or_default(),
        };
        let mut shown = truth;
        for lie in self.lies.about(truth) {
            let before = shown;
            match lie {
                Lie::LagBlocks(blocks) | Lie::StaleFinalized(blocks) => shown = shown.saturating_sub(*blocks),
                Lie::LagSeconds(seconds) => shown = shown.min(self.older(truth, *seconds).await?),
                Lie::FinalitySteps(blocks) => shown = shown.saturating_sub(shown.checked_rem(*blocks).unwrap_or(0)),
                Lie::FinalityBack(blocks) if self.shared.orders.lock().use_finalized(self.victim) => {
                    shown = shown.saturating_sub(*blocks);
                }
                Lie::LatestAsFinalized => shown = head.shown,
                _ => {}
            }
            if shown != before {
                self.told(lie);
            }
        }
        Ok(shown.min(head.shown))
    }

    /// The number of the block that is safe: the true one, between the one that is final and the newest.
    async fn safe(&self) -> Result<u64, Stop> {
        let (head, finalized) = (self.head().await?, self.finalized().await?);
        if self.lies.about(head.real).any(|lie| *lie == Lie::LatestAsFinalized) {
            return Ok(head.shown);
        }
        Ok(self.number_at("safe").await?.unwrap_or_default().min(head.shown).max(finalized))
    }

    /// The block that a parameter names, or that its absence does.
    pub(crate) async fn resolve(&self, parameter: Option<&Value>) -> Result<Place, Stop> {
        let text = match parameter {
            None | Some(Value::Null) => "latest",
            Some(Value::String(text)) => text,
            Some(object) => {
                if let Some(hash) = object["blockHash"].as_str().and_then(|hash| hash.parse().ok()) {
                    return Ok(self.by_hash(hash));
                }
                return Ok(number(&object["blockNumber"]).map_or(Place::AsAsked, Place::Number));
            }
        };
        Ok(match text {
            "earliest" => Place::Number(0),
            "latest" => Place::Number(self.head().await?.shown),
            "finalized" => Place::Number(self.finalized().await?),
            "safe" => Place::Number(self.safe().await?),
            // What waits in the pool belongs to the newest block; a victim who lags has an old one.
            "pending" => match self.head().await? {
                head if head.shown < head.real => Place::Number(head.shown),
                _ => Place::AsAsked,
            },
            hash if hash.len() == 66 => hash.parse().map_or(Place::AsAsked, |hash| self.by_hash(hash)),
            text => number(&json!(text)).map_or(Place::AsAsked, Place::Number),
        })
    }

    pub(crate) fn by_hash(&self, hash: B256) -> Place {
        Place::Hash(self.shared.orders.lock().true_hash(&hash))
    }

    /// The number of the block at a place; `None` if the upstream has none there.
    pub(crate) async fn number_of(&self, place: &Place) -> Result<Option<u64>, Stop> {
        match place {
            Place::Number(number) => Ok(Some(*number)),
            Place::Hash(hash) => {
                let block = self.shared.upstream.ask("eth_getBlockByHash", &[bytes(hash), json!(false)]).await?;
                Ok(number(&block["number"]))
            }
            Place::AsAsked => Ok(None),
        }
    }

    /// Whether the victim is not to know a block that exists.
    pub(crate) async fn is_hidden(&self, number: u64) -> Result<bool, Stop> {
        if !self.lies.any(|lie| matches!(lie, Lie::LagBlocks(_) | Lie::LagSeconds(_))) {
            return Ok(false);
        }
        Ok(number > self.head().await?.shown)
    }

    /// The true block at a tag or a number.
    pub(crate) async fn true_block(&self, at: Value) -> Result<Value, Stop> {
        self.shared.upstream.ask("eth_getBlockByNumber", &[at, json!(false)]).await
    }

    async fn number_at(&self, tag: &str) -> Result<Option<u64>, Stop> {
        Ok(number(&self.true_block(json!(tag)).await?["number"]))
    }

    async fn timestamp(&self, block: u64) -> Result<u64, Stop> {
        Ok(number(&self.true_block(small(block)).await?["timestamp"]).unwrap_or_default())
    }

    /// The newest block that is at least so many seconds older than this one, found by binary search; 0 if none is.
    async fn older(&self, block: u64, seconds: u64) -> Result<u64, Stop> {
        let Some(limit) = self.timestamp(block).await?.checked_sub(seconds) else { return Ok(0) };
        // Block `low` is old enough or is block 0; `high` and all above are not.
        let (mut low, mut high) = (0, block);
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            if self.timestamp(middle).await? <= limit { low = middle } else { high = middle }
        }
        Ok(low)
    }
}
