//! Headers and proofs as the bytes that a light client verifies.

use ics23::CommitmentProof;
use prost_ics23::Message as _;
use tendermint::block::signed_header::SignedHeader;
use tendermint_proto::{Protobuf, v0_38::types::SignedHeader as RawSignedHeader};

/// The protobuf form of a signed header.
pub fn encode_header(header: &SignedHeader) -> Vec<u8> {
    <SignedHeader as Protobuf<RawSignedHeader>>::encode_vec(header.clone())
}

/// The protobuf form of a proof.
pub fn encode_proof(proof: &CommitmentProof) -> Vec<u8> {
    proof.encode_to_vec()
}
