//! Structs of EIP-712, which browser wallets show before they sign, and the domain of what is signed for this chain.
//!
//! The domain is `{name "DIEM", version "1"}`, without a chain id: a wallet refuses a domain of another network than
//! its active one, and replay is excluded by chain id and genesis hash inside each message. Source: EIP-712.

use crate::{Address, keccak256};

const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version)";

/// A struct as it is hashed: the hash of its type, then a word of 32 bytes for each field in the type's order.
pub struct TypedStruct(Vec<u8>);

impl TypedStruct {
    /// A struct without its fields; `type_text` is the canonical text of its type and of those that it refers to.
    pub fn new(type_text: &str) -> Self {
        Self(Vec::new()).bytes(type_text.as_bytes())
    }

    /// A field of 32 bytes, or the hash of an inner struct.
    pub fn word(mut self, word: [u8; 32]) -> Self {
        self.0.extend_from_slice(&word);
        self
    }

    /// A field of type `string` or `bytes`; an array comes as its elements' words, one after the other.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.word(keccak256(bytes))
    }

    /// A field of an unsigned number up to 128 bits.
    pub fn number(self, number: impl Into<u128>) -> Self {
        let mut word = [0; 32];
        word[16..].copy_from_slice(&number.into().to_be_bytes());
        self.word(word)
    }

    /// A field of type `address`.
    pub fn address(self, address: &Address) -> Self {
        let mut word = [0; 32];
        word[12..].copy_from_slice(&address.0);
        self.word(word)
    }

    /// The struct's hash, for a field of another one.
    pub fn hash(&self) -> [u8; 32] {
        keccak256(&self.0)
    }

    /// The digest that a wallet signs: the struct in the domain of this chain.
    pub fn digest(&self) -> [u8; 32] {
        let domain = Self::new(DOMAIN_TYPE).bytes(b"DIEM").bytes(b"1").hash();
        digest(&domain, &self.hash())
    }
}

/// The digest of a struct, by its hash, in any domain, by its separator.
pub fn digest(domain_separator: &[u8; 32], struct_hash: &[u8; 32]) -> [u8; 32] {
    keccak256(&[&[0x19, 0x01][..], domain_separator, struct_hash].concat())
}
