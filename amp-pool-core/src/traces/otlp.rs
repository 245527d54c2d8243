//! The envelope of spans.

use serde_json::{Value, json};

/// A request of `ExportTraceServiceRequest`, in JSON.
pub(super) fn body(service: &str, spans: &[Value]) -> Vec<u8> {
    let resource = [text("service.name", service), text("service.version", env!("CARGO_PKG_VERSION"))];
    let scope = json!({"name": "amp-pool", "version": env!("CARGO_PKG_VERSION")});
    let whole = json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": scope, "spans": spans}],
    }]});
    whole.to_string().into_bytes()
}

pub(super) fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// A whole number: 64 bits do not fit into every reader's numbers, so it is a text.
pub(super) fn whole(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

pub(super) fn claim(key: &str, value: bool) -> Value {
    json!({"key": key, "value": {"boolValue": value}})
}
