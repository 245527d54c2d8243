//! The paths of clients of the Amp layout: `/api/provider/{provider}/…`, behind which stands what others find under `/v1`.
//!
//! Nobody below knows of them: a call that came by one has the path that other clients write, and the provider's name
//! beside it.

use http::{Uri, uri::PathAndQuery};

const PREFIX: &str = "/api/provider/";

/// Behind these Google's own paths name a model.
const GOOGLE: [&str; 3] = ["v1beta1/publishers/google/models/", "v1beta/models/", "v1beta1/models/"];

/// Gives a request the path that other clients write. Says which provider it named.
pub(super) fn enter(uri: &mut Uri) -> Option<Box<str>> {
    let (provider, path) = read(uri.path_and_query()?.as_str())?;
    let path: PathAndQuery = path.parse().ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path);
    *uri = Uri::from_parts(parts).ok()?;
    Some(provider)
}

fn read(path: &str) -> Option<(Box<str>, String)> {
    let (provider, rest) = path.strip_prefix(PREFIX)?.split_once('/')?;
    if provider.is_empty() {
        return None;
    }
    let google = GOOGLE.iter().find_map(|root| rest.strip_prefix(root));
    let path = match google {
        Some(model) => format!("/v1/models/{model}"),
        None if rest == "v1" || rest.starts_with("v1/") || rest.starts_with("v1?") => format!("/{rest}"),
        // Some providers' clients use a base that has no version.
        None => format!("/v1/{rest}"),
    };
    Some((provider.into(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<(&str, &str)>) {
        let mut uri: Uri = path.parse().unwrap();
        let provider = enter(&mut uri);
        let found = provider.as_deref().map(|provider| (provider, uri.path_and_query().unwrap().as_str()));
        assert_eq!(found, expected, "{path}");
        assert!(expected.is_some() || uri == path);
    }

    #[test]
    fn every_provider_s_paths_are_those_of_other_clients() {
        check("/api/provider/anthropic/v1/messages?beta=true", Some(("anthropic", "/v1/messages?beta=true")));
        check("/api/provider/openai/v1/responses", Some(("openai", "/v1/responses")));
        check("/api/provider/groq/chat/completions", Some(("groq", "/v1/chat/completions")));
        check("/api/provider/kimi/chat/completions", Some(("kimi", "/v1/chat/completions")));
        check("/api/provider/openai/v1", Some(("openai", "/v1")));
        check(
            "/api/provider/google/v1beta1/publishers/google/models/gemini-3-pro:streamGenerateContent?alt=sse",
            Some(("google", "/v1/models/gemini-3-pro:streamGenerateContent?alt=sse")),
        );
        check(
            "/api/provider/google/v1beta/models/gemini-3-pro:generateContent",
            Some(("google", "/v1/models/gemini-3-pro:generateContent")),
        );
    }

    #[test]
    fn other_paths_stay_as_they_are() {
        for path in
            ["/v1/messages", "/api/provider", "/api/provider/openai", "/api/provider//v1/x", "/api/providers/a/b"]
        {
            check(path, None);
        }
    }
}
