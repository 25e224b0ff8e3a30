//! Lets libFuzzer drive the target `diem_fuzz::state_snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::state_snapshot(data));
