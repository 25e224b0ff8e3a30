//! Proof that whoever registers a validator holds both its keys.
//!
//! Both sign the same bytes: `"diem-bridge-key/1"`, the length of the chain id as one byte, the chain id, the operator
//! (20 bytes), the consensus key (32), the address of the bridge key (20). ed25519 signs the bytes, or a vote for them
//! where the key never leaves a signer that signs votes only ([`crate::vote`]); secp256k1 signs their keccak. The
//! genesis hash is not among them, because validators of genesis need a proof too.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Forgetful, Statement, Verifier, keccak256,
    keys::{Auth, CompactSignature, SecretKey, SignatureError, ed25519_address},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IntoDeserializer as _, MapAccess, Visitor, value::MapAccessDeserializer},
};

pub use crate::vote::PROOF_CHAIN_ID;
use crate::vote::{self, KeyVote};

const TAG: &[u8] = b"diem-bridge-key/1";

/// The signatures by which a validator shows that it holds both of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyProof {
    /// The half by the consensus key.
    pub consensus: ConsensusProof,
    /// The signature by the bridge key: r and s with the parity of the point in the highest bit of s (EIP-2098).
    #[serde(with = "hex::serde")]
    pub bridge: [u8; 64],
}

/// The half of a proof by the consensus key. In JSON and TOML the first form is its hex, the second an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[borsh(use_discriminant = true)]
#[serde(untagged)]
#[repr(u8)]
pub enum ConsensusProof {
    /// The key signed the bytes themselves: R and s.
    Signature(#[serde(with = "hex::serde")] [u8; 64]) = 0,
    /// The key signed a vote for them, because its signer signs nothing else.
    Vote(KeyVote) = 1,
}

impl<'de> Deserialize<'de> for ConsensusProof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherForm;

        impl<'de> Visitor<'de> for EitherForm {
            type Value = ConsensusProof;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a signature as 128 hex digits, or a vote {seconds, nanos, signature}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ConsensusProof, E> {
                hex::serde::deserialize(text.into_deserializer()).map(ConsensusProof::Signature)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConsensusProof, A::Error> {
                <KeyVote as Deserialize>::deserialize(MapAccessDeserializer::new(map)).map(ConsensusProof::Vote)
            }
        }

        deserializer.deserialize_any(EitherForm)
    }
}

impl ConsensusProof {
    /// The signature, and the bytes that it must fit so that `message` counts as signed.
    fn signed(self, message: &[u8]) -> Result<([u8; 64], Vec<u8>), SignatureError> {
        match self {
            Self::Signature(signature) => Ok((signature, message.to_vec())),
            Self::Vote(KeyVote { seconds, nanos, signature }) => {
                let bytes = vote::sign_bytes(message, seconds, nanos).ok_or(SignatureError::Invalid)?;
                Ok((signature, bytes))
            }
        }
    }
}

/// The bytes that both keys sign.
pub fn message(chain_id: &str, operator: &Address, consensus_key: &[u8; 32], bridge: &Address) -> Vec<u8> {
    // Chain ids have at most 50 bytes.
    let length = u8::try_from(chain_id.len()).unwrap_or(u8::MAX);
    [TAG, &[length], chain_id.as_bytes(), &operator.0, consensus_key, &bridge.0].concat()
}

impl KeyProof {
    /// Checks both signatures; the signer of the second is recovered and must be `bridge`.
    ///
    /// # Errors
    /// [`SignatureError`]; also for a consensus key of small order, and for a high s.
    pub fn verify(
        &self,
        chain_id: &str,
        operator: &Address,
        consensus_key: &[u8; 32],
        bridge: &Address,
    ) -> Result<(), SignatureError> {
        self.verify_by(&Forgetful, chain_id, operator, consensus_key, bridge)
    }

    /// Verifies both signatures by a verifier, which may know the verdicts already.
    pub(crate) fn verify_by(
        &self,
        verifier: &dyn Verifier,
        chain_id: &str,
        operator: &Address,
        consensus_key: &[u8; 32],
        bridge: &Address,
    ) -> Result<(), SignatureError> {
        if *bridge == Address::ZERO {
            return Err(SignatureError::WrongSigner);
        }
        let statements = self.statements(chain_id, operator, consensus_key, bridge)?;
        statements.iter().try_for_each(|statement| verifier.verify(statement))
    }

    /// The two signatures as the statements that they are: by the consensus key, then by the bridge key.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`] if the first is by a vote that no signer can make.
    pub(crate) fn statements(
        &self,
        chain_id: &str,
        operator: &Address,
        consensus_key: &[u8; 32],
        bridge: &Address,
    ) -> Result<[KeyStatement; 2], SignatureError> {
        let message = message(chain_id, operator, consensus_key, bridge);
        let (signature, signed) = self.consensus.signed(&message)?;
        let consensus = Auth::Ed25519 { public_key: *consensus_key, signature };
        let by_bridge = Auth::Ethereum { signature: CompactSignature(self.bridge).expand() };
        Ok([
            KeyStatement { signer: ed25519_address(consensus_key), auth: consensus, message: signed },
            KeyStatement { signer: *bridge, auth: by_bridge, message },
        ])
    }

    /// Makes the proof with both keys at hand, or `None` if the keys are not an ed25519 and an Ethereum key.
    pub fn sign(chain_id: &str, operator: &Address, consensus: &SecretKey, bridge: &SecretKey) -> Option<Self> {
        let (SecretKey::Ed25519(key), SecretKey::Ethereum(bridge)) = (consensus, bridge) else { return None };
        let message = message(chain_id, operator, key.verifying_key().as_bytes(), &bridge.address());
        let Auth::Ed25519 { signature, .. } = consensus.sign(&message, || keccak256(&message)) else { return None };
        let CompactSignature(by_bridge) = bridge.sign(&keccak256(&message));
        Some(Self { consensus: ConsensusProof::Signature(signature), bridge: by_bridge })
    }
}

/// One signature of a proof: "these two keys are this operator's", said by one of the keys.
pub(crate) struct KeyStatement {
    signer: Address,
    auth: Auth,
    message: Vec<u8>,
}

impl Statement for KeyStatement {
    fn signer(&self) -> &Address {
        &self.signer
    }

    fn auth(&self) -> &Auth {
        &self.auth
    }

    fn message(&self) -> Vec<u8> {
        self.message.clone()
    }

    fn digest(&self) -> [u8; 32] {
        keccak256(&self.message)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    const CHAIN: &str = "diem-test-dev";

    fn keys() -> (SecretKey, [u8; 32], SecretKey) {
        let consensus = SecretKey::ed25519(&[3; 32]);
        let SecretKey::Ed25519(key) = &consensus else { panic!("an ed25519 key") };
        let public = key.verifying_key().to_bytes();
        (consensus, public, SecretKey::ethereum(&[4; 32]).unwrap())
    }

    #[test]
    fn the_signed_bytes_are_laid_out_as_written_down() {
        let message = message("ab", &Address([1; 20]), &[2; 32], &Address([3; 20]));
        let expected =
            ["6469656d2d6272696467652d6b65792f31", "02", "6162", &"01".repeat(20), &"02".repeat(32), &"03".repeat(20)];
        assert_eq!(hex::encode(message), expected.concat());
    }

    #[test]
    fn a_proof_holds_for_exactly_its_chain_operator_and_keys() {
        let (consensus, public, bridge) = keys();
        let operator = Address([9; 20]);
        let proof = KeyProof::sign(CHAIN, &operator, &consensus, &bridge).unwrap();
        let address = bridge.address();
        assert_eq!(proof.verify(CHAIN, &operator, &public, &address), Ok(()));
        assert!(proof.verify("diem-other-dev", &operator, &public, &address).is_err());
        assert!(proof.verify(CHAIN, &Address([8; 20]), &public, &address).is_err());
        assert!(proof.verify(CHAIN, &operator, &[5; 32], &address).is_err());
        assert!(proof.verify(CHAIN, &operator, &public, &Address([7; 20])).is_err());
        assert!(proof.verify(CHAIN, &operator, &public, &Address::ZERO).is_err());
        for byte in [0, 31, 32, 63] {
            let mut bad = proof;
            let ConsensusProof::Signature(consensus) = &mut bad.consensus else { panic!("a signature") };
            consensus[byte] ^= 1;
            assert!(bad.verify(CHAIN, &operator, &public, &address).is_err());
            let mut bad = proof;
            bad.bridge[byte] ^= 1;
            assert!(bad.verify(CHAIN, &operator, &public, &address).is_err());
        }
    }

    #[test]
    fn a_consensus_key_of_small_order_proves_nothing() {
        let (_, _, bridge) = keys();
        let mut weak = [0; 32];
        weak[0] = 1;
        let mut consensus = [0; 64];
        consensus[0] = 1;
        let proof = KeyProof { consensus: ConsensusProof::Signature(consensus), bridge: [1; 64] };
        let verdict = proof.verify(CHAIN, &Address([9; 20]), &weak, &bridge.address());
        assert_eq!(verdict, Err(SignatureError::WeakKey));
    }
}
