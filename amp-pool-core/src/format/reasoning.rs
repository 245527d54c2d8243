//! Reasoning that an upstream will not take back.
//!
//! Proofs of reasoning are valid where they were made. A history that was begun elsewhere is refused for good, unless it
//! is sent without them. That is done only when an upstream said so, in words that are known: taken out ahead of time it
//! would cost quality, and taken out at a word that only sounds alike it would cost it for nothing.

use serde::Deserialize;

use super::{
    Format,
    canonical::{Json, Member},
    capability::{Model, Thinks},
    loose::{Loose, LooseList, Text},
};

/// Whether an upstream refuses the request for the reasoning in it.
///
/// ```
/// use amp_pool_core::format::refuses_reasoning;
///
/// assert!(refuses_reasoning(400, b"messages.1.content.0: Invalid `signature` in `thinking` block"));
/// assert!(!refuses_reasoning(403, b"The request signature we calculated does not match"));
/// ```
#[must_use]
pub fn refuses_reasoning(status: u16, error: &[u8]) -> bool {
    let text = String::from_utf8_lossy(error);
    status == 400 && PHRASES.iter().any(|phrase| phrase.iter().all(|words| text.contains(words)))
}

/// What upstreams say, in the spelling of JSON texts as well; all words of a line must be there.
const PHRASES: [&[&str]; 6] = [
    &["Invalid `signature` in `thinking` block"],
    &["thinking", "blocks", "cannot be modified"],
    &["invalid_encrypted_content"],
    &["Encrypted content is not supported"],
    &["thought_signature"],
    &["must be passed back"],
];

/// Whether a Chat request has tools and lets `model` think.
///
/// Some models can do both only on Responses.
///
/// ```
/// use amp_pool_core::format::thinks_with_tools;
///
/// let tools = br#"{"tools":[{"type":"function"}],"messages":[]}"#;
/// assert!(thinks_with_tools("gpt-5.6", tools));
/// assert!(!thinks_with_tools("gpt-5.4", tools), "it thinks only when asked to");
/// assert!(thinks_with_tools("gpt-5.4", br#"{"tools":[{}],"reasoning_effort":"low"}"#));
/// assert!(!thinks_with_tools("gpt-5.6", br#"{"tools":[{}],"reasoning_effort":"none"}"#));
/// assert!(!thinks_with_tools("gpt-5.6", br#"{"tools":[],"messages":[]}"#));
/// ```
#[must_use]
pub fn thinks_with_tools(model: &str, body: &[u8]) -> bool {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Asked<'a> {
        #[serde(borrow)]
        tools: LooseList<'a>,
        #[serde(borrow)]
        reasoning_effort: Loose<Text<'a>>,
    }
    let asked = serde_json::from_slice::<Asked<'_>>(body).unwrap_or_default();
    let by_itself = || Model::find(model).is_some_and(|row| matches!(row.thinks, Thinks::ByDefault | Thinks::Always));
    let thinks = asked.reasoning_effort.0.map_or_else(by_itself, |effort| effort.0 != "none");
    thinks && asked.tools.0.is_some_and(|tools| !tools.is_empty())
}

/// A request in `format` without the reasoning that stands in its history, and without what points to it.
///
/// Everything else stays byte for byte. `None` when there is nothing to take out: sent again it would be refused again.
///
/// ```
/// use amp_pool_core::format::{Format, without_reasoning};
///
/// let body = br#"{"messages":[{"role":"assistant","content":"x","reasoning_content":"y"}],"seed":1.0}"#;
/// let stripped = without_reasoning(Format::Chat, body).ok_or("nothing to take out")?;
/// assert_eq!(stripped, br#"{"messages":[{"role":"assistant","content":"x"}],"seed":1.0}"#);
/// assert_eq!(without_reasoning(Format::Chat, &stripped), None);
/// # Ok::<_, &str>(())
/// ```
#[must_use]
pub fn without_reasoning(format: Format, body: &[u8]) -> Option<Vec<u8>> {
    let mut members = Json::parse(std::str::from_utf8(body).ok()?).ok()?.members()?;
    let is_stripped = strip(format, &mut members);
    let is_unasked = format == Format::Responses && unask(&mut members);
    if is_stripped && format == Format::Messages {
        stop_thinking(&mut members);
    }
    (is_stripped || is_unasked).then(|| Json::object(members).get().as_bytes().to_vec())
}

/// Takes reasoning out of the history. Says whether there was any.
fn strip(format: Format, members: &mut [Member]) -> bool {
    let history = if format == Format::Responses { "input" } else { "messages" };
    let Some((_, history)) = members.iter_mut().find(|(name, _)| name == history) else { return false };
    let Ok(turns) = serde_json::from_str::<Vec<Json>>(history.get()) else { return false };
    let stripped: Vec<Json> = match format {
        Format::Chat => turns.iter().map(chat_message).collect(),
        Format::Messages => turns.iter().filter_map(message).collect(),
        Format::Responses => turns.iter().filter_map(item).collect(),
    };
    if stripped == turns {
        return false;
    }
    *history = Json::of(&stripped);
    true
}

/// Members of a Chat message that hold reasoning.
const CHAT: [&str; 3] = ["reasoning_content", "reasoning", "reasoning_details"];

fn chat_message(message: &Json) -> Json {
    let Some(mut members) = message.members() else { return message.clone() };
    let before = members.len();
    members.retain(|(name, _)| !CHAT.contains(&name.as_str()));
    let mut is_changed = members.len() != before;
    if let Some((_, calls)) = members.iter_mut().find(|(name, _)| name == "tool_calls")
        && let Some(unsigned) = unsigned(calls)
    {
        *calls = unsigned;
        is_changed = true;
    }
    if is_changed { Json::object(members) } else { message.clone() }
}

/// Calls without the signatures of thoughts beside them. `None` when there are none.
fn unsigned(calls: &Json) -> Option<Json> {
    let calls: Vec<Json> = serde_json::from_str(calls.get()).ok()?;
    let strip = |call: &Json| without(call, &["extra_content"]);
    let stripped: Vec<Json> = calls.iter().map(strip).collect();
    (stripped != calls).then(|| Json::of(&stripped))
}

/// The message without its thinking. `None` when it was nothing else.
fn message(message: &Json) -> Option<Json> {
    let untouched = || Some(message.clone());
    let Some(mut members) = message.members() else { return untouched() };
    let Some((_, content)) = members.iter_mut().find(|(name, _)| name == "content") else { return untouched() };
    let Ok(blocks) = serde_json::from_str::<Vec<Json>>(content.get()) else { return untouched() };
    let is_thinking = |block: &Json| matches!(kind(block).as_deref(), Some("thinking" | "redacted_thinking"));
    if !blocks.iter().any(is_thinking) {
        return untouched();
    }
    let rest: Vec<&Json> = blocks.iter().filter(|block| !is_thinking(block)).collect();
    *content = Json::of(&rest);
    (!rest.is_empty()).then(|| Json::object(members))
}

/// With a budget, a turn that calls tools has to begin with a thought, and there is none any more. Adaptive thinking takes
/// histories without any.
fn stop_thinking(members: &mut [Member]) {
    let thinking = members.iter_mut().find(|(name, _)| name == "thinking");
    if let Some((_, thinking)) = thinking.filter(|(_, thinking)| kind(thinking).as_deref() == Some("enabled")) {
        *thinking = Json::object(vec![("type".to_owned(), Json::of(&"disabled"))]);
    }
}

/// The item without the id under which its reasoning would be looked for; `None` for reasoning.
fn item(item: &Json) -> Option<Json> {
    match kind(item).as_deref() {
        Some("reasoning") => None,
        Some("item_reference") => (!text(item, "id").is_some_and(|id| id.starts_with("rs_"))).then(|| item.clone()),
        Some("message" | "function_call" | "custom_tool_call") | None => Some(without(item, &["id"])),
        Some(_) => Some(item.clone()),
    }
}

/// Takes back that reasoning is to be told encrypted: models that do not reason refuse the word.
fn unask(members: &mut [Member]) -> bool {
    let Some((_, value)) = members.iter_mut().find(|(name, _)| name == "include") else { return false };
    let Ok(include) = serde_json::from_str::<Vec<Json>>(value.get()) else { return false };
    let is_other = |word: &&Json| word.as_text().as_deref() != Some("reasoning.encrypted_content");
    let rest: Vec<&Json> = include.iter().filter(is_other).collect();
    let is_changed = rest.len() < include.len();
    *value = Json::of(&rest);
    is_changed
}

fn without(object: &Json, names: &[&str]) -> Json {
    let Some(mut members) = object.members() else { return object.clone() };
    let before = members.len();
    members.retain(|(name, _)| !names.contains(&name.as_str()));
    if members.len() == before { object.clone() } else { Json::object(members) }
}

fn kind(object: &Json) -> Option<String> {
    text(object, "type")
}

fn text(object: &Json, name: &str) -> Option<String> {
    let members = object.members()?;
    members.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_053_only_the_words_of_the_upstreams_and_only_at_400_are_meant() {
        let check = |status, error: &str, expected| {
            assert_eq!(refuses_reasoning(status, error.as_bytes()), expected, "{error}");
        };
        check(400, r#"{"error":{"message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#, true);
        let modified = "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.";
        check(400, modified, true);
        check(400, r#"{"error":{"code":"invalid_encrypted_content","message":"could not be verified"}}"#, true);
        check(400, "Function call `f` is missing a thought_signature in functionCall parts.", true);
        check(400, "The `reasoning_content` in the thinking mode must be passed back to the API.", true);
        check(401, "Invalid `signature` in `thinking` block", false);
        check(400, "SignatureDoesNotMatch: The request signature we calculated does not match", false);
        check(400, "Invalid signature in token", false);
        check(400, "this model does not support thinking blocks", false);
    }

    #[test]
    fn trap_052_reasoning_is_taken_out_and_nothing_else() {
        let check = |format, body: &str, expected: Option<&str>| {
            let stripped = without_reasoning(format, body.as_bytes());
            assert_eq!(stripped.as_deref().map(|body| std::str::from_utf8(body).unwrap()), expected, "{body}");
        };
        check(
            Format::Messages,
            r#"{"thinking":{"type":"enabled","budget_tokens":2048},"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"c","name":"f","input":{"n": 1.0}}]},{"role":"assistant","content":[{"type":"redacted_thinking","data":"d"}]}]}"#,
            Some(
                r#"{"thinking":{"type":"disabled"},"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"n": 1.0}}]}]}"#,
            ),
        );
        check(
            Format::Messages,
            r#"{"thinking":{"type":"adaptive"},"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"s"},{"type":"text","text":"x"}]}]}"#,
            Some(
                r#"{"thinking":{"type":"adaptive"},"messages":[{"role":"assistant","content":[{"type":"text","text":"x"}]}]}"#,
            ),
        );
        check(
            Format::Responses,
            r#"{"input":[{"type":"reasoning","id":"rs_1","encrypted_content":"e"},{"type":"message","id":"msg_1","role":"assistant","content":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#,
            Some(
                r#"{"input":[{"type":"message","role":"assistant","content":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}"#,
            ),
        );
        check(
            Format::Chat,
            r#"{"messages":[{"role":"assistant","reasoning_details":[1],"tool_calls":[{"id":"c","extra_content":{"google":{"thought_signature":"s"}},"function":{}}]}]}"#,
            Some(r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{}}]}]}"#),
        );
        check(
            Format::Responses,
            r#"{"input":"a","include":["reasoning.encrypted_content","message.output_text.logprobs"]}"#,
            Some(r#"{"input":"a","include":["message.output_text.logprobs"]}"#),
        );
        for (format, body) in [
            (Format::Messages, r#"{"messages":[{"role":"user","content":"a"}]}"#),
            (Format::Responses, r#"{"input":"a"}"#),
            (Format::Chat, r#"{"messages":[{"role":"assistant","content":"a"}]}"#),
            (Format::Chat, "[1]"),
            (Format::Chat, "{"),
        ] {
            check(format, body, None);
        }
    }
}
