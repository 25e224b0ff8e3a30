//! Headers of a chain, and the votes of its validators that sign them.

use diem_core::Time;
use diem_types::{APP_VERSION, AppGenesis, ConsensusParams, GenesisDoc, GenesisValidator};
use ed25519_dalek::{Signer as _, SigningKey};
use tendermint::{
    AppHash, Hash, PublicKey, Signature, Time as HeaderTime,
    block::{Commit, CommitSig, Header, Id, header::Version, parts, signed_header::SignedHeader},
    validator, vote,
};

/// The time of every genesis here, in seconds since 1970.
pub(crate) const START_SECONDS: i64 = 1_790_000_000;

/// Validators as (seed of the key, power).
pub(crate) type Members = Vec<(u8, u64)>;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn public(seed: u8) -> PublicKey {
    PublicKey::from_raw_ed25519(key(seed).verifying_key().as_bytes()).unwrap()
}

pub(crate) fn set(members: &Members) -> validator::Set {
    let info = |(seed, power): &(u8, u64)| validator::Info::new(public(*seed), (*power).try_into().unwrap());
    validator::Set::without_proposer(members.iter().map(info).collect())
}

pub(crate) fn genesis(chain_id: &str, members: &Members) -> GenesisDoc {
    let validator = |(seed, power): &(u8, u64)| GenesisValidator {
        public_key: public(*seed).to_bytes().try_into().unwrap(),
        power: *power,
    };
    GenesisDoc {
        chain_id: chain_id.into(),
        genesis_time: Time(START_SECONDS.unsigned_abs() * 1_000),
        initial_height: 1,
        app_version: APP_VERSION,
        consensus: ConsensusParams::default(),
        validators: members.iter().map(validator).collect(),
        app: AppGenesis::default(),
    }
}

/// A header of these validators, of whom the next height has those of `next`.
pub(crate) fn header(
    (chain_id, height, time): (&str, u64, HeaderTime),
    members: &Members,
    next: &Members,
    app_hash: [u8; 32],
) -> Header {
    let now = set(members);
    Header {
        version: Version { block: 11, app: 1 },
        chain_id: chain_id.parse().unwrap(),
        height: height.try_into().unwrap(),
        time,
        last_block_id: None,
        last_commit_hash: None,
        data_hash: None,
        validators_hash: now.hash(),
        next_validators_hash: set(next).hash(),
        consensus_hash: Hash::Sha256([1; 32]),
        app_hash: AppHash::try_from(app_hash.to_vec()).unwrap(),
        last_results_hash: None,
        evidence_hash: None,
        proposer_address: now.validators()[0].address,
    }
}

/// The header with a commit of `members`, in the order of their set: `signs` says of a place and a seed whether there is
/// a signature.
pub(crate) fn commit(header: Header, members: &Members, signs: impl Fn(usize, u8) -> bool) -> SignedHeader {
    let part_set_header = parts::Header::new(1, Hash::Sha256([2; 32])).unwrap();
    let block_id = Id { hash: header.hash(), part_set_header };
    let sign = |(place, info): (usize, &validator::Info)| {
        let (seed, _) = members.iter().find(|(seed, _)| public(*seed) == info.pub_key).unwrap();
        if signs(place, *seed) { signature(&header, block_id, place, *seed) } else { CommitSig::BlockIdFlagAbsent }
    };
    let signatures = set(members).validators().iter().enumerate().map(sign).collect();
    let commit = Commit { height: header.height, round: 0u16.into(), block_id, signatures };
    SignedHeader::new(header, commit).unwrap()
}

fn signature(header: &Header, block_id: Id, place: usize, seed: u8) -> CommitSig {
    let vote = vote::Vote {
        vote_type: vote::Type::Precommit,
        height: header.height,
        round: 0u16.into(),
        block_id: Some(block_id),
        timestamp: Some(header.time),
        validator_address: public(seed).into(),
        validator_index: u32::try_from(place).unwrap().try_into().unwrap(),
        signature: None,
        extension: vec![],
        extension_signature: None,
    };
    let signature = key(seed).sign(&vote.into_signable_vec(header.chain_id.clone())).to_bytes();
    CommitSig::BlockIdFlagCommit {
        validator_address: public(seed).into(),
        timestamp: header.time,
        signature: Some(Signature::try_from(signature.to_vec()).unwrap()),
    }
}
