//! Lets libFuzzer drive the target `diem_fuzz::finalize_block`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::finalize_block(data));
