//! Signing in by OpenID Connect, at an issuer by script: who comes in, as whom, and every lie that is not believed.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
#[path = "oidc/issuer.rs"]
mod issuer;
#[path = "oidc/keys.rs"]
mod keys;

use common::{Launch, PASSWORD, Server, bytes_under, contains};
use issuer::{Browser, CLIENT_ID, CLIENT_SECRET, Issuer, Lie, PUBLIC, place, session};
use keys::Key;
use serde_json::{Value, json};

async fn start() -> (tempfile::TempDir, Issuer, Server) {
    let (dir, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let server = issuer.launch(&dir).start();
    (dir, issuer, server)
}

fn went(word: &str) -> (u16, String) {
    (303, format!("/?sign_in={word}"))
}

#[tokio::test]
async fn who_signs_in_elsewhere_gets_a_session_and_is_known_again() {
    let (dir, issuer, server) = start().await;
    assert_eq!(server.stranger().get("/api/auth/state").await.json(), json!({"setup_needed": true, "oidc": "Realm"}));
    let keys = [Key::ec("ec"), Key::ed("ed"), Key::rsa("rsa")];
    issuer.with(|state| state.published = keys.iter().map(Key::jwk).collect());
    for key in keys {
        issuer.with(|state| state.key = key);
        let answer = Browser::sign_in(&server, &issuer).await;
        assert_eq!(place(&answer), (303, "/keys".into()), "{}", server.log());
        let me = session(&server, &answer).unwrap().get("/api/auth/me").await.json();
        assert_eq!(me["user"], json!({"id": 1, "username": "ada@example.com", "role": "viewer"}));
        issuer.with(|state| state.person["email_verified"] = json!("true"));
    }
    let browser = Browser::begin(&server, "/").await;
    let expected = [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", &format!("{PUBLIC}/api/auth/oidc/callback")),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        ("theme", "dark"),
    ];
    for (name, value) in expected {
        assert_eq!(browser.sent[name], value, "{name}");
    }

    let answer = Browser::sign_in(&server, &issuer).await;
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("amp_oidc=; Max-Age=0")), "{cookies:?}");
    assert!(cookies.iter().any(|cookie| cookie.ends_with("HttpOnly; SameSite=Strict")), "{cookies:?}");
    let ada = session(&server, &answer).unwrap();
    let csrf = ada.get("/api/auth/me").await.json()["csrf_token"].as_str().unwrap().to_owned();
    assert_eq!(ada.get("/api/users").await.status, 403, "a viewer");
    let password = json!({"current_password": PASSWORD, "new_password": "another-horse-battery"});
    let ada = ada.with("x-csrf-token", &csrf);
    let refused = ada.post("/api/auth/password", &password).await;
    assert!(refused.text().contains("signs in without a password"), "{}", refused.text());
    assert_eq!(ada.post("/api/auth/logout", &json!({})).await.status, 204);
    assert_eq!(ada.get("/api/auth/me").await.status, 401);
    let by_password = json!({"username": "ada@example.com", "password": ""});
    assert_eq!(server.stranger().post("/api/auth/login", &by_password).await.status, 401);

    let audit = server.admin().get("/api/audit?user_id=1").await.json();
    let lines = audit["items"].as_array().unwrap();
    let login = lines.iter().find(|line| line["detail"]["issuer"].is_string()).unwrap();
    assert_eq!((&login["actor"], &login["http_status_code"]), (&json!("ada@example.com"), &json!(200)));
    assert_eq!((&login["detail"]["subject"], &login["detail"]["email"]), (&json!("s-1"), &json!("ada@example.com")));
    let log = server.log();
    server.stop();
    for secret in [CLIENT_SECRET, "planted-access-token", "code-0"] {
        assert!(!log.contains(secret) && !contains(&bytes_under(dir.path()), secret), "{secret}");
    }
}

/// Takes one thing of a token for another.
fn claim(name: &'static str, value: impl Fn(u64) -> Value + Send + 'static) -> Lie {
    Box::new(move |_, claims| claims[name] = value(claims["iat"].as_u64().unwrap_or_default()))
}

fn head(name: &'static str, value: &'static str) -> Lie {
    Box::new(move |head, _| head[name] = json!(value))
}

fn lies() -> Vec<(&'static str, Lie)> {
    vec![
        ("another login", claim("nonce", |_| json!("0".repeat(64)))),
        ("no login", claim("nonce", |_| Value::Null)),
        ("another client", claim("aud", |_| json!("other"))),
        ("no client", claim("aud", |_| Value::Null)),
        ("two clients", claim("aud", |_| json!([CLIENT_ID, "other"]))),
        ("for another one", claim("azp", |_| json!("other"))),
        ("over", claim("exp", |now| json!(now - 100))),
        ("over, as a text", claim("exp", |_| json!("never"))),
        ("without an end", claim("exp", |_| Value::Null)),
        ("of tomorrow", claim("iat", |now| json!(now + 600))),
        ("of yesterday", claim("iat", |now| json!(now - 600))),
        ("not yet", claim("nbf", |now| json!(now + 600))),
        ("another issuer", claim("iss", |_| json!("http://127.0.0.1:1/realm"))),
        ("two issuers", Box::new(|_, claims| claims["iss"] = json!([claims["iss"], "http://127.0.0.1:1"]))),
        ("nobody", claim("sub", |_| json!(""))),
        ("another way", head("alg", "RS256")),
        ("the public key as a secret", head("alg", "HS256")),
        ("another key", head("kid", "second")),
    ]
}

#[tokio::test]
async fn no_lie_of_a_token_is_believed() {
    let (_dir, issuer, server) = start().await;
    // Published as well, so that its name is known.
    issuer.with(|state| state.published.push(Key::ec("second").jwk()));
    for (name, lie) in lies() {
        issuer.with(|state| state.lie = lie);
        let answer = Browser::sign_in(&server, &issuer).await;
        assert_eq!(place(&answer), went("failed"), "{name}");
        assert!(session(&server, &answer).is_none(), "{name}");
    }
    assert_eq!(server.admin().get("/api/users").await.json()["total"], 0);
    assert_eq!(issuer.with(|state| state.gave_tokens), 18, "each was looked at");

    let dir = tempfile::tempdir().unwrap();
    let server = issuer.launch(&dir).start();
    let (unsigned, foreign) = (String::new(), Key::ec("first"));
    issuer.with(|state| (state.lie, state.signature) = (head("alg", "none"), Some(unsigned.clone())));
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("failed"), "unsigned");
    issuer.with(|state| state.lie = Box::new(|_, _| {}));
    for signature in [unsigned, "AAAA".into(), foreign.sign("x.y")] {
        issuer.with(|state| state.signature = Some(signature.clone()));
        assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("failed"), "{signature}");
    }
    issuer.with(|state| (state.signature, state.key) = (None, foreign));
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("failed"), "the name of a key and another key");
    issuer.with(|state| state.published = vec![state.key.jwk()]);
    issuer.with(|state| state.lie = head("kid", "unheard of"));
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("failed"), "a key that nobody knows");
    issuer.with(|state| state.lie = Box::new(|_, _| {}));
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await), (303, "/keys".into()), "the truth: {}", server.log());
}

#[tokio::test]
async fn a_login_ends_once_and_in_the_browser_that_began_it() {
    let (_dir, issuer, server) = start().await;
    let (mine, other) = (Browser::begin(&server, "/keys").await, Browser::begin(&server, "/keys").await);
    let code = issuer.says_yes(&mine.sent);
    let state = mine.sent["state"].clone();
    let stolen = other.back(&server, &[("code", &code), ("state", &state)]).await;
    assert_eq!(place(&stolen), went("expired"), "the state of another browser");
    let none = Browser { cookie: "a=b".into(), sent: mine.sent.clone() };
    assert_eq!(place(&none.back(&server, &[("code", &code), ("state", &state)]).await), went("expired"), "no ticket");
    for wrong in ["", "x", &other.sent["state"]] {
        assert_eq!(place(&mine.back(&server, &[("code", &code), ("state", wrong)]).await), went("expired"), "{wrong}");
    }
    assert_eq!(issuer.with(|state| state.gave_tokens), 0, "the issuer was not even asked");
    // The code of another login: the issuer sees that it was not begun here.
    let injected = other.back(&server, &[("code", &code), ("state", &other.sent["state"])]).await;
    assert_eq!(place(&injected), went("failed"));

    let fresh = Browser::begin(&server, "/keys").await;
    let code = issuer.says_yes(&fresh.sent);
    let back = [("code", code.as_str()), ("state", fresh.sent["state"].as_str())];
    assert_eq!(place(&fresh.back(&server, &back).await), (303, "/keys".into()), "{}", server.log());
    issuer.with(|state| state.gave_tokens = 0);
    let again = fresh.back(&server, &back).await;
    assert_eq!((place(&again), session(&server, &again).is_none()), (went("expired"), true), "replayed");
    let later = Browser::begin(&server, "/keys").await;
    let replayed = later.back(&server, &[("code", &code), ("state", &later.sent["state"])]).await;
    assert_eq!(place(&replayed), went("failed"), "the code of a login that has ended");
    assert_eq!(issuer.with(|state| state.gave_tokens), 0);
}

#[tokio::test]
async fn keys_are_looked_for_when_they_change_and_not_for_every_lie() {
    let (_dir, issuer, server) = start().await;
    let asked = || issuer.with(|state| state.asked_for_keys);
    for _ in 0..3 {
        assert_eq!(place(&Browser::sign_in(&server, &issuer).await).1, "/keys", "{}", server.log());
    }
    assert_eq!(asked(), 1);
    let second = Key::rsa("second");
    issuer.with(|state| (state.published, state.key) = (vec![state.key.jwk(), second.jwk()], second));
    for _ in 0..2 {
        assert_eq!(place(&Browser::sign_in(&server, &issuer).await).1, "/keys", "{}", server.log());
    }
    assert_eq!(asked(), 2);
    issuer.with(|state| state.lie = head("kid", "made up"));
    for _ in 0..3 {
        assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("failed"));
    }
    assert_eq!(asked(), 2, "it was asked for a key within this minute");
}

#[tokio::test]
async fn only_those_come_in_whom_the_settings_or_an_admin_let_in() {
    let (_dir, issuer, server) = start().await;
    let root = json!({"username": "root@elsewhere.org", "password": null, "role": "admin"});
    let made = server.admin().post("/api/users", &root).await;
    assert_eq!((made.status, &made.json()["has_password"]), (201, &json!(false)), "{}", made.text());
    server.user("bob@example.com", "admin").await;
    let visit = async |subject: &str, email: &str, verified: Value| {
        issuer.with(|state| state.person = json!({"sub": subject, "email": email, "email_verified": verified}));
        place(&Browser::sign_in(&server, &issuer).await).1
    };
    let refused = went("refused").1;
    assert_eq!(visit("1", "eve@evil.com", json!(true)).await, refused);
    assert_eq!(visit("1", "eve@example.com", json!(false)).await, refused);
    assert_eq!(visit("1", "eve@example.com", Value::Null).await, refused);
    assert_eq!(visit("1", "root@elsewhere.org", json!("false")).await, refused);
    assert_eq!(visit("1", "bob@example.com", json!(true)).await, refused, "who has a password is not taken over");
    assert_eq!(visit("2", "root@elsewhere.org", json!(true)).await, "/keys", "{}", server.log());
    assert_eq!(visit("3", "root@elsewhere.org", json!(true)).await, refused, "the address has become somebody else's");
    assert_eq!(visit("2", "changed@elsewhere.org", json!(false)).await, "/keys", "known by the subject");

    // A thin token: who it is stands elsewhere, and is believed of the same person alone.
    issuer.with(|state| {
        state.told = json!({"sub": "4", "email": "grace@example.com", "email_verified": true});
        state.person = json!({"sub": "5"});
    });
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("refused"));
    issuer.with(|state| state.person = json!({"sub": "4"}));
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await).1, "/keys", "{}", server.log());

    let users = server.admin().get("/api/users").await.json();
    let told = |n: usize| format!("{} {}", users["items"][n]["username"], users["items"][n]["role"]).replace('"', "");
    assert_eq!(
        [told(0), told(1), told(2)],
        ["root@elsewhere.org admin", "bob@example.com admin", "grace@example.com viewer"]
    );
    assert_eq!(server.admin().put("/api/users/3", &json!({"enabled": false})).await.status, 200);
    assert_eq!(place(&Browser::sign_in(&server, &issuer).await), went("refused"), "who is off stays out");
    let audit = server.admin().get("/api/audit?limit=1").await.json();
    assert_eq!(
        (&audit["items"][0]["actor"], &audit["items"][0]["detail"]["refused"], &audit["items"][0]["http_status_code"]),
        (&json!("somebody"), &json!("the user is off"), &json!(401))
    );
}

#[tokio::test]
async fn what_the_issuer_says_instead_of_a_code_is_told_in_a_word() {
    let (_dir, issuer, server) = start().await;
    let url = issuer.with(|state| state.url.clone());
    let visit = async |query: &[(&str, &str)]| {
        let browser = Browser::begin(&server, "/keys").await;
        let mut query = query.to_vec();
        query.push(("state", &browser.sent["state"]));
        let code = issuer.says_yes(&browser.sent);
        if query[0].0 == "iss" {
            query.push(("code", &code));
        }
        place(&browser.back(&server, &query).await)
    };
    assert_eq!(visit(&[("error", "access_denied")]).await, went("refused"));
    assert_eq!(visit(&[("error", "<script>alert(1)</script>")]).await, went("failed"));
    assert_eq!(visit(&[("nothing", "")]).await, went("failed"));
    assert_eq!(visit(&[("iss", "https://evil.example")]).await, went("failed"));
    assert_eq!(visit(&[("iss", &url)]).await, (303, "/keys".into()), "{}", server.log());
    assert!(!server.log().contains("<script>") && !server.log().contains("<b>"), "{}", server.log());

    for next in ["//evil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example", "%0d%0ax:%20y"] {
        let browser = Browser::begin(&server, next).await;
        let code = issuer.says_yes(&browser.sent);
        let answer = browser.back(&server, &[("code", &code), ("state", &browser.sent["state"])]).await;
        assert_eq!(place(&answer), (303, "/".into()), "{next}");
    }
    // Whoever makes up tickets makes us ask the issuer a few times, and no more.
    let mut words = Vec::new();
    for _ in 0..60 {
        words.push(visit(&[("nothing", "")]).await.1);
        if words.last() == Some(&went("busy").1) {
            break;
        }
    }
    assert_eq!(words.last(), Some(&went("busy").1), "{words:?}");
}

#[tokio::test]
async fn an_issuer_that_is_not_what_it_should_be_lets_nobody_in() {
    let begin = async |server: &Server| place(&server.stranger().get("/api/auth/oidc/login").await);
    for (name, value) in [
        ("issuer", json!("http://127.0.0.1:1/realm")),
        ("token_endpoint", json!("http://id.example.com/token")),
        ("authorization_endpoint", json!("javascript:alert(1)")),
        ("jwks_uri", Value::Null),
    ] {
        let (_dir, issuer, server) = start().await;
        issuer.with(|state| state.description[name] = value);
        assert_eq!(begin(&server).await, went("failed"), "{name}");
    }
    let (dir, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let server = issuer.launch(&dir).env("AMP_POOL_OIDC_ISSUER", "http://127.0.0.1:1/realm").start();
    assert_eq!(begin(&server).await, went("failed"));
    server.until_logged("nobody could sign in by OpenID Connect: description of the issuer").await;
    let plain = tempfile::tempdir().unwrap();
    let server = Launch::on(plain.path()).start();
    for path in ["/api/auth/oidc/login", "/api/auth/oidc/callback?code=a&state=b"] {
        assert_eq!(server.stranger().get(path).await.status, 404, "{path}: nobody set it up");
    }
    assert_eq!(server.stranger().get("/api/auth/state").await.json()["oidc"], Value::Null);
    let (code, said) = issuer.launch(&dir).env("AMP_POOL_OIDC_ROLE", "admin").fail();
    assert!(code == 2 && said.contains("AMP_POOL_OIDC_ROLE"), "{code} {said}");
}
