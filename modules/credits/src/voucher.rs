//! The voucher: what an account, or a session key of its, signs off chain for a provider.
//!
//! ed25519 keys sign `"diem-voucher/1" ++ borsh(voucher)`. Ethereum keys sign EIP-712 typed data in the domain of
//! transactions (`{name "DIEM", version "1"}`), so that a wallet shows what it signs.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, Statement, keccak256,
    keys::{Auth, SecretKey},
    typed_data::call_data,
};
use serde::{Deserialize, Serialize};

/// What an ed25519 key signs begins with this.
const VOUCHER_TAG: &[u8] = b"diem-voucher/1";
const DOMAIN_TYPE: &[u8] = b"EIP712Domain(string name,string version)";
const VOUCHER_TYPE: &[u8] = b"Voucher(string chainId,bytes32 genesisHash,address account,address signer,\
    address provider,uint64 day,uint128 amount,uint64 requests,bytes32 priceSheet,bytes32 usageRoot)";

/// A promise to pay: so much in all since the day began.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// The chain.
    pub chain_id: String,
    /// Its genesis.
    #[serde(with = "hex::serde")]
    pub genesis_hash: [u8; 32],
    /// Whose credit.
    pub account: Address,
    /// Who signs: the account or a session key.
    pub signer: Address,
    /// Who is paid.
    pub provider: Address,
    /// For which day.
    #[serde(with = "diem_core::json::number")]
    pub day: u64,
    /// Credit units since the day began, of this signer at this provider.
    pub amount: Amount,
    /// Requests since the day began, of this signer at this provider.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// The price sheet that was charged by.
    #[serde(with = "hex::serde")]
    pub price_sheet: [u8; 32],
    /// A root over the usage that the two keep.
    #[serde(with = "hex::serde")]
    pub usage_root: [u8; 32],
}

/// A voucher as providers hand it in.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVoucher {
    /// What was signed.
    pub voucher: Voucher,
    /// The signer's signature; in JSON its borsh bytes in hex.
    #[serde(with = "auth_hex")]
    pub auth: Auth,
}

impl Voucher {
    /// The bytes that an ed25519 key signs.
    pub fn message(&self) -> Vec<u8> {
        [VOUCHER_TAG, &call_data(self)].concat()
    }

    /// The digest that an Ethereum wallet signs. Source: EIP-712.
    pub fn digest(&self) -> [u8; 32] {
        let domain = keccak256(&[keccak256(DOMAIN_TYPE), keccak256(b"DIEM"), keccak256(b"1")].concat());
        let words = [
            keccak256(VOUCHER_TYPE),
            keccak256(self.chain_id.as_bytes()),
            self.genesis_hash,
            word(&self.account.0),
            word(&self.signer.0),
            word(&self.provider.0),
            word(&self.day.to_be_bytes()),
            word(&self.amount.get().to_be_bytes()),
            word(&self.requests.to_be_bytes()),
            self.price_sheet,
            self.usage_root,
        ];
        keccak256(&[&[0x19, 0x01][..], &domain, &keccak256(&words.concat())].concat())
    }

    /// Signs with the key of `signer`.
    pub fn sign(self, key: &SecretKey) -> SignedVoucher {
        let auth = key.sign(&self.message(), || self.digest());
        SignedVoucher { voucher: self, auth }
    }
}

impl Statement for SignedVoucher {
    fn signer(&self) -> &Address {
        &self.voucher.signer
    }

    fn auth(&self) -> &Auth {
        &self.auth
    }

    fn message(&self) -> Vec<u8> {
        self.voucher.message()
    }

    fn digest(&self) -> [u8; 32] {
        self.voucher.digest()
    }
}

/// Big-endian in a word of 32 bytes.
fn word<const N: usize>(bytes: &[u8; N]) -> [u8; 32] {
    let mut word = [0; 32];
    word[32_usize.saturating_sub(N)..].copy_from_slice(bytes);
    word
}

mod auth_hex {
    use borsh::BorshDeserialize as _;
    use diem_core::{keys::Auth, typed_data::call_data};
    use serde::{Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(auth: &Auth, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::encode(call_data(auth)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Auth, D::Error> {
        let bytes =
            hex::decode(<String as serde::Deserialize>::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Auth::try_from_slice(&bytes).map_err(D::Error::custom)
    }
}
