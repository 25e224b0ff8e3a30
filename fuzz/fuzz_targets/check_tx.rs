//! Lets libFuzzer drive the target `diem_fuzz::check_tx`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::check_tx(data));
