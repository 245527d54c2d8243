use super::*;
use crate::format::Format;

/// Provider, chat, messages, responses: the URL of each format's endpoint; `-` for what is not spoken by itself.
const ENDPOINTS: &str = "
openai      https://api.openai.com/v1/chat/completions - https://api.openai.com/v1/responses
anthropic   - https://api.anthropic.com/v1/messages -
amp         https://ampcode.com/api/provider/openai/v1/chat/completions https://ampcode.com/api/provider/anthropic/v1/messages https://ampcode.com/api/provider/openai/v1/responses
deepseek    https://api.deepseek.com/v1/chat/completions https://api.deepseek.com/anthropic/v1/messages https://api.deepseek.com/v1/responses
openrouter  https://openrouter.ai/api/v1/chat/completions https://openrouter.ai/api/v1/messages https://openrouter.ai/api/v1/responses
moonshot    https://api.moonshot.ai/v1/chat/completions https://api.moonshot.ai/anthropic/v1/messages -
zhipu       https://api.z.ai/api/paas/v4/chat/completions https://api.z.ai/api/anthropic/v1/messages https://api.z.ai/api/v1/responses
minimax     https://api.minimax.io/v1/chat/completions https://api.minimax.io/anthropic/v1/messages https://api.minimax.io/v1/responses
qwen        https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions https://dashscope.aliyuncs.com/apps/anthropic/v1/messages https://dashscope.aliyuncs.com/compatible-mode/v1/responses
siliconflow https://api.siliconflow.cn/v1/chat/completions https://api.siliconflow.cn/v1/messages -
groq        https://api.groq.com/openai/v1/chat/completions - https://api.groq.com/openai/v1/responses
xai         https://api.x.ai/v1/chat/completions - https://api.x.ai/v1/responses
gemini      https://generativelanguage.googleapis.com/v1beta/openai/chat/completions - -
mistral     https://api.mistral.ai/v1/chat/completions - -
azure       https://host/openai/v1/chat/completions https://host/anthropic/v1/messages https://host/openai/v1/responses
ollama      http://127.0.0.1:11434/v1/chat/completions http://127.0.0.1:11434/v1/messages http://127.0.0.1:11434/v1/responses
vllm        http://127.0.0.1:8000/v1/chat/completions http://127.0.0.1:8000/v1/messages http://127.0.0.1:8000/v1/responses
stepfun     https://api.stepfun.com/v1/chat/completions - -
novita      https://api.novita.ai/openai/v1/chat/completions - -
together    https://api.together.xyz/v1/chat/completions - -
custom      https://host/v1/chat/completions https://host/v1/messages https://host/v1/responses
";

fn path(format: Format) -> &'static str {
    match format {
        Format::Chat => "/v1/chat/completions",
        Format::Messages => "/v1/messages",
        Format::Responses => "/v1/responses",
    }
}

fn url(provider: &Provider, format: Format, base: Option<&str>) -> String {
    provider.upstream(format, base).unwrap().url(path(format)).unwrap()
}

fn preset(id: &str) -> &'static Provider {
    Presets::builtin().get(id).unwrap()
}

#[test]
fn every_preset_is_readable_and_has_its_endpoints_where_the_vendor_has_them() {
    let presets = read(include_str!("../presets.json")).unwrap();
    let endpoints = |provider: &Arc<Provider>| {
        let base = provider.base_url.is_none().then_some("https://host");
        let spoken: Vec<_> = provider.formats().collect();
        let written = |format| if spoken.contains(&format) { url(provider, format, base) } else { "-".into() };
        [provider.id.clone()].into_iter().chain(Format::ALL.map(written)).collect::<Vec<_>>()
    };
    let found: Vec<_> = presets.iter().map(endpoints).collect();
    let expected: Vec<Vec<_>> =
        ENDPOINTS.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();

    assert_eq!(found, expected);
}

#[test]
fn no_two_presets_share_an_id_and_each_serves_something_in_every_format() {
    let presets = Presets::builtin();
    assert_eq!(presets.iter().cloned().collect::<Presets>(), *presets);
    for provider in presets.iter() {
        for format in provider.formats() {
            assert!(!provider.upstream(format, Some("https://host")).unwrap().models().is_empty(), "{}", provider.id);
        }
    }
}

#[test]
fn a_preset_is_written_as_it_is_read() {
    for provider in Presets::builtin().iter() {
        let written = serde_json::to_string(provider).unwrap();
        assert_eq!(serde_json::from_str::<Provider>(&written).unwrap(), **provider);
    }
}

#[test]
fn an_own_provider_replaces_the_preset_of_its_id() {
    let mut own = Provider::clone(preset("openai"));
    own.name = "Ours".into();
    let presets: Presets = Presets::builtin().iter().cloned().chain([own.into()]).collect();

    assert_eq!(presets.get("openai").unwrap().name, "Ours");
    assert_eq!(presets.iter().count(), Presets::builtin().iter().count());
}

#[test]
fn a_key_s_base_url_reaches_every_format() {
    let check = |id, format, base, expected| assert_eq!(url(preset(id), format, Some(base)), expected, "{id} {base}");
    check("openai", Format::Chat, "https://h", "https://h/v1/chat/completions");
    check("openai", Format::Chat, "https://h/v1/", "https://h/v1/chat/completions");
    check("moonshot", Format::Messages, "https://api.moonshot.cn/v1", "https://api.moonshot.cn/anthropic/v1/messages");
    check("openrouter", Format::Chat, "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions");
    check("openrouter", Format::Messages, "https://openrouter.ai/api", "https://openrouter.ai/api/v1/messages");
    check("custom", Format::Chat, "https://h/api/coding/paas/v4", "https://h/api/coding/paas/v4/chat/completions");
    check("amp", Format::Chat, "http://127.0.0.1:9", "http://127.0.0.1:9/api/provider/openai/v1/chat/completions");
    check("gemini", Format::Chat, "https://g/v1beta/openai/", "https://g/v1beta/openai/chat/completions");
}

#[test]
fn a_format_that_only_the_key_names_is_spoken_where_the_others_are() {
    assert_eq!(url(preset("groq"), Format::Messages, None), "https://api.groq.com/openai/v1/messages");
    assert_eq!(url(preset("anthropic"), Format::Chat, None), "https://api.anthropic.com/v1/chat/completions");
}

#[test]
fn a_provider_without_an_address_needs_the_key_s() {
    let missing = preset("custom").upstream(Format::Chat, None).unwrap_err();
    assert_eq!(missing, crate::provider::BaseUrlError::Missing);
}

#[test]
fn messages_always_have_a_version_and_amp_has_its_own_headers() {
    let sent = |id, format| {
        let mut headers = http::HeaderMap::new();
        preset(id).upstream(format, Some("https://h")).unwrap().complete(&mut headers);
        headers
    };
    for provider in Presets::builtin().iter().filter(|provider| provider.formats.messages.is_some()) {
        assert_eq!(sent(&provider.id, Format::Messages)["anthropic-version"], "2023-06-01", "{}", provider.id);
    }
    assert_eq!(sent("amp", Format::Messages)["x-amp-feature"], "amp.chat");
    assert_eq!(sent("amp", Format::Chat).get("anthropic-version"), None);
}

#[test]
fn a_credential_is_checked_when_it_is_entered() {
    use crate::{provider::CredentialError, secret::Secret};
    let check =
        |id, text: &str, expected| assert_eq!(preset(id).check_credential(&Secret::new(text)), expected, "{id}");
    check("openai", "sk-1", Ok(()));
    check("openai", "", Err(CredentialError::Empty));
    check("ollama", "", Ok(()));
    check("openai", "Bearer sk-1", Err(CredentialError::Characters));
}

#[test]
fn a_typo_in_an_own_provider_is_named() {
    let json = r#"{"id":"x","name":"X","auth":"bearer","models":["*"],"formats":{},"rules":[{"stats":[1],"verdict":"network"}]}"#;
    let err = serde_json::from_str::<Provider>(json).unwrap_err();
    assert!(err.to_string().contains("unknown field `stats`"), "{err}");
}
