//! Every command of the wallet on a node of the `dev` preset: its effect on the chain, and what typical mistakes say.

mod blocks;
mod bridge;
mod bridge_back;
mod bridge_base;
mod bridge_home;
mod bundle;
mod chain;
mod config;
mod credit;
mod doctor;
mod failures;
mod help;
mod lies;
mod machine;
mod mint;
mod mistakes;
mod names;
mod providers;
mod screens;
mod stake;
mod strangers;
mod tidy;
mod unproven;
mod unwritten;
mod validators;
mod watching;
