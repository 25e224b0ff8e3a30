//! DIEM goes out to Base and comes home: real validators, and a local Base beside them.

mod apart;
pub(crate) mod base;
mod burns;
mod fast;
mod forged;
mod home;
mod refund;
mod reorg;
mod screen;
mod silent;
mod traffic;
mod upheaval;
