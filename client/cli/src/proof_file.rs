//! The proof that a validator's keys belong to its operator, on its way from the machine that holds the keys.

use std::path::Path;

use anyhow::anyhow;
use diem_core::Address;
use diem_staking::KeyProof;
use serde::{Deserialize, Serialize};

use crate::{Failure, failure::usage};

/// What `diemd validator prove` prints and `tx create-validator` reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofFile {
    /// The chain for which the proof counts.
    pub chain_id: String,
    /// The operator to whom the keys belong.
    pub operator: Address,
    /// The public key of the validator in consensus.
    #[serde(with = "hex::serde")]
    pub consensus_key: [u8; 32],
    /// The address of the bridge key.
    pub bridge_address: Address,
    /// The signatures of both keys.
    pub proof: KeyProof,
}

impl ProofFile {
    /// Reads a proof and checks it.
    ///
    /// # Errors
    /// The file cannot be read, is no proof, or its signatures do not fit.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |error: &dyn std::fmt::Display| usage(anyhow!("{}: this is no key proof: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| usage(anyhow!("{}: {error}", path.display())))?;
        let file: Self = diem_api::read_json(text.as_bytes()).map_err(|error| wrong(&error))?;
        let verdict = file.proof.verify(&file.chain_id, &file.operator, &file.consensus_key, &file.bridge_address);
        verdict.map_err(|error| wrong(&diem_staking::Error::KeyProof(error)))?;
        Ok(file)
    }
}
