//! The header is that of the sources.

use std::{fs, path::Path};

/// `AMP_POOL_WRITE_HEADER=1` writes it anew.
#[test]
fn the_header_in_the_repository_is_that_of_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut header = Vec::new();
    cbindgen::Builder::new().with_crate(root).with_config(config).generate().unwrap().write(&mut header);
    let (now, file) = (String::from_utf8(header).unwrap(), root.join("include/amp_pool.h"));
    if std::env::var_os("AMP_POOL_WRITE_HEADER").is_some() {
        fs::create_dir_all(root.join("include")).unwrap();
        fs::write(&file, &now).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == now,
        "include/amp_pool.h is not that of the sources: AMP_POOL_WRITE_HEADER=1 cargo test -p amp-pool-ffi --test header"
    );
}
