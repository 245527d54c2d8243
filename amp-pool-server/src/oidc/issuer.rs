//! What an issuer publishes, and the one thing it does for us: to give a token for a code.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use amp_pool_core::{
    secret::Secret,
    transport::reqwest::{Options, ReqwestTransport},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::header::AUTHORIZATION;
use jsonwebtoken::{DecodingKey, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use super::{Failure, fetch, token, token::Told};
use crate::{
    ServeError,
    config::{OidcSettings, is_on_this_machine, may_be_asked},
};

/// How long what it publishes is believed. A key that it takes back is good no longer than that.
const FRESH: Duration = Duration::from_secs(3600);
/// How often its keys are asked for because of one that is not known.
const AGAIN: Duration = Duration::from_secs(60);
/// How long it rests when it could not be asked.
const REST: Duration = Duration::from_secs(5);

/// Asks an issuer.
pub(super) struct Issuer {
    settings: OidcSettings,
    transport: ReqwestTransport,
    /// Held while something is asked: who comes meanwhile gets the same answer.
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    keys: Option<(Vec<Jwk>, Instant)>,
    /// When a key was not known the last time that was worth a question.
    sought: Option<Instant>,
    failed: Option<Instant>,
}

/// Its own description, as far as it matters here.
#[derive(Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Address,
    token_endpoint: Address,
    jwks_uri: Address,
    userinfo_endpoint: Option<Address>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// An address in it.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Address(pub(super) Url);

impl TryFrom<String> for Address {
    type Error = url::ParseError;

    fn try_from(text: String) -> Result<Self, url::ParseError> {
        text.parse().map(Self)
    }
}

/// What it gives for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: Secret,
    access_token: Option<Secret>,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

impl Issuer {
    pub(super) fn new(settings: &OidcSettings) -> Result<Self, ServeError> {
        let transport = ReqwestTransport::new(Options::default()).map_err(ServeError::other)?;
        Ok(Self { settings: settings.clone(), transport, known: Mutex::default() })
    }

    /// Its description.
    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        self.described(&mut *self.known.lock().await).await
    }

    async fn described(&self, known: &mut Known) -> Result<Arc<Metadata>, Failure> {
        let now = Instant::now();
        if let Some((metadata, then)) = &known.metadata
            && now - *then < FRESH
        {
            return Ok(metadata.clone());
        }
        if known.failed.is_some_and(|then| now - then < REST) {
            return Err(Failure::broken("the issuer could not be asked a moment ago"));
        }
        let found = self.describe().await.map(Arc::new);
        match &found {
            Ok(metadata) => known.metadata = Some((metadata.clone(), now)),
            Err(_) => known.failed = Some(now),
        }
        found
    }

    async fn describe(&self) -> Result<Metadata, Failure> {
        let address = format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let address: Url = address.parse().map_err(|_| Failure::broken("the issuer has no address"))?;
        let metadata: Metadata =
            fetch::json(&self.transport, "description of the issuer", fetch::get(&address)).await?;
        if metadata.issuer != self.settings.issuer {
            let why = format!("AMP_POOL_OIDC_ISSUER is `{}`, and it calls itself otherwise", self.settings.issuer);
            return Err(Failure::Broken(why));
        }
        let here = is_on_this_machine(&address);
        let all = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        if all.into_iter().chain(&metadata.userinfo_endpoint).all(|Address(url)| may_be_asked(url, here)) {
            return Ok(metadata);
        }
        Err(Failure::broken("description of the issuer: it leads to an address without TLS"))
    }

    /// Its tokens for a code. Who has no secret shows that it began the login.
    pub(super) async fn redeem(&self, code: &str, verifier: &str, redirect_uri: &str) -> Result<Tokens, Failure> {
        let metadata = self.metadata().await?;
        let by_header = self.settings.client_secret.as_ref().filter(|_| metadata.takes_secrets_by_header());
        let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)];
        form.push(("code_verifier", verifier));
        if by_header.is_none() {
            form.push(("client_id", &self.settings.client_id));
            form.extend(self.settings.client_secret.as_ref().map(|secret| ("client_secret", secret.expose())));
        }
        let mut request = fetch::post(&metadata.token_endpoint.0, encoded(&form));
        if let Some(secret) = by_header {
            request.headers_mut().insert(AUTHORIZATION, basic(&self.settings.client_id, secret)?);
        }
        fetch::json(&self.transport, "token for a code", request).await
    }

    /// What it tells of who a token was given for.
    pub(super) async fn told_of(&self, tokens: &Tokens) -> Result<Option<Told>, Failure> {
        let metadata = self.metadata().await?;
        let (Some(Address(address)), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else {
            return Ok(None);
        };
        fetch::json(&self.transport, "who somebody is", fetch::get_as(address, token)?).await.map(Some)
    }

    /// The key that a token names. One that is not known is looked for, now and then.
    pub(super) async fn key(&self, id_token: &str) -> Result<DecodingKey, Failure> {
        let named = token::header(id_token)?;
        let mut known = self.known.lock().await;
        let now = Instant::now();
        if known.keys.as_ref().is_none_or(|(_, then)| now - *then >= FRESH) {
            self.learn_keys(&mut known).await?;
        }
        if token::pick(known.keys(), &named).is_none() && known.sought.is_none_or(|then| now - then >= AGAIN) {
            known.sought = Some(now);
            self.learn_keys(&mut known).await?;
        }
        let unknown = || Failure::broken("the token is signed with a key that the issuer does not publish");
        let key = token::pick(known.keys(), &named).ok_or_else(unknown)?;
        DecodingKey::from_jwk(key).map_err(|_| Failure::broken("the issuer's key is none"))
    }

    async fn learn_keys(&self, known: &mut Known) -> Result<(), Failure> {
        let metadata = self.described(known).await?;
        let Keys { keys } =
            fetch::json(&self.transport, "keys of the issuer", fetch::get(&metadata.jwks_uri.0)).await?;
        // Of kinds that are not known there may be any number.
        let keys = keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        known.keys = Some((keys, Instant::now()));
        Ok(())
    }
}

impl Known {
    fn keys(&self) -> &[Jwk] {
        self.keys.as_ref().map(|(keys, _)| &keys[..]).unwrap_or_default()
    }
}

impl Metadata {
    /// What everybody takes unless they say otherwise.
    fn takes_secrets_by_header(&self) -> bool {
        let ways = &self.token_endpoint_auth_methods_supported;
        ways.is_empty() || ways.iter().any(|way| way == "client_secret_basic")
    }
}

fn encoded(form: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

fn basic(client_id: &str, secret: &Secret) -> Result<http::HeaderValue, Failure> {
    let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", escaped(client_id), escaped(secret.expose()));
    fetch::credential("Basic", &STANDARD.encode(pair))
}
