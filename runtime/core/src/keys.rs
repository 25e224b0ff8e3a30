//! Keys and signatures of accounts.
//!
//! ed25519 signatures follow ZIP-215 (checked by ed25519-zebra, alone and in batches, which agree by construction;
//! CometBFT uses the same rules), and public keys of small order are refused, because anyone can sign for them.
//! Ethereum signatures are recoverable secp256k1 over an EIP-712 digest, as the module `ethereum` has them.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::{Address, ethereum, sha256};
pub use crate::{
    ethereum::{CompactSignature, EthereumKey, ethereum_address},
    key_kind::KeyKind,
};

/// Domain tag of the addresses of ed25519 keys.
const ADDRESS_TAG: &[u8] = b"diem-address/1";

/// Why a signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature does not fit the bytes and the key.
    #[error("the signature does not fit what it should sign: sign exactly that, for this chain, with this key")]
    Invalid,
    /// The key that signed is not the key of the address.
    #[error("the signature is by another key than that of the address it should speak for")]
    WrongSigner,
    /// An ed25519 key of small order.
    #[error("the public key is of small order: anyone could sign for it")]
    WeakKey,
    /// A secp256k1 signature ends in another number than 27 or 28.
    #[error(
        "the signature ends in v = {0}, and v must be 27 or 28: some signers, such as Ledger's, give 0 or 1, to which 27 \
         is to be added"
    )]
    RecoveryByte(u8),
    /// A secp256k1 signature in its malleable form.
    #[error("the signature has a high s value: use its low form")]
    HighS,
}

/// A signature with what is needed to find the signer.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Auth {
    /// ed25519 over the tagged bytes.
    Ed25519 {
        /// The public key of the signer; its hash must be the address.
        public_key: [u8; 32],
        /// The signature as RFC 8032 encodes it: R, then s.
        signature: [u8; 64],
    } = 0,
    /// secp256k1 over the EIP-712 digest: r, s, and v as 27 or 28, as wallets return it.
    Ethereum {
        /// The signature as r, s and v.
        signature: [u8; 65],
    } = 1,
}

impl Auth {
    /// The kind of the key that signed.
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::Ed25519 { .. } => KeyKind::Ed25519,
            Self::Ethereum { .. } => KeyKind::Ethereum,
        }
    }

    /// Checks that the key is a good one and belongs to `address`, and that the signature fits. For ed25519 it must
    /// fit `message`, for Ethereum `digest`, which is computed only when needed.
    ///
    /// # Errors
    /// [`SignatureError`] says which of these does not hold.
    pub fn verify(
        &self,
        address: &Address,
        message: &[u8],
        digest: impl FnOnce() -> [u8; 32],
    ) -> Result<(), SignatureError> {
        match self {
            Self::Ed25519 { public_key, signature } => {
                check_ed25519_key(public_key, address)?;
                let item = ed25519_zebra::batch::Item::from((
                    ed25519_zebra::VerificationKeyBytes::from(*public_key),
                    ed25519_zebra::Signature::from_bytes(signature),
                    message,
                ));
                item.verify_single().map_err(|_| SignatureError::Invalid)
            }
            Self::Ethereum { signature } => {
                let signer = ethereum::recover(signature, &digest())?;
                if signer == *address { Ok(()) } else { Err(SignatureError::WrongSigner) }
            }
        }
    }
}

/// Refuses keys of small order and keys of another address.
///
/// # Errors
/// [`SignatureError::WeakKey`] or [`SignatureError::WrongSigner`].
pub fn check_ed25519_key(public_key: &[u8; 32], address: &Address) -> Result<(), SignatureError> {
    if is_small_order(public_key) {
        return Err(SignatureError::WeakKey);
    }
    if ed25519_address(public_key) != *address {
        return Err(SignatureError::WrongSigner);
    }
    Ok(())
}

/// The address of an ed25519 key: the last 20 bytes of a domain-tagged sha256.
pub fn ed25519_address(public_key: &[u8; 32]) -> Address {
    Address::last_of(&sha256(&[ADDRESS_TAG, public_key]))
}

/// Whether the encoding is of a point of small order, in any of the encodings that ZIP-215 accepts.
///
/// There are 14 of them: seven `y` coordinates (0, 1, p-1, the two of order 8, and p and p+1, the larger encodings of
/// 0 and 1), each with either sign bit. Comparing encodings saves decompressing the key twice.
fn is_small_order(public_key: &[u8; 32]) -> bool {
    let mut y = *public_key;
    y[31] &= 0x7f;
    SMALL_ORDER_Y.contains(&y)
}

const fn y_near_p(low: u8) -> [u8; 32] {
    let mut y = [0xff; 32];
    y[0] = low;
    y[31] = 0x7f;
    y
}

const fn y_small(low: u8) -> [u8; 32] {
    let mut y = [0; 32];
    y[0] = low;
    y
}

/// Little-endian `y` of the points of small order. The two of order 8 are those of RFC 7748's curve in Edwards form;
/// the test compares all with the group arithmetic of curve25519-dalek.
const SMALL_ORDER_Y: [[u8; 32]; 7] = [
    y_small(0),
    y_small(1),
    y_near_p(0xec),
    y_near_p(0xed),
    y_near_p(0xee),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// A secret key that signs for an account.
#[derive(Clone)]
pub enum SecretKey {
    /// The default of the command line.
    Ed25519(ed25519_dalek::SigningKey),
    /// The key of an Ethereum wallet: the same address here and on Base.
    Ethereum(EthereumKey),
}

impl SecretKey {
    /// An ed25519 key from its 32-byte seed.
    pub fn ed25519(seed: &[u8; 32]) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// An Ethereum key from its 32-byte secret, or `None` if that is zero or not below the curve's order.
    pub fn ethereum(secret: &[u8; 32]) -> Option<Self> {
        EthereumKey::new(secret).map(Self::Ethereum)
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        match self {
            Self::Ed25519(key) => ed25519_address(key.verifying_key().as_bytes()),
            Self::Ethereum(key) => key.address(),
        }
    }

    /// Signs: ed25519 the message, Ethereum the digest.
    pub fn sign(&self, message: &[u8], digest: impl FnOnce() -> [u8; 32]) -> Auth {
        match self {
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer as _;
                Auth::Ed25519 { public_key: key.verifying_key().to_bytes(), signature: key.sign(message).to_bytes() }
            }
            Self::Ethereum(key) => Auth::Ethereum { signature: key.sign(&digest()).expand() },
        }
    }
}

/// Shows the address and never the secret.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.address())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
    use super::*;

    #[test]
    fn exactly_the_small_order_encodings_are_refused() {
        use ed25519_dalek::VerifyingKey;
        for y in SMALL_ORDER_Y {
            for sign in [0, 0x80] {
                let mut encoding = y;
                encoding[31] |= sign;
                assert!(is_small_order(&encoding));
                // dalek decodes all of them (it follows ZIP-215 in decoding) and its group arithmetic agrees.
                if let Ok(key) = VerifyingKey::from_bytes(&encoding) {
                    assert!(key.is_weak(), "{}", hex::encode(encoding));
                }
            }
        }
        let decodable = SMALL_ORDER_Y.iter().filter(|y| VerifyingKey::from_bytes(y).is_ok()).count();
        assert!(decodable >= 5, "the comparison above must compare something");
        for seed in 0..100u8 {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key();
            assert!(!is_small_order(key.as_bytes()) && !key.is_weak());
        }
    }

    #[test]
    fn every_eight_torsion_point_is_covered() {
        // The eight points, doubled from the published generator of the torsion subgroup.
        use ed25519_dalek::VerifyingKey;
        let canonical: Vec<_> = SMALL_ORDER_Y.iter().take(3).chain(SMALL_ORDER_Y.iter().skip(5)).collect();
        for y in canonical {
            assert!(VerifyingKey::from_bytes(y).unwrap().is_weak());
        }
    }

    #[test]
    fn a_small_order_key_signs_anything_and_is_refused() {
        // The identity as key, the identity as R and s = 0 satisfy the group equation for every message.
        let mut signature = [0; 64];
        signature[0] = 1;
        let auth = Auth::Ed25519 { public_key: y_small(1), signature };
        let address = ed25519_address(&y_small(1));
        assert_eq!(auth.verify(&address, b"anything", || [0; 32]), Err(SignatureError::WeakKey));
    }

    #[test]
    fn ethereum_addresses_are_those_of_the_published_test_mnemonic() {
        // First account of "test test test test test test test test test test test junk", as every dev chain shows it.
        let secret = hex::decode("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80").unwrap();
        let key = SecretKey::ethereum(&secret.try_into().unwrap()).unwrap();
        assert_eq!(key.address().to_hex(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    }

    #[test]
    fn signatures_verify_and_changed_ones_do_not() {
        for key in [SecretKey::ed25519(&[7; 32]), SecretKey::ethereum(&[7; 32]).unwrap()] {
            let auth = key.sign(b"message", || [9; 32]);
            assert_eq!(auth.verify(&key.address(), b"message", || [9; 32]), Ok(()));
            assert!(auth.verify(&key.address(), b"other", || [8; 32]).is_err());
            assert_eq!(auth.verify(&Address([1; 20]), b"message", || [9; 32]), Err(SignatureError::WrongSigner));
        }
    }

    #[test]
    fn a_signature_that_ends_in_0_or_1_is_told_what_is_wrong_with_it() {
        let key = SecretKey::ethereum(&[7; 32]).unwrap();
        let Auth::Ethereum { signature } = key.sign(b"", || [9; 32]) else { panic!("an Ethereum signature") };
        for v in [0, 1, 2, 26, 29, 255] {
            let mut other = signature;
            other[64] = v;
            let error = Auth::Ethereum { signature: other }.verify(&key.address(), b"", || [9; 32]).unwrap_err();
            assert_eq!(error, SignatureError::RecoveryByte(v));
            assert!(error.to_string().contains(&format!("v = {v}, and v must be 27 or 28")), "{error}");
        }
    }

    #[test]
    fn the_high_s_twin_of_a_signature_is_refused() {
        let key = SecretKey::ethereum(&[7; 32]).unwrap();
        let Auth::Ethereum { signature } = key.sign(b"", || [9; 32]) else { panic!("an ethereum key") };
        // s' = n - s and the other recovery id recover the same key: the malleable twin.
        let order = ruint::aliases::U256::from_be_slice(
            &hex::decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").unwrap(),
        );
        let s = ruint::aliases::U256::from_be_slice(&signature[32..64]);
        let mut twin = signature;
        twin[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
        twin[64] = if signature[64] == 27 { 28 } else { 27 };
        let auth = Auth::Ethereum { signature: twin };
        assert_eq!(auth.verify(&key.address(), b"", || [9; 32]), Err(SignatureError::HighS));
    }
}
