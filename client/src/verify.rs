//! Verification of what a node says, against validators that the user trusts.
//!
//! A node is believed nothing: its header must be of the trusted chain and signed by more than two thirds of the
//! trusted validators' power, the proof must lead to the header's root, and the value is taken from the proof.

use diem_bank::state::{Account, account_key};
use diem_core::{Address, Time, proof::ProofError};
use diem_types::{GenesisDoc, genesis::GenesisError};
use ics23::CommitmentProof;
use prost_ics23::Message as _;
use tendermint::{PublicKey, block::signed_header::SignedHeader, validator, vote::Power};
use tendermint_light_client_verifier::{
    errors::VerificationError,
    operations::{ProdCommitValidator, ProdVotingPowerCalculator, VotingPowerCalculator as _},
    predicates::{ProdPredicates, VerificationPredicates as _},
};
use tendermint_proto::{Protobuf, v0_38::types::SignedHeader as RawSignedHeader};

use crate::api;

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The genesis cannot be one of a chain.
    #[error("the trusted genesis is not valid: {0}")]
    Genesis(String),
    /// The answer carries no proof.
    #[error("the node sent no proof: ask with prove=true")]
    NoProof,
    /// A part of the answer does not decode.
    #[error("the {0} in the answer does not decode")]
    Malformed(&'static str),
    /// The header is of another chain.
    #[error("the header is of chain `{got}`, but `{trusted}` is trusted")]
    ChainId {
        /// The header's.
        got: String,
        /// The trusted one.
        trusted: String,
    },
    /// The header is not that which holds the root of the state.
    #[error("the header is of height {header}, but the state after height {state} has its root in the next header")]
    Height {
        /// The header's.
        header: u64,
        /// The state's.
        state: u64,
    },
    /// The header names validators that are not the trusted ones.
    #[error("the header names other validators than the trusted ones")]
    Validators,
    /// The commit is not for this header: something in the header was changed.
    #[error("the commit is for another header: the header was changed")]
    HeaderHash,
    /// The commit is malformed, or one of its signatures is not by a trusted validator.
    #[error("the commit does not hold: {0}")]
    Commit(String),
    /// Not more than two thirds of the power signed.
    #[error("too few signatures: {signed} of {total} power signed, more than two thirds are needed")]
    TooFewSignatures {
        /// The power that signed.
        signed: u64,
        /// The power of all.
        total: u64,
    },
    /// The answer is about another row than the one that was asked for.
    #[error("the answer is about another row than the one asked for")]
    Key,
    /// The proof does not show the value under the header's root.
    #[error("the proof fails: {0}")]
    Proof(#[from] ProofError),
    /// The proven row is not one of this version.
    #[error("the proven row does not decode: this client is of another version than the chain")]
    Row,
}

/// A chain and its validators as the user trusts them.
#[derive(Debug, Clone)]
pub struct Trust {
    chain_id: String,
    validators: validator::Set,
}

/// A row of state that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The height after which it holds.
    pub height: u64,
    /// The time of the signed header; a client that wants fresh state compares it with its
    /// clock.
    pub header_time: Time,
    /// The root of the state.
    pub root: [u8; 32],
    /// The row, or `None` if it is proven that there is none.
    pub value: Option<Vec<u8>>,
}

/// An account that was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAccount {
    /// The account's row; empty if it is proven that it was never used.
    pub account: Account,
    /// Whether there is a row.
    pub exists: bool,
    /// The height after which it holds.
    pub height: u64,
    /// The time of the signed header.
    pub header_time: Time,
    /// The root of the state.
    pub root: [u8; 32],
}

impl Trust {
    /// Trust in the validators that start a chain. Whoever took the genesis from a node compares
    /// [`GenesisDoc::hash`] with a hash that they trust first.
    ///
    /// # Errors
    /// [`VerifyError::Genesis`].
    pub fn from_genesis(genesis: &GenesisDoc) -> Result<Self, VerifyError> {
        let invalid = |e: GenesisError| VerifyError::Genesis(e.to_string());
        genesis.validate().map_err(invalid)?;
        let infos: Result<Vec<_>, _> =
            genesis.validators.iter().map(|v| validator_info(&v.public_key, v.power)).collect();
        Ok(Self { chain_id: genesis.chain_id.clone(), validators: validator::Set::without_proposer(infos?) })
    }

    /// The trusted chain's name.
    pub fn chain_id(&self) -> &str {
        &self.chain_id
    }

    /// Checks that `header` is of the trusted chain, unchanged, and signed by more than two thirds of the trusted
    /// power.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify_header(&self, header: &SignedHeader) -> Result<(), VerifyError> {
        let rules = ProdPredicates;
        let got = header.header.chain_id.as_str();
        if got != self.chain_id {
            return Err(VerifyError::ChainId { got: got.into(), trusted: self.chain_id.clone() });
        }
        rules
            .header_matches_commit(&header.header, header.commit.block_id.hash)
            .map_err(|_| VerifyError::HeaderHash)?;
        rules
            .validator_sets_match(&self.validators, header.header.validators_hash)
            .map_err(|_| VerifyError::Validators)?;
        rules.valid_commit(header, &self.validators, &ProdCommitValidator).map_err(commit_error)?;
        let power = ProdVotingPowerCalculator::default()
            .voting_power_in(header, &self.validators, two_thirds())
            .map_err(commit_error)?;
        // Thirds by multiplication in 128 bits: exact for every power there can be.
        let enough = u128::from(power.tallied).saturating_mul(3) > u128::from(power.total).saturating_mul(2);
        if enough { Ok(()) } else { Err(VerifyError::TooFewSignatures { signed: power.tallied, total: power.total }) }
    }

    /// Checks that the row `key` is, or is not, in the state as `proof` says.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self, key: &[u8], proof: &api::Proof) -> Result<Verified, VerifyError> {
        if proof.key.0 != key {
            return Err(VerifyError::Key);
        }
        let header = decode_header(&proof.signed_header.0)?;
        self.verify_header(&header)?;
        let height = header.header.height.value();
        if proof.state_height.checked_add(1) != Some(height) {
            return Err(VerifyError::Height { header: height, state: proof.state_height });
        }
        let root: [u8; 32] =
            header.header.app_hash.as_bytes().try_into().map_err(|_| VerifyError::Malformed("app hash"))?;
        let commitment = decode_proof(&proof.proof.0)?;
        let value = proof.value.as_ref().map(|value| value.0.as_slice());
        diem_core::proof::verify(&root, key, value, &commitment)?;
        let header_time = Time(header_millis(&header)?);
        Ok(Verified { height: proof.state_height, header_time, root, value: value.map(Into::into) })
    }

    /// Checks an account's answer and takes its balances from the proof.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify_account(&self, address: &Address, answer: &api::Account) -> Result<VerifiedAccount, VerifyError> {
        let proof = answer.proof.as_ref().ok_or(VerifyError::NoProof)?;
        let Verified { height, header_time, root, value } = self.verify(&account_key(address), proof)?;
        let account = match &value {
            Some(row) => borsh::from_slice(row).map_err(|_| VerifyError::Row)?,
            None => Account::default(),
        };
        Ok(VerifiedAccount { account, exists: value.is_some(), height, header_time, root })
    }
}

fn validator_info(public_key: &[u8; 32], power: u64) -> Result<validator::Info, VerifyError> {
    let bad = || VerifyError::Genesis(format!("validator {} has no valid key or power", hex::encode(public_key)));
    let key = PublicKey::from_raw_ed25519(public_key).ok_or_else(bad)?;
    Ok(validator::Info::new(key, Power::try_from(power).map_err(|_| bad())?))
}

/// Decodes a signed header as [`encode_header`] writes it.
///
/// # Errors
/// [`VerifyError::Malformed`].
pub fn decode_header(bytes: &[u8]) -> Result<SignedHeader, VerifyError> {
    <SignedHeader as Protobuf<RawSignedHeader>>::decode(bytes).map_err(|_| VerifyError::Malformed("signed header"))
}

/// The protobuf form of a signed header.
pub fn encode_header(header: &SignedHeader) -> Vec<u8> {
    <SignedHeader as Protobuf<RawSignedHeader>>::encode_vec(header.clone())
}

/// Decodes a proof as [`encode_proof`] writes it.
///
/// # Errors
/// [`VerifyError::Malformed`].
pub fn decode_proof(bytes: &[u8]) -> Result<CommitmentProof, VerifyError> {
    CommitmentProof::decode(bytes).map_err(|_| VerifyError::Malformed("proof"))
}

/// The protobuf form of a proof.
pub fn encode_proof(proof: &CommitmentProof) -> Vec<u8> {
    proof.encode_to_vec()
}

fn header_millis(header: &SignedHeader) -> Result<u64, VerifyError> {
    let nanos = header.header.time.unix_timestamp_nanos();
    u64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| VerifyError::Malformed("header's time"))
}

fn two_thirds() -> tendermint::trust_threshold::TrustThresholdFraction {
    tendermint::trust_threshold::TrustThresholdFraction::TWO_THIRDS
}

fn commit_error(error: VerificationError) -> VerifyError {
    VerifyError::Commit(error.detail().to_string())
}
