//! What an account may be called, in a genesis file and in a wallet: one rule, because a devnet puts the people of its
//! genesis into a wallet, and because names are written wherever addresses, days and heights are.

/// The most letters of a name.
pub const LONGEST_NAME: usize = 64;

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Whoever has the name of an address would be shown as its owner.
    #[error("it looks like an address; choose another name")]
    Address,
    /// A day or a height is written so.
    #[error("it is a word that means a time wherever a name can stand (today, latest); choose another name")]
    Time,
    /// It could not be the name of a file, or is hard to tell from another one.
    #[error("use 1 to {LONGEST_NAME} small letters, digits, `-` and `_`")]
    Form,
}

/// Checks that somebody can be called `name`.
///
/// # Errors
/// [`NameError`] says why not.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("diem1") || lower.starts_with("0x") {
        return Err(NameError::Address);
    }
    if matches!(lower.as_str(), "today" | "latest") {
        return Err(NameError::Time);
    }
    is_plain_name(name).then_some(()).ok_or(NameError::Form)
}

/// Whether a name has the letters of one; it may still be taken for an address or a time.
pub fn is_plain_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_means_nothing_else() {
        for name in ["alice", "validator-1", "a_b", "9", &"x".repeat(64), "diem", "0", "latest-1"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["0x", "0x12", "0X1", "diem1", "DIEM1bob", "0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266"] {
            assert_eq!(check_name(name), Err(NameError::Address), "{name}");
        }
        for name in ["today", "latest", "Latest"] {
            assert_eq!(check_name(name), Err(NameError::Time), "{name}");
        }
        for name in ["", " ", "Alice", "a b", "../x", "a/b", ".hidden", "ä", "a.json", &"x".repeat(65)] {
            assert_eq!(check_name(name), Err(NameError::Form), "{name}");
        }
    }
}
