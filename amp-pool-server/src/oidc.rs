//! Signing in by OpenID Connect: authorization code flow with PKCE, for who is known elsewhere.
//!
//! Nothing is kept here of a login under way: all of it stands in a cookie of the browser that began it ([`ticket`]), so any node
//! can end it, and nobody can fill a table. What the issuer says is fetched by [`issuer`], its tokens are judged by [`token`], and
//! who may come in by [`rule`].

mod fetch;
mod issuer;
mod rule;
mod signatures;
mod ticket;
mod token;
mod used;

use std::fmt;

use amp_pool_core::{
    time::{Clock as _, SystemClock},
    user::Identity,
};
use http::{HeaderMap, HeaderValue, header::InvalidHeaderValue};
use url::Url;

use crate::{ServeError, config::OidcSettings};

use issuer::Issuer;
pub(crate) use rule::admit;
use ticket::Ticket;
#[cfg(test)]
pub(crate) use ticket::read as read_ticket;
use token::Expected;
use used::Used;

/// Where the issuer sends browsers back to.
pub(crate) const CALLBACK: &str = "/api/auth/oidc/callback";

/// Signs people in by one issuer.
pub(crate) struct Oidc {
    pub(crate) settings: OidcSettings,
    issuer: Issuer,
    used: Used,
}

/// What the issuer sends a browser back with.
#[derive(Default)]
pub(crate) struct Returned {
    pub(crate) code: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) iss: Option<String>,
}

/// Who somebody is, as the issuer says.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) identity: Identity,
    /// An address that the issuer has seen to be theirs, in small letters.
    pub(crate) email: Option<String>,
}

/// Why somebody does not come in.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This browser has not begun it, or too long ago, or it was ended already.
    Expired,
    /// Too many from there at once.
    Busy,
    /// The issuer, or our rule, does not let them in.
    Refused(String),
    /// The issuer can not be asked, or what it says is not to be believed.
    Broken(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("this browser did not begin it, or it took too long"),
            Self::Busy => f.write_str("too many tries from one address"),
            Self::Refused(why) | Self::Broken(why) => f.write_str(why),
        }
    }
}

impl Failure {
    fn broken(why: impl Into<String>) -> Self {
        Self::Broken(why.into())
    }
}

impl Oidc {
    pub(crate) fn new(settings: OidcSettings) -> Result<Self, ServeError> {
        signatures::install();
        Ok(Self { issuer: Issuer::new(&settings)?, used: Used::default(), settings })
    }

    /// Where to send a browser that wants to sign in and then see `next`.
    pub(crate) async fn begin(&self, next: &str) -> Result<(Url, Ticket), Failure> {
        let ticket = Ticket::new(next, now()).map_err(|error| Failure::broken(error.to_string()))?;
        let metadata = self.issuer.metadata().await?;
        let mut address = metadata.authorization_endpoint.0.clone();
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", &self.settings.scopes)
            .append_pair("state", &ticket.state())
            .append_pair("nonce", &ticket.nonce())
            .append_pair("code_challenge", &ticket.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok((address, ticket))
    }

    /// What the browser is to keep until it comes back.
    pub(crate) fn cookie(&self, ticket: &Ticket) -> Result<HeaderValue, InvalidHeaderValue> {
        ticket.cookie(self.is_by_tls())
    }

    /// Takes that back.
    pub(crate) fn no_cookie(&self) -> HeaderValue {
        Ticket::no_cookie(self.is_by_tls())
    }

    /// The ticket of a browser that comes back. It is good once.
    pub(crate) fn ticket(&self, headers: &HeaderMap, returned: &Returned) -> Result<Ticket, Failure> {
        let ticket = Ticket::shown(headers, self.is_by_tls(), now()).ok_or(Failure::Expired)?;
        let state = returned.state.as_deref().unwrap_or_default();
        if ticket.is_answered_by(state) && self.used.take(&ticket.state()) { Ok(ticket) } else { Err(Failure::Expired) }
    }

    /// Who it is that comes back.
    pub(crate) async fn person(&self, ticket: &Ticket, returned: Returned) -> Result<Person, Failure> {
        let metadata = self.issuer.metadata().await?;
        match &returned.iss {
            Some(iss) if *iss != self.settings.issuer => {
                return Err(Failure::broken("the answer is of another issuer"));
            }
            None if metadata.authorization_response_iss_parameter_supported => {
                return Err(Failure::broken("the answer does not say of which issuer it is"));
            }
            _ => {}
        }
        if let Some(error) = &returned.error {
            return Err(said_no(error));
        }
        let code = returned.code.ok_or_else(|| Failure::broken("the answer has no code"))?;
        let tokens = self.issuer.redeem(&code, &ticket.verifier(), &self.redirect_uri()).await?;
        let expected = Expected { settings: &self.settings, nonce: &ticket.nonce(), begun: ticket.begun };
        let key = self.issuer.key(tokens.id_token.expose()).await?;
        let mut claims = token::check(tokens.id_token.expose(), &key, &expected)?;
        if claims.email.is_none() {
            // Some issuers keep their tokens thin.
            claims.learn(self.issuer.told_of(&tokens).await?);
        }
        Ok(claims.into())
    }

    fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.settings.public_url.as_str().trim_end_matches('/'))
    }

    fn is_by_tls(&self) -> bool {
        self.settings.public_url.scheme() == "https"
    }
}

/// The issuer's own word, where it is one.
fn said_no(error: &str) -> Failure {
    match error {
        "access_denied" | "login_required" | "interaction_required" | "consent_required" => {
            Failure::Refused(format!("the issuer says {error}"))
        }
        word if fetch::is_a_word(word) => Failure::broken(format!("the issuer says {word}")),
        _ => Failure::broken("the issuer says that something is wrong"),
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemClock.now().as_millis() / 1000
}
