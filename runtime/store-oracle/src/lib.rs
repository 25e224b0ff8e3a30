//! This crate has only tests: they compare the store's tree with the jmt crate.
