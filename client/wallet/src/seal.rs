//! Bytes under a passphrase: Argon2id derives the cipher's key from the passphrase and a salt of its own,
//! ChaCha20-Poly1305 encrypts, and authenticates what stands beside it in the open.

use argon2::Argon2;
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _,
    aead::{Aead as _, Payload},
};
use diem_core::encoding::HexBytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Cost, KeyFileError};

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
/// The most memory that a file may ask for, in KiB: a forged one shall not exhaust the machine.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// The most passes that a file may ask for.
const MAX_PASSES: u32 = 64;

/// Encrypted bytes, with what is needed to decrypt them beside the passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encrypted {
    pub(crate) argon2id: Cost,
    salt: HexBytes,
    nonce: HexBytes,
    pub(crate) ciphertext: HexBytes,
}

impl Encrypted {
    /// Encrypts `plain` under `passphrase`; `bound` is authenticated with it.
    ///
    /// # Errors
    /// [`KeyFileError::Randomness`] or [`KeyFileError::Parameters`].
    pub fn seal(plain: &[u8], bound: &[u8], passphrase: &str, cost: Cost) -> Result<Self, KeyFileError> {
        let (salt, nonce) = (random::<SALT_BYTES>()?, random::<NONCE_BYTES>()?);
        let cipher = cipher(passphrase, &salt, cost)?;
        let payload = Payload { msg: plain, aad: bound };
        let ciphertext = cipher.encrypt(&nonce.into(), payload).map_err(|_| KeyFileError::Parameters)?;
        Ok(Self {
            argon2id: cost,
            salt: HexBytes(salt.into()),
            nonce: HexBytes(nonce.into()),
            ciphertext: HexBytes(ciphertext),
        })
    }

    /// Decrypts the bytes, if `bound` is what it was.
    ///
    /// # Errors
    /// [`KeyFileError::Passphrase`] or [`KeyFileError::Parameters`].
    pub fn open(&self, bound: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let nonce: [u8; NONCE_BYTES] = self.nonce.0.as_slice().try_into().map_err(|_| KeyFileError::Parameters)?;
        let cipher = cipher(passphrase, &self.salt.0, self.argon2id)?;
        let payload = Payload { msg: &self.ciphertext.0, aad: bound };
        Ok(Zeroizing::new(cipher.decrypt(&nonce.into(), payload).map_err(|_| KeyFileError::Passphrase)?))
    }
}

fn cipher(passphrase: &str, salt: &[u8], cost: Cost) -> Result<ChaCha20Poly1305, KeyFileError> {
    if cost.memory_kib > MAX_MEMORY_KIB || cost.passes > MAX_PASSES {
        return Err(KeyFileError::Parameters);
    }
    let mut key = Zeroizing::new([0; 32]);
    let params = argon2::Params::new(cost.memory_kib, cost.passes, 1, Some(key.len()));
    let argon2 =
        Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params.map_err(|_| KeyFileError::Parameters)?);
    argon2.hash_password_into(passphrase.as_bytes(), salt, &mut *key).map_err(|_| KeyFileError::Parameters)?;
    Ok(ChaCha20Poly1305::new((&*key).into()))
}

fn random<const N: usize>() -> Result<[u8; N], KeyFileError> {
    use rand::TryRng as _;
    let mut bytes = [0; N];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).map_err(|e| KeyFileError::Randomness(e.to_string()))?;
    Ok(bytes)
}
