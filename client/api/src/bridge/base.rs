//! What the chain knows of Base: the blocks that were attested, the contract by the events that were applied, the books
//! that have to balance with it, and the halt where they do not.

use diem_bridge::Checkpoint;
use diem_core::{Address, Time};
use serde::{Deserialize, Serialize};

use crate::{BaseAddress, Coin, Hash, Moment};

const SECOND_MS: u64 = 1_000;

/// The time of a second of Base.
pub const fn base_time(second: u64) -> Time {
    Time(second.saturating_mul(SECOND_MS))
}

/// A block of Base with the facts that validators state of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseCheckpoint {
    /// The number of the block.
    #[serde(with = "diem_core::json::number")]
    pub number: u64,
    /// The hash of the block.
    pub block_hash: Hash,
    /// The block's time, in whole seconds.
    pub time: Time,
    /// The number of events that the contract had reported.
    #[serde(with = "diem_core::json::number")]
    pub event_nonce: u64,
    /// The hash over all of them.
    pub rolling_hash: Hash,
    /// All nDIEM that there was.
    pub supply: Coin,
}

impl From<&Checkpoint> for BaseCheckpoint {
    fn from(facts: &Checkpoint) -> Self {
        Self {
            number: facts.number,
            block_hash: Hash(facts.block_hash),
            time: base_time(facts.timestamp),
            event_nonce: facts.event_nonce,
            rolling_hash: Hash(facts.rolling_hash),
            supply: Coin::diem(facts.supply),
        }
    }
}

/// How far the chain has followed Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeProgress {
    /// The number of blocks of Base that were attested so far.
    pub attested_blocks: u64,
    /// The last block of Base that more than two thirds of the power have stated alike.
    pub attested: Option<BaseCheckpoint>,
    /// The moment at which it was attested; `null` if this node did not execute that block.
    pub attested_at: Option<Moment>,
    /// The newest attested block that waits until the replay of an earlier one is over.
    pub waiting: Option<BaseCheckpoint>,
    /// The last block of Base of which every event was applied.
    pub applied: Option<BaseCheckpoint>,
    /// The last block of Base whose events were applied and with which both equalities held.
    pub completed: Option<BaseCheckpoint>,
    /// The replay that is going on.
    pub replay: Option<BridgeReplay>,
}

/// The replay of events up to an attested block of Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeReplay {
    /// The block of Base.
    pub target: BaseCheckpoint,
    /// The number of events up to it that are still to be applied.
    pub events: u64,
    /// The number of those that are proven. They are applied once all are.
    pub proven: u64,
    /// The events that are still to be proven, the last ones first.
    pub missing: Option<MissingEvents>,
}

/// Events of Base that are still to be proven. `diemd bridge replay` hands them in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingEvents {
    /// The nonce of the first one.
    #[serde(with = "diem_core::json::number")]
    pub first: u64,
    /// The nonce of the last one, with which the next chunk must end.
    #[serde(with = "diem_core::json::number")]
    pub last: u64,
    /// The rolling hash after the last one.
    pub hash: Hash,
}

/// The contract by the events that were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeOnBase {
    /// The nonce of the last event.
    #[serde(with = "diem_core::json::number")]
    pub event_nonce: u64,
    /// The hash over all of them.
    pub rolling_hash: Hash,
    /// The sum of what batches minted at once, without fees.
    pub minted: Coin,
    /// The sum of the fees that batches minted at once.
    pub fees: Coin,
    /// The sum of what was minted out of the queue.
    pub released: Coin,
    /// The sum of what was burned.
    pub burned: Coin,
    /// All nDIEM by these events: minted, fees and released, less burned.
    pub supply: Coin,
    /// The validator set that is installed.
    pub set: BridgeInstalledSet,
    /// The validator set that is proposed, because the installed one is too old to install it at once.
    pub proposed: Option<BridgeProposedSet>,
    /// The pause of minting, if one is in force.
    pub pause: Option<BridgePause>,
    /// The nonce of the last administrative action that was executed; 0 before the first.
    pub action: u64,
    /// The limits of minting now.
    pub limits: BridgeLimits,
    /// The limits that were decided and count later.
    pub next_limits: Option<BridgeNextLimits>,
    /// The account on Base that may pause, veto and lower limits.
    #[serde(with = "diem_bridge::on_base")]
    pub guardian: Address,
    /// The bridge that was announced to the token in place of this one.
    pub moving: Option<BridgeMove>,
}

/// The validator set that is installed on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeInstalledSet {
    /// The nonce of the set.
    pub nonce: u64,
    /// The time from which it mints nothing any more; `null` if the chain does not keep the set.
    pub expires: Option<Time>,
}

/// A validator set that is proposed on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeProposedSet {
    /// The nonce of the set.
    pub nonce: u64,
    /// The time of Base from which anybody may install it.
    pub install_at: Time,
}

/// A pause of minting on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgePause {
    /// Its end by the time of Base; `null` if it lasts until the validators end it.
    pub until: Option<Time>,
}

/// Limits of minting on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeLimits {
    /// The capacity of the mint bucket; zero closes it.
    pub mint_capacity: Coin,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
}

/// Limits of minting that count later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeNextLimits {
    /// The limits.
    #[serde(flatten)]
    pub limits: BridgeLimits,
    /// The time of Base from which both count.
    pub from: Time,
}

/// A bridge that was announced to the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeMove {
    /// The contract of that bridge.
    pub bridge: BaseAddress,
    /// The time of Base from which the token obeys it.
    pub at: Time,
}

/// The books of the bridge. Escrow and uncovered together are what supply, waiting, open, queued and owed are, once a
/// block of Base is completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeBooks {
    /// The DIEM in escrow.
    pub escrow: Coin,
    /// The transfers that wait to be sealed, with fees.
    pub waiting: Coin,
    /// The open batches, with fees.
    pub open: Coin,
    /// What waits in the queue on Base.
    pub queued: Coin,
    /// The credits that are not paid.
    pub owed: Coin,
    /// What the escrow lacks since the bridge was resumed after a breach.
    pub uncovered: Coin,
}

/// The halt of the bridge by a breach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeHalt {
    /// The kind of the breach.
    pub breach: BreachKind,
    /// The breach as a sentence.
    pub reason: String,
    /// The moment since which the bridge is halted.
    pub since: Moment,
    /// Whether the authority can resume it; otherwise only an upgrade heals it.
    pub healable: bool,
    /// What has to be done.
    pub next_step: String,
}

/// The kind of a breach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreachKind {
    /// An attested block has other events than were applied.
    History,
    /// The proven supply is not the one that the events make.
    Supply,
    /// The escrow does not hold what is owed.
    Books,
    /// An event names what this chain never issued, or what is over.
    Event,
}

/// `GET /v1/bridge/checkpoints/{number}?height=`: what validators state of a block of Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeCheckpointDetail {
    /// The number of the block of Base.
    #[serde(with = "diem_core::json::number")]
    pub number: u64,
    /// Whether it is closed: it or a later block was attested.
    pub closed: bool,
    /// The contents that were stated, that with most power first.
    pub contents: Vec<StatedContent>,
    /// The power of all validators. More than two thirds of it have to agree.
    pub total: u64,
}

/// A content that validators have stated of a block of Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatedContent {
    /// The facts of the block that all of these operators state alike.
    pub checkpoint: BaseCheckpoint,
    /// The power of those who have stated it.
    pub power: u64,
    /// Those who have stated it.
    pub operators: Vec<Address>,
}

/// An item of `GET /v1/bridge/checkpoints?height=&after=&limit=`: a block of Base above the last attested one that
/// validators have stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeCheckpoint {
    /// The number of the block of Base.
    #[serde(with = "diem_core::json::number")]
    pub number: u64,
    /// The number of validators that have stated it.
    pub statements: u64,
    /// The power of the content that has most of it.
    pub agreeing: u64,
    /// The power of all validators.
    pub total: u64,
}

/// An item of `GET /v1/bridge/signers?height=&after=&limit=`: what a validator has signed of late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSigner {
    /// The operator of the validator.
    pub operator: Address,
    /// The address of its bridge key.
    #[serde(with = "diem_bridge::on_base")]
    pub bridge_address: Address,
    /// Its power in consensus, which its statements count with.
    pub power: u64,
    /// The number of attested blocks and of batches with a quorum that it owed a signature for, of the last 200.
    pub owed: u16,
    /// The number of those that it signed before they closed.
    pub signed: u32,
    /// The newest block of Base above the last attested one that it has stated.
    pub stated: Option<BaseNumber>,
}

/// The number of a block of Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseNumber(#[serde(with = "diem_core::json::number")] pub u64);
