//! Lets libFuzzer drive the target `diem_fuzz::proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::proof(data));
