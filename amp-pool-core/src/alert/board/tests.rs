use super::*;
use crate::alert::{Level, Reading};

const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Timestamp {
    // Midnight, UTC.
    Timestamp::from_millis((1_795_392_000 + seconds) * 1000)
}

fn rule(kind: AlertKind, change: impl FnOnce(&mut AlertRuleSpec)) -> AlertRule {
    let mut spec = AlertRuleSpec { for_seconds: Some(0), ..AlertRuleSpec::new("rule", kind) };
    change(&mut spec);
    AlertRule { id: AlertRuleId(1), create_time: at(0), update_time: at(0), spec }
}

fn seen(id: &str, reading: Reading) -> Observation {
    let subject = Subject { id: id.into(), name: id.to_uppercase() };
    Observation { subject, detail: format!("{reading:?}"), reading }
}

/// A rule's way through time: at each second what is seen of one subject, and what is to come of it.
fn walk(rule: &AlertRule, way: &[(i64, Reading, &str)]) {
    let mut board = Board::default();
    for (seconds, reading, expected) in way {
        let step = board.step(rule, &[seen("x", reading.clone())], at(*seconds));
        let told: Vec<_> = step.events.iter().map(name).collect();
        assert_eq!(told.join(" "), *expected, "after {seconds} s of {:?}", rule.spec);
    }
}

fn name(event: &AlertEvent) -> String {
    let quiet = if event.quiet { "-quietly" } else { "" };
    format!("{}{quiet}", event.event.as_str())
}

use Reading::{Bad, Good, Unknown};

fn level(number: i64) -> Reading {
    Reading::Level(Level::whole(number))
}

#[test]
fn each_kind_fires_and_clears_once() {
    for kind in AlertKind::ALL {
        let (bad, good) = match kind.side() {
            crate::alert::Side::Below => (level(0), level(1_000)),
            crate::alert::Side::Above => (level(100), level(0)),
            crate::alert::Side::State => (Bad, Good),
        };
        let rule = AlertRule {
            spec: AlertRuleSpec { repeat_seconds: None, ..AlertRuleSpec::new("r", kind) },
            ..rule(kind, |_| {})
        };
        let mut board = Board::default();
        let mut told = Vec::new();
        // Half an hour good, an hour bad, an hour good, a look every 15 seconds.
        for tick in 0..600 {
            let reading = if (120..360).contains(&tick) { &bad } else { &good };
            let step = board.step(&rule, &[seen("x", reading.clone())], at(tick * 15));
            told.extend(step.events.into_iter().map(|event| (event.event, tick * 15)));
        }
        let wait = i64::from(kind.usual_patience().next_multiple_of(15));
        assert_eq!(told, [(EventKind::Fired, 1_800 + wait), (EventKind::Cleared, 5_400 + wait)], "{kind:?}");
    }
}

#[test]
fn what_does_not_last_is_not_told() {
    let rule = rule(AlertKind::KeyDown, |rule| rule.for_seconds = Some(60));
    walk(&rule, &[(0, Bad, ""), (45, Bad, ""), (59, Good, ""), (60, Bad, ""), (119, Bad, ""), (120, Bad, "fired")]);
    walk(&rule, &[(0, Bad, ""), (30, Unknown, ""), (60, Bad, "fired")]);
}

#[test]
fn what_is_good_for_a_moment_is_not_over() {
    let rule = rule(AlertKind::KeyDown, |rule| rule.clear_seconds = Some(60));
    walk(
        &rule,
        &[(0, Bad, "fired"), (10, Good, ""), (69, Good, ""), (69, Bad, ""), (70, Good, ""), (130, Good, "cleared")],
    );
    walk(&rule, &[(0, Bad, "fired"), (10, Good, ""), (20, Unknown, ""), (70, Good, "cleared")]);
}

#[test]
fn a_level_at_the_edge_does_not_flutter() {
    let rule = rule(AlertKind::BudgetUsed, |_| {});
    walk(
        &rule,
        &[
            (0, level(80), "fired"),
            (1, level(79), ""),
            (2, level(81), ""),
            (3, level(72), ""),
            (4, level(71), "cleared"),
            (5, level(75), ""),
        ],
    );
}

#[test]
fn it_is_said_again_while_it_lasts() {
    let often = rule(AlertKind::KeyDown, |rule| rule.repeat_seconds = Some(3_600));
    walk(
        &often,
        &[(0, Bad, "fired"), (3_599, Bad, ""), (3_600, Bad, "repeated"), (3_601, Bad, ""), (7_200, Bad, "repeated")],
    );
    let once = rule(AlertKind::KeyDown, |rule| rule.repeat_seconds = None);
    walk(&once, &[(0, Bad, "fired"), (1_000_000, Bad, "")]);
}

fn at_night(kind: AlertKind) -> AlertRule {
    rule(kind, |rule| {
        rule.quiet_hours = serde_json::from_str(r#"{"from":"22:00","to":"07:00"}"#).unwrap();
        rule.repeat_seconds = Some(12 * 3_600);
    })
}

#[test]
fn the_night_is_quiet_and_the_morning_tells_what_lasts() {
    let rule = at_night(AlertKind::KeyDown);
    let (night, morning) = (HOUR, 7 * HOUR);
    walk(
        &rule,
        &[(night, Bad, "fired-quietly"), (2 * HOUR, Bad, ""), (morning, Bad, "repeated"), (8 * HOUR, Good, "cleared")],
    );
    walk(&rule, &[(night, Bad, "fired-quietly"), (2 * HOUR, Good, "cleared-quietly"), (morning, Good, "")]);
}

#[test]
fn who_was_told_in_the_evening_hears_in_the_morning_that_it_is_over() {
    let rule = at_night(AlertKind::KeyDown);
    let (evening, night, morning) = (21 * HOUR, 23 * HOUR, 31 * HOUR);
    walk(
        &rule,
        &[
            (evening, Bad, "fired"),
            (night, Good, "cleared-quietly"),
            (morning, Good, "cleared"),
            (morning + 1, Good, ""),
        ],
    );
    // It came back in the night: that is news in the log, and told once it has lasted through the repeat interval.
    walk(
        &rule,
        &[
            (evening, Bad, "fired"),
            (night, Good, "cleared-quietly"),
            (night + 1, Bad, "fired-quietly"),
            (morning, Bad, ""),
            (33 * HOUR, Bad, "repeated"),
        ],
    );
    // Over and begun anew, all before the first look of the morning.
    walk(&rule, &[(evening, Bad, "fired"), (night, Good, "cleared-quietly"), (morning, Bad, "cleared fired")]);
}

#[test]
fn what_is_gone_is_over() {
    let rule = rule(AlertKind::KeyDown, |_| {});
    let mut board = Board::default();
    board.step(&rule, &[seen("a", Bad), seen("b", Bad)], at(0));
    let step = board.step(&rule, &[seen("b", Bad)], at(1));
    assert_eq!(
        step.events.iter().map(|event| (name(event), &*event.subject.id)).collect::<Vec<_>>(),
        [("cleared".into(), "a")]
    );
    assert_eq!(step.gone, [(rule.id, "a".to_owned())]);
    assert_eq!(board.states().len(), 1);
}

#[test]
fn a_restart_tells_nothing_twice() {
    let rule = rule(AlertKind::KeyDown, |rule| rule.repeat_seconds = Some(3_600));
    let mut board = Board::default();
    let kept = board.step(&rule, &[seen("a", Bad), seen("b", Bad)], at(0)).kept;
    assert_eq!(kept.len(), 2);

    let mut again = Board::of(kept);
    assert!(again.step(&rule, &[seen("a", Bad), seen("b", Bad)], at(60)).is_empty());
    let over = again.step(&rule, &[seen("a", Good), seen("b", Bad)], at(3_600));
    assert_eq!(over.events.iter().map(name).collect::<Vec<_>>(), ["cleared", "repeated"]);
    assert_eq!((over.gone.len(), over.kept[0].told_at), (1, Some(at(3_600))));
}

#[test]
fn a_rule_that_is_switched_off_takes_its_troubles_along() {
    let one = rule(AlertKind::KeyDown, |_| {});
    let two = AlertRule { id: AlertRuleId(2), ..one.clone() };
    let mut board = Board::default();
    board.step(&one, &[seen("a", Bad)], at(0));
    board.step(&two, &[seen("a", Bad)], at(0));

    let step = board.retire(one.id);

    assert_eq!((step.events.len(), step.gone), (0, vec![(one.id, "a".to_owned())]));
    assert_eq!(board.rules(), [two.id]);
}

#[test]
fn what_waits_is_not_kept() {
    let rule = rule(AlertKind::KeyDown, |rule| rule.for_seconds = Some(60));
    let mut board = Board::default();
    assert!(board.step(&rule, &[seen("a", Bad)], at(0)).is_empty());
    assert_eq!(board.states()[0].phase, Phase::Pending);
}
