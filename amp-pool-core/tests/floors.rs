//! A module names only modules declared above it in `lib.rs`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{fs, path::Path};

/// The modules of `lib.rs`, bottom floor first.
fn floors(src: &Path) -> Vec<String> {
    let lib = fs::read_to_string(src.join("lib.rs")).unwrap();
    let module = |line: &str| {
        let name = line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("pub(crate) mod "))?;
        Some(name.strip_suffix(';')?.to_owned())
    };
    lib.lines().filter_map(module).collect()
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            _ => {}
        }
    }
}

/// The modules that a source text names by `crate::…`, tests included, doc examples not.
fn named(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(top_names(list)),
            None => found.push(first_word(rest)),
        }
    }
    found
}

/// The first word of each item of a `{…}` list, whatever is nested behind it.
fn top_names(list: &str) -> Vec<String> {
    let (mut depth, mut items, mut item) = (0, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            c => item.push(c),
        }
    }
    items.push(item);
    items.iter().map(|item| first_word(item.trim_start())).filter(|word| !word.is_empty()).collect()
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_module_names_only_modules_declared_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floors = floors(&src);
    let floor = |name: &str| floors.iter().position(|module| module == name);
    let mut sources = Vec::new();
    files(&src, &mut sources);
    let mut wrong = Vec::new();

    for path in sources.iter().filter(|path| !path.ends_with("lib.rs")) {
        let inside = path.strip_prefix(&src).unwrap();
        let module = inside.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let own = floor(&module).unwrap_or_else(|| panic!("`{module}` is not declared in lib.rs"));
        for name in named(&fs::read_to_string(path).unwrap()) {
            if floor(&name).is_some_and(|other| other > own) {
                wrong.push(format!("{} names `{name}`, which is above it", inside.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(sources.len() > 30, "only {} files were looked at", sources.len());
}

/// What the standard library offers on wasm too, and fails only when it is used.
const IMPURE: [&str; 5] = ["Instant::now", "SystemTime", "std::net", "std::fs", "std::thread"];

/// Holds a clock, but only for hosts that have one.
const NOT_PURE: &str = "time.rs";

#[test]
fn the_pure_floors_take_no_time_and_touch_nothing_outside() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floors = floors(&src);
    let pure = &floors[..=floors.iter().position(|module| module == "caller").unwrap()];
    let mut sources = Vec::new();
    files(&src, &mut sources);
    let mut wrong = Vec::new();

    for path in &sources {
        let inside = path.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        let module = inside.split('/').next().unwrap().replace(".rs", "");
        let text = fs::read_to_string(path).unwrap();
        // Examples in the documentation are programs of their own, and those have a clock.
        let code: String = text.split("#[cfg(test)]").next().unwrap().lines().filter(|l| !l.contains("//")).collect();
        if pure.contains(&module) && inside != NOT_PURE && !inside.ends_with("tests.rs") {
            wrong.extend(IMPURE.iter().filter(|name| code.contains(*name)).map(|name| format!("{inside}: {name}")));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(pure.len() > 10);
}

#[test]
fn names_are_found_in_lists_paths_and_nested_lists() {
    let text = "use crate::{a::{b, c}, d, Error};\nlet x = crate::e::f();\n// crate::g\n";
    assert_eq!(named(text), ["a", "d", "Error", "e"]);
}
