//! How the shared library is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        // The version of the ABI, so that programs linked with another one do not start.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libamp_pool.so.1");
        // Threads of the program may have destructors of ours to run when they end, long after a `dlclose`.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
