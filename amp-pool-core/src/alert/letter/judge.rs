//! What a service's answer means. Many say 200 and mean no.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::{
    alert::{ChannelSpec, Preset},
    classify::scrub,
};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It arrived.
    Sent,
    /// It did not, and may another time.
    Again {
        /// How long the service asked to wait.
        wait: Option<Duration>,
        /// Why, without secrets.
        why: String,
    },
    /// It did not, and never will like this.
    Refused {
        /// Why, without secrets.
        why: String,
    },
}

/// What the answer of a channel's service means.
#[must_use]
pub fn judge(channel: &ChannelSpec, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answered {
    let Some(preset) = Preset::of(&channel.kind) else { return Answered::Refused { why: "no such kind".into() } };
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_good = preset.good.as_ref().is_none_or(|good| said.pointer(&good.at) == Some(&good.is));
    if status.is_success() && is_good {
        return Answered::Sent;
    }
    let why = explain(channel, preset, status, &said, body);
    let code = preset.code_at.as_deref().and_then(|at| said.pointer(at)).and_then(Value::as_i64);
    let is_busy = code.is_some_and(|code| preset.again.contains(&code));
    if is_busy || status.is_server_error() || is_worth_another(status) {
        let wait = wait(preset, headers, &said);
        return Answered::Again { wait, why };
    }
    Answered::Refused { why }
}

fn is_worth_another(status: StatusCode) -> bool {
    matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

fn wait(preset: &Preset, headers: &HeaderMap, said: &Value) -> Option<Duration> {
    let by_header = || headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok();
    let by_body = || said.pointer(preset.wait_at.as_deref()?)?.as_f64().filter(|seconds| (0.0..1e6).contains(seconds));
    by_header().map(Duration::from_secs).or_else(|| by_body().map(Duration::from_secs_f64))
}

fn explain(channel: &ChannelSpec, preset: &Preset, status: StatusCode, said: &Value, body: &[u8]) -> String {
    let by_name = preset.says_at.as_deref().and_then(|at| said.pointer(at)).and_then(Value::as_str);
    let text = by_name.map(str::to_owned).unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
    let text = scrub(&channel.hide(&text));
    let code = preset.code_at.as_deref().and_then(|at| said.pointer(at)).map(|code| format!(", code {code}"));
    let said = if text.is_empty() { String::new() } else { format!(": {text}") };
    format!("HTTP {}{}{said}", status.as_u16(), code.unwrap_or_default())
}
