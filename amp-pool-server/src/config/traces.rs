//! Where traces go, by the names that OpenTelemetry gives its settings.

use amp_pool_core::{secret::Secret, traces::TraceOptions};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::SettingsError;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// What the settings say. Without an endpoint there are no traces.
pub(super) fn options(
    endpoint: Option<&str>,
    headers: Option<&Secret>,
    service: String,
) -> Result<Option<TraceOptions>, SettingsError> {
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) else { return Ok(None) };
    let wrong = || SettingsError::new(ENDPOINT, "has the form http://HOST:PORT or https://HOST:PORT");
    let endpoint: Uri = format!("{}/v1/traces", endpoint.trim_end_matches('/')).parse().map_err(|_| wrong())?;
    if !matches!(endpoint.scheme_str(), Some("http" | "https")) {
        return Err(wrong());
    }
    let headers = headers.map(|headers| read(headers.expose())).transpose()?.unwrap_or_default();
    Ok(Some(TraceOptions { endpoint, headers, service }))
}

fn read(text: &str) -> Result<HeaderMap, SettingsError> {
    let wrong = || SettingsError::new(HEADERS, "has the form NAME=VALUE, with commas between several");
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let mut value: HeaderValue = unescaped(value.trim()).parse().map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Values are written as in addresses.
fn unescaped(value: &str) -> String {
    let mut parts = value.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
        Some(byte) if byte.is_ascii() => text + &char::from(byte).to_string() + part.get(2..).unwrap_or_default(),
        _ => text + "%" + part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_nowhere_unless_somewhere_is_said() {
        assert!(options(None, None, "s".into()).unwrap().is_none());
        assert!(options(Some(""), None, "s".into()).unwrap().is_none());
        let headers = Secret::new("authorization=Basic%20dTpw%3D%3D, x-team=100%");
        let found = options(Some("http://127.0.0.1:4318/"), Some(&headers), "s".into()).unwrap().unwrap();
        assert_eq!(found.endpoint, "http://127.0.0.1:4318/v1/traces");
        assert_eq!(
            (&found.headers["authorization"], &found.headers["x-team"]),
            (&"Basic dTpw==".parse::<HeaderValue>().unwrap(), &"100%".parse::<HeaderValue>().unwrap())
        );
        for (endpoint, headers) in [("127.0.0.1:4318", ""), ("grpc://h", ""), ("http://h", "x"), ("http://h", "a b=c")]
        {
            assert!(options(Some(endpoint), Some(&Secret::new(headers)), "s".into()).is_err(), "{endpoint} {headers}");
        }
    }
}
