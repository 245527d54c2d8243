//! The order of turns.
//!
//! Behind this pass the conversation is settled: right behind a turn with calls stands one turn of the user that holds
//! one result for each of them, in their order, and nothing else; there are no other results; nothing is blank and
//! nothing is empty. Adjacent turns of one role stay apart: only Messages wants them merged.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::names::hex;
use crate::format::{
    Field, Losses, Reject,
    canonical::{CacheMark, Call, Part, Request, Role, Text, ToolResult, Turn},
};

/// What stands for a result that never came.
const NO_RESULT: &str = "No result was recorded for this tool call.";

/// Settles the conversation.
///
/// # Errors
/// The last turn is the user's and says nothing, or something had to be mended on a strict route.
pub(super) fn settle(request: &mut Request, losses: &mut Losses) -> Result<(), Reject> {
    request.instructions.retain(|text| !is_blank(&text.text));
    drop_blanks(&mut request.turns);
    if request.turns.last().is_some_and(|turn| turn.role == Role::User && turn.parts.is_empty()) {
        return Err(losses.reject(Field::Turns, "the last message is empty"));
    }
    name_calls(&mut request.turns);
    let owners = owners(&request.turns, losses)?;
    let mut results = Results::take(&mut request.turns, owners);
    let mut turns = Vec::with_capacity(request.turns.len() + 1);
    for turn in std::mem::take(&mut request.turns) {
        let results = results.of(&turn);
        turns.push(turn);
        turns.extend((!results.is_empty()).then(|| Turn::new(Role::User, results)));
    }
    turns.retain(|turn| !turn.parts.is_empty());
    request.turns = turns;
    results.report(losses)
}

/// Drops texts that are blank. Providers refuse them; a mark that stood at one moves to what stands before it.
fn drop_blanks(turns: &mut [Turn]) {
    for at in 0..turns.len() {
        // Each is looked at: results are cleaned on the way.
        let has_blanks = turns[at].parts.iter_mut().map(blank_inside).filter(|is_blank| *is_blank).count() > 0;
        if !has_blanks {
            continue;
        }
        for part in std::mem::take(&mut turns[at].parts) {
            match part {
                Part::Text(text) if is_blank(&text.text) => {
                    text.cache.into_iter().for_each(|mark| mark_before(&mut turns[..=at], mark));
                }
                Part::Refusal(text) if is_blank(&text) => {}
                part => turns[at].parts.push(part),
            }
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Whether a part is blank. Of a result what is blank is dropped at once: no mark moves out of it.
fn blank_inside(part: &mut Part) -> bool {
    match part {
        Part::Text(text) => is_blank(&text.text),
        Part::Refusal(text) => is_blank(text),
        Part::Result(result) => {
            result.content.retain(|part| !matches!(part, Part::Text(text) if is_blank(&text.text)));
            false
        }
        _ => false,
    }
}

fn mark_before(turns: &mut [Turn], mark: CacheMark) {
    let mut before = turns.iter_mut().flat_map(|turn| &mut turn.parts).rev();
    if let Some(place) = before.find_map(|part| part.cache_mut()) {
        place.get_or_insert(mark);
    }
}

/// Gives an id to every call that has none: always the same one, as long as the conversation before it is the same.
fn name_calls(turns: &mut [Turn]) {
    for (turn_at, turn) in turns.iter_mut().enumerate() {
        for (at, part) in turn.parts.iter_mut().enumerate() {
            if let Part::Call(call) = part
                && call.id.is_empty()
            {
                let seed = format!("{turn_at} {at} {}", call.name);
                call.id = format!("call_{}", hex(&Sha256::digest(seed.as_bytes())[..12]));
            }
        }
    }
}

/// Finds the call of each result, in the order of the results: the nearest one before it that has its id.
fn owners(turns: &[Turn], losses: &Losses) -> Result<Vec<Option<usize>>, Reject> {
    let (mut owners, mut calls) = (Vec::new(), 0);
    let mut called: HashMap<&str, (usize, usize)> = HashMap::new();
    for (turn_at, turn) in turns.iter().enumerate() {
        for part in &turn.parts {
            match part {
                Part::Result(result) => owners.push(called.get(&*result.call).map(|(_, call)| *call)),
                Part::Call(call) => {
                    let before = called.insert(&call.id, (turn_at, calls));
                    if before.is_some_and(|(before, _)| before == turn_at) {
                        let why = format!("two calls of one turn have the id `{}`", call.id);
                        return Err(losses.reject(Field::Calls, why));
                    }
                    calls += 1;
                }
                _ => {}
            }
        }
    }
    Ok(owners)
}

/// Results on their way to their calls.
struct Results {
    /// By the number of the call.
    by_call: HashMap<usize, ToolResult>,
    /// The number of the next call.
    next: usize,
    has_filled: bool,
    has_doubles: bool,
    has_orphans: bool,
}

impl Results {
    /// Takes the results out of their turns, the last one of each call. One whose call is nowhere before it becomes text.
    fn take(turns: &mut [Turn], owners: Vec<Option<usize>>) -> Self {
        let by_call = HashMap::with_capacity(owners.len());
        let mut results = Self { by_call, next: 0, has_filled: false, has_doubles: false, has_orphans: false };
        let mut owners = owners.into_iter();
        for turn in turns {
            if !turn.parts.iter().any(|part| matches!(part, Part::Result(_))) {
                continue;
            }
            for part in std::mem::take(&mut turn.parts) {
                match part {
                    Part::Result(result) => match owners.next().flatten() {
                        Some(call) => results.has_doubles |= results.by_call.insert(call, result).is_some(),
                        None => {
                            results.has_orphans = true;
                            turn.parts.extend(as_text(result));
                        }
                    },
                    part => turn.parts.push(part),
                }
            }
        }
        results
    }

    /// The results of the calls in the next turn.
    fn of(&mut self, turn: &Turn) -> Vec<Part> {
        let calls = turn.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            _ => None,
        });
        calls.map(|call| Part::Result(self.of_call(call))).collect()
    }

    fn of_call(&mut self, call: &Call) -> ToolResult {
        let found = self.by_call.remove(&self.next);
        self.next += 1;
        found.unwrap_or_else(|| {
            self.has_filled = true;
            let content = vec![Part::Text(Text::new(NO_RESULT))];
            ToolResult { call: call.id.clone(), content, is_error: true, cache: None }
        })
    }

    fn report(&self, losses: &mut Losses) -> Result<(), Reject> {
        if self.has_filled {
            losses.adjusted(Field::Calls, "a missing result was filled in")?;
        }
        if self.has_doubles {
            losses.adjusted(Field::Results, "of results with the same id only the last is sent")?;
        }
        if self.has_orphans {
            losses.adjusted(Field::Results, "a result without a call was made text")?;
        }
        Ok(())
    }
}

/// A result whose call is not there. What it says stands in one text with the words on where it is from.
fn as_text(result: ToolResult) -> Vec<Part> {
    let head = format!("[result of an earlier tool call {}]", result.call);
    let mut parts = result.content;
    match parts.first_mut() {
        Some(Part::Text(first)) => first.text.insert_str(0, &format!("{head} ")),
        _ => parts.insert(0, Part::Text(Text::new(head))),
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::{
        Format,
        canonical::{Input, arbitrary},
    };

    /// A conversation in short: `u:hi` is text of the user, `a:a!` a call with the id `a` by the assistant, `u:a=x` the
    /// result `x` of it. Words of one turn are divided by `|`.
    fn turn(short: &str) -> Turn {
        let (who, words) = short.split_once(':').unwrap();
        let role = match who {
            "u" => Role::User,
            "a" => Role::Assistant,
            "s" => Role::System,
            _ => Role::Developer,
        };
        Turn::new(role, words.split('|').map(part).collect())
    }

    fn part(word: &str) -> Part {
        if let Some(id) = word.strip_suffix('!') {
            let input = Input::Json("{}".into());
            return Part::Call(Call {
                id: id.into(),
                name: "f".into(),
                namespace: None,
                input,
                proof: None,
                cache: None,
            });
        }
        match word.split_once('=') {
            Some((id, said)) => {
                let content = vec![Part::Text(Text::new(said))];
                Part::Result(ToolResult { call: id.into(), content, is_error: false, cache: None })
            }
            None => Part::Text(Text::new(word)),
        }
    }

    fn short(turn: &Turn) -> String {
        let who = match turn.role {
            Role::User => "u",
            Role::Assistant => "a",
            Role::System => "s",
            Role::Developer => "d",
        };
        let words: Vec<String> = turn.parts.iter().map(word).collect();
        format!("{who}:{}", words.join("|"))
    }

    fn word(part: &Part) -> String {
        match part {
            Part::Text(text) => text.text.clone(),
            Part::Call(call) => format!("{}!", call.id),
            Part::Result(ToolResult { call, content, is_error, .. }) => {
                let said: String = content.iter().map(word).collect();
                format!("{call}={}", if *is_error { "error" } else { &said })
            }
            other => panic!("{other:?}"),
        }
    }

    fn settled(turns: &[&str]) -> Result<(Vec<String>, Option<String>), Reject> {
        let mut losses = Losses::new(Format::Chat);
        let mut request = Request { turns: turns.iter().map(|short| turn(short)).collect(), ..Request::default() };
        settle(&mut request, &mut losses)?;
        Ok((request.turns.iter().map(short).collect(), losses.adjusted_header()))
    }

    #[test]
    fn results_stand_behind_their_calls_in_their_order() {
        let check = |turns: &[&str], expected: &[&str], is_adjusted: bool| {
            let (turns, adjusted) = settled(turns).unwrap();
            assert_eq!(turns, expected);
            assert_eq!(adjusted.is_some(), is_adjusted, "{adjusted:?}");
        };
        check(&["u:hi", "a:yes|a!", "u:a=1", "u:go"], &["u:hi", "a:yes|a!", "u:a=1", "u:go"], false);
        check(&["u:hi", "a:a!|b!", "u:b=2", "u:a=1"], &["u:hi", "a:a!|b!", "u:a=1|b=2"], false);
        check(&["u:hi", "a:a!", "d:hook", "u:say|a=1"], &["u:hi", "a:a!", "u:a=1", "d:hook", "u:say"], false);
        check(&["u:hi", "a:a!", "u:a=1", "a:a!", "u:a=2"], &["u:hi", "a:a!", "u:a=1", "a:a!", "u:a=2"], false);
        check(&["u:hi", "a:a!", "u:go"], &["u:hi", "a:a!", "u:a=error", "u:go"], true);
        check(&["u:hi", "a:a!", "a:a!", "u:a=2"], &["u:hi", "a:a!", "u:a=error", "a:a!", "u:a=2"], true);
        check(&["u:hi", "a:a!", "u:a=1", "u:a=2"], &["u:hi", "a:a!", "u:a=2"], true);
        check(&["u:x=1", "a:ok"], &["u:[result of an earlier tool call x] 1", "a:ok"], true);
        check(&["u:hi", "a:", "u: ", "s:\n", "u:go"], &["u:hi", "u:go"], false);
    }

    #[test]
    fn what_can_not_be_mended_is_refused() {
        let check = |turns: &[&str], field: &str| {
            assert_eq!(settled(turns).unwrap_err().field.as_deref(), Some(field));
        };
        check(&["u:hi", "a:yes", "u: "], "messages");
        check(&["u:hi", "a:a!|a!", "u:a=1"], "messages[].tool_calls");
    }

    #[test]
    fn what_is_blank_in_a_result_is_dropped_wherever_it_stands() {
        let result = Part::Result(ToolResult {
            call: "a".into(),
            content: vec![Part::Text(Text::new(" ")), Part::Text(Text::new("r"))],
            is_error: false,
            cache: None,
        });
        let turns = vec![turn("a:a!"), Turn::new(Role::User, vec![part(" "), result])];
        let mut request = Request { turns, ..Request::default() };
        settle(&mut request, &mut Losses::new(Format::Chat)).unwrap();

        let Part::Result(result) = &request.turns[1].parts[0] else { panic!("{request:?}") };
        assert_eq!(result.content, [Part::Text(Text::new("r"))]);
    }

    #[test]
    fn a_long_conversation_is_settled_in_one_walk() {
        let rounds = 30_000;
        let words: Vec<String> = (0..rounds).flat_map(|n| [format!("a:{n}!"), format!("u:{n}=r")]).collect();
        let words: Vec<&str> = std::iter::once("u:hi").chain(words.iter().map(String::as_str)).collect();

        assert_eq!(settled(&words).unwrap().0.len(), 1 + 2 * rounds);
    }

    #[test]
    fn a_mark_moves_from_a_blank_to_what_stands_before_it() {
        let blank = Part::Text(Text { cache: Some(CacheMark::Hour), ..Text::new(" ") });
        let turns = vec![turn("u:hi"), Turn::new(Role::User, vec![blank]), turn("u:go")];
        let mut request = Request { turns, ..Request::default() };
        settle(&mut request, &mut Losses::new(Format::Chat)).unwrap();

        assert_eq!(request.turns[0].parts[0].cache_mut(), Some(&mut Some(CacheMark::Hour)));
    }

    #[test]
    fn a_call_without_an_id_gets_the_same_one_every_time() {
        let once = settled(&["u:hi", "a:!", "u:go"]).unwrap().0;

        assert_eq!(settled(&["u:hi", "a:!", "u:go"]).unwrap().0, once);
        assert!(once[1].starts_with("a:call_") && once[2].starts_with("u:call_"), "{once:?}");
    }

    proptest! {
        #[test]
        fn what_is_settled_stays_as_it_is(mut request in arbitrary::request()) {
            let mut losses = Losses::strict(Format::Chat);
            let before = request.turns.clone();
            settle(&mut request, &mut losses).unwrap();
            prop_assert_eq!(request.turns, before);
        }
    }
}
