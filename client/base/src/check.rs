//! What an endpoint is good for: what an operator looks at before he names it in the configuration.

use std::time::{Duration, Instant};

use alloy_primitives::U64;
use diem_core::Address;
use serde_json::json;

use crate::{Base, BaseError, BlockHeader, BlockName, endpoint::Endpoint};

/// The depth up to which many endpoints serve proofs, in blocks.
pub const USUAL_PROOF_WINDOW: u64 = 128;
/// The number of blocks over which the time of a block is measured.
const MEASURED_BLOCKS: u64 = 100;

/// What an endpoint answered. Each reason is the sentence of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointReport {
    /// The URL as logs show it.
    pub url: String,
    /// The chain id of the network.
    pub chain_id: u64,
    /// The number and the time of its newest block, in seconds, and that the header has its hash.
    pub latest: Result<SeenBlock, String>,
    /// The same of its newest final block.
    pub finalized: Result<SeenBlock, String>,
    /// Whether it proves an account in its newest block.
    pub proofs_at_latest: Result<(), String>,
    /// Whether it does so `window` blocks before.
    pub proofs_in_window: Result<(), String>,
    /// The depth at which that was asked: [`USUAL_PROOF_WINDOW`] blocks, or down to the first block after genesis where
    /// the chain has no more. Not every node can prove the state of genesis, and nobody asks for it.
    pub window: u64,
    /// Whether it does so in its newest final block.
    pub proofs_at_finalized: Result<(), String>,
    /// The longest time that it took to answer one question, in milliseconds.
    pub slowest_answer_ms: u64,
    /// The mean time between blocks, in milliseconds; `None` if it was not seen.
    pub block_ms: Option<u64>,
}

/// A block as an endpoint gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenBlock {
    /// The number of the block.
    pub number: u64,
    /// The hash, which the header has.
    pub hash: [u8; 32],
    /// The block's time, in seconds.
    pub timestamp: u64,
}

impl EndpointReport {
    /// Whether the watcher can work with the endpoint: its headers have their hashes, and it proves accounts where the
    /// watcher asks for them, which is in young blocks.
    pub const fn is_good(&self) -> bool {
        self.latest.is_ok() && self.finalized.is_ok() && self.proofs_at_latest.is_ok() && self.proofs_in_window.is_ok()
    }

    /// The number of blocks that Base makes while the endpoint answers one question; the proof of a checkpoint takes
    /// three. `None` if the time of a block was not seen.
    pub fn blocks_an_answer(&self) -> Option<u64> {
        self.slowest_answer_ms.checked_div(self.block_ms?)
    }
}

/// Asks an endpoint for all that the watcher needs of it. Any account will do for `account`, also one that is not there.
///
/// # Errors
/// What keeps it from being an endpoint at all: [`BaseError::Url`], or that it does not name its chain.
pub async fn check_endpoint(url: &str, account: &Address) -> Result<EndpointReport, BaseError> {
    let endpoint = Endpoint::new(url)?;
    let mut clock = Clock::default();
    let chain_id: U64 = clock.time(endpoint.ask("eth_chainId", json!([]))).await?;
    let base = Base::connect(url, chain_id.to()).await?;
    let finalized = clock.header(&base, BlockName::Finalized).await;
    let latest = clock.header(&base, BlockName::Latest).await;
    let (mut proofs_in_window, mut block_ms) = (Err("its newest block is not known".to_owned()), None);
    let mut window = USUAL_PROOF_WINDOW;
    let proofs_at_latest = clock.proof(&base, account, &latest).await;
    if let Ok(latest) = &latest {
        let deepest = latest.number().saturating_sub(1);
        let back = |blocks: u64| BlockName::Number(latest.number().saturating_sub(blocks.min(deepest)));
        window = window.min(deepest);
        let older = clock.header(&base, back(window)).await;
        proofs_in_window = clock.proof(&base, account, &older).await;
        block_ms = clock.header(&base, back(MEASURED_BLOCKS)).await.ok().and_then(|older| mean_ms(&older, latest));
    }
    let proofs_at_finalized = clock.proof(&base, account, &finalized).await;
    Ok(EndpointReport {
        url: endpoint.shown(),
        chain_id: chain_id.to(),
        latest: latest.map(seen),
        finalized: finalized.map(seen),
        proofs_at_latest,
        proofs_in_window,
        window,
        proofs_at_finalized,
        slowest_answer_ms: u64::try_from(clock.slowest.as_millis()).unwrap_or(u64::MAX),
        block_ms,
    })
}

fn seen(header: BlockHeader) -> SeenBlock {
    SeenBlock { number: header.number(), hash: *header.hash(), timestamp: header.timestamp() }
}

/// The mean time between two blocks, whose times are whole seconds.
fn mean_ms(older: &BlockHeader, newer: &BlockHeader) -> Option<u64> {
    let time = newer.timestamp().checked_sub(older.timestamp())?.checked_mul(1_000)?;
    time.checked_div(newer.number().checked_sub(older.number())?)
}

/// The time of the slowest answer.
#[derive(Default)]
struct Clock {
    slowest: Duration,
}

impl Clock {
    async fn time<T>(&mut self, question: impl Future<Output = T>) -> T {
        let asked = Instant::now();
        let answer = question.await;
        self.slowest = self.slowest.max(asked.elapsed());
        answer
    }

    async fn header(&mut self, base: &Base, name: BlockName) -> Result<BlockHeader, String> {
        match self.time(base.header(name)).await {
            Ok(Some(header)) => Ok(header),
            Ok(None) => Err("it has no such block".into()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn proof(
        &mut self,
        base: &Base,
        account: &Address,
        header: &Result<BlockHeader, String>,
    ) -> Result<(), String> {
        let header = header.as_ref().map_err(Clone::clone)?;
        if header.number() == 0 {
            return Err(
                "block 0 is the genesis of the chain, which honest nodes may not prove: ask again in a while".into()
            );
        }
        let proven = self.time(base.proven_account(account, header)).await;
        proven.map(|_| ()).map_err(|error| error.to_string())
    }
}
