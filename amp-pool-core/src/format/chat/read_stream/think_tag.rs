//! Reasoning that stands in the text between `<think>` and `</think>`.
//!
//! Only at the very beginning, and only for providers that write it so: elsewhere the tag is text about tags.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Tells reasoning from text, however the text is cut.
#[derive(Debug, Default)]
pub(super) struct ThinkTag {
    place: Place,
    held: String,
    /// Whether a tag stands right before: the space behind it belongs to it.
    is_fresh: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    Inside,
    Behind,
}

/// A piece of content, told apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Thought(String),
    Text(String),
}

impl ThinkTag {
    /// Takes more content, and gives what is decided of it.
    pub(super) fn push(&mut self, more: &str) -> Vec<Piece> {
        self.held.push_str(more);
        let mut pieces = Vec::new();
        if self.place == Place::Before {
            self.begin();
        }
        if self.place == Place::Inside {
            self.skip_space();
            self.think(&mut pieces);
        }
        if self.place == Place::Behind {
            self.skip_space();
            pieces.push(Piece::Text(std::mem::take(&mut self.held)));
        }
        pieces
    }

    /// What is still held back when nothing more comes.
    pub(super) fn rest(&mut self) -> Piece {
        let held = std::mem::take(&mut self.held);
        if self.place == Place::Inside { Piece::Thought(held) } else { Piece::Text(held) }
    }

    fn skip_space(&mut self) {
        if self.is_fresh {
            self.held = self.held.trim_start().to_owned();
            self.is_fresh = self.held.is_empty();
        }
    }

    fn begin(&mut self) {
        let text = self.held.trim_start();
        if let Some(rest) = text.strip_prefix(OPEN) {
            (self.place, self.held, self.is_fresh) = (Place::Inside, rest.to_owned(), true);
        } else if !OPEN.starts_with(text) {
            self.place = Place::Behind;
        }
    }

    fn think(&mut self, pieces: &mut Vec<Piece>) {
        if let Some((thought, text)) = self.held.split_once(CLOSE) {
            pieces.push(Piece::Thought(thought.trim_end().to_owned()));
            (self.place, self.held, self.is_fresh) = (Place::Behind, text.to_owned(), true);
            return;
        }
        // The space before the end tag belongs to it, so it waits as the tag does.
        let waits = (1..CLOSE.len()).rev().find(|&length| self.held.ends_with(&CLOSE[..length])).unwrap_or(0);
        let decided = self.held[..self.held.len() - waits].trim_end().len();
        let rest = self.held.split_off(decided);
        pieces.push(Piece::Thought(std::mem::replace(&mut self.held, rest)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thought and text of `content`, cut into characters.
    fn told(content: &str) -> (String, String) {
        let (mut tag, mut thought, mut text) = (ThinkTag::default(), String::new(), String::new());
        let mut hear = |piece| match piece {
            Piece::Thought(more) => thought.push_str(&more),
            Piece::Text(more) => text.push_str(&more),
        };
        for c in content.chars() {
            tag.push(&c.to_string()).into_iter().for_each(&mut hear);
        }
        hear(tag.rest());
        (thought, text)
    }

    #[test]
    fn what_stands_in_the_tag_is_thought_and_the_rest_is_text() {
        let check = |content: &str, thought: &str, text: &str| {
            assert_eq!(told(content), (thought.to_owned(), text.to_owned()), "{content}");
        };
        check("hello", "", "hello");
        check("<thin ice", "", "<thin ice");
        check("a <think>b</think>", "", "a <think>b</think>");
        check("<think>a < b\n</think>\n\nyes", "a < b", "yes");
        check("\n<think>\na</thin</think>b", "a</thin", "b");
        check("<think>never closed", "never closed", "");
        check("<think>", "", "");
    }
}
