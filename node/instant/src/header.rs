//! Real headers and commits for blocks that were made in process, so that a client verifies them as it does CometBFT's.
//!
//! The rules are CometBFT's for its 0.38 line: what each field of a header hashes, and what a precommit signs.

use diem_core::{Fatal, Time, context::Misbehaviour, sha256};
use diem_types::TxResult;
use prost::Message as _;
use tendermint::{
    AppHash, Hash, Signature, account,
    block::{self, CommitSig, Header, header::Version, parts, signed_header::SignedHeader},
    crypto::default::Sha256,
    merkle::simple_hash_from_byte_vectors,
    validator, vote,
};
use tendermint_proto::v0_38::{abci as abci_pb, types as pb};

use super::signers::{Members, Signers, set_of, unusual};

/// The version of the block format of the 0.38 line.
const BLOCK_VERSION: u64 = 11;

/// The fields of a header that are not computed from its other fields.
pub(crate) struct Draft<'a> {
    /// The validators of this height.
    pub(crate) signers: &'a Signers<'a>,
    /// The validators of the next height.
    pub(crate) next_validators: &'a Members,
    pub(crate) chain_id: &'a str,
    pub(crate) app_version: u64,
    pub(crate) block_max_bytes: u64,
    pub(crate) height: u64,
    pub(crate) time: Time,
    /// The header and commit of the block before; `None` for the first block.
    pub(crate) last: Option<&'a SignedHeader>,
    /// The root of the state before this block.
    pub(crate) root: [u8; 32],
    /// The [`results_hash`] of the block before.
    pub(crate) last_results: Hash,
    pub(crate) tx_hashes: &'a [[u8; 32]],
    pub(crate) misbehaviour: &'a [Misbehaviour],
}

/// Makes the header of a draft.
pub(crate) fn make(draft: &Draft<'_>) -> Result<Header, Fatal> {
    let evidence: Vec<_> = draft.misbehaviour.iter().map(evidence_bytes).collect();
    let last_commit = draft.last.map(|last| commit_hash(&last.commit));
    Ok(Header {
        version: Version { block: BLOCK_VERSION, app: draft.app_version },
        chain_id: draft.chain_id.try_into().map_err(unusual)?,
        height: draft.height.try_into().map_err(unusual)?,
        time: to_tendermint(draft.time)?,
        last_block_id: draft.last.map(|last| last.commit.block_id),
        last_commit_hash: Some(last_commit.unwrap_or_else(|| merkle::<&[u8]>(&[]))),
        data_hash: Some(merkle(draft.tx_hashes)),
        validators_hash: draft.signers.set().hash(),
        next_validators_hash: set_of(draft.next_validators)?.hash(),
        consensus_hash: consensus_hash(draft.block_max_bytes)?,
        app_hash: AppHash::try_from(draft.root.to_vec()).map_err(unusual)?,
        last_results_hash: Some(draft.last_results),
        evidence_hash: Some(merkle(&evidence)),
        proposer_address: account::Id::new(draft.signers.proposer(draft.height)?),
    })
}

/// Signs the header: one precommit of every validator whose key is here. Validators whose absence was injected sign as
/// well, so that the header can be verified: only the application is told that they did not.
pub(crate) fn sign(header: Header, signers: &Signers<'_>) -> Result<SignedHeader, Fatal> {
    // Nobody fetches this block in parts, so its only part is its header.
    let bytes = tendermint_proto::Protobuf::<pb::Header>::encode_vec(header.clone());
    let part_set_header = parts::Header::new(1, merkle(&[bytes])).map_err(unusual)?;
    let block_id = block::Id { hash: header.hash(), part_set_header };
    let bytes_of =
        |place: usize, info: &validator::Info| precommit_bytes(&header, block_id, header.time, info.address, place);
    let mut signatures = Vec::new();
    for (info, signature) in signers.sign(bytes_of)? {
        signatures.push(match signature {
            Some(signature) => CommitSig::BlockIdFlagCommit {
                validator_address: info.address,
                timestamp: header.time,
                signature: Signature::new(signature.to_bytes()).map_err(unusual)?,
            },
            None => CommitSig::BlockIdFlagAbsent,
        });
    }
    let commit = block::Commit { height: header.height, round: block::Round::default(), block_id, signatures };
    SignedHeader::new(header, commit).map_err(unusual)
}

/// The bytes that the validator at `place` of the set signs for a block, in round 0.
fn precommit_bytes(
    header: &Header,
    block_id: block::Id,
    timestamp: tendermint::Time,
    validator_address: account::Id,
    place: usize,
) -> Result<Vec<u8>, Fatal> {
    let vote = vote::Vote {
        vote_type: vote::Type::Precommit,
        height: header.height,
        round: block::Round::default(),
        block_id: Some(block_id),
        timestamp: Some(timestamp),
        validator_address,
        validator_index: vote::ValidatorIndex::try_from(place).map_err(unusual)?,
        signature: None,
        extension: Vec::new(),
        extension_signature: None,
    };
    Ok(vote.into_signable_vec(header.chain_id.clone()))
}

/// The hash of the part of the results that consensus agrees on, as CometBFT computes it. The hash of no results is the
/// one in the first header.
pub(crate) fn results_hash(results: &[TxResult]) -> Result<Hash, Fatal> {
    let mut leaves = Vec::new();
    for result in results {
        let deterministic = abci_pb::ExecTxResult {
            code: result.code,
            gas_wanted: i64::try_from(result.gas_wanted).map_err(unusual)?,
            gas_used: i64::try_from(result.gas_used).map_err(unusual)?,
            ..abci_pb::ExecTxResult::default()
        };
        leaves.push(deterministic.encode_to_vec());
    }
    Ok(merkle(&leaves))
}

pub(crate) fn encode(header: SignedHeader) -> Vec<u8> {
    tendermint_proto::Protobuf::<pb::SignedHeader>::encode_vec(header)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<SignedHeader, String> {
    <SignedHeader as tendermint_proto::Protobuf<pb::SignedHeader>>::decode(bytes).map_err(|error| error.to_string())
}

fn merkle<T: AsRef<[u8]>>(leaves: &[T]) -> Hash {
    Hash::Sha256(simple_hash_from_byte_vectors::<Sha256>(leaves))
}

fn commit_hash(commit: &block::Commit) -> Hash {
    let leaves: Vec<_> = commit.signatures.iter().map(|sig| pb::CommitSig::from(sig.clone()).encode_to_vec()).collect();
    merkle(&leaves)
}

/// The hash of the consensus parameters. CometBFT hashes only these two; the application limits gas itself, so it is
/// -1.
fn consensus_hash(block_max_bytes: u64) -> Result<Hash, Fatal> {
    let block_max_bytes = i64::try_from(block_max_bytes).map_err(unusual)?;
    let bytes = pb::HashedParams { block_max_bytes, block_max_gas: -1 }.encode_to_vec();
    Ok(Hash::Sha256(sha256(&[&bytes])))
}

/// The bytes of evidence of an injected double vote: there are no two votes, only the validator, the height and the
/// power.
fn evidence_bytes(misbehaviour: &Misbehaviour) -> Vec<u8> {
    let vote = pb::Vote {
        height: i64::try_from(misbehaviour.height).unwrap_or(i64::MAX),
        validator_address: misbehaviour.validator.to_vec(),
        ..pb::Vote::default()
    };
    let evidence = pb::DuplicateVoteEvidence {
        vote_a: Some(vote.clone()),
        vote_b: Some(vote),
        validator_power: i64::try_from(misbehaviour.power).unwrap_or(i64::MAX),
        ..pb::DuplicateVoteEvidence::default()
    };
    pb::Evidence { sum: Some(pb::evidence::Sum::DuplicateVoteEvidence(evidence)) }.encode_to_vec()
}

fn to_tendermint(time: Time) -> Result<tendermint::Time, Fatal> {
    let seconds = i64::try_from(time.millis() / 1_000).map_err(unusual)?;
    let nanos = u32::try_from((time.millis() % 1_000).saturating_mul(1_000_000)).map_err(unusual)?;
    tendermint::Time::from_unix_timestamp(seconds, nanos).map_err(unusual)
}

/// The vectors are two consecutive blocks of CometBFT 0.38.25 with one validator whose key is public, the first with
/// one transfer: our values must equal those that it computed.
#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;
    use crate::signers::Keys;

    /// The gas of the transfer in the first block.
    const GAS: u64 = 7_670;

    #[derive(serde::Deserialize)]
    struct Blocks {
        first: SignedHeader,
        second: SignedHeader,
        txs: Vec<String>,
    }

    fn blocks() -> Blocks {
        serde_json::from_str(include_str!("cometbft_0_38_25.json")).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&diem_genesis::presets::validator_secret(1))
    }

    fn members() -> Members {
        Members::from([(key().verifying_key().to_bytes(), 10)])
    }

    #[test]
    fn hashes_are_those_of_cometbft() {
        let Blocks { first, second, txs } = blocks();
        let txs: Vec<[u8; 32]> = txs.iter().map(|tx| sha256(&[&BASE64.decode(tx).unwrap()])).collect();
        assert_eq!(Some(merkle(&txs)), first.header.data_hash);
        assert_eq!(Some(merkle::<&[u8]>(&[])), second.header.data_hash);
        assert_eq!(Some(merkle::<&[u8]>(&[])), first.header.evidence_hash);
        assert_eq!(Some(commit_hash(&first.commit)), second.header.last_commit_hash);
        assert_eq!(consensus_hash(4 * 1024 * 1024).unwrap(), first.header.consensus_hash);
        assert_eq!(Some(results_hash(&[]).unwrap()), first.header.last_results_hash);
        let result = TxResult { gas_wanted: GAS, gas_used: GAS, log: "any".into(), ..TxResult::default() };
        assert_eq!(Some(results_hash(&[result]).unwrap()), second.header.last_results_hash);
        assert_eq!(set_of(&members()).unwrap().hash(), first.header.validators_hash);
        assert_eq!(first.header.hash(), first.commit.block_id.hash);
    }

    #[test]
    fn the_header_of_the_second_block_comes_out_of_the_first() {
        let Blocks { first, second, .. } = blocks();
        let result = TxResult { gas_wanted: GAS, gas_used: GAS, ..TxResult::default() };
        let mut root = [0; 32];
        root.copy_from_slice(second.header.app_hash.as_bytes());
        let (members, keys) = (members(), Keys::from([(key().verifying_key().to_bytes(), key())]));
        let draft = Draft {
            signers: &Signers::new(&members, &keys).unwrap(),
            next_validators: &members,
            chain_id: "diem-local-dev-1",
            app_version: 1,
            block_max_bytes: 4 * 1024 * 1024,
            height: 5,
            // CometBFT's times have nanoseconds, and ours have milliseconds.
            time: Time(0),
            last: Some(&first),
            root,
            last_results: results_hash(&[result]).unwrap(),
            tx_hashes: &[],
            misbehaviour: &[],
        };
        let made = make(&draft).unwrap();
        assert_eq!(Header { time: second.header.time, ..made }, second.header);
    }

    #[test]
    fn a_precommit_is_signed_as_cometbft_signs_it() {
        for SignedHeader { header, commit, .. } in [blocks().first, blocks().second] {
            let Some(CommitSig::BlockIdFlagCommit { validator_address, timestamp, signature }) =
                commit.signatures.first()
            else {
                panic!("no signature")
            };
            let bytes = precommit_bytes(&header, commit.block_id, *timestamp, *validator_address, 0).unwrap();
            assert_eq!(key().sign(&bytes).to_bytes(), signature.as_ref().unwrap().as_bytes());
        }
    }

    #[test]
    fn what_was_stored_is_read_again() {
        let first = blocks().first;
        assert_eq!(decode(&encode(first.clone())).unwrap(), first);
        assert!(decode(&[1, 2, 3]).is_err());
    }
}
