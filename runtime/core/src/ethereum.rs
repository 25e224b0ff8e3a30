//! Signatures of Ethereum keys: secp256k1 over a digest of 32 bytes, from which the signer is recovered.
//!
//! Everybody who recovers a signer does it here, so that one rule holds everywhere: `s` is low (EIP-2), because its
//! malleable twin would be a second signature of the same, and the zero address, which `ecrecover` answers for what no
//! key has signed, is nobody's signature.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use secp256k1::{
    Message, PublicKey,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Address, keccak256, keys::SignatureError};

/// Half the order of secp256k1, big-endian: a larger `s` is the malleable twin of a smaller one.
/// Source: SEC 2, section 2.4.1, and EIP-2.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];
/// The bit of `s` in which EIP-2098 keeps the parity of R's y; a low `s` leaves it free.
const ODD: u8 = 0x80;

/// The address of a secp256k1 key, as on Ethereum: the last 20 bytes of the keccak of its two coordinates.
pub fn ethereum_address(public_key: &PublicKey) -> Address {
    let [_, coordinates @ ..] = public_key.serialize_uncompressed();
    Address::last_of(&keccak256(&coordinates))
}

/// A signature in the 64 bytes of EIP-2098: r, then s with the parity of R's y in its highest bit.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CompactSignature(#[serde(with = "hex::serde")] pub [u8; 64]);

impl CompactSignature {
    /// The address whose key signed the digest.
    ///
    /// # Errors
    /// [`SignatureError::HighS`], or [`SignatureError::Invalid`] if no key can have signed the digest so.
    pub fn recover(&self, digest: &[u8; 32]) -> Result<Address, SignatureError> {
        recover(&self.expand(), digest)
    }

    /// The same signature as r, s and v, which is 27 or 28.
    pub fn expand(&self) -> [u8; 65] {
        let mut signature = [0; 65];
        signature[..64].copy_from_slice(&self.0);
        signature[64] = if signature[32] & ODD == 0 { 27 } else { 28 };
        signature[32] &= !ODD;
        signature
    }
}

impl fmt::Debug for CompactSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The address whose key signed the digest with these r, s and v.
///
/// # Errors
/// [`SignatureError::RecoveryByte`] if v is neither 27 nor 28; otherwise as [`CompactSignature::recover`].
pub(crate) fn recover(signature: &[u8; 65], digest: &[u8; 32]) -> Result<Address, SignatureError> {
    let (compact, v) = (&signature[..64], signature[64]);
    let recovery = match v {
        27 => RecoveryId::Zero,
        28 => RecoveryId::One,
        _ => return Err(SignatureError::RecoveryByte(v)),
    };
    if compact[32..] > HALF_ORDER[..] {
        return Err(SignatureError::HighS);
    }
    let signature = RecoverableSignature::from_compact(compact, recovery).map_err(|_| SignatureError::Invalid)?;
    let key = signature.recover_ecdsa(Message::from_digest(*digest)).map_err(|_| SignatureError::Invalid)?;
    let signer = ethereum_address(&key);
    if signer == Address::ZERO { Err(SignatureError::Invalid) } else { Ok(signer) }
}

/// A secp256k1 secret, wiped from memory when dropped.
#[derive(Clone)]
pub struct EthereumKey(Zeroizing<[u8; 32]>);

impl EthereumKey {
    /// The key with this secret, or `None` if that is zero or not below the curve's order.
    pub fn new(secret: &[u8; 32]) -> Option<Self> {
        secp256k1::SecretKey::from_secret_bytes(*secret).ok()?;
        Some(Self(Zeroizing::new(*secret)))
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        ethereum_address(&PublicKey::from_secret_key(&self.secret()))
    }

    /// Signs a digest, always with the same signature (RFC 6979), whose s is low.
    pub fn sign(&self, digest: &[u8; 32]) -> CompactSignature {
        let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(*digest), &self.secret());
        let (recovery, mut compact) = signature.serialize_compact();
        if recovery == RecoveryId::One {
            compact[32] |= ODD;
        }
        CompactSignature(compact)
    }

    fn secret(&self) -> secp256k1::SecretKey {
        #[expect(clippy::expect_used, reason = "the only constructor has checked these bytes")]
        secp256k1::SecretKey::from_secret_bytes(*self.0).expect("a checked secret")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_compact_signature_of_eip_2098_expands_to_the_published_one() {
        // The two test vectors of EIP-2098, with the key that signed both messages.
        let secret = hex::decode("1234567890123456789012345678901234567890123456789012345678901234").unwrap();
        let key = EthereumKey::new(&secret.try_into().unwrap()).unwrap();
        for (message, r, s, v, compact_s) in [
            (
                "Hello World",
                "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90",
                "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064",
                27,
                "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064",
            ),
            (
                "It's a small(er) world",
                "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76",
                "139c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793",
                28,
                "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793",
            ),
        ] {
            let short = CompactSignature(hex::decode([r, compact_s].concat()).unwrap().try_into().unwrap());
            let mut long: [u8; 65] = [0; 65];
            long[..64].copy_from_slice(&hex::decode([r, s].concat()).unwrap());
            long[64] = v;
            assert_eq!(short.expand(), long);
            // EIP-191, version 0x45: what `personal_sign` signs.
            let digest = keccak256(format!("\x19Ethereum Signed Message:\n{}{message}", message.len()).as_bytes());
            assert_eq!(short.recover(&digest), Ok(key.address()));
            assert_eq!(key.sign(&digest), short);
        }
    }

    #[test]
    fn an_s_above_half_the_order_is_refused_and_half_the_order_is_not() {
        let key = EthereumKey::new(&[7; 32]).unwrap();
        let mut signature = key.sign(&[9; 32]);
        signature.0[32..].copy_from_slice(&HALF_ORDER);
        assert!(signature.recover(&[9; 32]).is_ok());
        signature.0[63] = HALF_ORDER[31].wrapping_add(1);
        assert_eq!(signature.recover(&[9; 32]), Err(SignatureError::HighS));
    }

    #[test]
    fn what_no_key_has_signed_has_no_signer() {
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let r_is_order = [hex::decode(order).unwrap(), vec![1; 32]].concat();
        // 5 is no x coordinate of a point: 5^3 + 7 is no square.
        let r_is_off_the_curve = [vec![0; 31], vec![5], vec![1; 32]].concat();
        for bytes in [vec![0; 64], r_is_order, r_is_off_the_curve] {
            let signature = CompactSignature(bytes.try_into().unwrap());
            assert_eq!(signature.recover(&[9; 32]), Err(SignatureError::Invalid), "{signature:?}");
        }
    }
}
