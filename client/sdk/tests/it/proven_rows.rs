//! A node is believed nothing: whatever it changes in an answer is noticed, and told apart.

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
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, NonExistenceProof, commitment_proof::Proof as Kind};
use tendermint::{
    AppHash, Time as HeaderTime,
    block::{Header, signed_header::SignedHeader},
};

use crate::signed::{self, Members, START_SECONDS};

const CHAIN: &str = "verify-dev";
const ALICE: Address = Address([0xa1; 20]);
const NOBODY: Address = Address([0x0b; 20]);

/// The validators of the chain.
fn members() -> Members {
    (1..=4).map(|seed| (seed, 10)).collect()
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

fn is_right(key: &[u8]) -> bool {
    sha256(&[key])[0] >= 0x80
}

/// The key of an account whose hash has another first bit.
fn across(key: &[u8]) -> Vec<u8> {
    let accounts = (0u8..).map(|n| account_key(&Address([n; 20])).to_vec());
    accounts.into_iter().find(|other| is_right(other) != is_right(key)).unwrap()
}

/// The root of a state of these two rows, whose key hashes differ in the first bit, and the proof of each.
fn state_of(rows: [(Vec<u8>, Vec<u8>); 2]) -> ([u8; 32], [ExistenceProof; 2]) {
    let leaf = |(key, value): &(Vec<u8>, Vec<u8>)| sha256(&[&LEAF_PREFIX, &sha256(&[key]), &sha256(&[value])]);
    let leaves = [leaf(&rows[0]), leaf(&rows[1])];
    let (left, right) = if is_right(&rows[0].0) { (leaves[1], leaves[0]) } else { (leaves[0], leaves[1]) };
    let exists = |(key, value): (Vec<u8>, Vec<u8>), sibling: [u8; 32]| {
        let (prefix, suffix) = if is_right(&key) {
            ([&INNER_PREFIX[..], &sibling].concat(), vec![])
        } else {
            (INNER_PREFIX.to_vec(), sibling.to_vec())
        };
        let path = vec![InnerOp { hash: HashOp::Sha256.into(), prefix, suffix }];
        ExistenceProof { key, value, leaf: Some(leaf_op()), path }
    };
    let [first, second] = rows;
    (sha256(&[&INNER_PREFIX, &left, &right]), [exists(first, leaves[1]), exists(second, leaves[0])])
}

fn state() -> State {
    let alice = account_key(&ALICE).to_vec();
    let other = (across(&alice), b"other".to_vec());
    let (root, [alice, other]) = state_of([(alice, row()), other]);
    State { root, alice, other }
}

fn header(members: &Members, chain_id: &str, root: [u8; 32]) -> Header {
    let time = HeaderTime::from_unix_timestamp(START_SECONDS + 8, 5_000_000).unwrap();
    signed::header((chain_id, 8, time), members, members, root)
}

/// The header with a commit that the first `signers` of the validators (in the set's order) signed.
fn commit(header: Header, members: &Members, signers: usize) -> SignedHeader {
    signed::commit(header, members, |place, _| place < signers)
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
    let signed = commit(header(&members(), CHAIN, state.root), &members(), 3);
    (Trust::from_genesis(&signed::genesis(CHAIN, &members())).unwrap(), signed, state)
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
    let signed = commit(header(&members(), "other-dev", state.root), &members(), 4);
    let error = trust.verify(&account_key(&ALICE), &proof(&signed, present(state.alice))).unwrap_err();
    assert!(matches!(error, VerifyError::ChainId { .. }), "{error}");
}

#[test]
fn two_thirds_exactly_are_too_few_and_one_more_is_enough() {
    let three = members()[..3].to_vec();
    let state = state();
    let trust = Trust::from_genesis(&signed::genesis(CHAIN, &three)).unwrap();
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
    let strangers = (11..=14).map(|seed| (seed, 10)).collect();
    let signed = commit(header(&strangers, CHAIN, state.root), &strangers, 4);
    let error = trust.verify(&account_key(&ALICE), &proof(&signed, present(state.alice.clone()))).unwrap_err();
    assert!(matches!(error, VerifyError::Validators(8)), "{error}");
    // Strangers who sign a header that names the trusted validators.
    let signed = commit(header(&members(), CHAIN, state.root), &strangers, 4);
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
    assert!(matches!(Trust::from_genesis(&signed::genesis(CHAIN, &Members::new())), Err(VerifyError::Genesis(_))));
}

/// A state of two rows, alice's account and `info` as that of the chain, under a header that all validators signed;
/// with alice's proof, and that of the chain's row.
fn state_of_chain(info: &Identity) -> (SignedHeader, Proof, Proof) {
    let key = IDENTITY.key().to_vec();
    let account = (across(&key), row());
    let (root, [account, chain]) = state_of([account, (key, borsh::to_vec(info).unwrap())]);
    let signed = commit(header(&members(), CHAIN, root), &members(), 4);
    let shown = |exists: ExistenceProof| {
        let (key, value) = (HexBytes(exists.key.clone()), Some(HexBytes(exists.value.clone())));
        Proof { key, value, ..proof(&signed, present(exists)) }
    };
    (signed.clone(), shown(account), shown(chain))
}

#[test]
fn a_state_of_another_genesis_is_refused_with_both_hashes() {
    let genesis = signed::genesis(CHAIN, &members());
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
