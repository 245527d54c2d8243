//! Bodies that nobody would write, for every input of the admin API: none makes a handler panic, and each is taken or refused
//! for a reason.
//!
//! A few thousand of each kind, the same ones each time. `AMP_POOL_FUZZ_SECONDS=600 cargo test -p amp-pool-server hostile` goes
//! on with others for so long, for each kind; `AMP_POOL_FUZZ_KINDS=key,rule` takes only the kinds that are named so.

mod dice;
mod kinds;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use dice::Dice;
use kinds::{Kind, kinds};

const ROUNDS: usize = 3_000;

/// What a body may take. Who is asked to fuzz for long may have a busy machine, so that the second time counts, too.
const LONGEST: Duration = Duration::from_secs(5);

/// What came of a kind.
struct Tally {
    rounds: usize,
    refused: usize,
}

impl Kind {
    fn try_out(&self, longer: Duration) -> Tally {
        let good = self.good.as_str().map_or_else(|| self.good.to_string(), str::to_owned);
        let taken = (self.read)(good.as_bytes());
        assert!(taken.is_ok(), "{}: {taken:?}", self.name);
        let (mut dice, start, mut tally) = (Dice::loaded(), Instant::now(), Tally { rounds: 0, refused: 0 });
        while tally.rounds < ROUNDS || start.elapsed() < longer {
            let body = dice.body(&self.good);
            tally.refused += usize::from(self.refuses(&body));
            tally.rounds += 1;
        }
        let Tally { rounds, refused } = tally;
        assert!(refused > rounds / 10 && refused < rounds, "{}: {refused} of {rounds} were refused", self.name);
        tally
    }

    fn refuses(&self, body: &[u8]) -> bool {
        let broke = |what: &str| -> ! { panic!("{} {what}: {}", self.name, body.escape_ascii()) };
        let ask = || {
            let start = Instant::now();
            let answer = catch_unwind(AssertUnwindSafe(|| (self.read)(body))).unwrap_or_else(|_| broke("panics"));
            (answer, start.elapsed())
        };
        let (answer, took) = ask();
        if took > LONGEST && ask().1 > LONGEST {
            broke("takes too long");
        }
        let Err(problem) = answer else { return false };
        if !problem.status().is_client_error() || problem.into_parts().1.is_empty() {
            broke("is refused without a reason");
        }
        true
    }
}

/// The kinds that are asked for.
fn wanted() -> Vec<Kind> {
    let names = std::env::var("AMP_POOL_FUZZ_KINDS").unwrap_or_default();
    let names: BTreeSet<&str> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let all = kinds();
    assert!(names.iter().all(|name| all.iter().any(|kind| kind.name == *name)), "no kind is named so: {names:?}");
    all.into_iter().filter(|kind| names.is_empty() || names.contains(kind.name)).collect()
}

#[test]
fn no_body_makes_a_handler_panic_and_each_refusal_says_why() {
    let longer = std::env::var("AMP_POOL_FUZZ_SECONDS").map_or(0, |text| text.parse().unwrap());
    let queue = Mutex::new(wanted().into_iter());
    let next = || queue.lock().unwrap().next();
    let work = || {
        while let Some(kind) = next() {
            let Tally { rounds, refused } = kind.try_out(Duration::from_secs(longer));
            eprintln!("{}: {rounds} bodies, {refused} refused", kind.name);
        }
    };
    thread::scope(|scope| {
        (0..thread::available_parallelism().map_or(1, usize::from)).for_each(|_| drop(scope.spawn(work)));
    });
}

/// What the document calls the bodies that an operation takes.
fn bodies(path: &str, method: &str, operation: &Value) -> Vec<String> {
    let by_type = operation["requestBody"]["content"].as_object().cloned().unwrap_or_default();
    let name = |(content, body): (String, Value)| {
        let schema = &body["schema"];
        let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
        let named = reference.and_then(|reference| reference.rsplit('/').next()).map(str::to_owned);
        named.unwrap_or_else(|| format!("{} {path} {content}", method.to_uppercase()))
    };
    by_type.into_iter().map(name).collect()
}

#[test]
fn every_body_of_the_document_is_among_them() {
    let document = crate::app::openapi();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["x-role"] != "client" {
                described.extend(bodies(path, method, operation));
            }
        }
    }
    let tried: BTreeSet<_> = kinds().iter().filter_map(|kind| kind.described.map(str::to_owned)).collect();
    assert!(described.len() > 20, "{described:?}");
    assert_eq!(tried, described);
}
