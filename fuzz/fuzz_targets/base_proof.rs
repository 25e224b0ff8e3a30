//! Lets libFuzzer drive the target `diem_fuzz::base_proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::base_proof(data));
