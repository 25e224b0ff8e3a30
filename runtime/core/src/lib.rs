//! The vocabulary of the chain.
pub mod storage;
