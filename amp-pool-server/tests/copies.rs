//! Backups: made under load, whole, and put back only where they fit.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{fs, path::Path};

use common::{Launch, Reply, Server, Upstream, chat};

/// A server with one key, whose upstream answers everything.
async fn started(data: &Path) -> (Server, Upstream) {
    let upstream = Upstream::start(|ask| Reply::chat(ask.model(), 10, 5)).await;
    let server = Launch::on(data).start();
    server.add_key("good", &upstream).await;
    (server, upstream)
}

async fn call(server: &Server) -> bool {
    server.client().post("/v1/chat/completions", &chat("gpt-5", false)).await.status == 200
}

async fn requests(server: &Server) -> u64 {
    let sums = server.admin().get("/api/statistics/overview?from=2020-01-01T00:00:00Z").await.json();
    sums["requests"].as_u64().unwrap()
}

/// Runs a command of the program to its end: its exit code and what it said to whom.
fn run(data: &Path, words: &[&str]) -> (i32, String) {
    words.iter().fold(Launch::on(data), |launch, word| launch.arg(word)).fail()
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_under_load_are_whole_and_bring_their_moment_back() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (server, _upstream) = started(&data).await;
    let mut answered = 0;
    let mut seen = Vec::new();
    for n in 0..4 {
        answered += u64::from(call(&server).await);
        seen.push(answered);
        let copy = dir.path().join(format!("copy-{n}"));
        let load = async {
            let mut more = 0;
            for _ in 0..10 {
                more += u64::from(call(&server).await);
            }
            more
        };
        let (data, name) = (data.clone(), copy.to_str().unwrap().to_owned());
        let backup = tokio::task::spawn_blocking(move || run(&data, &["backup", &name]));
        let (more, made) = tokio::join!(load, backup);
        assert_eq!(made.as_ref().unwrap().0, 0, "{made:?}");
        answered += more;
        assert_eq!(run(&data_of(&dir), &["restore", "--check", copy.to_str().unwrap()]).0, 0);
    }
    assert_eq!(requests(&server).await, answered);

    let copy = dir.path().join("copy-1");
    let refused = run(&data_of(&dir), &["restore", copy.to_str().unwrap()]);
    assert!(refused.0 == 4 && refused.1.contains("in use"), "{refused:?}");
    assert_eq!(run(&data_of(&dir), &["backup", copy.to_str().unwrap()]).0, 4, "nothing is overwritten");
    server.stop();
    assert_eq!(run(&data_of(&dir), &["restore", copy.to_str().unwrap()]).0, 0);

    let server = Launch::on(&data_of(&dir)).start();
    let found = requests(&server).await;
    assert!((seen[1]..=seen[2]).contains(&found), "{found} of {seen:?}");
    assert!(call(&server).await, "the key came back with its secret");
    assert_eq!(requests(&server).await, found + 1);
    drop(server);

    fs::write(dir.path().join("letter"), "no database").unwrap();
    let (code, said) = run(&data_of(&dir), &["restore", dir.path().join("letter").to_str().unwrap()]);
    assert!(code == 4 && said.lines().count() == 1, "{code}: {said}");
    let copied = fs::read(dir.path().join("copy-1")).unwrap();
    assert!(!copied.windows(11).any(|part| part == b"sk-test-goo"), "a backup holds no secret in the clear");
}

fn data_of(dir: &tempfile::TempDir) -> std::path::PathBuf {
    dir.path().join("data")
}
