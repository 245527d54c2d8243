//! The settings table, and which values of it mean something to the pool.
//!
//! Each place that reads a setting says here what it is called and which values it takes, so that a wrong one is refused
//! when it is written. Others are nobody's business here.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{ChangeError, Handle, budgets};
use crate::{
    bodies,
    retention::{self, Policy},
};

/// Says whether a setting takes a value.
type Check = fn(&str) -> Result<(), ChangeError>;

/// Settings of ours.
const KNOWN: [(&str, Check); 4] = [
    (budgets::SITE_BUDGET, budgets::check_site_budget),
    (budgets::SITE_LIMITS, budgets::check_site_limits),
    (retention::SETTING, check_retention),
    (bodies::SETTING, check_bodies),
];

impl Handle {
    /// The settings table.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<String, String> {
        self.0.configuration.load().settings.clone()
    }

    /// Writes one setting, or removes it with `None`.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] for a value that its name does not take, [`ChangeError::Unavailable`].
    pub async fn put_setting(&self, name: String, value: Option<String>) -> Result<(), ChangeError> {
        check(&name, value.as_deref())?;
        self.change(self.0.store.put_setting(name, value, self.now())).await
    }
}

fn check(name: &str, value: Option<&str>) -> Result<(), ChangeError> {
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    known.zip(value).map_or(Ok(()), |((_, check), value)| check(value))
}

/// Reads a setting that is JSON.
pub(super) fn read<T: DeserializeOwned>(value: &str) -> Result<T, ChangeError> {
    serde_json::from_str(value).map_err(|error| invalid(error.to_string()))
}

/// A value that a setting does not take.
pub(super) fn invalid(message: impl Into<String>) -> ChangeError {
    ChangeError::Invalid { field: "value", message: message.into() }
}

fn check_retention(value: &str) -> Result<(), ChangeError> {
    read::<Policy>(value)?.problem().map_or(Ok(()), |problem| Err(invalid(problem)))
}

fn check_bodies(value: &str) -> Result<(), ChangeError> {
    read::<bodies::Policy>(value)?.problem().map_or(Ok(()), |problem| Err(invalid(problem)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_of_ours_takes_only_what_it_can_mean() {
        let is_taken = |name, value| check(name, Some(value)).is_ok();
        assert!(is_taken("site_budget", r#"{"limit":"5","window":"day"}"#));
        assert!(!is_taken("site_budget", r#"{"limit":"-5","window":"day"}"#));
        assert!(is_taken("site_limits", r#"{"rpm":5}"#));
        assert!(!is_taken("site_limits", r#"{"rpm":0}"#));
        assert!(is_taken("retention", r#"{"days":5}"#));
        assert!(!is_taken("retention", r#"{"days":0}"#));
        assert!(!is_taken("retention", "soon"));
        assert!(is_taken("bodies", r#"{"of":"all"}"#));
        assert!(!is_taken("bodies", r#"{"of":"all","bytes":0}"#));
        assert!(is_taken("a.setting.of.somebody", "soon"));
        assert!(check("retention", None).is_ok());
    }
}
