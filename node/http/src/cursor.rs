//! Cursors: places in what the chain holds. A height alone names no place on a chain that can be taken back, so a
//! cursor names the branch too: the first bytes of a hash that only one branch has at that height.

use std::{fmt, str::FromStr};

use diem_api::HttpError;
use diem_core::Address;

use super::error::Failure;

/// The first bytes of a hash at a height: that of the state's root, or of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Branch([u8; 4]);

impl Branch {
    pub(crate) const fn of(hash: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = *hash;
        Self([a, b, c, d])
    }

    /// Checks that this branch, which a cursor names, is the one that this node has at that height.
    ///
    /// # Errors
    /// The branch is another one: the chain was taken back since, or it is another chain.
    pub(crate) fn must_be(self, here: Self, height: u64) -> Result<(), Failure> {
        if self == here {
            return Ok(());
        }
        let words = format!(
            "block {height} is not the one that it was: the chain was taken back; start again without a cursor"
        );
        Err(HttpError::Reverted(words).into())
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Branch {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 4];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

/// A key that a cursor can stand on.
pub(crate) trait Key: FromStr + fmt::Display + Send + 'static {}
impl Key for u64 {}
impl Key for Address {}

/// The place where the next page of a list begins: `height.branch.key`. Clients send it back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor<K> {
    pub(crate) height: u64,
    pub(crate) branch: Branch,
    pub(crate) key: K,
}

impl<K: Key> fmt::Display for Cursor<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.height, self.branch, self.key)
    }
}

impl<K: Key> FromStr for Cursor<K> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(height, rest)| {
            let (branch, key) = rest.split_once('.')?;
            Some(Self { height: height.parse().ok()?, branch: branch.parse().ok()?, key: key.parse().ok()? })
        });
        parts.ok_or("this is no cursor: give back `next` of the page before as it is")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_is_a_height_a_branch_and_a_key_and_is_read_back() {
        let branch = Branch::of(&[0xab; 32]);
        let of_address = Cursor { height: 12, branch, key: Address([7; 20]) };
        assert_eq!(of_address.to_string().parse(), Ok(of_address));
        let of_number = Cursor { height: 12, branch, key: 3 };
        assert_eq!(of_number.to_string(), "12.abababab.3");
        assert_eq!("12.abababab.3".parse(), Ok(of_number));
        for bad in ["", ".", "12", "12.abababab", "12.3", "12.abababab.", "x.abababab.3", "12.abab.3", "12.abababab.-3"]
        {
            assert!(bad.parse::<Cursor<u64>>().is_err() && bad.parse::<Cursor<Address>>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cursor_of_another_branch_is_refused() {
        let seen = Branch::of(&[1; 32]);
        assert!(seen.must_be(Branch::of(&[1; 32]), 12).is_ok());
        assert_eq!(seen.must_be(Branch::of(&[2; 32]), 12).unwrap_err().0.name, "reverted");
    }
}
