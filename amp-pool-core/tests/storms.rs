//! A pool under load: what its keys can give, and how it comes through trouble. Hours on a paused clock.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bench;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use amp_pool_core::{
    handle::KeyView,
    keys::{KeySpec, KeyState},
    secret::Secret,
    service::Limits,
    testkit::{Reply, Script, Sent},
};
use bench::Bench;
use serde_json::json;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// What a key may be sent in any minute.
struct Limit {
    rpm: usize,
    passed: VecDeque<Instant>,
}

impl Limit {
    fn take(&mut self, now: Instant) -> bool {
        while self.passed.front().is_some_and(|at| now - *at >= MINUTE) {
            self.passed.pop_front();
        }
        let has_room = self.passed.len() < self.rpm;
        if has_room {
            self.passed.push_back(now);
        }
        has_room
    }
}

/// An upstream at which each key has a limit that nobody tells, with `trouble` for some of them, or all, at times.
fn upstream(
    keys: &[KeySpec],
    rpm: usize,
    trouble: impl Fn(&str, Duration) -> Option<Reply> + Send + 'static,
) -> Script {
    let began = Instant::now();
    let limit = |spec: &KeySpec| (spec.name.clone(), Limit { rpm, passed: VecDeque::new() });
    let mut limits: HashMap<_, _> = keys.iter().map(limit).collect();
    Script::new().forgetful().otherwise(move |Sent { key, .. }| {
        let now = Instant::now();
        if let Some(reply) = trouble(key, now - began) {
            return reply;
        }
        let passes = limits.get_mut(key).is_some_and(|limit| limit.take(now));
        let reply = if passes { Reply::chat("hello") } else { Reply::limited() };
        reply.after(Duration::from_millis(700))
    })
}

fn keys(count: usize) -> Vec<KeySpec> {
    (0..count).map(|n| KeySpec::new(format!("k{n}"), "openai", Secret::new(format!("k{n}")))).collect()
}

/// What callers saw, by the second in which they called.
#[derive(Default)]
struct Seen(Vec<(Duration, u16)>);

impl Seen {
    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = u16> {
        let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
        self.0.iter().filter(move |(at, _)| from <= *at && *at < to).map(|(_, status)| *status)
    }
}

/// Calls that come evenly, so many a second, for so many seconds. None begins or goes on a conversation.
async fn load(bench: &Arc<Bench>, a_second: u32, seconds: u64) -> Seen {
    let began = Instant::now();
    let gap = Duration::from_secs(1) / a_second;
    let calls = (0..a_second * u32::try_from(seconds).unwrap()).map(|n| {
        let bench = Arc::clone(bench);
        tokio::spawn(async move {
            tokio::time::sleep_until(began + gap * n).await;
            let at = began.elapsed();
            let words = json!([{"role": "user", "content": n.to_string()}]);
            let body = json!({"model": "gpt-4o-mini", "messages": words});
            (at, bench.post("/v1/chat/completions", &body).await.status)
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut seen = Seen::default();
    for call in calls {
        seen.0.push(call.await.unwrap());
    }
    seen
}

/// The keys that are not ready, each with its state and the reason that is told.
fn out(bench: &Bench) -> BTreeMap<String, String> {
    let told = |view: KeyView| {
        let status = view.status;
        let is_out = status.state != KeyState::Ready;
        is_out.then(|| {
            (view.key.spec.name.clone(), format!("{} {}", status.state.as_str(), status.reason.unwrap_or_default()))
        })
    };
    bench.handle().keys().into_iter().filter_map(told).collect()
}

/// All that is told of keys that are out at any moment from now on, for so many seconds.
async fn watch(bench: Arc<Bench>, seconds: u64) -> BTreeMap<String, BTreeSet<String>> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for (name, told) in out(&bench) {
            seen.entry(name).or_default().insert(told);
        }
    }
    seen
}

/// Limits that let an upstream be silent for two seconds.
fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.whole_answer = Duration::from_secs(2);
    limits
}

#[tokio::test(start_paused = true)]
async fn fifty_keys_at_ninety_percent_show_no_limit_to_anyone() {
    let keys = keys(50);
    let upstream = upstream(&keys, 40, |_, _| None);
    let bench = Arc::new(Bench::of_keys(&upstream, keys, Limits::default()).await);
    // 50 keys of 40 a minute are 33.3 a second.
    let seen = load(&bench, 30, 300).await;
    let refused = seen.0.iter().filter(|(_, status)| *status != 200).count();
    assert_eq!(refused, 0);
}

#[tokio::test(start_paused = true)]
async fn only_the_sick_keys_are_out_each_for_its_reason_and_all_come_back() {
    const SICK: u64 = 100;
    let mut keys = keys(50);
    for (n, spec) in keys.iter_mut().enumerate() {
        let name = match n {
            0 => "dead",
            1 => "broke",
            2 => "stranded",
            3 => "slow",
            _ => continue,
        };
        (spec.name, spec.api_key) = (name.into(), Secret::new(name));
    }
    keys[2].egress.proxy = Some("socks5h://127.0.0.1:9".parse().unwrap());
    let upstream = upstream(&keys, 600, |key, since| match key {
        _ if since.as_secs() >= SICK => None,
        "dead" => Some(Reply::refused()),
        "broke" => {
            Some(Reply::error(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota"))
        }
        "stranded" => Some(Reply::reset()),
        "slow" => Some(Reply::hang()),
        _ => None,
    });
    let bench = Arc::new(Bench::of_keys(&upstream, keys, impatient()).await);

    let watched = tokio::spawn(watch(bench.clone(), SICK));
    let seen = load(&bench, 40, SICK).await;
    assert!(seen.0.iter().all(|(_, status)| *status == 200));
    let watched = watched.await.unwrap();
    assert_eq!(watched.keys().collect::<Vec<_>>(), ["broke", "dead", "slow", "stranded"], "{watched:?}");
    let told = |name: &str, beginning: &str| {
        assert!(watched[name].iter().any(|told| told.starts_with(beginning)), "{name}: {:?}", watched[name]);
    };
    told("broke", "out_of_credit out_of_credit: ");
    told("dead", "disabled bad_credential: ");
    told("slow", "cooling for `gpt-4o-mini`: network: ");
    told("stranded", "cooling the way to the upstream: network: ");

    // A key that was out for an hour is asked again by one call, and has its share soon after.
    tokio::time::sleep(Duration::from_secs(3700)).await;
    let seen = load(&bench, 40, 60).await;
    assert!(seen.0.iter().all(|(_, status)| *status == 200));
    assert_eq!(out(&bench), BTreeMap::new());
}

/// Ten seconds in which every call of every key ends in `reply`.
async fn storm(reply: Reply) {
    let (calm, storm) = (20, 10);
    let keys = keys(50);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let upstream = upstream(&keys, 100_000, move |_, since| {
        let blows = (calm..calm + storm).contains(&since.as_secs());
        if since.as_secs() >= calm {
            count.fetch_add(1, Ordering::Relaxed);
        }
        blows.then(|| reply.clone())
    });
    let bench = Arc::new(Bench::of_keys(&upstream, keys, impatient()).await);
    let seen = load(&bench, 40, 60).await;

    let ends = calm + storm;
    assert!(seen.between(0, calm - 3).all(|status| status == 200));
    let healed: Vec<_> = seen.between(ends + 20, 60).collect();
    assert!(
        healed.iter().all(|status| *status == 200),
        "{} of {}",
        healed.iter().filter(|s| **s != 200).count(),
        healed.len()
    );
    assert_eq!(out(&bench), BTreeMap::new());
    let made = seen.between(calm, 60).count();
    let calls = asked.load(Ordering::Relaxed);
    assert!(calls * 10 <= made * 13, "{calls} calls of the upstream for {made}");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_refused_credentials_heals() {
    storm(Reply::refused()).await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_limits_heals() {
    storm(Reply::limited()).await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_failures_heals() {
    storm(Reply::broken()).await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_silence_heals() {
    storm(Reply::hang()).await;
}
