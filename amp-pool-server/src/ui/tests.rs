//! What a browser, a cache and a stranger get.

use http_body_util::BodyExt;

use super::*;

fn get(path: &str) -> Response<Body> {
    serve(&Method::GET, path, &HeaderMap::new())
}

fn header(response: &Response<Body>, name: HeaderName) -> &str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

fn check_status(path: &str, expected: StatusCode) {
    assert_eq!(get(path).status(), expected, "{path}");
}

#[test]
fn names_outside_the_map_are_not_found() {
    for path in [
        "/../Cargo.toml",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..\\Cargo.toml",
        "//etc/passwd.txt",
        "/./index.html",
        "/manifest.json",
        "/index.html.br",
        "/index.html.gz",
        "/assets/",
        "/assets/gone-0123abcd.js",
        "/favicon.ico",
        "",
        "*",
        "index.html",
    ] {
        check_status(path, StatusCode::NOT_FOUND);
    }
}

#[test]
fn a_missing_path_of_the_server_is_not_hidden_by_the_page() {
    for path in ["/api/nothing", "/api", "/v1/models", "/docs/x", "/health", "/ready/", "/metrics", "/openapi.json"] {
        check_status(path, StatusCode::NOT_FOUND);
    }
}

#[test]
fn the_page_of_the_api_is_a_page_of_its_own() {
    check_status("/docs", StatusCode::OK);
}

#[test]
fn only_reading_is_allowed() {
    let response = serve(&Method::POST, "/", &HeaderMap::new());
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(header(&response, ALLOW), "GET, HEAD");
}

#[test]
fn every_answer_is_guarded() {
    let post = serve(&Method::POST, "/", &HeaderMap::new());
    for response in [get("/"), get("/gone.js"), post] {
        assert!(header(&response, CONTENT_SECURITY_POLICY).starts_with("default-src 'none'; script-src 'self';"));
        assert_eq!(header(&response, X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header(&response, REFERRER_POLICY), "no-referrer");
        assert_eq!(header(&response, HeaderName::from_static("cross-origin-opener-policy")), "same-origin");
    }
}

#[cfg(not(feature = "ui"))]
#[tokio::test]
async fn a_server_without_a_ui_says_so() {
    let response = get("/");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(body(response).await, ABSENT);
}

#[cfg(feature = "ui")]
mod with_files {
    use http::header::ACCEPT_ENCODING;

    use super::*;

    fn get_with(path: &str, name: HeaderName, value: &str) -> Response<Body> {
        serve(&Method::GET, path, &HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    /// A hashed file that the page names.
    async fn asset() -> String {
        let page = String::from_utf8(body(get("/")).await.into()).unwrap();
        let from = page.find("/assets/").unwrap();
        page[from..].split('"').next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_page_answers_at_every_path_it_routes_itself() {
        let page = body(get("/index.html")).await;
        assert!(page.starts_with(b"<!doctype html>"));
        for path in ["/", "/keys", "/keys/", "/requests/0198f0c2-7b1e", "/apis", "/keys/v1"] {
            let response = get(path);
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&response, CONTENT_TYPE), "text/html; charset=utf-8", "{path}");
            assert_eq!(header(&response, CACHE_CONTROL), "no-cache", "{path}");
            assert_eq!(body(response).await, page, "{path}");
        }
    }

    #[tokio::test]
    async fn everything_the_page_names_is_there_and_may_be_kept_for_ever() {
        let page = String::from_utf8(body(get("/")).await.into()).unwrap();
        let named: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
        assert!(named.len() >= 2, "{named:?}");
        for path in named {
            let response = get(path);
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert!(header(&response, CACHE_CONTROL).ends_with("immutable"), "{path}");
        }
    }

    #[tokio::test]
    async fn each_client_gets_an_encoding_it_can_read() {
        let plain = get("/");
        let gzip = get_with("/", ACCEPT_ENCODING, "gzip, deflate");
        let brotli = get_with("/", ACCEPT_ENCODING, "gzip, br");
        for (response, encoding) in [(&plain, ""), (&gzip, "gzip"), (&brotli, "br")] {
            assert_eq!(header(response, CONTENT_ENCODING), encoding);
            assert_eq!(header(response, VARY), "accept-encoding");
        }
        let [plain, gzip, brotli] = [body(plain).await.len(), body(gzip).await.len(), body(brotli).await.len()];
        assert!(brotli < gzip && gzip < plain, "{brotli} {gzip} {plain}");
    }

    #[tokio::test]
    async fn a_client_that_has_the_file_is_not_sent_it_again() {
        for path in ["/".to_owned(), asset().await] {
            let first = get(&path);
            let tag = header(&first, ETAG);
            let strong = tag.trim_start_matches("W/");
            for known in [tag, strong, "*", &format!("\"other\", {tag}")] {
                let again = get_with(&path, IF_NONE_MATCH, known);
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path} {known}");
                assert_eq!(header(&again, ETAG), tag);
                assert_eq!(header(&again, CACHE_CONTROL), header(&first, CACHE_CONTROL));
                assert!(body(again).await.is_empty());
            }
            assert_eq!(get_with(&path, IF_NONE_MATCH, "\"other\"").status(), StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn a_question_for_the_head_tells_the_length_and_sends_nothing() {
        let head = serve(&Method::HEAD, "/", &HeaderMap::new());
        assert_eq!(header(&head, CONTENT_LENGTH), body(get("/")).await.len().to_string());
        assert!(body(head).await.is_empty());
    }
}
