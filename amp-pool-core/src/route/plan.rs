//! The keys that may serve one model, and the choice among them.
//!
//! Seats stand in groups of one rank, those that speak the call's own format first. The first group that has a seat fit
//! for the call is chosen from: where the conversation was, else where its hash points, else by the route's strategy.
//! Nothing is locked for all calls, and of a large group only a sample is looked at.

use std::{
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Instant,
};

use super::{
    By, Choice, Hindrance, PassedOver, Strategy,
    affinity::{Conversation, Rendezvous},
    pick::Turns,
};
use crate::{
    format::{Format, Policy},
    id::KeyId,
    keys::{Condition, Level, LiveKey, Room},
};

/// A place in a plan: a key, and what it is to be asked for.
pub struct Seat {
    /// The key.
    pub key: Arc<LiveKey>,
    /// The model as the upstream knows it. `None`: as the client wrote it, or none at all.
    pub upstream_model: Option<Box<str>>,
    /// The formats in which it can be asked.
    pub formats: Vec<Format>,
    /// Ranks are tried in order: the route's tier first, the key's priority within it.
    pub rank: (u32, i32),
    /// Share within the rank.
    pub weight: u32,
    /// Whether the upstream speaks Responses, and its model takes tools on Chat only while it does not think.
    pub chat_refuses_tools: bool,
    /// Whether its streams break official SDKs and are mended on the way.
    pub repairs_stream: bool,
    /// How much more the key takes for this model.
    pub room: Arc<Room>,
    /// When it is this seat's turn again, in parts of its share.
    pub(super) turn: AtomicU64,
}

/// What a choice is for.
#[derive(Clone, Copy)]
pub struct Want<'a> {
    /// The format of the call.
    pub format: Format,
    /// Whether seats take part that do not speak it: then the call is translated.
    pub translates: bool,
    /// The model the client named, under which a seat without its own name is judged.
    pub model: &'a str,
    /// Seats that failed in this call. None of them is tried again in it.
    pub tried: &'a [usize],
    /// About how many tokens are sent.
    pub input: u64,
    /// The conversation the call belongs to, if it does.
    pub conversation: Option<Conversation>,
    /// Where that conversation went last.
    pub home: Option<KeyId>,
    /// Chance, by which large groups are sampled.
    pub chance: u64,
    /// The moment of choice.
    pub now: Instant,
}

impl<'a> Want<'a> {
    /// A call of `format` for `model`, with nothing else known of it.
    #[must_use]
    pub fn new(format: Format, model: &'a str, now: Instant) -> Self {
        Self { format, translates: false, model, tried: &[], input: 0, conversation: None, home: None, chance: 0, now }
    }
}

/// How bad a seat may be and still be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pass {
    /// Nothing speaks against it.
    Fit,
    /// Its line is in trouble: a key is not to blame for that, and a bad line is better than none.
    AnyLine,
    /// It seems to have had enough, but nobody is sure of it.
    AnyRoom,
}

const PASSES: [Pass; 3] = [Pass::Fit, Pass::AnyLine, Pass::AnyRoom];

/// For what a seat is looked at.
#[derive(Clone, Copy)]
struct Look<'a> {
    want: Want<'a>,
    pass: Pass,
}

/// Seats among which rank and format do not decide.
pub(super) struct Group {
    /// Places of its seats.
    pub(super) places: Vec<usize>,
    /// The sums of their weights up to each.
    pub(super) shares: Vec<u64>,
    pub(super) turns: Turns,
    rendezvous: Rendezvous,
    /// Its seats by their keys.
    homes: Vec<(KeyId, usize)>,
}

/// The keys that may serve one model.
///
/// ```
/// use std::{sync::Arc, time::Instant};
///
/// use amp_pool_core::{
///     format::Format,
///     id::KeyId,
///     keys::{Key, KeySpec, LiveKey, Lesson, Standing},
///     provider::Presets,
///     route::{Choice, Plan, Seat, Strategy, Want},
///     secret::Secret,
///     time::Timestamp,
/// };
///
/// let now = Timestamp::from_millis(0);
/// let live = |id: i64| {
///     let spec = KeySpec::new(format!("key {id}"), "openai", Secret::new("sk-example"));
///     let key = Key { id: KeyId(id), create_time: now, update_time: now, fingerprint: id.to_string(), spec };
///     LiveKey::new(Arc::new(key), Presets::builtin(), Standing::new(Instant::now())).map(Arc::new)
/// };
/// let (first, second) = (live(1)?, live(2)?);
/// // The smaller rank comes first.
/// let seat = |key: &Arc<LiveKey>, rank| Seat::new(key.clone(), None, vec![Format::Chat], (0, rank), 1);
/// let plan = Plan::new(vec![seat(&first, 1), seat(&second, 2)], Strategy::FillFirst);
///
/// let want = Want::new(Format::Chat, "gpt-4o", Instant::now());
/// assert!(matches!(plan.choose(want), Choice::Seat { at: 0, .. }));
/// first.health.learn("gpt-4o", Lesson::Refused { reason: "401".into() }, Instant::now());
/// assert!(matches!(plan.choose(want), Choice::Seat { at: 1, .. }));
/// // Who was tried in this call is not tried again in it.
/// assert!(!matches!(plan.choose(Want { tried: &[1], ..want }), Choice::Seat { .. }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Plan {
    seats: Vec<Seat>,
    formats: Vec<Format>,
    strategy: Strategy,
    translation: Policy,
    /// For each format of a call, the groups in order; made when the first such call comes, as most never do.
    native: [OnceLock<Vec<Group>>; Format::ALL.len()],
    translated: [OnceLock<Vec<Group>>; Format::ALL.len()],
}

impl Plan {
    /// A plan of seats, in any order.
    #[must_use]
    pub fn new(mut seats: Vec<Seat>, strategy: Strategy) -> Self {
        seats.sort_by_key(|seat| seat.rank);
        let mut formats: Vec<_> = seats.iter().flat_map(|seat| seat.formats.iter().copied()).collect();
        formats.sort_unstable();
        formats.dedup();
        let (native, translated) = <_>::default();
        Self { seats, formats, strategy, translation: Policy::default(), native, translated }
    }

    /// The same plan, with its route's word on translations.
    #[must_use]
    pub fn translating(self, translation: Policy) -> Self {
        Self { translation, ..self }
    }

    /// How its calls are translated where they have to be.
    #[must_use]
    pub fn translation(&self) -> &Policy {
        &self.translation
    }

    /// Its seats, by rank.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The formats in which anyone here can be asked.
    #[must_use]
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// How one is chosen where nothing else decides.
    #[must_use]
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Chooses the seat to try next, and takes its turn.
    #[must_use]
    pub fn choose(&self, want: Want<'_>) -> Choice {
        self.choose_noting(want, &mut PassedOver::default())
    }

    /// The same, noting in `passed` who was passed over.
    #[must_use]
    pub fn choose_noting(&self, want: Want<'_>, passed: &mut PassedOver) -> Choice {
        let Some((group, at, by)) = self.find(want, passed) else { return self.nobody(want) };
        group.turns.take(&self.seats[at]);
        Choice::Seat { at, by }
    }

    /// What [`choose`](Self::choose) would say now. Nobody's turn is taken.
    #[must_use]
    pub fn foresee(&self, want: Want<'_>, passed: &mut PassedOver) -> Choice {
        self.find(want, passed).map_or_else(|| self.nobody(want), |(_, at, by)| Choice::Seat { at, by })
    }

    /// The places of all seats in the order in which they are looked at; last those that speak no format that the call can
    /// go out in.
    #[must_use]
    pub fn order(&self, want: Want<'_>) -> Vec<usize> {
        let mut order: Vec<_> = self.groups(want).iter().flat_map(|group| group.places.iter().copied()).collect();
        let mute = |at: &usize| self.seats[*at].format_for(want.format, want.translates).is_none();
        order.extend((0..self.seats.len()).filter(mute));
        order
    }

    fn find(&self, want: Want<'_>, passed: &mut PassedOver) -> Option<(&Group, usize, By)> {
        let groups = self.groups(want);
        PASSES
            .into_iter()
            .find_map(|pass| groups.iter().find_map(|group| self.from(group, Look { want, pass }, passed)))
    }

    fn from<'a>(&self, group: &'a Group, look: Look<'_>, passed: &mut PassedOver) -> Option<(&'a Group, usize, By)> {
        let (at, by) = self
            .at_home(group, look, passed)
            .or_else(|| self.by_hash(group, look, passed))
            .or_else(|| Some((self.pick(group, look.want, |at| self.may(at, look, passed))?, By::Strategy)))?;
        if look.pass > Pass::Fit
            && let Some(despite) = self.seats[at].hindrance(at, look.want)
        {
            passed.take_back(at, despite);
        }
        Some((group, at, by))
    }

    /// The seat where the conversation was, unless that has had enough.
    fn at_home(&self, group: &Group, look: Look<'_>, passed: &mut PassedOver) -> Option<(usize, By)> {
        let home = look.want.home.filter(|_| look.pass < Pass::AnyRoom)?;
        let at = group.seats_of(home).find(|at| self.may(*at, look, passed).is_some())?;
        Some((at, By::Home))
    }

    /// A seat for a conversation that has no cache anywhere: its first or second choice, where that has room to spare.
    fn by_hash(&self, group: &Group, look: Look<'_>, passed: &mut PassedOver) -> Option<(usize, By)> {
        let conversation = look.want.conversation.filter(|_| look.pass < Pass::AnyRoom)?;
        let choices = (0..2).filter_map(|round| group.rendezvous.choice(conversation, round));
        let is_roomy = |level: Level| level.permille <= ROOM_FOR_A_NEW_CONVERSATION;
        let mut roomy = choices.filter(|at| self.may(*at, look, passed).is_some_and(is_roomy));
        Some((roomy.next()?, By::Hash))
    }

    /// How full a seat would be, if it may be taken.
    fn may(&self, at: usize, Look { want, pass }: Look<'_>, passed: &mut PassedOver) -> Option<Level> {
        let seat = &self.seats[at];
        match seat.judge(at, want) {
            Ok(level) => Some(level),
            Err(Hindrance::Line(_)) if pass >= Pass::AnyLine => Some(seat.level(want)),
            Err(Hindrance::Full(level)) if pass >= Pass::AnyRoom && !level.is_cap => Some(level),
            Err(why) => {
                passed.note(at, &why);
                None
            }
        }
    }

    /// Why nobody is taken.
    fn nobody(&self, want: Want<'_>) -> Choice {
        let (mut resting, mut full, mut speaks): (Option<Condition>, Option<(Instant, Level)>, bool) =
            (None, None, false);
        for (at, seat) in self.seats.iter().enumerate() {
            let hindrance = seat.hindrance(at, want);
            speaks |= hindrance != Some(Hindrance::Format);
            match hindrance {
                Some(Hindrance::Rests(why)) if resting.as_ref().is_none_or(|first| why.until < first.until) => {
                    resting = Some(why);
                }
                Some(Hindrance::Full(why)) => {
                    let until = seat.room_at(want);
                    if full.is_none_or(|(first, _)| until < first) {
                        full = Some((until, why));
                    }
                }
                _ => {}
            }
        }
        match (resting, full) {
            (Some(why), Some((until, _))) if why.until < until => resting_until(why, want.now),
            (_, Some((until, why))) => {
                let wait = until.checked_duration_since(want.now).filter(|wait| !wait.is_zero());
                Choice::Full { wait, why }
            }
            (Some(why), None) => resting_until(why, want.now),
            (None, None) if speaks => Choice::Exhausted,
            (None, None) => Choice::NoFormat,
        }
    }

    fn groups(&self, want: Want<'_>) -> &[Group] {
        let by_format = if want.translates { &self.translated } else { &self.native };
        let number = Format::ALL.iter().position(|format| *format == want.format).unwrap_or_default();
        by_format[number].get_or_init(|| groups(&self.seats, want.format, want.translates))
    }
}

/// A conversation is begun only where it can go on for a while.
const ROOM_FOR_A_NEW_CONVERSATION: u64 = 850;

fn resting_until(why: Condition, now: Instant) -> Choice {
    Choice::Resting { wait: why.until.saturating_duration_since(now), why }
}

/// The seats that can be asked by calls of `format`, by rank, in it those that speak it first.
fn groups(seats: &[Seat], format: Format, translates: bool) -> Vec<Group> {
    let order = |seat: &Seat| (seat.rank, !seat.formats.contains(&format));
    let mut speaking: Vec<_> =
        (0..seats.len()).filter(|at| seats[*at].format_for(format, translates).is_some()).collect();
    speaking.sort_by_key(|at| order(&seats[*at]));
    speaking.chunk_by(|a, b| order(&seats[*a]) == order(&seats[*b])).map(|places| Group::new(seats, places)).collect()
}

impl Group {
    fn new(seats: &[Seat], places: &[usize]) -> Self {
        let mut sum = 0;
        let weights = places.iter().map(|at| u64::from(seats[*at].weight));
        let shares = weights.map(|weight| {
            sum += weight;
            sum
        });
        let mut homes: Vec<_> = places.iter().map(|at| (seats[*at].key.key.id, *at)).collect();
        homes.sort_unstable();
        Self {
            homes,
            shares: shares.collect(),
            turns: Turns::among(places.len()),
            rendezvous: Rendezvous::new(places.iter().map(|at| (*at, seats[*at].key.key.id, seats[*at].weight))),
            places: places.to_vec(),
        }
    }

    /// The places of one key: a route may name it more than once.
    fn seats_of(&self, key: KeyId) -> impl Iterator<Item = usize> {
        let from = self.homes.partition_point(|(other, _)| *other < key);
        self.homes[from..].iter().take_while(move |(other, _)| *other == key).map(|(_, at)| *at)
    }
}

/// What a call is translated to, best first: what keeps reasoning and tools apart most cleanly.
const TRANSLATE_TO: [Format; 3] = [Format::Responses, Format::Messages, Format::Chat];

impl Seat {
    /// A place for `key`, asked for `upstream_model` in any of `formats`.
    #[must_use]
    pub fn new(
        key: Arc<LiveKey>,
        upstream_model: Option<Box<str>>,
        formats: Vec<Format>,
        rank: (u32, i32),
        weight: u32,
    ) -> Self {
        let room = upstream_model
            .as_deref()
            .map_or_else(|| key.account.rooms.whole().clone(), |model| key.account.rooms.model(model));
        let weight = weight.max(1);
        let turn = AtomicU64::new(Turns::first(weight));
        let repairs_stream = key.provider.repairs_stream();
        Self { key, upstream_model, formats, rank, weight, chat_refuses_tools: false, repairs_stream, room, turn }
    }

    /// The format in which the upstream is spoken to for a call of `format`.
    #[must_use]
    pub fn format_for(&self, format: Format, translates: bool) -> Option<Format> {
        let native = self.formats.contains(&format).then_some(format);
        let other = || TRANSLATE_TO.into_iter().find(|other| self.formats.contains(other));
        native.or_else(|| if translates { other() } else { None })
    }

    /// What speaks against this seat, which stands at `at` in its plan.
    #[must_use]
    pub fn hindrance(&self, at: usize, want: Want<'_>) -> Option<Hindrance> {
        self.judge(at, want).err()
    }

    /// How full the key would be with the call, or what speaks against it.
    fn judge(&self, at: usize, want: Want<'_>) -> Result<Level, Hindrance> {
        if want.tried.contains(&at) {
            return Err(Hindrance::Tried);
        }
        if self.format_for(want.format, want.translates).is_none() {
            return Err(Hindrance::Format);
        }
        if let Some(condition) = self.key.hindrance(self.model(want.model), want.now) {
            return Err(Hindrance::Rests(condition));
        }
        let level = self.level(want);
        // A limit that an operator wrote holds whatever else is the matter.
        if level.is_full() && level.is_cap {
            return Err(Hindrance::Full(level));
        }
        if let Some(condition) = self.key.link.condition(want.now) {
            return Err(Hindrance::Line(condition));
        }
        if level.is_full() { Err(Hindrance::Full(level)) } else { Ok(level) }
    }

    /// How full the key would be with the call.
    #[must_use]
    pub fn level(&self, want: Want<'_>) -> Level {
        self.key.level(&self.room, want.input, want.now)
    }

    fn room_at(&self, want: Want<'_>) -> Instant {
        self.key.account.rooms.whole().room_at(want.input, self.key.caps, want.now)
    }

    /// The model the upstream is asked for when the client named `asked`.
    #[must_use]
    pub fn model<'a>(&'a self, asked: &'a str) -> &'a str {
        self.upstream_model.as_deref().unwrap_or(asked)
    }
}
