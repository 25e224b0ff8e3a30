//! Lets libFuzzer drive the target `diem_fuzz::process_proposal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::process_proposal(data));
