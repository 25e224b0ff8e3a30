//! The derivation of keys from a phrase: BIP-39 words, SLIP-10 for ed25519, BIP-32 for Ethereum.
//!
//! Paths: Ethereum keys are where every wallet looks for them, `m/44'/60'/0'/0/i`. ed25519 keys are at
//! `m/44'/60'/0'/0'/i'`: all steps hardened, as SLIP-10 wants it, with Ethereum's coin type, because VVV and DIEM are
//! tokens of Base and have no number of their own. The two trees have different roots, so they share no key.

use bip39::Mnemonic;
use diem_core::keys::KeyKind;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha512;
use zeroize::Zeroizing;

use super::Secret;

/// The number of words of a new phrase, which has 256 bits.
pub const PHRASE_WORDS: usize = 24;
const ENTROPY_BYTES: usize = 32;
/// A child with this bit in its number is hardened.
const HARDENED: u32 = 1 << 31;

/// The reason why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeriveError {
    /// The text is not a phrase.
    #[error("this is not a phrase: {0}")]
    Phrase(String),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(String),
    /// The text is not a path, or the path is one that the kind of key does not allow.
    #[error("`{0}` is not a path of {1} keys: write it as {example}", example = default_path(*.1, 0))]
    Path(String, KeyKind),
    /// The path has no key, as one of 2^127 paths.
    #[error("there is no key at `{0}`: take another index")]
    NoKey(String),
}

/// Generates a phrase of [`PHRASE_WORDS`] words from the system's randomness.
///
/// # Errors
/// [`DeriveError::Randomness`].
pub fn new_phrase() -> Result<Mnemonic, DeriveError> {
    use rand::TryRng as _;
    let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
    rand::rngs::SysRng.try_fill_bytes(&mut *entropy).map_err(|e| DeriveError::Randomness(e.to_string()))?;
    Mnemonic::from_entropy(&*entropy).map_err(|e| DeriveError::Phrase(e.to_string()))
}

/// Reads a phrase of 12 to 24 English words; spaces and line ends separate them.
///
/// # Errors
/// [`DeriveError::Phrase`] names the first word that is not in the list, or says that the checksum does not hold.
pub fn parse_phrase(text: &str) -> Result<Mnemonic, DeriveError> {
    let words = Zeroizing::new(text.to_lowercase());
    let reason = |e: bip39::Error| match e {
        bip39::Error::UnknownWord(index) => {
            let place = index.saturating_add(1);
            format!("word {place} is not in BIP-39's English list")
        }
        bip39::Error::BadWordCount(count) => format!("it has {count} words instead of 12, 15, 18, 21 or 24"),
        bip39::Error::InvalidChecksum => "its checksum does not hold, so a word is wrong or out of place".into(),
        other => other.to_string(),
    };
    Mnemonic::parse_in(bip39::Language::English, words.as_str()).map_err(|e| DeriveError::Phrase(reason(e)))
}

/// The path of key number `index` of that kind.
pub fn default_path(kind: KeyKind, index: u32) -> String {
    match kind {
        KeyKind::Ed25519 => format!("m/44'/60'/0'/0'/{index}'"),
        KeyKind::Ethereum => format!("m/44'/60'/0'/0/{index}"),
    }
}

/// Derives the key of that kind at `path` under a phrase without a passphrase of its own.
///
/// # Errors
/// [`DeriveError::Path`] or [`DeriveError::NoKey`].
pub fn derive(phrase: &Mnemonic, kind: KeyKind, path: &str) -> Result<Secret, DeriveError> {
    let seed = Zeroizing::new(phrase.to_seed_normalized(""));
    of_seed(&*seed, kind, path)
}

/// Derives the key of that kind at `path` under the seed of a phrase.
pub fn of_seed(seed: &[u8], kind: KeyKind, path: &str) -> Result<Secret, DeriveError> {
    let bytes = match kind {
        KeyKind::Ed25519 => slip10_ed25519(seed, path),
        KeyKind::Ethereum => bip32_secp256k1(seed, path),
    }?;
    Secret::new(kind, bytes).ok_or_else(|| DeriveError::NoKey(path.into()))
}

/// Derives by SLIP-10 for ed25519, where every step must be hardened.
fn slip10_ed25519(seed: &[u8], path: &str) -> Result<Zeroizing<[u8; 32]>, DeriveError> {
    let bad = || DeriveError::Path(path.into(), KeyKind::Ed25519);
    let steps = path.strip_prefix('m').ok_or_else(bad)?;
    let (mut key, mut chain) = hmac_sha512(b"ed25519 seed", &[seed]);
    for step in steps.split('/').skip(1) {
        let number: u32 = step.strip_suffix('\'').and_then(|n| n.parse().ok()).ok_or_else(bad)?;
        if number >= HARDENED {
            return Err(bad());
        }
        (key, chain) = hmac_sha512(&*chain, &[&[0], &*key, &(number | HARDENED).to_be_bytes()]);
    }
    Ok(key)
}

/// The two halves of HMAC-SHA512 over `parts`: the key and the chain code.
fn hmac_sha512(key: &[u8], parts: &[&[u8]]) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 32]>) {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("any length");
    for part in parts {
        mac.update(part);
    }
    let output: Zeroizing<[u8; 64]> = Zeroizing::new(mac.finalize().into_bytes().into());
    let (mut left, mut right) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
    left.copy_from_slice(&output[..32]);
    right.copy_from_slice(&output[32..]);
    (left, right)
}

fn bip32_secp256k1(seed: &[u8], path: &str) -> Result<Zeroizing<[u8; 32]>, DeriveError> {
    let parsed: bip32::DerivationPath = path.parse().map_err(|_| DeriveError::Path(path.into(), KeyKind::Ethereum))?;
    let key = bip32::ExtendedPrivateKey::<secp256k1::SecretKey>::derive_from_path(seed, &parsed)
        .map_err(|_| DeriveError::NoKey(path.into()))?;
    Ok(Zeroizing::new(key.to_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diem_core::keys::SecretKey;

    use super::*;

    const JUNK: &str = "test test test test test test test test test test test junk";

    fn private_at(seed: &str, path: &str) -> String {
        hex::encode(*slip10_ed25519(&hex::decode(seed).unwrap(), path).unwrap())
    }

    fn public_at(seed: &str, path: &str) -> String {
        let secret = slip10_ed25519(&hex::decode(seed).unwrap(), path).unwrap();
        hex::encode(ed25519_dalek::SigningKey::from_bytes(&secret).verifying_key().as_bytes())
    }

    /// The vector is SLIP-0010, "Test vector 1 for ed25519".
    #[test]
    fn slip10_vector_1() {
        let seed = "000102030405060708090a0b0c0d0e0f";
        for (path, private, public) in [
            (
                "m",
                "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
                "a4b2856bfec510abab89753fac1ac0e1112364e7d250545963f135f2a33188ed",
            ),
            (
                "m/0'",
                "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
                "8c8a13df77a28f3445213a0f432fde644acaa215fc72dcdf300d5efaa85d350c",
            ),
            (
                "m/0'/1'/2'/2'/1000000000'",
                "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
                "3c24da049451555d51a7014a37337aa4e12d41e485abccfa46b47dfb2af54b7a",
            ),
        ] {
            assert_eq!(private_at(seed, path), private, "{path}");
            assert_eq!(public_at(seed, path), public, "{path}");
        }
    }

    /// The vector is SLIP-0010, "Test vector 2 for ed25519".
    #[test]
    fn slip10_vector_2() {
        let seed = "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542";
        for (path, private) in [
            ("m", "171cb88b1b3c1db25add599712e36245d75bc65a1a5c9e18d76f9f2b1eab4012"),
            ("m/0'", "1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635"),
            ("m/0'/2147483647'/1'/2147483646'/2'", "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d"),
        ] {
            assert_eq!(private_at(seed, path), private, "{path}");
        }
    }

    /// These are the accounts that every Ethereum development chain shows for this phrase.
    #[test]
    fn ethereum_addresses_are_the_published_ones() {
        let phrase = parse_phrase(JUNK).unwrap();
        for (index, address) in [
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
            "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        ]
        .into_iter()
        .enumerate()
        {
            let path = default_path(KeyKind::Ethereum, u32::try_from(index).unwrap());
            let secret = derive(&phrase, KeyKind::Ethereum, &path).unwrap();
            assert_eq!(secret.key().address().to_hex(), address);
        }
    }

    #[test]
    fn both_kinds_of_key_differ_under_one_phrase() {
        let phrase = parse_phrase(JUNK).unwrap();
        let first = derive(&phrase, KeyKind::Ed25519, &default_path(KeyKind::Ed25519, 0)).unwrap();
        let second = derive(&phrase, KeyKind::Ed25519, &default_path(KeyKind::Ed25519, 1)).unwrap();
        let wallet = derive(&phrase, KeyKind::Ethereum, &default_path(KeyKind::Ethereum, 0)).unwrap();
        let addresses = [&first, &second, &wallet].map(|secret| secret.key().address());
        assert!(addresses[0] != addresses[1] && addresses[1] != addresses[2] && addresses[0] != addresses[2]);
        assert!(matches!(first.key(), SecretKey::Ed25519(_)) && matches!(wallet.key(), SecretKey::Ethereum(_)));
    }

    #[test]
    fn a_new_phrase_has_24_words_and_reads_back() {
        let phrase = new_phrase().unwrap();
        assert_eq!(phrase.word_count(), PHRASE_WORDS);
        assert_eq!(parse_phrase(&phrase.to_string()), Ok(phrase.clone()));
        assert_ne!(new_phrase().unwrap(), phrase);
        assert_eq!(parse_phrase(&phrase.to_string().replace(' ', "\n")), Ok(phrase));
    }

    #[test]
    fn a_mistyped_phrase_says_what_is_wrong() {
        let error = |text: &str| parse_phrase(text).unwrap_err().to_string();
        assert!(error("test test").contains("2 words"), "{}", error("test test"));
        assert!(error(&JUNK.replace("junk", "jnuk")).contains("word 12"));
        assert!(error(&JUNK.replace("junk", "test")).contains("checksum"));
    }

    #[test]
    fn paths_that_the_kind_does_not_allow_are_refused() {
        let phrase = parse_phrase(JUNK).unwrap();
        for bad in ["", "44'/60'", "m/44'/60'/0'/0/0", "m/x'", "m/2147483648'", "m/"] {
            assert!(matches!(derive(&phrase, KeyKind::Ed25519, bad), Err(DeriveError::Path(..))), "{bad}");
        }
        assert!(matches!(derive(&phrase, KeyKind::Ethereum, "x/1"), Err(DeriveError::Path(..))));
    }
}
