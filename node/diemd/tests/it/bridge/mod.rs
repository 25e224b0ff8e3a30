//! DIEM goes out to Base: real validators, and a local Base beside them.

mod base;
mod screen;
mod silent;
mod traffic;
mod upheaval;
