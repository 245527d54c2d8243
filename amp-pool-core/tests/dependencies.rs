//! What `Cargo.lock` has to hold and may not hold.
//!
//! Runs with every `cargo test` and needs nothing installed. Licences, registries and advisories are left to
//! `cargo deny` (`.deny.toml`).

#![expect(clippy::unwrap_used, reason = "helpers of a test may stop at the first surprise")]

use std::collections::BTreeMap;

const LOCK: &str = include_str!("../../Cargo.lock");

type Version = (u64, u64, u64);

/// The packages of a lock file with the versions of each.
fn packages(lock: &str) -> BTreeMap<&str, Vec<Version>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for package in lock.split("[[package]]\n").skip(1) {
        let value = |start| package.lines().find_map(|line| line.strip_prefix(start)?.strip_suffix('"')).unwrap();
        found.entry(value("name = \"")).or_default().push(numbers(value("version = \"")));
    }
    found
}

/// The three numbers of `1.2.3-beta+build`.
fn numbers(version: &str) -> Version {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().unwrap());
    let mut next = || parts.next().unwrap();
    (next(), next(), next())
}

#[test]
fn neither_a_second_tls_nor_compression_in_c_comes_in() {
    let packages = packages(LOCK);
    let mut unwanted = vec!["openssl-sys", "native-tls", "aws-lc-sys", "zstd-sys"];

    unwanted.retain(|name| packages.contains_key(name));
    assert_eq!(unwanted, Vec::<&str>::new());
}

#[test]
fn versions_with_known_holes_are_behind_us() {
    let packages = packages(LOCK);
    let mut too_old = vec![
        // Refuses requests whose length can be read in two ways.
        ("hyper", (1, 12, 0)),
        // Survives floods of tiny frames, and refuses content lengths that disagree.
        ("h2", (0, 4, 20)),
        // Brings SQLite 3.51.3: before it, a reader and a checkpoint at the same time could corrupt the database.
        ("libsqlite3-sys", (0, 37, 0)),
    ];

    too_old.retain(|(name, least)| packages[name].iter().any(|version| version < least));
    assert_eq!(too_old, Vec::<(&str, Version)>::new());
}

#[test]
fn what_must_fit_together_exists_once() {
    // Two versions of one of these compile, but their types do not fit, or each has its own idea of "the" runtime.
    let packages = packages(LOCK);
    let mut doubled = vec!["http", "http-body", "hyper", "rustls", "tokio", "tower-service"];

    doubled.retain(|name| packages[name].len() != 1);
    assert_eq!(doubled, Vec::<&str>::new());
}

#[test]
fn a_lock_file_is_read_with_double_packages_and_suffixed_versions() {
    let lock = "version = 4\n\n\
        [[package]]\nname = \"a\"\nversion = \"1.2.3+x.4\"\n\n\
        [[package]]\nname = \"b\"\nversion = \"0.10.0-rc.1\"\ndependencies = [\n \"a 2.0.0\",\n]\n\n\
        [[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";

    let expected = BTreeMap::from([("a", vec![(1, 2, 3), (2, 0, 0)]), ("b", vec![(0, 10, 0)])]);
    assert_eq!(packages(lock), expected);
}
