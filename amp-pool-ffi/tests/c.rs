//! C programs against the library: compiled strictly, linked in each way, and under what finds misuse of memory.
//!
//! Wants a C and a C++ compiler (`CC`, `CXX`, else `cc` and `c++`). `AMP_POOL_CALLS` says how many calls each of 16 threads
//! makes, `AMP_POOL_LOADS` how often the library is loaded, `AMP_POOL_VALGRIND=1` runs the programs under valgrind too, where
//! threads take turns and each step takes fifty: there they make 20 calls each.

// Names of files, and what looks into them, are those of Linux.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of a test may stop at the first surprise")]

mod upstream;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

const STRICT: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"];
/// What a static Rust library needs of the system.
const SYSTEM: [&str; 5] = ["-lgcc_s", "-lrt", "-lpthread", "-lm", "-ldl"];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Shared,
    Static,
    /// With gcc's sanitizers for addresses, leaks and undefined behaviour; of the library they see the memory it takes.
    Sanitized,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn upstream_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| upstream::start().unwrap())
}

/// A library that cargo built together with this test.
fn library(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap().with_file_name(name);
    assert!(path.exists(), "{} is not there", path.display());
    path
}

/// Where programs find the shared library under the names that it is installed with.
fn installed(dir: &TempDir) -> &Path {
    for name in ["libamp_pool.so", "libamp_pool.so.1"] {
        let link = dir.path().join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(library("libamp_pool.so"), link).unwrap();
        }
    }
    dir.path()
}

fn compiler(variable: &str, otherwise: &str) -> Command {
    Command::new(env::var_os(variable).unwrap_or_else(|| otherwise.into()))
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn compile(dir: &TempDir, name: &str, way: Way) -> PathBuf {
    let program = dir.path().join(format!("{name}-{way:?}"));
    let mut cc = compiler("CC", "cc");
    cc.arg("-std=c11").arg("-D_POSIX_C_SOURCE=200809L").args(STRICT).arg("-g").arg("-o").arg(&program);
    cc.arg("-I").arg(root().join("include")).arg(root().join(format!("tests/c/{name}.c")));
    match way {
        // It loads the library itself.
        Way::Shared if name == "load" => cc.arg("-ldl"),
        Way::Static => cc.arg(library("libamp_pool.a")).args(SYSTEM),
        Way::Shared | Way::Sanitized => cc.arg("-L").arg(installed(dir)).args(["-lamp_pool", "-lpthread"]),
    };
    if way == Way::Sanitized {
        cc.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    }
    succeed(&mut cc);
    program
}

fn run(dir: &TempDir, name: &str) {
    run_natively(dir, name, &[]);
    under_valgrind(dir, name, &[]);
}

fn run_natively(dir: &TempDir, name: &str, arguments: &[&str]) {
    // The static library is large, and that it can be linked is shown by one program.
    let ways = [Way::Shared, Way::Sanitized, Way::Static];
    for way in ways.into_iter().take(if name == "calls" { 3 } else { 2 }) {
        let program = compile(dir, name, way);
        let data = TempDir::new().unwrap();
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", dir.path()).arg(upstream_url()).args(arguments);
        if name == "server" {
            command.arg(data.path());
        }
        print!("{way:?}: {}", succeed(&mut command));
    }
}

/// Where that is wanted, and after the program was compiled.
fn under_valgrind(dir: &TempDir, name: &str, arguments: &[&str]) {
    if env::var_os("AMP_POOL_VALGRIND").is_none_or(|wish| wish.is_empty()) {
        return;
    }
    let data = TempDir::new().unwrap();
    let mut command = Command::new("valgrind");
    command.args([
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite",
        "--show-leak-kinds=definite",
    ]);
    command.env("LD_LIBRARY_PATH", dir.path()).arg(dir.path().join(format!("{name}-Shared")));
    command.arg(upstream_url()).args(arguments);
    if name == "server" {
        command.arg(data.path());
    }
    print!("valgrind: {}", succeed(&mut command));
}

fn number(variable: &str, otherwise: &str) -> String {
    env::var(variable).unwrap_or_else(|_| otherwise.to_owned())
}

#[test]
fn the_header_is_clean_in_every_dialect() {
    let dir = TempDir::new().unwrap();
    let source = dir.path().join("only.c");
    fs::write(&source, "#include \"amp_pool.h\"\nint main(void) { return AMP_POOL_OK; }\n").unwrap();
    for (variable, otherwise, language, dialect) in
        [("CC", "cc", "c", "-std=c99"), ("CC", "cc", "c", "-std=c11"), ("CXX", "c++", "c++", "-std=c++17")]
    {
        let mut compiler = compiler(variable, otherwise);
        compiler.args(STRICT).args([dialect, "-fsyntax-only", "-x", language, "-I"]).arg(root().join("include"));
        succeed(compiler.arg(&source));
    }
    for name in ["calls", "misuse", "server"] {
        let mut compiler = compiler("CXX", "c++");
        compiler.args(STRICT).args(["-std=c++17", "-fsyntax-only", "-x", "c++", "-I"]).arg(root().join("include"));
        succeed(compiler.arg(root().join(format!("tests/c/{name}.c"))));
    }
}

#[test]
fn calls_streams_events_callbacks_and_the_books() {
    run(&TempDir::new().unwrap(), "calls");
}

#[test]
fn every_misuse_that_can_be_told_is_told_by_a_code() {
    run(&TempDir::new().unwrap(), "misuse");
}

#[test]
fn a_server_inside_a_program() {
    run(&TempDir::new().unwrap(), "server");
}

#[test]
fn many_threads_at_one_pool_and_at_one_call() {
    let dir = TempDir::new().unwrap();
    run_natively(&dir, "threads", &[&number("AMP_POOL_CALLS", "100")]);
    under_valgrind(&dir, "threads", &["20"]);
}

#[test]
fn loading_it_again_and_again_leaves_neither_memory_nor_threads() {
    let dir = TempDir::new().unwrap();
    let program = compile(&dir, "load", Way::Shared);
    let mut command = Command::new(program);
    print!("{}", succeed(command.arg(library("libamp_pool.so")).arg(number("AMP_POOL_LOADS", "200"))));
}

#[test]
fn what_is_exported_is_what_is_listed() {
    let listed = fs::read_to_string(root().join("symbols.txt")).unwrap();
    let mut nm = Command::new("nm");
    let found = succeed(nm.args(["--dynamic", "--defined-only", "--format=posix"]).arg(library("libamp_pool.so")));
    let mut found: Vec<_> = found.lines().filter_map(|line| line.split_whitespace().next()).collect();
    found.sort_unstable();
    assert_eq!(found, listed.lines().collect::<Vec<_>>());

    let header = fs::read_to_string(root().join("include/amp_pool.h")).unwrap();
    let missing: Vec<_> = listed.lines().filter(|name| !header.contains(&format!("{name}("))).collect();
    assert_eq!(missing, Vec::<&str>::new(), "functions that the header does not have");
}

#[test]
fn the_shared_library_bears_the_version_of_its_interface() {
    let mut readelf = Command::new("readelf");
    let dynamic = succeed(readelf.args(["--dynamic", "--wide"]).arg(library("libamp_pool.so")));
    let version = amp_pool::AMP_POOL_ABI_VERSION;
    assert!(dynamic.contains(&format!("Library soname: [libamp_pool.so.{version}]")), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}
