//! `/api/alerts`: whom to tell of what, what is wrong now, and what was told.

pub(crate) mod channels;
pub(crate) mod log;
pub(crate) mod rules;

use amp_pool_core::alert::{AlertKind, Field, Level, Preset, Unit};
use axum::Json;
use schemars::JsonSchema;
use serde::Serialize;

/// What rules and channels there can be, for forms.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertKinds")]
pub(crate) struct Kinds {
    rules: Vec<RuleKind>,
    channels: Vec<ChannelKind>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertRuleKind")]
struct RuleKind {
    kind: AlertKind,
    title: &'static str,
    unit: Unit,
    /// `null`: it has no threshold.
    threshold: Option<Level>,
    for_seconds: u32,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertChannelKind")]
struct ChannelKind {
    kind: &'static str,
    title: &'static str,
    fields: &'static [Field],
}

pub(crate) async fn kinds() -> Json<Kinds> {
    let rule = |kind: AlertKind| RuleKind {
        kind,
        title: kind.title(),
        unit: kind.unit(),
        threshold: kind.usual_threshold(),
        for_seconds: kind.usual_patience(),
    };
    let channel = |(kind, preset): (&'static str, &'static Preset)| ChannelKind {
        kind,
        title: &preset.title,
        fields: &preset.fields,
    };
    Json(Kinds {
        rules: AlertKind::ALL.into_iter().map(rule).collect(),
        channels: Preset::all().map(channel).collect(),
    })
}
