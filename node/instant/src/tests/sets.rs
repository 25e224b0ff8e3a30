//! Validators join, change and leave, and the headers show it as CometBFT's would.

use diem_api::{Base64Bytes, Hash as ApiHash, LightBlock, Validator};
use diem_client::verify::{Trust, VerifyError};
use diem_core::{Address, Amount, encoding::HexBytes};
use diem_staking::{self as staking, CreateValidator, Description, KeyProof};
use diem_testkit::{Person, operator};
use diem_types::Call;
use tendermint::{block::CommitSig, validator};

use super::*;

const NONE: u64 = 0;

/// Makes a rig in which six missed blocks of ten are too many.
fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.doc.app.staking.params.signed_window = 10;
    rig
}

fn send(rig: &Rig, producer: &mut Producer, who: &Person, msg: staking::Msg) -> u64 {
    let nonce = bank::nonce(&producer.app().store().latest(), &who.address);
    let tx = TxBuilder::new(&rig.doc, who, nonce, vec![Call::Staking(msg)]).bytes();
    let hash = diem_core::tx::tx_hash(&tx);
    submit(producer, tx).unwrap();
    producer.make_block(false).unwrap();
    assert_eq!(producer.app().index().transaction(&hash).unwrap().result.code, 0);
    producer.height()
}

fn stake(validator: Address, vvv: u128) -> staking::Msg {
    staking::Msg::Stake { validator, amount: whole(vvv) }
}

/// The set of a height as (key, power), the strongest first.
fn set(producer: &Producer, height: u64) -> validator::Set {
    validators(producer.app(), height).unwrap().unwrap()
}

fn power(producer: &Producer, height: u64, key: &SigningKey) -> u64 {
    let set = set(producer, height);
    let found = set.validators().iter().find(|info| info.pub_key.to_bytes() == key.verifying_key().as_bytes());
    found.map_or(NONE, validator::Info::power)
}

/// A height as a node shows it to light clients.
pub(super) fn light(producer: &Producer, height: u64) -> LightBlock {
    let listed = |height| {
        let of = |info: &validator::Info| Validator {
            address: HexBytes(info.address.as_bytes().into()),
            public_key: ApiHash(info.pub_key.to_bytes().try_into().unwrap()),
            power: info.power(),
            proposer_priority: info.proposer_priority.value(),
        };
        set(producer, height).validators().iter().map(of).collect()
    };
    let signed = signed_header(producer.app(), height).unwrap().unwrap();
    LightBlock {
        height,
        signed_header: Base64Bytes(crate::header::encode(signed)),
        validators: listed(height),
        next_validators: listed(height + 1),
    }
}

/// Checks that every header follows from the one before, and the first one from the genesis.
fn verify_all(rig: &Rig, producer: &Producer) {
    let genesis = Trust::from_genesis(&rig.doc).unwrap();
    let mut trust = genesis.clone();
    for height in 1..=producer.height() {
        trust = trust.advance(&light(producer, height), Time(0)).unwrap();
    }
    assert_eq!(genesis.advance(&light(producer, producer.height()), Time(0)).unwrap().height(), producer.height());
}

#[test]
fn a_stake_changes_power_two_heights_later() {
    let rig = rig();
    let mut producer = rig.in_memory();
    let strong = &rig.keys[2];
    let at = send(&rig, &mut producer, &rig.people[0], stake(operator(2).address, 70));
    for _ in 0..4 {
        producer.make_block(true).unwrap();
    }
    let powers: Vec<u64> = (at - 1..=at + 3).map(|height| power(&producer, height, strong)).collect();
    assert_eq!(powers, [30, 30, 30, 100, 100]);
    let header = |height| signed_header(producer.app(), height).unwrap().unwrap().header;
    for height in at..=at + 3 {
        assert_eq!(header(height).validators_hash, set(&producer, height).hash());
        assert_eq!(header(height).next_validators_hash, set(&producer, height + 1).hash());
    }
    assert_eq!(header(at).validators_hash, header(at).next_validators_hash);
    assert_ne!(header(at + 1).validators_hash, header(at + 1).next_validators_hash);
    // The votes for a block are those of its own set, and the application hears of them in the next one.
    assert_eq!(producer.next_block().unwrap().votes.iter().map(|vote| vote.power).max(), Some(100));
    verify_all(&rig, &producer);
}

#[test]
fn who_equivocates_leaves_two_heights_later_and_proposes_nothing_from_there() {
    let rig = rig();
    let mut producer = rig.in_memory();
    let weak = &rig.keys[0];
    let address = consensus_address(&weak.verifying_key().to_bytes());
    producer.make_block(true).unwrap();
    producer.add_evidence(address).unwrap();
    producer.make_block(true).unwrap();
    let at = producer.height();
    for _ in 0..6 {
        producer.make_block(true).unwrap();
    }
    let powers: Vec<u64> = (at..=at + 3).map(|height| power(&producer, height, weak)).collect();
    assert_eq!(powers, [10, 10, NONE, NONE]);
    for height in at + 2..=producer.height() {
        assert_ne!(producer.app().index().block(height).unwrap().proposer, address);
    }
    assert!(matches!(producer.add_evidence(address), Err(EngineError::Refused(_))));
    verify_all(&rig, &producer);
}

/// A validator of person 1 whose key the engine does not have.
fn stranger(rig: &Rig, self_stake: u128) -> (SigningKey, staking::Msg) {
    let (key, who) = (SigningKey::from_bytes(&[77; 32]), &rig.people[1]);
    let bridge = SecretKey::ethereum(&[78; 32]).unwrap();
    let consensus = SecretKey::ed25519(key.as_bytes());
    let msg = staking::Msg::CreateValidator(CreateValidator {
        consensus_key: key.verifying_key().to_bytes(),
        bridge_address: bridge.address(),
        proof: KeyProof::sign(&rig.doc.chain_id, &who.address, &consensus, &bridge).unwrap(),
        commission: 0,
        max_commission: 0,
        max_commission_change: 0,
        description: Description { moniker: "stranger".into(), website: String::new() },
        self_stake: whole(self_stake),
    });
    (key, msg)
}

#[test]
fn a_validator_whose_key_is_elsewhere_signs_nothing_and_is_jailed_for_it() {
    let rig = rig();
    let mut producer = rig.in_memory();
    let (key, create) = stranger(&rig, 20);
    let joined = send(&rig, &mut producer, &rig.people[1], create) + 2;
    while producer.height() < joined + 10 {
        producer.make_block(true).unwrap();
    }
    let absent = |height| {
        let commit = signed_header(producer.app(), height).unwrap().unwrap().commit;
        commit.signatures.iter().filter(|signature| matches!(signature, CommitSig::BlockIdFlagAbsent)).count()
    };
    assert_eq!([joined - 1, joined, joined + 1].map(absent), [0, 1, 1]);
    // Its first absence is told in the block after its first height. The sixth jails it, and two heights later it is
    // out of the set.
    let jailed = joined + 6;
    assert_eq!(power(&producer, jailed + 1, &key), 20);
    assert_eq!(power(&producer, jailed + 2, &key), NONE);
    let address = consensus_address(&key.verifying_key().to_bytes());
    let proposers = (1..=producer.height()).map(|height| producer.app().index().block(height).unwrap().proposer);
    assert!(proposers.into_iter().all(|proposer| proposer != address));
    verify_all(&rig, &producer);
    producer.app().check_invariants().unwrap();
}

#[test]
fn headers_that_too_few_sign_are_refused_by_clients_and_nobody_at_all_ends_the_engine() {
    let rig = rig();
    let mut producer = rig.in_memory();
    let (_, create) = stranger(&rig, 900);
    let joined = send(&rig, &mut producer, &rig.people[1], create) + 2;
    while producer.height() < joined {
        producer.make_block(true).unwrap();
    }
    let trust = Trust::from_genesis(&rig.doc).unwrap();
    let before = trust.advance(&light(&producer, joined - 1), Time(0)).unwrap();
    let error = before.advance(&light(&producer, joined), Time(0)).unwrap_err();
    assert!(matches!(error, VerifyError::TooFewSignatures { signed: 50, total: 950 }), "{error}");
    // Every validator whose key is here leaves.
    for key in &rig.keys {
        producer.add_evidence(consensus_address(&key.verifying_key().to_bytes())).unwrap();
    }
    producer.make_block(true).unwrap();
    producer.make_block(true).unwrap();
    let height = producer.height();
    let fatal = producer.make_block(true).unwrap_err();
    assert!(fatal.0.contains("the keys of all 1 validators are elsewhere"), "{fatal}");
    assert_eq!(producer.height(), height);
}

#[test]
fn a_restart_and_a_revert_know_the_validators() {
    let rig = rig();
    let folder = tempfile::tempdir().unwrap();
    let mut producer = rig.on_disk(folder.path());
    let (id, _) = producer.snapshot();
    let strong = &rig.keys[2];
    // The node ends right after the change: only what was written tells the two sets that follow it.
    let at = send(&rig, &mut producer, &rig.people[0], stake(operator(2).address, 70));
    drop(producer);
    let mut producer = rig.on_disk(folder.path());
    producer.make_block(true).unwrap();
    drop(producer);
    let mut producer = rig.on_disk(folder.path());
    producer.make_block(true).unwrap();
    producer.make_block(true).unwrap();
    let powers: Vec<u64> = (at..=at + 3).map(|height| power(&producer, height, strong)).collect();
    assert_eq!(powers, [30, 30, 100, 100]);
    verify_all(&rig, &producer);

    // Snapshots end with the process; a new one lies in the middle of a change.
    assert!(producer.revert(id).is_err());
    let again = send(&rig, &mut producer, &rig.people[0], stake(operator(0).address, 5));
    let (id, height) = producer.snapshot();
    assert_eq!(height, again);
    let other = send(&rig, &mut producer, &rig.people[2], stake(operator(1).address, 500));
    for _ in 0..3 {
        producer.make_block(true).unwrap();
    }
    assert_eq!(power(&producer, other + 2, &rig.keys[1]), 510);
    producer.revert(id).unwrap();
    for _ in 0..5 {
        producer.make_block(true).unwrap();
    }
    assert_eq!(power(&producer, again + 1, &rig.keys[0]), 10);
    assert_eq!(power(&producer, again + 2, &rig.keys[0]), 15);
    assert_eq!(power(&producer, other + 2, &rig.keys[1]), 10);
    assert_eq!(validators(producer.app(), producer.height() + 2).unwrap(), None);
    assert_eq!(validators(producer.app(), 0).unwrap(), None);
    verify_all(&rig, &producer);
    assert_eq!(vvv(&producer, &rig.people[2]), Amount::ONE.checked_mul(1_000).unwrap());
}
