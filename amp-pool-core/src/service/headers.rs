//! Which headers pass, each way. Everything else stays behind: credentials, cookies, forwarding, framing.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::provider::ModelPattern;

/// What upstreams get to see of a client's request.
const TO_UPSTREAM: &[&str] = &[
    "accept",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "anthropic-version",
    "content-type",
    "idempotency-key",
    "openai-beta",
];

/// What is left of it when the body was translated. Versions and betas speak of the format that the client wrote: an
/// upstream of another one refuses them, or believes them.
const TO_OTHER_FORMAT: &[&str] = &["accept", "content-type", "idempotency-key"];

/// What a client asks an upstream for that not everybody has, in lists.
const BETAS: [HeaderName; 2] = [HeaderName::from_static("anthropic-beta"), HeaderName::from_static("openai-beta")];

/// What clients get to see of an upstream's answer.
const TO_CLIENT: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
];

/// What the upstream calls the call. Its own name for that is ours in answers to clients.
const UPSTREAM_ID: HeaderName = HeaderName::from_static("x-amp-upstream-request-id");

/// What of a client's headers passes.
#[derive(Clone, Copy)]
pub(super) struct Passing<'a> {
    /// Whether the body was translated.
    pub(super) is_translated: bool,
    /// How the names of others begin that the provider takes.
    pub(super) own: &'a [String],
    /// The betas that the provider takes; `None`: any.
    pub(super) betas: Option<&'a [ModelPattern]>,
}

/// The headers of a request to an upstream: what the client may say, what the provider wants said, and over both what
/// the key says in every request.
pub(super) fn to_upstream(
    client: &HeaderMap,
    passing: Passing<'_>,
    complete: impl FnOnce(&mut HeaderMap),
    key: &HeaderMap,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    let names = if passing.is_translated { TO_OTHER_FORMAT } else { TO_UPSTREAM };
    copy(client, &mut headers, |name| names.contains(&name) || passing.own.iter().any(|own| name.starts_with(&**own)));
    if let Some(known) = passing.betas {
        BETAS.iter().for_each(|name| keep_known(&mut headers, name, known));
    }
    complete(&mut headers);
    for (name, value) in key {
        headers.insert(name, value.clone());
    }
    headers
}

/// The headers of a request that is no call of a model.
pub(crate) fn forwarded(client: &HeaderMap, own: &[String], key: &HeaderMap) -> HeaderMap {
    let mut headers = to_upstream(client, Passing { is_translated: false, own, betas: None }, |_| (), key);
    // Its body is not read here, and goes on as it was written.
    copy(client, &mut headers, |name| name == "content-encoding");
    headers
}

/// The headers of an answer to the client. What an upstream says of limits is said of one key of many, and would mislead.
pub(super) fn to_client(upstream: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    copy(upstream, &mut headers, |name| TO_CLIENT.contains(&name));
    if let Some(id) = upstream.get("request-id").or_else(|| upstream.get("x-request-id")) {
        headers.insert(UPSTREAM_ID, id.clone());
    }
    headers
}

/// Leaves of a list, which may stand in several headers, what is `known`.
fn keep_known(headers: &mut HeaderMap, name: &HeaderName, known: &[ModelPattern]) {
    let is_known = |entry: &&str| known.iter().any(|pattern| pattern.matches(entry));
    let lists = headers.get_all(name).iter().filter_map(|list| list.to_str().ok());
    let kept: Vec<_> = lists.flat_map(|list| list.split(',')).map(str::trim).filter(is_known).collect();
    match HeaderValue::try_from(kept.join(",")) {
        Ok(list) if !list.is_empty() => drop(headers.insert(name, list)),
        _ => drop(headers.remove(name)),
    }
}

fn copy(from: &HeaderMap, to: &mut HeaderMap, passes: impl Fn(&str) -> bool) {
    for (name, value) in from {
        if passes(name.as_str()) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Whether a body is a stream of events.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    is_of_type(headers, b"text/event-stream")
}

/// Whether a body is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    is_of_type(headers, b"application/json")
}

/// Whether a body has this type, whatever its parameters.
fn is_of_type(headers: &HeaderMap, wanted: &[u8]) -> bool {
    let value = headers.get(header::CONTENT_TYPE).map_or(&[][..], |value| value.as_bytes().trim_ascii_start());
    match value.split_at_checked(wanted.len()) {
        Some((name, rest)) => {
            name.eq_ignore_ascii_case(wanted) && matches!(rest.trim_ascii_start().first(), None | Some(b';'))
        }
        None => false,
    }
}

/// A header we write ourselves. What is no legal value is left out.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NATIVE: Passing<'_> = Passing { is_translated: false, own: &[], betas: None };

    #[test]
    fn the_type_of_a_body_is_known_whatever_its_parameters() {
        let check = |value: &'static str, stream: bool, json: bool| {
            let headers = map(&[("content-type", value)]);
            assert_eq!((is_stream(&headers), is_json(&headers)), (stream, json), "{value}");
        };
        check("text/event-stream", true, false);
        check(" Text/Event-Stream ; charset=utf-8", true, false);
        check("application/json;charset=utf-8", false, true);
        check("application/jsonl", false, false);
        check("application/json-seq", false, false);
        check("text/event", false, false);
        check("", false, false);
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn what_only_one_provider_takes_passes_to_that_alone() {
        let client = map(&[("x-amp-thread-id", "T-1"), ("x-amp-session", "s")]);
        let own = ["x-amp-thread".to_owned()];
        let sent = to_upstream(&client, Passing { own: &own, ..NATIVE }, |_| (), &HeaderMap::new());
        assert_eq!(sent.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-amp-thread-id"]);
        assert!(to_upstream(&client, NATIVE, |_| (), &HeaderMap::new()).is_empty());
    }

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_clients_credentials_and_cookies_stay_here() {
        let client = map(&[
            ("authorization", "Bearer amp-1"),
            ("x-api-key", "amp-1"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("connection", "x-secret"),
            ("anthropic-beta", "a"),
        ]);
        let sent = to_upstream(&client, NATIVE, |_| (), &map(&[("authorization", "Bearer sk-1")]));
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();

        assert_eq!(sent, [("anthropic-beta", "a"), ("authorization", "Bearer sk-1")]);
    }

    #[test]
    fn betas_pass_that_the_provider_takes() {
        let client =
            map(&[("anthropic-beta", "tools-1, cache-2"), ("anthropic-beta", "cache-3"), ("openai-beta", "x")]);
        let check = |known: Option<&[&str]>, expected: &[(&str, &str)]| {
            let known: Option<Vec<ModelPattern>> =
                known.map(|names| names.iter().map(|n| n.parse().unwrap()).collect());
            let sent = to_upstream(&client, Passing { betas: known.as_deref(), ..NATIVE }, |_| (), &HeaderMap::new());
            let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
            assert_eq!(sent, expected);
        };
        check(Some(&["cache-*"]), &[("anthropic-beta", "cache-2,cache-3")]);
        check(Some(&[]), &[]);
        let all = [("anthropic-beta", "tools-1, cache-2"), ("anthropic-beta", "cache-3"), ("openai-beta", "x")];
        check(None, &all);
    }

    #[test]
    fn what_speaks_of_the_clients_format_is_not_told_to_another() {
        let client = map(&[
            ("accept", "text/event-stream"),
            ("anthropic-beta", "a"),
            ("anthropic-dangerous-direct-browser-access", "true"),
            ("anthropic-version", "2023-06-01"),
            ("content-type", "application/json"),
            ("openai-beta", "b"),
        ]);
        let sent = to_upstream(&client, Passing { is_translated: true, ..NATIVE }, |_| (), &HeaderMap::new());
        let names: Vec<_> = sent.keys().map(HeaderName::as_str).collect();

        assert_eq!(names, ["accept", "content-type"]);
    }

    #[test]
    fn a_key_that_an_upstream_echoes_does_not_reach_the_client() {
        let upstream = map(&[("set-cookie", "a=b"), ("x-api-key", "sk-1"), ("retry-after", "9")]);
        let names: Vec<_> = to_client(&upstream).keys().map(|name| name.as_str().to_owned()).collect();

        assert_eq!(names, ["retry-after"]);
    }

    #[test]
    fn what_an_upstream_says_of_its_key_stays_here_and_its_id_gets_a_name_of_its_own() {
        let told = |pairs| {
            let headers = to_client(&map(pairs));
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
        };
        let anthropic = told(&[
            ("request-id", "req_1"),
            ("anthropic-organization-id", "o"),
            ("anthropic-ratelimit-tokens-remaining", "9"),
        ]);
        assert_eq!(anthropic, ["x-amp-upstream-request-id: req_1"]);
        let openai =
            told(&[("x-request-id", "req_2"), ("openai-organization", "o"), ("x-ratelimit-limit-requests", "9")]);
        assert_eq!(openai, ["x-amp-upstream-request-id: req_2"]);
    }

    /// Names that mean something to somebody, and any others.
    fn name() -> impl Strategy<Value = HeaderName> {
        let known = [
            "authorization",
            "x-api-key",
            "api-key",
            "x-goog-api-key",
            "cookie",
            "set-cookie",
            "proxy-authorization",
            "proxy-authenticate",
            "host",
            "connection",
            "keep-alive",
            "transfer-encoding",
            "content-length",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "x-forwarded-for",
            "forwarded",
            "via",
            "x-real-ip",
            "location",
            "alt-svc",
            "x-amp-session",
            "strict-transport-security",
            "access-control-allow-origin",
            "request-id",
            "x-request-id",
            "www-authenticate",
        ];
        let listed = TO_UPSTREAM.iter().chain(TO_CLIENT).copied();
        let any: Vec<_> = known.into_iter().chain(listed).map(HeaderName::from_static).collect();
        prop_oneof![
            proptest::sample::select(any),
            "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,30}".prop_map(|name| name.parse().unwrap())
        ]
    }

    fn value() -> impl Strategy<Value = HeaderValue> {
        // Every byte that may stand in one.
        let byte = prop_oneof![Just(b'\t'), b' '..=b'~', 0x80..=0xff_u8];
        proptest::collection::vec(byte, 0..40).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
    }

    fn headers() -> impl Strategy<Value = HeaderMap> {
        proptest::collection::vec((name(), value()), 0..40).prop_map(|pairs| {
            let mut headers = HeaderMap::new();
            pairs.into_iter().for_each(|(name, value)| _ = headers.append(name, value));
            headers
        })
    }

    proptest! {
        #[test]
        fn nothing_passes_that_is_not_on_the_list(client in headers(), key in headers(), is_translated: bool) {
            let sent = to_upstream(&client, Passing { is_translated, ..NATIVE }, |_| (), &key);
            let list = if is_translated { TO_OTHER_FORMAT } else { TO_UPSTREAM };
            for (name, value) in &sent {
                let said_by_key = key.get_all(name).iter().any(|said| said == value);
                let passed_on = !key.contains_key(name) && client.get_all(name).iter().any(|said| said == value);
                prop_assert!(said_by_key || passed_on && list.contains(&name.as_str()), "{name}: {value:?}");
            }
            prop_assert!(key.keys().all(|name| sent.contains_key(name)), "what the key says is always said");
            for (name, value) in &forwarded(&client, &[], &key) {
                let is_own = key.contains_key(name) || name == header::CONTENT_ENCODING || TO_UPSTREAM.contains(&name.as_str());
                prop_assert!(is_own, "{name}: {value:?}");
            }
        }

        #[test]
        fn a_client_gets_what_is_on_the_list_and_nothing_else(upstream in headers()) {
            for (name, value) in &to_client(&upstream) {
                let is_id = name == UPSTREAM_ID && ["request-id", "x-request-id"].iter().any(|id| upstream.contains_key(*id));
                let is_listed = TO_CLIENT.contains(&name.as_str()) && upstream.get_all(name).iter().any(|said| said == value);
                prop_assert!(is_id || is_listed, "{name}: {value:?}");
            }
        }
    }
}
