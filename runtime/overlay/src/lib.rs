//! State without a database: what is written but not committed, and what it can stand on.
//!
//! ```text
//! Overlay ......... writes of a transaction over those of a block over ...
//!   WriteSet ...... the last value written to each key
//! MemoryRows ...... rows in memory, copied in constant time
//! Empty ........... the state of a chain that has not begun
//! execute ......... a call on them, as the test of a module makes one
//! ```
//!
//! A test of a module needs nothing else, so it links no database.

mod execute;
mod memory;
mod overlay;
mod places;
mod writes;

pub use execute::execute;
pub use memory::{Empty, MemoryRows};
pub use overlay::Overlay;
pub use places::Places;
pub use writes::{Row, WriteSet};
