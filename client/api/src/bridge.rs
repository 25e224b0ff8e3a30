//! The bridge to Base: how it stands, its transfers, and everything that a relayer hands in there.
//!
//! Addresses of Base have the `0x` form by which they are known there. Times of Base are whole seconds.

use diem_bridge::{OutboundKind, Preimage};
use diem_core::{Address, Time};
use serde::{Deserialize, Serialize};

use super::{Coin, Hash, HexBytes, Moment, Proof, params};

mod base;
mod fee;
mod home;
mod statements;

pub use base::{
    BaseCheckpoint, BaseNumber, BreachKind, BridgeBooks, BridgeCheckpoint, BridgeCheckpointDetail, BridgeHalt,
    BridgeInstalledSet, BridgeLimits, BridgeMove, BridgeNextLimits, BridgeOnBase, BridgePause, BridgeProgress,
    BridgeProposedSet, BridgeReplay, BridgeSigner, MissingEvents, StatedContent, base_time,
};
pub use fee::BridgeFee;
pub use home::{BridgeBurn, BridgePayment, BridgeQueueItem, BurnKind, BurnState, QueueState, QueuedPart};
pub use statements::{StatementView, Statements};

/// `GET /v1/bridge?height=&prove=true`: the bridge as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// How far it has come.
    pub stage: BridgeStage,
    /// What has to happen next until it is at work; `null` once it is.
    pub next_step: Option<String>,
    /// What holds it up while it is at work, one sentence each, with what still works.
    pub notices: Vec<String>,
    /// The contract on Base, once `prepare` has fixed what it is made with.
    pub contract: Option<BridgeContract>,
    /// The last number of each kind that was issued.
    pub issued: BridgeIssued,
    /// The nonce of the validator set that is installed on Base, as far as the chain has followed Base.
    pub installed_set: u64,
    /// The number of pauses and of their ends there, as far as the chain has followed Base.
    pub pause_nonce: u64,
    /// The signatures of the installed set under the newest set; `null` before there is one.
    pub newest_set: Option<SignedPower>,
    /// The part of the escrow that waits to be sealed, with fees.
    pub waiting: Coin,
    /// The part of the escrow that is in open batches, with fees.
    pub sealed: Coin,
    /// The amount that can be sealed now.
    pub room: Coin,
    /// The number of open batches.
    pub open_batches: u32,
    /// The blocks of Base that the chain has followed.
    pub progress: BridgeProgress,
    /// The contract by the events that were applied.
    pub base: BridgeOnBase,
    /// The parts of the escrow.
    pub books: BridgeBooks,
    /// The halt, if a breach has halted the bridge.
    pub halt: Option<BridgeHalt>,
    /// The parameters of the module.
    #[serde(with = "params::bridge")]
    pub params: diem_bridge::Params,
    /// The rows behind both equalities with their proofs, if they were asked for: the contract, the attested blocks, the
    /// books and the escrow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proofs: Option<Vec<Proof>>,
}

/// How far the bridge has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeStage {
    /// The authority has to call `prepare`.
    Unprepared,
    /// Somebody has to create the contract on Base, then the authority calls `activate`.
    Prepared,
    /// Validators have to sign a set of the contract.
    Activated,
    /// Batches are sealed and signed.
    AtWork,
}

/// The contract on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeContract {
    /// The chain id of Base.
    #[serde(with = "diem_core::json::number")]
    pub base_chain_id: u64,
    /// The arguments of its constructor, from which its address follows.
    pub constructor: BridgeConstructor,
    /// The place where it lies, once `activate` has named it.
    pub deployed: Option<BridgeDeployed>,
}

/// The arguments of the contract's constructor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeConstructor {
    /// The name of this chain on Base.
    pub salt: Hash,
    /// The hash of validator set 0.
    pub set_hash: Hash,
    /// The time at which set 0 was made, in seconds of this chain.
    #[serde(with = "diem_core::json::number")]
    pub created_at: u64,
    /// The age from which on a set mints nothing, in seconds.
    #[serde(with = "diem_core::json::number")]
    pub max_set_age: u64,
    /// The capacity of the mint bucket.
    pub mint_capacity: Coin,
    /// The share of it that one mint may be, in basis points.
    pub share_bps: u16,
    /// The account on Base that may pause, veto and lower limits.
    #[serde(with = "diem_bridge::on_base")]
    pub guardian: Address,
    /// The chain id of this chain.
    pub chain_id: String,
    /// The name of the smallest unit.
    pub denom: String,
}

impl From<&BridgeConstructor> for diem_bridge::Constructor {
    fn from(arguments: &BridgeConstructor) -> Self {
        Self {
            salt: arguments.salt.0,
            set_hash: arguments.set_hash.0,
            created_at: arguments.created_at,
            max_set_age: arguments.max_set_age,
            mint_capacity: arguments.mint_capacity.amount,
            share_bps: arguments.share_bps,
            guardian: arguments.guardian,
            chain_id: arguments.chain_id.clone(),
            denom: arguments.denom.clone(),
        }
    }
}

/// The place of the contract on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeDeployed {
    /// The address of the bridge.
    #[serde(with = "diem_bridge::on_base")]
    pub bridge: Address,
    /// The address of the token.
    #[serde(with = "diem_bridge::on_base")]
    pub token: Address,
    /// The hash of the code that created it.
    pub init_code_hash: Hash,
    /// The block of Base that has it first.
    #[serde(with = "diem_core::json::number")]
    pub deploy_block: u64,
}

/// The last number of each kind that was issued; 0 before the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeIssued {
    /// The id of the last transfer.
    pub transfers: u64,
    /// The nonce of the last batch.
    pub batches: u64,
    /// The nonce of the newest validator set.
    pub sets: u64,
    /// The nonce of the last administrative action.
    pub actions: u64,
    /// The id of the last credit.
    pub credits: u64,
}

/// The power of a validator set that has signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPower {
    /// The nonce of the set.
    #[serde(with = "diem_core::json::number")]
    pub set: u64,
    /// The power that has signed.
    pub signed: u64,
    /// The power of the whole set.
    pub total: u64,
    /// Whether Base acts on it where this set is installed.
    pub is_enough: bool,
}

/// `GET /v1/bridge/transfers/{id}?height=&prove=true`: a transfer to Base. Those that are not over are items of
/// `GET /v1/bridge/transfers?sender=&height=&after=&limit=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeTransfer {
    /// Its number, by which it can be cancelled.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// The account that sent it.
    pub sender: Address,
    /// The account on Base that gets it.
    #[serde(with = "diem_bridge::on_base")]
    pub recipient: Address,
    /// What the recipient gets.
    pub amount: Coin,
    /// What whoever relays it gets.
    pub fee: Coin,
    /// The moment at which it was sent.
    pub since: Moment,
    /// The state that it is in.
    pub state: TransferState,
    /// Why it is in that state.
    pub reason: String,
    /// What comes next, and what can be done meanwhile.
    pub next_step: String,
    /// The moment from which the next step is expected, where one can be told.
    pub expected: Option<Moment>,
    /// The number of transfers that go before it; `null` once it is sealed.
    pub before: Option<u64>,
    /// The open batch in which it was sealed.
    pub batch: Option<TransferBatch>,
    /// Its item in the queue on Base, while it waits there.
    pub queue_id: Option<BaseNumber>,
    /// Its end, once it is over.
    pub end: Option<TransferEnd>,
}

/// The end of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferEnd {
    /// The height at which the chain knew.
    pub height: u64,
    /// The moment of that block.
    pub at: Moment,
    /// The batch that minted it.
    pub batch: Option<BaseNumber>,
    /// The amount that went back.
    pub returned: Option<Coin>,
    /// The credit that pays it back, where its item in the queue on Base was cancelled.
    pub credit: Option<BaseNumber>,
}

/// The state of a transfer, as far as the chain knows it: what happened on Base it knows once the block is attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferState {
    /// It waits to be sealed, and can be cancelled.
    Waiting,
    /// It is in a batch that needs more signatures.
    Sealed,
    /// It is in a batch that anybody can have minted.
    Signed,
    /// Its batch was executed on Base, where it found no room: it waits in the queue there.
    Queued,
    /// It waits in the queue on Base, and the guardian has frozen it for a time.
    Vetoed,
    /// The time of its batch on Base is over. Whether it was minted before is not known yet.
    Expired,
    /// Its batch was executed on Base; whether it waits in the queue there is told by events that are still applied.
    Executed,
    /// It was minted on Base.
    Minted,
    /// It was paid back, or a credit pays it.
    Refunded,
    /// Its sender took it back.
    Cancelled,
}

/// The batch of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferBatch {
    /// The nonce under which the batch was issued, as Base names it too.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The moment at which it was sealed.
    pub sealed_at: Moment,
    /// The last second of Base in which it can be minted.
    pub deadline: Time,
    /// The signatures of the installed set.
    pub signatures: SignedPower,
    /// The bridge key whose turn it is to relay it; anybody may.
    pub turn: Option<BaseAddress>,
}

/// An account on Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BaseAddress(#[serde(with = "diem_bridge::on_base")] pub Address);

/// An item of `GET /v1/bridge/batches?height=&after=&limit=`: an open batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeBatch {
    /// The batch, and who has signed it.
    #[serde(flatten)]
    pub batch: TransferBatch,
    /// The number of its transfers.
    pub count: u32,
    /// What they mint, without the fees.
    pub amount: Coin,
    /// What whoever relays it gets.
    pub fee: Coin,
}

/// `GET /v1/bridge/batches/{nonce}?height=`: an open batch with everything that its relayer hands in on Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeBatchDetail {
    /// The batch, and who has signed it.
    #[serde(flatten)]
    pub batch: BridgeBatch,
    /// Its transfers, in the order of its bytes.
    pub transfers: Vec<BatchTransfer>,
    /// The bytes of its transfers, as the contract takes them.
    pub transfer_bytes: HexBytes,
    /// The hash of the struct that validators sign.
    pub struct_hash: Hash,
    /// The signatures of the installed set.
    pub signatures_of_set: BridgeSignatures,
}

/// A transfer of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchTransfer {
    /// The id under which `/v1/bridge/transfers/{id}` answers.
    #[serde(with = "diem_core::json::number")]
    pub id: u64,
    /// The account on Base that gets it.
    #[serde(with = "diem_bridge::on_base")]
    pub recipient: Address,
    /// The amount that the recipient gets on Base.
    pub amount: Coin,
}

/// `GET /v1/bridge/sets/{nonce}?height=`: a validator set for Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSet {
    /// Its nonce; the constructor's set has 0.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The time at which it was made, in seconds of this chain.
    #[serde(with = "diem_core::json::number")]
    pub created_at: u64,
    /// The hash by which Base knows it.
    pub set_hash: Hash,
    /// The set as the contract reads it.
    pub bytes: HexBytes,
    /// The power of the whole set.
    pub total: u64,
    /// Its members, by address.
    pub members: Vec<BridgeMember>,
}

/// A member of a validator set for Base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeMember {
    /// The address of its bridge key.
    #[serde(with = "diem_bridge::on_base")]
    pub address: Address,
    /// The voting power of the validator when the set was made.
    pub power: u64,
}

/// `GET /v1/bridge/actions/{nonce}?height=`: an administrative action for Base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeAction {
    /// The nonce under which the action was issued; a higher one overtakes it on Base.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// Its content, as validators sign it.
    pub action: Preimage,
    /// The hash of the struct that they sign.
    pub struct_hash: Hash,
    /// The signatures of the installed set.
    pub signatures: SignedPower,
}

/// `GET /v1/bridge/signatures?kind=&nonce=&set=&height=`: the signatures by the members of one set, as the contract
/// takes them where that set is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeSignatures {
    /// The kind of what is signed.
    pub kind: OutboundKind,
    /// Its nonce among those of its kind.
    #[serde(with = "diem_core::json::number")]
    pub nonce: u64,
    /// The digest that is signed.
    pub digest: Hash,
    /// The power of the set that has signed.
    #[serde(flatten)]
    pub power: SignedPower,
    /// The set as the contract reads it.
    pub set_bytes: HexBytes,
    /// The list of signatures as the contract reads it.
    pub list: HexBytes,
}
