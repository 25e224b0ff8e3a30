//! Key proofs in both forms, and numbers of staking that must never stand for something else.

use diem_core::{Address, HandedIn, Message as _, keys::SecretKey, keys::SignatureError};
use diem_staking::{ConsensusProof, KeyProof, KeyVote, Msg, Offence, key_proof, vote};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::Deserialize;

use crate::world::{CHAIN, World, bridge, description, empty, refusal, vvv, who};

/// A vote that CometBFT 0.38.25 encoded and signed; `vectors/key_proof_vote.go` makes them.
#[derive(Deserialize)]
struct Vector {
    #[serde(with = "hex::serde")]
    message: Vec<u8>,
    seconds: i64,
    nanos: u32,
    #[serde(with = "hex::serde")]
    sign_bytes: Vec<u8>,
    #[serde(with = "hex::serde")]
    public_key: [u8; 32],
    #[serde(with = "hex::serde")]
    signature: [u8; 64],
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../vectors/key_proof_vote.json")).unwrap()
}

/// The proof of validator `number` by a vote at this time, with the bridge key of the same number.
fn by_vote(number: u8, seconds: i64, nanos: u32) -> KeyProof {
    let consensus = SecretKey::ed25519(&[number; 32]);
    let signed = KeyProof::sign(CHAIN, &who(number), &consensus, &bridge(number)).unwrap();
    let key = SigningKey::from_bytes(&[number; 32]);
    let message = key_proof::message(CHAIN, &who(number), key.verifying_key().as_bytes(), &bridge(number).address());
    let bytes = vote::sign_bytes(&message, seconds, nanos).unwrap();
    let signature = key.sign(&bytes).to_bytes();
    KeyProof { consensus: ConsensusProof::Vote(KeyVote { seconds, nanos, signature }), ..signed }
}

#[test]
fn the_signed_bytes_of_a_vote_are_those_of_cometbft() {
    let vectors = vectors();
    assert!(vectors.len() >= 7);
    for vector in vectors {
        let bytes = vote::sign_bytes(&vector.message, vector.seconds, vector.nanos).unwrap();
        assert_eq!(hex::encode(bytes), hex::encode(&vector.sign_bytes), "{} s", vector.seconds);
    }
}

#[test]
fn a_vote_that_cometbft_signed_proves_its_key_and_no_other() {
    let operator = Address([9; 20]);
    // The vectors name another bridge key than one that could sign here: only the consensus half is looked at.
    for vector in vectors() {
        let Vector { seconds, nanos, signature, public_key, .. } = vector;
        let consensus = ConsensusProof::Vote(KeyVote { seconds, nanos, signature });
        let proof = KeyProof { consensus, bridge: [1; 64] };
        let msg = Msg::RotateBridgeKey { consensus_key: public_key, bridge_address: Address([7; 20]), proof };
        let statements = |chain_id| {
            let statements = msg.statements(HandedIn { chain_id, sender: &operator });
            statements[0].verify()
        };
        assert_eq!(statements("diem-test-dev"), Ok(()));
        assert_eq!(statements("diem-other-dev"), Err(SignatureError::Invalid));
    }
}

#[test]
fn a_validator_registers_with_a_vote_in_place_of_a_signature() {
    let base = empty();
    let mut world = World::new(&base, 1);
    let with = |proof: KeyProof| {
        let mut msg = description(5, vvv(1_000));
        msg.proof = proof;
        Msg::CreateValidator(msg)
    };
    let good = by_vote(5, 1_795_906_800, 123_456_789);
    let ConsensusProof::Vote(vote) = good.consensus else { panic!("a vote") };
    let other = |vote: KeyVote| with(KeyProof { consensus: ConsensusProof::Vote(vote), ..good });
    for (why, bad) in [
        ("another second", other(KeyVote { seconds: vote.seconds + 1, ..vote })),
        ("another nanosecond", other(KeyVote { nanos: vote.nanos + 1, ..vote })),
        ("no time at all", other(KeyVote { nanos: 1_000_000_000, ..vote })),
        ("a year that no timestamp has", other(KeyVote { seconds: i64::MAX, ..vote })),
        ("a vote's signature as that of the bytes", {
            with(KeyProof { consensus: ConsensusProof::Signature(vote.signature), ..good })
        }),
        ("a vote of another key", with(by_vote(6, vote.seconds, vote.nanos))),
    ] {
        assert_eq!(refusal(world.call(5, &bad)), "key_proof", "{why}");
    }
    world.call(5, &with(good)).unwrap();
}

#[test]
fn a_vote_that_no_signer_can_make_has_no_statement_to_verify() {
    let mut msg = description(5, vvv(1_000));
    let ConsensusProof::Vote(vote) = by_vote(5, 1, 1).consensus else { panic!("a vote") };
    msg.proof.consensus = ConsensusProof::Vote(KeyVote { nanos: u32::MAX, ..vote });
    let sender = who(5);
    let by = HandedIn { chain_id: CHAIN, sender: &sender };
    assert!(Msg::CreateValidator(msg).statements(by).is_empty());
}

#[test]
fn both_forms_of_a_proof_have_a_number_and_a_form_for_people() {
    let signature = [0xab; 64];
    let first = ConsensusProof::Signature(signature);
    let second = ConsensusProof::Vote(KeyVote { seconds: -1, nanos: 2, signature });
    let hex = "ab".repeat(64);
    for (proof, number, json) in [
        (first, 0, format!("\"{hex}\"")),
        (second, 1, format!("{{\"seconds\":-1,\"nanos\":2,\"signature\":\"{hex}\"}}")),
    ] {
        let bytes = borsh::to_vec(&proof).unwrap();
        assert_eq!(bytes[0], number);
        assert_eq!(borsh::from_slice::<ConsensusProof>(&bytes).unwrap(), proof);
        assert_eq!(serde_json::to_string(&proof).unwrap(), json);
        assert_eq!(serde_json::from_str::<ConsensusProof>(&json).unwrap(), proof);
    }
    let vote = |fields: &str| serde_json::from_str::<ConsensusProof>(&format!("{{{fields}}}"));
    for bad in [
        format!("\"seconds\":1,\"nanos\":2,\"signature\":\"{hex}\",\"round\":0"),
        format!("\"seconds\":1,\"signature\":\"{hex}\""),
        format!("\"seconds\":1,\"nanos\":-2,\"signature\":\"{hex}\""),
        "\"seconds\":1,\"nanos\":2,\"signature\":\"ab\"".into(),
    ] {
        assert!(vote(&bad).is_err(), "{bad}");
    }
    for bad in ["\"ab\"".to_string(), format!("[1, 2, \"{hex}\"]"), "7".into(), "null".into()] {
        assert!(serde_json::from_str::<ConsensusProof>(&bad).is_err(), "{bad}");
    }
    let toml = format!("consensus = {{ seconds = 1, nanos = 2, signature = \"{hex}\" }}\nbridge = \"{hex}\"");
    let read: KeyProof = toml::from_str(&toml).unwrap();
    assert_eq!(read.consensus, ConsensusProof::Vote(KeyVote { seconds: 1, nanos: 2, signature }));
}

#[test]
fn the_number_of_an_offence_that_is_gone_is_not_used_again() {
    let known: Vec<u8> = (0..=u8::MAX).filter(|number| borsh::from_slice::<Offence>(&[*number]).is_ok()).collect();
    assert_eq!(known, [0, 1, 2], "3 was an offence that nothing punished; the next one is 4");
    assert!(serde_json::from_str::<Offence>("\"bridge_equivocation\"").is_err());
}
