//! Errors that users see, with numbers that never change, and errors that stop the node.

use std::fmt;

/// What kind of refusal an error is. Whoever speaks a protocol maps kinds to its own codes; modules know none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes or a value in them can never be right.
    Malformed,
    /// Who asks may not do this.
    Forbidden,
    /// What is named does not exist.
    Missing,
    /// The state does not allow it: something is taken, over, or not yet so far.
    Conflict,
    /// A rule of the economy refuses it: there is too little, or it would be too much.
    Refused,
    /// The fee, or who would pay it, is not enough.
    Payment,
    /// It is larger than the largest that is accepted.
    TooLarge,
    /// The chain cannot take it now, whatever it is.
    Unavailable,
}

/// One line of the table of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The number inside its codespace, from 1; never reused.
    pub code: u32,
    /// The variant's name in snake case.
    pub name: &'static str,
    /// What kind of refusal it is.
    pub kind: ErrorKind,
    /// Whether the same bytes may succeed later.
    pub retry: bool,
}

/// What a module's error enum declares beside the text of each error.
pub trait ModuleError: std::error::Error {
    /// The module's name, which stands beside the number of each error.
    const CODESPACE: &'static str;
    /// Every error that the module can give.
    const TABLE: &'static [ErrorInfo];

    /// The stable number of this error.
    fn code(&self) -> u32;
}

/// A failed call or an invalid transaction: codespace and number are consensus, the text is for people only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The name of the module that refused.
    pub codespace: &'static str,
    /// The number in the codespace; never 0.
    pub code: u32,
    /// What is wrong and what to do. The text is never part of any hash.
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.message, self.codespace, self.code)
    }
}

impl std::error::Error for CallError {}

impl<E: ModuleError> From<E> for CallError {
    fn from(error: E) -> Self {
        Self { codespace: E::CODESPACE, code: error.code(), message: error.to_string() }
    }
}

/// An error after which this node must not go on: an invariant is broken or the store cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fatal(pub String);

/// Writes [`ModuleError`] for an enum of errors from one list, a line each: its number, its name, its [`ErrorKind`],
/// `retry` if the same bytes may succeed later or `never`, and the pattern that it stands for.
///
/// The numbers are written out because clients and committed results hold them: a number is never reused, and a new
/// error takes the next one.
#[macro_export]
macro_rules! error_table {
    ($error:ty, $codespace:expr; $($code:literal $name:ident $kind:ident $retry:ident => $pattern:pat,)+) => {
        impl $crate::ModuleError for $error {
            const CODESPACE: &'static str = $codespace;
            const TABLE: &'static [$crate::ErrorInfo] = &[$($crate::ErrorInfo {
                code: $code,
                name: stringify!($name),
                kind: $crate::ErrorKind::$kind,
                retry: $crate::error_table!(@ $retry),
            }),+];

            fn code(&self) -> u32 {
                match self {
                    $($pattern => $code,)+
                }
            }
        }
    };
    (@ retry) => { true };
    (@ never) => { false };
}
