//! Where the requests of one key in one format go.

use http::HeaderMap;

use super::{Auth, ModelPattern};

/// Where and how requests in one format go: made once per key, asked once per request.
///
/// ```
/// use amp_pool_core::{
///     format::Format,
///     provider::{Auth, Presets, Upstream},
///     secret::Secret,
/// };
///
/// let anthropic = Presets::builtin().get("anthropic").ok_or("it is there")?;
/// let upstream: Upstream = anthropic.upstream(Format::Messages, None)?;
/// assert_eq!(upstream.url("/v1/messages").as_deref(), Some("https://api.anthropic.com/v1/messages"));
/// let mut headers = http::HeaderMap::new();
/// upstream.auth().apply(&Secret::new("sk-example"), &mut headers)?;
/// assert!(headers["x-api-key"].is_sensitive());
///
/// // A credential that no header can carry is refused before anything is sent.
/// assert!(Auth::Bearer.apply(&Secret::new("two\nlines"), &mut headers).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    root: String,
    auth: Auth,
    models: Vec<ModelPattern>,
    headers: HeaderMap,
    /// Other roots, and the models behind them.
    branches: Vec<(Vec<ModelPattern>, String)>,
}

impl Upstream {
    pub(super) fn new(
        root: String,
        auth: Auth,
        mut models: Vec<ModelPattern>,
        headers: HeaderMap,
        branches: Vec<(Vec<ModelPattern>, String)>,
    ) -> Self {
        models.extend(branches.iter().flat_map(|(models, _)| models.iter().cloned()));
        Self { root, auth, models, headers, branches }
    }

    /// The URL that stands for `/v1`.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// How the credential is carried.
    #[must_use]
    pub fn auth(&self) -> Auth {
        self.auth
    }

    /// What is served in this format, as far as the provider is known.
    #[must_use]
    pub fn models(&self) -> &[ModelPattern] {
        &self.models
    }

    /// Whether the provider is known to serve `model` in this format.
    #[must_use]
    pub fn serves(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| pattern.matches(model))
    }

    /// The URL for a request to `/v1/…`, its query kept.
    ///
    /// `None` for a path that is not under `/v1`, or that climbs with `.` or `..`: behind the same host there may be
    /// more than a client is to reach with this key.
    #[must_use]
    pub fn url(&self, path_and_query: &str) -> Option<String> {
        under(&self.root, path_and_query)
    }

    /// The same where `model` stands behind a root of its own. `None`: it does not, or as above.
    #[must_use]
    pub fn branch_url(&self, model: &str, path_and_query: &str) -> Option<String> {
        under(self.branch(model)?, path_and_query)
    }

    /// The root of its own behind which `model` stands, if it does.
    #[must_use]
    pub fn branch(&self, model: &str) -> Option<&str> {
        let serves = |models: &[ModelPattern]| models.iter().any(|pattern| pattern.matches(model));
        self.branches.iter().find(|(models, _)| serves(models)).map(|(_, root)| &**root)
    }

    /// Adds the provider's fixed headers where the request has none of that name.
    pub fn complete(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

fn under(root: &str, path_and_query: &str) -> Option<String> {
    let rest = path_and_query.strip_prefix("/v1")?;
    let path = rest.split('?').next().unwrap_or_default();
    let is_under = path.is_empty() || path.starts_with('/');
    (is_under && is_plain(path)).then(|| [root, rest].concat())
}

/// Whether no segment of `path` is `.` or `..`, in any spelling that a URL parser understands as one.
pub(super) fn is_plain(path: &str) -> bool {
    path.split(['/', '\\']).all(|segment| !is_dots(segment))
}

fn is_dots(segment: &str) -> bool {
    // No longer spelling than `%2e%2e` means dots, so others need not be looked into.
    matches!(segment.len(), 1..=6) && matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(headers: &[(&'static str, &'static str)]) -> Upstream {
        let lines = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Upstream::new("https://h/api/v1".into(), Auth::Bearer, vec!["gpt-*".parse().unwrap()], lines.collect(), vec![])
    }

    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(upstream(&[]).url(path).as_deref(), expected, "{path}");
    }

    #[test]
    fn a_path_under_v1_goes_behind_the_root_with_its_query() {
        check("/v1/messages", Some("https://h/api/v1/messages"));
        check("/v1/messages?beta=true&x=..", Some("https://h/api/v1/messages?beta=true&x=.."));
        check("/v1/files/a.b/content..x", Some("https://h/api/v1/files/a.b/content..x"));
        check("/v1", Some("https://h/api/v1"));
        check("/v1?x", Some("https://h/api/v1?x"));
    }

    #[test]
    fn a_model_with_a_root_of_its_own_is_asked_for_there() {
        let branches = vec![(vec!["grok-*".parse().unwrap()], "https://h/xai/v1".to_owned())];
        let upstream = Upstream::new("https://h/v1".into(), Auth::Bearer, Vec::new(), HeaderMap::new(), branches);
        assert!(upstream.serves("grok-4"));
        assert_eq!(upstream.branch_url("grok-4", "/v1/x?y").as_deref(), Some("https://h/xai/v1/x?y"));
        assert_eq!(upstream.branch_url("grok-4", "/v1/../x"), None);
        assert_eq!(upstream.branch("gpt-5"), None);
    }

    #[test]
    fn no_path_leaves_the_root() {
        for path in
            ["/v10/messages", "/v2/x", "v1/x", "", "/v1/../x", "/v1/%2E%2e/x", "/v1/.%2e", "/v1/a\\..\\b", "/v1/./x"]
        {
            check(path, None);
        }
    }

    #[test]
    fn a_fixed_header_gives_way_to_the_client_s() {
        let mut headers = HeaderMap::new();
        headers.insert("anthropic-version", "2026-10-21".parse().unwrap());
        upstream(&[("anthropic-version", "2023-06-01"), ("x-amp-client-type", "cli")]).complete(&mut headers);

        assert_eq!(headers["anthropic-version"], "2026-10-21");
        assert_eq!(headers["x-amp-client-type"], "cli");
    }
}
