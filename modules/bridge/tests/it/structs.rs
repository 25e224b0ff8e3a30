//! The structs that validators sign: hashes, digests and, because both sides are deterministic, signatures.

use diem_bridge::{AdminAction, Batch, Preimage, pause_struct_hash};
use diem_core::{
    Address,
    keys::{CompactSignature, SignatureError},
};
use diem_staking::{ConsensusProof, KeyProof, key_proof};

use crate::vectors::{Vector, file, name};

/// Compares the hash with that of every case in a file, and the signer of its digest with the file's.
fn check(file: &Vector, struct_hash: impl Fn(&Vector) -> [u8; 32]) {
    let (domain, signer) = (file.domain(), file.address("signer"));
    for case in file.cases() {
        let hash = struct_hash(&case);
        assert_eq!(hash, case.array("structHash"));
        let digest = domain.digest(&hash);
        assert_eq!(digest, case.array("digest"));
        assert_eq!(case.signature("signature").recover(&digest), Ok(signer));
    }
}

#[test]
fn batches() {
    let vectors = file("batches");
    check(&vectors, |case| {
        let batch = case.batch();
        assert_eq!(batch.transfer_bytes(), case.bytes("transfers"));
        let items = case.list("items");
        let read = items.iter().map(|item| (item.address("recipient"), item.amount("amount")));
        assert!(read.eq(batch.transfers.iter().map(|transfer| (transfer.recipient, transfer.amount))));
        assert_eq!(batch.validate(), Ok(()));
        batch.struct_hash()
    });
    for (case, bytes, error) in vectors.invalid("transfers") {
        assert_eq!(name(&Batch::read_transfers(&bytes).unwrap_err()), error, "{case}");
    }
}

#[test]
fn validator_sets() {
    check(&file("valsets"), |case| Preimage::Valset(case.valset()).struct_hash());
}

#[test]
fn checkpoints() {
    check(&file("checkpoints"), |case| case.checkpoint().struct_hash());
}

#[test]
fn administrative_actions() {
    check(&file("admin"), |case| case.action().struct_hash());
}

#[test]
fn pauses() {
    check(&file("pauses"), |case| pause_struct_hash(case.number("pauseNonce")));
}

#[test]
fn an_action_is_issued_under_the_nonces_that_the_chain_gives() {
    for case in file("admin").cases() {
        let issued = case.action();
        let pause_nonce = if case.text("action") == "Unpause" { case.number("pauseNonce") } else { 0 };
        let ordered = match issued.clone() {
            Preimage::Unpause { .. } => AdminAction::Unpause,
            Preimage::SetLimits { mint_capacity, share_bps, .. } => AdminAction::SetLimits { mint_capacity, share_bps },
            Preimage::ResolveQueue { queue_id, release, .. } => AdminAction::ResolveQueue { queue_id, release },
            Preimage::SetGuardian { guardian, .. } => AdminAction::SetGuardian { guardian },
            Preimage::MoveBridge { bridge, .. } => AdminAction::MoveBridge { bridge },
            Preimage::Batch(_) | Preimage::Valset(_) => panic!("no action"),
        };
        assert_eq!(ordered.issue(case.number("adminNonce"), pause_nonce), issued);
    }
}

#[test]
fn a_key_proof_of_two_other_libraries_holds() {
    let vector = file("key_proof");
    let (chain, operator) = (vector.text("chainId"), vector.address("operator"));
    let (consensus, bridge) = (vector.array("consensusKey"), vector.address("bridgeAddress"));
    assert_eq!(key_proof::message(&chain, &operator, &consensus, &bridge), vector.bytes("message"));
    let CompactSignature(by_bridge) = vector.signature("bridgeSignature");
    let proof =
        KeyProof { consensus: ConsensusProof::Signature(vector.array("consensusSignature")), bridge: by_bridge };
    assert_eq!(proof.verify(&chain, &operator, &consensus, &bridge), Ok(()));
    let nobody = proof.verify(&chain, &operator, &consensus, &Address::ZERO);
    assert_eq!(nobody, Err(SignatureError::WrongSigner));
}
