//! A message as one service wants it, and what the service's answer means.

mod judge;
mod render;

use http::{HeaderValue, Request, Uri, header};
use serde_json::Value;

use super::{ChannelError, ChannelSpec, Message, Preset, preset::Scheme, sign};
use crate::{secret::Secret, time::Timestamp};
use render::Words;

pub use judge::{Answered, judge};

/// A request to a service. What it holds is secret: the address, the headers.
pub struct Letter {
    /// The request.
    pub request: Request<Vec<u8>>,
}

/// Why a message can not be put into a request.
pub type LetterError = ChannelError;

/// Makes the request that tells `message` by `channel`.
///
/// ```
/// use amp_pool_core::{alert::{ChannelSpec, Message, letter}, time::Timestamp};
///
/// let channel = ChannelSpec::new("phone", "ntfy").with_secret("topic", "amp-pool-7f3a");
/// let now = Timestamp::from_millis(0);
/// let request = letter(&channel, &Message::test("phone", now), now)?.request;
/// assert_eq!(request.uri(), "https://ntfy.sh/");
/// # Ok::<(), amp_pool_core::alert::ChannelError>(())
/// ```
///
/// # Errors
/// When the channel is no fit one, or none that is reached by HTTP.
pub fn letter(channel: &ChannelSpec, message: &Message, now: Timestamp) -> Result<Letter, LetterError> {
    let preset = Preset::of(&channel.kind).filter(|preset| !preset.mail);
    let preset = preset.ok_or_else(|| ChannelError::new("kind", "this channel is not reached by HTTP"))?;
    let words = Words { channel, message, preset };
    let body = body(&words, now)?;
    let uri = address(&words, now)?;
    let mut request = Request::post(uri)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, concat!("amp-pool/", env!("CARGO_PKG_VERSION")))
        .body(body)
        .map_err(|_| ChannelError::new("secrets.url", "it makes no request"))?;
    credentials(&words, &mut request)?;
    signature(&words, &mut request, now)?;
    Ok(Letter { request })
}

/// Whether a channel makes a request at all.
pub(super) fn check(channel: &ChannelSpec, preset: &Preset) -> Result<(), ChannelError> {
    debug_assert!(!preset.mail, "mail makes no request");
    let now = Timestamp::from_millis(0);
    letter(channel, &Message::test(&channel.name, now), now).map(drop)
}

fn body(words: &Words<'_>, now: Timestamp) -> Result<Vec<u8>, LetterError> {
    let template = match words.channel.value("template") {
        Some(text) => &serde_json::from_str(text).map_err(|error| template(format!("no JSON: {error}")))?,
        None => &words.preset.body,
    };
    let mut body = words.fill(template)?;
    if let (Some(Scheme::Feishu), Some(secret)) = (words.preset.sign, words.secret("secret")) {
        let seconds = now.as_millis() / 1000;
        if let Value::Object(members) = &mut body {
            members.insert("timestamp".into(), seconds.to_string().into());
            members.insert("sign".into(), sign::feishu(secret.expose(), seconds).into());
        }
    }
    Ok(body.to_string().into_bytes())
}

fn template(message: String) -> ChannelError {
    ChannelError::new("settings.template", message)
}

fn address(words: &Words<'_>, now: Timestamp) -> Result<Uri, LetterError> {
    let wrong = |message: &str| ChannelError::new("secrets.url", message);
    let base = words.channel.value("url").or(words.preset.base.as_deref()).unwrap_or_default();
    let mut url = match words.preset.path.is_empty() {
        true => base.to_owned(),
        false => format!("{}{}", base.trim_end_matches('/'), words.fill_path(&words.preset.path)?),
    };
    if let (Some(Scheme::Dingtalk), Some(secret)) = (words.preset.sign, words.secret("secret")) {
        let sign = render::escape(&sign::dingtalk(secret.expose(), now));
        let mark = if url.contains('?') { '&' } else { '?' };
        url = format!("{url}{mark}timestamp={}&sign={sign}", now.as_millis());
    }
    let uri: Uri = url.parse().map_err(|_| wrong("it is no address"))?;
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    match uri.authority() {
        Some(authority) if has_scheme && !authority.as_str().contains('@') => Ok(uri),
        Some(_) if has_scheme => Err(wrong("no name or password stands in it")),
        _ => Err(wrong("it begins with `https://` or `http://`")),
    }
}

fn credentials(words: &Words<'_>, request: &mut Request<Vec<u8>>) -> Result<(), LetterError> {
    let bearer = words.preset.bearer.as_deref();
    let shown = bearer.and_then(|name| Some((name, format!("Bearer {}", words.secret(name)?.expose()))));
    let given = || words.secret("authorization").map(|secret| ("authorization", secret.expose().to_owned()));
    let Some((field, text)) = shown.or_else(given) else { return Ok(()) };
    let value = HeaderValue::try_from(text).map(|mut value| {
        value.set_sensitive(true);
        value
    });
    let value = value.map_err(|_| ChannelError::new(format!("secrets.{field}"), "it does not fit into a header"))?;
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(())
}

/// The headers of Standard Webhooks. The id is there without a secret as well: who gets a message twice can tell.
fn signature(words: &Words<'_>, request: &mut Request<Vec<u8>>, now: Timestamp) -> Result<(), LetterError> {
    if words.preset.sign != Some(Scheme::Standard) {
        return Ok(());
    }
    let (id, seconds) = (&words.message.id, now.as_millis() / 1000);
    let signed = words.secret("secret").map(|secret| sign::standard(secret.expose(), id, seconds, request.body()));
    let headers = [("webhook-id", Some(id.clone())), ("webhook-timestamp", Some(seconds.to_string()))];
    for (name, value) in headers.into_iter().chain([("webhook-signature", signed)]) {
        let Some(value) = value else { continue };
        let value =
            HeaderValue::try_from(value).map_err(|_| ChannelError::new("secrets.secret", "it signs nothing"))?;
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

impl Words<'_> {
    fn secret(&self, name: &str) -> Option<&Secret> {
        // An empty secret is none: everybody could sign with it.
        self.channel.secrets.get(name).filter(|secret| !secret.expose().is_empty())
    }
}

#[cfg(test)]
mod tests;
