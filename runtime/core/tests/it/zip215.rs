//! The edges of ed25519: keys and nonces of small order, encodings that are not canonical, mixed torsion. Under
//! ZIP-215 a single check and a batch must agree on every one of them, or validators could part.

use curve25519_dalek::{EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT, edwards::CompressedEdwardsY};
use diem_core::keys::{Auth, SecretKey, SignatureError, ed25519_address};
use ed25519_zebra::{Signature, VerificationKeyBytes, batch};
use sha2::{Digest, Sha512};

/// The message of ZIP-215's own grid.
const MESSAGE: &[u8] = b"Zcash";

/// Every encoding of a point of small order: the eight points, and the six encodings of them that are not canonical.
/// Found by trying all there can be, not listed: any y up to 18 also has the encoding y + p, and x = 0 has two signs.
fn small_order_encodings() -> Vec<[u8; 32]> {
    let mut found: Vec<[u8; 32]> = Vec::new();
    let mut candidates: Vec<[u8; 32]> = torsion().iter().map(|point| point.compress().0).collect();
    for low in 0..=255u8 {
        let mut small = [0; 32];
        small[0] = low;
        let mut large = [0xff; 32];
        large[0] = low;
        large[31] = 0x7f;
        candidates.extend([small, large]);
    }
    for mut candidate in candidates {
        for sign in [0, 0x80] {
            candidate[31] = candidate[31] & 0x7f | sign;
            let point = CompressedEdwardsY(candidate).decompress();
            if point.is_some_and(|point| point.is_small_order()) && !found.contains(&candidate) {
                found.push(candidate);
            }
        }
    }
    found
}

/// The eight points of small order: an element of order eight, added to itself.
fn torsion() -> Vec<EdwardsPoint> {
    // L times any point lies in the torsion subgroup; one in two such points generates it.
    let order_less_one = Scalar::ZERO - Scalar::ONE;
    let generator = (2..=255u8)
        .filter_map(|low| {
            let mut y = [0; 32];
            y[0] = low;
            CompressedEdwardsY(y).decompress()
        })
        .map(|point| point * order_less_one + point)
        .find(|point| *point + point + point + point != EdwardsPoint::default())
        .unwrap();
    std::iter::successors(Some(EdwardsPoint::default()), |point| Some(point + generator)).take(8).collect()
}

/// k of a signature: the hash of R, A and the message.
fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn signature(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    [&r[..], s].concat().try_into().unwrap()
}

/// Whether the rules of ZIP-215 hold, alone and in a batch with good signatures around it. Both ways must agree.
fn zip215(a: &[u8; 32], signed: &[u8; 64], message: &[u8]) -> bool {
    let item = || batch::Item::from((VerificationKeyBytes::from(*a), Signature::from_bytes(signed), message));
    let single = item().verify_single().is_ok();
    for company in [0, 1, 5] {
        let mut together = batch::Verifier::new();
        for seed in 0..company {
            let key = ed25519_zebra::SigningKey::from([seed; 32]);
            together.queue((VerificationKeyBytes::from(&key), key.sign(message), message));
        }
        together.queue(item());
        assert_eq!(
            together.verify(fixed_randomness()).is_ok(),
            single,
            "with {company} others: {a:02x?} {signed:02x?}"
        );
    }
    single
}

/// Batches are weighed at random; a test wants the same weights each time.
fn fixed_randomness() -> impl rand::CryptoRng {
    use rand::SeedableRng;
    rand::rngs::StdRng::from_seed([7; 32])
}

/// The verdict of this crate.
fn ours(a: &[u8; 32], signed: &[u8; 64], message: &[u8]) -> Result<(), SignatureError> {
    let auth = Auth::Ed25519 { public_key: *a, signature: *signed };
    auth.verify(&ed25519_address(a), message, || [0; 32])
}

#[test]
fn there_are_fourteen_encodings_of_small_order() {
    assert_eq!(small_order_encodings().len(), 14);
    let canonical = small_order_encodings()
        .into_iter()
        .filter(|encoding| CompressedEdwardsY(*encoding).decompress().unwrap().compress().0 == *encoding);
    assert_eq!(canonical.count(), 8);
}

#[test]
fn the_whole_grid_satisfies_zip215_and_every_weak_key_is_refused() {
    let encodings = small_order_encodings();
    for a in &encodings {
        for r in &encodings {
            let signed = signature(r, &[0; 32]);
            assert!(zip215(a, &signed, MESSAGE), "ZIP-215 takes all 196");
            assert_eq!(ours(a, &signed, MESSAGE), Err(SignatureError::WeakKey));
        }
    }
}

#[test]
fn a_good_key_may_use_any_small_order_nonce() {
    for seed in 0..4u8 {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        let a = key.verifying_key().to_bytes();
        for r in small_order_encodings() {
            // r = 0 leaves s = k a: the equation holds up to torsion, which ZIP-215 multiplies away.
            let s = challenge(&r, &a, MESSAGE) * key.to_scalar();
            let signed = signature(&r, s.as_bytes());
            assert!(zip215(&a, &signed, MESSAGE));
            assert_eq!(ours(&a, &signed, MESSAGE), Ok(()));
            let wrong = signature(&r, (s + Scalar::ONE).as_bytes());
            assert!(!zip215(&a, &wrong, MESSAGE));
            assert_eq!(ours(&a, &wrong, MESSAGE), Err(SignatureError::Invalid));
        }
    }
}

#[test]
fn a_key_with_torsion_is_judged_alike_alone_and_in_batches() {
    let mut parted_from_strict = 0;
    for (seed, twist) in (1u8..).zip(torsion()) {
        let secret = Scalar::from_bytes_mod_order([seed; 32]);
        let a = (ED25519_BASEPOINT_POINT * secret + twist).compress().0;
        for nonce_twist in torsion() {
            let nonce = Scalar::from_bytes_mod_order([seed ^ 0x55; 32]);
            let r = (ED25519_BASEPOINT_POINT * nonce + nonce_twist).compress().0;
            let s = nonce + challenge(&r, &a, MESSAGE) * secret;
            let signed = signature(&r, s.as_bytes());
            assert!(zip215(&a, &signed, MESSAGE));
            assert_eq!(ours(&a, &signed, MESSAGE), Ok(()));
            let strict = ed25519_dalek::VerifyingKey::from_bytes(&a).unwrap();
            let strict = strict.verify_strict(MESSAGE, &ed25519_dalek::Signature::from_bytes(&signed)).is_ok();
            parted_from_strict += u32::from(!strict);
            assert_eq!(ours(&a, &signed, b"another message"), Err(SignatureError::Invalid));
        }
    }
    assert!(parted_from_strict > 40, "these signatures are where implementations part");
}

#[test]
fn a_scalar_that_is_not_reduced_is_refused_everywhere() {
    let SecretKey::Ed25519(key) = SecretKey::ed25519(&[9; 32]) else { panic!("an ed25519 key") };
    let a = key.verifying_key().to_bytes();
    let Auth::Ed25519 { signature: good, .. } = SecretKey::Ed25519(key).sign(MESSAGE, || [0; 32]) else { panic!() };
    assert!(zip215(&a, &good, MESSAGE));
    // The order of the base point, RFC 8032, section 5.1: the same s modulo it.
    let order = ruint::aliases::U256::from_str_radix(
        "7237005577332262213973186563042994240857116359379907606001950938285454250989",
        10,
    )
    .unwrap();
    let s = ruint::aliases::U256::from_le_slice(&good[32..]);
    for times in 1..=8 {
        let larger = s + order * ruint::aliases::U256::from(times);
        let signed = signature(&good[..32].try_into().unwrap(), &larger.to_le_bytes::<32>());
        assert!(!zip215(&a, &signed, MESSAGE));
        assert_eq!(ours(&a, &signed, MESSAGE), Err(SignatureError::Invalid));
    }
}

#[test]
fn keys_and_nonces_off_the_curve_are_refused() {
    let off_curve: Vec<[u8; 32]> = (0..=255u8)
        .map(|low| [low; 32])
        .filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_none())
        .take(8)
        .collect();
    assert_eq!(off_curve.len(), 8);
    let good = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes();
    for bad in off_curve {
        assert!(!zip215(&bad, &signature(&good, &[0; 32]), MESSAGE));
        assert!(!zip215(&good, &signature(&bad, &[0; 32]), MESSAGE));
        assert_eq!(ours(&bad, &signature(&good, &[0; 32]), MESSAGE), Err(SignatureError::Invalid));
        assert_eq!(ours(&good, &signature(&bad, &[0; 32]), MESSAGE), Err(SignatureError::Invalid));
    }
}

/// RFC 8032, section 7.1, tests 1 to 3.
#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    for (secret, public, message, signed) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let [secret, public, message, signed] =
            [secret, public, message, signed].map(|text| hex::decode(text).unwrap());
        let key = SecretKey::ed25519(&secret.try_into().unwrap());
        let expected = Auth::Ed25519 { public_key: public.try_into().unwrap(), signature: signed.try_into().unwrap() };
        assert_eq!(key.sign(&message, || [0; 32]), expected);
        assert_eq!(expected.verify(&key.address(), &message, || [0; 32]), Ok(()));
    }
}
