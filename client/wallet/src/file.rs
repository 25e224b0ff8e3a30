//! One key in one file: versioned JSON with the secret encrypted under a passphrase.
//!
//! The secret is sealed together with kind and address, so that no part of the file can be exchanged. A plain file, whose secret
//! everyone who can read the file has, exists for development chains only.

use diem_core::development::known_account;
use diem_core::{Address, encoding::HexBytes, json::no_list_for_an_object, keys::KeyKind};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{Secret, seal::Encrypted};

const VERSION: u32 = 1;

/// The reason why a key cannot be read from or written to a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The file does not have the form of a key file.
    #[error("this is not a key file: {0}")]
    Form(String),
    /// The file was written by a later version.
    #[error("the key file has version {0}, this program reads version {VERSION}: use a newer diemd")]
    Version(u32),
    /// The passphrase is wrong or the file was changed; these cannot be told apart.
    #[error("wrong passphrase, or the key file was changed")]
    Passphrase,
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Randomness(String),
    /// The Argon2id parameters of the file are too large or invalid.
    #[error("the key file's parameters are not usable")]
    Parameters,
    /// A plain file was to be used on a chain that is not for development.
    #[error("a key that is stored unencrypted may be used on development chains only (their id has the part `dev`)")]
    PlainKey,
    /// The secret is public, and the chain is not for development.
    #[error("everybody knows {0}: it may be used on development chains only (their id has the part `dev`)")]
    KnownKey(String),
}

/// The cost of guessing a passphrase: Argon2id's memory and passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The memory in KiB.
    pub memory_kib: u32,
    /// The number of passes over the memory.
    pub passes: u32,
}

impl Default for Cost {
    /// The cost is RFC 9106's second recommendation: 64 MiB and three passes.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

/// The content of a key's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    version: u32,
    /// The kind of key.
    pub kind: KeyKind,
    /// The address of the key.
    pub address: Address,
    /// The derivation path under its phrase, if it comes from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    secret: Sealed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", remote = "Self", deny_unknown_fields)]
enum Sealed {
    /// The secret is encrypted by Argon2id and ChaCha20-Poly1305.
    Encrypted(Encrypted),
    /// The secret is plain, for development chains only.
    Plain(HexBytes),
}

diem_core::one_field_enum!(Sealed, "secret");

impl KeyFile {
    /// Encrypts `secret` under `passphrase`.
    ///
    /// # Errors
    /// [`KeyFileError::Randomness`] or [`KeyFileError::Parameters`].
    pub fn encrypt(secret: &Secret, path: Option<String>, passphrase: &str, cost: Cost) -> Result<Self, KeyFileError> {
        let address = secret.key().address();
        let sealed = Encrypted::seal(&*secret.bytes, &bound_data(secret.kind, &address), passphrase, cost)?;
        let secret_form = Sealed::Encrypted(sealed);
        Ok(Self { version: VERSION, kind: secret.kind, address, path, secret: secret_form })
    }

    /// Stores `secret` in plain, for the development chain `chain_id`.
    ///
    /// # Errors
    /// [`KeyFileError::PlainKey`] for any other chain.
    pub fn plain(secret: &Secret, path: Option<String>, chain_id: &str) -> Result<Self, KeyFileError> {
        if !diem_core::development::is_development(chain_id) {
            return Err(KeyFileError::PlainKey);
        }
        let address = secret.key().address();
        let sealed = Sealed::Plain(HexBytes(secret.bytes.to_vec()));
        Ok(Self { version: VERSION, kind: secret.kind, address, path, secret: sealed })
    }

    /// Whether the secret is encrypted.
    pub const fn is_encrypted(&self) -> bool {
        matches!(self.secret, Sealed::Encrypted(_))
    }

    /// Whether the key counts on development chains only: its secret is plain and others may have read it, or the
    /// secret is public, whatever the file is called and however it is encrypted.
    pub fn is_for_development(&self) -> bool {
        !self.is_encrypted() || known_account(&self.address).is_some()
    }

    /// Decrypts the secret for use on the chain `chain_id`; `passphrase` is called only if it is needed.
    ///
    /// # Errors
    /// [`KeyFileError`], or the error of `passphrase`.
    pub fn open<E: From<KeyFileError>>(
        &self,
        chain_id: &str,
        passphrase: impl FnOnce() -> Result<Zeroizing<String>, E>,
    ) -> Result<Secret, E> {
        // A public secret is refused however its file came here and however it is encrypted: every reader of the
        // documentation has this key as well.
        if !diem_core::development::is_development(chain_id)
            && let Some(name) = known_account(&self.address)
        {
            return Err(KeyFileError::KnownKey(name).into());
        }
        let bytes = match &self.secret {
            Sealed::Plain(_) if !diem_core::development::is_development(chain_id) => {
                return Err(KeyFileError::PlainKey.into());
            }
            Sealed::Plain(HexBytes(bytes)) => Zeroizing::new(bytes.clone()),
            Sealed::Encrypted(sealed) => sealed.open(&bound_data(self.kind, &self.address), &passphrase()?)?,
        };
        let mut array = Zeroizing::new([0; 32]);
        let fits = bytes.len() == array.len();
        let bytes = fits.then_some(bytes).ok_or(KeyFileError::Form("its secret is not 32 bytes long".into()))?;
        array.copy_from_slice(&bytes);
        let secret = Secret::new(self.kind, array).ok_or(KeyFileError::Form("its secret is no key".into()))?;
        if secret.key().address() != self.address {
            return Err(KeyFileError::Form("its secret is not that of its address".into()).into());
        }
        Ok(secret)
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// [`KeyFileError::Form`] or [`KeyFileError::Version`].
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        parse_version(text, VERSION)
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        #[expect(clippy::expect_used, reason = "the type has string keys only, and memory takes every write")]
        let mut text = serde_json::to_string_pretty(self).expect("a key file is JSON");
        text.push('\n');
        text
    }
}

/// The data that the ciphertext authenticates.
fn bound_data(kind: KeyKind, address: &Address) -> Vec<u8> {
    format!("diem-key/{VERSION} {kind} {address}").into_bytes()
}

/// Parses the text of a file of keys that names its version, which comes first: another version has another form.
///
/// # Errors
/// [`KeyFileError::Form`] or [`KeyFileError::Version`].
pub(crate) fn parse_version<T: Serialize + DeserializeOwned>(text: &str, known: u32) -> Result<T, KeyFileError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let form = |error: serde_json::Error| KeyFileError::Form(error.to_string());
    let Versioned { version } = serde_json::from_str(text).map_err(form)?;
    if version != known {
        return Err(KeyFileError::Version(version));
    }
    let file = serde_json::from_str(text).map_err(form)?;
    let given = serde_json::from_str(text).map_err(form)?;
    no_list_for_an_object(&given, &file).map_err(KeyFileError::Form)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1 };

    fn secret(kind: KeyKind) -> Secret {
        Secret::new(kind, Zeroizing::new([7; 32])).unwrap()
    }

    fn open(file: &KeyFile, passphrase: &str) -> Result<Secret, KeyFileError> {
        file.open("main-1", || Ok(Zeroizing::new(passphrase.to_owned())))
    }

    #[test]
    fn an_encrypted_key_opens_with_its_passphrase_only() {
        for kind in [KeyKind::Ed25519, KeyKind::Ethereum] {
            let file = KeyFile::encrypt(&secret(kind), None, "correct horse", CHEAP).unwrap();
            let read = KeyFile::parse(&file.to_text()).unwrap();
            assert_eq!(read, file);
            assert_eq!(open(&read, "correct horse").unwrap().key().address(), secret(kind).key().address());
            for wrong in ["", "correct", "correct horse "] {
                assert!(matches!(open(&read, wrong), Err(KeyFileError::Passphrase)));
            }
            assert!(!file.to_text().contains(&hex::encode([7; 32])));
        }
    }

    #[test]
    fn no_part_of_the_file_can_be_exchanged() {
        let file = KeyFile::encrypt(&secret(KeyKind::Ed25519), None, "p", CHEAP).unwrap();
        let mut other = file.clone();
        other.kind = KeyKind::Ethereum;
        assert!(matches!(open(&other, "p"), Err(KeyFileError::Passphrase)));
        let mut other = file.clone();
        other.address = Address([1; 20]);
        assert!(matches!(open(&other, "p"), Err(KeyFileError::Passphrase)));
        let Sealed::Encrypted(Encrypted { ciphertext, .. }) = &file.secret else { panic!("encrypted") };
        for index in 0..ciphertext.0.len() {
            let mut other = file.clone();
            let Sealed::Encrypted(Encrypted { ciphertext, .. }) = &mut other.secret else { panic!("encrypted") };
            ciphertext.0[index] ^= 1;
            assert!(matches!(open(&other, "p"), Err(KeyFileError::Passphrase)));
        }
    }

    #[test]
    fn two_files_of_one_key_share_nothing() {
        let make = || KeyFile::encrypt(&secret(KeyKind::Ed25519), None, "p", CHEAP).unwrap().secret;
        assert_ne!(make(), make());
    }

    #[test]
    fn plain_keys_are_for_development_chains_only() {
        let key = secret(KeyKind::Ed25519);
        assert_eq!(KeyFile::plain(&key, None, "diem-1"), Err(KeyFileError::PlainKey));
        let file = KeyFile::plain(&key, None, "diem-dev-1").unwrap();
        let never = || -> Result<_, KeyFileError> { panic!("a plain key needs no passphrase") };
        assert_eq!(file.open("diem-dev-1", never).unwrap().key().address(), key.key().address());
        assert!(matches!(open(&file, ""), Err(KeyFileError::PlainKey)));
    }

    #[test]
    fn a_key_that_everybody_knows_is_for_development_chains_only_however_it_is_kept() {
        let operator = Zeroizing::new(diem_genesis::presets::operator_secret(1));
        let file = KeyFile::encrypt(&Secret::new(KeyKind::Ed25519, operator).unwrap(), None, "p", CHEAP).unwrap();
        let open = |chain_id| file.open(chain_id, || Ok::<_, KeyFileError>(Zeroizing::new("p".into())));
        assert!(open("diem-dev-1").is_ok());
        let error = open("diem-1").err().unwrap();
        assert!(matches!(&error, KeyFileError::KnownKey(name) if name.contains("development validator 1")), "{error}");
    }

    #[test]
    fn a_forged_file_cannot_exhaust_the_machine() {
        let mut file = KeyFile::encrypt(&secret(KeyKind::Ed25519), None, "p", CHEAP).unwrap();
        for cost in [Cost { memory_kib: u32::MAX, passes: 1 }, Cost { memory_kib: 64, passes: u32::MAX }] {
            let Sealed::Encrypted(Encrypted { argon2id, .. }) = &mut file.secret else { panic!("encrypted") };
            *argon2id = cost;
            assert!(matches!(open(&file, "p"), Err(KeyFileError::Parameters)));
        }
    }

    #[test]
    fn other_files_are_told_apart() {
        let text = KeyFile::plain(&secret(KeyKind::Ed25519), None, "x-dev").unwrap().to_text();
        assert!(matches!(KeyFile::parse(""), Err(KeyFileError::Form(_))));
        assert!(matches!(KeyFile::parse("{}"), Err(KeyFileError::Form(_))));
        let later = text.replace("\"version\": 1", "\"version\": 2");
        assert_eq!(KeyFile::parse(&later), Err(KeyFileError::Version(2)));
    }
}
