//! What a choice costs among ten keys and among ten thousand.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use amp_pool_core::{
    format::Format,
    id::KeyId,
    keys::{Key, KeySpec, LiveKey, Standings},
    provider::Presets,
    route::{Choice, Conversation, Plan, Seat, Strategy, Want},
    secret::Secret,
    time::Timestamp,
};
use criterion::{Criterion, criterion_group, criterion_main};

const MODEL: &str = "gpt-4o";

fn plan(keys: i64, now: Instant) -> Plan {
    let standings = Standings::default();
    let seat = |id: i64| {
        let then = Timestamp::from_millis(0);
        let spec = KeySpec::new("key", "openai", Secret::new("sk"));
        let key = Key { id: KeyId(id), create_time: then, update_time: then, fingerprint: id.to_string(), spec };
        let standing = standings.of(&key, now);
        let live = LiveKey::new(Arc::new(key), Presets::builtin(), standing).unwrap();
        Seat::new(Arc::new(live), Some(MODEL.into()), vec![Format::Chat], (0, 0), 1)
    };
    Plan::new((1..=keys).map(seat).collect(), Strategy::Weighted)
}

fn choose(plan: &Plan, want: Want<'_>) -> usize {
    let Choice::Seat { at, .. } = plan.choose(want) else { return 0 };
    let room = &plan.seats()[at].room;
    let counted = room.enter(100, want.now);
    room.pass(Duration::from_millis(500), want.now);
    room.leave(counted, None, want.now);
    at
}

fn benches(criterion: &mut Criterion) {
    let now = Instant::now();
    for keys in [10, 200, 10_000] {
        let plan = plan(keys, now);
        let mut group = criterion.benchmark_group(format!("choose among {keys} keys"));
        let mut chance = 0;
        let mut want = || {
            chance += 1;
            Want { chance, ..Want::new(Format::Chat, MODEL, now) }
        };
        group.bench_function("by strategy", |bench| bench.iter(|| black_box(choose(&plan, want()))));
        group.bench_function("by conversation", |bench| {
            bench.iter(|| {
                let want = want();
                let conversation = Some(Conversation(want.chance));
                black_box(choose(&plan, Want { conversation, ..want }))
            });
        });
        group.bench_function("at home", |bench| {
            bench.iter(|| {
                let want = want();
                let home = Some(KeyId(i64::try_from(want.chance).unwrap() % keys + 1));
                black_box(choose(&plan, Want { home, conversation: Some(Conversation(want.chance)), ..want }))
            });
        });
        group.finish();
    }
}

criterion_group!(choosing, benches);
criterion_main!(choosing);
