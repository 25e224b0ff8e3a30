//! The node as its users meet it: HTTP and command line, over a whole node with the instant engine.
//!
//! All of them are one program: linking the node takes longer than running them.

mod bad_input;
mod bridge;
mod bridge_home;
mod bridge_refusals;
mod credit;
mod decoded;
mod economy;
mod events;
mod http;
mod limits;
mod local;
mod pending;
mod ready;
mod running;
mod shapes;
mod simulate;
mod strict;
mod wallet;
