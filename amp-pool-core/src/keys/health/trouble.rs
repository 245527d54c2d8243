//! One trouble: what is the matter, until when, how it came, and what comes behind its end.

use std::time::{Duration, Instant};

use super::{Condition, KeyState};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const GLITCH_PAUSE: Duration = Duration::from_secs(15);
/// Credits get topped up and providers err, so no state is for ever.
pub(super) const RECHECK: Duration = Duration::from_secs(60 * 60);
/// A trial that brought no news by then is taken for none, and the next call is one.
pub(super) const TRIAL: Duration = Duration::from_secs(30);

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) in_a_row: u32,
    /// A credential was refused before, and nothing was answered since.
    pub(super) refused: bool,
    pub(super) condition: Option<Condition>,
    pub(super) trial: Trial,
    /// Another process has said so.
    pub(super) hinted: bool,
}

/// Only an end that is so much later is another one: reports travel, and clocks differ.
const SLACK: Duration = Duration::from_secs(1);

/// What comes behind the end of a condition.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trial {
    /// The upstream named the end itself, so that it needs no proof.
    #[default]
    None,
    /// The end was a guess: one call finds out.
    Due,
    /// A call is finding out since then.
    Since(Instant),
}

impl Trouble {
    pub(super) fn at(&self, now: Instant) -> Option<Condition> {
        let condition = self.condition.as_ref()?;
        match self.trial {
            _ if now < condition.until => Some(condition.clone()),
            Trial::Since(since) if now < since + TRIAL => {
                let (reason, until) = (condition.reason.clone(), since + TRIAL);
                Some(Condition { state: KeyState::Probing, since, until, reason })
            }
            _ => None,
        }
    }

    pub(super) fn begin_trial(&mut self, now: Instant) {
        if self.trial != Trial::None && self.at(now).is_none() {
            self.trial = Trial::Since(now);
        }
    }

    /// Whether a call sent at `sent` knew of it.
    pub(super) fn is_before(&self, sent: Instant) -> bool {
        self.condition.as_ref().is_none_or(|condition| condition.since <= sent)
    }

    /// Whether it ended by itself, at a time that the upstream had named: that it is over is no news.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.trial == Trial::None && self.condition.as_ref().is_none_or(|condition| condition.until <= now)
    }

    pub(super) fn rest(&mut self, state: KeyState, wait: Option<Duration>, reason: String, now: Instant) -> bool {
        let trial = if wait.is_some() && state == KeyState::Cooling { Trial::None } else { Trial::Due };
        let wait = wait.unwrap_or_else(|| pause(self.in_a_row));
        self.set(Condition { state, since: now, until: now + wait, reason }, trial)
    }

    pub(super) fn refuse(&mut self, reason: String, now: Instant) -> bool {
        let proven = std::mem::replace(&mut self.refused, true);
        let (state, wait) = if proven { (KeyState::Disabled, RECHECK) } else { (KeyState::Cooling, GLITCH_PAUSE) };
        self.set(Condition { state, since: now, until: now + wait, reason }, Trial::Due)
    }

    /// Goes by what another process has `heard` of it: a later end counts here as well, and what is known by hearsay alone
    /// is over when it is not said any more.
    pub(super) fn heed(&mut self, heard: Self) {
        match (&self.condition, &heard.condition) {
            (_, None) if self.hinted => *self = Self::default(),
            (_, None) => {}
            (Some(own), Some(theirs)) if theirs.until <= own.until + SLACK => {}
            (_, Some(_)) => {
                let (in_a_row, refused) = (self.in_a_row.max(heard.in_a_row), self.refused || heard.refused);
                *self = Self { in_a_row, refused, hinted: true, ..heard };
            }
        }
    }

    /// Whether the condition is the new one now: a later end is never replaced by an earlier one.
    fn set(&mut self, next: Condition, trial: Trial) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let is_later = self.condition.as_ref().is_none_or(|current| current.until <= next.until);
        if is_later {
            (self.condition, self.trial, self.hinted) = (Some(next), trial, false);
        }
        is_later
    }
}

fn pause(failures_before: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures_before)).min(LONGEST_PAUSE)
}
