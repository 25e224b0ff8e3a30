//! The lies: their parameters, names and what each one does.

mod table;

use std::{str::FromStr, sync::Arc};

pub use table::{FORMS, Form};

use crate::Forgery;

/// One lie. Each is a function of the truth and of the seed alone, so that two proxies with the same seed and the same
/// lie agree with each other; [`Lie::FinalityBack`] also counts the questions of each victim.
///
/// A number of blocks is a number of blocks of Base, and a number of a block is one of Base too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lie {
    /// Logs are left out: each one in so many, chosen by the seed; with 1 all of them.
    DropLogs(u64),
    /// Logs of the newest so many blocks are not shown yet.
    DelayLogs(u64),
    /// Each log is there twice.
    DuplicateLogs,
    /// The logs of an answer stand in the reverse order.
    ReorderLogs,
    /// All logs there are, of whatever block, are said to lie in the first block that was asked for.
    MoveLogs,
    /// A bit of each log's data is another one.
    ForgeLogs,
    /// One log more stands at the end of each answer: the last one again with its first indexed value one higher, or one
    /// made up from what was asked for.
    InventLogs,
    /// A field of each header, by its name in JSON, has another value; the hash is the true one.
    ForgeHeader(String),
    /// A field of each header has another value, and the hash is computed anew.
    ForgeHeaderRehashed(String),
    /// The state root of each header is a made-up one, and the hash is computed anew.
    ForgeStateRoot,
    /// Each block in JSON has a `timestampMs`, which no hash covers.
    TimestampMs,
    /// Each header has a field more at its end, `futureRoot` in JSON, which the hash covers.
    UnknownHeaderField,
    /// Accounts have another nonce than the one that their proof shows.
    ForgeAccount,
    /// Slots have another value than the one that their proof shows.
    ForgeSlot,
    /// Accounts have another code hash than the one that their proof shows.
    ForgeCodeHash,
    /// A bit of the last node of each proof is another one.
    ForgeProof,
    /// Slots are said to be empty, with the genuine proof of absence of another slot.
    ForgeAbsentSlot,
    /// Accounts are said not to exist, with the genuine proof of absence of another account.
    ForgeAbsentAccount,
    /// Proofs are served for the newest block and so many before it; beyond there is the error of reth.
    ProofWindow(u64),
    /// The same window, with the error of geth, whose state is pruned.
    PrunedState(u64),
    /// No proofs are served at all.
    NoProofs,
    /// Headers, proofs and storage show a made-up state, consistent in itself.
    ForgeState(Arc<Forgery>),
    /// The chain id is this one.
    WrongChainId(u64),
    /// `finalized` goes back: every second time that a victim uses the tag it is so many blocks lower.
    FinalityBack(u64),
    /// `finalized` and `safe` are what is `latest`.
    LatestAsFinalized,
    /// `finalized` is so many blocks behind the true one.
    StaleFinalized(u64),
    /// `finalized` moves only at multiples of so many blocks.
    FinalitySteps(u64),
    /// The endpoint does not know the newest so many blocks yet.
    LagBlocks(u64),
    /// The endpoint does not know blocks yet whose timestamp is not so many seconds older than the newest.
    LagSeconds(u64),
    /// Connections are refused; where the lie is for one victim or one method, closed without an answer.
    Refuse,
    /// The connection breaks in the middle of an answer.
    CutOff,
    /// The body of an answer comes byte by byte, and has no end.
    Dribble,
    /// The body of an answer comes as fast as it is read, and has no end.
    Flood,
    /// Answers come so many milliseconds late.
    Slow(u64),
    /// HTTP status 429.
    TooManyRequests,
    /// Each question is answered with an error of JSON-RPC.
    InternalError,
    /// Answers have another id than their question.
    OtherId,
}

/// The reason why a text names no lie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LieError {
    /// There is none of this name.
    #[error("there is no lie `{0}`: --help lists all of them")]
    Unknown(String),
    /// It takes no value.
    #[error("`{0}` takes no value: leave `={1}` out")]
    NoValue(&'static str, String),
    /// It needs a value, or another one.
    #[error("`{name}={given}` is no such lie: write {name}={value}")]
    Value {
        /// The name of the lie.
        name: &'static str,
        /// The value that was given.
        given: String,
        /// The form of the value.
        value: &'static str,
    },
}

impl Lie {
    /// The name of the lie, as the command line takes it and as [`crate::Counts`] has it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DropLogs(_) => "drop-logs",
            Self::DelayLogs(_) => "delay-logs",
            Self::DuplicateLogs => "duplicate-logs",
            Self::ReorderLogs => "reorder-logs",
            Self::MoveLogs => "move-logs",
            Self::ForgeLogs => "forge-logs",
            Self::InventLogs => "invent-logs",
            Self::ForgeHeader(_) => "forge-header",
            Self::ForgeHeaderRehashed(_) => "forge-header-rehashed",
            Self::ForgeStateRoot => "forge-state-root",
            Self::TimestampMs => "timestamp-ms",
            Self::UnknownHeaderField => "unknown-header-field",
            Self::ForgeAccount => "forge-account",
            Self::ForgeSlot => "forge-slot",
            Self::ForgeCodeHash => "forge-code-hash",
            Self::ForgeProof => "forge-proof",
            Self::ForgeAbsentSlot => "forge-absent-slot",
            Self::ForgeAbsentAccount => "forge-absent-account",
            Self::ProofWindow(_) => "proof-window",
            Self::PrunedState(_) => "pruned-state",
            Self::NoProofs => "no-proofs",
            Self::ForgeState(_) => "forge-state",
            Self::WrongChainId(_) => "wrong-chain-id",
            Self::FinalityBack(_) => "finality-back",
            Self::LatestAsFinalized => "latest-as-finalized",
            Self::StaleFinalized(_) => "stale-finalized",
            Self::FinalitySteps(_) => "finality-steps",
            Self::LagBlocks(_) => "lag-blocks",
            Self::LagSeconds(_) => "lag-seconds",
            Self::Refuse => "refuse",
            Self::CutOff => "cut-off",
            Self::Dribble => "dribble",
            Self::Flood => "flood",
            Self::Slow(_) => "slow",
            Self::TooManyRequests => "too-many-requests",
            Self::InternalError => "internal-error",
            Self::OtherId => "other-id",
        }
    }
}

/// What a lie is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The connection: the answer itself is true.
    Connection,
    /// Every answer.
    Answers,
    /// The chain id.
    ChainId,
    /// Logs.
    Logs,
    /// Proofs.
    Proofs,
    /// Blocks: which there are, their tags, headers and states.
    Blocks,
}

impl Subject {
    /// Whether a lie about it is one about the answers to a method.
    pub(crate) fn concerns(self, method: &str) -> bool {
        match self {
            Self::Connection | Self::Answers => true,
            Self::ChainId => matches!(method, "eth_chainId" | "net_version"),
            Self::Logs => method == "eth_getLogs",
            Self::Proofs => method == "eth_getProof",
            Self::Blocks => is_about_blocks(method),
        }
    }
}

/// Whether a method names a block, or its answer does.
fn is_about_blocks(method: &str) -> bool {
    let others = [
        "eth_blockNumber",
        "eth_getBlockByNumber",
        "eth_getBlockByHash",
        "eth_getLogs",
        "eth_getProof",
        "eth_getStorageAt",
        "eth_getTransactionReceipt",
    ];
    others.contains(&method) || position_of_block(method).is_some()
}

/// The position of the parameter that names a block, in the methods that nothing else is done to.
pub(crate) fn position_of_block(method: &str) -> Option<usize> {
    match method {
        "eth_getBlockTransactionCountByNumber" | "eth_getBlockReceipts" => Some(0),
        "eth_getBalance" | "eth_getCode" | "eth_getTransactionCount" | "eth_call" | "eth_estimateGas" => Some(1),
        _ => None,
    }
}

impl Lie {
    /// What the lie is about.
    pub(crate) const fn subject(&self) -> Subject {
        match self {
            Self::Refuse | Self::CutOff | Self::Dribble | Self::Flood | Self::Slow(_) | Self::TooManyRequests => {
                Subject::Connection
            }
            Self::InternalError | Self::OtherId => Subject::Answers,
            Self::WrongChainId(_) => Subject::ChainId,
            Self::DropLogs(_)
            | Self::DelayLogs(_)
            | Self::DuplicateLogs
            | Self::ReorderLogs
            | Self::MoveLogs
            | Self::ForgeLogs
            | Self::InventLogs => Subject::Logs,
            Self::ForgeAccount
            | Self::ForgeSlot
            | Self::ForgeCodeHash
            | Self::ForgeProof
            | Self::ForgeAbsentSlot
            | Self::ForgeAbsentAccount
            | Self::ProofWindow(_)
            | Self::PrunedState(_)
            | Self::NoProofs => Subject::Proofs,
            Self::ForgeHeader(_)
            | Self::ForgeHeaderRehashed(_)
            | Self::ForgeStateRoot
            | Self::TimestampMs
            | Self::UnknownHeaderField
            | Self::ForgeState(_)
            | Self::FinalityBack(_)
            | Self::LatestAsFinalized
            | Self::StaleFinalized(_)
            | Self::FinalitySteps(_)
            | Self::LagBlocks(_)
            | Self::LagSeconds(_) => Subject::Blocks,
        }
    }
}

impl FromStr for Lie {
    type Err = LieError;

    /// Reads `NAME`, or `NAME=VALUE` where the lie has a parameter. A parameter that has a default may be left out.
    fn from_str(text: &str) -> Result<Self, LieError> {
        let (name, given) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let form = FORMS.iter().find(|form| form.name == name).ok_or_else(|| LieError::Unknown(name.into()))?;
        if let (Some(given), true) = (given, form.value.is_empty()) {
            return Err(LieError::NoValue(form.name, given.into()));
        }
        let value = given.unwrap_or(form.default);
        let wrong = || LieError::Value { name: form.name, given: value.into(), value: form.value };
        form.read(value).ok_or_else(wrong)
    }
}
