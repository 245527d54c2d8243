//! Tools, as the upstream can take them.
//!
//! Behind this pass names are legal and in no namespace, no two tools share one, custom tools are there only for a target
//! that has them, hosted tools only where they run, and a choice is forced only on a model that can be forced. Schemas
//! are objects and whole. How a tool is written, and its strictness, is each format's own.

use std::{borrow::Cow, collections::HashMap};

use super::{Translation, WayBack, hosted, schema};
use crate::format::{
    Field, Format, Losses, Reject,
    canonical::{CustomTool, Effort, FunctionTool, Input, Json, Part, Request, Tool, ToolChoice, ToolKind, ToolRef},
    capability::{ForcedChoice, Thinks},
};

/// Makes the tools, the choice among them and the calls in the history fit.
///
/// # Errors
/// Two tools share a name, a tool can only run at the client's own provider and the call makes no sense without it, or
/// something is lost on a strict route.
pub(super) fn fit(
    request: &mut Request,
    translation: &Translation,
    losses: &mut Losses,
    back: &mut WayBack,
) -> Result<(), Reject> {
    hosted::fit(request, translation, losses)?;
    narrow(request, translation, losses)?;
    customs(request, translation, losses, back)?;
    names(request, translation, back);
    unique(&mut request.tools, losses)?;
    schemas(&mut request.tools, translation);
    without_tools(request, losses)?;
    forced(request, translation, losses)
}

/// Writes a choice among some tools as a shorter list, where a choice can not say it.
fn narrow(request: &mut Request, translation: &Translation, losses: &mut Losses) -> Result<(), Reject> {
    let can_say = translation.upstream == Format::Responses || has_customs(translation);
    let is_too_much = |choice: &mut ToolChoice| !can_say && matches!(choice, ToolChoice::Allowed { .. });
    let Some(ToolChoice::Allowed { is_required, tools }) = request.tool_choice.take_if(is_too_much) else {
        return Ok(());
    };
    request.tools.retain(|tool| tools.iter().any(|allowed| tool.name() == Some(&*allowed.name)));
    request.tool_choice = Some(if is_required { ToolChoice::Required } else { ToolChoice::Auto });
    losses.adjusted(Field::ToolChoice, "only the allowed tools are sent")
}

/// OpenAI itself has custom tools and lists of allowed ones on both of its formats; servers like it have neither.
fn has_customs(translation: &Translation) -> bool {
    match translation.upstream {
        Format::Messages => false,
        Format::Chat | Format::Responses => translation.dialect.custom_tools,
    }
}

/// Writes custom tools as functions with one text, where there are none.
fn customs(
    request: &mut Request,
    translation: &Translation,
    losses: &mut Losses,
    back: &mut WayBack,
) -> Result<(), Reject> {
    if has_customs(translation) {
        return Ok(());
    }
    for tool in &mut request.tools {
        if let Tool::Custom(custom) = tool {
            losses.adjusted(Field::Tools, "custom tools are sent as functions")?;
            let name = sent(back, custom.namespace.as_deref(), &custom.name, translation).into_owned();
            back.customs.insert(name);
            *tool = Tool::Function(as_function(custom));
        }
    }
    if let Some(ToolChoice::Tool(chosen)) = &mut request.tool_choice {
        chosen.kind = ToolKind::Function;
    }
    for call in calls(request) {
        if let Input::Text(text) = &call.input {
            let member = ("input".to_owned(), Json::of(text));
            call.input = Input::Json(Json::object(vec![member]).get().to_owned());
        }
    }
    Ok(())
}

fn as_function(custom: &CustomTool) -> FunctionTool {
    let schema = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
    let grammar = custom.grammar.as_ref().map(|grammar| {
        let definition = grammar.members().and_then(|members| {
            members.iter().find(|(name, _)| name == "definition").and_then(|(_, value)| value.as_text())
        });
        let definition = definition.unwrap_or_else(|| grammar.get().to_owned());
        format!("`input` must follow this grammar:\n{definition}")
    });
    let description: Vec<String> = custom.description.clone().into_iter().chain(grammar).collect();
    FunctionTool {
        name: custom.name.clone(),
        namespace: custom.namespace.clone(),
        description: (!description.is_empty()).then(|| description.join("\n\n")),
        schema: Json::parse(schema).ok(),
        ..FunctionTool::default()
    }
}

fn calls(request: &mut Request) -> impl Iterator<Item = &mut crate::format::canonical::Call> {
    request.turns.iter_mut().flat_map(|turn| &mut turn.parts).filter_map(|part| match part {
        Part::Call(call) => Some(call),
        _ => None,
    })
}

/// Gives tools, choice and calls the names that are sent.
fn names(request: &mut Request, translation: &Translation, back: &mut WayBack) {
    let rename = |back: &mut WayBack, namespace: &mut Option<String>, name: &mut String| {
        if let Cow::Owned(changed) = sent(back, namespace.take().as_deref(), name, translation) {
            *name = changed;
        }
    };
    for tool in &mut request.tools {
        match tool {
            Tool::Function(tool) => rename(back, &mut tool.namespace, &mut tool.name),
            Tool::Custom(tool) => rename(back, &mut tool.namespace, &mut tool.name),
            Tool::Typed(_) | Tool::WebSearch(_) | Tool::Hosted(_) => {}
        }
    }
    let chosen: &mut [ToolRef] = match &mut request.tool_choice {
        Some(ToolChoice::Tool(chosen)) => std::slice::from_mut(chosen),
        Some(ToolChoice::Allowed { tools, .. }) => tools,
        _ => &mut [],
    };
    chosen.iter_mut().for_each(|tool| rename(back, &mut tool.namespace, &mut tool.name));
    calls(request).for_each(|call| rename(back, &mut call.namespace, &mut call.name));
}

fn sent<'n>(back: &mut WayBack, namespace: Option<&str>, name: &'n str, translation: &Translation) -> Cow<'n, str> {
    let max = match translation.upstream {
        Format::Chat | Format::Messages => translation.dialect.tool_name_max,
        Format::Responses => 128,
    };
    back.names.sent(namespace, name, max)
}

/// The same tool twice is one; two tools of one name are none.
fn unique(tools: &mut Vec<Tool>, losses: &Losses) -> Result<(), Reject> {
    let mut first: HashMap<&str, &Tool> = HashMap::with_capacity(tools.len());
    let mut is_again = Vec::with_capacity(tools.len());
    for tool in &*tools {
        let before = tool.name().and_then(|name| first.insert(name, tool));
        if before.is_some_and(|before| before != tool) {
            let name = tool.name().unwrap_or_default();
            return Err(losses.reject(Field::Tools, format!("two tools have the name `{name}`")));
        }
        is_again.push(before.is_some());
    }
    let mut is_again = is_again.into_iter();
    tools.retain(|_| is_again.next() != Some(true));
    Ok(())
}

fn schemas(tools: &mut [Tool], translation: &Translation) {
    for tool in tools {
        if let Tool::Function(tool) = tool {
            tool.schema = Some(schema::of_arguments(tool.schema.as_ref(), translation.dialect.schema_without_id));
            tool.description = tool.description.take().filter(|text| !text.trim().is_empty());
        }
    }
}

/// Without tools there is nothing to choose; all targets refuse the words for it.
fn without_tools(request: &mut Request, losses: &mut Losses) -> Result<(), Reject> {
    if !request.tools.is_empty() {
        return Ok(());
    }
    request.parallel_tools = None;
    match request.tool_choice.take() {
        None | Some(ToolChoice::Auto | ToolChoice::None) => Ok(()),
        Some(_) => losses.dropped(Field::ToolChoice, "there are no tools"),
    }
}

/// Does without force where a model can not be forced.
fn forced(request: &mut Request, translation: &Translation, losses: &mut Losses) -> Result<(), Reject> {
    let chosen = match &request.tool_choice {
        Some(ToolChoice::Required | ToolChoice::Allowed { is_required: true, .. }) => None,
        Some(ToolChoice::Tool(tool)) => Some(tool.name.clone()),
        _ => return Ok(()),
    };
    let row = translation.model_row().filter(|_| translation.upstream == Format::Messages);
    let rule = row.map_or(translation.dialect.forced_choice, |row| row.forced_choice);
    match rule {
        // A translated request asks for thinking by effort, never by budget, where the model leaves the choice.
        ForcedChoice::Yes | ForcedChoice::NotWithBudget => return Ok(()),
        ForcedChoice::NotThinking if !thinks(request, translation) => return Ok(()),
        ForcedChoice::NotThinking if row.is_some() => {
            request.reasoning.effort = Some(Effort::None);
            return losses.adjusted(Field::Thinking, "off, because a tool is forced");
        }
        ForcedChoice::NotThinking | ForcedChoice::No => {}
    }
    if let Some(name) = chosen {
        request.tools.retain(|tool| tool.name() == Some(&*name));
    }
    request.tool_choice = Some(ToolChoice::Auto);
    losses.adjusted(Field::ToolChoice, "the model can not be forced")
}

/// Whether the model will think in this request.
pub(in crate::format) fn thinks(request: &Request, translation: &Translation) -> bool {
    let by_itself = translation.model_row().is_some_and(|row| matches!(row.thinks, Thinks::ByDefault | Thinks::Always));
    let always = translation.model_row().is_some_and(|row| row.thinks == Thinks::Always);
    match request.reasoning.wanted() {
        Some(Effort::None) => always,
        Some(_) => true,
        None => by_itself || request.reasoning.thinking.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{
        canonical::{Call, NativeTool, Reasoning, Role, Turn, WebSearch},
        transcode::tests::translation,
    };

    fn function(name: &str) -> Tool {
        Tool::Function(FunctionTool { name: name.into(), ..FunctionTool::default() })
    }

    fn native(kind: &str) -> NativeTool {
        let raw = Json::of(&kind);
        NativeTool { format: Format::Messages, kind: kind.into(), name: None, raw }
    }

    fn choose(name: &str) -> Option<ToolChoice> {
        Some(ToolChoice::Tool(ToolRef { kind: ToolKind::Function, name: name.into(), namespace: None }))
    }

    fn fitted(mut request: Request, translation: &Translation) -> Result<(Request, WayBack, Losses), Reject> {
        let mut losses = Losses::new(translation.client);
        let mut back = WayBack::new(translation, &request);
        fit(&mut request, translation, &mut losses, &mut back)?;
        Ok((request, back, losses))
    }

    #[test]
    fn what_can_not_run_elsewhere_is_left_out_or_refused() {
        let check = |tools: Vec<Tool>, client, upstream, expected: Result<&[&str], &str>| {
            let request = Request { tools, ..Request::default() };
            let fitted = fitted(request, &translation(client, upstream, "custom", "m"));
            let names: Result<Vec<String>, String> = fitted
                .map(|(request, ..)| request.tools.iter().filter_map(Tool::name).map(String::from).collect())
                .map_err(|reject| reject.message);
            let expected = expected.map(|names| names.iter().map(|name| String::from(*name)).collect());
            assert_eq!(names, expected.map_err(String::from));
        };
        let hosted = || Tool::Hosted(native("code_execution_20250825"));
        let (chat, messages, responses) = (Format::Chat, Format::Messages, Format::Responses);
        check(vec![function("f"), hosted()], messages, chat, Ok(&["f"]));
        check(vec![hosted()], messages, chat, Err("the upstream has no tool `code_execution_20250825`"));
        check(vec![hosted(), hosted()], messages, chat, Err("the upstream has no tool `code_execution_20250825`"));
        check(vec![Tool::Typed(native("bash_20250124"))], messages, responses, Ok(&["bash"]));
        let computer = Tool::Typed(native("computer_20250124"));
        check(vec![computer], messages, chat, Err("the tool `computer_20250124` can not be translated"));
        let search = || Tool::WebSearch(WebSearch::default());
        check(vec![function("f"), search()], messages, responses, Ok(&["f"]));
        check(vec![function("f"), search()], chat, messages, Err("the upstream has no tool `web_search`"));
        check(vec![function("f"), function("f")], chat, messages, Ok(&["f"]));
    }

    #[test]
    fn a_hosted_tool_that_must_be_called_has_to_be_there() {
        let check = |kind: &str, choice: &str, expected: Result<usize, &str>| {
            let choice = ToolChoice::Hosted(Json::parse(choice).unwrap());
            let hosted = Tool::Hosted(native(kind));
            let tools = vec![function("f"), hosted, Tool::WebSearch(WebSearch::default())];
            let request = Request { tools, tool_choice: Some(choice), ..Request::default() };
            let mut translation = translation(Format::Responses, Format::Messages, "anthropic", "claude-opus-5");
            translation.policy.web_search = true;
            let fitted = fitted(request, &translation).map(|(request, ..)| request.tools.len());
            assert_eq!(fitted.map_err(|reject| reject.message), expected.map_err(String::from));
        };
        check("file_search", r#"{"type":"web_search_preview"}"#, Ok(2));
        check("file_search", r#"{"type":"file_search"}"#, Err("the upstream has no tool `file_search`"));
        check("file_search", r#"{"type":"mcp","name":"x"}"#, Err("there is no tool `mcp` to be called"));
    }

    #[test]
    fn two_tools_of_one_name_are_refused() {
        let other = FunctionTool { name: "f".into(), description: Some("d".into()), ..FunctionTool::default() };
        let request = Request { tools: vec![function("f"), Tool::Function(other)], ..Request::default() };
        let reject = fitted(request, &translation(Format::Chat, Format::Messages, "anthropic", "m")).unwrap_err();

        assert_eq!(reject.message, "two tools have the name `f`");
    }

    #[test]
    fn a_custom_tool_is_sent_as_a_function_with_one_text() {
        let grammar = Json::parse(r#"{"syntax":"lark","definition":"start: \"a\""}"#).ok();
        let custom = CustomTool { name: "apply.patch".into(), grammar, ..CustomTool::default() };
        let input = Input::Text("a \"b\"\n".into());
        let call = Call { id: "c".into(), name: custom.name.clone(), namespace: None, input, proof: None, cache: None };
        let turns = vec![Turn::new(Role::Assistant, vec![Part::Call(call)])];
        let request = Request { tools: vec![Tool::Custom(custom)], turns, ..Request::default() };

        let (request, back, losses) =
            fitted(request, &translation(Format::Responses, Format::Messages, "anthropic", "m")).unwrap();
        let Tool::Function(tool) = &request.tools[0] else { panic!("{:?}", request.tools) };
        let Part::Call(call) = &request.turns[0].parts[0] else { panic!("{:?}", request.turns) };
        assert_eq!(tool.description.as_deref(), Some("`input` must follow this grammar:\nstart: \"a\""));
        assert_eq!(call.input, Input::Json(r#"{"input":"a \"b\"\n"}"#.into()));
        assert_eq!(call.name, tool.name);
        assert!(back.customs.contains(&tool.name));
        assert_eq!(losses.adjusted_header().as_deref(), Some("tools (custom tools are sent as functions)"));
    }

    #[test]
    fn a_choice_is_forced_only_where_it_can_be() {
        let check = |provider, model, upstream, effort, tools: usize, choice: Option<ToolChoice>, is_off: bool| {
            let reasoning = Reasoning { effort, ..Reasoning::default() };
            let tools_in = vec![function("f"), function("g")];
            let request = Request { tools: tools_in, tool_choice: choose("f"), reasoning, ..Request::default() };
            let (request, ..) = fitted(request, &translation(Format::Responses, upstream, provider, model)).unwrap();
            assert_eq!((request.tools.len(), request.tool_choice), (tools, choice), "{model}");
            assert_eq!(request.reasoning.effort == Some(Effort::None), is_off, "{model}");
        };
        let high = Some(Effort::High);
        let auto = || Some(ToolChoice::Auto);
        check("anthropic", "claude-opus-5", Format::Messages, high, 2, choose("f"), false);
        check("anthropic", "claude-fable-5", Format::Messages, None, 1, auto(), false);
        check("anthropic", "claude-sonnet-4-5", Format::Messages, None, 2, choose("f"), false);
        check("anthropic", "claude-sonnet-4-5", Format::Messages, high, 2, choose("f"), true);
        check("deepseek", "deepseek-chat", Format::Chat, high, 1, auto(), false);
        check("zhipu", "glm-5", Format::Chat, None, 1, auto(), false);
        check("openai", "gpt-5", Format::Chat, high, 2, choose("f"), false);
    }

    #[test]
    fn a_choice_among_some_tools_is_a_shorter_list_where_it_can_not_be_said() {
        let allowed = ToolRef { kind: ToolKind::Function, name: "g".into(), namespace: None };
        let choice = ToolChoice::Allowed { is_required: true, tools: vec![allowed] };
        let check = |upstream, provider, tools: usize, expected: &ToolChoice| {
            let tools_in = vec![function("f"), function("g")];
            let request = Request { tools: tools_in, tool_choice: Some(choice.clone()), ..Request::default() };
            let (request, ..) = fitted(request, &translation(Format::Chat, upstream, provider, "m")).unwrap();
            assert_eq!((request.tools.len(), request.tool_choice.as_ref()), (tools, Some(expected)));
        };
        check(Format::Messages, "anthropic", 1, &ToolChoice::Required);
        check(Format::Responses, "openai", 2, &choice);
    }

    #[test]
    fn without_tools_nothing_is_chosen() {
        let request =
            Request { tool_choice: Some(ToolChoice::Auto), parallel_tools: Some(false), ..Request::default() };
        let (request, _, losses) =
            fitted(request, &translation(Format::Chat, Format::Messages, "anthropic", "m")).unwrap();

        assert_eq!((request.tool_choice, request.parallel_tools, losses.all().len()), (None, None, 0));
    }
}
