//! What an ID token has to be before a word of it is believed.

use amp_pool_core::user::Identity;
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Failure, Person, signatures::ALLOWED};
use crate::config::OidcSettings;

/// By how much clocks may differ, in seconds.
const LEEWAY: u64 = 60;

/// What a token has to say.
pub(super) struct Expected<'a> {
    pub(super) settings: &'a OidcSettings,
    pub(super) nonce: &'a str,
    /// When the login was begun: a token for it is not older.
    pub(super) begun: i64,
}

/// What it says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: String,
    /// One name, or a list of them.
    aud: Value,
    azp: Option<String>,
    iat: f64,
    nonce: Option<String>,
    pub(super) email: Option<String>,
    email_verified: Option<Claim>,
}

/// What the issuer tells beside it.
#[derive(Deserialize)]
pub(super) struct Told {
    sub: String,
    email: Option<String>,
    email_verified: Option<Claim>,
}

/// Some write it as a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Claim {
    Is(bool),
    Text(String),
}

impl Claim {
    fn holds(&self) -> bool {
        match self {
            Self::Is(claim) => *claim,
            Self::Text(text) => text == "true",
        }
    }
}

impl Claims {
    /// Takes what was told, if it is of the same person.
    pub(super) fn learn(&mut self, told: Option<Told>) {
        if let Some(told) = told.filter(|told| told.sub == self.sub) {
            (self.email, self.email_verified) = (told.email, told.email_verified);
        }
    }
}

impl From<Claims> for Person {
    fn from(claims: Claims) -> Self {
        let is_verified = claims.email_verified.as_ref().is_some_and(Claim::holds);
        let email = claims.email.filter(|_| is_verified).map(|email| email.trim().to_lowercase());
        Self { identity: Identity { issuer: claims.iss, subject: claims.sub }, email }
    }
}

/// How a token says that it is signed, if it says so in a way that may be believed.
pub(super) fn header(token: &str) -> Result<Header, Failure> {
    let header = decode_header(token).map_err(|error| refused(&error))?;
    if ALLOWED.contains(&header.alg) {
        Ok(header)
    } else {
        Err(Failure::broken("the token is not signed by a key pair"))
    }
}

/// The key that a token names: by its id, or the only one that suits it.
pub(super) fn pick<'a>(keys: &'a [Jwk], header: &Header) -> Option<&'a Jwk> {
    let mut suitable = keys.iter().filter(|key| suits(key, header.alg));
    match &header.kid {
        Some(id) => suitable.find(|key| key.common.key_id.as_ref() == Some(id)),
        None => suitable.next().filter(|_| suitable.next().is_none()),
    }
}

fn suits(key: &Jwk, algorithm: Algorithm) -> bool {
    let is_to_sign = key.common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature);
    let is_for_it = key.common.key_algorithm.is_none_or(|known| known == KeyAlgorithm::from(algorithm));
    let is_of_its_kind = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    };
    is_to_sign && is_for_it && is_of_its_kind
}

/// What a token says, if it is to be believed.
pub(super) fn check(token: &str, key: &DecodingKey, expected: &Expected<'_>) -> Result<Claims, Failure> {
    let OidcSettings { issuer, client_id, .. } = expected.settings;
    let mut rules = Validation::new(header(token)?.alg);
    rules.leeway = LEEWAY;
    rules.validate_nbf = true;
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[client_id]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims: Claims = decode(token, key, &rules).map_err(|error| refused(&error))?.claims;
    claims.check(client_id, expected)?;
    Ok(claims)
}

impl Claims {
    /// What only this protocol asks for.
    fn check(&self, client_id: &str, expected: &Expected<'_>) -> Result<(), Failure> {
        let others = self.aud.as_array().is_some_and(|all| all.len() > 1);
        let is_for_us = match &self.azp {
            Some(azp) => azp == client_id,
            None => !others,
        };
        let is_for_this_login = self.nonce.as_deref() == Some(expected.nonce);
        #[allow(clippy::cast_precision_loss, reason = "seconds are far from that")]
        let (now, begun, leeway) = (super::now() as f64, expected.begun as f64, LEEWAY as f64);
        let is_of_now = (begun - leeway..=now + leeway).contains(&self.iat);
        match () {
            () if !is_for_us => Err(Failure::broken("the token is for another client")),
            () if !is_for_this_login => Err(Failure::broken("the token is for another login")),
            () if !is_of_now => Err(Failure::broken("the token is not of now")),
            () if self.sub.is_empty() || self.sub.len() > 255 => Err(Failure::broken("the token names nobody")),
            () => Ok(()),
        }
    }
}

/// Only what kind of mistake it is: a parser's own words may show a token.
fn refused(error: &jsonwebtoken::errors::Error) -> Failure {
    use jsonwebtoken::errors::ErrorKind::{Base64, Json, MissingRequiredClaim, Utf8};
    Failure::Broken(match error.kind() {
        Base64(_) | Json(_) | Utf8(_) => "the token can not be read".into(),
        MissingRequiredClaim(name) => format!("the token has no `{name}`"),
        kind => format!("the token is refused: {kind:?}"),
    })
}
