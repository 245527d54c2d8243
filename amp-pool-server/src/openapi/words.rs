//! Words that stand for one of a few things, as the document names them. Handlers write them by their own names.

use std::borrow::Cow;

use amp_pool_core::{keys::KeyState, route::Strategy, store::Outcome, user::Role};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! words {
    ($($(#[$about:meta])* $type:ident $name:literal: $words:expr;)*) => {$(
        $(#[$about])*
        pub(crate) struct $type;

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "enum": $words })
            }
        }
    )*};
}

words! {
    /// How a key is.
    KeyStateName "KeyState": KeyState::ALL.map(KeyState::as_str);
    /// What somebody may do.
    RoleName "Role": Role::ALL.map(Role::as_str);
    /// How one of several keys is chosen.
    StrategyName "Strategy": Strategy::ALL.map(Strategy::as_str);
    /// Who says what is left.
    BalanceSource "BalanceSource": ["reported", "computed", "manual", "none"];
    /// What a budget is of.
    BudgetScope "BudgetScope": ["site", "group", "token", "key"];
    /// How a call ended, in a word.
    CallStatus "CallStatus": ["success", "error", "open"];
    /// How a call ended.
    CallOutcome "CallOutcome": Outcome::ALL.map(Outcome::as_str);
    /// What became of a line.
    LineOutcome "LineOutcome": ["added", "duplicate", "invalid"];
}
