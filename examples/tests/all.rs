//! Every example, run as its reader would.

#![expect(clippy::unwrap_used, reason = "helpers of a test may stop at the first surprise")]

use std::process::Command;

/// Runs a program from the repository's root, without anything in its environment, and looks for texts in what it prints.
fn check(program: &str, arguments: &[&str], expected: &[&str]) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new(program).args(arguments).env_clear().current_dir(root).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    for text in expected {
        assert!(out.contains(text), "`{text}` is not in:\n{out}");
    }
}

#[test]
fn first_answer() {
    check(env!("CARGO_BIN_EXE_first_answer"), &[], &["Hello!"]);
}

#[test]
fn an_axum_application_with_its_own_routes_and_sign_in() {
    let expected = ["200 OK our own page", "401 Unauthorized", "sign in first", "session=ada\": 200 OK", "Hello!"];
    check(env!("CARGO_BIN_EXE_axum_app"), &[], &expected);
}

#[test]
fn plain_hyper() {
    check(env!("CARGO_BIN_EXE_plain_hyper"), &[], &["HTTP/1.1 200 OK", "Hello!"]);
}

#[test]
fn layers_without_a_pool() {
    let expected = [
        r#"200 OK {"caller":"ada","model":"gpt-4o","bytes":"#,
        "amp-1 asks for gpt-none: 404 Not Found",
        "amp-2 asks for gpt-4o: 401 Unauthorized",
    ];
    check(env!("CARGO_BIN_EXE_layers"), &[], &expected);
}

#[test]
fn own_store() {
    check(env!("CARGO_BIN_EXE_own_store"), &[], &["gpt-4o-mini cost Some(", "in the books as well: 1"]);
}

#[test]
fn own_transport() {
    let expected =
        ["POST https://api.openai.com/v1/chat/completions through Some(socks5h://…@127.0.0.1:1080)", "Hello!"];
    check(env!("CARGO_BIN_EXE_own_transport"), &[], &expected);
}

#[test]
fn scripted_test() {
    check(env!("CARGO_BIN_EXE_scripted_test"), &[], &["one call, three attempts, one record"]);
}

#[test]
fn embed_server() {
    let expected = ["serving at http://127.0.0.1:", "a key: 201", "a stranger: 401", "stopped"];
    check(env!("CARGO_BIN_EXE_embed_server"), &[], &expected);
}

#[test]
fn translate() {
    let files = ["request.json", "answer.sse", "answer.json"].map(|name| format!("examples/translate/{name}"));
    let mut arguments = vec!["--from", "chat", "--to", "messages", "--model", "claude-sonnet-4-5"];
    arguments.extend(files.iter().map(String::as_str));
    check(env!("CARGO_BIN_EXE_translate"), &arguments, &["claude-sonnet-4-5"]);
}

#[test]
fn simulate() {
    check(env!("CARGO_BIN_EXE_simulate"), &["--minutes", "10"], &[]);
}

#[test]
fn upstream() {
    check(env!("CARGO_BIN_EXE_upstream"), &["/usr/bin/env"], &["AMP_POOL_UPSTREAM=http://127.0.0.1:"]);
}
