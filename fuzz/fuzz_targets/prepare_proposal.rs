//! Lets libFuzzer drive the target `diem_fuzz::prepare_proposal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::prepare_proposal(data));
