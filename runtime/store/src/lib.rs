//! Committed state.
