//! The voucher: what an account, or a session key of its, signs off chain for a provider.
//!
//! ed25519 keys sign `"diem-voucher/1" ++ borsh(voucher)`. Ethereum keys sign EIP-712 typed data in the domain of
//! transactions (`{name "DIEM", version "1"}`), so that a wallet shows what it signs.

use borsh::{BorshDeserialize, BorshSerialize};
use diem_core::{
    Address, Amount, Statement,
    eip712::TypedStruct,
    encode,
    keys::{Auth, SecretKey},
};
use serde::{Deserialize, Serialize};

/// The domain tag: the first bytes of what an ed25519 key signs.
const VOUCHER_TAG: &[u8] = b"diem-voucher/1";
const VOUCHER_TYPE: &str = "Voucher(string chainId,bytes32 genesisHash,address account,address signer,\
    address provider,uint64 day,uint128 amount,uint64 requests,bytes32 priceSheet,bytes32 usageRoot)";

/// What a signer owes a provider for a day: so much credit in all since that day began.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// The name of the chain.
    pub chain_id: String,
    /// The hash of the chain's genesis.
    #[serde(with = "hex::serde")]
    pub genesis_hash: [u8; 32],
    /// The account whose credit pays.
    pub account: Address,
    /// The address that signs: the account or a session key of it.
    pub signer: Address,
    /// The provider that is paid.
    pub provider: Address,
    /// The day whose credit pays.
    #[serde(with = "diem_core::json::number")]
    pub day: u64,
    /// The credit units since the day began, of this signer at this provider.
    pub amount: Amount,
    /// The number of requests since the day began, of this signer at this provider.
    #[serde(with = "diem_core::json::number")]
    pub requests: u64,
    /// The price sheet that was charged by.
    #[serde(with = "hex::serde")]
    pub price_sheet: [u8; 32],
    /// The root of the usage records that the account and the provider keep.
    #[serde(with = "hex::serde")]
    pub usage_root: [u8; 32],
}

/// A voucher as providers hand it in.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVoucher {
    /// The content that was signed.
    pub voucher: Voucher,
    /// The signer's signature; in JSON its borsh bytes in hex.
    #[serde(with = "auth_hex")]
    pub auth: Auth,
}

impl Voucher {
    /// The bytes that an ed25519 key signs.
    pub fn message(&self) -> Vec<u8> {
        [VOUCHER_TAG, &encode(self)].concat()
    }

    /// The digest that an Ethereum wallet signs. Source: EIP-712.
    pub fn digest(&self) -> [u8; 32] {
        TypedStruct::new(VOUCHER_TYPE)
            .bytes(self.chain_id.as_bytes())
            .word(self.genesis_hash)
            .address(&self.account)
            .address(&self.signer)
            .address(&self.provider)
            .number(self.day)
            .number(self.amount.get())
            .number(self.requests)
            .word(self.price_sheet)
            .word(self.usage_root)
            .digest()
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

mod auth_hex {
    use borsh::BorshDeserialize as _;
    use diem_core::{encode, keys::Auth};
    use serde::{Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(auth: &Auth, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&hex::encode(encode(auth)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Auth, D::Error> {
        let bytes =
            hex::decode(<String as serde::Deserialize>::deserialize(deserializer)?).map_err(D::Error::custom)?;
        Auth::try_from_slice(&bytes).map_err(D::Error::custom)
    }
}
