//! A node is believed nothing: whatever it changes in an answer is noticed, and told apart.

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, missing_docs)]

use diem_api::{
    Account, Base64Bytes, Coin, Credit, Holdings, Proof,
    encoding::{encode_header, encode_proof},
};
use diem_bank::state::{Account as Row, account_key};
use diem_client::verify::{Trust, VerifyError};
use diem_core::{
    Address, Amount, Time,
    chain::{IDENTITY, Identity},
    encoding::HexBytes,
    proof::{EMPTY_HASH, INNER_PREFIX, LEAF_PREFIX, ProofError, leaf_op},
    sha256,
};
use diem_types::{APP_VERSION, AppGenesis, ConsensusParams, GenesisDoc, GenesisValidator};
use ed25519_dalek::{Signer as _, SigningKey};
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, NonExistenceProof, commitment_proof::Proof as Kind};
use tendermint::{
    AppHash, Hash, PublicKey, Signature, Time as HeaderTime, account,
    block::{Commit, CommitSig, Header, Id, header::Version, parts, signed_header::SignedHeader},
    validator, vote,
};

const CHAIN: &str = "verify-dev";
const ALICE: Address = Address([0xa1; 20]);
const NOBODY: Address = Address([0x0b; 20]);

fn keys() -> Vec<SigningKey> {
    (1..=4).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect()
}

fn genesis(keys: &[SigningKey]) -> GenesisDoc {
    let validator = |key: &SigningKey| GenesisValidator { public_key: key.verifying_key().to_bytes(), power: 10 };
    GenesisDoc {
        chain_id: CHAIN.into(),
        genesis_time: Time(1_790_000_000_000),
        initial_height: 1,
        app_version: APP_VERSION,
        consensus: ConsensusParams::default(),
        validators: keys.iter().map(validator).collect(),
        app: AppGenesis::default(),
    }
}

/// A state of two rows whose key hashes differ in the first bit: alice's account and another.
struct State {
    root: [u8; 32],
    alice: ExistenceProof,
    other: ExistenceProof,
}

fn row() -> Vec<u8> {
    borsh::to_vec(&Row { nonce: 3, vvv: Amount::ONE, diem: Amount::ZERO }).unwrap()
}

fn state() -> State {
    let leaf = |key: &[u8], value: &[u8]| sha256(&[&LEAF_PREFIX, &sha256(&[key]), &sha256(&[value])]);
    let is_right = |key: &[u8]| sha256(&[key])[0] >= 0x80;
    let alice = account_key(&ALICE).to_vec();
    let other =
        (0u8..).map(|n| account_key(&Address([n; 20])).to_vec()).find(|key| is_right(key) != is_right(&alice)).unwrap();
    let (alice_leaf, other_leaf) = (leaf(&alice, &row()), leaf(&other, b"other"));
    let (left, right) = if is_right(&alice) { (other_leaf, alice_leaf) } else { (alice_leaf, other_leaf) };
    let exist = |key: Vec<u8>, value: Vec<u8>, sibling: [u8; 32]| {
        let (prefix, suffix) = if is_right(&key) {
            ([&INNER_PREFIX[..], &sibling].concat(), vec![])
        } else {
            (INNER_PREFIX.to_vec(), sibling.to_vec())
        };
        ExistenceProof {
            key,
            value,
            leaf: Some(leaf_op()),
            path: vec![InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }],
        }
    };
    State {
        root: sha256(&[&INNER_PREFIX, &left, &right]),
        alice: exist(alice, row(), other_leaf),
        other: exist(other, b"other".to_vec(), alice_leaf),
    }
}

fn header(keys: &[SigningKey], chain_id: &str, root: [u8; 32]) -> Header {
    let info = |key: &SigningKey| {
        let key = PublicKey::from_raw_ed25519(key.verifying_key().as_bytes()).unwrap();
        validator::Info::new(key, vote::Power::try_from(10u64).unwrap())
    };
    let set = validator::Set::without_proposer(keys.iter().map(info).collect());
    Header {
        version: Version { block: 11, app: 1 },
        chain_id: chain_id.parse().unwrap(),
        height: 8u32.into(),
        time: HeaderTime::from_unix_timestamp(1_790_000_008, 5_000_000).unwrap(),
        last_block_id: None,
        last_commit_hash: None,
        data_hash: None,
        validators_hash: set.hash(),
        next_validators_hash: set.hash(),
        consensus_hash: Hash::Sha256([1; 32]),
        app_hash: AppHash::try_from(root.to_vec()).unwrap(),
        last_results_hash: None,
        evidence_hash: None,
        proposer_address: set.validators()[0].address,
    }
}

/// The header with a commit that the first `signers` of the validators (in the set's order) signed.
fn commit(header: Header, keys: &[SigningKey], signers: usize) -> SignedHeader {
    let id = |key: &SigningKey| account::Id::from(PublicKey::from_raw_ed25519(key.verifying_key().as_bytes()).unwrap());
    let mut sorted: Vec<&SigningKey> = keys.iter().collect();
    sorted.sort_by_key(|key| id(key));
    let block_id = Id { hash: header.hash(), part_set_header: parts::Header::new(1, Hash::Sha256([2; 32])).unwrap() };
    let sign = |(index, key): (usize, &&SigningKey)| {
        if index >= signers {
            return CommitSig::BlockIdFlagAbsent;
        }
        let timestamp = header.time;
        let vote = vote::Vote {
            vote_type: vote::Type::Precommit,
            height: header.height,
            round: 0u16.into(),
            block_id: Some(block_id),
            timestamp: Some(timestamp),
            validator_address: id(key),
            validator_index: u32::try_from(index).unwrap().try_into().unwrap(),
            signature: None,
            extension: vec![],
            extension_signature: None,
        };
        let signature = key.sign(&vote.into_signable_vec(header.chain_id.clone())).to_bytes();
        CommitSig::BlockIdFlagCommit {
            validator_address: id(key),
            timestamp,
            signature: Some(Signature::try_from(signature.to_vec()).unwrap()),
        }
    };
    let signatures = sorted.iter().enumerate().map(sign).collect();
    let commit = Commit { height: header.height, round: 0u16.into(), block_id, signatures };
    SignedHeader::new(header, commit).unwrap()
}

fn present(proof: ExistenceProof) -> Vec<u8> {
    encode_proof(&CommitmentProof { proof: Some(Kind::Exist(proof)) })
}

fn absent(key: Vec<u8>, left: Option<ExistenceProof>, right: Option<ExistenceProof>) -> Vec<u8> {
    encode_proof(&CommitmentProof { proof: Some(Kind::Nonexist(NonExistenceProof { key, left, right })) })
}

fn proof(signed: &SignedHeader, proof: Vec<u8>) -> Proof {
    Proof {
        chain_id: CHAIN.into(),
        state_height: 7,
        key: HexBytes(account_key(&ALICE).to_vec()),
        value: Some(HexBytes(row())),
        proof: Base64Bytes(proof),
        signed_header: Base64Bytes(encode_header(signed)),
    }
}

/// What no proof of an account speaks of.
fn holdings() -> Holdings {
    let (vvv, diem, credit) = (Coin::vvv(Amount::ZERO), Coin::diem(Amount::ZERO), Credit::from(Amount::ZERO));
    Holdings {
        staked: vvv.clone(),
        locked: vvv.clone(),
        diem_outstanding: diem.clone(),
        unstaking: vvv.clone(),
        rewards: vvv,
        diem_staked: diem.clone(),
        diem_unstaking: diem,
        credit_today: credit.clone(),
        credit_free: credit.clone(),
        credit_tomorrow: credit,
    }
}

fn answer(address: Address, proof: Proof) -> Account {
    Account {
        next_nonce: None,
        address,
        hex: address.to_hex(),
        nonce: 999,
        vvv: Coin::vvv(Amount::MAX),
        diem: Coin::diem(Amount::MAX),
        height: 7,
        time: Time(0),
        epoch: 0,
        holdings: Some(holdings()),
        proof: Some(proof),
    }
}

fn honest() -> (Trust, SignedHeader, State) {
    let state = state();
    let signed = commit(header(&keys(), CHAIN, state.root), &keys(), 3);
    (Trust::from_genesis(&genesis(&keys())).unwrap(), signed, state)
}

#[test]
fn a_proven_account_is_taken_from_the_proof_and_not_from_the_answer() {
    let (trust, signed, state) = honest();
    let verified = trust.verify_account(&ALICE, &answer(ALICE, proof(&signed, present(state.alice)))).unwrap();
    assert_eq!((verified.account.nonce, verified.account.vvv, verified.exists), (3, Amount::ONE, true));
    assert_eq!((verified.height, verified.header_time, verified.root), (7, Time(1_790_000_008_005), state.root));
}

#[test]
fn an_absent_account_is_proven_empty() {
    let (trust, signed, state) = honest();
    let key = account_key(&NOBODY).to_vec();
    let (left, right) =
        if state.alice.path[0].suffix.is_empty() { (state.other, state.alice) } else { (state.alice, state.other) };
    let position = sha256(&[&key]);
    let (left, right) = match (sha256(&[&left.key]) < position, position < sha256(&[&right.key])) {
        (true, true) => (Some(left), Some(right)),
        (false, _) => (None, Some(left)),
        _ => (Some(right), None),
    };
    let mut proof = proof(&signed, absent(key.clone(), left, right));
    (proof.key, proof.value) = (HexBytes(key), None);
    let verified = trust.verify_account(&NOBODY, &answer(NOBODY, proof)).unwrap();
    assert_eq!((verified.account, verified.exists), (Row::default(), false));
}

#[test]
fn a_forged_value_is_refused() {
    let (trust, signed, state) = honest();
    let forged = borsh::to_vec(&Row { nonce: 3, vvv: Amount::MAX, diem: Amount::ZERO }).unwrap();
    let mut with_value = proof(&signed, present(state.alice.clone()));
    with_value.value = Some(HexBytes(forged.clone()));
    let error = trust.verify(&account_key(&ALICE), &with_value).unwrap_err();
    assert!(matches!(error, VerifyError::Proof(ProofError::Root)), "{error}");
    // The same with the value changed inside the proof too: the path no longer leads to the root.
    let inside = ExistenceProof { value: forged.clone(), ..state.alice };
    let mut both = proof(&signed, present(inside));
    both.value = Some(HexBytes(forged));
    let error = trust.verify(&account_key(&ALICE), &both).unwrap_err();
    assert!(matches!(error, VerifyError::Proof(ProofError::Root)), "{error}");
}

#[test]
fn a_forged_header_is_refused() {
    let (trust, signed, state) = honest();
    let mut forged = signed;
    forged.header.app_hash = AppHash::try_from(EMPTY_HASH.to_vec()).unwrap();
    let error = trust.verify(&account_key(&ALICE), &proof(&forged, present(state.alice))).unwrap_err();
    assert!(matches!(error, VerifyError::HeaderHash), "{error}");
}

#[test]
fn a_forged_header_whose_commit_was_adapted_is_refused() {
    let (trust, signed, state) = honest();
    let mut forged = signed;
    forged.header.app_hash = AppHash::try_from(EMPTY_HASH.to_vec()).unwrap();
    forged.commit.block_id.hash = forged.header.hash();
    let error = trust.verify(&account_key(&ALICE), &proof(&forged, present(state.alice))).unwrap_err();
    assert!(matches!(error, VerifyError::Commit(_)), "{error}");
}

#[test]
fn a_header_of_another_chain_is_refused() {
    let (trust, _, state) = honest();
    let signed = commit(header(&keys(), "other-dev", state.root), &keys(), 4);
    let error = trust.verify(&account_key(&ALICE), &proof(&signed, present(state.alice))).unwrap_err();
    assert!(matches!(error, VerifyError::ChainId { .. }), "{error}");
}

#[test]
fn two_thirds_exactly_are_too_few_and_one_more_is_enough() {
    let three: Vec<SigningKey> = keys().into_iter().take(3).collect();
    let state = state();
    let trust = Trust::from_genesis(&genesis(&three)).unwrap();
    let with = |signers| {
        let signed = commit(header(&three, CHAIN, state.root), &three, signers);
        trust.verify(&account_key(&ALICE), &proof(&signed, present(state.alice.clone())))
    };
    assert!(matches!(with(2), Err(VerifyError::TooFewSignatures { signed: 20, total: 30 })));
    assert!(with(3).is_ok());
    assert!(matches!(with(0), Err(VerifyError::Commit(_))));
}

#[test]
fn strangers_as_validators_are_refused() {
    let (trust, _, state) = honest();
    let strangers: Vec<SigningKey> = (11..=14).map(|seed| SigningKey::from_bytes(&[seed; 32])).collect();
    let signed = commit(header(&strangers, CHAIN, state.root), &strangers, 4);
    let error = trust.verify(&account_key(&ALICE), &proof(&signed, present(state.alice.clone()))).unwrap_err();
    assert!(matches!(error, VerifyError::Validators(8)), "{error}");
    // Strangers who sign a header that names the trusted validators.
    let signed = commit(header(&keys(), CHAIN, state.root), &strangers, 4);
    let error = trust.verify(&account_key(&ALICE), &proof(&signed, present(state.alice))).unwrap_err();
    assert!(matches!(error, VerifyError::Commit(_)), "{error}");
}

#[test]
fn a_proof_of_another_row_is_refused() {
    let (trust, signed, state) = honest();
    let key = account_key(&ALICE);
    let mut swapped = proof(&signed, present(state.other.clone()));
    swapped.value = Some(HexBytes(b"other".to_vec()));
    let error = trust.verify(&key, &swapped).unwrap_err();
    assert!(matches!(error, VerifyError::Proof(ProofError::Key)), "{error}");
    swapped.key = HexBytes(state.other.key);
    assert!(matches!(trust.verify(&key, &swapped), Err(VerifyError::Key)));
}

#[test]
fn absence_claimed_of_an_existing_row_is_refused() {
    let (trust, signed, state) = honest();
    let key = account_key(&ALICE).to_vec();
    let mut claimed = proof(&signed, present(state.alice.clone()));
    claimed.value = None;
    let error = trust.verify(&key, &claimed).unwrap_err();
    assert!(matches!(error, VerifyError::Proof(ProofError::Kind)), "{error}");
    for (left, right) in [(Some(state.other.clone()), None), (None, Some(state.other.clone())), (None, None)] {
        let mut claimed = proof(&signed, absent(key.clone(), left, right));
        claimed.value = None;
        let error = trust.verify(&key, &claimed).unwrap_err();
        assert!(matches!(error, VerifyError::Proof(ProofError::Root | ProofError::Path(_))), "{error}");
    }
}

#[test]
fn a_header_of_another_height_is_refused() {
    let (trust, signed, state) = honest();
    let mut stale = proof(&signed, present(state.alice));
    stale.state_height = 8;
    let error = trust.verify(&account_key(&ALICE), &stale).unwrap_err();
    assert!(matches!(error, VerifyError::Height { header: 8, state: 8 }), "{error}");
}

#[test]
fn what_does_not_decode_is_refused_without_a_panic() {
    let (trust, signed, state) = honest();
    let good = proof(&signed, present(state.alice));
    for cut in 0..good.signed_header.0.len() {
        let mut bad = good.clone();
        bad.signed_header.0.truncate(cut);
        assert!(trust.verify(&account_key(&ALICE), &bad).is_err());
    }
    for cut in 0..good.proof.0.len() {
        let mut bad = good.clone();
        bad.proof.0.truncate(cut);
        assert!(trust.verify(&account_key(&ALICE), &bad).is_err());
    }
    let mut none = answer(ALICE, good);
    none.proof = None;
    assert!(matches!(trust.verify_account(&ALICE, &none), Err(VerifyError::NoProof)));
}

#[test]
fn a_genesis_without_validators_is_not_trusted() {
    assert!(matches!(Trust::from_genesis(&genesis(&[])), Err(VerifyError::Genesis(_))));
}

/// A state of two rows, alice's account and `info` as that of the chain, under a header that all validators signed;
/// with alice's proof, and that of the chain's row.
fn state_of_chain(info: &Identity) -> (SignedHeader, Proof, Proof) {
    let leaf = |key: &[u8], value: &[u8]| sha256(&[&LEAF_PREFIX, &sha256(&[key]), &sha256(&[value])]);
    let is_right = |key: &[u8]| sha256(&[key])[0] >= 0x80;
    let (chain_key, chain_row) = (IDENTITY.key().to_vec(), borsh::to_vec(info).unwrap());
    let account = (0u8..).map(|n| account_key(&Address([n; 20])).to_vec());
    let account = account.into_iter().find(|key| is_right(key) != is_right(&chain_key)).unwrap();
    let (chain_leaf, account_leaf) = (leaf(&chain_key, &chain_row), leaf(&account, &row()));
    let (left, right) = if is_right(&account) { (chain_leaf, account_leaf) } else { (account_leaf, chain_leaf) };
    let signed = commit(header(&keys(), CHAIN, sha256(&[&INNER_PREFIX, &left, &right])), &keys(), 4);
    let shown = |key: Vec<u8>, value: Vec<u8>, sibling: [u8; 32]| {
        let (prefix, suffix) = if is_right(&key) {
            ([&INNER_PREFIX[..], &sibling].concat(), vec![])
        } else {
            (INNER_PREFIX.to_vec(), sibling.to_vec())
        };
        let path = vec![InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }];
        let exists = ExistenceProof { key: key.clone(), value: value.clone(), leaf: Some(leaf_op()), path };
        Proof { key: HexBytes(key), value: Some(HexBytes(value)), ..proof(&signed, present(exists)) }
    };
    (signed.clone(), shown(account, row(), chain_leaf), shown(chain_key, chain_row, account_leaf))
}

#[test]
fn a_state_of_another_genesis_is_refused_with_both_hashes() {
    let genesis = genesis(&keys());
    let trust = Trust::from_genesis(&genesis).unwrap();
    let own = Identity { chain_id: CHAIN.into(), genesis_hash: genesis.hash(), initial_height: 1, app_version: 1 };
    let judged = |info: &Identity| {
        let (_, account, chain) = state_of_chain(info);
        let proven = trust.verify(&account.key.0, &account).unwrap();
        trust.verify_chain(&proven, &chain)
    };
    judged(&own).unwrap();
    let former = Identity { genesis_hash: [0xab; 32], ..own.clone() };
    let error = judged(&former).unwrap_err().to_string();
    assert!(error.contains(&"ab".repeat(32)) && error.contains(&hex::encode(genesis.hash())), "{error}");
    let renamed = Identity { chain_id: "other-dev".into(), ..own.clone() };
    assert!(matches!(judged(&renamed), Err(VerifyError::ChainId { .. })));

    // The row must be of the same state, be that row, and be there.
    let (_, account, chain) = state_of_chain(&own);
    let proven = trust.verify(&account.key.0, &account).unwrap();
    let (_, _, elsewhere) = state_of_chain(&Identity { app_version: 2, ..own.clone() });
    assert!(matches!(trust.verify_chain(&proven, &elsewhere), Err(VerifyError::OtherHeader(8))));
    assert!(matches!(trust.verify_chain(&proven, &account), Err(VerifyError::Key)));
    let absent = Proof { value: None, ..chain };
    assert!(trust.verify_chain(&proven, &absent).is_err());
}
