//! Keys as their upstream sees them: with limits that nobody else knows.

use super::chance::Chance;

/// Seconds since the simulation began.
pub(crate) type Seconds = f64;

/// How a limit is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    /// It fills up all the time, to a minute's worth.
    Bucket,
    /// Each minute anew.
    Minute,
}

/// One limit: so much a minute.
#[derive(Debug, Clone)]
struct Limit {
    per_minute: f64,
    kept: Kept,
    left: f64,
    at: Seconds,
}

impl Limit {
    fn new(per_minute: f64, kept: Kept) -> Self {
        Self { per_minute, kept, left: per_minute, at: 0.0 }
    }

    fn turn_to(&mut self, now: Seconds) {
        match self.kept {
            Kept::Bucket => {
                self.left = (self.left + (now - self.at) * self.per_minute / 60.0).min(self.per_minute);
            }
            Kept::Minute if (now / 60.0).floor() > (self.at / 60.0).floor() => self.left = self.per_minute,
            Kept::Minute => {}
        }
        self.at = now;
    }

    /// When there is room for `amount`.
    fn room_at(&self, amount: f64) -> Seconds {
        match self.kept {
            _ if self.left >= amount => self.at,
            Kept::Bucket => self.at + (amount.min(self.per_minute) - self.left) * 60.0 / self.per_minute,
            Kept::Minute => ((self.at / 60.0).floor() + 1.0) * 60.0,
        }
    }
}

/// What a key tells of its limits, if it is of a talkative provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub requests: [f64; 3],
    pub tokens: [f64; 3],
}

/// What an upstream answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Served { told: Option<Told> },
    Limited { wait: Option<Seconds>, tokens: bool },
    Refused,
    Broken,
}

/// One key as its upstream sees it.
#[derive(Debug, Clone)]
pub(crate) struct HiddenKey {
    requests: Limit,
    tokens: Limit,
    tells: bool,
    dates: bool,
    /// Answers take so many times as long.
    pub slowness: f64,
    /// From when on its credential is refused.
    dies: Seconds,
    /// From when to when it fails.
    broken: (Seconds, Seconds),
}

impl HiddenKey {
    pub(crate) fn new(chance: &mut Chance, mean_tokens: f64, span: Seconds) -> Self {
        let rpm = chance.of_any_size(6.0, 120.0).round();
        let tpm = rpm * mean_tokens * chance.between(0.7, 2.0);
        let kept = if chance.is(0.7) { Kept::Bucket } else { Kept::Minute };
        let breaks = if chance.is(0.1) { chance.between(0.0, span) } else { f64::INFINITY };
        Self {
            requests: Limit::new(rpm, kept),
            tokens: Limit::new(tpm.max(4.0 * mean_tokens), kept),
            tells: chance.is(0.3),
            dates: chance.is(0.6),
            slowness: if chance.is(0.05) { 4.0 } else { 1.0 },
            dies: if chance.is(0.01) { chance.between(0.5, 1.0) * span } else { f64::INFINITY },
            broken: (breaks, breaks + 60.0),
        }
    }

    /// Calls a minute that it can take, of `mean_tokens` each.
    pub(crate) fn capacity(&self, mean_tokens: f64) -> f64 {
        self.requests.per_minute.min(self.tokens.per_minute / mean_tokens)
    }

    /// How full it is, with one more call of `tokens`; above 1 it refuses.
    pub(crate) fn fullness(&mut self, tokens: f64, now: Seconds) -> f64 {
        if now >= self.dies || (self.broken.0..self.broken.1).contains(&now) {
            return f64::INFINITY;
        }
        self.turn_to(now);
        let part = |limit: &Limit, amount: f64| (limit.per_minute - limit.left + amount) / limit.per_minute;
        part(&self.requests, 1.0).max(part(&self.tokens, tokens.min(self.tokens.per_minute)))
    }

    /// Asks it for `tokens`.
    pub(crate) fn ask(&mut self, tokens: f64, now: Seconds) -> Answer {
        if now >= self.dies {
            return Answer::Refused;
        }
        if (self.broken.0..self.broken.1).contains(&now) {
            return Answer::Broken;
        }
        self.turn_to(now);
        let tokens = tokens.min(self.tokens.per_minute);
        let room = self.requests.room_at(1.0).max(self.tokens.room_at(tokens));
        if room > now {
            let wait = self.dates.then_some(room - now);
            return Answer::Limited { wait, tokens: self.requests.left >= 1.0 };
        }
        self.requests.left -= 1.0;
        self.tokens.left -= tokens;
        Answer::Served { told: self.tells.then(|| self.told(now)) }
    }

    fn told(&self, now: Seconds) -> Told {
        let of = |limit: &Limit| {
            let whole = match limit.kept {
                Kept::Bucket => (limit.per_minute - limit.left) * 60.0 / limit.per_minute,
                Kept::Minute => ((now / 60.0).floor() + 1.0) * 60.0 - now,
            };
            [limit.per_minute, limit.left, whole]
        };
        Told { requests: of(&self.requests), tokens: of(&self.tokens) }
    }

    fn turn_to(&mut self, now: Seconds) {
        self.requests.turn_to(now);
        self.tokens.turn_to(now);
    }
}
