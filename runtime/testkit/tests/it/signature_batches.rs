//! Signatures in batches: whoever shares a batch with whom, each transaction gets the verdict that it gets alone.

use std::sync::Arc;

use bytes::Bytes;
use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT, edwards::CompressedEdwardsY};
use diem_core::{
    Amount, CallError,
    keys::{Auth, SecretKey, ed25519_address},
    tx::tx_hash,
};
use diem_runtime::{App, Options, Rejected};
use diem_testkit::{Person, TestChain, TxBuilder};
use diem_types::{ChainError, Signed, Tx};
use proptest::{collection::vec, prelude::*, sample::select};
use sha2::{Digest as _, Sha512};

/// The kinds of damage to a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Good,
    PaidByAnother,
    /// Good by ZIP-215, refused by stricter rules: R of small order.
    SmallOrderNonce,
    /// The same: a key and an R that are not in the prime order group.
    KeyWithTorsion,
    FlippedNonce,
    FlippedScalar,
    FlippedMessage,
    /// s + L, the same scalar in a form that is not reduced.
    UnreducedScalar,
    WeakKey,
    KeyOffTheCurve,
    AnothersKey,
    BadPayer,
    /// Two errors: the sender's must be the one that is named.
    BothBad,
    HighS,
    BadRecovery,
}

const KINDS: [Kind; 15] = [
    Kind::Good,
    Kind::PaidByAnother,
    Kind::SmallOrderNonce,
    Kind::KeyWithTorsion,
    Kind::FlippedNonce,
    Kind::FlippedScalar,
    Kind::FlippedMessage,
    Kind::UnreducedScalar,
    Kind::WeakKey,
    Kind::KeyOffTheCurve,
    Kind::AnothersKey,
    Kind::BadPayer,
    Kind::BothBad,
    Kind::HighS,
    Kind::BadRecovery,
];

impl Kind {
    const fn is_good(self) -> bool {
        matches!(self, Self::Good | Self::PaidByAnother | Self::SmallOrderNonce | Self::KeyWithTorsion)
    }
}

/// Three ed25519 keys and three of Ethereum.
struct People {
    ed25519: Vec<Person>,
    ethereum: Vec<Person>,
}

fn split(chain: &TestChain) -> People {
    let (ed25519, ethereum) =
        chain.people.iter().cloned().partition(|person| matches!(person.key, SecretKey::Ed25519(_)));
    People { ed25519, ethereum }
}

/// A transaction with a signature of this kind. `number` makes it unlike any other.
fn make(chain: &TestChain, people: &People, kind: Kind, number: u64) -> Bytes {
    let pick = |from: &[Person]| from[usize::try_from(number).unwrap() % from.len()].clone();
    let (ed25519, ethereum) = (pick(&people.ed25519), pick(&people.ethereum));
    let to = chain.people[0].address;
    let transfer = |from: &Person| TxBuilder::transfer(&chain.doc, from, number, to, Amount::new(1));
    let spoil = |from: &Person, change: fn(&mut Auth)| {
        let tx = transfer(from).tx;
        let mut auth = sign(&tx, from);
        change(&mut auth);
        tx.with_auth(&auth, None).into()
    };
    match kind {
        Kind::Good => transfer(if number.is_multiple_of(2) { &ed25519 } else { &ethereum }).bytes(),
        Kind::PaidByAnother => transfer(&ed25519).paid_by(&ethereum).bytes(),
        Kind::SmallOrderNonce => special(transfer(&ed25519).tx, &secret(&ed25519), EdwardsPoint::default(), None),
        Kind::KeyWithTorsion => {
            let mut tx = transfer(&ed25519).tx;
            let point = ED25519_BASEPOINT_POINT * secret(&ed25519) + torsion();
            tx.sender = ed25519_address(&point.compress().0);
            special(tx, &secret(&ed25519), torsion(), Some(Scalar::from(number + 2)))
        }
        Kind::FlippedNonce => spoil(&ed25519, |auth| signature(auth)[3] ^= 1),
        Kind::FlippedScalar => spoil(&ed25519, |auth| signature(auth)[40] ^= 1),
        Kind::FlippedMessage => {
            let tx = transfer(&ed25519).tx;
            let auth = sign(&tx, &ed25519);
            Tx { expiry: 12, ..tx }.with_auth(&auth, None).into()
        }
        Kind::UnreducedScalar => spoil(&ed25519, |auth| add_order(&mut signature(auth)[32..])),
        Kind::WeakKey => with_key(transfer(&ed25519).tx, [1, 0]),
        Kind::KeyOffTheCurve => with_key(transfer(&ed25519).tx, [2, 2]),
        Kind::AnothersKey => {
            let tx = transfer(&ed25519).tx;
            let other = Person::new(77);
            tx.with_auth(&sign(&tx, if number.is_multiple_of(2) { &other } else { &ethereum }), None).into()
        }
        Kind::BadPayer => {
            let builder = transfer(&ed25519).paid_by(&ethereum);
            let auth = sign(&builder.tx, &ed25519);
            builder.tx.with_auth(&auth, Some(&auth)).into()
        }
        Kind::BothBad => {
            let builder = transfer(&ed25519).paid_by(&ethereum);
            let mut auth = sign(&builder.tx, &ed25519);
            signature(&mut auth)[40] ^= 1;
            builder.tx.with_auth(&auth, Some(&auth)).into()
        }
        Kind::HighS => spoil(&ethereum, |auth| signature(auth)[32] = 0xff),
        Kind::BadRecovery => spoil(&ethereum, |auth| signature(auth)[64] ^= 1),
    }
}

fn sign(tx: &Tx, person: &Person) -> Auth {
    person.key.sign(&tx.sign_message(), || diem_core::typed_data::digest(tx))
}

fn signature(auth: &mut Auth) -> &mut [u8] {
    match auth {
        Auth::Ed25519 { signature, .. } => signature,
        Auth::Ethereum { signature } => signature,
    }
}

fn secret(person: &Person) -> Scalar {
    let SecretKey::Ed25519(key) = &person.key else { panic!("an ed25519 key") };
    key.to_scalar()
}

/// A point of order two: y = -1.
fn torsion() -> EdwardsPoint {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    CompressedEdwardsY(minus_one).decompress().unwrap()
}

/// Signs by hand: R is the nonce times the base point, plus a twist of small order; so is the key, if there is a nonce.
fn special(tx: Tx, secret: &Scalar, twist: EdwardsPoint, nonce: Option<Scalar>) -> Bytes {
    let key_twist = if nonce.is_some() { twist } else { EdwardsPoint::default() };
    let nonce = nonce.unwrap_or(Scalar::ZERO);
    let public_key = (ED25519_BASEPOINT_POINT * secret + key_twist).compress().0;
    let r = (ED25519_BASEPOINT_POINT * nonce + twist).compress().0;
    let hash = Sha512::new().chain_update(r).chain_update(public_key).chain_update(tx.sign_message()).finalize();
    let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * secret;
    let signature = [r, s.to_bytes()].concat().try_into().unwrap();
    tx.with_auth(&Auth::Ed25519 { public_key, signature }, None).into()
}

/// A transaction of the account of the key that begins and goes on with these bytes, whose signature is all zeros but
/// for R, the neutral element.
fn with_key(mut tx: Tx, [first, others]: [u8; 2]) -> Bytes {
    let mut public_key = [others; 32];
    public_key[0] = first;
    let mut signature = [0; 64];
    signature[0] = 1;
    tx.sender = ed25519_address(&public_key);
    tx.with_auth(&Auth::Ed25519 { public_key, signature }, None).into()
}

/// Adds the order of the base point (RFC 8032, section 5.1) to a number in little-endian bytes.
fn add_order(s: &mut [u8]) {
    // L - 1 is what -1 is; one more is carried in.
    let order_less_one = (Scalar::ZERO - Scalar::ONE).to_bytes();
    let mut carry = 1u16;
    for (byte, add) in s.iter_mut().zip(order_less_one) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
}

/// The verdict on one transaction, from its bytes alone.
fn alone(tx: &Bytes) -> Result<(), CallError> {
    let signed = Signed::decode(tx).map_err(|error| CallError::from(ChainError::from(error)))?;
    signed.verify().map_err(|error| ChainError::from(error).into())
}

/// The verdict of an application on each transaction. What it decoded is the transaction it was given.
fn verdicts(app: &App, txs: &[Bytes]) -> Vec<Result<(), CallError>> {
    let decoded = app.verify_signatures(txs).into_iter().zip(txs);
    decoded.map(|(decoded, tx)| decoded.map(|decoded| assert_eq!(decoded.hash, tx_hash(tx)))).collect()
}

fn fresh(chain: &TestChain) -> App {
    let app = App::in_memory(Options::default());
    app.init_chain(&chain.doc).unwrap();
    app
}

#[test]
fn each_kind_is_what_it_claims_to_be() {
    let chain = TestChain::fresh();
    let people = split(&chain);
    for (number, kind) in (0..).zip(KINDS.repeat(8)) {
        let tx = make(&chain, &people, kind, number);
        let verdict = alone(&tx);
        assert_eq!(verdict.is_ok(), kind.is_good(), "{kind:?}: {verdict:?}");
        let name = verdict.err().map(|error| diem_types::error_info(error.codespace, error.code).unwrap().name);
        let expected = match kind {
            Kind::WeakKey => Some("weak_key"),
            Kind::HighS => Some("high_s"),
            Kind::AnothersKey | Kind::BadPayer => Some("wrong_signer"),
            // A changed recovery id recovers another key, or none.
            Kind::BadRecovery => name.filter(|name| ["wrong_signer", "bad_signature"].contains(name)),
            kind if kind.is_good() => None,
            _ => Some("bad_signature"),
        };
        assert_eq!(name, expected, "{kind:?}");
    }
}

#[test]
fn a_transaction_is_decoded_once_while_there_is_room_for_it() {
    let chain = TestChain::fresh();
    let made = |nonces: std::ops::Range<u64>| -> Vec<Bytes> {
        nonces.map(|nonce| chain.transfer(0, nonce, 1, 1).bytes()).collect()
    };
    let (txs, others) = (made(0..8), made(8..24));
    let decode = |app: &App, txs: &[Bytes]| -> Vec<Arc<Signed>> {
        app.verify_signatures(txs).into_iter().map(Result::unwrap).collect()
    };
    let same = |one: &[Arc<Signed>], other: &[Arc<Signed>]| one.iter().zip(other).all(|(a, b)| Arc::ptr_eq(a, b));

    let app = fresh(&chain);
    let first = decode(&app, &txs);
    txs.iter().for_each(|tx| drop(app.check_tx(tx)));
    app.process(&chain.next_block(), [1; 32], &txs).unwrap();
    assert!(same(&first, &decode(&app, &txs)));

    let small = App::in_memory(Options { remembered_signatures: 100, ..Options::default() });
    small.init_chain(&chain.doc).unwrap();
    let first = decode(&small, &txs);
    decode(&small, &others);
    let again = decode(&small, &txs);
    assert!(!same(&first, &again), "other transactions took the room");
    assert!(first.iter().zip(&again).all(|(a, b)| a.hash == b.hash));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// More than one batch, mostly good ones, in any order; and asked again, when the good ones are remembered.
    #[test]
    fn a_batch_gives_each_transaction_its_own_verdict(
        kinds in vec(prop_oneof![6 => Just(Kind::Good), 1 => select(&KINDS[..])], 1..300),
    ) {
        let chain = TestChain::fresh();
        let people = split(&chain);
        let txs: Vec<Bytes> = (0..).zip(&kinds).map(|(number, kind)| make(&chain, &people, *kind, number)).collect();
        let expected: Vec<_> = txs.iter().map(alone).collect();
        let app = fresh(&chain);
        prop_assert_eq!(verdicts(&app, &txs), expected.clone());
        prop_assert_eq!(verdicts(&app, &txs), expected.clone(), "remembered");
        let reversed: Vec<Bytes> = txs.iter().rev().cloned().collect();
        let mut again = verdicts(&fresh(&chain), &reversed);
        again.reverse();
        prop_assert_eq!(again, expected);
    }

    /// The batcher, the pool, the proposal and the block give the same verdict on a signature, whichever saw it first.
    #[test]
    fn every_stage_agrees_on_a_signature(kinds in vec(select(&KINDS[..]), 1..30)) {
        let chain = TestChain::fresh();
        let people = split(&chain);
        let txs: Vec<Bytes> = (0..).zip(&kinds).map(|(number, kind)| make(&chain, &people, *kind, number)).collect();
        let checked = fresh(&chain);
        let block = chain.next_block();
        let finalized = fresh(&chain).finalize(&block, [1; 32], &txs).unwrap();
        for (tx, result) in txs.iter().zip(&finalized.results) {
            let refused = alone(tx).err().map(|error| (error.codespace, error.code));
            let of = |codespace: &str, code: u32| {
                let signature = codespace == "chain" && (6..=9).contains(&code);
                signature.then_some(("chain", code))
            };
            prop_assert_eq!(of(&result.codespace, result.code), refused);
            let check = checked.check_tx(tx);
            prop_assert_eq!(of(&check.codespace, check.code), refused);
            let process = match fresh(&chain).process(&block, [1; 32], std::slice::from_ref(tx)) {
                Ok(()) => None,
                Err(Rejected::Transaction { error, .. }) => of(error.codespace, error.code),
                Err(Rejected::Block(fatal)) => panic!("{fatal}"),
            };
            prop_assert_eq!(process, refused);
        }
    }
}
