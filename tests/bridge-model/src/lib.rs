//! This crate has only tests: they play random histories of the bridge, with its module on one side and the contracts'
//! own bytecode on the other.
