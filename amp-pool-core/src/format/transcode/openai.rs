//! What writers of the two OpenAI formats share.

use sha2::{Digest, Sha256};

use super::{Translation, names::hex, schema, tools::thinks};
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{Effort, Json, Part, Request, Role, Sampling},
    capability::Thinks,
};

/// The longest id of an end user.
const USER_MAX: usize = 64;

/// The effort to write, clipped to what model and provider take. `None`: write none.
pub(in crate::format) fn effort(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Option<Effort>, Reject> {
    let Some(wanted) = request.reasoning.wanted() else { return Ok(None) };
    // The client reads of the member that it has sent.
    let field = if request.reasoning.effort.is_some() { Field::Effort } else { Field::Thinking };
    let by_model = match translation.model_row() {
        Some(row) => row.nearest(wanted),
        None => Some(wanted),
    };
    let taken = by_model.and_then(|effort| translation.dialect.nearest(effort));
    match taken {
        Some(taken) if taken == wanted => Ok(Some(taken)),
        // Thinking that can only be switched on is better left as it is than asked for.
        Some(Effort::Low | Effort::Medium | Effort::High | Effort::Xhigh | Effort::Max)
            if wanted == Effort::None && field == Field::Thinking =>
        {
            losses.dropped(field, "the model can not be kept from thinking").map(|()| None)
        }
        Some(taken) => losses.adjusted(field, format!("sent as {}", taken.as_str())).map(|()| Some(taken)),
        // A model that does not think does what was asked.
        None if wanted == Effort::None && !thinks(request, translation) => Ok(None),
        None => losses.dropped(field, "the model takes none").map(|()| None),
    }
}

/// What of the sampling the model takes in this request.
pub(in crate::format) fn sampling(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Sampling, Reject> {
    let asked = request.sampling;
    if takes_sampling(request, translation) {
        return Ok(asked);
    }
    for (field, is_asked) in [(Field::Temperature, asked.temperature.is_some()), (Field::TopP, asked.top_p.is_some())] {
        if is_asked {
            losses.dropped(field, "the model reasons")?;
        }
    }
    Ok(Sampling { top_k: asked.top_k, ..Sampling::default() })
}

/// The probabilities of tokens that the model tells in this request: with how many others beside each.
pub(in crate::format) fn logprobs(
    request: &Request,
    translation: &Translation,
    losses: &mut Losses,
) -> Result<Option<u64>, Reject> {
    if request.logprobs.is_none() || takes_sampling(request, translation) {
        return Ok(request.logprobs);
    }
    losses.dropped(Field::Logprobs, "the model reasons").map(|()| None)
}

/// Models that reason refuse what OpenAI calls sampling; some take it while they do not.
fn takes_sampling(request: &Request, translation: &Translation) -> bool {
    translation.model_row().is_none_or(|row| {
        row.sampling || row.thinks == Thinks::Never || (row.sampling_without_thinking && !thinks(request, translation))
    })
}

/// The strictness to write for a schema: what the client said, as far as the schema is within the strict subset.
pub(in crate::format) fn strict(asked: Option<bool>, schema: &Json) -> bool {
    asked == Some(true) && schema::is_strict(schema)
}

/// About how many bytes a request is written with, so that the body need not grow.
pub(in crate::format) fn size(request: &Request) -> usize {
    // The echo of a Responses client repeats its tools; the escapes of texts are about as many as they were.
    let tokens = usize::try_from(super::count::tokens(request)).unwrap_or(0);
    1_024 + tokens.saturating_mul(4).min(64 << 20)
}

/// The end user in at most 64 characters.
fn user(user: &str) -> String {
    if user.len() <= USER_MAX { user.to_owned() } else { hex(&Sha256::digest(user.as_bytes())) }
}

/// The end user to write. Both formats, and the servers like them, take at most 64 characters.
pub(in crate::format) fn told_user(request: &Request, losses: &mut Losses) -> Result<Option<String>, Reject> {
    let Some(asked) = &request.user else { return Ok(None) };
    let short = user(asked);
    if short != *asked {
        losses.adjusted(Field::User, "hashed, because it is too long")?;
    }
    Ok(Some(short))
}

/// A key that calls of one conversation share: the client's, else its session, else a hash of how it began.
///
/// Only Messages clients have no word for it. One that could have said it and did not may share a long beginning between
/// many conversations, and a key for each would keep them from finding it in the cache.
pub(in crate::format) fn cache_key(request: &Request, client: Format) -> Option<String> {
    let session = || request.user.as_deref().and_then(session).map(user);
    let derived = || session().or_else(|| beginning(request));
    request.cache.key.clone().or_else(|| if client == Format::Messages { derived() } else { None })
}

/// The session in the user id of an agent.
fn session(user: &str) -> Option<&str> {
    let (_, session) = user.rsplit_once("session")?;
    let session = session.strip_prefix("_id").unwrap_or(session);
    let session = session.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let end = session.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(session.len());
    (end >= 8).then(|| &session[..end])
}

fn beginning(request: &Request) -> Option<String> {
    let first = request.turns.iter().find(|turn| turn.role == Role::User)?;
    let mut hash = Sha256::new();
    request.instructions.iter().for_each(|text| hash.update(text.text.as_bytes()));
    for part in &first.parts {
        if let Part::Text(text) = part {
            hash.update(text.text.as_bytes());
        }
    }
    Some(hex(&hash.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_found_in_what_agents_send() {
        let check = |user: &str, expected: Option<&str>| assert_eq!(session(user), expected, "{user}");
        let id = "0198c5a2-5d8b-7f00-a000-000000000001";
        check(&format!("user_ab12_account__session_{id}"), Some(id));
        check(&format!(r#"{{"device_id":"d","session_id":"{id}"}}"#), Some(id));
        check("someone@example.com", None);
        check("session", None);
    }

    #[test]
    fn a_long_user_is_hashed_and_a_short_one_stays() {
        assert_eq!(user("short"), "short");
        assert_eq!(user(&"x".repeat(150)).len(), 64);
    }
}
