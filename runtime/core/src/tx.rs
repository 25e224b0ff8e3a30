//! The envelope of a transaction: what its bytes are and what can be said of them without state.
//!
//! ```text
//! envelope  = 0 (signed) transaction sender-auth option(payer-auth)   | 1 reserved
//! signed is   "diem-tx/1" ++ borsh(transaction)  for ed25519, the EIP-712 digest for Ethereum keys
//! hash      = sha256(envelope)
//! ```
//!
//! Decoding is strict: unknown discriminants, wrong option bytes and left-over bytes are errors, so every transaction
//! has exactly one encoding.

use borsh::BorshDeserialize;

pub use crate::transaction::{CallBody, MAX_CALLS, MAX_CHAIN_ID_BYTES, MAX_MEMO_BYTES, Transaction};
use crate::{
    Address,
    keys::{Auth, SecretKey, SignatureError},
    sha256, typed_data,
};

/// The largest transaction, in bytes.
pub const MAX_TX_BYTES: usize = 512 * 1024;

/// The domain tag: the first bytes of what an ed25519 key signs.
const SIGN_TAG: &[u8] = b"diem-tx/1";
const SIGNED: u8 = 0;
/// The first byte of the transaction that carries the validators' bridge statements; refused where a user's
/// transaction is expected.
pub const BRIDGE_VOTES: u8 = 1;

/// sha256 of a transaction's bytes.
pub type TxHash = [u8; 32];

impl<C: CallBody> Transaction<C> {
    /// The bytes that an ed25519 key signs.
    pub fn sign_message(&self) -> Vec<u8> {
        sign_message(&crate::encode(self))
    }

    /// Signs for the sender and, where there is one, for the fee payer; the result is ready to submit.
    ///
    /// # Errors
    /// [`SignatureError::WrongSigner`] if a key is not that of the address it should speak for, or the fee payer's is
    /// missing or not asked for.
    pub fn sign(&self, sender: &SecretKey, fee_payer: Option<&SecretKey>) -> Result<Vec<u8>, SignatureError> {
        let keys_fit = sender.address() == self.sender && fee_payer.map(SecretKey::address) == self.fee_payer;
        if !keys_fit {
            return Err(SignatureError::WrongSigner);
        }
        let message = self.sign_message();
        let auth = |key: &SecretKey| key.sign(&message, || typed_data::digest(self));
        Ok(self.with_auth(&auth(sender), fee_payer.map(auth).as_ref()))
    }

    /// The envelope of this transaction with signatures made elsewhere.
    pub fn with_auth(&self, sender: &Auth, fee_payer: Option<&Auth>) -> Vec<u8> {
        let mut bytes = vec![SIGNED];
        bytes.extend(crate::encode(self));
        bytes.extend(crate::encode(&(sender, fee_payer)));
        bytes
    }
}

fn sign_message(body: &[u8]) -> Vec<u8> {
    [SIGN_TAG, body].concat()
}

/// Why bytes are no transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The transaction has more than [`MAX_TX_BYTES`] bytes.
    #[error("the transaction has more than {MAX_TX_BYTES} bytes")]
    TooLarge,
    /// The bytes are cut off, have an unknown discriminant, bytes left over, or text that is not UTF-8.
    #[error("the bytes are not a transaction: cut off, of an unknown kind, or with bytes left over")]
    Malformed,
    /// A transaction that only a proposer makes.
    #[error("this kind of transaction is made by proposers only")]
    Reserved,
    /// Too many calls, none, or too long a text.
    #[error(
        "a transaction has 1 to {MAX_CALLS} calls, a memo of at most {MAX_MEMO_BYTES} bytes and a chain id of at most {MAX_CHAIN_ID_BYTES}"
    )]
    Limits,
    /// A fee payer without a signature, a signature without a fee payer, or the sender named as fee payer.
    #[error("a fee payer other than the sender must sign, and nobody else")]
    FeePayer,
}

/// A decoded transaction, its signatures not yet verified.
#[derive(Debug, Clone)]
pub struct SignedTx<C> {
    /// The transaction that was signed.
    pub tx: Transaction<C>,
    /// The signature of the sender.
    pub auth: Auth,
    /// The signature of the fee payer, if there is one.
    pub payer_auth: Option<Auth>,
    /// sha256 of all bytes.
    pub hash: TxHash,
    /// The number of bytes.
    pub size: usize,
    message: Vec<u8>,
}

/// sha256 of a transaction's bytes: its name everywhere.
pub fn tx_hash(bytes: &[u8]) -> TxHash {
    sha256(&[bytes])
}

impl<C: CallBody> SignedTx<C> {
    /// Decodes and checks everything that the bytes alone decide, but not the signatures.
    ///
    /// # Errors
    /// [`DecodeError`]; the same bytes always give the same error.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with_hash(bytes, tx_hash(bytes))
    }

    /// [`Self::decode`] for a caller who has [`tx_hash`] of these bytes already.
    ///
    /// # Errors
    /// [`DecodeError`]; the same bytes always give the same error.
    pub fn decode_with_hash(bytes: &[u8], hash: TxHash) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_TX_BYTES {
            return Err(DecodeError::TooLarge);
        }
        let body = match bytes {
            [SIGNED, body @ ..] => body,
            [BRIDGE_VOTES, ..] => return Err(DecodeError::Reserved),
            _ => return Err(DecodeError::Malformed),
        };
        let mut rest = body;
        let tx = Transaction::<C>::deserialize(&mut rest).map_err(|_| DecodeError::Malformed)?;
        let length = body.len().saturating_sub(rest.len());
        let message = sign_message(body.get(..length).unwrap_or_default());
        let (auth, payer_auth): (Auth, Option<Auth>) =
            BorshDeserialize::try_from_slice(rest).map_err(|_| DecodeError::Malformed)?;
        check_limits(&tx)?;
        let payer_signs = payer_auth.is_some() == tx.fee_payer.is_some();
        if !payer_signs || tx.fee_payer == Some(tx.sender) {
            return Err(DecodeError::FeePayer);
        }
        Ok(Self { tx, auth, payer_auth, hash, size: bytes.len(), message })
    }

    /// Verifies both signatures. The verdict is a pure function of the bytes.
    ///
    /// # Errors
    /// The first signature that does not count.
    pub fn verify(&self) -> Result<(), SignatureError> {
        for (address, auth) in self.signatures() {
            auth.verify(address, &self.message, || typed_data::digest(&self.tx))?;
        }
        Ok(())
    }

    /// Each address that must have signed, with its signature.
    pub fn signatures(&self) -> impl Iterator<Item = (&Address, &Auth)> {
        let payer = self.tx.fee_payer.as_ref().zip(self.payer_auth.as_ref());
        std::iter::once((&self.tx.sender, &self.auth)).chain(payer)
    }

    /// The bytes that ed25519 keys signed.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The account that pays the fee: the fee payer, or else the sender.
    pub fn payer(&self) -> Address {
        self.tx.fee_payer.unwrap_or(self.tx.sender)
    }
}

fn check_limits<C>(tx: &Transaction<C>) -> Result<(), DecodeError> {
    let calls_fit = (1..=MAX_CALLS).contains(&tx.calls.len());
    let texts_fit = tx.memo.len() <= MAX_MEMO_BYTES && tx.chain_id.len() <= MAX_CHAIN_ID_BYTES;
    if calls_fit && texts_fit { Ok(()) } else { Err(DecodeError::Limits) }
}
