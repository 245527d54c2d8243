//! Whether the committed UI is the one its sources give, as far as that can be told without Node.
//!
//! The hash is defined in `frontend/tools/sources.mjs`. `make check-ui` goes further: it builds and compares.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

fn server() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn hex(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Every file in `folder` and below as a path with `/`, without the names that `skips`.
fn files(folder: &Path, skips: fn(&str) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(folder, "", skips, &mut found);
    found
}

fn walk(folder: &Path, below: &str, skips: fn(&str) -> bool, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if skips(&name) {
            continue;
        }
        let path = format!("{below}{name}");
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), &format!("{path}/"), skips, found);
        } else {
            found.insert(path);
        }
    }
}

fn manifest() -> Value {
    serde_json::from_slice(&read(&server().join("ui/manifest.json"))).unwrap()
}

/// The folder of the sources; a packaged crate has none, and nothing to be stale against.
fn sources() -> Option<PathBuf> {
    Some(server().join("../frontend")).filter(|folder| folder.is_dir())
}

fn is_no_source(name: &str) -> bool {
    matches!(name, "node_modules" | "dist" | "e2e" | "playwright.config.ts")
        || name.starts_with('.')
        || name.contains(".test.")
}

#[test]
fn the_committed_ui_was_made_from_these_sources() {
    let Some(frontend) = sources() else { return };
    let paths = files(&frontend, is_no_source);
    let lines = paths.iter().map(|path| format!("{path}\0{}\n", hex(&read(&frontend.join(path)))));
    let hash = hex(lines.collect::<String>().as_bytes());
    assert_eq!(manifest()["sources"], hash.as_str(), "the committed UI is stale: run `make ui`");
}

#[test]
fn the_folder_holds_what_the_manifest_names_and_nothing_else() {
    let manifest = manifest();
    let named = manifest["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap());
    let mut expected: BTreeSet<String> = named.flat_map(|path| [format!("{path}.br"), format!("{path}.gz")]).collect();
    expected.insert("manifest.json".into());
    assert_eq!(files(&server().join("ui"), |_| false), expected, "run `make ui`");
}
