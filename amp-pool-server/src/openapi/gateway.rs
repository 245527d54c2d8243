//! The paths that clients of language models call. They are bytes to the server, so that nothing here is told by types: the
//! formats are their makers' own, and only what the pool itself looks at is described.

use amp_pool_core::format::Format;
use serde_json::{Value, json};

/// Method, path, operation.
pub(super) fn operations() -> Vec<(&'static str, &'static str, Value)> {
    let call = |path, format: Format, about| ("POST", path, asked(format, about));
    vec![
        call(Format::Chat.path(), Format::Chat, "Asks a model, in OpenAI's Chat Completions"),
        call(Format::Messages.path(), Format::Messages, "Asks a model, in Anthropic's Messages"),
        call(Format::Responses.path(), Format::Responses, "Asks a model, in OpenAI's Responses"),
        ("POST", "/v1/messages/count_tokens", counted(Format::Messages, "How many tokens a message would be")),
        ("POST", "/v1/responses/input_tokens", counted(Format::Responses, "How many tokens a request would be")),
        ("GET", "/v1/models", models("/v1/models", "The models that this caller may use")),
        ("GET", "/v1/models/{model}", models("/v1/models/{model}", "One of them")),
        ("POST", "/v1/embeddings", passed("/v1/embeddings", "Asks a model for embeddings; passed on as it is")),
        ("GET", "/v1/{path}", passed("/v1/{path}", "Whatever else there is; passed on as it is")),
        ("POST", "/v1/{path}", passed("/v1/{path}", "Whatever else there is; passed on as it is")),
        ("POST", AMP, passed(AMP, "The same for clients of the Amp layout, which name the provider first")),
    ]
}

const AMP: &str = "/api/provider/{provider}/{path}";

/// What all of them share.
fn operation(format: Format, path: &str, about: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = |name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } });
    let session = json!({
        "name": "x-amp-session", "in": "header", "required": false, "schema": { "type": "string" },
        "description": "Names a conversation, which then stays with one key where it can.",
    });
    let mut parameters: Vec<Value> = names.map(in_path).collect();
    parameters.push(session);
    json!({
        "tags": ["gateway"],
        "summary": about,
        "x-role": "client",
        "security": [{ "clientToken": [] }, { "clientKey": [] }, { "clientApiKey": [] }],
        "parameters": parameters,
        "responses": { "default": {
            "description": "An error, in the format of the caller.",
            "content": { "application/json": { "schema": error(format) } },
        } },
    })
}

fn error(format: Format) -> Value {
    let text = json!({ "type": "string" });
    match format {
        Format::Messages => json!({
            "type": "object",
            "required": ["type", "error"],
            "properties": {
                "type": { "const": "error" },
                "error": {
                    "type": "object",
                    "required": ["type", "message"],
                    "properties": { "type": text, "message": text },
                },
                "request_id": text,
            },
        }),
        Format::Chat | Format::Responses => json!({
            "type": "object",
            "required": ["error"],
            "properties": { "error": {
                "type": "object",
                "required": ["message", "type"],
                "properties": {
                    "message": text,
                    "type": { "type": ["string", "null"] },
                    "param": { "type": ["string", "null"] },
                    "code": { "type": ["string", "null"] },
                },
            } },
        }),
    }
}

fn answers(mut operation: Value, about: &str, content: &Value) -> Value {
    operation["responses"]["200"] = json!({ "description": about, "content": content });
    operation
}

/// With a model and what is said to it; more is the format's own.
fn with_body(mut operation: Value, format: Format) -> Value {
    let said = if format == Format::Responses { "input" } else { "messages" };
    let needed = if format == Format::Responses { json!(["model"]) } else { json!(["model", said]) };
    let schema = json!({
        "type": "object",
        "required": needed,
        "properties": {
            "model": { "type": "string", "description": "A model, a route, or `provider/model`." },
            "stream": { "type": "boolean" },
            said: {},
        },
        "additionalProperties": true,
    });
    operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    operation
}

fn asked(format: Format, about: &str) -> Value {
    let operation = with_body(operation(format, format.path(), about), format);
    let content = json!({
        "application/json": { "schema": { "type": "object" } },
        "text/event-stream": { "schema": { "type": "string" } },
    });
    answers(operation, "The answer, as a whole or as a stream.", &content)
}

fn counted(format: Format, about: &str) -> Value {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    answers(with_body(operation(format, "", about), format), "The count.", &content)
}

fn models(path: &str, about: &str) -> Value {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    let about_shape = "In the shape of Anthropic for who sends `anthropic-version`, else in that of OpenAI.";
    answers(operation(Format::Chat, path, about), about_shape, &content)
}

fn passed(path: &str, about: &str) -> Value {
    let any = json!({ "*/*": {} });
    let mut operation = operation(Format::Chat, path, about);
    operation["requestBody"] = json!({ "required": false, "content": any });
    answers(operation, "What the upstream answers.", &any)
}
