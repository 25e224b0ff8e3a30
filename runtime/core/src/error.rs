//! Errors that users see, with numbers that never change, and errors that stop the node.

use std::fmt;

/// One line of the table of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The number inside its codespace, from 1; never reused.
    pub code: u32,
    /// The variant's name in snake case.
    pub name: &'static str,
    /// The HTTP status that it becomes.
    pub http: u16,
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
