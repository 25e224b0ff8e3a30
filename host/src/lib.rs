//! What a program of this project needs of the machine that it runs on: a home and its lock, private files, the room on a
//! disk, free ports, a clock, signals, critical threads and their pulse, programs that it starts, the service manager,
//! secrets typed on a terminal, and output that never blocks.
//!
//! It stands on no other room of the house.
#![allow(clippy::disallowed_methods, reason = "this room reads the clock and the environment and starts threads")]

pub mod child;
pub mod clock;
pub mod critical;
pub mod disk;
pub mod folder;
pub mod home;
pub mod outlet;
pub mod ports;
pub mod pulse;
pub mod service;
pub mod signals;
pub mod terminal;
