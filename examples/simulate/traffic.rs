//! Conversations: prompts that grow, answers, and time to think in between.

use super::{chance::Chance, upstream::Seconds};

/// A conversation under way.
#[derive(Debug, Clone)]
pub(crate) struct Conversation {
    pub id: u64,
    turn: u32,
    turns: u32,
    prompt: f64,
    /// Its own, so that it says the same whoever serves it.
    chance: Chance,
}

/// One turn of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub conversation: u64,
    pub prompt: f64,
    pub output: f64,
}

impl Call {
    pub(crate) fn tokens(&self) -> f64 {
        self.prompt + self.output
    }

    /// How long its answer takes on a key of common speed.
    pub(crate) fn takes(&self) -> Seconds {
        0.6 + self.output / 80.0
    }
}

const MEAN_TURNS: f64 = 8.0;
const GROWTH: f64 = 900.0;
const FIRST_PROMPT: (f64, f64) = (500.0, 6000.0);
const OUTPUT: (f64, f64) = (50.0, 800.0);

/// Tokens of a call, on average.
pub(crate) const MEAN_TOKENS: f64 =
    (FIRST_PROMPT.0 + FIRST_PROMPT.1) / 2.0 + (OUTPUT.0 + OUTPUT.1) / 2.0 + GROWTH * (MEAN_TURNS - 1.0);

/// Calls of a conversation, on average.
pub(crate) const MEAN_CALLS: f64 = MEAN_TURNS;

impl Conversation {
    pub(crate) fn begin(id: u64, seed: u64) -> Self {
        let mut chance = Chance::new(seed ^ id.rotate_left(32));
        let turns = 1 + chance.wait(MEAN_TURNS - 0.5).floor() as u32;
        Self { id, turn: 0, turns, prompt: chance.between(FIRST_PROMPT.0, FIRST_PROMPT.1), chance }
    }

    pub(crate) fn call(&mut self) -> Call {
        let output = self.chance.between(OUTPUT.0, OUTPUT.1);
        Call { conversation: self.id, prompt: self.prompt, output }
    }

    /// The next turn and the pause before it, if there is one.
    pub(crate) fn next(mut self) -> Option<(Seconds, Self)> {
        self.turn += 1;
        self.prompt += self.chance.between(0.5, 1.5) * GROWTH;
        let pause = 1.0 + self.chance.wait(20.0);
        (self.turn < self.turns).then_some((pause, self))
    }
}
