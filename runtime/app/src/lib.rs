//! The runtime: composes the modules into one state machine and gives it the few functions that an engine calls.
//!
//! [`App`] is plain and synchronous. It knows no socket and no ABCI type: two engines, tests, fuzzers and benchmarks
//! drive the same functions.
//!
//! ```text
//! check_tx ──> prepare ──> process ──> finalize ──> commit
//!    │             └───────────┴──────────┴── block::execute (one function for all three)
//!    └── mempool: nonces, and what accounts must keep, above the last commit
//! ```

mod ante;
mod app;
mod block;
mod chain;
mod commit;
mod dry_run;
mod gaps;
mod genesis;
pub mod hooks;
mod mempool;
mod modules;
mod pending;
mod proposal;
mod pruning;
mod query;
mod signatures;
pub mod simulation;
pub mod snapshots;
pub mod upgrade;
mod votes;

pub use app::MAX_VOTE_EXTENSION_BYTES;
pub use app::{App, Beginning, Info, Options};
pub use block::Finalized;
pub use commit::Committed;
pub use diem_staking::ValidatorUpdate;
pub use dry_run::{Change, DryRun, DryRunError};
pub use genesis::{InitChain, check_version, identity};
pub use proposal::Rejected;
pub use pruning::Keep;
pub use query::{Answered, QueryError, chain_params, consensus_params, gas_params};
pub use votes::{MAX_OWN_EXTENSION_BYTES, MAX_OWN_STATEMENTS};
