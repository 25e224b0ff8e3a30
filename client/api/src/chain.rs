//! The chain as a whole: status, blocks, parameters, validators.

use std::{collections::BTreeMap, fmt, str::FromStr};

use diem_core::Time;
use diem_types::{Call, ChainParams, ConsensusParams, Event, GasParams};
use serde::{Deserialize, Serialize};

use super::{Base64Bytes, Hash, HexBytes, Moment, Page, Transaction, params};

/// The answer of `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The name of the chain.
    pub chain_id: String,
    /// The hash of its genesis; every transaction carries it.
    pub genesis_hash: Hash,
    /// The version of the state machine.
    pub app_version: u64,
    /// The version of the program.
    pub version: String,
    /// The name of this node.
    pub moniker: String,
    /// `cometbft`, or `instant (development)`.
    pub engine: String,
    /// The version of the engine, where it is a program of its own that has answered: that of CometBFT.
    #[serde(default)]
    pub engine_version: Option<String>,
    /// The last committed block, if there is one.
    pub latest: Option<Head>,
    /// The oldest height of which state can still be read and proven.
    pub oldest_state_height: Option<u64>,
    /// The height with which this node began, from a snapshot; blocks and transactions up to it are not here. `null` where
    /// it has executed all blocks itself.
    #[serde(default)]
    pub began_at: Option<u64>,
    /// The lowest block that this node still has, and gives to others that fetch blocks; `null` where an earlier release
    /// answers, which does not tell.
    #[serde(default)]
    pub first_block: Option<u64>,
    /// The heights of the snapshots that this node offers to others, the newest first.
    #[serde(default)]
    pub snapshots: Vec<u64>,
    /// Whether the node is still behind the others; `null` when the engine does not answer.
    pub catching_up: Option<bool>,
    /// The number of nodes that it is connected to, where it has such connections.
    pub peers: Option<u32>,
    /// The trouble of the engine, such as since when it is silent; `null` while it answers.
    #[serde(default)]
    pub trouble: Option<String>,
    /// The address by which other nodes connect to this one; `null` where the engine has no peers.
    pub peer: Option<Peer>,
    /// The number of seconds that this process has run.
    pub uptime_seconds: u64,
}

/// The address by which other nodes connect to this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id: the first 20 bytes of the sha256 of its node key, in hex.
    pub id: String,
    /// The port at which it listens for peers.
    pub port: u16,
    /// `host:port` to connect to, where the operator has named one; else the host at which the API is reached.
    pub address: Option<String>,
}

/// The end of the chain as this node has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The height of the block.
    pub height: u64,
    /// The time of the block's header.
    pub time: Time,
    /// The hash of the block's header.
    pub hash: Hash,
    /// The root of the state after it; the next block's header carries it.
    pub root: Hash,
}

/// The answer of `GET /v1/clock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The moment of the next block if it were made now, as far as the engine foresees it.
    pub next_block: Moment,
}

/// The name of a block: its height, its hash, or the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockId {
    /// The last committed one.
    Latest,
    /// The block of this height.
    Height(u64),
    /// The block whose header has this hash.
    Hash(Hash),
}

impl FromStr for BlockId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if text.len() < 64
            && let Ok(height) = text.parse()
        {
            return Ok(Self::Height(height));
        }
        text.parse().map(Self::Hash).map_err(|_| {
            let text = diem_core::text::shortened(text);
            format!("`{text}` names no block: write a height, a hash of 64 hex digits, or `latest`")
        })
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Height(height) => write!(f, "{height}"),
            Self::Hash(hash) => write!(f, "{hash}"),
        }
    }
}

/// A block without its transactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockSummary {
    /// The height of the block.
    pub height: u64,
    /// The time of the block's header.
    pub time: Time,
    /// The hash of the block's header.
    pub hash: Hash,
    /// The consensus address of who proposed it.
    pub proposer: HexBytes,
    /// The root of the state after it.
    pub root: Hash,
    /// The number of its transactions.
    pub tx_count: u32,
    /// The gas that they used.
    pub gas_used: u64,
}

/// `GET /v1/blocks/{height|hash|latest}?after=&limit=`: a block, and as items a page of its transactions, in their
/// order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The summary of the block.
    #[serde(flatten)]
    pub summary: BlockSummary,
    /// The day of its time.
    pub epoch: u64,
    /// The events of the block outside any transaction.
    pub events: Vec<Event>,
    /// A page of its transactions.
    #[serde(flatten)]
    pub txs: Page<Transaction>,
}

/// The answer of `GET /v1/params?height=`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The height after which they hold.
    pub height: u64,
    /// The time of that block.
    pub time: Time,
    /// The day of that time.
    pub epoch: u64,
    /// The length of a day in milliseconds.
    pub epoch_ms: u64,
    /// The price and the amount of gas.
    #[serde(with = "params")]
    pub gas: GasParams,
    /// What each call costs beside: by module, then by the call's `type`.
    pub gas_of_calls: BTreeMap<String, BTreeMap<String, CallGas>>,
    /// The bound on the size of the state.
    pub chain: ChainParams,
    /// The parameters of accounts and payments.
    pub bank: BankParams,
    /// The limits of a transaction and a request.
    pub limits: Limits,
    /// The parameters that consensus is told.
    pub consensus: ConsensusParams,
    /// The parameters of validators and stake.
    #[serde(with = "params")]
    pub staking: diem_staking::Params,
    /// The parameters of emissions.
    #[serde(with = "params")]
    pub emissions: diem_emissions::Params,
    /// The parameters of credit and providers.
    #[serde(with = "params")]
    pub credits: diem_credits::Params,
    /// The parameters of the bridge to Base.
    #[serde(with = "params::bridge")]
    pub bridge: diem_bridge::Params,
}

/// The gas of one kind of call. It is `base`, and for each list that `per_item` names as much for each of its items. A name with
/// a dot, as `chunk.events`, is a list inside a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallGas {
    /// The gas of every such call.
    pub base: u64,
    /// The gas of an item, by the field that holds the list; empty for most calls.
    pub per_item: BTreeMap<String, u64>,
}

impl CallGas {
    /// The gas of every call of the chain, as this version of it computes it.
    pub fn table() -> BTreeMap<String, BTreeMap<String, Self>> {
        let row = |row: &diem_core::CallGas| {
            let per_item = row.per_item.map(|item| (item.list.to_owned(), item.gas)).into_iter().collect();
            (row.name.to_owned(), Self { base: row.base, per_item })
        };
        Call::GAS.iter().map(|(module, rows)| ((*module).to_owned(), rows.iter().map(row).collect())).collect()
    }
}

/// The parameters of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankParams {
    /// The least first payment to an address, by denomination.
    #[serde(with = "params")]
    pub min_new_account: diem_bank::MinNewAccount,
}

/// The limits of transactions and requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most bytes of a transaction.
    pub max_tx_bytes: usize,
    /// The most calls of a transaction.
    pub max_calls: usize,
    /// The most bytes of a memo.
    pub max_memo_bytes: usize,
    /// The most transactions of a request.
    pub max_batch_txs: usize,
    /// The most bytes of transactions of a request.
    pub max_batch_bytes: usize,
    /// The most items of a page.
    pub max_page: u32,
}

impl Default for Limits {
    fn default() -> Self {
        use diem_core::tx;
        Self {
            max_tx_bytes: tx::MAX_TX_BYTES,
            max_calls: tx::MAX_CALLS,
            max_memo_bytes: tx::MAX_MEMO_BYTES,
            max_batch_txs: super::MAX_BATCH_TXS,
            max_batch_bytes: super::MAX_BATCH_BYTES,
            max_page: super::MAX_PAGE,
        }
    }
}

/// A validator as consensus knows it; `GET /v1/consensus?height=&after=&limit=` lists those who sign a
/// block, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// Its consensus address: the first 20 bytes of the sha256 of its key.
    pub address: HexBytes,
    /// Its ed25519 consensus key.
    pub public_key: Hash,
    /// The voting power of the validator.
    pub power: u64,
    /// The priority by which proposers take turns. No hash covers it, so that a node which joins by a snapshot compares it
    /// among those that it asks.
    #[serde(default)]
    pub proposer_priority: i64,
}

/// `GET /v1/light/{height}`: what a light client needs to follow the chain to this height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LightBlock {
    /// The height of the header.
    pub height: u64,
    /// Tendermint `SignedHeader` of the height, protobuf: the header and its commit.
    pub signed_header: Base64Bytes,
    /// The validators that sign this height, the strongest first.
    pub validators: Vec<Validator>,
    /// The validators that sign the next height.
    pub next_validators: Vec<Validator>,
}

/// `GET /readyz`; the status is 200 when ready and 503 when not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Whether the node can serve: it can without a reason against it.
    pub ready: bool,
    /// The reasons why it cannot.
    pub reasons: Vec<Reason>,
    /// The checks that were asked for, by name.
    pub checks: BTreeMap<String, CheckState>,
    /// The last committed height.
    pub height: u64,
    /// The number of nodes that it is connected to, where it has such connections.
    pub peers: Option<u32>,
}

impl Ready {
    /// The texts of all reasons, for people.
    pub fn why(&self) -> String {
        self.reasons.iter().map(|reason| reason.text.as_str()).collect::<Vec<_>>().join("; ")
    }
}

/// A reason why a node cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The name of the check that is not passed.
    pub name: String,
    /// The reason as text.
    pub text: String,
}

/// What a check of `/readyz` has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// The check is passed.
    Ok,
    /// It is not passed.
    Not,
    /// The node cannot tell.
    Unknown,
}
