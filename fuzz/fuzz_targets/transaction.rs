//! Lets libFuzzer drive the target `diem_fuzz::transaction`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::transaction(data));
