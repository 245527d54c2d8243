//! The OpenAPI document: what the code gives is what the repository has, and it covers every route.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{collections::BTreeSet, fs};

use amp_pool_server::app;
use common::Launch;
use serde_json::Value;

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
/// Writes the snapshot instead of comparing it.
const UPDATE: &str = "AMP_POOL_UPDATE_OPENAPI";

#[test]
fn the_document_of_the_repository_is_what_the_code_gives() {
    let document = app::openapi();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(SNAPSHOT, serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
    }
    let known: Value = serde_json::from_slice(&fs::read(SNAPSHOT).unwrap()).unwrap();
    let hint =
        format!("openapi.json is not what the code gives; look at what changes, and run this test with {UPDATE}=1");
    assert!(document == known, "{hint}");
}

/// `METHOD path` and the role, of every operation that the document has.
fn described() -> BTreeSet<(String, String)> {
    let document = app::openapi();
    let paths = document["paths"].as_object().unwrap().clone();
    let operations = paths.into_iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().clone().into_iter();
        operations.map(move |(method, operation)| {
            let role = operation["x-role"].as_str().unwrap().to_owned();
            (format!("{} {path}", method.to_uppercase()), role)
        })
    });
    operations.collect()
}

#[test]
fn every_route_is_described_with_the_role_it_takes() {
    let list = app::list_routes();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        (format!("{} {}", words[1], words[2]), words[0].to_owned())
    };
    let listed: BTreeSet<_> = list.lines().map(line).filter(|(_, role)| role != "client").collect();
    let described = described();
    let (gateway, ours): (BTreeSet<_>, BTreeSet<_>) = described.into_iter().partition(|(_, role)| role == "client");
    assert_eq!(ours, listed);
    for path in ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/messages/count_tokens", "/v1/embeddings"]
    {
        assert!(gateway.contains(&(format!("POST {path}"), "client".into())), "{path}");
    }
    let of_the_pool = |(line, _): &(String, String)| line.contains(" /v1/") || line.contains(" /api/provider/");
    assert!(gateway.iter().all(of_the_pool), "{gateway:?}");
}

/// Every value of `document` under `name`, wherever it is.
fn all<'a>(document: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match document {
        Value::Object(fields) => {
            found.extend(fields.get(name));
            fields.values().for_each(|value| all(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| all(value, name, found)),
        _ => {}
    }
}

#[test]
fn whatever_it_points_to_is_there_and_no_two_types_share_a_name() {
    let document = app::openapi();
    let mut places = Vec::new();
    all(&document, "$ref", &mut places);
    assert!(places.len() > 100, "{}", places.len());
    for place in places {
        let place = place.as_str().unwrap();
        assert!(document.pointer(place.strip_prefix('#').unwrap()).is_some(), "{place}");
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(!name.ends_with(|c: char| c.is_ascii_digit()), "two types are called `{name}`: rename one of them");
        assert!(!name.contains("_for_") && !name.ends_with("Out"), "`{name}` is a name of the code");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
        if name.ends_with("Input") && schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{name} takes fields that nobody knows");
        }
    }
    let mut ids = Vec::new();
    all(&document, "operationId", &mut ids);
    assert_eq!(ids.iter().map(|id| id.as_str().unwrap()).collect::<BTreeSet<_>>().len(), ids.len());
}

/// Lists that are short by nature: a row for each that the question named, for each setting, for each kind of failure.
const WHOLE_ANSWERS: [&str; 3] = ["/api/models/refresh", "/api/config/server", "/api/keys/{id}/failures"];

#[test]
fn every_list_comes_in_pages() {
    let document = app::openapi();
    let mut lists = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
            if !answer.as_str().is_some_and(|at| at.ends_with("List")) || WHOLE_ANSWERS.contains(&path.as_str()) {
                continue;
            }
            lists += 1;
            let names: Vec<_> =
                operation["parameters"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
            for name in ["limit", "cursor"] {
                assert!(names.contains(&&Value::from(name)), "{path} has no `{name}`");
            }
        }
    }
    assert!(lists >= 12, "{lists}");
}

#[test]
fn a_field_is_null_only_where_null_is_a_value_and_what_is_needed_is_said() {
    let document = app::openapi();
    let field = |schema: &str, name: &str| document["components"]["schemas"][schema]["properties"][name].clone();
    assert_eq!(field("KeyInput", "name")["type"], "string");
    assert_eq!(field("KeyInput", "base_url")["type"], serde_json::json!(["string", "null"]));
    assert_eq!(field("Key", "base_url")["type"], serde_json::json!(["string", "null"]));
    let body = |method: &str, path: &str| {
        document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    assert_eq!(body("post", "/api/keys")["allOf"][1]["required"], serde_json::json!(["name", "provider"]));
    assert_eq!(body("put", "/api/keys/{id}")["$ref"], "#/components/schemas/KeyInput");
}

#[tokio::test]
async fn anybody_can_read_it_and_its_page_runs_nothing_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let answer = server.stranger().get("/openapi.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    assert_eq!(answer.json(), app::openapi());
    let page = server.stranger().get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
    for script in page.text().split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src=\"/assets/"), "a script that is not ours, or none that the policy lets run: {tag}");
        assert!(rest.starts_with("</script>"), "{rest}");
    }
    assert!(page.text().contains("<script"), "{}", page.text());
}

#[tokio::test]
async fn pages_of_one_give_what_the_whole_list_gives() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    let admin = server.admin();
    let user = |name: &str| serde_json::json!({"username": name, "password": common::PASSWORD, "role": "viewer"});
    let budget = serde_json::json!({"limit": "5", "window": "day"});
    for name in ["a", "b", "c"] {
        let route = serde_json::json!({"model": name, "candidates": [{"model": "gpt-5-mini"}]});
        let rule = serde_json::json!({"name": name, "status": [418], "verdict": "rotate"});
        for (path, body) in [
            ("/api/tokens", serde_json::json!({"name": name, "budget": budget})),
            ("/api/groups", serde_json::json!({"name": name, "budget": budget})),
            ("/api/routes", route),
            ("/api/rules", rule),
            ("/api/users", user(name)),
            ("/api/keys", serde_json::json!({"name": name, "provider": "openai", "api_key": format!("sk-{name}")})),
        ] {
            assert_eq!(admin.post(path, &body).await.status, 201, "{path}");
        }
    }
    for list in
        ["tokens", "groups", "routes", "rules", "users", "keys", "budgets", "providers", "models", "config", "audit"]
    {
        let whole = admin.get(&format!("/api/{list}?limit=1000")).await.json()["items"].clone();
        let (mut found, mut cursor) = (Vec::new(), String::new());
        // Models are many.
        let limit = if list == "models" { 50 } else { 1 };
        loop {
            let page = admin.get(&format!("/api/{list}?limit={limit}&cursor={cursor}")).await.json();
            found.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(Value::from(found), whole, "{list}");
    }
}

#[tokio::test]
async fn a_parameter_that_an_operation_does_not_have_is_refused_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let server = Launch::on(dir.path()).start();
    for path in ["/api/providers?colour=red", "/api/auth/me?x=1", "/api/keys?colour=red"] {
        let answer = server.admin().get(path).await;
        let name = path.split(['?', '=']).nth(1).unwrap();
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &name.into()), "{path}");
    }
}
