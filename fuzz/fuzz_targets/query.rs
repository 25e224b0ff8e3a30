//! Lets libFuzzer drive the target `diem_fuzz::query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::query(data));
