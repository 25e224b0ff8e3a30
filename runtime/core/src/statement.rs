//! Statements: what somebody signs on its own and another one hands in inside a call, such as a voucher.
//!
//! Whether such a signature is good is a pure function of the statement. So whoever runs transactions may verify many
//! at once before execution comes to them, and remember the verdicts: it only saves work.

use crate::{
    Address,
    keys::{Auth, CompactSignature, SignatureError},
};

/// Something that was signed.
pub trait Statement: Send + Sync {
    /// The address that must have signed.
    fn signer(&self) -> &Address;

    /// The signature, by the key of [`Statement::signer`].
    fn auth(&self) -> &Auth;

    /// The bytes that an ed25519 key signs. All of the content is in them, and what kind of statement it is.
    fn message(&self) -> Vec<u8>;

    /// The digest that an Ethereum key signs: of the same content.
    fn digest(&self) -> [u8; 32];

    /// Checks that the signature is by the signer and fits the content.
    ///
    /// # Errors
    /// [`SignatureError`].
    fn verify(&self) -> Result<(), SignatureError> {
        self.auth().verify(self.signer(), &self.message(), || self.digest())
    }
}

/// A reference to a statement is a statement too.
impl<T: Statement + ?Sized> Statement for &T {
    fn signer(&self) -> &Address {
        (**self).signer()
    }

    fn auth(&self) -> &Auth {
        (**self).auth()
    }

    fn message(&self) -> Vec<u8> {
        (**self).message()
    }

    fn digest(&self) -> [u8; 32] {
        (**self).digest()
    }
}

/// The statements inside a call. Some are bytes of the call, others are put together from it and from what the
/// transaction around it says.
pub type Statements<'a> = Vec<Box<dyn Statement + 'a>>;

/// The parts of a transaction that a statement inside it may name.
#[derive(Debug, Clone, Copy)]
pub struct HandedIn<'a> {
    /// The chain that the transaction is for: on another one it is invalid, whatever is inside.
    pub chain_id: &'a str,
    /// The account that sends the transaction.
    pub sender: &'a Address,
}

/// Verifies statements while a transaction runs. Every answer is a pure function of its arguments.
pub trait Verifier {
    /// The verdict of [`Statement::verify`], which may be known already.
    ///
    /// # Errors
    /// [`SignatureError`].
    fn verify(&self, statement: &dyn Statement) -> Result<(), SignatureError>;

    /// The address whose key signed the digest, as [`CompactSignature::recover`] finds it, which may be known already.
    ///
    /// # Errors
    /// [`SignatureError`].
    fn recover(&self, signature: &CompactSignature, digest: &[u8; 32]) -> Result<Address, SignatureError>;
}

/// Verifies each statement when it is asked and remembers nothing.
#[derive(Debug, Clone, Copy)]
pub struct Forgetful;

impl Verifier for Forgetful {
    fn verify(&self, statement: &dyn Statement) -> Result<(), SignatureError> {
        statement.verify()
    }

    fn recover(&self, signature: &CompactSignature, digest: &[u8; 32]) -> Result<Address, SignatureError> {
        signature.recover(digest)
    }
}
