//! Keeping a conversation where its prompt cache is.
//!
//! Each conversation has a first choice among the keys by rendezvous hashing: no table is needed, a restart changes
//! nothing, other nodes agree, and a key that comes or goes moves only its own share. Where a conversation had to go
//! elsewhere, a bounded [`Trail`] remembers it, so that its new cache is used too.
//!
//! Pure: callers pass `now`.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::id::KeyId;

/// A conversation, by a hash of what identifies it.
///
/// ```
/// use std::time::Instant;
///
/// use amp_pool_core::{
///     id::KeyId,
///     route::{Conversation, Trail},
/// };
///
/// let (trail, now) = (Trail::default(), Instant::now());
/// let talk = Conversation(0x5eed);
/// assert_eq!(trail.find(talk, now), None, "it goes to its first choice");
/// // The first choice was busy, and another key now holds the cache.
/// trail.leave(talk, KeyId(7), now);
/// assert_eq!(trail.find(talk, now), Some(KeyId(7)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conversation(pub u64);

/// In so many parts the members are divided first, so that ten thousand are not all weighed for one call. The number is
/// fixed: a part depends on its members' ids alone.
const PARTS: usize = 64;

/// Members with weights, ready to be asked who is whose first choice.
#[derive(Debug, Default)]
pub(super) struct Rendezvous {
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    number: u64,
    weight: f64,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    place: usize,
    id: u64,
    weight: f64,
}

impl Rendezvous {
    /// Members as pairs of place and id, with a weight each.
    pub(super) fn new(members: impl IntoIterator<Item = (usize, KeyId, u32)>) -> Self {
        let mut parts: Vec<_> = (0..PARTS as u64).map(|number| Part { number, ..Part::default() }).collect();
        for (place, KeyId(id), weight) in members {
            let id = id.cast_unsigned();
            let part = &mut parts[one_of(PARTS, mix(id))];
            part.weight += f64::from(weight);
            part.members.push(Member { place, id, weight: f64::from(weight) });
        }
        parts.retain(|part| !part.members.is_empty());
        Self { parts }
    }

    /// The place of a conversation's first choice, or with another `round` of another one.
    pub(super) fn choice(&self, Conversation(conversation): Conversation, round: u64) -> Option<usize> {
        let seed = mix(conversation ^ round.rotate_left(32));
        let part = best(&self.parts, |part| score(seed, part.number, part.weight))?;
        best(&part.members, |member| score(!seed, member.id, member.weight)).map(|member| member.place)
    }
}

fn best<T>(of: &[T], score: impl Fn(&T) -> f64) -> Option<&T> {
    let mut best: Option<(f64, &T)> = None;
    for one in of {
        let its = score(one);
        if best.is_none_or(|(most, _)| its > most) {
            best = Some((its, one));
        }
    }
    best.map(|(_, one)| one)
}

/// Logarithmic weighting: the greatest score falls to each in proportion to its weight, and a changed weight moves no
/// more than the difference.
fn score(seed: u64, id: u64, weight: f64) -> f64 {
    // 52 bits, and never 0 or 1.
    let chance = ((mix(seed ^ id) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -weight / chance.ln()
}

fn one_of(count: usize, number: u64) -> usize {
    usize::try_from(number % count as u64).unwrap_or_default()
}

/// Spreads a number over all bits (the finalizer of SplitMix64).
pub(super) const fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Where conversations went last. Bounded; each shard has a lock of its own.
#[derive(Debug)]
pub struct Trail {
    shards: Vec<Mutex<Shard>>,
    lasts: Duration,
}

/// Two generations: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug, Default)]
struct Shard {
    young: HashMap<Conversation, Step>,
    old: HashMap<Conversation, Step>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    key: KeyId,
    at: Instant,
}

const SHARDS: usize = 64;
const KEPT_IN_A_SHARD: usize = 1024;

/// The longest that providers keep a prompt.
const CACHES_LAST: Duration = Duration::from_secs(60 * 60);

impl Default for Trail {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), lasts: CACHES_LAST }
    }
}

impl Trail {
    /// Where a conversation went last, if that is not too long ago for any cache.
    #[must_use]
    pub fn find(&self, conversation: Conversation, now: Instant) -> Option<KeyId> {
        let shard = self.shard(conversation);
        let step = shard.young.get(&conversation).or_else(|| shard.old.get(&conversation))?;
        (now.saturating_duration_since(step.at) < self.lasts).then_some(step.key)
    }

    /// A conversation was answered by `key`.
    pub fn leave(&self, conversation: Conversation, key: KeyId, now: Instant) {
        let mut shard = self.shard(conversation);
        if shard.young.len() >= KEPT_IN_A_SHARD {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(conversation, Step { key, at: now });
    }

    fn shard(&self, conversation: Conversation) -> MutexGuard<'_, Shard> {
        self.shards[one_of(SHARDS, mix(conversation.0))].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: usize, weight: impl Fn(usize) -> u32) -> Rendezvous {
        Rendezvous::new((0..count).map(|n| (n, KeyId(i64::try_from(n).unwrap() + 1), weight(n))))
    }

    fn choices(among: &Rendezvous, conversations: u64) -> Vec<usize> {
        (0..conversations).map(|n| among.choice(Conversation(n), 0).unwrap()).collect()
    }

    #[test]
    fn a_key_that_goes_moves_only_its_own_conversations() {
        let before = choices(&members(200, |_| 1), 20_000);
        let after = choices(&members(199, |_| 1), 20_000);
        let moved = before.iter().zip(&after).filter(|(a, b)| a != b && **a != 199).count();

        // Of the part in which the key was, some conversations leave, in proportion to its loss of weight.
        assert!(moved < 200, "{moved} moved without need");
    }

    #[test]
    fn shares_follow_weights() {
        let of_nine = choices(&members(10, |n| if n == 0 { 9 } else { 1 }), 18_000);
        let first = of_nine.iter().filter(|place| **place == 0).count();
        assert!((8_500..9_500).contains(&first), "{first} of 9000");
    }

    #[test]
    fn another_round_is_another_choice() {
        let among = members(10, |_| 1);
        let same = (0..1000).filter(|n| among.choice(Conversation(*n), 0) == among.choice(Conversation(*n), 1)).count();
        assert!((50..200).contains(&same), "{same} of 100");
    }

    #[test]
    fn a_trail_is_bounded_and_ends() {
        let (trail, now) = (Trail::default(), Instant::now());
        for n in 0..1_000_000 {
            trail.leave(Conversation(n), KeyId(1), now);
        }
        let kept: usize = trail.shards.iter().map(|s| s.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(kept <= 2 * SHARDS * KEPT_IN_A_SHARD);
        assert_eq!(trail.find(Conversation(999_999), now), Some(KeyId(1)));
        assert_eq!(trail.find(Conversation(999_999), now + CACHES_LAST), None);
    }
}
