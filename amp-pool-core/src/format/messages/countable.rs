//! What of a Messages request can be counted.

use crate::format::canonical::{Json, Member};

/// Beginnings of the types of tools that Anthropic runs, which its counting refuses.
const SERVER_TOOLS: [&str; 6] =
    ["web_search_", "web_fetch_", "code_execution_", "tool_search_tool_", "advisor_", "mcp_toolset"];

/// The body of a request for `count_tokens` without the tools that are run by Anthropic and by servers of others, which the
/// endpoint refuses. `None` when there are none.
///
/// ```
/// use amp_pool_core::format::countable;
///
/// let body = br#"{"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"f"}],"messages":[]}"#;
/// assert_eq!(countable(body).as_deref(), Some(&br#"{"tools":[{"name":"f"}],"messages":[]}"#[..]));
/// assert_eq!(countable(br#"{"tools":[{"name":"f"}]}"#), None);
/// ```
#[must_use]
pub fn countable(body: &[u8]) -> Option<Vec<u8>> {
    let mut members = Json::parse(std::str::from_utf8(body).ok()?).ok()?.members()?;
    let before = members.len();
    members.retain(|(name, _)| name != "mcp_servers");
    let is_changed = take_tools(&mut members) || members.len() < before;
    is_changed.then(|| Json::object(members).get().as_bytes().to_vec())
}

fn take_tools(members: &mut Vec<Member>) -> bool {
    let Some((_, tools)) = members.iter_mut().find(|(name, _)| name == "tools") else { return false };
    let Ok(all) = serde_json::from_str::<Vec<Json>>(tools.get()) else { return false };
    let rest: Vec<&Json> = all.iter().filter(|tool| !is_of_a_server(tool)).collect();
    if rest.len() == all.len() {
        return false;
    }
    *tools = Json::of(&rest);
    // The choice may be of a tool that is gone, and without tools there is none.
    let nothing_left = rest.is_empty();
    members.retain(|(name, _)| name != "tool_choice" && !(nothing_left && name == "tools"));
    true
}

fn is_of_a_server(tool: &Json) -> bool {
    let kind = tool
        .members()
        .and_then(|members| members.iter().find(|(name, _)| name == "type").and_then(|(_, kind)| kind.as_text()));
    kind.is_some_and(|kind| SERVER_TOOLS.iter().any(|server| kind.starts_with(server)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_084_everything_is_counted_but_what_the_endpoint_refuses() {
        let check = |body: &str, expected: Option<&str>| {
            let counted = countable(body.as_bytes()).map(|body| String::from_utf8(body).unwrap());
            assert_eq!(counted.as_deref(), expected, "{body}");
        };
        let bash = r#"{"type":"bash_20250124","name":"bash"}"#;
        check(&format!(r#"{{"system":"s","tools":[{bash}]}}"#), None);
        check(
            &format!(
                r#"{{"mcp_servers":[{{"url":"x"}}],"tools":[{bash},{{"type":"web_fetch_20250910"}}],"tool_choice":{{"type":"auto"}}}}"#
            ),
            Some(&format!(r#"{{"tools":[{bash}]}}"#)),
        );
        check(r#"{"tools":[{"type":"mcp_toolset"}],"messages":[]}"#, Some(r#"{"messages":[]}"#));
        check(r#"{"tools":1}"#, None);
        check("[", None);
    }
}
