//! Which conversation a call belongs to, so that it can be kept where its prompt cache is.
//!
//! The first of these that is there decides: the header `x-amp-session`; a header by which agents name their session; the
//! answer that a Responses call goes on from; a name in the body; the words that the conversation begins with. A call that
//! begins one by its words alone has no cache yet: it goes where the strategy says, and the rest follows it.

use std::hash::{BuildHasher as _, Hash, Hasher};

use foldhash::quality::FixedState;
use http::{HeaderMap, HeaderName};

use crate::{
    format::{Beginning, Endpoint},
    id::TokenId,
    route::Conversation,
};

/// A call's conversation.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use amp_pool_core::{
///     Error,
///     caller::Caller,
///     service::{
///         Call, Limits, PoolBody, Talk,
///         auth::{AuthLayer, Callers},
///         read::ReadLayer,
///         render::RenderLayer,
///     },
///     time::{SystemClock, Timestamp},
/// };
/// use bytes::Bytes;
/// use futures::FutureExt as _;
/// use http_body_util::{BodyExt as _, Full};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// struct Anybody;
/// impl Callers for Anybody {
///     fn identify(&self, _: &http::HeaderMap, _: Timestamp) -> Result<Arc<Caller>, Error> {
///         Ok(Arc::new(Caller::named("ada")))
///     }
/// }
///
/// // A service that answers with the conversation that it takes a call for.
/// let stack = ServiceBuilder::new()
///     .layer(RenderLayer::new(Arc::new(SystemClock)))
///     .layer(AuthLayer::new(Arc::new(Anybody)))
///     .layer(ReadLayer::new(Limits::default()))
///     .service(service_fn(|call: Call| {
///         let told = call.ask.talk.map(|Talk { conversation, may_begin }| format!("{} {may_begin}", conversation.0));
///         let body = PoolBody::from(Bytes::from(told.unwrap_or_default()));
///         std::future::ready(Ok::<_, Error>(http::Response::new(body))).boxed()
///     }));
/// let mut told = Vec::new();
/// for messages in [
///     r#"[{"role":"user","content":"hi"}]"#,
///     r#"[{"role":"user","content":"hi"},{"role":"assistant","content":"yes?"},{"role":"user","content":"go on"}]"#,
/// ] {
///     let body = Full::from(format!(r#"{{"model":"gpt-4o","messages":{messages}}}"#));
///     let Ok(answer) = stack.clone().oneshot(http::Request::post("/v1/chat/completions").body(body)?).await;
///     let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
///     told.push(String::from_utf8_lossy(&body).into_owned());
/// }
/// // The second call goes on with what the first one began.
/// let (first, second) = (told[0].split_once(' '), told[1].split_once(' '));
/// assert_eq!(first.map(|it| it.0), second.map(|it| it.0));
/// assert_eq!((first.map(|it| it.1), second.map(|it| it.1)), (Some("true"), Some("false")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talk {
    /// Which.
    pub conversation: Conversation,
    /// Whether this call may be its first: nothing is cached then, and nobody is preferred.
    pub may_begin: bool,
}

/// By which agents name a session.
static SESSION_HEADERS: [HeaderName; 6] = [
    HeaderName::from_static("x-amp-session"),
    HeaderName::from_static("x-amp-thread-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("x-session-id"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("x-grok-conv-id"),
];

/// Any number will do that stays the same.
const SEED: u64 = 0x616d_702d_706f_6f6c;

/// Longer words tell conversations apart no better.
const HASHED: usize = 4096;

/// The conversation that a call of `token` belongs to, if it is of a kind that has some.
pub(super) fn of(
    token: Option<TokenId>,
    endpoint: Endpoint,
    headers: &HeaderMap,
    beginning: &Beginning<'_>,
) -> Option<Talk> {
    if !endpoint.is_translatable() && !endpoint.only_counts() {
        return None;
    }
    let named = SESSION_HEADERS.iter().find_map(|name| headers.get(name)).filter(|value| !value.is_empty());
    if let Some(name) = named {
        return Some(Talk { conversation: hash(token, &[name.as_bytes()]), may_begin: false });
    }
    match (beginning.previous.as_deref(), beginning.name.as_deref()) {
        (Some(answer), _) => Some(Talk { conversation: going_on_from(answer.as_bytes()), may_begin: false }),
        (None, Some(name)) => Some(Talk { conversation: hash(token, &[name.as_bytes()]), may_begin: false }),
        (None, None) if beginning.words.is_empty() => None,
        (None, None) => {
            let words: Vec<_> = beginning.words.iter().map(|text| text.as_bytes()).collect();
            Some(Talk { conversation: hash(token, &words), may_begin: !beginning.goes_on })
        }
    }
}

/// The conversation that a client of `token` names in a header.
pub(crate) fn named(token: Option<TokenId>, name: &str) -> Conversation {
    hash(token, &[name.as_bytes()])
}

/// What goes on from an answer that an upstream keeps. It can only be where that answer is.
pub(super) fn going_on_from(answer: &[u8]) -> Conversation {
    hash(None, &[b"previous", answer])
}

/// The id of an answer of Responses, found in its first bytes.
pub(super) fn answer_id(first: &[u8]) -> Option<&[u8]> {
    const BEFORE: &[u8] = b"\"id\":";
    let near = &first[..first.len().min(HASHED)];
    let at = near.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let rest = near[at..].trim_ascii_start().strip_prefix(b"\"")?;
    let id = &rest[..rest.iter().position(|byte| *byte == b'"')?];
    id.starts_with(b"resp_").then_some(id)
}

/// The same on every node of one version, and after every start. Callers do not meet in one another's conversations.
fn hash(token: Option<TokenId>, words: &[&[u8]]) -> Conversation {
    let mut hasher = FixedState::with_seed(SEED).build_hasher();
    token.map(|TokenId(id)| id).hash(&mut hasher);
    for word in words {
        word.len().hash(&mut hasher);
        word[..word.len().min(HASHED)].hash(&mut hasher);
    }
    Conversation(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::peek;

    fn talk(headers: &[(&'static str, &str)], body: &str) -> Option<Talk> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        of(Some(TokenId(1)), Endpoint::Messages, &headers, &peek(body.as_bytes()).unwrap().beginning)
    }

    const FIRST: &str = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    const SECOND: &str = r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"a"}],"x":1}"#;

    #[test]
    fn later_turns_are_of_the_conversation_that_the_first_began() {
        let (first, second) = (talk(&[], FIRST).unwrap(), talk(&[], SECOND).unwrap());
        assert_eq!(first.conversation, second.conversation);
        assert_eq!((first.may_begin, second.may_begin), (true, false));
    }

    #[test]
    fn a_name_goes_before_words_and_callers_do_not_meet() {
        let named = talk(&[("x-amp-session", "s")], FIRST).unwrap();
        assert_eq!(named, talk(&[("x-amp-session", "s")], "{}").unwrap());
        assert!(!named.may_begin);
        assert_ne!(named.conversation, talk(&[], FIRST).unwrap().conversation);
        let of_another =
            of(Some(TokenId(2)), Endpoint::Messages, &HeaderMap::new(), &peek(FIRST.as_bytes()).unwrap().beginning)
                .unwrap();
        assert_ne!(of_another.conversation, talk(&[], FIRST).unwrap().conversation);
        assert_eq!(talk(&[], "{}"), None);
    }

    #[test]
    fn an_answer_is_found_by_its_id() {
        let stream = br#"event: response.created
data: {"type":"response.created","response":{"id":"resp_1","object":"response"}}"#;
        assert_eq!(answer_id(stream), Some(&b"resp_1"[..]));
        assert_eq!(answer_id(br#"{ "id" : "resp_1"}"#), None, "only as upstreams write it");
        assert_eq!(answer_id(br#"{"id": "msg_1"}"#), None);
        let next = talk(&[], r#"{"previous_response_id":"resp_1","input":"more"}"#).unwrap();
        assert_eq!(next.conversation, going_on_from(b"resp_1"));
    }
}
