//! Whole nodes as processes: homes, both engines, devnets, kills.

mod alone;
mod chain;
mod critical;
mod demo;
mod devnet;
mod ends;
mod genesis;
mod homes;
mod killed;
mod level;
mod making;
mod otherwise;
mod readers;
mod refusals;
mod rollback;
mod sentences;
mod sentry;
mod signer;
mod stopping;
mod tmkms;
mod two_sentries;
