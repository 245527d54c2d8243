//! JSON Schemas of what is written as a text or a number, for hosts that describe their API (feature `schema`).
//!
//! What derives its JSON derives its schema where it stands. These are written in line: they have no fields that a
//! document would point to.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    alert::{Level, TimeOfDay},
    balance::{Decimal, Path, Percent},
    budget::Zone,
    caller::IpNet,
    classify::{Pattern, Verdict},
    id::{
        AlertRuleId, AttemptId, AuditId, CallId, ChannelId, DeliveryId, GroupId, KeyId, PriceId, RouteId, RuleId,
        TokenId, UserId,
    },
    keys::PriceFactor,
    money::{Amount, NanoUsd, PerMillion},
    provider::ModelPattern,
    secret::Secret,
    time::Timestamp,
};

/// At most nine decimals, as [`NanoUsd`] reads and writes them.
const MONEY: &str = r"^-?[0-9]+(\.[0-9]{1,9})?$";

macro_rules! written_as {
    ($($($name:ident),+: $schema:tt;)*) => {$($(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+)*};
}

written_as! {
    AlertRuleId, AuditId, ChannelId, DeliveryId, GroupId, KeyId, PriceId, RouteId, RuleId, TokenId, UserId: { "type": "integer", "format": "int64" };
    AttemptId, CallId: { "type": "string", "format": "uuid" };
    Timestamp: { "type": "string", "format": "date-time" };
    NanoUsd: { "type": "string", "description": "An amount in USD.", "pattern": MONEY };
    PerMillion: { "type": "string", "description": "USD per million tokens.", "pattern": MONEY };
    PriceFactor: { "type": "string", "description": "How many times as much.", "pattern": r"^[0-9]+(\.[0-9]{1,6})?$" };
    Amount: { "type": "string", "description": "An amount of the currency beside it.", "pattern": MONEY };
    Decimal: { "type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$" };
    Level: { "type": ["string", "number"], "description": "A decimal number; it is told as a string.", "pattern": MONEY };
    TimeOfDay: { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" };
    Percent: { "type": "number", "minimum": 0, "maximum": 100 };
    Secret: { "type": "string", "writeOnly": true };
    ModelPattern: {
        "type": "string",
        "description": "The name of a model; `*` stands for any run of characters.",
        "minLength": 1,
        "maxLength": 200,
    };
    IpNet: { "type": "string", "description": "An IP address, or a network such as `10.0.0.0/8`." };
    Pattern: { "type": "string", "description": "A regular expression.", "format": "regex" };
    Path: { "type": "string", "description": "A JSON pointer; `*` stands for every element." };
    Zone: { "type": "string", "description": "A time zone such as `Asia/Shanghai`." };
    Verdict: { "type": "string", "enum": Verdict::ALL.map(Verdict::as_str) };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_says_what_is_written() {
        let budget = schemars::schema_for!(crate::budget::Budget);
        let limit = &budget.as_value()["properties"]["limit"];
        assert_eq!((&limit["type"], &limit["pattern"]), (&json!("string"), &json!(MONEY)));
        assert_eq!(budget.as_value()["required"], json!(["limit"]));
        assert_eq!(schemars::schema_for!(KeyId).as_value()["type"], "integer");
        let verdicts = schemars::schema_for!(Verdict);
        assert_eq!(verdicts.as_value()["enum"].as_array().map(Vec::len), Some(Verdict::ALL.len()));
    }
}
