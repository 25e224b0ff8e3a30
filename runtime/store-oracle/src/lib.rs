//! Nothing but tests: the store's tree beside the jmt crate.
