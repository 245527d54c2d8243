//! Ids of calls that a target can not take.
//!
//! An id is changed in the same way at the call and at its result, whenever it comes again, and never so that two become
//! one. An id that is legal stays.

use std::{borrow::Cow, fmt::Write as _};

use sha2::{Digest, Sha256};

use super::{Translation, names::hex};
use crate::format::{
    Format,
    canonical::{Part, Request},
    capability::IdRule,
};

const MARK: &str = "ampx_";

/// Gives every call an id, and every id a form that the upstream takes.
pub(super) fn fit(request: &mut Request, translation: &Translation) {
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match part {
            Part::Call(call) => change(&mut call.id, translation),
            Part::Result(result) => change(&mut result.call, translation),
            _ => {}
        }
    }
}

fn change(id: &mut String, translation: &Translation) {
    if let Cow::Owned(sent) = fitted(id, translation) {
        *id = sent;
    }
}

fn fitted<'i>(id: &'i str, translation: &Translation) -> Cow<'i, str> {
    match translation.dialect.tool_id_rule {
        IdRule::NineAlphanumerics if translation.upstream == Format::Chat => nine(id),
        _ => words(id, max(translation.upstream)),
    }
}

/// The form in which a client of this format sees an upstream's id. It comes back as it was shown.
pub(super) fn shown(id: &str, client: Format) -> String {
    words(id, max(client)).into_owned()
}

fn max(upstream: Format) -> usize {
    match upstream {
        Format::Chat => 40,
        Format::Responses => 64,
        // Nobody has met its limit.
        Format::Messages => 512,
    }
}

fn words(id: &str, max: usize) -> Cow<'_, str> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let is_legal = id.bytes().all(|byte| is_plain(&byte) || byte == b'_') && !id.is_empty();
    if is_legal && id.len() <= max && !id.starts_with(MARK) {
        return Cow::Borrowed(id);
    }
    let mut sent = MARK.to_owned();
    for byte in id.bytes() {
        if is_plain(&byte) {
            sent.push(char::from(byte));
        } else {
            // Writing to a string has no way to fail.
            let _ = write!(sent, "_{byte:02X}");
        }
    }
    if sent.len() > max {
        sent.truncate(20);
        sent = format!("{sent}_{}", hex(&Sha256::digest(id.as_bytes())[..9]));
    }
    Cow::Owned(sent)
}

/// Mistral takes exactly nine letters or digits.
fn nine(id: &str) -> Cow<'_, str> {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(hex(&Sha256::digest(id.as_bytes())[..5])[..9].to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn legal_ids_stay_and_others_are_written_out() {
        let check = |id: &str, expected: &str| assert_eq!(words(id, 40), expected);
        check("call_abc-1", "call_abc-1");
        check("functions.read:0", "ampx_functions_2Eread_3A0");
        check("ampx_a", "ampx_ampx_5Fa");
        check(&"a".repeat(41), &format!("ampx_{}_{}", "a".repeat(15), &hex(&Sha256::digest("a".repeat(41)))[..18]));
        assert_eq!(words(&"a".repeat(64), 64), "a".repeat(64));
        assert_eq!(nine("abcDEF123"), "abcDEF123");
        assert_eq!(nine("call_1").len(), 9);
    }

    #[test]
    fn ids_that_differ_stay_apart() {
        let ids = ["a.b", "a:b", "a_b", "a b", "ampx_a_2Eb", "a_2Eb", "", "_"];
        let sent: HashSet<_> = ids.iter().map(|id| words(id, 40)).collect();

        assert_eq!(sent.len(), ids.len());
    }
}
