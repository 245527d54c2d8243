//! Which key is asked next, if any, and what the record keeps of that.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Means, failure::Failure, prepare::tenant};
use crate::{
    keys::{Level, Resource, on_the_wall},
    route::{By, Choice, Hindrance, PassedOver, Plan},
    service::{
        Routed, ambient,
        recorder::Recorder,
        waits::{Kind, Turn, Waits},
    },
    store::{RecordedChoice, RecordedHindrance},
    time::Timestamp,
};

/// What comes next in a call.
pub(super) enum Next {
    /// This seat is asked.
    Ask {
        /// Its place in the plan.
        at: usize,
        by: By,
    },
    /// Nobody is.
    Nobody(Choice),
}

/// What has become of a call's tries so far.
#[derive(Clone, Copy)]
pub(super) struct SoFar<'a> {
    /// The seats that were tried.
    pub(super) tried: &'a [usize],
    /// Why the last one failed.
    pub(super) last: Option<&'a Failure>,
    /// Whether a seat may be taken that needs a translation.
    pub(super) translates: bool,
}

/// Waiting, where that is allowed.
impl Means {
    /// Who is asked next; and the right to look for a key, to be given up when that one has the call.
    pub(super) async fn find(
        &self,
        routed: &Routed,
        so_far: SoFar<'_>,
        recorder: &mut Recorder,
    ) -> (Next, Option<Turn<'_>>) {
        let Some(waits) = &self.waits else { return (self.next(routed, so_far, recorder), None) };
        let kind = Kind::new(&routed.plan, routed.call.ask.format, so_far.translates, so_far.tried);
        if !waits.has(&kind) {
            match self.next(routed, so_far, recorder) {
                Next::Nobody(choice) if waits.is_worth(&choice, routed.call.started) => {}
                next => return (next, None),
            }
        }
        Box::pin(self.wait(waits, kind, routed, so_far, recorder)).await
    }

    async fn wait<'a>(
        &self,
        waits: &'a Waits,
        kind: Kind,
        routed: &Routed,
        so_far: SoFar<'_>,
        recorder: &mut Recorder,
    ) -> (Next, Option<Turn<'a>>) {
        let (began, until) = (ambient::now(), waits.until(routed.call.started));
        let turn = waits.turn(kind, &tenant(routed), until).await;
        let found = match &turn {
            Some(_) => self.look(waits, routed, so_far, until).await,
            None => Some(BEHIND_OTHERS),
        };
        recorder.waited(ambient::now().saturating_duration_since(began));
        match found {
            None => (self.next(routed, so_far, recorder), turn),
            Some(nobody) => (Next::Nobody(nobody), None),
        }
    }

    /// Waits until somebody can be asked, or why nobody can in time.
    async fn look(&self, waits: &Waits, routed: &Routed, so_far: SoFar<'_>, until: Instant) -> Option<Choice> {
        loop {
            let want = self.want(routed, so_far.tried, so_far.translates);
            let choice = match routed.plan.foresee(want, &mut PassedOver::default()) {
                Choice::Seat { .. } => return None,
                nobody => nobody,
            };
            if !waits.pause(&choice, until).await {
                return Some(choice);
            }
        }
    }
}

/// What is told to a call for which too many others wait already.
const BEHIND_OTHERS: Choice = Choice::Full {
    wait: Some(Duration::from_secs(1)),
    why: Level { permille: 1001, resource: Resource::Concurrency, is_cap: false },
};

impl Means {
    /// Chooses who is asked next, and keeps in the record what was not plain about it.
    pub(super) fn next(&self, routed: &Routed, so_far: SoFar<'_>, recorder: &mut Recorder) -> Next {
        let mut passed = PassedOver::default();
        let want = self.want(routed, so_far.tried, so_far.translates);
        let choice = routed.plan.choose_noting(want, &mut passed);
        let stop = self.stops(routed, &choice, so_far.last);
        let is_plain = stop.is_none() && passed.is_empty();
        match choice {
            Choice::Seat { at, by } if is_plain => Next::Ask { at, by },
            choice => {
                let outcome = stop.unwrap_or(choice.as_str());
                recorder.chose(self.recorded(&routed.plan, outcome, &choice, &passed));
                match choice {
                    Choice::Seat { at, by } if stop.is_none() => Next::Ask { at, by },
                    Choice::Seat { .. } => Next::Nobody(Choice::Exhausted),
                    nobody => Next::Nobody(nobody),
                }
            }
        }
    }

    /// Why a seat that was found is not asked.
    fn stops(&self, routed: &Routed, choice: &Choice, last: Option<&Failure>) -> Option<&'static str> {
        let Choice::Seat { at, .. } = choice else { return None };
        let seat = routed.plan.seats().get(*at)?;
        let Some(failure) = last else {
            seat.key.link.first_try();
            return None;
        };
        if ambient::now().saturating_duration_since(routed.call.started) > self.limits.failover {
            return Some("late");
        }
        (!failure.allows(seat)).then_some("no_retry")
    }

    fn recorded(&self, plan: &Plan, outcome: &'static str, choice: &Choice, passed: &PassedOver) -> RecordedChoice {
        let (now, wall) = (ambient::now(), self.clock.now());
        let hindrance = |at: usize, why: &Hindrance| recorded_hindrance(plan, at, why, now, wall);
        let counts = passed.counts().iter().map(|(why, count)| (Cow::Borrowed(*why), *count));
        let despite = match choice {
            Choice::Seat { at, .. } => passed.despite().and_then(|why| hindrance(*at, why)),
            _ => None,
        };
        RecordedChoice {
            outcome: outcome.into(),
            candidates: count(plan),
            passed_over: counts.collect::<BTreeMap<_, _>>(),
            first: passed.first().iter().filter_map(|(at, why)| hindrance(*at, why)).collect(),
            despite,
            ..RecordedChoice::default()
        }
    }
}

/// How many keys could serve the call.
pub(super) fn count(plan: &Plan) -> u32 {
    u32::try_from(plan.seats().len()).unwrap_or(u32::MAX)
}

fn recorded_hindrance(
    plan: &Plan,
    at: usize,
    why: &Hindrance,
    now: Instant,
    wall: Timestamp,
) -> Option<RecordedHindrance> {
    Some(RecordedHindrance {
        key_id: plan.seats().get(at)?.key.key.id,
        why: why.as_str().into(),
        until: why.condition().map(|condition| on_the_wall(condition.until, now, wall)),
        reason: reason(why),
    })
}

/// What a hindrance is about, in words.
pub(crate) fn reason(why: &Hindrance) -> Option<String> {
    match why {
        Hindrance::Rests(condition) | Hindrance::Line(condition) => Some(condition.reason.clone()),
        Hindrance::Full(level) => Some(fullness(*level)),
        Hindrance::Tried | Hindrance::Format => None,
    }
}

fn fullness(level: Level) -> String {
    let whose = if level.is_cap { "its operator allows" } else { "is known of its limit" };
    format!("{} would be at {} % of what {whose}", level.resource.as_str(), level.permille / 10)
}
