//! Stop sequences that the upstream does not look for.
//!
//! The answer is read for them on its way back. The end of each text is held back as long as it may be the beginning of
//! one; when one comes, the answer ends there, and the upstream may be left.

use super::{Translation, WayBack, answer::Stage};
use crate::{
    format::{
        Field, Format, Losses, Reject,
        canonical::{BlockKind, Delta, Event, Finish, FinishReason, Request, Spent},
    },
    usage::Usage,
};

/// Leaves to the upstream what it takes, and the rest to the stage.
pub(super) fn fit(
    request: &mut Request,
    translation: &Translation,
    losses: &mut Losses,
    back: &mut WayBack,
) -> Result<(), Reject> {
    let takes = match translation.upstream {
        Format::Messages => usize::MAX,
        Format::Responses => 0,
        Format::Chat if translation.model_row().is_some_and(|row| !row.stop) => 0,
        Format::Chat => translation.dialect.stop_max,
    };
    back.stops = request.stop.split_off(takes.min(request.stop.len()));
    if translation.upstream == Format::Messages {
        // Those of space alone are refused there.
        back.stops.extend(request.stop.extract_if(.., |stop| stop.trim().is_empty()));
    }
    if back.stops.is_empty() { Ok(()) } else { losses.adjusted(Field::Stop, "looked for by the gateway") }
}

/// The stage. Texts that overlap the one that ends are cut with it; a call that began before goes on to its end, because half
/// of one is worth nothing.
pub(super) struct Stops {
    stops: Vec<String>,
    expected_input: u64,
    blocks: Vec<Block>,
    spent: Option<Spent>,
    /// Characters the model said.
    chars: u64,
    /// The stop sequence that came while calls were open.
    came: Option<String>,
    /// Whether one of those calls was cut.
    is_cut: bool,
    is_over: bool,
}

/// A block that is open.
struct Block {
    index: u32,
    /// What is held back, of a text only.
    held: Option<String>,
    is_call: bool,
}

impl Stops {
    pub(super) fn new(back: &WayBack) -> Self {
        Self {
            stops: back.stops.clone(),
            expected_input: back.expected_input,
            blocks: Vec::new(),
            spent: None,
            chars: 0,
            came: None,
            is_cut: false,
            is_over: false,
        }
    }

    /// Adds to what a text holds, and gives out what can not belong to a stop sequence. `Some`: one has come.
    fn hear(&mut self, index: u32, more: &str, out: &mut Vec<Event>) -> Option<String> {
        self.chars = self.chars.saturating_add(u64::try_from(more.len()).unwrap_or(0));
        let block = self.blocks.iter_mut().find(|block| block.index == index);
        let Some(held) = block.and_then(|block| block.held.as_mut()) else {
            out.push(text(index, more.to_owned()));
            return None;
        };
        held.push_str(more);
        let first =
            self.stops.iter().filter_map(|stop| Some((held.find(stop.as_str())?, stop))).min_by_key(|(at, _)| *at);
        let (upto, stop) = match first {
            Some((at, stop)) => (at, Some(stop.clone())),
            None => (held.len() - longest_beginning(held, &self.stops), None),
        };
        let shown: String = held.drain(..upto).collect();
        out.extend((!shown.is_empty()).then(|| text(index, shown)));
        stop
    }

    /// Lets go what a text still holds.
    fn close(&mut self, index: u32, out: &mut Vec<Event>) {
        let Some(at) = self.blocks.iter().position(|block| block.index == index) else { return };
        let held = self.blocks.remove(at).held.filter(|held| !held.is_empty());
        out.extend(held.map(|held| text(index, held)));
    }

    /// Ends the answer at a stop sequence in the block at `index`.
    fn stop(&mut self, index: u32, stop: String, out: &mut Vec<Event>) {
        let (calls, others) = std::mem::take(&mut self.blocks).into_iter().partition(|block| block.is_call);
        let others: Vec<Block> = others;
        for block in others {
            out.push(Event::BlockEnded { index: block.index, is_complete: block.index == index });
        }
        self.blocks = calls;
        self.came = Some(stop);
        self.finish(out);
    }

    /// Ends the answer once no call is open any more. Behind one that was cut the upstream has the last word.
    fn finish(&mut self, out: &mut Vec<Event>) {
        if !self.blocks.is_empty() || self.is_cut {
            return;
        }
        out.push(Event::Usage(self.estimate()));
        out.push(Event::Finished(Finish::new(FinishReason::Stop(self.came.take()))));
        self.is_over = true;
    }

    /// Takes what comes behind the stop sequence: only the rest of calls that are open, and the end.
    fn rest(&mut self, event: Event, out: &mut Vec<Event>) {
        let is_of_call = |index: &u32| self.blocks.iter().any(|block| block.index == *index);
        match event {
            Event::Delta { index, .. } if is_of_call(&index) => out.push(event),
            Event::BlockEnded { index, is_complete } if is_of_call(&index) => {
                self.blocks.retain(|block| block.index != index);
                self.is_cut |= !is_complete;
                out.push(event);
                self.finish(out);
            }
            Event::Usage(spent) => self.spent = Some(spent),
            Event::Finished(_) => {
                out.push(Event::Usage(self.estimate()));
                out.push(event);
            }
            Event::Failed(_) | Event::Ping => out.push(event),
            _ => {}
        }
    }

    /// The upstream will not tell: it is left before its end. 3.5 characters a token.
    fn estimate(&mut self) -> Spent {
        let mut spent = self.spent.take().unwrap_or_default();
        let said = self.chars.saturating_mul(2).div_ceil(7);
        if spent.usage.input() == 0 {
            spent.usage = Usage { uncached_input: self.expected_input, ..spent.usage };
        }
        spent.usage.output = spent.usage.output.max(said);
        spent
    }
}

impl Stage for Stops {
    fn pass(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.is_over {
            return;
        }
        if self.came.is_some() {
            return self.rest(event, out);
        }
        match &event {
            Event::BlockStarted { index, kind } => {
                let held = matches!(kind, BlockKind::Text { .. }).then(String::new);
                self.blocks.push(Block { index: *index, held, is_call: matches!(kind, BlockKind::Call(_)) });
            }
            Event::Delta { index, delta: Delta::Text(more) } => {
                if let Some(stop) = self.hear(*index, more, out) {
                    self.stop(*index, stop, out);
                }
                return;
            }
            Event::BlockEnded { index, .. } => self.close(*index, out),
            Event::Usage(spent) => self.spent = Some(spent.clone()),
            _ => {}
        }
        out.push(event);
    }
}

fn text(index: u32, text: String) -> Event {
    Event::Delta { index, delta: Delta::Text(text) }
}

/// How many bytes at the end of `text` may be the beginning of a stop sequence.
fn longest_beginning(text: &str, stops: &[String]) -> usize {
    let begins = |length: &usize| {
        stops
            .iter()
            .any(|stop| stop.len() > *length && stop.is_char_boundary(*length) && text.ends_with(&stop[..*length]))
    };
    let longest = stops.iter().map(String::len).max().unwrap_or(0);
    (1..longest).rev().find(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{
        canonical::{Collected, Grammar, Started},
        transcode::tests::way_back,
    };

    fn stage(stops: &[&str]) -> Stops {
        let mut back = way_back(Format::Chat, Format::Responses);
        back.stops = stops.iter().map(|stop| String::from(*stop)).collect();
        Stops::new(&back)
    }

    /// What the client sees of a text that comes in these pieces.
    fn seen(stops: &[&str], pieces: &[&str]) -> (String, Option<String>) {
        let mut stage = stage(stops);
        let mut events = vec![
            Event::Started(Started::default()),
            Event::BlockStarted { index: 0, kind: BlockKind::Text { phase: None } },
        ];
        events.extend(pieces.iter().map(|piece| text(0, (*piece).to_owned())));
        events.push(Event::BlockEnded { index: 0, is_complete: true });
        events.push(Event::Finished(Finish::new(FinishReason::End)));
        let mut out = Vec::new();
        events.into_iter().for_each(|event| stage.pass(event, &mut out));
        let mut grammar = Grammar::new();
        out.iter().for_each(|event| grammar.check(event).unwrap());
        assert!(grammar.has_ended());
        let answer = Collected::of(out);
        let stop = match &answer.finish.as_ref().unwrap().reason {
            FinishReason::Stop(stop) => stop.clone(),
            _ => None,
        };
        (answer.text(), stop)
    }

    #[test]
    fn an_answer_ends_before_the_first_stop_sequence_wherever_it_is_cut() {
        let check = |stops: &[&str], said: &str, shown: &str, stop: Option<&str>| {
            let expected = (shown.to_owned(), stop.map(String::from));
            for cut in (1..said.len()).filter(|at| said.is_char_boundary(*at)) {
                assert_eq!(seen(stops, &[&said[..cut], &said[cut..]]), expected, "{said} cut at {cut}");
            }
            let letters: Vec<String> = said.chars().map(String::from).collect();
            assert_eq!(seen(stops, &letters.iter().map(String::as_str).collect::<Vec<_>>()), expected);
        };
        check(&["END"], "one END two", "one ", Some("END"));
        check(&["END"], "one EN", "one EN", None);
        check(&["END"], "EENEND", "EEN", Some("END"));
        check(&["b", "ab"], "xaby", "x", Some("ab"));
        check(&["漢字"], "é漢漢字é", "é漢", Some("漢字"));
        check(&["\n\n"], "a\nb\n\nc", "a\nb", Some("\n\n"));
    }

    #[test]
    fn a_call_that_is_open_at_a_stop_sequence_goes_on_to_its_end() {
        let answer = |rest: Vec<Event>| {
            let begin = |index, kind| Event::BlockStarted { index, kind };
            let mut events = vec![
                Event::Started(Started::default()),
                begin(0, BlockKind::function("c", "f")),
                begin(1, BlockKind::Text { phase: None }),
                text(1, "one END two".into()),
                Event::Delta { index: 0, delta: Delta::Input("{}".into()) },
            ];
            events.extend(rest);
            let (mut stage, mut out, mut grammar) = (stage(&["END"]), Vec::new(), Grammar::new());
            events.into_iter().for_each(|event| stage.pass(event, &mut out));
            out.iter().for_each(|event| grammar.check(event).unwrap());
            assert!(grammar.has_ended());
            Collected::of(out)
        };
        let end = |index, is_complete| Event::BlockEnded { index, is_complete };
        let finish = |reason| Event::Finished(Finish::new(reason));

        let whole = answer(vec![text(1, "three".into()), end(0, true), end(1, true), finish(FinishReason::Calls)]);
        assert_eq!((whole.text(), whole.calls().count()), ("one ".to_owned(), 1));
        assert_eq!(whole.finish.unwrap().reason, FinishReason::Stop(Some("END".into())));

        let cut = answer(vec![end(0, false), finish(FinishReason::Length)]);
        assert_eq!((cut.calls().count(), cut.finish.unwrap().reason), (0, FinishReason::Length));
    }
}
