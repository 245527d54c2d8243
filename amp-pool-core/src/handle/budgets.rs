//! What callers may ask for and spend: groups, the site's own limits, and what is spent and held.

use std::{collections::HashMap, sync::Arc};

use super::{ChangeError, Handle, monotonic, settings};
use crate::{
    budget::{Budget, Scope, Tally, Unpriced},
    caller::{Allowance, ClientToken, GroupSpec, TokenGroup, TokenSpec},
    id::GroupId,
    keys::{Caps, LiveKey},
    store::{Configuration, StoreError},
    time::Timestamp,
};

/// The setting that holds the budget of everything: JSON as in [`Budget`].
pub(crate) const SITE_BUDGET: &str = "site_budget";

/// The setting that holds the limits of everything: JSON with `rpm`, `tpm`, `concurrency`.
pub(crate) const SITE_LIMITS: &str = "site_limits";

/// A budget, and how much of it is used in its present window.
///
/// ```
/// # #[cfg(feature = "testkit")]
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use amp_pool_core::{
///     Pool,
///     budget::{Budget, Scope, Window},
///     caller::TokenSpec,
///     handle::BudgetView,
///     money::NanoUsd,
///     testkit::Script,
/// };
///
/// let pool = Pool::builder().transport(Script::new()).build().await?;
/// let budget = Budget::of("25".parse()?, Window::Month);
/// let (token, _) = pool.handle().add_token(TokenSpec { budget: Some(budget.clone()), ..TokenSpec::named("ada") }).await?;
///
/// let views: Vec<BudgetView> = pool.handle().budgets(vec![(Scope::Token(token.id), budget)]).await?;
/// assert_eq!(views[0].tally.spent, NanoUsd::ZERO);
/// assert!(views[0].resets_at.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetView {
    /// Whose it is.
    pub scope: Scope,
    /// What was written of it.
    pub budget: Budget,
    /// What is spent and held.
    pub tally: Tally,
    /// When it begins anew. `None`: never.
    pub resets_at: Option<Timestamp>,
}

impl Handle {
    /// Puts in force what callers may.
    pub(super) fn allow(&self, configuration: &Configuration) {
        let now = monotonic();
        let slice = self.0.store.slice();
        let make = |scope, limits, budget| self.0.allowances.of(scope, slice.caps(limits), budget, now);
        let of_group = |group: &TokenGroup| {
            let GroupSpec { limits, budget, .. } = group.spec.clone();
            (group.id, make(Scope::Group(group.id), limits, budget))
        };
        let groups: HashMap<GroupId, Arc<Allowance>> = configuration.groups.iter().map(of_group).collect();
        let of_token = |token: &ClientToken| {
            let own = make(Scope::Token(token.id), token.spec.limits, token.spec.budget.clone());
            let group = token.spec.group.and_then(|group| groups.get(&group).cloned());
            let all = [Some(own), group].into_iter().flatten().filter(|allowance| !allowance.is_unlimited());
            (token.clone(), all.collect())
        };
        self.0.tokens.replace(configuration.tokens.iter().map(of_token));
        let (budget, limits) = site(configuration);
        let site = make(Scope::Site, limits, budget);
        self.0.site.store((!site.is_unlimited()).then_some(site));
    }

    /// Tells keys what is spent of their budgets.
    pub(super) async fn fill_purses(&self, keys: &[Arc<LiveKey>]) -> Result<(), StoreError> {
        let (wall, now) = (self.now(), monotonic());
        let budgeted = keys.iter().filter_map(|live| Some((live, live.key.spec.budget.as_ref()?)));
        let budgeted: Vec<_> =
            budgeted.map(|(live, budget)| (live, budget.period(Scope::Key(live.key.id), wall))).collect();
        let tallies = self.0.store.tallies(budgeted.iter().map(|(_, (period, _))| *period).collect()).await?;
        for ((live, (period, until)), tally) in budgeted.into_iter().zip(tallies) {
            live.purse.know(period, tally.spent, until.map(|until| now + until.since(wall)));
        }
        Ok(())
    }

    /// How much is used of `budgets` now, in their order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn budgets(&self, budgets: Vec<(Scope, Budget)>) -> Result<Vec<BudgetView>, StoreError> {
        let now = self.now();
        let periods: Vec<_> = budgets.iter().map(|(scope, budget)| budget.period(*scope, now)).collect();
        let tallies = self.0.store.tallies(periods.iter().map(|(period, _)| *period).collect()).await?;
        let views = budgets.into_iter().zip(periods).zip(tallies);
        let view = |(((scope, budget), (_, resets_at)), tally)| BudgetView { scope, budget, tally, resets_at };
        Ok(views.map(view).collect())
    }

    /// The budget of everything, if there is one.
    #[must_use]
    pub fn site_budget(&self) -> Option<Budget> {
        site(&self.0.configuration.load()).0
    }
}

/// Groups of client tokens.
impl Handle {
    /// All groups, by row.
    #[must_use]
    pub fn groups(&self) -> Vec<TokenGroup> {
        self.0.configuration.load().groups.clone()
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] naming the field, or [`ChangeError::Conflict`] when one is called the same.
    pub async fn add_group(&self, spec: GroupSpec) -> Result<TokenGroup, ChangeError> {
        check_group(&spec)?;
        self.change(self.0.store.insert_group(spec, self.now())).await
    }

    /// Replaces what an operator wrote of a group.
    ///
    /// # Errors
    /// As [`add_group`](Self::add_group), and [`ChangeError::NotFound`].
    pub async fn change_group(&self, id: GroupId, spec: GroupSpec) -> Result<TokenGroup, ChangeError> {
        check_group(&spec)?;
        self.change(self.0.store.update_group(id, spec, self.now())).await
    }

    /// Removes a group to which no client token belongs.
    ///
    /// # Errors
    /// [`ChangeError::NotFound`], [`ChangeError::Conflict`] when a token belongs to it.
    pub async fn remove_group(&self, id: GroupId) -> Result<(), ChangeError> {
        self.change(self.0.store.delete_group(id)).await
    }

    pub(super) fn check_token(&self, spec: &TokenSpec) -> Result<(), ChangeError> {
        if spec.name.trim().is_empty() {
            return Err(invalid("name", "a client token needs a name"));
        }
        let is_known = |id| self.0.configuration.load().groups.iter().any(|group| group.id == id);
        if spec.group.is_some_and(|group| !is_known(group)) {
            return Err(invalid("group_id", "there is no such group"));
        }
        check_limits(spec.limits)?;
        check(spec.budget.as_ref())
    }
}

fn site(configuration: &Configuration) -> (Option<Budget>, Caps) {
    let setting = |name| configuration.settings.get(name).map(String::as_str);
    let budget = setting(SITE_BUDGET).and_then(|text| serde_json::from_str(text).ok());
    let limits = setting(SITE_LIMITS).and_then(|text| serde_json::from_str::<SiteLimits>(text).ok());
    (budget, limits.map(SiteLimits::caps).unwrap_or_default())
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteLimits {
    #[serde(default)]
    rpm: Option<u32>,
    #[serde(default)]
    tpm: Option<u32>,
    #[serde(default)]
    concurrency: Option<u32>,
}

impl SiteLimits {
    fn caps(self) -> Caps {
        Caps { rpm: self.rpm, tpm: self.tpm, concurrency: self.concurrency }
    }
}

fn check_group(spec: &GroupSpec) -> Result<(), ChangeError> {
    if spec.name.trim().is_empty() {
        return Err(invalid("name", "a group needs a name"));
    }
    check_limits(spec.limits)?;
    check(spec.budget.as_ref())
}

/// A limit of nothing would be a way to switch off that nobody sees.
fn check_limits(limits: Caps) -> Result<(), ChangeError> {
    if [limits.rpm, limits.tpm, limits.concurrency].contains(&Some(0)) {
        return Err(invalid("limits", "a limit is at least 1; to stop a client token switch it off"));
    }
    Ok(())
}

/// Whether a budget can be kept.
pub(super) fn check(budget: Option<&Budget>) -> Result<(), ChangeError> {
    let Some(budget) = budget else { return Ok(()) };
    if budget.limit.0 < 0 {
        return Err(invalid("budget", "`limit` is not negative"));
    }
    if budget.max_output == Some(0) {
        return Err(invalid("budget", "`max_output` is at least 1"));
    }
    Ok(())
}

/// Whether a key's budget can be kept. Which call a key serves is known too late for anything to be held.
pub(super) fn check_key(budget: Option<&Budget>) -> Result<(), ChangeError> {
    let Some(Budget { hard, max_output, unpriced, .. }) = budget else { return Ok(()) };
    if *hard || max_output.is_some() || *unpriced != Unpriced::Refuse {
        return Err(invalid("budget", "the budget of a key has a `limit`, a `window` and a `zone`"));
    }
    check(budget)
}

/// Whether the setting [`SITE_BUDGET`] can be kept.
pub(super) fn check_site_budget(value: &str) -> Result<(), ChangeError> {
    check(Some(&settings::read(value)?))
}

/// Whether the setting [`SITE_LIMITS`] can be kept.
pub(super) fn check_site_limits(value: &str) -> Result<(), ChangeError> {
    check_limits(settings::read::<SiteLimits>(value)?.caps())
}

fn invalid(field: &'static str, message: &str) -> ChangeError {
    ChangeError::Invalid { field, message: message.into() }
}
