//! A local Base for devnets and tests: anvil, Foundry's chain for development, as a child of this process. It knows
//! nothing of the bridge; `diem-base` speaks to it as to any endpoint.

#![allow(clippy::disallowed_methods, reason = "this room starts a process and waits for it")]

mod find;
mod local;
mod state;

pub use find::{FindError, VERSION, find, find_for_tests, find_or_install};
pub use local::{LocalBase, Options, StartError};
pub use state::files as state_files;
