//! Accounts: 20 bytes, written `diem1...` (bech32) or `0x...`.

use std::{fmt, str::FromStr};

use bech32::{Bech32, Hrp};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{keccak256, text::shortened};

const HRP: Hrp = Hrp::parse_unchecked("diem");

/// The address of an account. There is one type for both ways of writing it, which are accepted everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// The zero address, which nobody owns and which is never a recipient.
    pub const ZERO: Self = Self([0; 20]);

    /// The last 20 bytes of a hash, which is how addresses are made of keys and of code.
    pub const fn last_of(hash: &[u8; 32]) -> Self {
        let [.., a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = *hash;
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t])
    }

    /// The `0x` form with the mixed-case checksum of EIP-55.
    pub fn to_hex(&self) -> String {
        let lower = hex::encode(self.0);
        let hash = keccak256(lower.as_bytes());
        let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        let checked = lower.chars().zip(nibbles);
        let checked = checked.map(|(c, nibble)| if nibble >= 8 { c.to_ascii_uppercase() } else { c });
        std::iter::once('0').chain(std::iter::once('x')).chain(checked).collect()
    }
}

/// The bech32 form, `diem1...`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, HRP, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseAddressError {
    /// The text has neither of the two forms.
    #[error("`{0}` is not an address: write diem1... or 0x followed by 40 hex digits")]
    Form(String),
    /// A checksum does not hold, so at least one character is wrong.
    #[error("`{0}` is mistyped: its checksum does not hold")]
    Checksum(String),
    /// The text is a bech32 address of another chain.
    #[error("`{0}` belongs to another chain: addresses here start with diem1")]
    OtherChain(String),
}

impl FromStr for Address {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("0x") {
            Some(digits) => parse_hex(text, digits),
            None => parse_bech32(text),
        }
    }
}

fn parse_hex(text: &str, digits: &str) -> Result<Address, ParseAddressError> {
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| ParseAddressError::Form(shortened(text)))?;
    let address = Address(bytes);
    let one_case = digits == digits.to_ascii_lowercase() || digits == digits.to_ascii_uppercase();
    if one_case || address.to_hex() == text { Ok(address) } else { Err(ParseAddressError::Checksum(shortened(text))) }
}

fn parse_bech32(text: &str) -> Result<Address, ParseAddressError> {
    use bech32::primitives::decode::{CheckedHrpstring, UncheckedHrpstring};
    let unchecked = UncheckedHrpstring::new(text).map_err(|_| ParseAddressError::Form(shortened(text)))?;
    if unchecked.hrp() != HRP {
        return Err(ParseAddressError::OtherChain(shortened(text)));
    }
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| ParseAddressError::Checksum(shortened(text)))?;
    let bytes: Vec<u8> = checked.byte_iter().collect();
    bytes.try_into().map(Address).map_err(|_| ParseAddressError::Form(shortened(text)))
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
