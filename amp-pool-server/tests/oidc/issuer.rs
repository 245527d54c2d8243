//! An issuer of OpenID Connect that answers by script, on loopback, and a browser that visits it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::keys::Key;
use crate::common::{Answer, Client, Launch, Server};

pub(crate) const CLIENT_ID: &str = "pool at home";
pub(crate) const CLIENT_SECRET: &str = "planted/client+secret~k";
/// Where browsers would find the pool.
pub(crate) const PUBLIC: &str = "http://pool.test:8000";
const CALLBACK: &str = "http://pool.test:8000/api/auth/oidc/callback";

/// What a token is like before it is signed: its head and what it claims.
pub(crate) type Lie = Box<dyn Fn(&mut Value, &mut Value) + Send>;

pub(crate) struct State_ {
    pub(crate) url: String,
    /// What the tokens are signed with.
    pub(crate) key: Key,
    /// What is published.
    pub(crate) published: Vec<Value>,
    /// Of whom they are.
    pub(crate) person: Value,
    /// What is told beside tokens.
    pub(crate) told: Value,
    pub(crate) lie: Lie,
    /// What is said instead of a signature.
    pub(crate) signature: Option<String>,
    pub(crate) description: Value,
    pub(crate) asked_for_keys: u32,
    pub(crate) gave_tokens: u32,
    codes: HashMap<String, HashMap<String, String>>,
}

/// The issuer; it ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Issuer(Arc<Mutex<State_>>);

type Refused = (StatusCode, Json<Value>);

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realm", listener.local_addr().unwrap());
        let key = Key::ec("first");
        let description = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/authorize?theme=dark"),
            "token_endpoint": format!("{url}/token"), "jwks_uri": format!("{url}/keys"),
            "userinfo_endpoint": format!("{url}/userinfo"),
        });
        let issuer = Self(Arc::new(Mutex::new(State_ {
            published: vec![json!({"kty": "oct", "kid": "first", "k": "c2VjcmV0"}), json!({"kty": "XYZ"}), key.jwk()],
            url,
            key,
            person: json!({"sub": "s-1", "email": "Ada@example.com", "email_verified": true}),
            told: json!({"sub": "nobody"}),
            lie: Box::new(|_, _| {}),
            signature: None,
            description,
            asked_for_keys: 0,
            gave_tokens: 0,
            codes: HashMap::new(),
        })));
        let routes = Router::new()
            .route("/realm/.well-known/openid-configuration", get(describe))
            .route("/realm/keys", get(keys))
            .route("/realm/userinfo", get(userinfo))
            .route("/realm/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        issuer
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State_) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    /// A server that signs people in here.
    pub(crate) fn launch(&self, dir: &tempfile::TempDir) -> Launch {
        let launch = Launch::on(dir.path()).env("AMP_POOL_OIDC_ISSUER", &self.with(|state| state.url.clone()));
        let launch = launch.env("AMP_POOL_OIDC_CLIENT_ID", CLIENT_ID).env("AMP_POOL_PUBLIC_URL", PUBLIC);
        let launch = launch.env("AMP_POOL_OIDC_DOMAINS", "example.com").env("AMP_POOL_OIDC_NAME", "Realm");
        launch.env("AMP_POOL_OIDC_CLIENT_SECRET", CLIENT_SECRET)
    }

    /// A person says yes to what a browser was sent here with: the code that the browser takes back.
    pub(crate) fn says_yes(&self, sent: &HashMap<String, String>) -> String {
        self.with(|state| {
            let code = format!("code-{}", state.codes.len());
            state.codes.insert(code.clone(), sent.clone());
            code
        })
    }
}

async fn describe(State(issuer): State<Issuer>) -> Json<Value> {
    Json(issuer.with(|state| state.description.clone()))
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    issuer.with(|state| {
        state.asked_for_keys += 1;
        Json(json!({"keys": state.published}))
    })
}

async fn userinfo(State(issuer): State<Issuer>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    if headers.get("authorization").is_none_or(|value| value != "Bearer planted-access-token") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    Ok(Json(issuer.with(|state| state.told.clone())))
}

async fn token(State(issuer): State<Issuer>, headers: HeaderMap, body: String) -> Result<Json<Value>, Refused> {
    let form: HashMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let refused = |word: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": word, "error_description": "no <b>"})));
    let pair = "pool+at+home:planted%2Fclient%2Bsecret%7Ek";
    let shown = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    if shown != Some(format!("Basic {}", STANDARD.encode(pair))) {
        return Err(refused("invalid_client"));
    }
    issuer.with(|state| {
        // Good once, for who began it, and at the same address.
        let sent = state.codes.get_mut(&form["code"]).ok_or_else(|| refused("invalid_grant"))?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
        if sent.remove("unused").is_none() || sent["code_challenge"] != challenge || form["redirect_uri"] != CALLBACK {
            return Err(refused("invalid_grant"));
        }
        let nonce = sent["nonce"].clone();
        state.gave_tokens += 1;
        Ok(Json(
            json!({"access_token": "planted-access-token", "token_type": "Bearer", "id_token": state.token(&nonce)}),
        ))
    })
}

impl State_ {
    fn token(&self, nonce: &str) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let mut head = json!({"alg": self.key.algorithm(), "typ": "JWT", "kid": self.key.id});
        let mut claims = json!({"iss": self.url, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": nonce});
        claims.as_object_mut().unwrap().extend(self.person.as_object().unwrap().clone());
        (self.lie)(&mut head, &mut claims);
        let text = [&head, &claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = match (&self.signature, head["alg"].as_str().unwrap()) {
            (Some(signature), _) => signature.clone(),
            (None, "HS256") => self.key.sign_with_what_is_public(&text),
            (None, _) => self.key.sign(&text),
        };
        format!("{text}.{signature}")
    }
}

/// A browser that has begun to sign in.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    /// What it was sent to the issuer with.
    pub(crate) sent: HashMap<String, String>,
}

impl Browser {
    pub(crate) async fn begin(server: &Server, next: &str) -> Self {
        let answer = server.stranger().get(&format!("/api/auth/oidc/login?next={next}")).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let place: Url = answer.header("location").parse().unwrap();
        let mut sent: HashMap<_, _> = place.query_pairs().into_owned().collect();
        sent.insert("unused".into(), String::new());
        Self { cookie: answer.header("set-cookie").split(';').next().unwrap().to_owned(), sent }
    }

    pub(crate) async fn back(&self, server: &Server, query: &[(&str, &str)]) -> Answer {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        // As a visit from the issuer's page comes.
        let client = server.stranger().with("cookie", &self.cookie).with("sec-fetch-site", "cross-site");
        client.get(&format!("/api/auth/oidc/callback?{query}")).await
    }

    /// A whole visit.
    pub(crate) async fn sign_in(server: &Server, issuer: &Issuer) -> Answer {
        let browser = Self::begin(server, "/keys").await;
        let code = issuer.says_yes(&browser.sent);
        browser.back(server, &[("code", &code), ("state", &browser.sent["state"]), ("session_state", "x")]).await
    }
}

/// Where an answer leads.
pub(crate) fn place(answer: &Answer) -> (u16, String) {
    (answer.status, answer.header("location").to_owned())
}

/// The session that an answer begins, if it does.
pub(crate) fn session(server: &Server, answer: &Answer) -> Option<Client> {
    let cookies = answer.headers.get_all("set-cookie").into_iter().map(|value| value.to_str().unwrap());
    let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("amp_session="))?;
    Some(server.stranger().with("cookie", cookie.split(';').next().unwrap()))
}
