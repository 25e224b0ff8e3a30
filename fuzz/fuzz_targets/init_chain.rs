//! Lets libFuzzer drive the target `diem_fuzz::init_chain`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| diem_fuzz::init_chain(data));
