//! The clock, the calls, and the count of what became of them.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use super::{
    arguments::Settings,
    chance::Chance,
    pickers::{Oracle, Picker},
    traffic::{Call, Conversation, MEAN_CALLS, MEAN_TOKENS},
    upstream::{Answer, HiddenKey, Seconds},
};

/// Providers keep a prompt for so long.
const CACHE: Seconds = 300.0;

/// Keys, conversations, and the time.
pub(crate) struct World {
    settings: Settings,
    pub keys: Vec<HiddenKey>,
    chance: Chance,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    happens: HashMap<u64, Event>,
    number: u64,
    begun: u64,
    /// Where and when each conversation was answered last.
    caches: HashMap<u64, (usize, Seconds)>,
}

enum Event {
    Begin,
    Turn(Conversation),
    End { key: usize, call: Call },
}

/// What became of a run's calls.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Outcome {
    calls: u64,
    served: u64,
    tries: u64,
    wasted: u64,
    hits: u64,
    could_hit: u64,
    seconds: f64,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut chance = Chance::new(settings.seed);
        let span = settings.minutes as f64 * 60.0;
        let keys = (0..settings.keys).map(|_| HiddenKey::new(&mut chance, MEAN_TOKENS, span)).collect();
        Self {
            settings,
            keys,
            chance,
            events: BinaryHeap::new(),
            happens: HashMap::new(),
            number: 0,
            begun: 0,
            caches: HashMap::new(),
        }
    }

    /// How many calls an oracle serves.
    pub(crate) fn goodput_of_an_oracle(mut self) -> u64 {
        self.run(&mut Oracle).served
    }

    /// Lets the time pass.
    pub(crate) fn run(&mut self, picker: &mut dyn Picker) -> Outcome {
        let capacity: f64 = self.keys.iter().map(|key| key.capacity(MEAN_TOKENS)).sum();
        let calls_a_second = capacity / 60.0 * f64::from(self.settings.load) / 100.0;
        let apart = MEAN_CALLS / calls_a_second;
        let end = self.settings.minutes as f64 * 60.0;
        let started = std::time::Instant::now();
        let mut outcome = Outcome::default();
        self.later(0.0, Event::Begin);
        while let Some(Reverse((micros, number))) = self.events.pop() {
            let now = micros as f64 / 1e6;
            if now > end {
                break;
            }
            match self.happens.remove(&number) {
                Some(Event::Begin) => {
                    self.begun += 1;
                    let conversation = Conversation::begin(self.begun, self.settings.seed);
                    self.turn(conversation, now, picker, &mut outcome);
                    let next = now + self.chance.wait(apart);
                    self.later(next, Event::Begin);
                }
                Some(Event::Turn(conversation)) => self.turn(conversation, now, picker, &mut outcome),
                Some(Event::End { key, call }) => picker.ended(key, &call, now),
                None => {}
            }
        }
        outcome.seconds = started.elapsed().as_secs_f64();
        outcome
    }

    fn turn(&mut self, mut conversation: Conversation, now: Seconds, picker: &mut dyn Picker, outcome: &mut Outcome) {
        let call = conversation.call();
        let id = conversation.id;
        let takes = self.serve(&call, now, picker, outcome);
        if let Some((pause, next)) = conversation.next() {
            self.later(now + takes + pause, Event::Turn(next));
        } else {
            self.caches.remove(&id);
        }
    }

    /// Tries key after key. Gives how long the caller is busy with it.
    fn serve(&mut self, call: &Call, now: Seconds, picker: &mut dyn Picker, outcome: &mut Outcome) -> Seconds {
        outcome.calls += 1;
        let mut tried = Vec::new();
        while let Some(key) = picker.pick(self, call, &tried, now) {
            outcome.tries += 1;
            let answer = self.keys[key].ask(call.tokens(), now);
            picker.answered(key, call, &answer, now);
            if matches!(answer, Answer::Served { .. }) {
                outcome.served += 1;
                self.count_cache(call, key, now, outcome);
                let takes = call.takes() * self.keys[key].slowness;
                self.later(now + takes, Event::End { key, call: *call });
                return takes;
            }
            outcome.wasted += 1;
            tried.push(key);
        }
        0.0
    }

    fn count_cache(&mut self, call: &Call, key: usize, now: Seconds, outcome: &mut Outcome) {
        if let Some((before, at)) = self.caches.insert(call.conversation, (key, now))
            && now - at < CACHE
        {
            outcome.could_hit += 1;
            outcome.hits += u64::from(before == key);
        }
    }

    fn later(&mut self, at: Seconds, event: Event) {
        self.number += 1;
        self.events.push(Reverse(((at * 1e6) as u64, self.number)));
        self.happens.insert(self.number, event);
    }
}

impl Outcome {
    pub(crate) const HEADINGS: &'static str =
        "choice          calls      goodput  for nothing  refused   cache hits  microseconds a call";

    pub(crate) fn line(&self, name: &str, oracle: u64) -> String {
        let share = |part: u64, of: u64| 100.0 * part as f64 / of.max(1) as f64;
        format!(
            "{name:<12} {:>8} {:>9.2} %  {:>9.2} % {:>7.3} % {:>10.2} % {:>10.2}",
            self.calls,
            share(self.served, oracle),
            share(self.wasted, self.tries),
            share(self.calls - self.served, self.calls),
            share(self.hits, self.could_hit),
            self.seconds * 1e6 / self.calls.max(1) as f64,
        )
    }
}
