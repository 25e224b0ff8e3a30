//! The kinds of keys that an account can have.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::keys::{Auth, SecretKey};

/// The kind of a key; what a signature costs in bytes depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// An ed25519 key, the default.
    Ed25519,
    /// secp256k1 over EIP-712, the key of an Ethereum wallet.
    Ethereum,
}

impl KeyKind {
    /// The kind of `key`.
    pub const fn of(key: &SecretKey) -> Self {
        match key {
            SecretKey::Ed25519(_) => Self::Ed25519,
            SecretKey::Ethereum(_) => Self::Ethereum,
        }
    }

    /// A signature of this kind's size that signs nothing.
    pub const fn placeholder(self) -> Auth {
        match self {
            Self::Ed25519 => Auth::Ed25519 { public_key: [0; 32], signature: [0; 64] },
            Self::Ethereum => Auth::Ethereum { signature: [0; 65] },
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "ed25519",
            Self::Ethereum => "ethereum",
        })
    }
}
