//! What a program of this project needs of the machine that it runs on: a home and its lock, private files, free ports,
//! a clock, signals, critical threads, programs that it starts, secrets typed on a terminal, and output that never blocks.
//!
//! It stands on no other room of the house.
#![allow(clippy::disallowed_methods, reason = "this room reads the clock and the environment and starts threads")]

pub mod child;
pub mod clock;
pub mod critical;
pub mod folder;
pub mod home;
pub mod outlet;
pub mod ports;
pub mod signals;
pub mod terminal;
