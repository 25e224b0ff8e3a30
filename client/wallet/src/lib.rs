//! Keys of accounts: phrases, derivation, and the files that keep them.
//!
//! Secrets never travel in arguments or the environment: they come from a terminal or a file and are wiped from memory
//! when dropped.

pub mod derive;
pub mod file;
pub mod seal;
pub mod store;
pub mod validator_file;

use diem_core::keys::{KeyKind, SecretKey};
use zeroize::Zeroizing;

pub use file::{Cost, KeyFile, KeyFileError};
pub use store::{KeyStore, KeyStoreError};
pub use validator_file::{ValidatorFile, ValidatorSecret};

/// The secret of a key: 32 bytes, wiped when dropped.
#[derive(Clone)]
pub struct Secret {
    /// The kind of key.
    pub kind: KeyKind,
    bytes: Zeroizing<[u8; 32]>,
}

impl Secret {
    /// Makes a secret of that kind; `None` if the bytes are no valid key (for secp256k1: zero, or not below the order).
    pub fn new(kind: KeyKind, bytes: Zeroizing<[u8; 32]>) -> Option<Self> {
        let secret = Self { kind, bytes };
        secret.try_key().map(|_| secret)
    }

    fn try_key(&self) -> Option<SecretKey> {
        match self.kind {
            KeyKind::Ed25519 => Some(SecretKey::ed25519(&self.bytes)),
            KeyKind::Ethereum => SecretKey::ethereum(&self.bytes),
        }
    }

    /// The secret itself.
    pub const fn bytes(&self) -> &Zeroizing<[u8; 32]> {
        &self.bytes
    }

    /// Returns the key that signs.
    pub fn key(&self) -> SecretKey {
        #[expect(clippy::expect_used, reason = "the constructor has tried the same bytes")]
        self.try_key().expect("a checked secret")
    }
}

/// The output never shows the secret.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.key())
    }
}
