//! An endpoint of Base for tests. It listens on loopback, takes JSON-RPC over HTTP, asks an upstream (anvil, say) and
//! passes the truth on, except for the lies that are switched on: at the start, or while it runs, for everybody or for
//! one victim, for every block or for those above a number.
//!
//! ```no_run
//! use diem_lying_base::{Lie, LyingBase, Options, Scope};
//!
//! let proxy = LyingBase::start(Options::new("http://127.0.0.1:8545"))?;
//! let (first, second) = (proxy.url_of("v1"), proxy.url_of("v2"));
//! proxy.lie(Lie::LagBlocks(10)); // to both
//! proxy.lie_within(Scope::victim("v2").above(100), Lie::ForgeStateRoot);
//! assert_eq!(proxy.counts().told("lag-blocks"), 0); // nobody has asked yet
//! proxy.honest();
//! # Ok::<(), diem_lying_base::StartError>(())
//! ```
//!
//! The first segment of a URL's path is the victim; upstream every victim's question goes to the same place. As long as
//! no lie concerns a question, its answer is the upstream's, byte for byte. The answer of a batch in which one question
//! is answered by a lie is written anew.
//!
//! Everything is bounded: the size of a question and of an answer, the questions in a batch, the connections, and the
//! time of each answer, those without an end included.

#![allow(clippy::disallowed_methods, reason = "a server for tests starts a thread and waits")]

mod answer;
mod blocks;
mod counts;
mod forgery;
mod header;
mod json;
mod lie;
mod logs;
mod orders;
mod proofs;
mod proxy;
mod seeded;
mod server;
mod transport;
mod trie;
mod upstream;
mod view;

pub use counts::Counts;
pub use forgery::{ForgedLog, Forgery, ForgeryError};
pub use header::header_hash;
pub use lie::{FORMS, Form, Lie, LieError};
pub use orders::Scope;
pub use proxy::{LyingBase, Options, StartError};
