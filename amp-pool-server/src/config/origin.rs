//! Where each setting comes from, for people who wonder why it is as it is.

use std::any::TypeId;

use amp_pool_core::secret::Secret;
use clap::{Arg, ArgMatches, Command, parser::ValueSource};
use schemars::JsonSchema;
use serde::Serialize;

/// Where a setting's value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SettingSource")]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nobody gave one.
    Default,
    /// The command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The file `.env` in the working directory.
    File,
}

/// A setting as it was given.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "SettingOrigin")]
pub struct Origin {
    /// Its name in the environment.
    pub name: String,
    /// What it holds. `None`: nothing, or it is secret.
    pub value: Option<String>,
    /// What it holds when nobody says anything.
    pub default: Option<String>,
    /// Where the value comes from.
    pub source: Source,
    /// Whether it may not be shown.
    pub secret: bool,
    /// What it means.
    pub help: String,
}

impl Origin {
    /// Every setting of `definition` as `matches` has it.
    pub(super) fn all(definition: &Command, matches: &ArgMatches) -> Vec<Self> {
        definition.get_arguments().filter_map(|argument| Self::of(argument, matches)).collect()
    }

    fn of(argument: &Arg, matches: &ArgMatches) -> Option<Self> {
        let name = argument.get_env()?.to_str()?.to_owned();
        let id = argument.get_id().as_str();
        let secret = argument.get_value_parser().type_id() == TypeId::of::<Secret>();
        let given =
            matches.get_raw(id).and_then(|mut values| values.next()?.to_str()).filter(|value| !value.is_empty());
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Environment,
            _ => Source::Default,
        };
        Some(Self {
            name,
            value: given.filter(|_| !secret).map(str::to_owned),
            default: argument.get_default_values().first().and_then(|value| value.to_str()).map(str::to_owned),
            source,
            secret,
            help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// Says which of the variables came from the file.
    pub(super) fn correct(&mut self, from_file: &[String]) {
        if self.source == Source::Environment && from_file.contains(&self.name) {
            self.source = Source::File;
        }
    }
}
