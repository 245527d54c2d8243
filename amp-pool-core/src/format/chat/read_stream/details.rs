//! `reasoning_details`: reasoning in pieces that go back unchanged.
//!
//! A stream cuts them; pieces with the same `index` and `type` are made one again.

use crate::format::canonical::{Json, Member, Proof, ProofKind};

/// The members that a stream cuts.
const TEXTS: [&str; 4] = ["text", "summary", "data", "signature"];

/// The details of one thought, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Details(Vec<Vec<Member>>);

impl Details {
    /// Takes the next piece.
    pub(super) fn add(&mut self, piece: &Json) {
        let Some(members) = piece.members() else { return };
        let place = |of: &[Member]| (value(of, "index").cloned(), value(of, "type").cloned());
        let known = self.0.iter_mut().find(|known| place(known) == place(&members));
        match known.filter(|_| value(&members, "index").is_some()) {
            Some(known) => members.into_iter().for_each(|member| merge(known, member)),
            None => self.0.push(members),
        }
    }

    /// All of them as what proves the thought. `None` when there were none.
    pub(super) fn take(&mut self) -> Option<Proof> {
        let details: Vec<Json> = std::mem::take(&mut self.0).into_iter().map(Json::object).collect();
        let proof = |details: &Vec<Json>| Json::of(details).get().to_owned();
        (!details.is_empty()).then(|| Proof { kind: ProofKind::Details, data: proof(&details), issuer: None })
    }
}

/// What may be read of a piece.
pub(super) fn text(piece: &Json) -> String {
    let members = piece.members().unwrap_or_default();
    let text = value(&members, "text").or_else(|| value(&members, "summary"));
    text.and_then(Json::as_text).unwrap_or_default()
}

fn value<'a>(members: &'a [Member], name: &str) -> Option<&'a Json> {
    members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
}

fn merge(known: &mut Vec<Member>, (name, value): Member) {
    let Some((_, before)) = known.iter_mut().find(|(known, _)| *known == name) else {
        known.push((name, value));
        return;
    };
    match (before.as_text(), value.as_text()) {
        (Some(text), Some(more)) if TEXTS.contains(&name.as_str()) => *before = Json::of(&(text + &more)),
        _ if value.get() != "null" => *before = value,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_index_are_made_one_and_others_stay_apart() {
        let check = |pieces: &[&str], expected: Option<&str>| {
            let mut details = Details::default();
            pieces.iter().for_each(|piece| details.add(&Json::parse(piece).unwrap()));
            assert_eq!(details.take().map(|proof| proof.data).as_deref(), expected);
        };
        check(&[], None);
        check(
            &[
                r#"{"type":"reasoning.text","text":"a","index":0,"signature":null}"#,
                r#"{"type":"reasoning.text","text":"b","index":0}"#,
                r#"{"type":"reasoning.text","signature":"s","index":0}"#,
                r#"{"type":"reasoning.encrypted","data":"x","index":1}"#,
            ],
            Some(
                r#"[{"type":"reasoning.text","text":"ab","index":0,"signature":"s"},{"type":"reasoning.encrypted","data":"x","index":1}]"#,
            ),
        );
        check(
            &[r#"{"type":"t","text":"a"}"#, r#"{"type":"t","text":"b"}"#],
            Some(r#"[{"type":"t","text":"a"},{"type":"t","text":"b"}]"#),
        );
    }
}
