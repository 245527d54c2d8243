//! Whether a browser sends a request for a page of ours.
//!
//! The second lock beside the `x-csrf-token`; for a login, where there is no session yet, the first.

use http::{HeaderMap, Uri, header};

/// Whether nothing says that another site's page is behind a request. What is no browser says nothing.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Browsers set it wherever a page came by TLS or from the same machine, and no page can.
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    match text(header::ORIGIN.as_str()) {
        None => !headers.contains_key(header::ORIGIN),
        Some(origin) => {
            let hosts = ["host", "x-forwarded-host", ":authority"].into_iter().filter_map(text);
            let theirs = origin.parse::<Uri>().ok().and_then(|uri| Some(uri.authority()?.to_string()));
            theirs.is_some_and(|theirs| hosts.into_iter().any(|host| host.eq_ignore_ascii_case(&theirs)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &'static str)], expected: bool) {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        assert_eq!(is_ours(&headers), expected, "{pairs:?}");
    }

    #[test]
    fn a_page_of_another_site_is_told_by_what_it_cannot_forge() {
        check(&[("host", "pool:8000")], true);
        check(&[("host", "pool:8000"), ("origin", "http://pool:8000")], true);
        check(&[("host", "inner"), ("x-forwarded-host", "pool.example"), ("origin", "https://pool.example")], true);
        check(&[("host", "pool:8000"), ("origin", "http://evil:8000")], false);
        check(&[("host", "pool:8000"), ("origin", "null")], false);
        check(&[("host", "pool:8000"), ("origin", "")], false);
        check(&[("origin", "http://evil"), ("sec-fetch-site", "same-origin")], true);
        for site in ["cross-site", "same-site", ""] {
            check(&[("host", "pool"), ("origin", "http://pool"), ("sec-fetch-site", site)], false);
        }
    }
}
