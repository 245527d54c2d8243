#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| amp_pool_fuzz::run("forwarded", data));
