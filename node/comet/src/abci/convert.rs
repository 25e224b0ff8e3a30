//! Conversions between ABCI's messages and the application's own types.

use bytes::Bytes;
use diem_core::{
    Block, BlockInfo, Time,
    context::{ConsensusAddress, Misbehaviour, MisbehaviourKind, Vote},
};
use diem_engine::origin::AppState;
use diem_runtime::{Finalized, MAX_VOTE_EXTENSION_BYTES, ValidatorUpdate};
use diem_types::TxResult;
use diem_types::{ConsensusParams, GenesisDoc, GenesisValidator};
use tendermint_proto::{
    google::protobuf::Timestamp,
    v0_38::{
        abci::{
            self, CommitInfo, ExecTxResult, ExtendedCommitInfo, ExtendedVoteInfo, Misbehavior, MisbehaviorType,
            RequestInitChain, ResponseCheckTx, ResponseFinalizeBlock,
        },
        crypto::{PublicKey, public_key::Sum},
        types::{self, BlockIdFlag},
    },
};

/// The reason why a message of consensus is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("consensus sent a {0}")]
pub(super) struct Malformed(String);

fn malformed(what: impl Into<String>) -> Malformed {
    Malformed(what.into())
}

/// The parts of a block beside its transactions, as the three requests about blocks carry them.
pub(super) struct BlockParts<'a> {
    pub(super) height: i64,
    pub(super) time: Option<Timestamp>,
    pub(super) proposer: &'a [u8],
    pub(super) votes: Vec<Vote>,
    pub(super) misbehavior: &'a [Misbehavior],
}

impl BlockParts<'_> {
    pub(super) fn block(self) -> Result<Block, Malformed> {
        let info = BlockInfo { height: height(self.height)?, time: time(self.time)? };
        let misbehaviour = self.misbehavior.iter().map(misbehaviour).collect::<Result<_, _>>()?;
        Ok(Block { info, proposer: address(self.proposer)?, votes: self.votes, misbehaviour })
    }
}

/// The votes for the block before, from a decided commit.
pub(super) fn votes(commit: Option<&CommitInfo>) -> Result<Vec<Vote>, Malformed> {
    let votes = commit.map(|commit| commit.votes.as_slice()).unwrap_or_default();
    votes.iter().map(|vote| one_vote(vote.validator.as_ref(), vote.block_id_flag)).collect()
}

/// The votes for the block before, from the commit that a proposer has itself.
pub(super) fn extended_votes(commit: Option<&ExtendedCommitInfo>) -> Result<Vec<Vote>, Malformed> {
    let votes = commit.map(|commit| commit.votes.as_slice()).unwrap_or_default();
    votes.iter().map(|vote| one_vote(vote.validator.as_ref(), vote.block_id_flag)).collect()
}

/// The vote extensions of a commit that can be statements: those of votes for its block, copied out of the request.
/// CometBFT has verified none that came late, so whatever is longer than a vote may carry is left out.
pub(super) fn extensions(commit: Option<&ExtendedCommitInfo>) -> Vec<Bytes> {
    let votes = commit.map(|commit| commit.votes.as_slice()).unwrap_or_default();
    let can_be = |vote: &&ExtendedVoteInfo| {
        vote.block_id_flag == i32::from(BlockIdFlag::Commit)
            && (1..=MAX_VOTE_EXTENSION_BYTES).contains(&vote.vote_extension.len())
    };
    votes.iter().filter(can_be).map(|vote| Bytes::copy_from_slice(&vote.vote_extension)).collect()
}

/// The size of all vote extensions of a commit, in bytes.
pub(super) fn extension_bytes(commit: Option<&ExtendedCommitInfo>) -> usize {
    let votes = commit.map(|commit| commit.votes.as_slice()).unwrap_or_default();
    votes.iter().map(|vote| vote.vote_extension.len()).fold(0, usize::saturating_add)
}

fn one_vote(validator: Option<&abci::Validator>, flag: i32) -> Result<Vote, Malformed> {
    let validator = validator.ok_or_else(|| malformed("vote of nobody"))?;
    // A signature for no block counts as well, because it shows that the validator was present.
    let signed = match BlockIdFlag::try_from(flag) {
        Ok(BlockIdFlag::Commit | BlockIdFlag::Nil) => true,
        Ok(BlockIdFlag::Absent) => false,
        Ok(BlockIdFlag::Unknown) | Err(_) => return Err(malformed(format!("vote with flag {flag}"))),
    };
    Ok(Vote { validator: address(&validator.address)?, power: power(validator.power)?, signed })
}

fn misbehaviour(found: &Misbehavior) -> Result<Misbehaviour, Malformed> {
    let kind = match MisbehaviorType::try_from(found.r#type) {
        Ok(MisbehaviorType::DuplicateVote) => MisbehaviourKind::DuplicateVote,
        Ok(MisbehaviorType::LightClientAttack) => MisbehaviourKind::LightClientAttack,
        Ok(MisbehaviorType::Unknown) | Err(_) => return Err(malformed("misbehaviour of no known kind")),
    };
    let validator = found.validator.as_ref().ok_or_else(|| malformed("misbehaviour of nobody"))?;
    Ok(Misbehaviour {
        kind,
        validator: address(&validator.address)?,
        power: power(validator.power)?,
        height: height(found.height)?,
        time: time(found.time)?,
    })
}

/// The hash of the genesis that InitChain names.
pub(super) fn named_genesis(request: &RequestInitChain) -> Result<[u8; 32], Malformed> {
    let AppState { genesis_hash } = serde_json::from_slice(&request.app_state_bytes)
        .map_err(|error| malformed(format!("genesis whose app_state cannot be read: {error}")))?;
    Ok(genesis_hash)
}

/// Whether the other fields of InitChain are those of `genesis`: consensus and application must start from the same.
pub(super) fn is_of(request: &RequestInitChain, genesis: &GenesisDoc) -> Result<bool, Malformed> {
    let params = request.consensus_params.as_ref().ok_or_else(|| malformed("genesis without consensus parameters"))?;
    let (version, own) = (params.version.as_ref().map_or(0, |version| version.app), genesis.app_version);
    if version != own {
        return Err(malformed(format!(
            "genesis for version {version} of the application; this chain starts with version {own}"
        )));
    }
    let mut validators = request.validators.iter().map(genesis_validator).collect::<Result<Vec<_>, _>>()?;
    validators.sort();
    let mut own = genesis.validators.clone();
    own.sort();
    Ok(request.chain_id == genesis.chain_id
        && time(request.time)? == genesis.genesis_time
        && height(request.initial_height)? == genesis.initial_height
        && consensus_params(params)? == genesis.consensus
        && validators == own)
}

fn genesis_validator(update: &abci::ValidatorUpdate) -> Result<GenesisValidator, Malformed> {
    let Some(Sum::Ed25519(key)) = update.pub_key.as_ref().and_then(|key| key.sum.as_ref()) else {
        return Err(malformed("genesis with a validator whose key is not ed25519"));
    };
    let public_key =
        key.as_slice().try_into().map_err(|_| malformed("genesis with a validator key that has not 32 bytes"))?;
    Ok(GenesisValidator { public_key, power: power(update.power)? })
}

fn consensus_params(params: &types::ConsensusParams) -> Result<ConsensusParams, Malformed> {
    let missing = |what: &str| malformed(format!("genesis without consensus_params.{what}"));
    let block = params.block.as_ref().ok_or_else(|| missing("block"))?;
    let evidence = params.evidence.as_ref().ok_or_else(|| missing("evidence"))?;
    let age = evidence.max_age_duration.ok_or_else(|| missing("evidence.max_age_duration"))?;
    let validator = params.validator.as_ref().ok_or_else(|| missing("validator"))?;
    if validator.pub_key_types != ["ed25519"] {
        return Err(malformed("genesis that allows other validator keys than ed25519"));
    }
    if block.max_gas != -1 {
        return Err(malformed("genesis whose consensus_params.block.max_gas is not -1: the application counts gas"));
    }
    let enable = params.abci.as_ref().map_or(0, |abci| abci.vote_extensions_enable_height);
    let size =
        |value: i64, what| u64::try_from(value).map_err(|_| malformed(format!("genesis with a negative {what}")));
    Ok(ConsensusParams {
        block_max_bytes: size(block.max_bytes, "block.max_bytes")?,
        evidence_max_age_blocks: size(evidence.max_age_num_blocks, "evidence.max_age_num_blocks")?,
        evidence_max_age_ms: millis(age.seconds, age.nanos)
            .ok_or_else(|| malformed("genesis with a negative evidence.max_age_duration"))?,
        evidence_max_bytes: size(evidence.max_bytes, "evidence.max_bytes")?,
        vote_extensions_enable_height: size(enable, "vote_extensions_enable_height")?,
    })
}

/// Converts the answer of CheckTx. `data` stays empty: text belongs into `log`, which is not consensus.
pub(super) fn checked(result: TxResult) -> ResponseCheckTx {
    ResponseCheckTx {
        code: result.code,
        data: Bytes::new(),
        log: result.log,
        info: String::new(),
        gas_wanted: gas(result.gas_wanted),
        gas_used: gas(result.gas_used),
        events: Vec::new(),
        codespace: result.codespace,
    }
}

/// Converts the answer of FinalizeBlock. Events stay in this node's own index; CometBFT would only copy them.
pub(super) fn finalized(block: Finalized) -> ResponseFinalizeBlock {
    ResponseFinalizeBlock {
        events: Vec::new(),
        tx_results: block.results.into_iter().map(executed).collect(),
        validator_updates: block.validator_updates.iter().map(validator_update).collect(),
        consensus_param_updates: None,
        app_hash: Bytes::copy_from_slice(&block.root),
    }
}

fn executed(result: TxResult) -> ExecTxResult {
    ExecTxResult {
        code: result.code,
        data: Bytes::new(),
        log: result.log,
        info: String::new(),
        gas_wanted: gas(result.gas_wanted),
        gas_used: gas(result.gas_used),
        events: Vec::new(),
        codespace: result.codespace,
    }
}

fn validator_update(update: &ValidatorUpdate) -> abci::ValidatorUpdate {
    abci::ValidatorUpdate {
        pub_key: Some(PublicKey { sum: Some(Sum::Ed25519(update.public_key.to_vec())) }),
        power: i64::try_from(update.power).unwrap_or(i64::MAX),
    }
}

/// The gas in ABCI's type. No block has room for more than an i64.
fn gas(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// Reads the hash of a block.
pub(super) fn hash(bytes: &[u8]) -> Result<[u8; 32], Malformed> {
    bytes.try_into().map_err(|_| malformed(format!("block hash of {} bytes", bytes.len())))
}

/// Reads a height of the chain.
pub(super) fn height(value: i64) -> Result<u64, Malformed> {
    u64::try_from(value).map_err(|_| malformed(format!("height {value}")))
}

/// Reads the header's time, truncated to milliseconds: the chain calls this the time of a block.
fn time(stamp: Option<Timestamp>) -> Result<Time, Malformed> {
    let stamp = stamp.ok_or_else(|| malformed("block without a time"))?;
    let time = millis(stamp.seconds, stamp.nanos).map(Time).ok_or_else(|| malformed("time before 1970"))?;
    if time > Time::END { Err(malformed("time after the year 9999")) } else { Ok(time) }
}

fn millis(seconds: i64, nanos: i32) -> Option<u64> {
    let whole = u64::try_from(seconds).ok()?.checked_mul(1_000)?;
    let rest = u64::try_from(nanos).ok()?.checked_div(1_000_000)?;
    whole.checked_add(rest)
}

fn address(bytes: &[u8]) -> Result<ConsensusAddress, Malformed> {
    bytes.try_into().map_err(|_| malformed(format!("validator address of {} bytes", bytes.len())))
}

fn power(value: i64) -> Result<u64, Malformed> {
    u64::try_from(value).map_err(|_| malformed(format!("voting power of {value}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_votes_for_the_block_bring_statements_and_only_as_much_as_a_vote_carries() {
        let vote = |flag: BlockIdFlag, bytes: usize| ExtendedVoteInfo {
            vote_extension: vec![7; bytes].into(),
            block_id_flag: flag.into(),
            ..ExtendedVoteInfo::default()
        };
        let votes = vec![
            vote(BlockIdFlag::Commit, 106),
            vote(BlockIdFlag::Commit, 0),
            vote(BlockIdFlag::Commit, MAX_VOTE_EXTENSION_BYTES),
            vote(BlockIdFlag::Commit, MAX_VOTE_EXTENSION_BYTES + 1),
            vote(BlockIdFlag::Nil, 106),
            vote(BlockIdFlag::Absent, 106),
            vote(BlockIdFlag::Unknown, 106),
        ];
        let commit = ExtendedCommitInfo { round: 0, votes };
        let taken: Vec<usize> = extensions(Some(&commit)).iter().map(Bytes::len).collect();
        assert_eq!(taken, [106, MAX_VOTE_EXTENSION_BYTES]);
        // The first height of a chain has no votes before it.
        assert!(extensions(None).is_empty());
    }
}
