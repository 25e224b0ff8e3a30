//! Lets libFuzzer drive the target `diem_fuzz::bridge_votes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::bridge_votes(data));
