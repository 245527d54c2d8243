//! Who may call what: every route of the server's own list, for everybody there is, in every spelling.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{CLIENT, Client, Launch, Server};
use http::Method;

struct Route {
    access: String,
    method: Method,
    path: String,
}

/// What the program itself says that it serves.
fn routes() -> Vec<Route> {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_amp-pool-server")).arg("routes").output().unwrap();
    let read = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let (access, method, path) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let method = if method == "ANY" { Method::GET } else { method.parse().unwrap() };
        Route { access, method, path }
    };
    String::from_utf8(output.stdout).unwrap().lines().map(read).collect()
}

/// The least role that each kind of access takes, and the role that each caller has.
const RANKS: [(&str, u8); 3] = [("viewer", 1), ("operator", 2), ("admin", 3)];

fn rank(name: &str) -> Option<u8> {
    RANKS.iter().find(|(known, _)| *known == name).map(|(_, rank)| *rank)
}

/// A path to something that is not there: whoever may call it gets another answer than "you may not".
fn concrete(path: &str) -> String {
    path.replace("{id}", "999999").replace("{key}", "no.such.setting").replace("{*path}", "models")
}

async fn ask(client: &Client, route: &Route) -> u16 {
    let path = concrete(&route.path);
    let client = client.clone().with("content-type", "application/json");
    // Its head is enough, and a stream has no end. A body that no handler takes, so that nothing is changed.
    let body = if route.method == Method::GET { "" } else { "[]" };
    client.try_open(route.method.clone(), &path, body).await.unwrap().status().as_u16()
}

async fn check(server: &Server, name: &str, client: &Client, expected: impl Fn(&Route) -> &'static [u16]) {
    for route in routes() {
        // Each would end the session that asks.
        if route.path == "/api/auth/logout" && name != "stranger" && name != "client" {
            continue;
        }
        let found = ask(client, &route).await;
        let refused = expected(&route);
        let Route { access, method, path } = &route;
        match refused {
            [] => assert!(found != 401 && found != 403, "{name}: {method} {path} ({access}) gave {found}"),
            codes => assert!(codes.contains(&found), "{name}: {method} {path} ({access}) gave {found}, not {codes:?}"),
        }
    }
    assert_eq!(server.stranger().get("/health").await.status, 200);
}

#[tokio::test]
async fn every_route_answers_whom_the_list_names_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for (role, has) in RANKS {
        let user = server.user(role, role).await;
        check(&server, role, &user, |route| match rank(&route.access) {
            Some(least) if least <= has => &[],
            Some(_) => &[403],
            // A session opens no gateway.
            None if route.access == "client" => &[401],
            None => &[],
        })
        .await;
    }
    let admin = server.admin();
    // One path layout of the gateway is not served yet, whoever asks.
    check(&server, "admin token", &admin, |route| if route.access == "client" { &[401, 501] } else { &[] }).await;
    for (name, client) in
        [("stranger", server.stranger()), ("basic", server.stranger().with("authorization", "Basic YTpi"))]
    {
        check(&server, name, &client, |route| if route.access == "open" { &[] } else { &[401] }).await;
    }
    let carriers =
        [("authorization", format!("Bearer {CLIENT}")), ("x-api-key", CLIENT.into()), ("api-key", CLIENT.into())];
    for (name, value) in carriers {
        let client = server.stranger().with(name, &value);
        check(&server, "client", &client, |route| if rank(&route.access).is_some() { &[401] } else { &[] }).await;
    }
    // Nothing was made or changed by all that.
    assert_eq!(admin.get("/api/keys").await.json()["total"], 0);
    assert_eq!(admin.get("/api/users").await.json()["total"], 3);
}

/// Ways to write a path that some server or other takes for the same.
fn spellings(path: &str) -> Vec<String> {
    let below = &path[1..];
    let first = below.split('/').next().unwrap();
    let escaped: String = first.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let rest = &below[first.len()..];
    let upper = first.to_uppercase();
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("/{upper}{rest}"),
        path.to_uppercase(),
        format!("/{path}"),
        path.replace('/', "//"),
        format!("/.{path}"),
        format!("/%2e{path}"),
        format!("/x/..{path}"),
        format!("/x/%2e%2e{path}"),
        format!("/v1/..{path}"),
        format!("/assets/%2e%2e{path}"),
        format!("/health/..{path}"),
        format!("/{escaped}{rest}"),
        format!("/%2f{below}"),
        below.replacen('/', "%2f", 1).replacen(first, &format!("/{first}"), 1),
        format!("/{first}%00{rest}"),
        format!("/{first};x{rest}"),
        format!("{path}%20"),
        format!("{path}?token=x"),
        format!("{path}#x").replace('#', "%23"),
        format!("{path}.json"),
        format!("/\u{5c}{below}").replace('\u{5c}', "%5c"),
    ]
}

#[tokio::test]
async fn no_spelling_of_an_admin_path_answers_a_stranger() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let key = serde_json::json!({"name": "planted-name", "provider": "openai", "api_key": "sk-0123456789abcdef"});
    assert_eq!(server.admin().post("/api/keys", &key).await.status, 201);
    let (stranger, client) = (server.stranger(), server.client());
    for route in routes().into_iter().filter(|route| rank(&route.access).is_some()) {
        for path in spellings(&route.path.replace("{id}", "1").replace("{key}", "x")) {
            for caller in [&stranger, &client] {
                let answer = caller.send(route.method.clone(), &path, "").await;
                // Nothing of the server's: refused, not there, or the page that everybody gets, which is no JSON.
                let harmless = matches!(answer.status, 400 | 401 | 404 | 405)
                    || (answer.status == 200 && !answer.header("content-type").contains("json"));
                assert!(harmless, "{} {path}: {} {}", route.method, answer.status, answer.text());
                assert!(!answer.text().contains("planted-name"), "{} {path}", route.method);
            }
        }
    }
    assert_eq!(server.admin().get("/api/keys").await.json()["total"], 1);
}
