//! On which terms a provider serves a call, as far as they change its price.

use std::{fmt, str::FromStr};

/// How urgently a provider serves a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// As it serves everybody.
    #[default]
    Standard,
    /// Some time later, for less.
    Batch,
    /// When it has nothing better to do, for less.
    Flex,
    /// Before others, for more.
    Priority,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority];

    /// The name in records and price lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }

    /// What a `service_tier` says, in any of the formats. `None`: it leaves the choice to the provider, or nobody knows it.
    ///
    /// ```
    /// use amp_pool_core::usage::Tier;
    ///
    /// assert_eq!(Tier::said("default"), Some(Tier::Standard));
    /// assert_eq!(Tier::said("auto"), None);
    /// ```
    #[must_use]
    pub fn said(service_tier: &str) -> Option<Self> {
        match service_tier {
            // Scale is capacity that was paid in advance; its calls are listed at the standard price.
            "standard" | "default" | "standard_only" | "scale" | "on_demand" => Some(Self::Standard),
            "batch" => Some(Self::Batch),
            "flex" => Some(Self::Flex),
            "priority" => Some(Self::Priority),
            _ => None,
        }
    }
}

/// The terms of one call, or what somebody says of them.
///
/// Written as its members that change a price, joined by `+`: `priority`, `fast+us`. Nothing is written for the usual terms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ServiceTerms {
    /// How urgently. `None`: not said.
    pub tier: Option<Tier>,
    /// Whether the model runs in its fast mode. `None`: not said.
    pub fast: Option<bool>,
    /// Whether it runs in the United States only. `None`: not said.
    pub us: Option<bool>,
}

impl ServiceTerms {
    /// What `service_tier`, `speed` and `inference_geo` of a request or an answer say.
    #[must_use]
    pub fn said(service_tier: Option<&str>, speed: Option<&str>, geo: Option<&str>) -> Self {
        Self {
            tier: service_tier.and_then(Tier::said),
            fast: speed.map(|speed| speed == "fast"),
            us: geo.map(|geo| geo == "us"),
        }
    }

    /// These terms, and where they say nothing, `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { tier: self.tier.or(other.tier), fast: self.fast.or(other.fast), us: self.us.or(other.us) }
    }

    /// Whether they are the usual ones, as far as was said.
    #[must_use]
    pub fn are_usual(self) -> bool {
        self.as_str().is_empty()
    }

    /// As they are written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match (self.tier.unwrap_or_default(), self.fast == Some(true), self.us == Some(true)) {
            (Tier::Standard, false, false) => "",
            (Tier::Standard, true, false) => "fast",
            (Tier::Standard, false, true) => "us",
            (Tier::Standard, true, true) => "fast+us",
            (Tier::Batch, false, false) => "batch",
            (Tier::Batch, true, false) => "batch+fast",
            (Tier::Batch, false, true) => "batch+us",
            (Tier::Batch, true, true) => "batch+fast+us",
            (Tier::Flex, false, false) => "flex",
            (Tier::Flex, true, false) => "flex+fast",
            (Tier::Flex, false, true) => "flex+us",
            (Tier::Flex, true, true) => "flex+fast+us",
            (Tier::Priority, false, false) => "priority",
            (Tier::Priority, true, false) => "priority+fast",
            (Tier::Priority, false, true) => "priority+us",
            (Tier::Priority, true, true) => "priority+fast+us",
        }
    }
}

impl fmt::Display for ServiceTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that says no terms.
///
/// ```
/// use amp_pool_core::usage::{ServiceTerms, UnknownTerms};
///
/// let error: UnknownTerms = "slow".parse::<ServiceTerms>().err().ok_or("it is none")?;
/// assert!(error.to_string().contains("`batch`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownTerms;

impl fmt::Display for UnknownTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("terms of service are `batch`, `flex` or `priority`, `fast` and `us`, joined by `+`")
    }
}

impl std::error::Error for UnknownTerms {}

impl FromStr for ServiceTerms {
    type Err = UnknownTerms;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut terms = Self::default();
        for part in text.split('+').filter(|part| !part.is_empty()) {
            match part {
                "fast" => terms.fast = Some(true),
                "us" => terms.us = Some(true),
                tier => terms.tier = Some(Tier::said(tier).ok_or(UnknownTerms)?),
            }
        }
        Ok(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_written_as_far_as_they_change_a_price() {
        let check = |terms: ServiceTerms, text: &str| {
            assert_eq!(terms.to_string(), text);
            assert_eq!(text.parse::<ServiceTerms>().unwrap().to_string(), text);
            assert_eq!(terms.are_usual(), text.is_empty(), "{text}");
        };
        check(ServiceTerms::default(), "");
        check(ServiceTerms::said(Some("default"), Some("standard"), Some("global")), "");
        check(ServiceTerms::said(Some("auto"), None, None), "");
        check(ServiceTerms::said(Some("priority"), None, None), "priority");
        check(ServiceTerms::said(Some("batch"), Some("fast"), Some("us")), "batch+fast+us");
        assert_eq!("later".parse::<ServiceTerms>(), Err(UnknownTerms));
    }

    #[test]
    fn what_is_said_goes_before_what_was_asked() {
        let asked = ServiceTerms::said(Some("priority"), Some("fast"), None);
        assert_eq!(ServiceTerms::said(Some("default"), None, None).or(asked).to_string(), "fast");
        assert_eq!(ServiceTerms::default().or(asked), asked);
    }
}
